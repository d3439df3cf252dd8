/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of keys as commands make and open it: certificates, who may read what, releases, and no signature
 * without its entry in the ledger. */
#include "signer_rig.h"

#include "trust/signer/command.h"
#include "trust/signer/open.h"
#include "trust/signer/release.h"
#include "trust/signer/share.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
/* cmocka wants some of the above first */
#include <cmocka.h>

static char folder[64];

static const char *path(const char *name)
{
	static char paths[8][128];
	static unsigned turn;
	char *text = paths[turn++ % NR_COUNT(paths)];
	snprintf(text, sizeof paths[0], "%s/%s", folder, name);
	return text;
}

/* Runs a command with these words; answers its exit status. */
static int run(const struct nr_command *command, struct nr_error *error, ...)
{
	char *words[24];
	int count = 0;
	va_list arguments;
	va_start(arguments, error);
	while ((words[count] = va_arg(arguments, char *)))
		count++;
	va_end(arguments);
	NR_AUTO(nr_freep) void *conf = calloc(1, command->conf_size);
	NR_AUTO(nr_freep) const char **operands = NULL;
	size_t operand_count = 0;
	*error = (struct nr_error){0};
	nr_options_default(command->options, command->option_count, conf, error);
	int rc = nr_options_parse(command->options, command->option_count, conf, count, words, &operands,
		&operand_count, error);
	int status = rc ? NR_EXIT_USAGE : command->run(conf, operands, operand_count, error);
	nr_options_fini(command->options, command->option_count, conf);
	return status;
}

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/noroshi-keys-XXXXXX");
	struct nr_error error;
	if (!mkdtemp(folder))
		abort();
	rig_check(run(&nr_key_new_command, &error, "--out", path("keys"), "--name", "Example Networks",
			  "--number", "7000012050002", NULL),
		&error);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

static void only_the_owner_reads_keys(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		unsigned mode;
	} files[] = {{"keys", 0700}, {"keys/ca.key", 0600}, {"keys/tsa.key", 0600}, {"keys/seal.key", 0600},
		{"keys/ledger.key", 0600}, {"keys/ca.pem", 0644}, {"keys/ca.crl", 0644}};
	mode_t mask = umask(0);
	umask(mask);
	for (size_t i = 0; i < NR_COUNT(files); i++) {
		struct stat status;
		assert_int_equal(stat(path(files[i].name), &status), 0);
		assert_int_equal(status.st_mode & 0777, files[i].mode & ~mask);
	}
}

static void nothing_is_overwritten(void **state)
{
	(void)state;
	struct nr_error error;
	assert_int_equal(run(&nr_key_new_command, &error, "--out", path("keys"), NULL), NR_EXIT_USAGE);
	assert_non_null(strstr(error.text, "never overwritten"));
	/* one file is enough, and then none is written */
	assert_int_equal(mkdir(path("some"), 0700), 0);
	assert_int_equal(nr_file_write(path("some/ledger.vkey"), "x", 1, &error), 0);
	assert_int_equal(run(&nr_key_new_command, &error, "--out", path("some"), NULL), NR_EXIT_USAGE);
	assert_int_equal(access(path("some/ca.pem"), F_OK), -1);
}

static void certificates_have_their_extensions(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t usage;
		int nid; /* critical extension beside keyUsage */
	} wanted[] = {{"keys/ca.pem", KU_KEY_CERT_SIGN | KU_CRL_SIGN, NID_basic_constraints},
		{"keys/tsa.pem", KU_DIGITAL_SIGNATURE, NID_ext_key_usage},
		{"keys/seal.pem", KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION, NID_undef}};
	struct nr_error error;
	for (size_t i = 0; i < NR_COUNT(wanted); i++) {
		NR_AUTO(nr_x509_freep) X509 *certificate = NULL;
		rig_check(nr_certificate_read(path(wanted[i].name), &certificate, &error), &error);
		char common[64];
		X509_NAME_get_text_by_NID(
			X509_get_subject_name(certificate), NID_commonName, common, sizeof common);
		assert_non_null(strstr(common, "demonstration"));
		assert_true(nr_certificate_is_demonstration(certificate));
		assert_int_equal(X509_get_key_usage(certificate), wanted[i].usage);
		assert_int_equal(X509_check_ca(certificate) > 0, i == 0);
		assert_non_null(X509_get0_subject_key_id(certificate));
		assert_int_equal(X509_get0_authority_key_id(certificate) != NULL, i > 0);
		int critical = 0;
		for (int e = 0; e < X509_get_ext_count(certificate); e++) {
			X509_EXTENSION *extension = X509_get_ext(certificate, e);
			int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
			bool must = nid == NID_key_usage || nid == wanted[i].nid;
			assert_int_equal(X509_EXTENSION_get_critical(extension), must);
			critical += must;
		}
		assert_int_equal(critical, wanted[i].nid == NID_undef ? 1 : 2);
	}
	NR_AUTO(nr_x509_freep) X509 *seal = NULL;
	rig_check(nr_certificate_read(path("keys/seal.pem"), &seal, &error), &error);
	char number[64];
	X509_NAME_get_text_by_NID(
		X509_get_subject_name(seal), NID_organizationIdentifier, number, sizeof number);
	assert_string_equal(number, "NTRJP-7000012050002");
}

