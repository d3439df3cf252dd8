/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in a PKCS#11 token, against SoftHSM 2; and URIs. Skipped where it is not installed. */
#include "signer_rig.h"

#include "trust/signer/token.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
/* cmocka wants some of the above first */
#include <cmocka.h>

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"

static struct rig rig;
static bool installed;

static bool run(const char *format, ...) NR_PRINTF(1, 2);
static bool run(const char *format, ...)
{
	char command[1024], quiet[1100];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	snprintf(quiet, sizeof quiet, "{ %s; } >/dev/null 2>&1", command);
	return system(quiet) == 0;
}

/* A key pair in the token and a certificate for it: LABEL.pem. */
static void pair_make(const char *label, const char *type, const char *more)
{
	struct nr_error error = {0};
	char file[32];
	snprintf(file, sizeof file, "%s.der", label);
	const char *path = rig_path(&rig, file);
	if (!run("pkcs11-tool --module " MODULE " --token-label house --login --pin 123456 --keypairgen "
		 "--key-type %s --label %s --usage-sign %s",
		    type, label, more) ||
		!run("pkcs11-tool --module " MODULE
		     " --token-label house --read-object --type pubkey --label %s -o %s",
			label, path))
		abort();
	uint8_t *der;
	size_t length;
	rig_check(nr_file_read(path, 4096, &der, &length, &error), &error);
	const uint8_t *at = der;
	NR_AUTO(nr_pkey_freep) EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)length);
	free(der);
	NR_AUTO(nr_x509_freep) X509 *certificate = NULL;
	nr_time now = nr_time_now();
	const struct nr_certificate_wish wish = {.kind = NR_CERTIFICATE_TIMESTAMP,
		.country = "JP",
		.from = now - NR_DAY,
		.until = now + NR_DAY};
	rig_check(nr_certificate_make(&wish, key, rig.ca, rig.ca_key, &certificate, &error), &error);
	NR_AUTO(nr_bio_freep) BIO *pem = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(pem, certificate);
	snprintf(file, sizeof file, "%s.pem", label);
	rig_check(nr_key_file_write(rig_path(&rig, file), pem, false, &error), &error);
}

static int setup(void **state)
{
	(void)state;
	rig_init(&rig);
	char text[256];
	int length = snprintf(text, sizeof text,
		"directories.tokendir = %s/tokens\nobjectstore.backend = file\n", rig.folder);
	rig_write(&rig, "softhsm2.conf", text, (size_t)length);
	setenv("SOFTHSM2_CONF", rig_path(&rig, "softhsm2.conf"), 1);
	mkdir(rig_path(&rig, "tokens"), 0700);
	rig_write(&rig, "pin", "123456\n", 7);
	rig_write(&rig, "wrong-pin", "654321\n", 7);
	installed = access(MODULE, R_OK) == 0 && run("command -v softhsm2-util && command -v pkcs11-tool") &&
		    run("softhsm2-util --init-token --free --label house --so-pin 12345678 --pin 123456");
	if (!installed)
		return 0;
	pair_make("tsa", "EC:prime256v1", "--id 01");
	pair_make("tsa-rsa", "rsa:2048", "--id 02");
	pair_make("loose", "EC:prime256v1", "--id 03 --extractable");
	pair_make("twin", "EC:prime256v1", "--id 04");
	if (!run("pkcs11-tool --module " MODULE
		 " --token-label house --login --pin 123456 --keypairgen --key-type "
		 "EC:prime256v1 --label twin --id 05 --usage-sign"))
		abort();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_fini(&rig);
	return 0;
}

static struct nr_signer *start(
	const char *uri, const char *certificate, const char *pin, int *ret_code, struct nr_error *error)
{
	const struct nr_signer_key key = {.key = uri,
		.certificate = rig_path(&rig, certificate),
		.passphrase = pin ? rig_path(&rig, pin) : NULL,
		.purposes = 1u << NR_SIGN_TIMESTAMP};
	struct nr_signer *signer = NULL;
	*ret_code = nr_signer_start(
		&(struct nr_signer_conf){.keys = &key, .count = 1, .pkcs11_module = MODULE}, &signer, error);
	return signer;
}

