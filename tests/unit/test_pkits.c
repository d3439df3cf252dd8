/* SPDX-License-Identifier: Apache-2.0 */
/* NIST's Public Key Interoperability Test Suite: 246 paths, each with its verdict, from the shared data
 * folder. */
#include "base/file.h"
#include "trust/certificate/chain.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define AT_TIME (INT64_C(1651363200) * NR_SECOND) /* 2022-05-01 */

/* Paths that are good and that OpenSSL 3.0 refuses: DSA parameters inherited from the issuer; a list of an
 * issuer whose own list it cannot find. Refusing is the safe side. */
static const char *const refused[] = {"40105", "41430"};

static char folder[512];

static json_object *read_cases(void)
{
	const char *shared = getenv("NOROSHI_SHARED");
	char path[600];
	snprintf(folder, sizeof folder, "%s/data/trust/pkits", shared ? shared : "../shared");
	snprintf(path, sizeof path, "%s/pkits.json", folder);
	return access(path, R_OK) == 0 ? json_object_from_file(path) : NULL;
}

static const char *text_of(json_object *object, const char *key)
{
	json_object *value;
	return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value) : "";
}

static bool flag_of(json_object *object, const char *key)
{
	json_object *value;
	return json_object_object_get_ex(object, key, &value) && json_object_get_boolean(value);
}

static const char *path_of(const char *kind, const char *name)
{
	static char path[800];
	snprintf(path, sizeof path, "%s/%s/%s", folder, kind, name);
	return path;
}

static void add_all(json_object *test, const char *key, struct nr_material *material,
	int (*add)(struct nr_material *, const char *, struct nr_error *), const char *kind)
{
	json_object *list;
	if (!json_object_object_get_ex(test, key, &list))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct nr_error error = {0};
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));
		if (add(material, path_of(kind, name), &error) != 0)
			fail_msg("%s", error.text);
	}
}

static void read_policy(json_object *test, struct nr_chain_policy *policy, const char **wanted)
{
	json_object *params, *set;
	if (!json_object_object_get_ex(test, "params", &params))
		return;
	policy->explicit_policy = flag_of(params, "initial_explicit_policy");
	policy->inhibit_mapping = flag_of(params, "initial_policy_mapping_inhibit");
	policy->inhibit_any = flag_of(params, "initial_any_policy_inhibit");
	if (!json_object_object_get_ex(params, "user_initial_policy_set", &set))
		return;
	for (size_t i = 0; i < json_object_array_length(set) && policy->count < 8; i++)
		wanted[policy->count++] = json_object_get_string(json_object_array_get_idx(set, i));
	policy->wanted = wanted;
}

static enum nr_verdict judge(json_object *test)
{
	struct nr_material material;
	struct nr_error error = {0};
	assert_int_equal(nr_material_init(&material, &error), 0);
	assert_int_equal(nr_material_add_anchors(
				 &material, path_of("certs", "TrustAnchorRootCertificate.crt"), &error),
		0);
	assert_int_equal(
		nr_material_add_crls(&material, path_of("crls", "TrustAnchorRootCRL.crl"), &error), 0);
	add_all(test, "other_certs", &material, nr_material_add_certificates, "certs");
	add_all(test, "crls", &material, nr_material_add_crls, "crls");
	assert_int_equal(
		nr_material_add_certificates(&material, path_of("certs", text_of(test, "cert")), &error), 0);
	const char *wanted[8];
	struct nr_chain_policy policy = {.wanted = NULL};
	read_policy(test, &policy, wanted);
	json_object *revocation;
	struct nr_chain_question question = {
		.subject = sk_X509_value(material.certificates, sk_X509_num(material.certificates) - 1),
		.time = AT_TIME,
		.now = AT_TIME,
		.require_revocation = !json_object_object_get_ex(test, "revocation", &revocation),
		.any_digest = true,
		.policy = &policy,
	};
	struct nr_chain_answer answer;
	struct nr_judgement judgement = {0};
	assert_int_equal(nr_chain_check(&material, &question, &answer, &judgement, &error), 0);
	nr_chain_answer_fini(&answer);
	nr_material_fini(&material);
	return judgement.verdict;
}

static void test_paths(void **state)
{
	(void)state;
	json_object *tests = read_cases();
	if (!tests) {
		print_message("skipped: %s is not there\n", folder);
		skip();
	}
	size_t wrong = 0, count = json_object_array_length(tests);
	for (size_t i = 0; i < count; i++) {
		json_object *test = json_object_array_get_idx(tests, i), *reason;
		const char *id = text_of(test, "id");
		bool good = !json_object_object_get_ex(test, "error", &reason), known = false;
		for (size_t k = 0; k < NR_COUNT(refused); k++)
			known = known || strcmp(id, refused[k]) == 0;
		bool passed = judge(test) == NR_PASSED;
		if (passed == (good && !known))
			continue;
		wrong++;
		print_message("%s %s: %s\n", id, text_of(test, "name"), passed ? "passed" : "refused");
	}
	json_object_put(tests);
	assert_int_equal(count, 246);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_paths)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
