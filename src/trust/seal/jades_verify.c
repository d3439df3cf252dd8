/* SPDX-License-Identifier: Apache-2.0 */
/* Is this a JAdES seal, whose, over these data, of when, and of which level? TS 119 182-1, EN 319 102-1. */
#include "trust/certificate/signature.h"
#include "trust/seal/jades_inside.h"
#include "trust/seal/verify.h"
#include "wire/base64.h"

#include <errno.h>
#include <string.h>

/* ---- the protected header ---- */

/* Header parameters that change what a seal means, and that are read here. */
static bool is_understood(struct nr_text name)
{
	static const char *const names[] = {"b64", "sigD", "sigT", "x5t#o"};
	for (size_t i = 0; i < NR_COUNT(names); i++) {
		if (nr_text_is(name, names[i]))
			return true;
	}
	return false;
}

/* RFC 7515 section 4.1.11. */
static void check_critical(struct nr_jades_work *work)
{
	json_object *crit = nr_jades_header(work, "crit");
	size_t count = json_object_is_type(crit, json_type_array) ? json_object_array_length(crit) : 0;
	if (!crit)
		return;
	if (count == 0)
		nr_jades_fail(work, "FORMAT_FAILURE", "crit is not a list of names (RFC 7515 section 4.1.11)",
			"critが名前の一覧ではありません（RFC 7515 4.1.11）");
	for (size_t i = 0; i < count; i++) {
		json_object *item = json_object_array_get_idx(crit, i);
		struct nr_text name = {
			json_object_is_type(item, json_type_string) ? json_object_get_string(item) : NULL,
			(size_t)json_object_get_string_len(item)};
		if (!name.at || !nr_jades_header(work, name.at))
			nr_jades_fail(work, "FORMAT_FAILURE",
				"crit names a header that is not there (RFC 7515 section 4.1.11)",
				"critがヘッダーにない名前を挙げています（RFC 7515 4.1.11）");
		else if (!is_understood(name))
			nr_judge_with(&work->verdict->judgement, NR_INDETERMINATE, "SIG_CONSTRAINTS_FAILURE",
				"crit names \"%s\", which is not understood here (RFC 7515 section 4.1.11)",
				"critの「%s」には対応していません（RFC 7515 4.1.11）", name.at);
	}
}

/* b64 and sigD count only where crit says so (RFC 7797 section 6); nothing may be in both headers. */
static void check_headers(struct nr_jades_work *work)
{
	static const char *const never[] = {"alg", "b64", "crit", "x5c", "x5t#S256", "sigD"};
	json_object *crit = nr_jades_header(work, "crit");
	const char *list = crit ? json_object_to_json_string_ext(crit, JSON_C_TO_STRING_PLAIN) : "";
	if (nr_jades_is_unencoded(work->signature) && !strstr(list, "\"b64\""))
		nr_jades_fail(work, "FORMAT_FAILURE", "b64 is not named by crit (RFC 7797 section 6)",
			"b64がcritに挙げられていません（RFC 7797 6）");
	json_object *header = work->signature->header;
	if (!header)
		return;
	json_object_object_foreach(header, name, value)
	{
		(void)value;
		bool twice = nr_jades_header(work, name) != NULL;
		for (size_t i = 0; i < NR_COUNT(never); i++)
			twice = twice || strcmp(name, never[i]) == 0;
		if (twice)
			nr_judge_with(&work->verdict->judgement, NR_FAILED, "FORMAT_FAILURE",
				"\"%s\" is in the header that is not signed (RFC 7515 section 7.2.1)",
				"「%s」が署名対象外のヘッダーにあります（RFC 7515 7.2.1）", name);
	}
}

static void read_time(struct nr_jades_work *work)
{
	json_object *iat = nr_jades_header(work, "iat");
	struct nr_text text = nr_jws_member(work->signature->named, "sigT");
	nr_time time;
	if (json_object_is_type(iat, json_type_int)) {
		int64_t seconds = json_object_get_int64(iat);
		if (seconds >= 0 && seconds < INT64_C(253402300800)) /* year 10000 */
			work->verdict->claimed = seconds * NR_SECOND;
	} else if (text.at && nr_time_parse(text.at, &time, NULL) == 0) {
		work->verdict->claimed = time;
	}
	if (work->verdict->claimed == NR_TIME_MIN)
		nr_judge_note(&work->verdict->judgement, "NO_CLAIMED_TIME",
			"the signer does not say when (iat, TS 119 182-1 clause 6.3)",
			"署名時刻の記載がありません（iat、TS 119 182-1 6.3）", NULL);
}

