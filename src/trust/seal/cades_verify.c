/* SPDX-License-Identifier: Apache-2.0 */
/* Is this a CAdES seal, whose, over these data, of when, and of which level? EN 319 102-1, EN 319 122-1. */
#include "trust/certificate/signature.h"
#include "trust/seal/cades.h"
#include "trust/seal/verify.h"

#include <errno.h>
#include <openssl/err.h>

/* One signer. */
struct work {
	const struct nr_seal_question *question;
	struct nr_seal_verdict *verdict;
	const struct nr_cms *cms;
	struct nr_cms_signer signer;
	STACK_OF(X509) * bag;
	X509 *certificate;
	/* of the archive token that is being looked at */
	struct nr_der index;
	/* of the sealed data, as they were asked for: a file is read once for each */
	struct {
		enum nr_oid digest; /* UNKNOWN: no more */
		uint8_t hash[NR_DIGEST_MAX];
	} known[4];
	bool signature_token, archive_token;
};

static void fail(struct work *work, const char *code, const char *en, const char *ja)
{
	nr_judge(&work->verdict->judgement, NR_FAILED, code, en, ja);
}

static void doubt(struct work *work, const char *code, const char *en, const char *ja)
{
	nr_judge(&work->verdict->judgement, NR_INDETERMINATE, code, en, ja);
}

/* ---- what the message brings along ---- */

int nr_cades_take_material(const struct nr_cms *cms, struct nr_material *material, struct nr_error *error)
{
	struct nr_cursor c = nr_der_inside(&cms->certificates);
	int e = 0;
	while (!e && cms->certificates.value && !c.failed && c.at < c.end) {
		struct nr_der choice = nr_der_any(&c);
		if (!c.failed && choice.tag == NR_DER_SEQUENCE)
			e = nr_material_add_certificate(material, choice.start, nr_der_size(&choice), NULL);
		e = e == -EINVAL ? 0 : e;
	}
	c = nr_der_inside(&cms->lists);
	while (!e && cms->lists.value && !c.failed && c.at < c.end) {
		struct nr_der choice = nr_der_any(&c);
		if (c.failed)
			break;
		if (choice.tag == NR_DER_SEQUENCE) {
			e = nr_material_add_crl(material, choice.start, nr_der_size(&choice), NULL);
		} else if (choice.tag == NR_DER_CONSTRUCTED(1)) {
			struct nr_cursor other = nr_der_inside(&choice);
			struct nr_der type = nr_der_take(&other, NR_DER_OID), answer = nr_der_any(&other);
			if (nr_der_done(&other) && nr_oid_is(&type, NR_OID_OCSP_RESPONSE_INFO))
				e = nr_material_add_ocsp(material, answer.start, nr_der_size(&answer), NULL);
		}
		e = e == -EINVAL ? 0 : e;
	}
	return e ? nr_fail(error, e, "the seal holds too many certificates or revocation lists") : 0;
}

static STACK_OF(X509) * read_bag(const struct nr_cms *cms, const struct nr_material *material)
{
	STACK_OF(X509) *bag = sk_X509_new_null();
	struct nr_cursor c = nr_der_inside(&cms->certificates);
	while (bag && cms->certificates.value && !c.failed && c.at < c.end &&
		sk_X509_num(bag) < NR_MATERIAL_CERTIFICATES_MAX) {
		struct nr_der choice = nr_der_any(&c);
		X509 *certificate =
			choice.tag == NR_DER_SEQUENCE
				? nr_material_certificate(material, choice.start, nr_der_size(&choice))
				: NULL;
		if (certificate && !sk_X509_push(bag, certificate))
			X509_free(certificate);
	}
	ERR_clear_error();
	return bag;
}

/* ---- signed attributes ---- */

