/* SPDX-License-Identifier: Apache-2.0 */
/* What a verifier will need, put into a JAdES seal itself: xVals and rVals, and tstVD for later tokens
 * (clauses 5.3.5 and 5.3.6). */
#include "trust/certificate/signature.h"
#include "trust/seal/jades.h"

#include <errno.h>
#include <string.h>

#define PATHS_MAX (1 + NR_SEAL_TOKENS_MAX)

struct search {
	const struct nr_seal_maker *maker;
	const struct nr_jws_signature *signature;
	STACK_OF(X509) * bag;
	STACK_OF(X509) * paths[PATHS_MAX];
	size_t path_count;
	nr_time time; /* of the first token over the signature */
};

static void search_fini(struct search *search)
{
	for (size_t i = 0; i < search->path_count; i++)
		sk_X509_pop_free(search->paths[i], X509_free);
	sk_X509_pop_free(search->bag, X509_free);
}

static int fail_judged(const struct nr_judgement *judgement, const char *what, struct nr_error *error)
{
	for (size_t i = 0; i < judgement->count; i++) {
		if (judgement->reasons[i].fatal)
			return nr_fail(error, -EBADMSG, "%s: %s", what, judgement->reasons[i].en);
	}
	return nr_fail(error, -EBADMSG, "%s: %s", what, nr_verdict_name(judgement->verdict));
}

/* ---- paths ---- */

/* Of archive tokens the path alone is wanted: what they cover is not judged here. */
static int find_token_path(struct search *search, struct nr_text base64, bool archive, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *token = NULL;
	size_t length;
	struct nr_token read;
	struct nr_judgement judgement;
	struct nr_bytes stamped = {
		(const uint8_t *)search->signature->signature.at, search->signature->signature.length};
	int e = nr_jws_decode(base64, false, &token, &length, error);
	if (e || search->path_count == PATHS_MAX)
		return e;
	struct nr_token_question question = {.token = token,
		.length = length,
		.digest = nr_token_digest_bytes,
		.context = &stamped,
		.material = search->maker->material,
		.now = search->maker->now,
		.require_revocation = true};
	e = nr_token_verify(&question, &read, &search->paths[search->path_count], &judgement, error);
	if (!e && search->paths[search->path_count])
		search->path_count++;
	if (!e && !archive && judgement.verdict != NR_PASSED)
		return fail_judged(&judgement, "the token over the signature", error);
	if (!e && !archive && search->time == NR_TIME_MIN)
		search->time = read.time;
	return e;
}

static int find_token_paths(struct search *search, const char *wanted, bool archive, struct nr_error *error)
{
	json_object *etsiu = nr_jws_etsiu(search->signature), *container, *tokens;
	size_t count = etsiu ? json_object_array_length(etsiu) : 0;
	int e = 0;
	for (size_t i = 0; !e && i < count; i++) {
		json_object *element = NULL;
		const char *name;
		struct nr_text text;
		e = nr_jws_etsiu_element(etsiu, i, &element, &name, &text, error);
		if (!e && strcmp(name, wanted) == 0 && json_object_object_get_ex(element, name, &container) &&
			json_object_is_type(container, json_type_object) &&
			json_object_object_get_ex(container, "tstTokens", &tokens) &&
			json_object_is_type(tokens, json_type_array)) {
			for (size_t t = 0; !e && t < json_object_array_length(tokens); t++)
				e = find_token_path(search,
					nr_jws_member(json_object_array_get_idx(tokens, t), "val"), archive,
					error);
		}
		json_object_put(element);
	}
	return e;
}

static int find_signer_path(struct search *search, struct nr_error *error)
{
	struct nr_chain_question question = {
		.subject = sk_X509_value(search->bag, 0),
		.with = search->bag,
		.purpose = NR_CHAIN_SEAL,
		.time = search->time == NR_TIME_MIN ? search->maker->now : search->time,
		.now = search->maker->now,
		.require_revocation = true,
	};
	struct nr_judgement judgement = {.count = 0};
	struct nr_chain_answer answer = {.path = NULL};
	if (!question.subject)
		return nr_fail(error, -EBADMSG, "the certificate that signed is not in the seal");
	int e = nr_chain_check(search->maker->material, &question, &answer, &judgement, error);
	if (!e && judgement.verdict != NR_PASSED)
		e = fail_judged(&judgement, "the seal's certificate", error);
	if (!e && answer.path && search->path_count < PATHS_MAX)
		search->paths[search->path_count++] = nr_steal(&answer.path);
	nr_chain_answer_fini(&answer);
	return e;
}

/* What the seal has is read first: x5c's first is the signer's. */
static int find_paths(struct search *search, bool archives, struct nr_error *error)
{
	json_object *x5c = NULL;
	bool lists;
	search->bag = sk_X509_new_null();
	if (!search->bag)
		return nr_fail(error, -ENOMEM, "out of memory");
	json_object_object_get_ex(search->signature->named, "x5c", &x5c);
	int e = nr_jades_take_chain(x5c, search->bag, error);
	if (!e)
		e = nr_jades_take_values(
			nr_jws_etsiu(search->signature), search->maker->material, search->bag, &lists, error);
	if (!e)
		e = find_token_paths(search, "sigTst", false, error);
	if (!e)
		e = find_signer_path(search, error);
	if (!e && archives)
		e = find_token_paths(search, "arcTst", true, error);
	return e;
}

/* ---- writing ---- */

/* Values in base64 that the seal has not yet. */
struct values {
	json_object *certificates, *lists, *answers; /* arrays; owned */
};