static void corporate_numbers_are_checked(void **state)
{
	(void)state;
	static const struct {
		const char *number;
		bool good;
	} numbers[] = {{"7000012050002", true}, {"6000012050002", false}, {"7000012050003", false},
		{"700001205000", false}, {"70000120500022", false}, {"700001205000x", false}, {"", false},
		{"9000000000000", true}, {"8000000000001", true}, {"7000000000010", true},
		{"0000000000000", false}};
	for (size_t i = 0; i < NR_COUNT(numbers); i++)
		assert_int_equal(nr_corporate_number_check(numbers[i].number, NULL) == 0, numbers[i].good);
}

static void revocations_add_up(void **state)
{
	(void)state;
	struct nr_error error;
	rig_check(run(&nr_key_new_command, &error, "--out", path("revoked"), NULL), &error);
	for (int i = 0; i < 2; i++) {
		static const char *const names[] = {"revoked/tsa.pem", "revoked/seal.pem"};
		assert_int_equal(run(&nr_key_revoke_command, &error, "--keys", path("revoked"), "--reason",
					 i ? "keyCompromise" : "superseded", path(names[i]), NULL),
			NR_EXIT_OK);
		assert_int_equal(
			run(&nr_key_revoke_command, &error, "--keys", path("revoked"), path(names[i]), NULL),
			NR_EXIT_NO);
	}
	assert_int_equal(run(&nr_key_crl_command, &error, "--keys", path("revoked"), "--days", "2", NULL), 0);
	NR_AUTO(nr_bio_freep) BIO *bio = BIO_new_file(path("revoked/ca.crl"), "r");
	X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
	assert_non_null(crl);
	assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 2);
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	assert_int_equal(ASN1_INTEGER_get(number), 4); /* new, twice revoke, crl */
	ASN1_INTEGER_free(number);
	int days = 0, seconds = 0;
	ASN1_TIME_diff(&days, &seconds, X509_CRL_get0_lastUpdate(crl), X509_CRL_get0_nextUpdate(crl));
	assert_int_equal(days, 2);
	X509_CRL_free(crl);
	/* of another authority, and the authority itself */
	assert_int_equal(
		run(&nr_key_revoke_command, &error, "--keys", path("revoked"), path("keys/tsa.pem"), NULL),
		NR_EXIT_USAGE);
	assert_int_equal(
		run(&nr_key_revoke_command, &error, "--keys", path("revoked"), path("revoked/ca.pem"), NULL),
		NR_EXIT_USAGE);
}

/* ---- signatures and the ledger ---- */

static void entry_holds(struct nr_keys *keys, uint64_t index, const char *const *words)
{
	struct nr_error error = {0};
	uint8_t *bytes;
	size_t length;
	rig_check(nr_ledger_read(nr_keys_ledger(keys), index, &bytes, &length, &error), &error);
	char text[1024];
	snprintf(text, sizeof text, "%.*s", (int)length, (char *)bytes);
	free(bytes);
	for (; *words; words++)
		if (!strstr(text, *words))
			fail_msg("entry %llu has no %s: %s", (unsigned long long)index, *words, text);
}

