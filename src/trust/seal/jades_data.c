/* SPDX-License-Identifier: Apache-2.0 */
/* Are these the data that a JAdES seal is about (TS 119 182-1 clause 5.2.8)? */
#include "trust/certificate/signature.h"
#include "trust/seal/jades_inside.h"
#include "trust/seal/verify.h"
#include "wire/base64.h"

#include <string.h>

json_object *nr_jades_header(const struct nr_jades_work *work, const char *name)
{
	json_object *value;
	return json_object_object_get_ex(work->signature->named, name, &value) ? value : NULL;
}

void nr_jades_fail(struct nr_jades_work *work, const char *code, const char *en, const char *ja)
{
	nr_judge(&work->verdict->judgement, NR_FAILED, code, en, ja);
}

void nr_jades_doubt(struct nr_jades_work *work, const char *code, const char *en, const char *ja)
{
	nr_judge(&work->verdict->judgement, NR_INDETERMINATE, code, en, ja);
}

static bool hash_data(const struct nr_jades_work *work, enum nr_oid digest, uint8_t ret_hash[NR_DIGEST_MAX])
{
	const struct nr_seal_data *data = work->question->data;
	if (!data)
		return false;
	if (nr_jades_is_unencoded(work->signature))
		return data->bytes ? nr_digest(digest, data->bytes, data->length, ret_hash)
				   : data->digest(data->context, digest, ret_hash);
	NR_AUTO(nr_freep) char *text = data->bytes ? nr_jws_encode(data->bytes, data->length, true) : NULL;
	return text && nr_digest(digest, text, strlen(text), ret_hash);
}

enum nr_oid nr_jades_digest_named(struct nr_text name)
{
	return nr_text_is(name, "S256")   ? NR_OID_SHA256
	       : nr_text_is(name, "S384") ? NR_OID_SHA384
	       : nr_text_is(name, "S512") ? NR_OID_SHA512
					  : NR_OID_UNKNOWN;
}

/* One hash of one object (clause 5.2.8.3.3); *ret_hash is 0 bytes where there is none. What the reference
 * says is never fetched: the caller names the file. */
static size_t read_reference(json_object *reference, uint8_t ret_hash[NR_DIGEST_MAX])
{
	json_object *pars, *hashes;
	if (!json_object_object_get_ex(reference, "pars", &pars) ||
		!json_object_object_get_ex(reference, "hashV", &hashes) ||
		!json_object_is_type(pars, json_type_array) ||
		!json_object_is_type(hashes, json_type_array) || json_object_array_length(pars) != 1 ||
		json_object_array_length(hashes) != 1)
		return 0;
	json_object *hash = json_object_array_get_idx(hashes, 0);
	if (!json_object_is_type(hash, json_type_string))
		return 0;
	ssize_t length = nr_base64url_read(json_object_get_string(hash),
		(size_t)json_object_get_string_len(hash), ret_hash, NR_DIGEST_MAX);
	return length > 0 ? (size_t)length : 0;
}

static void check_reference(struct nr_jades_work *work, json_object *reference)
{
	uint8_t wanted[NR_DIGEST_MAX], hash[NR_DIGEST_MAX];
	enum nr_oid digest = nr_jades_digest_named(nr_jws_member(reference, "hashM"));
	if (!nr_text_is(nr_jws_member(reference, "mId"), NR_JADES_BY_HASH))
		nr_jades_doubt(work, "SIGNED_DATA_NOT_FOUND",
			"sigD names the data in a way that is not read here (TS 119 182-1 clause 5.2.8)",
			"sigDの参照方式に対応していません（TS 119 182-1 5.2.8）");
	else if (!nr_jades_is_detached(work->jws))
		nr_jades_fail(work, "FORMAT_FAILURE",
			"sigD and a payload: one of them (TS 119 182-1 clause 5.2.8)",
			"sigDとペイロードの両方があります（TS 119 182-1 5.2.8）");
	else if (digest == NR_OID_UNKNOWN)
		nr_jades_doubt(work, "CRYPTO_CONSTRAINTS_FAILURE",
			"the digest is not SHA-2: it proves nothing",
			"ハッシュ関数がSHA-2ではなく、証明になりません");
	else if (read_reference(reference, wanted) != nr_oid_digest_bytes(digest))
		nr_jades_fail(work, "FORMAT_FAILURE",
			"sigD does not hold one name and one hash (TS 119 182-1 clause 5.2.8.3.3)",
			"sigDの名前とハッシュがひとつずつではありません（TS 119 182-1 5.2.8.3.3）");
	else if (!hash_data(work, digest, hash))
		nr_jades_doubt(work, "SIGNED_DATA_NOT_FOUND",
			"the sealed data are not in the seal and were not given",
			"シールの対象データがなく、指定もされていません");
	else if (memcmp(hash, wanted, nr_oid_digest_bytes(digest)) != 0)
		nr_jades_fail(work, "HASH_FAILURE",
			"these are not the data that were sealed: the digest differs",
			"シールされたデータではありません（ハッシュが一致しません）");
}

static bool is_same_payload(const struct nr_jades_work *work)
{
	const struct nr_seal_data *data = work->question->data;
	const struct nr_text *payload = &work->jws->payload;
	if (nr_jades_is_unencoded(work->signature))
		return data->bytes && data->length == payload->length &&
		       memcmp(data->bytes, payload->at, data->length) == 0;
	NR_AUTO(nr_freep) char *text = data->bytes ? nr_jws_encode(data->bytes, data->length, true) : NULL;
	return text && nr_text_is(*payload, text);
}

void nr_jades_check_data(struct nr_jades_work *work)
{
	json_object *reference = nr_jades_header(work, "sigD");
	nr_seal_checked(work->verdict, "digest");
	if (reference)
		check_reference(work, reference);
	else if (nr_jades_is_detached(work->jws) && (!work->question->data || !work->question->data->bytes))
		nr_jades_doubt(work, "SIGNED_DATA_NOT_FOUND",
			"the sealed data are not in the seal and were not given",
			"シールの対象データがなく、指定もされていません");
	else if (!nr_jades_is_detached(work->jws) && work->question->data && !is_same_payload(work))
		nr_jades_fail(work, "HASH_FAILURE",
			"these are not the data that were sealed: the payload differs",
			"シールされたデータではありません（ペイロードが一致しません）");
}