static void sign_some(struct nr_signer *signer)
{
	struct nr_error error = {0};
	for (uint64_t serial = 1; serial <= 20; serial++) {
		const struct tst_wish wish = {.serial = serial, .time = nr_time_now()};
		uint8_t info[256];
		struct nr_signer_item item = {info, tst_write(&wish, info, sizeof info)};
		struct nr_signed made;
		assert_int_equal(nr_signer_sign(signer, 0, NR_SIGN_TIMESTAMP, &item, 1, &made, &error), 0);
		assert_int_equal(made.code, 0);
		size_t length;
		const uint8_t *certificate = nr_signer_certificate(signer, 0, &length);
		struct nr_tst_attributes attributes;
		nr_tst_attributes_init(
			&attributes, nr_signer_algorithm(signer, 0), certificate, length, &error);
		EVP_Digest(info, item.length, attributes.bytes + attributes.digest, NULL, EVP_sha256(), NULL);
		const uint8_t *spki = nr_signer_public(signer, 0, &length);
		EVP_PKEY *key = d2i_PUBKEY(NULL, &spki, (long)length);
		EVP_MD_CTX *context = EVP_MD_CTX_new();
		assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
		assert_int_equal(EVP_DigestVerify(context, made.signature, made.length, attributes.bytes,
					 attributes.length),
			1);
		EVP_MD_CTX_free(context);
		EVP_PKEY_free(key);
	}
}

static void keys_in_a_token_sign(void **state)
{
	(void)state;
	if (!installed)
		skip();
	static const char *const uris[][2] = {{"pkcs11:token=house;object=tsa", "tsa.pem"},
		{"pkcs11:object=tsa-rsa;type=private", "tsa-rsa.pem"},
		{"pkcs11:token=house;id=%01", "tsa.pem"}, {"pkcs11:object=twin;id=%04", "twin.pem"}};
	for (size_t i = 0; i < NR_COUNT(uris); i++) {
		int code;
		struct nr_error error = {0};
		struct nr_signer *signer = start(uris[i][0], uris[i][1], "pin", &code, &error);
		if (code)
			fail_msg("%s: %s", uris[i][0], error.text);
		sign_some(signer);
		nr_signer_free(signer);
	}
}

static void tokens_that_fail_say_why(void **state)
{
	(void)state;
	if (!installed)
		skip();
	static const struct {
		const char *uri, *certificate, *pin;
		int code;
		const char *words;
	} starts[] = {
		{"pkcs11:token=house;object=tsa", "tsa.pem", "wrong-pin", -EIO,
			"the PIN is not the right one"},
		{"pkcs11:token=house;object=tsa", "tsa.pem", NULL, -EACCES, "holds the token's PIN"},
		{"pkcs11:token=attic;object=tsa", "tsa.pem", "pin", -ENODEV, "no such token"},
		{"pkcs11:token=house;object=cellar", "tsa.pem", "pin", -ENOKEY, "no such private key"},
		{"pkcs11:token=house;object=twin", "twin.pem", "pin", -EINVAL, "more than one private key"},
		{"pkcs11:token=house;object=loose", "loose.pem", "pin", -EKEYREJECTED, "can leave the token"},
		{"pkcs11:token=house;object=tsa", "twin.pem", "pin", -EKEYREJECTED,
			"not the key of its certificate"},
		{"pkcs11:token=house;object=tsa", "tsa-rsa.pem", "pin", -EKEYREJECTED,
			"not the key of its certificate"},
	};
	for (size_t i = 0; i < NR_COUNT(starts); i++) {
		int code;
		struct nr_error error = {0};
		struct nr_signer *signer =
			start(starts[i].uri, starts[i].certificate, starts[i].pin, &code, &error);
		if (code != starts[i].code || !strstr(error.text, starts[i].words))
			fail_msg("%s with %s: %d, \"%s\"", starts[i].uri, starts[i].certificate, code,
				error.text);
		nr_signer_free(signer);
	}
}