/* Each type once, with one value (RFC 5652 section 5.3; EN 319 122-1 clause 6.3). */
static bool attributes_are_single(const struct nr_der *attributes)
{
	struct nr_der types[NR_CMS_ATTRIBUTES_MAX];
	size_t count = 0;
	struct nr_cursor c = nr_der_inside(attributes);
	struct nr_cms_attribute attribute;
	while (nr_cms_next_attribute(&c, &attribute)) {
		struct nr_cursor values = nr_der_inside(&attribute.values);
		nr_der_any(&values);
		if (!nr_der_done(&values) || count == NR_CMS_ATTRIBUTES_MAX)
			return false;
		for (size_t i = 0; i < count; i++) {
			if (nr_der_equal(&types[i], attribute.type.value, attribute.type.length))
				return false;
		}
		types[count++] = attribute.type;
	}
	return !c.failed;
}

static bool digest_given(const struct nr_seal_data *data, enum nr_oid digest, uint8_t *ret_hash)
{
	return data->bytes ? nr_digest(digest, data->bytes, data->length, ret_hash)
			   : data->digest(data->context, digest, ret_hash);
}

static bool digest_data(struct work *work, enum nr_oid digest, uint8_t *ret_hash)
{
	const struct nr_seal_data *data = work->question->data;
	const struct nr_der *content = &work->cms->content;
	size_t i = 0;
	while (i < NR_COUNT(work->known) && work->known[i].digest != NR_OID_UNKNOWN &&
		work->known[i].digest != digest)
		i++;
	bool known = i < NR_COUNT(work->known) && work->known[i].digest == digest;
	if (known) {
		memcpy(ret_hash, work->known[i].hash, NR_DIGEST_MAX);
		return true;
	}
	known = content->value ? nr_digest(digest, content->value, content->length, ret_hash)
			       : data && digest_given(data, digest, ret_hash);
	if (known && i < NR_COUNT(work->known)) {
		work->known[i].digest = digest;
		memcpy(work->known[i].hash, ret_hash, nr_oid_digest_bytes(digest));
	}
	return known;
}

/* The seal holds its data, and a file was given, too: it must be the same. */
static bool is_given_another(const struct work *work, const uint8_t *hash)
{
	uint8_t given[NR_DIGEST_MAX];
	const struct nr_seal_data *data = work->question->data;
	return work->cms->content.value && data &&
	       (!digest_given(data, work->signer.digest, given) ||
		       memcmp(given, hash, nr_oid_digest_bytes(work->signer.digest)) != 0);
}

static void check_digest(struct work *work)
{
	struct nr_der digest;
	uint8_t hash[NR_DIGEST_MAX];
	enum nr_oid name = work->signer.digest;
	nr_seal_checked(work->verdict, "digest");
	if (name != NR_OID_SHA256 && name != NR_OID_SHA384 && name != NR_OID_SHA512)
		doubt(work, "CRYPTO_CONSTRAINTS_FAILURE", "the digest is not SHA-2: it proves nothing",
			"ハッシュ関数がSHA-2ではなく、証明になりません");
	else if (nr_cms_find(&work->signer.signed_attributes, NR_OID_MESSAGE_DIGEST, &digest) != 1)
		fail(work, "FORMAT_FAILURE", "the signed attributes do not hold one message digest",
			"署名属性のmessage-digestがひとつではありません");
	else if (!digest_data(work, name, hash))
		doubt(work, "SIGNED_DATA_NOT_FOUND", "the sealed data are not in the seal and were not given",
			"シールの対象データがなく、指定もされていません");
	else if (is_given_another(work, hash))
		fail(work, "HASH_FAILURE", "the seal holds other data than the file that was given",
			"指定されたファイルは、シールが含むデータと異なります");
	else if (digest.tag != NR_DER_OCTET_STRING || !nr_der_equal(&digest, hash, nr_oid_digest_bytes(name)))
		fail(work, "HASH_FAILURE", "these are not the data that were sealed: the digest differs",
			"シールされたデータではありません（ハッシュが一致しません）");
}