static bool check_algorithm(struct nr_jades_work *work)
{
	struct nr_text name = nr_jws_member(work->signature->named, "alg");
	work->algorithm = nr_jws_algorithm_named(name);
	if (work->algorithm)
		return true;
	if (!name.at)
		nr_jades_fail(work, "FORMAT_FAILURE", "there is no alg (RFC 7515 section 4.1.1)",
			"algがありません（RFC 7515 4.1.1）");
	else
		nr_judge_with(&work->verdict->judgement, NR_FAILED, "CRYPTO_CONSTRAINTS_FAILURE",
			"alg \"%s\" proves nothing of a signer here: no signature, a shared key, or not "
			"known",
			"alg「%s」は署名者を証明しません（署名なし、共通鍵、または未対応）", name.at);
	return false;
}

/* ---- who ---- */

static bool is_certificate(X509 *certificate, enum nr_oid digest, struct nr_text hash64)
{
	uint8_t named[NR_DIGEST_MAX], hash[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	return nr_base64url_read(hash64.at, hash64.length, named, sizeof named) ==
		       (ssize_t)nr_oid_digest_bytes(digest) &&
	       X509_digest(certificate, nr_digest_of(digest), hash, &length) == 1 &&
	       memcmp(hash, named, length) == 0;
}

/* x5t#S256, or x5t#o with SHA-384 and SHA-512 (clauses 5.1.7 and 5.2.2.2). */
static bool names_certificate(const struct nr_jades_work *work, X509 *certificate, bool *ret_named)
{
	struct nr_text hash = nr_jws_member(work->signature->named, "x5t#S256");
	json_object *other = nr_jades_header(work, "x5t#o");
	*ret_named = hash.at || other;
	if (hash.at && !is_certificate(certificate, NR_OID_SHA256, hash))
		return false;
	if (!other)
		return hash.at != NULL;
	enum nr_oid digest = nr_jades_digest_named(nr_jws_member(other, "digAlg"));
	struct nr_text value = nr_jws_member(other, "digVal");
	return digest != NR_OID_UNKNOWN && value.at && is_certificate(certificate, digest, value);
}

/* x5c's first is the signer's (RFC 7515 section 4.1.6); without x5c one that the hash names. */
static bool find_signer(struct nr_jades_work *work)
{
	bool named = false, fits = false;
	STACK_OF(X509) *others = work->question->material->certificates;
	nr_seal_checked(work->verdict, "signer");
	if (nr_jades_header(work, "x5c")) {
		X509 *first = sk_X509_value(work->bag, 0);
		fits = first && names_certificate(work, first, &named);
		work->certificate = first;
	} else {
		for (int i = 0; !fits && i < sk_X509_num(others); i++) {
			work->certificate = sk_X509_value(others, i);
			fits = names_certificate(work, work->certificate, &named);
		}
	}
	if (work->certificate && !named)
		nr_jades_fail(work, "FORMAT_FAILURE",
			"the header does not name the certificate (x5t#S256, TS 119 182-1 clause 5.1.7): not "
			"JAdES",
			"ヘッダーに証明書の識別（x5t#S256）がなく、JAdESではありません（TS 119 182-1 "
			"5.1.7）");
	else if (work->certificate && !fits)
		nr_jades_doubt(work, "NO_SIGNING_CERTIFICATE_FOUND",
			"the header names another certificate than the one that is there (x5t#S256): it was "
			"replaced",
			"ヘッダー（x5t#S256）が示す証明書と異なります。証明書が差し替えられています");
	else if (!fits)
		nr_jades_doubt(work, "NO_SIGNING_CERTIFICATE_FOUND",
			"the certificate that signed is neither in the seal nor given (--certificates)",
			"署名した証明書がシールになく、指定もされていません（--certificates）");
	if (fits)
		nr_seal_describe_signer(work->verdict, work->certificate);
	return fits;
}

/* ---- the signature ---- */

/* protected "." payload (RFC 7515 section 5.1, RFC 7797 section 3). */
static char *signing_input(const struct nr_jades_work *work, size_t *ret_length)
{
	const struct nr_seal_data *data = work->question->data;
	struct nr_text header = work->signature->protected_header, payload = work->jws->payload;
	NR_AUTO(nr_freep) char *made = NULL;
	if (nr_jades_is_detached(work->jws) && !nr_jades_header(work, "sigD") && data && data->bytes) {
		payload = (struct nr_text){(const char *)data->bytes, data->length};
		if (!nr_jades_is_unencoded(work->signature)) {
			made = nr_jws_encode(data->bytes, data->length, true);
			if (!made)
				return NULL;
			payload = (struct nr_text){made, strlen(made)};
		}
	}
	char *input = malloc(header.length + 1 + payload.length);
	if (!input)
		return NULL;
	memcpy(input, header.at, header.length);
	input[header.length] = '.';
	if (payload.length)
		memcpy(input + header.length + 1, payload.at, payload.length);
	*ret_length = header.length + 1 + payload.length;
	return input;
}

/* AlgorithmIdentifier of CMS. RSA-PSS has the digest thrice: as hash, in MGF1, and by its length as salt (RFC
 * 7518 section 3.5). */
static void put_algorithm(struct nr_der_writer *w, const struct nr_jws_algorithm *algorithm)
{
	static const uint8_t mgf1[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08};
	if (algorithm->signature != NR_OID_RSA_PSS) {
		nr_oid_put_algorithm(
			w, algorithm->signature, !algorithm->half && algorithm->signature != NR_OID_ED25519);
		return;
	}
	nr_der_put_uint(w, nr_oid_digest_bytes(algorithm->digest));
	nr_der_wrap(w, NR_DER_CONSTRUCTED(2), 0);
	size_t mark = nr_der_mark(w);
	nr_oid_put_algorithm(w, algorithm->digest, true);
	nr_der_put_value(w, NR_DER_OID, mgf1, sizeof mgf1);
	nr_der_wrap(w, NR_DER_SEQUENCE, mark);
	nr_der_wrap(w, NR_DER_CONSTRUCTED(1), mark);
	mark = nr_der_mark(w);
	nr_oid_put_algorithm(w, algorithm->digest, true);
	nr_der_wrap(w, NR_DER_CONSTRUCTED(0), mark);
	nr_der_wrap(w, NR_DER_SEQUENCE, 0);
	nr_oid_put(w, NR_OID_RSA_PSS);
	nr_der_wrap(w, NR_DER_SEQUENCE, 0);
}

/* r || s to what CMS has, so that one function judges all signatures. */
static enum nr_signature_state verify_value(const struct nr_jades_work *work, const uint8_t *value,
	size_t length, const char *input, size_t input_length)
{
	EVP_PKEY *key = X509_get0_pubkey(work->certificate);
	const struct nr_jws_algorithm *algorithm = work->algorithm;
	uint8_t der[160], name[128];
	struct nr_der signature = {value, value, length, NR_DER_OCTET_STRING};
	if (!key)
		return NR_SIGNATURE_NOT_ALLOWED;
	if (algorithm->half) {
		if (length != 2 * algorithm->half || EVP_PKEY_get_bits(key) != algorithm->bits)
			return NR_SIGNATURE_CONTRADICTION;
		signature.length = nr_der_from_rs(value, algorithm->half, der, sizeof der);
		signature.start = signature.value = der;
		if (!signature.length)
			return NR_SIGNATURE_WRONG;
	}
	struct nr_der_writer w;
	nr_der_writer_init(&w, name, sizeof name);
	put_algorithm(&w, algorithm);
	struct nr_cursor c = nr_cursor_over(w.at, nr_der_mark(&w));
	struct nr_der identifier = nr_der_any(&c);
	return nr_signature_verify(
		key, &identifier, algorithm->digest, (const uint8_t *)input, input_length, &signature);
}

static int check_signature(struct nr_jades_work *work, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *value = NULL;
	size_t length, input_length;
	int e = nr_jws_decode(work->signature->signature, true, &value, &length, NULL);
	NR_AUTO(nr_freep) char *input = signing_input(work, &input_length);
	if (e == -ENOMEM || !input)
		return nr_fail(error, -ENOMEM, "out of memory");
	nr_seal_checked(work->verdict, "signature");
	switch (e ? NR_SIGNATURE_WRONG : verify_value(work, value, length, input, input_length)) {
	case NR_SIGNATURE_GOOD:
		break;
	case NR_SIGNATURE_WRONG:
		nr_jades_fail(work, "SIG_CRYPTO_FAILURE",
			"the signature is not this certificate's over this header and payload",
			"署名がこの証明書によるものではありません");
		break;
	case NR_SIGNATURE_NOT_ALLOWED:
		nr_jades_doubt(work, "CRYPTO_CONSTRAINTS_FAILURE",
			"the signature's algorithm, or the key, is not strong enough or not known",
			"署名アルゴリズムまたは鍵が弱いか、未対応です");
		break;
	case NR_SIGNATURE_CONTRADICTION:
		nr_jades_fail(work, "FORMAT_FAILURE",
			"alg, the signature's length and the key do not go together (RFC 7518 section 3.4)",
			"alg、署名の長さ、鍵の組合せが矛盾しています（RFC 7518 3.4）");
	}
	return 0;
}

/* ---- tokens ---- */

static bool digest_signature(void *context, enum nr_oid digest, uint8_t *ret_hash)
{
	const struct nr_jades_work *work = context;
	return nr_digest(digest, work->signature->signature.at, work->signature->signature.length, ret_hash);
}

static bool digest_archive(void *context, enum nr_oid digest, uint8_t *ret_hash)
{
	const struct nr_jades_work *work = context;
	return nr_jades_archive_imprint(
		work->jws, work->signature, work->question->data, work->element, digest, ret_hash);
}

static int check_token(
	struct nr_jades_work *work, struct nr_text base64, bool archive, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *der = NULL;
	size_t length, before = work->verdict->token_count;
	nr_time proven = work->verdict->proven;
	STACK_OF(X509) *path = NULL;
	int e = nr_jws_decode(base64, false, &der, &length, NULL);
	if (e == -ENOMEM)
		return nr_fail(error, e, "out of memory");
	struct nr_cursor c = nr_cursor_over(der ? der : (uint8_t *)"", der ? length : 0);
	struct nr_der token = nr_der_any(&c);
	if (!nr_der_done(&c)) {
		nr_jades_doubt(work, "FORMAT_FAILURE",
			"a time stamp that cannot be read (TS 119 182-1 clause 5.4.3.3)",
			"タイムスタンプを読み取れません（TS 119 182-1 5.4.3.3）");
		return 0;
	}
	nr_seal_checked(work->verdict, archive ? "archive-token" : "signature-token");
	e = nr_seal_check_token(work->verdict, work->question, archive ? "archive" : "signature", &token,
		archive ? digest_archive : digest_signature, work, &path, error);
	if (!e && work->verdict->token_count > before && work->verdict->tokens[before].verdict == NR_PASSED) {
		work->signature_token = work->signature_token || !archive;
		work->archive_token = work->archive_token || archive;
		if (archive && proven != NR_TIME_MIN && work->verdict->tokens[before].token.time < proven)
			nr_jades_doubt(work, "TIMESTAMP_ORDER_FAILURE",
				"an archive token is older than the token over the signature",
				"アーカイブタイムスタンプが署名タイムスタンプより前の時刻です");
		if (archive)
			nr_seal_note_renewal(work->verdict, path);
	}
	sk_X509_pop_free(path, X509_free);
	return e;
}

/* tstContainer: {"tstTokens": [{"val": base64}, ...]} (clause 5.4.3.3). */
static int check_container(
	struct nr_jades_work *work, json_object *container, bool archive, struct nr_error *error)
{
	json_object *tokens;
	if (!json_object_is_type(container, json_type_object) ||
		!json_object_object_get_ex(container, "tstTokens", &tokens) ||
		!json_object_is_type(tokens, json_type_array) || json_object_array_length(tokens) == 0) {
		nr_jades_doubt(work, "FORMAT_FAILURE",
			"time stamps that cannot be read (TS 119 182-1 clause 5.4.3.3)",
			"タイムスタンプを読み取れません（TS 119 182-1 5.4.3.3）");
		return 0;
	}
	int e = 0;
	for (size_t i = 0; !e && i < json_object_array_length(tokens); i++)
		e = check_token(
			work, nr_jws_member(json_object_array_get_idx(tokens, i), "val"), archive, error);
	return e;
}

/* Tokens over the signature (sigTst), or archive tokens (arcTst). */
static int check_tokens(struct nr_jades_work *work, const char *wanted, bool archive, struct nr_error *error)
{
	json_object *etsiu = nr_jws_etsiu(work->signature), *container;
	size_t count = etsiu ? json_object_array_length(etsiu) : 0;
	int e = 0;
	for (work->element = 0; !e && work->element < count; work->element++) {
		json_object *element = NULL;
		const char *name;
		struct nr_text text;
		struct nr_error why = {0};
		e = nr_jws_etsiu_element(etsiu, work->element, &element, &name, &text, &why);
		if (e == -EBADMSG) {
			nr_judge_with(&work->verdict->judgement, NR_INDETERMINATE, "FORMAT_FAILURE",
				"etsiU: %s", "etsiUを読み取れません: %s", why.text);
			e = 0;
		} else if (!e && strcmp(name, wanted) == 0 &&
			   json_object_object_get_ex(element, name, &container)) {
			e = check_container(work, container, archive, error);
		}
		json_object_put(element);
	}
	return e;
}

/* ---- one signature ---- */

static int collect(struct nr_jades_work *work, bool *ret_lists, struct nr_error *error)
{
	work->bag = sk_X509_new_null();
	if (!work->bag)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_jades_take_chain(nr_jades_header(work, "x5c"), work->bag, error);
	return e ? e
		 : nr_jades_take_values(nr_jws_etsiu(work->signature), work->question->material, work->bag,
			   ret_lists, error);
}

static int judge(struct nr_jades_work *work, struct nr_error *error)
{
	bool complete = false, lists = false;
	nr_seal_checked(work->verdict, "format");
	check_critical(work);
	check_headers(work);
	read_time(work);
	nr_seal_checked(work->verdict, "attributes");
	if (!check_algorithm(work))
		return 0;
	nr_jades_check_data(work);
	int e = collect(work, &lists, error);
	if (e || !find_signer(work))
		return e;
	e = check_signature(work, error);
	if (!e)
		e = check_tokens(work, "sigTst", false, error);
	if (!e)
		e = check_tokens(work, "arcTst", true, error);
	if (!e)
		e = nr_seal_check_path(
			work->verdict, work->question, work->certificate, work->bag, &complete, error);
	work->verdict->level = NR_SEAL_BB;
	if (work->signature_token)
		work->verdict->level = NR_SEAL_BT;
	if (work->signature_token && complete && lists)
		work->verdict->level = work->archive_token ? NR_SEAL_BLTA : NR_SEAL_BLT;
	return e;
}

int nr_jades_verify(const struct nr_seal_question *question, struct nr_seal_verdict *ret_verdicts,
	size_t room, size_t *ret_count, struct nr_error *error)
{
	struct nr_jws jws;
	int e = nr_jws_read(question->seal, question->length, &jws, error);
	if (e)
		return e;
	size_t count = NR_MIN(jws.count, room);
	for (size_t i = 0; !e && i < count; i++) {
		ret_verdicts[i] = (struct nr_seal_verdict){
			.form = jws.compact ? NR_SEAL_JADES_COMPACT : NR_SEAL_JADES_JSON,
			.claimed = NR_TIME_MIN,
			.proven = NR_TIME_MIN,
			.renew = NR_TIME_MAX};
		struct nr_jades_work work = {.question = question,
			.verdict = &ret_verdicts[i],
			.jws = &jws,
			.signature = &jws.signatures[i]};
		e = judge(&work, error);
		sk_X509_pop_free(work.bag, X509_free);
	}
	nr_jws_fini(&jws);
	*ret_count = count;
	return e;
}
