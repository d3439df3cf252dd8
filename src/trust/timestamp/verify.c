/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/certificate/signature.h"
#include "trust/timestamp/token.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

/* Everything of one verification. */
struct work {
	const struct nr_token_question *question;
	struct nr_judgement *judgement;
	struct nr_token token;
	struct nr_cms cms;
	struct nr_cms_signer signer;
	struct nr_tst_info info;
	STACK_OF(X509) * bag; /* the token's own certificates */
	X509 *certificate;    /* the signer's; borrowed */
};

static void fail(struct work *work, const char *code, const char *en, const char *ja)
{
	nr_judge(work->judgement, NR_FAILED, code, en, ja);
}

static void fail_with(struct work *work, const char *code, const char *en, const char *ja, const char *detail)
{
	nr_judge_with(work->judgement, NR_FAILED, code, en, ja, detail);
}

/* ---- structure ---- */

static void write_serial(const struct nr_der *serial, char *ret_text, size_t room)
{
	const uint8_t *at = serial->start;
	ASN1_INTEGER *number = d2i_ASN1_INTEGER(NULL, &at, (long)nr_der_size(serial));
	BIGNUM *value = number ? ASN1_INTEGER_to_BN(number, NULL) : NULL;
	char *hex = value ? BN_bn2hex(value) : NULL;
	snprintf(ret_text, room, "%s", hex ? hex : "");
	OPENSSL_free(hex);
	BN_free(value);
	ASN1_INTEGER_free(number);
}

static void describe(struct work *work)
{
	struct nr_token *token = &work->token;
	token->time = work->info.time;
	token->accuracy = work->info.accuracy;
	token->ordering = work->info.ordering;
	token->digest = work->info.digest;
	token->hash_length = NR_MIN(work->info.hash_length, sizeof token->hash);
	memcpy(token->hash, work->info.hash, token->hash_length);
	nr_der_oid_write(&work->info.policy, token->policy, sizeof token->policy);
	write_serial(&work->info.serial, token->serial, sizeof token->serial);
}

static bool read_token(struct work *work)
{
	struct nr_tsp_response response;
	struct nr_error error = {0};
	if (work->question->length > NR_TOKEN_MAX) {
		fail(work, "FORMAT_FAILURE", "the token is larger than 256 KiB",
			"トークンが256 KiBを超えています");
		return false;
	}
	int e = nr_tsp_read_response(work->question->token, work->question->length, &response, &error);
	if (!e && response.status > 1) {
		fail_with(work, "FORMAT_FAILURE", "the authority refused, this is no token: %s",
			"タイムスタンプ局の拒否応答であり、トークンではありません: %s",
			response.failure < 0 ? response.text
					     : nr_tsp_failure_name((enum nr_tsp_failure)response.failure));
		return false;
	}
	if (!e)
		e = nr_cms_read(response.token.start, nr_der_size(&response.token), &work->cms, &error);
	if (!e && work->cms.signer_count == 1)
		e = nr_cms_signer(&work->cms, 0, &work->signer, &error);
	if (!e && nr_oid_is(&work->cms.content_type, NR_OID_TST_INFO) && work->cms.content.value)
		e = nr_tst_read(work->cms.content.value, work->cms.content.length, &work->info, &error);
	if (e) {
		fail_with(work, "FORMAT_FAILURE", "%s", "形式が正しくありません: %s", error.text);
		return false;
	}
	if (work->cms.signer_count != 1 || !work->info.hash) {
		fail(work, "FORMAT_FAILURE",
			"not a time-stamp token: it must hold a TSTInfo and one signature (RFC 3161 section "
			"2.4.2)",
			"タイムスタンプトークンではありません。TSTInfoと署名1つが必要です（RFC 3161 2.4.2）");
		return false;
	}
	describe(work);
	return true;
}

static bool read_bag(struct work *work)
{
	work->bag = sk_X509_new_null();
	if (!work->bag)
		return false;
	if (!work->cms.certificates.value)
		return true;
	struct nr_cursor c = nr_der_inside(&work->cms.certificates);
	while (!c.failed && c.at < c.end && sk_X509_num(work->bag) < NR_MATERIAL_CERTIFICATES_MAX) {
		struct nr_der choice = nr_der_any(&c);
		X509 *certificate = choice.tag == NR_DER_SEQUENCE
					    ? nr_material_certificate(work->question->material, choice.start,
						      nr_der_size(&choice))
					    : NULL; /* other kinds of certificates sign no tokens */
		if (certificate && !sk_X509_push(work->bag, certificate)) {
			X509_free(certificate);
			return false;
		}
	}
	ERR_clear_error();
	return true;
}