/* CMSAlgorithmProtection (RFC 6211): what was meant must be what is there. */
static bool is_protected(const struct work *work)
{
	struct nr_der value;
	if (nr_cms_find(&work->signer.signed_attributes, NR_OID_ALGORITHM_PROTECTION, &value) == 0)
		return true;
	struct nr_cursor c = nr_der_inside(&value);
	struct nr_der digest = nr_der_take(&c, NR_DER_SEQUENCE),
		      signature = nr_der_take(&c, NR_DER_CONSTRUCTED(1));
	const struct nr_cms_signer *signer = &work->signer;
	return value.tag == NR_DER_SEQUENCE && nr_der_done(&c) &&
	       nr_der_equal(&digest, signer->digest_algorithm.value, signer->digest_algorithm.length) &&
	       nr_der_equal(
		       &signature, signer->signature_algorithm.value, signer->signature_algorithm.length);
}

static void check_attributes(struct work *work)
{
	struct nr_der type, time;
	const struct nr_der *attributes = &work->signer.signed_attributes;
	nr_seal_checked(work->verdict, "attributes");
	if (!attributes_are_single(attributes))
		fail(work, "FORMAT_FAILURE",
			"a signed attribute comes twice, or has not one value (RFC 5652 section 5.3)",
			"署名属性が重複しているか、値がひとつではありません（RFC 5652 5.3）");
	if (nr_cms_find(attributes, NR_OID_CONTENT_TYPE, &type) != 1 || type.tag != NR_DER_OID ||
		!nr_der_equal(&type, work->cms->content_type.value, work->cms->content_type.length))
		fail(work, "FORMAT_FAILURE",
			"the signed content type is not that of the content (RFC 5652 section 11.1)",
			"署名されたcontent-typeが内容のものと一致しません（RFC 5652 11.1）");
	if (!is_protected(work))
		fail(work, "FORMAT_FAILURE", "the algorithms are not those that were signed (RFC 6211)",
			"アルゴリズムが署名されたものと異なります（RFC 6211）");
	if (nr_cms_find(attributes, NR_OID_SIGNING_TIME, &time) == 1) {
		struct nr_cursor c = nr_cursor_over(time.start, nr_der_size(&time));
		nr_time said = nr_der_time(&c);
		if (!c.failed)
			work->verdict->claimed = said;
	}
}

/* ---- who ---- */

static bool find_signer(struct work *work)
{
	work->certificate =
		nr_signature_find(&work->signer.sid, work->bag, work->question->material->certificates);
	nr_seal_checked(work->verdict, "signer");
	if (!work->certificate) {
		doubt(work, "NO_SIGNING_CERTIFICATE_FOUND",
			"the certificate that signed is neither in the seal nor given (--certificates)",
			"署名した証明書がシールになく、指定もされていません（--certificates）");
		return false;
	}
	nr_seal_describe_signer(work->verdict, work->certificate);
	return true;
}

static void check_ess(struct work *work)
{
	switch (nr_ess_check(&work->signer.signed_attributes, work->certificate)) {
	case NR_ESS_GOOD:
		return;
	case NR_ESS_SHA1:
		doubt(work, "CRYPTO_CONSTRAINTS_FAILURE",
			"the certificate is named by SHA-1 alone (ESSCertID); a seal needs ESSCertIDv2",
			"証明書の識別がSHA-1のみです（ESSCertID）。シールにはESSCertIDv2が必要です");
		return;
	case NR_ESS_MISSING:
		fail(work, "FORMAT_FAILURE",
			"the signed attributes do not name the certificate (signing-certificate-v2, EN 319 "
			"122-1 clause "
			"5.2.2): not CAdES",
			"署名属性に証明書の識別がなく、CAdESではありません（EN 319 122-1 5.2.2）");
		return;
	case NR_ESS_WRONG:
		doubt(work, "NO_SIGNING_CERTIFICATE_FOUND",
			"the signed attributes name another certificate than the one that is there "
			"(ESSCertIDv2): it was "
			"replaced",
			"署名属性（ESSCertIDv2）が示す証明書と異なります。証明書が差し替えられています");
	}
}

