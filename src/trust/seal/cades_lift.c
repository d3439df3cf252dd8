/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/certificate/signature.h"
#include "trust/seal/form.h"

#include <errno.h>

#define ARCHIVE_DIGEST NR_OID_SHA256
#define PATHS_MAX      (1 + NR_SEAL_TOKENS_MAX)

/* A message while it is lifted; each step writes it anew. */
struct lift {
	const struct nr_seal_maker *maker;
	const struct nr_seal_data *data; /* NULL: attached */
	uint8_t *bytes;                  /* owned */
	size_t length;
	struct nr_cms cms;
	struct nr_cms_signer signer;
	STACK_OF(X509) * paths[PATHS_MAX];
	size_t path_count;
};

static void lift_fini(struct lift *lift)
{
	for (size_t i = 0; i < lift->path_count; i++)
		sk_X509_pop_free(lift->paths[i], X509_free);
	lift->path_count = 0;
	free(lift->bytes);
}

static int read_message(struct lift *lift, struct nr_error *error)
{
	int e = nr_cms_read(lift->bytes, lift->length, &lift->cms, error);
	if (!e && lift->cms.signer_count != 1)
		e = nr_fail(error, -EBADMSG, "a message with %zu signers: one at a time can be extended",
			lift->cms.signer_count);
	return e ? e : nr_cms_signer(&lift->cms, 0, &lift->signer, error);
}

/* Takes the parts over. */
static int write_message(struct lift *lift, struct nr_cms_parts *parts, struct nr_error *error)
{
	uint8_t *bytes;
	size_t length;
	int e = nr_cms_write(parts, &bytes, &length, error);
	nr_cms_parts_fini(parts);
	if (e)
		return e;
	free(lift->bytes);
	lift->bytes = bytes;
	lift->length = length;
	return read_message(lift, error);
}

static bool digest_data(const struct lift *lift, enum nr_oid digest, uint8_t ret_hash[NR_DIGEST_MAX])
{
	if (lift->cms.content.value)
		return nr_digest(digest, lift->cms.content.value, lift->cms.content.length, ret_hash);
	return lift->data &&
	       (lift->data->bytes ? nr_digest(digest, lift->data->bytes, lift->data->length, ret_hash)
				  : lift->data->digest(lift->data->context, digest, ret_hash));
}

/* ---- B-T ---- */

static int add_signature_token(struct lift *lift, struct nr_error *error)
{
	struct nr_cms_parts parts;
	struct nr_der token;
	if (nr_cms_find(&lift->signer.unsigned_attributes, NR_OID_SIGNATURE_TIME_STAMP, &token) > 0)
		return 0;
	if (!lift->maker->tsa)
		return nr_fail(error, -EINVAL, "a seal from B-T on needs a time-stamp authority: --tsa URL");
	int e = nr_cms_parts_of(&lift->cms, &lift->signer, &parts, error);
	if (e)
		return e;
	e = nr_cades_add_signature_token(&parts, &lift->signer, lift->maker->tsa, lift->maker->tsa_ca, error);
	if (e) {
		nr_cms_parts_fini(&parts);
		return e;
	}
	return write_message(lift, &parts, error);
}

/* ---- B-LT ---- */

static int read_certificates(const struct nr_cms *cms, STACK_OF(X509) * *ret_bag, struct nr_error *error)
{
	STACK_OF(X509) *bag = sk_X509_new_null();
	struct nr_cursor c = nr_der_inside(&cms->certificates);
	while (bag && cms->certificates.value && !c.failed && c.at < c.end) {
		struct nr_der choice = nr_der_any(&c);
		const uint8_t *at = choice.start;
		X509 *certificate = choice.tag == NR_DER_SEQUENCE
					    ? d2i_X509(NULL, &at, (long)nr_der_size(&choice))
					    : NULL;
		if (certificate && !sk_X509_push(bag, certificate)) {
			X509_free(certificate);
			sk_X509_pop_free(bag, X509_free);
			bag = NULL;
		}
	}
	if (!bag)
		return nr_fail(error, -ENOMEM, "out of memory");
	*ret_bag = bag;
	return 0;
}