static void values_fini(struct values *values)
{
	json_object_put(values->certificates);
	json_object_put(values->lists);
	json_object_put(values->answers);
}

/* Whether x5c or an element of etsiU has this text. */
static bool holds(const struct nr_jws_signature *signature, const char *base64)
{
	json_object *etsiu = nr_jws_etsiu(signature);
	size_t count = etsiu ? json_object_array_length(etsiu) : 0;
	const int plain = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
	bool found = strstr(json_object_to_json_string_ext(signature->named, plain), base64) != NULL;
	for (size_t i = 0; i < count && !found; i++) {
		json_object *element = NULL;
		const char *name;
		struct nr_text text;
		if (nr_jws_etsiu_element(etsiu, i, &element, &name, &text, NULL) == 0)
			found = strstr(json_object_to_json_string_ext(element, plain), base64) != NULL;
		json_object_put(element);
	}
	return found;
}

/* {"val": base64}, within {"x509Cert": ...} where it is a certificate. */
static int add_value(json_object *array, const char *base64, bool certificate, struct nr_error *error)
{
	json_object *value = json_object_new_object(),
		    *whole = certificate ? json_object_new_object() : value;
	if (!array || !value || !whole ||
		json_object_object_add(value, "val", json_object_new_string(base64)) != 0 ||
		(certificate && json_object_object_add(whole, "x509Cert", value) != 0) ||
		json_object_array_add(array, whole) != 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	return 0;
}

/* Elements as CMS has them (nr_cades_add_validation): certificates and lists, and OCSP answers within [1]. */
static int take_pile(const struct nr_pile *pile, const struct nr_jws_signature *signature, json_object *plain,
	json_object *answers, struct nr_error *error)
{
	struct nr_cursor c = nr_cursor_over(pile->bytes ? pile->bytes : (uint8_t *)"", pile->length);
	int e = 0;
	while (!e && !c.failed && c.at < c.end) {
		struct nr_der element = nr_der_any(&c);
		bool answer = element.tag == NR_DER_CONSTRUCTED(1);
		if (answer) {
			struct nr_cursor inside = nr_der_inside(&element);
			nr_der_take(&inside, NR_DER_OID);
			element = nr_der_any(&inside);
		}
		NR_AUTO(nr_freep) char *text = nr_jws_encode(element.start, nr_der_size(&element), false);
		if (!text)
			e = nr_fail(error, -ENOMEM, "out of memory");
		else if (!holds(signature, text))
			e = add_value(answer ? answers : plain, text, answers == NULL, error);
	}
	return e;
}

static int take_values(const struct search *search, struct values *values, struct nr_error *error)
{
	struct nr_cms_parts parts = {.content = NULL};
	int e = nr_cades_add_validation(
		&parts, search->maker->material, search->paths, search->path_count, error);
	values->certificates = json_object_new_array();
	values->lists = json_object_new_array();
	values->answers = json_object_new_array();
	if (!e)
		e = take_pile(&parts.certificates, search->signature, values->certificates, NULL, error);
	if (!e)
		e = take_pile(&parts.lists, search->signature, values->lists, values->answers, error);
	nr_cms_parts_fini(&parts);
	return e;
}

static int add_member(json_object *object, const char *name, json_object *array, struct nr_error *error)
{
	if (json_object_array_length(array) == 0)
		return 0;
	return json_object_object_add(object, name, json_object_get(array)) == 0
		       ? 0
		       : nr_fail(error, -ENOMEM, "out of memory");
}

/* At first two elements, xVals and rVals; for what archive tokens add one more, tstVD, with both in it. */
static int write_values(const struct nr_jws_signature *signature, struct values *values, bool archives,
	struct nr_error *error)
{
	json_object *lists = json_object_new_object(), *first = json_object_new_object(),
		    *second = archives ? json_object_get(first) : json_object_new_object();
	json_object *whole = archives ? json_object_new_object() : NULL;
	int e = lists && first && second && (whole || !archives) ? 0
								 : nr_fail(error, -ENOMEM, "out of memory");
	if (!e)
		e = add_member(lists, "crlVals", values->lists, error);
	if (!e)
		e = add_member(lists, "ocspVals", values->answers, error);
	if (!e)
		e = add_member(first, "xVals", values->certificates, error);
	if (!e && json_object_object_length(lists) > 0)
		json_object_object_add(second, "rVals", json_object_get(lists));
	if (!e && archives && json_object_object_length(first) > 0) {
		json_object_object_add(whole, "tstVD", json_object_get(first));
		e = nr_jades_add_element(signature, whole, error);
	} else if (!e && !archives) {
		if (json_object_object_length(first) > 0)
			e = nr_jades_add_element(signature, first, error);
		if (!e && json_object_object_length(second) > 0)
			e = nr_jades_add_element(signature, second, error);
	}
	json_object_put(whole);
	json_object_put(second);
	json_object_put(first);
	json_object_put(lists);
	return e;
}

int nr_jades_add_validation(const struct nr_seal_maker *maker, const struct nr_jws_signature *signature,
	bool archives, struct nr_error *error)
{
	NR_AUTO(search_fini)
	struct search search = {.maker = maker, .signature = signature, .time = NR_TIME_MIN};
	NR_AUTO(values_fini) struct values values = {NULL, NULL, NULL};
	if (!maker->material)
		return nr_fail(
			error, -EINVAL, "a seal from B-LT on needs the certificates of its path: --ca PEM");
	int e = find_paths(&search, archives, error);
	if (!e)
		e = take_values(&search, &values, error);
	return e ? e : write_values(signature, &values, archives, error);
}