static int check_signature(struct work *work, struct nr_error *error)
{
	nr_seal_checked(work->verdict, "signature");
	return nr_signature_judge(&work->signer, work->certificate, &work->verdict->judgement, error);
}

/* ---- tokens ---- */

static bool digest_signature(void *context, enum nr_oid digest, uint8_t *ret_hash)
{
	const struct work *work = context;
	return nr_digest(digest, work->signer.signature.value, work->signer.signature.length, ret_hash);
}

static bool digest_archive(void *context, enum nr_oid digest, uint8_t *ret_hash)
{
	struct work *work = context;
	uint8_t hash[NR_DIGEST_MAX];
	return work->index.start && digest_data(work, digest, hash) &&
	       nr_archive_imprint(work->cms, &work->signer, hash, work->index.start,
		       nr_der_size(&work->index), digest, ret_hash);
}

/* The index lies among the unsigned attributes of the token's own SignerInfo. */
static bool find_index(const struct nr_der *token, struct nr_der *ret_index)
{
	struct nr_cms cms;
	struct nr_cms_signer signer;
	*ret_index = (struct nr_der){NULL};
	return nr_cms_read(token->start, nr_der_size(token), &cms, NULL) == 0 && cms.signer_count == 1 &&
	       nr_cms_signer(&cms, 0, &signer, NULL) == 0 &&
	       nr_cms_find(&signer.unsigned_attributes, NR_OID_ATS_HASH_INDEX_V3, ret_index) == 1;
}

static int check_archive(struct work *work, const struct nr_der *token, struct nr_error *error)
{
	struct nr_archive_cover cover = {0};
	STACK_OF(X509) *path = NULL;
	struct nr_error why = {0};
	find_index(token, &work->index);
	nr_seal_checked(work->verdict, "archive-token");
	nr_time proven = work->verdict->proven;
	int e = nr_seal_check_token(
		work->verdict, work->question, "archive", token, digest_archive, work, &path, error);
	if (e)
		return e;
	struct nr_seal_token *kept = &work->verdict->tokens[work->verdict->token_count - 1];
	if (nr_archive_index_check(
		    work->cms, &work->signer, &work->index, kept->token.digest, &cover, &why) != 0) {
		kept->verdict = NR_FAILED;
		doubt(work, "FORMAT_FAILURE",
			"an archive token has no index of what it covers (ats-hash-index-v3)",
			"アーカイブタイムスタンプに対象の索引（ats-hash-index-v3）がありません");
	} else if (cover.missing) {
		kept->verdict = NR_FAILED;
		doubt(work, "SIGNED_DATA_NOT_FOUND",
			"an archive token covers something that is not there any more",
			"アーカイブタイムスタンプの対象の一部が失われています");
	} else if (cover.uncovered > 1) { /* the archive token itself is an attribute that it cannot cover */
		snprintf(kept->covers, sizeof kept->covers, "%zu later additions are not covered",
			cover.uncovered - 1);
	}
	if (kept->verdict == NR_PASSED && proven != NR_TIME_MIN && kept->token.time < proven)
		doubt(work, "TIMESTAMP_ORDER_FAILURE",
			"an archive token is older than the token over the signature",
			"アーカイブタイムスタンプが署名タイムスタンプより前の時刻です");
	if (kept->verdict == NR_PASSED) {
		work->archive_token = true;
		nr_seal_note_renewal(work->verdict, path);
	}
	sk_X509_pop_free(path, X509_free);
	return 0;
}

static int check_one(struct work *work, enum nr_oid type, const struct nr_der *value, struct nr_error *error)
{
	if (type == NR_OID_ARCHIVE_TIME_STAMP_V3)
		return check_archive(work, value, error);
	nr_seal_checked(work->verdict, "signature-token");
	int e = nr_seal_check_token(
		work->verdict, work->question, "signature", value, digest_signature, work, NULL, error);
	if (!e && work->verdict->tokens[work->verdict->token_count - 1].verdict == NR_PASSED)
		work->signature_token = true;
	return e;
}