static int fail_judged(const struct nr_judgement *judgement, const char *what, struct nr_error *error)
{
	for (size_t i = 0; i < judgement->count; i++) {
		if (judgement->reasons[i].fatal)
			return nr_fail(error, -EBADMSG, "%s: %s", what, judgement->reasons[i].en);
	}
	return nr_fail(error, -EBADMSG, "%s: %s", what, nr_verdict_name(judgement->verdict));
}

/* The path of each token over the signature, or of archive tokens; *ret_time: of the earliest. */
static int find_token_paths(struct lift *lift, enum nr_oid type, nr_time *ret_time, struct nr_error *error)
{
	struct nr_cursor c = nr_der_inside(&lift->signer.unsigned_attributes);
	struct nr_cms_attribute attribute;
	int e = 0;
	while (!e && lift->signer.unsigned_attributes.value && nr_cms_next_attribute(&c, &attribute)) {
		struct nr_cursor values = nr_der_inside(&attribute.values);
		while (!e && nr_oid_is(&attribute.type, type) && values.at < values.end &&
			lift->path_count < PATHS_MAX) {
			struct nr_der value = nr_der_any(&values);
			struct nr_token token;
			struct nr_judgement judgement;
			struct nr_bytes stamped = {
				lift->signer.signature.value, lift->signer.signature.length};
			struct nr_token_question question = {.token = value.start,
				.length = nr_der_size(&value),
				.digest = nr_token_digest_bytes,
				.context = &stamped,
				.material = lift->maker->material,
				.now = lift->maker->now,
				.require_revocation = true};
			e = nr_token_verify(
				&question, &token, &lift->paths[lift->path_count], &judgement, error);
			if (!e && lift->paths[lift->path_count])
				lift->path_count++;
			if (!e && type == NR_OID_SIGNATURE_TIME_STAMP && judgement.verdict != NR_PASSED)
				e = fail_judged(&judgement, "the token over the signature", error);
			if (!e && ret_time)
				*ret_time =
					*ret_time == NR_TIME_MIN ? token.time : NR_MIN(*ret_time, token.time);
		}
	}
	return e;
}

static int find_signer_path(struct lift *lift, nr_time time, struct nr_error *error)
{
	STACK_OF(X509) *bag = NULL;
	int e = read_certificates(&lift->cms, &bag, error);
	if (e)
		return e;
	struct nr_chain_question question = {
		.subject = nr_signature_find(&lift->signer.sid, bag, lift->maker->material->certificates),
		.with = bag,
		.purpose = NR_CHAIN_SEAL,
		.time = time,
		.now = lift->maker->now,
		.require_revocation = true,
	};
	struct nr_judgement judgement = {.count = 0};
	struct nr_chain_answer answer = {.path = NULL};
	if (!question.subject)
		e = nr_fail(error, -EBADMSG, "the certificate that signed is not in the seal");
	else
		e = nr_chain_check(lift->maker->material, &question, &answer, &judgement, error);
	if (!e && judgement.verdict != NR_PASSED)
		e = fail_judged(&judgement, "the seal's certificate", error);
	if (!e && answer.path)
		lift->paths[lift->path_count++] = nr_steal(&answer.path);
	nr_chain_answer_fini(&answer);
	sk_X509_pop_free(bag, X509_free);
	return e;
}

static int add_validation(struct lift *lift, bool archives, struct nr_error *error)
{
	nr_time time = NR_TIME_MIN;
	if (!lift->maker->material)
		return nr_fail(
			error, -EINVAL, "a seal from B-LT on needs the certificates of its path: --ca PEM");
	/* what is inside already is as good as what the maker has */
	int e = nr_cades_take_material(&lift->cms, lift->maker->material, error);
	if (!e)
		e = find_token_paths(lift, NR_OID_SIGNATURE_TIME_STAMP, &time, error);
	if (!e)
		e = find_signer_path(lift, time == NR_TIME_MIN ? lift->maker->now : time, error);
	if (!e && archives)
		e = find_token_paths(lift, NR_OID_ARCHIVE_TIME_STAMP_V3, NULL, error);
	struct nr_cms_parts parts;
	if (!e)
		e = nr_cms_parts_of(&lift->cms, &lift->signer, &parts, error);
	if (e)
		return e;
	e = nr_cades_add_validation(&parts, lift->maker->material, lift->paths, lift->path_count, error);
	if (e) {
		nr_cms_parts_fini(&parts);
		return e;
	}
	return write_message(lift, &parts, error);
}