/* Removes the token: last. */
static void a_token_that_goes_is_said_and_not_asked_again(void **state)
{
	(void)state;
	if (!installed)
		skip();
	int code;
	struct nr_error error = {0};
	struct nr_signer *signer = start("pkcs11:token=house;object=tsa", "tsa.pem", "pin", &code, &error);
	assert_int_equal(code, 0);
	sign_some(signer);
	assert_true(run("rm -r %s/*", rig_path(&rig, "tokens")));
	for (uint64_t serial = 100; serial < 103; serial++) {
		const struct tst_wish wish = {.serial = serial, .time = nr_time_now()};
		uint8_t info[256];
		struct nr_signer_item item = {info, tst_write(&wish, info, sizeof info)};
		struct nr_signed made;
		assert_int_equal(nr_signer_sign(signer, 0, NR_SIGN_TIMESTAMP, &item, 1, &made, &error), 0);
		assert_int_equal(made.code, -EIO);
		assert_int_equal(made.length, 0);
	}
	nr_signer_free(signer);
}

static void modules_that_fail_say_why(void **state)
{
	(void)state;
	rig_make(&rig, "any", "p256", NR_CERTIFICATE_TIMESTAMP, nr_time_now() - NR_DAY,
		nr_time_now() + NR_DAY, NULL);
	static const char *const modules[][2] = {
		{"/nonexistent/module.so", "--pkcs11-module"}, {"libcrypto.so.3", "not a PKCS#11 library"}};
	for (size_t i = 0; i < NR_COUNT(modules); i++) {
		const struct nr_signer_key key = {.key = "pkcs11:object=tsa",
			.certificate = rig_path(&rig, "any.pem"),
			.passphrase = rig_path(&rig, "pin"),
			.purposes = 1u << NR_SIGN_TIMESTAMP};
		struct nr_error error = {0};
		struct nr_signer *signer = NULL;
		int code = nr_signer_start(
			&(struct nr_signer_conf){.keys = &key, .count = 1, .pkcs11_module = modules[i][0]},
			&signer, &error);
		assert_true(code < 0);
		assert_non_null(strstr(error.text, modules[i][1]));
	}
}

static void uris_are_read(void **state)
{
	(void)state;
	struct nr_token_uri uri;
	struct nr_error error = {0};
	assert_int_equal(
		nr_token_uri_parse("pkcs11:token=my%20house;object=t%c3%a9;id=%00%FFx;slot-id=7;type=private",
			&uri, &error),
		0);
	assert_string_equal(uri.token, "my house");
	assert_string_equal(uri.object, "t\xc3\xa9");
	assert_int_equal(uri.id_length, 3);
	assert_memory_equal(uri.id, "\0\xffx", 3);
	assert_true(uri.slot_named && uri.slot == 7);
	static const char *const refused[] = {"pkcs11:", "pkcs11:token=house",
		"pkcs11:object=", "pkcs11:object=%4", "pkcs11:object=%zz", "pkcs11:object=a%00b",
		"pkcs11:object=a;type=cert", "pkcs11:object=a;colour=red", "pkcs11:object=a?pin-value=1234",
		"pkcs11:object=a;;id=%01", "pkcs11:object=a;slot-id=x", "pkcs11:object=a;slot-id=1234567890",
		"file:a",
		"pkcs11:object=0123456789012345678901234567890123456789012345678901234567890123456789"};
	for (size_t i = 0; i < NR_COUNT(refused); i++)
		if (nr_token_uri_parse(refused[i], &uri, &error) != -EINVAL)
			fail_msg("%s was taken", refused[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uris_are_read),
		cmocka_unit_test(modules_that_fail_say_why),
		cmocka_unit_test(keys_in_a_token_sign),
		cmocka_unit_test(tokens_that_fail_say_why),
		cmocka_unit_test(a_token_that_goes_is_said_and_not_asked_again),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