static void each_signature_is_in_the_ledger(void **state)
{
	(void)state;
	struct nr_error error = {0};
	const struct nr_keys_conf conf = {.folder = path("keys")};
	struct nr_keys *keys = NULL;
	rig_check(nr_keys_open(&conf, 1u << NR_SIGN_TIMESTAMP, &keys, &error), &error);
	assert_true(nr_keys_are_demonstration(keys, NR_SIGN_TIMESTAMP));
	uint64_t before = nr_ledger_size(nr_keys_ledger(keys));
	assert_int_equal(before, 5); /* four new keys, one of them in use */
	entry_holds(
		keys, 0, (const char *const[]){"\"key-new\"", "\"ca\"", "\"certificate\":\"sha256:", NULL});
	entry_holds(keys, 3, (const char *const[]){"\"key-new\"", "\"ledger\"", "\"Ed25519\"", NULL});
	entry_holds(keys, 4, (const char *const[]){"\"key-use\"", "\"timestamp\"", NULL});
	struct nr_signer_item items[3];
	struct nr_signed made[3];
	uint8_t bytes[3][256];
	uint64_t entries[3];
	static const uint64_t serials[] = {0x1234, 0x1234, 0x1235}; /* the second is refused */
	for (int i = 0; i < 3; i++) {
		const struct tst_wish wish = {.serial = serials[i], .time = nr_time_now()};
		items[i] = (struct nr_signer_item){bytes[i], tst_write(&wish, bytes[i], sizeof bytes[i])};
	}
	rig_check(nr_keys_sign(keys, NR_SIGN_TIMESTAMP, items, 3, made, entries, &error), &error);
	assert_int_equal(made[1].code, -EPERM);
	assert_true(entries[0] == before && entries[1] == NR_NO_ENTRY && entries[2] == before + 1);
	assert_true(nr_ledger_size(nr_keys_ledger(keys)) == before + 2);
	entry_holds(keys, entries[0],
		(const char *const[]){"{\"kind\":\"token\"", "\"serial\":\"1234\"",
			"\"imprint\":\"sha256:5a00", "\"counter\":1}",
			nr_signer_key_id(nr_keys_signer(keys), 0), NULL});
	entry_holds(keys, entries[2], (const char *const[]){"\"serial\":\"1235\"", "\"counter\":2}", NULL});
	assert_int_equal(nr_keys_sign(keys, NR_SIGN_SEAL, items, 1, made, NULL, &error), -EINVAL);
	nr_keys_close(keys);
}