/* All values of all attributes of a type. */
static int check_tokens(struct work *work, enum nr_oid type, struct nr_error *error)
{
	const struct nr_der *attributes = &work->signer.unsigned_attributes;
	struct nr_cursor c = nr_der_inside(attributes);
	struct nr_cms_attribute attribute;
	int e = 0;
	while (!e && attributes->value && nr_cms_next_attribute(&c, &attribute)) {
		struct nr_cursor values = nr_der_inside(&attribute.values);
		while (!e && nr_oid_is(&attribute.type, type) && !values.failed && values.at < values.end) {
			struct nr_der value = nr_der_any(&values);
			if (values.failed)
				break;
			if (work->verdict->token_count < NR_SEAL_TOKENS_MAX)
				e = check_one(work, type, &value, error);
			else
				doubt(work, "FORMAT_FAILURE", "more than 16 time stamps",
					"タイムスタンプが16個を超えています");
		}
	}
	return e;
}

/* ---- one signer ---- */

static int judge(struct work *work, struct nr_error *error)
{
	bool complete = false;
	nr_seal_checked(work->verdict, "format");
	if (!work->signer.signed_attributes.value) {
		fail(work, "FORMAT_FAILURE",
			"there are no signed attributes: not CAdES (EN 319 122-1 clause 4.3)",
			"署名属性がなく、CAdESではありません（EN 319 122-1 4.3）");
		return 0;
	}
	check_attributes(work);
	check_digest(work);
	if (!find_signer(work))
		return 0;
	check_ess(work);
	int e = check_signature(work, error);
	if (!e)
		e = check_tokens(work, NR_OID_SIGNATURE_TIME_STAMP, error);
	if (!e)
		e = check_tokens(work, NR_OID_ARCHIVE_TIME_STAMP_V3, error);
	if (!e)
		e = nr_seal_check_path(
			work->verdict, work->question, work->certificate, work->bag, &complete, error);
	work->verdict->level = NR_SEAL_BB;
	if (work->signature_token)
		work->verdict->level = NR_SEAL_BT;
	if (work->signature_token && complete && work->cms->lists.value)
		work->verdict->level = work->archive_token ? NR_SEAL_BLTA : NR_SEAL_BLT;
	return e;
}

int nr_cades_verify(const struct nr_seal_question *question, struct nr_seal_verdict *ret_verdicts,
	size_t room, size_t *ret_count, struct nr_error *error)
{
	struct nr_cms cms;
	int e = nr_cms_read(question->seal, question->length, &cms, error);
	if (!e && cms.signer_count == 0)
		e = nr_fail(error, -EBADMSG, "a message without a signature (RFC 5652 section 5.1)");
	if (!e)
		e = nr_cades_take_material(&cms, question->material, error);
	if (e)
		return e;
	size_t count = cms.signer_count;
	if (count > room)
		return nr_fail(error, -E2BIG, "a message with %zu signers: more than can be judged", count);
	STACK_OF(X509) *bag = read_bag(&cms, question->material);
	for (size_t i = 0; i < count && !e; i++) {
		struct nr_seal_verdict *verdict = &ret_verdicts[i];
		*verdict = (struct nr_seal_verdict){.form = NR_SEAL_CADES,
			.claimed = NR_TIME_MIN,
			.proven = NR_TIME_MIN,
			.renew = NR_TIME_MAX};
		struct work work = {.question = question, .verdict = verdict, .cms = &cms, .bag = bag};
		struct nr_error why = {0};
		if (nr_cms_signer(&cms, i, &work.signer, &why) != 0)
			nr_judge_with(&verdict->judgement, NR_FAILED, "FORMAT_FAILURE", "%s",
				"形式が正しくありません: %s", why.text);
		else
			e = judge(&work, error);
	}
	sk_X509_pop_free(bag, X509_free);
	*ret_count = count;
	return e;
}