/* ---- B-LTA ---- */

/* An archive token over other data than those that were sealed would spoil the seal. */
static int check_data(struct lift *lift, struct nr_error *error)
{
	uint8_t hash[NR_DIGEST_MAX];
	struct nr_der digest;
	if (!nr_oid_digest_bytes(lift->signer.digest) || !digest_data(lift, lift->signer.digest, hash))
		return nr_fail(error, -EINVAL, "an archive token needs the sealed data");
	if (nr_cms_find(&lift->signer.signed_attributes, NR_OID_MESSAGE_DIGEST, &digest) != 1 ||
		!nr_der_equal(&digest, hash, nr_oid_digest_bytes(lift->signer.digest)))
		return nr_fail(
			error, -EBADMSG, "these are not the data that were sealed: the digest differs");
	return 0;
}

static int add_archive_token(struct lift *lift, struct nr_error *error)
{
	uint8_t hash[NR_DIGEST_MAX], imprint[NR_DIGEST_MAX];
	NR_AUTO(nr_pile_fini) struct nr_pile index = {.bytes = NULL};
	NR_AUTO(nr_freep) uint8_t *token = NULL, *whole = NULL;
	size_t length, whole_length;
	int e = check_data(lift, error);
	if (!e)
		e = nr_archive_index_write(&lift->cms, &lift->signer, ARCHIVE_DIGEST, &index, error);
	if (e)
		return e;
	if (!digest_data(lift, ARCHIVE_DIGEST, hash) ||
		!nr_archive_imprint(
			&lift->cms, &lift->signer, hash, index.bytes, index.length, ARCHIVE_DIGEST, imprint))
		return nr_fail(error, -EINVAL, "an archive token needs the sealed data");
	e = nr_token_fetch(
		lift->maker->tsa, lift->maker->tsa_ca, ARCHIVE_DIGEST, imprint, &token, &length, error);
	if (!e)
		e = nr_archive_token_write(token, length, &index, &whole, &whole_length, error);
	struct nr_cms_parts parts;
	if (!e)
		e = nr_cms_parts_of(&lift->cms, &lift->signer, &parts, error);
	if (e)
		return e;
	nr_pile_add_attribute(&parts.unsigned_attributes, NR_OID_ARCHIVE_TIME_STAMP_V3, whole, whole_length);
	if (parts.unsigned_attributes.failed) {
		nr_cms_parts_fini(&parts);
		return nr_fail(error, -ENOMEM, "out of memory");
	}
	return write_message(lift, &parts, error);
}

int nr_cades_lift(const struct nr_seal_maker *maker, const uint8_t *seal, size_t length,
	const struct nr_seal_data *data, uint8_t **ret_seal, size_t *ret_length, struct nr_error *error)
{
	NR_AUTO(lift_fini)
	struct lift lift = {.maker = maker, .data = data, .bytes = malloc(length), .length = length};
	if (!lift.bytes)
		return nr_fail(error, -ENOMEM, "out of memory");
	memcpy(lift.bytes, seal, length);
	int e = read_message(&lift, error);
	struct nr_der archive;
	bool archived = !e && nr_cms_find(&lift.signer.unsigned_attributes, NR_OID_ARCHIVE_TIME_STAMP_V3,
				      &archive) > 0;
	if (!e && maker->level >= NR_SEAL_BT)
		e = add_signature_token(&lift, error);
	if (!e && maker->level >= NR_SEAL_BLT)
		e = add_validation(&lift, archived, error);
	if (!e && maker->level >= NR_SEAL_BLTA)
		e = add_archive_token(&lift, error);
	if (e)
		return e;
	*ret_seal = nr_steal(&lift.bytes);
	*ret_length = lift.length;
	return 0;
}