/* What an entry says of a seal is what was sealed; of a web signature, the hash of what was signed. */
static void entries_say_what_was_sealed(void **state)
{
	(void)state;
	uint8_t buffer[256], digest[48];
	char entry[NR_SIGNATURE_ENTRY_MAX];
	struct nr_der_writer w;
	memset(digest, 0xd7, sizeof digest);
	nr_der_writer_init(&w, buffer, sizeof buffer);
	nr_der_put_value(&w, NR_DER_OCTET_STRING, digest, sizeof digest);
	nr_der_wrap(&w, NR_DER_SET, 0);
	nr_oid_put(&w, NR_OID_MESSAGE_DIGEST);
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	nr_der_wrap(&w, NR_DER_SET, 0);
	const struct nr_signer_item attributes = {w.at, nr_der_mark(&w)}, web = {(const uint8_t *)"abc", 3};
	const struct nr_signed made = {.counter = 77};
	size_t length = nr_signature_entry(NR_SIGN_SEAL, &attributes, &made, "0f", 0, entry);
	assert_int_equal(length, strlen(entry));
	assert_non_null(
		strstr(entry, "{\"kind\":\"seal\",\"time\":\"1970-01-01T00:00:00.000000Z\",\"digest\":"
			      "\"sha384:d7d7"));
	assert_non_null(strstr(entry, "d7\",\"purpose\":\"seal\",\"key\":\"0f\",\"counter\":77}"));
	nr_signature_entry(NR_SIGN_JWS, &web, &made, "0f", 0, entry);
	assert_non_null(
		strstr(entry, "\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""));
	assert_non_null(strstr(entry, "\"purpose\":\"jws\""));
}

static void without_an_entry_no_signature(void **state)
{
	(void)state;
	struct nr_error error = {0};
	const struct nr_keys_conf conf = {.folder = path("keys"), .ledger = path("small")};
	struct nr_keys *keys = NULL;
	rig_check(nr_keys_open(&conf, 1u << NR_SIGN_TIMESTAMP, &keys, &error), &error);
	signal(SIGXFSZ, SIG_IGN);
	const struct rlimit small = {1, RLIM_INFINITY};
	struct rlimit large;
	getrlimit(RLIMIT_FSIZE, &large);
	setrlimit(RLIMIT_FSIZE, &small);
	uint8_t bytes[256];
	const struct tst_wish wish = {.serial = 1, .time = nr_time_now()};
	const struct nr_signer_item item = {bytes, tst_write(&wish, bytes, sizeof bytes)};
	struct nr_signed made;
	int rc = nr_keys_sign(keys, NR_SIGN_TIMESTAMP, &item, 1, &made, NULL, &error);
	setrlimit(RLIMIT_FSIZE, &large);
	assert_true(rc < 0);
	assert_int_equal(made.code, rc);
	assert_int_equal(made.length, 0);
	for (size_t i = 0; i < sizeof made.signature; i++)
		assert_int_equal(made.signature[i], 0);
	nr_keys_close(keys);
}

/* ---- one writer ---- */

static struct nr_keys *open_keys(unsigned purposes, int wanted)
{
	struct nr_error error = {0};
	struct nr_keys *keys = NULL;
	int rc = nr_keys_open(&(struct nr_keys_conf){.folder = path("keys")}, purposes, &keys, &error);
	if (rc != wanted)
		fail_msg("%d: %s", rc, error.text);
	return keys;
}

static void who_seals_hands_entries_to_who_writes(void **state)
{
	(void)state;
	struct nr_error error = {0};
	struct nr_keys *authority = open_keys(1u << NR_SIGN_TIMESTAMP, 0);
	assert_null(open_keys(1u << NR_SIGN_TIMESTAMP, -EBUSY));
	struct nr_keys *appender = open_keys(0, 0);
	struct nr_ledger *ledger = nr_keys_ledger(authority);
	uint64_t at = 0, before = nr_ledger_size(ledger);
	assert_null(nr_keys_ledger(appender));
	rig_check(nr_keys_append(
			  appender, &(struct nr_ledger_entry){"{\"kind\":\"audit\"}", 16}, 1, &at, &error),
		&error);
	assert_true(at == before && nr_ledger_size(ledger) == before + 1); /* that one came says nothing */
	nr_keys_close(appender);
	struct nr_keys *sealer = open_keys(1u << NR_SIGN_SEAL | 1u << NR_SIGN_JWS, 0);
	assert_non_null(ledger);
	assert_null(nr_keys_ledger(sealer));
	uint64_t size = nr_ledger_size(ledger), first = 0;
	entry_holds(authority, size - 2, (const char *const[]){"\"key-use\"", "\"seal\"", NULL});
	static char text[NR_SHARE_ENTRIES_MAX + 1][640];
	struct nr_ledger_entry entries[NR_SHARE_ENTRIES_MAX + 1];
	for (size_t i = 0; i < NR_COUNT(entries); i++) {
		memset(text[i], 'x', sizeof text[i]);
		entries[i] = (struct nr_ledger_entry){text[i],
			(size_t)snprintf(text[i], sizeof text[i], "{\"kind\":\"seal\",\"number\":%zu}", i)};
	}
	entries[7].length = sizeof text[7];
	rig_check(nr_keys_append(sealer, entries, NR_SHARE_ENTRIES_MAX, &first, &error), &error);
	assert_true(first == size && nr_ledger_size(ledger) == size + NR_SHARE_ENTRIES_MAX);
	entry_holds(authority, size, (const char *const[]){"\"number\":0}", NULL});
	entry_holds(authority, size + 255, (const char *const[]){"\"number\":255}", NULL});
	assert_int_equal(nr_keys_append(sealer, entries, NR_SHARE_ENTRIES_MAX + 1, &first, &error), -E2BIG);
	nr_keys_close(authority);
	assert_int_equal(nr_keys_append(sealer, entries, 1, &first, &error), -EIO);
	assert_non_null(strstr(error.text, "has gone"));
	nr_keys_close(sealer);
	nr_keys_close(open_keys(1u << NR_SIGN_SEAL, 0)); /* who comes now writes */
}

static void strangers_at_the_socket_harm_nobody(void **state)
{
	(void)state;
	struct nr_error error = {0};
	struct nr_keys *keys = open_keys(1u << NR_SIGN_TIMESTAMP, 0);
	uint64_t size = nr_ledger_size(nr_keys_ledger(keys)), first;
	static const uint32_t messages[][4] = {{0, 0, 0, 0}, {1, 5, 0, 0}, {2, 4, 4, 0},
		{UINT32_MAX, 0, 0, 0}, {3, 0, 0, 8}, {1, UINT32_MAX, 0, 0}};
	for (size_t i = 0; i < NR_COUNT(messages); i++)
		for (size_t length = 1; length <= sizeof messages[i]; length += 5) {
			int client;
			char answer;
			rig_check(nr_share_connect(path("keys/ledger"), &client, &error), &error);
			assert_int_equal(send(client, messages[i], length, MSG_NOSIGNAL), length);
			assert_true(read(client, &answer, 1) <= 0); /* hung up */
			close(client);
		}
	assert_true(nr_ledger_size(nr_keys_ledger(keys)) == size);
	/* one more than may come: he is sent away, the others are served */
	int clients[NR_SHARE_CLIENTS_MAX + 1];
	const struct nr_ledger_entry entry = {"{}", 2};
	for (size_t i = 0; i < NR_COUNT(clients); i++)
		rig_check(nr_share_connect(path("keys/ledger"), &clients[i], &error), &error);
	for (size_t i = 0; i < NR_COUNT(clients); i++) {
		int rc = nr_share_append(clients[i], &entry, 1, &first, &error);
		assert_int_equal(rc, i < NR_SHARE_CLIENTS_MAX ? 0 : -EIO);
		if (rc == 0)
			assert_true(first == size + i);
	}
	for (size_t i = 0; i < NR_COUNT(clients); i++)
		close(clients[i]);
	nr_keys_close(keys);
}

/* ---- two persons ---- */

static int sign_release(const char *release, const char *person, struct nr_error *error)
{
	return run(&nr_key_release_command, error, path(release), "--sign", path(person), "--certificate",
		path("keys/seal.pem"), "--reason", "July", "--purpose", "seal", NULL);
}

static int sign_again(const char *release, const char *person, struct nr_error *error)
{
	return run(&nr_key_release_command, error, path(release), "--sign", path(person), NULL);
}

static int open_seal(
	const char *release, const char *const *persons, unsigned purposes, struct nr_error *error)
{
	const char *items[4];
	struct nr_keys_conf conf = {.folder = path("keys"), .releasers = {.items = items}};
	for (; persons[conf.releasers.count]; conf.releasers.count++)
		items[conf.releasers.count] = path(persons[conf.releasers.count]);
	conf.release = release ? path(release) : NULL;
	struct nr_keys *keys = NULL;
	*error = (struct nr_error){0};
	int rc = nr_keys_open(&conf, purposes, &keys, error);
	nr_keys_close(keys);
	return rc;
}

static void seals_need_two_persons(void **state)
{
	(void)state;
	struct nr_error error;
	static const char *const names[] = {"alice", "bob", "carol"};
	for (size_t i = 0; i < NR_COUNT(names); i++) {
		char file[32];
		snprintf(file, sizeof file, "%s.key", names[i]);
		rig_check(run(&nr_key_note_command, &error, names[i], "--out", path(file), NULL), &error);
	}
	const char *const both[] = {"alice.key.vkey", "bob.key.vkey", NULL};
	const unsigned seal = 1u << NR_SIGN_SEAL;
	assert_int_equal(open_seal(NULL, both, seal, &error), -EACCES);
	assert_int_equal(sign_release("july", "alice.key", &error), 0);
	assert_int_equal(open_seal("july", both, seal, &error), -EACCES);
	assert_non_null(strstr(error.text, "two different"));
	assert_int_equal(sign_again("july", "alice.key", &error), 0); /* the same person twice */
	assert_int_equal(open_seal("july", both, seal, &error), -EACCES);
	assert_int_equal(sign_again("july", "carol.key", &error), 0); /* who may not */
	assert_int_equal(open_seal("july", both, seal, &error), -EACCES);
	assert_int_equal(sign_again("july", "bob.key", &error), 0);
	rig_check(open_seal("july", both, seal, &error), &error);
	struct nr_keys *keys = NULL;
	rig_check(nr_keys_open(&(struct nr_keys_conf){.folder = path("keys")}, 0, &keys, &error), &error);
	entry_holds(keys, nr_ledger_size(nr_keys_ledger(keys)) - 1,
		(const char *const[]){"\"key-use\"", "\"seal\"", "\"release\":\"sha256:", NULL});
	nr_keys_close(keys);
	assert_int_equal(open_seal("july", both, seal | 1u << NR_SIGN_JWS, &error), -EACCES);
	assert_non_null(strstr(error.text, "every purpose"));
	/* the same key under two names is one person */
	EVP_PKEY *key = NULL;
	static const struct nr_secret none = {.length = 0};
	char vkey[NR_NOTE_VKEY_TEXT];
	rig_check(nr_key_read(path("alice.key"), &none, &key, &error), &error);
	rig_check(nr_key_vkey("alicia", key, vkey, &error), &error);
	EVP_PKEY_free(key);
	rig_check(nr_file_write(path("alicia.key.vkey"), vkey, strlen(vkey), &error), &error);
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	rig_check(nr_file_read(path("alice.key"), 4096, &bytes, &length, &error), &error);
	rig_check(nr_file_write(path("alicia.key"), bytes, length, &error), &error);
	assert_int_equal(chmod(path("alicia.key"), 0600), 0);
	rig_check(sign_release("august", "alice.key", &error), &error);
	rig_check(sign_again("august", "alicia.key", &error), &error);
	assert_int_equal(open_seal("august", (const char *const[]){"alice.key.vkey", "alicia.key.vkey", NULL},
				 seal, &error),
		-EACCES);
	assert_non_null(strstr(error.text, "two different"));
}

static void releases_are_strict(void **state)
{
	(void)state;
#define KEY "key 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f\n"
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{"noroshi release v1\n" KEY "purposes seal\nfrom 2026-11-24\nuntil 2026-11-25\nreason x\n",
			0},
		{"noroshi release v1\n" KEY
		 "purposes seal,jws\nfrom 2026-11-24\nuntil 2026-12-25\nreason x\n",
			0},
		{"noroshi release v1\n" KEY "purposes seal\nfrom 2026-11-24\nuntil 2026-12-26\nreason x\n",
			-ERANGE},
		{"noroshi release v1\n" KEY "purposes seal\nfrom 2026-11-24\nuntil 2026-11-24\nreason x\n",
			-ERANGE},
		{"noroshi release v1\n" KEY "purposes all\nfrom 2026-11-24\nuntil 2026-11-25\nreason x\n",
			-EBADMSG},
		{"noroshi release v1\n" KEY "purposes seal\nfrom 2026-11-24\nuntil 2026-11-25\nreason x",
			-EBADMSG},
		{"noroshi release v1\n" KEY "purposes seal\nfrom 2026-11-24\nuntil 2026-11-25\nreason x\ny\n",
			-EBADMSG},
		{"noroshi release v1\n" KEY "purposes seal\nfrom 2026-11-24\nuntil 2026-11-25\nreason \n",
			-EBADMSG},
		{"noroshi release v1\nkey 0f\npurposes seal\nfrom 2026-11-24\nuntil 2026-11-25\nreason x\n",
			-EBADMSG},
		{"noroshi release v2\n" KEY "purposes seal\nfrom 2026-11-24\nuntil 2026-11-25\nreason x\n",
			-EBADMSG},
		{"", -EBADMSG},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_release release;
		int code = nr_release_parse(cases[i].text, strlen(cases[i].text), &release, NULL);
		if (code != cases[i].code)
			fail_msg("%d of %s", code, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_owner_reads_keys),
		cmocka_unit_test(nothing_is_overwritten),
		cmocka_unit_test(certificates_have_their_extensions),
		cmocka_unit_test(corporate_numbers_are_checked),
		cmocka_unit_test(revocations_add_up),
		cmocka_unit_test(each_signature_is_in_the_ledger),
		cmocka_unit_test(entries_say_what_was_sealed),
		cmocka_unit_test(without_an_entry_no_signature),
		cmocka_unit_test(who_seals_hands_entries_to_who_writes),
		cmocka_unit_test(strangers_at_the_socket_harm_nobody),
		cmocka_unit_test(seals_need_two_persons),
		cmocka_unit_test(releases_are_strict),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