/* ---- what was stamped ---- */

static void check_imprint(struct work *work)
{
	const struct nr_tst_info *info = &work->info;
	const struct nr_token_question *question = work->question;
	uint8_t hash[NR_TSP_IMPRINT_MAX];
	size_t length = nr_oid_digest_bytes(info->digest);
	if (info->digest == NR_OID_SHA1 || info->digest == NR_OID_MD5 || info->digest == NR_OID_UNKNOWN)
		nr_judge(work->judgement, NR_INDETERMINATE, "CRYPTO_CONSTRAINTS_FAILURE",
			"the imprint's digest is not SHA-2 or SHA-3: it proves nothing",
			"メッセージインプリントのハッシュがSHA-2でもSHA-3でもなく、証明になりません");
	else if (info->hash_length != length || !question->digest(question->context, info->digest, hash))
		fail(work, "FORMAT_FAILURE", "the imprint cannot be compared with the data",
			"メッセージインプリントをデータと比較できません");
	else if (memcmp(info->hash, hash, length) != 0)
		fail(work, "HASH_FAILURE",
			"the token is for other data: the imprint is not the data's digest",
			"別のデータに対するトークンです。メッセージインプリントがデータのハッシュと一致しませ"
			"ん");
}

static bool same_element(const struct nr_der *a, const struct nr_der *b)
{
	return a->length == b->length && (a->length == 0 || memcmp(a->value, b->value, a->length) == 0);
}

static void check_request(struct work *work)
{
	const struct nr_tsp_request *request = work->question->request;
	if (!request)
		return;
	if (request->nonce.value && !same_element(&request->nonce, &work->info.nonce))
		fail(work, "FORMAT_FAILURE", "the token is no answer to this request: another nonce",
			"この要求への応答ではありません（nonceが違います）");
	if (!same_element(&request->imprint, &work->info.imprint))
		fail(work, "HASH_FAILURE", "the token is no answer to this request: another imprint",
			"この要求への応答ではありません（メッセージインプリントが違います）");
}

/* ---- who signed ---- */

static bool find_signer(struct work *work)
{
	work->certificate =
		nr_signature_find(&work->signer.sid, work->bag, work->question->material->certificates);
	if (!work->certificate) {
		nr_judge(work->judgement, NR_INDETERMINATE, "NO_SIGNING_CERTIFICATE_FOUND",
			"the certificate that signed is neither in the token nor given (--certificates)",
			"署名した証明書がトークンになく、指定もされていません（--certificates）");
		return false;
	}
	nr_certificate_name(work->certificate, work->token.authority, sizeof work->token.authority);
	return true;
}

static void check_ess(struct work *work)
{
	switch (nr_ess_check(&work->signer.signed_attributes, work->certificate)) {
	case NR_ESS_GOOD:
		return;
	case NR_ESS_SHA1:
		nr_judge_note(work->judgement, "ESS_SHA1",
			"the certificate is named by SHA-1 alone (ESSCertID of RFC 2634)",
			"証明書の識別がSHA-1のみです（RFC 2634のESSCertID）", NULL);
		return;
	case NR_ESS_MISSING:
		fail(work, "FORMAT_FAILURE",
			"the signed attributes do not name the certificate once (ESSCertID, RFC 5816 section "
			"2.2.1)",
			"署名属性に証明書の識別（ESSCertID）がないか重複しています（RFC 5816 2.2.1）");
		return;
	case NR_ESS_WRONG:
		nr_judge(work->judgement, NR_INDETERMINATE, "NO_SIGNING_CERTIFICATE_FOUND",
			"the signed attributes name another certificate than the one that fits (ESSCertID)",
			"署名属性（ESSCertID）が示す証明書は別のものです");
	}
}

static void check_attributes(struct work *work)
{
	struct nr_der type, digest, time;
	uint8_t hash[NR_DIGEST_MAX];
	const struct nr_der *attributes = &work->signer.signed_attributes;
	if (nr_cms_find(attributes, NR_OID_CONTENT_TYPE, &type) != 1 || !nr_oid_is(&type, NR_OID_TST_INFO))
		fail(work, "FORMAT_FAILURE",
			"the content type among the signed attributes is not TSTInfo, once",
			"署名属性のcontent-typeがTSTInfoひとつではありません");
	if (nr_cms_find(attributes, NR_OID_MESSAGE_DIGEST, &digest) != 1)
		fail(work, "FORMAT_FAILURE", "the signed attributes do not hold one message digest",
			"署名属性のmessage-digestがひとつではありません");
	else if (!nr_digest(work->signer.digest, work->cms.content.value, work->cms.content.length, hash) ||
		 !nr_der_equal(&digest, hash, nr_oid_digest_bytes(work->signer.digest)))
		fail(work, "HASH_FAILURE", "the TSTInfo is not the one that was signed",
			"署名されたTSTInfoではありません");
	if (nr_cms_find(attributes, NR_OID_SIGNING_TIME, &time) == 1) {
		struct nr_cursor c = nr_cursor_over(time.start, nr_der_size(&time));
		nr_time said = nr_der_time(&c);
		if (c.failed || said / NR_SECOND != work->info.time / NR_SECOND)
			fail(work, "FORMAT_FAILURE", "the signing time is not the token's time",
				"signing-timeがトークンの時刻と一致しません");
	}
}

/* A token of tomorrow proves nothing of today: one of the two clocks is wrong. */
static void check_time(struct work *work)
{
	if (work->info.time > work->question->now + NR_TOKEN_AHEAD)
		nr_judge(work->judgement, NR_INDETERMINATE, "TIMESTAMP_ORDER_FAILURE",
			"the token's time has not come yet: the authority's clock or this machine's is wrong",
			"トークンの時刻が未来です。タイムスタンプ局かこの機械の時計が誤っています");
}

static int check_chain(struct work *work, STACK_OF(X509) * *ret_path, struct nr_error *error)
{
	struct nr_chain_question chain = {
		.subject = work->certificate,
		.with = work->bag,
		.purpose = NR_CHAIN_TIMESTAMP,
		.time = work->info.time,
		.now = NR_MAX(work->question->now, work->info.time),
		.require_revocation = work->question->require_revocation,
	};
	struct nr_chain_answer answer;
	int e = nr_chain_check(work->question->material, &chain, &answer, work->judgement, error);
	if (e)
		return e;
	if (ret_path)
		*ret_path = nr_steal(&answer.path);
	nr_chain_answer_fini(&answer);
	return 0;
}

int nr_token_verify(const struct nr_token_question *question, struct nr_token *ret_token,
	STACK_OF(X509) * *ret_path, struct nr_judgement *ret_judgement, struct nr_error *error)
{
	struct work work = {.question = question, .judgement = ret_judgement, .token = {.accuracy = -1}};
	*ret_judgement = (struct nr_judgement){.count = 0};
	if (ret_path)
		*ret_path = NULL;
	int e = 0;
	if (read_token(&work)) {
		check_imprint(&work);
		check_request(&work);
		check_time(&work);
		e = read_bag(&work) ? 0 : nr_fail(error, -ENOMEM, "out of memory");
		if (!e && !work.signer.signed_attributes.value)
			fail(&work, "FORMAT_FAILURE",
				"the token has no signed attributes (RFC 3161 section 2.4.2)",
				"署名属性がありません（RFC 3161 2.4.2）");
		else if (!e && find_signer(&work)) {
			check_ess(&work);
			check_attributes(&work);
			e = nr_signature_judge(&work.signer, work.certificate, work.judgement, error);
			e = e ? e : check_chain(&work, ret_path, error);
		}
	}
	sk_X509_pop_free(work.bag, X509_free);
	if (!e)
		*ret_token = work.token;
	return e;
}

bool nr_token_digest_bytes(void *context, enum nr_oid digest, uint8_t ret_hash[NR_TSP_IMPRINT_MAX])
{
	const struct nr_bytes *data = context;
	return nr_digest(digest, data->bytes, data->length, ret_hash);
}
