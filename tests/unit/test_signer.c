/* SPDX-License-Identifier: Apache-2.0 */
/* The signer's process: what it signs holds, what it must not do it cannot, and what it refuses it says. */
#include "signer_rig.h"

#include "trust/signer/inside.h"
#include "trust/signer/signing_key.h"
#include "wire/base64.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
/* cmocka wants some of the above first */
#include <cmocka.h>

static struct rig rig;
static struct nr_error last;

static const char *const algorithms[] = {"p256", "p384", "rsa2048", "ed25519"};

static int setup(void **state)
{
	(void)state;
	rig_init(&rig);
	nr_time now = nr_time_now();
	for (size_t i = 0; i < NR_COUNT(algorithms); i++) {
		char name[32];
		snprintf(name, sizeof name, "tsa-%s", algorithms[i]);
		rig_make(&rig, name, algorithms[i], NR_CERTIFICATE_TIMESTAMP, now - NR_DAY, now + NR_DAY,
			NULL);
		snprintf(name, sizeof name, "seal-%s", algorithms[i]);
		rig_make(&rig, name, algorithms[i], NR_CERTIFICATE_SEAL, now - NR_DAY, now + NR_DAY, NULL);
	}
	rig_make(&rig, "old", "p256", NR_CERTIFICATE_SEAL, now - 2 * NR_DAY, now - NR_DAY, NULL);
	rig_make(&rig, "early", "p256", NR_CERTIFICATE_SEAL, now + NR_HOUR, now + NR_DAY, NULL);
	struct nr_secret secret = {.text = "open sesame", .length = 11};
	rig_make(&rig, "locked", "p256", NR_CERTIFICATE_SEAL, now - NR_DAY, now + NR_DAY, &secret);
	rig_write(&rig, "right", "open sesame\nsecond line\n", 24);
	rig_write(&rig, "wrong", "open barley\n", 12);
	rig_write(&rig, "empty", "\n", 1);
	EVP_PKEY *key = NULL;
	rig_check(nr_key_generate("ed25519", &key, &last), &last);
	rig_write_pair(&rig, "ledger", key, NULL, NULL);
	EVP_PKEY_free(key);
	key = EVP_RSA_gen(1024);
	rig_write_pair(&rig, "weak", key, NULL, NULL);
	EVP_PKEY_free(key);
	key = EVP_EC_gen("secp256k1");
	rig_write_pair(&rig, "koblitz", key, NULL, NULL);
	EVP_PKEY_free(key);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_fini(&rig);
	return 0;
}

static struct nr_signer_key pair(const char *name, unsigned purposes)
{
	static char names[8][2][32];
	static unsigned turn;
	char(*place)[32] = names[turn++ % NR_COUNT(names)];
	snprintf(place[0], sizeof place[0], "%.24s.key", name);
	snprintf(place[1], sizeof place[1], "%.24s.pem", name);
	return (struct nr_signer_key){.key = rig_path(&rig, place[0]),
		.certificate = rig_path(&rig, place[1]),
		.purposes = purposes};
}

static struct nr_signer *start(const struct nr_signer_key *keys, size_t count)
{
	struct nr_signer *signer = NULL;
	rig_check(nr_signer_start(&(struct nr_signer_conf){.keys = keys, .count = count}, &signer, &last),
		&last);
	return signer;
}

static int sign_one(struct nr_signer *signer, unsigned key, enum nr_signer_purpose purpose, const void *bytes,
	size_t length, struct nr_signed *made)
{
	const struct nr_signer_item item = {bytes, length};
	int rc = nr_signer_sign(signer, key, purpose, &item, 1, made, &last);
	return rc ? rc : made->code;
}

static bool holds(const struct nr_signer *signer, unsigned key, const uint8_t *bytes, size_t length,
	const uint8_t *signature, size_t signature_length)
{
	static const char *const digests[] = {[NR_KEY_RSA] = "SHA256",
		[NR_KEY_P256] = "SHA256",
		[NR_KEY_P384] = "SHA384",
		[NR_KEY_ED25519] = NULL};
	size_t spki_length;
	const uint8_t *spki = nr_signer_public(signer, key, &spki_length);
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &spki, (long)spki_length);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const char *digest = digests[nr_signer_algorithm(signer, key)];
	bool good = EVP_DigestVerifyInit_ex(context, NULL, digest, NULL, NULL, pkey, NULL) == 1 &&
		    EVP_DigestVerify(context, signature, signature_length, bytes, length) == 1;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(pkey);
	return good;
}

/* ---- what it signs ---- */

static void time_stamps_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(algorithms); i++) {
		char name[32];
		snprintf(name, sizeof name, "tsa-%s", algorithms[i]);
		const struct nr_signer_key key = pair(name, 1u << NR_SIGN_TIMESTAMP);
		struct nr_signer *signer = start(&key, 1);
		for (uint64_t serial = 1; serial <= 3; serial++) {
			const struct tst_wish wish = {.serial = serial, .time = nr_time_now()};
			uint8_t info[256];
			size_t length = tst_write(&wish, info, sizeof info), certificate_length;
			struct nr_signed made;
			assert_int_equal(sign_one(signer, 0, NR_SIGN_TIMESTAMP, info, length, &made), 0);
			assert_int_equal(made.counter, serial);
			const uint8_t *certificate = nr_signer_certificate(signer, 0, &certificate_length);
			struct nr_tst_attributes attributes;
			enum nr_key_algorithm algorithm = nr_signer_algorithm(signer, 0);
			assert_int_equal(nr_tst_attributes_init(&attributes, algorithm, certificate,
						 certificate_length, &last),
				0);
			assert_true(nr_der_check_whole(attributes.bytes, attributes.length, NULL));
			const EVP_MD *digest = attributes.digest_length == 32   ? EVP_sha256()
					       : attributes.digest_length == 48 ? EVP_sha384()
										: EVP_sha512();
			EVP_Digest(info, length, attributes.bytes + attributes.digest, NULL, digest, NULL);
			assert_true(holds(
				signer, 0, attributes.bytes, attributes.length, made.signature, made.length));
			attributes.bytes[attributes.digest] ^= 1;
			assert_false(holds(
				signer, 0, attributes.bytes, attributes.length, made.signature, made.length));
		}
		nr_signer_free(signer);
	}
}

static void checkpoints_hold_and_never_go_back(void **state)
{
	(void)state;
	const struct nr_signer_key key = {.key = rig_path(&rig, "ledger.key"),
		.name = "example.org/log",
		.purposes = 1u << NR_SIGN_CHECKPOINT};
	struct nr_signer *signer = start(&key, 1);
	static const struct {
		unsigned size, root;
		int code;
	} heads[] = {
		{5, 1, 0}, {5, 1, 0}, {5, 2, -EPERM}, {4, 3, -EPERM}, {6, 2, 0}, {5, 1, -EPERM}, {7, 2, 0}};
	for (size_t i = 0; i < NR_COUNT(heads); i++) {
		uint8_t root[32] = {(uint8_t)heads[i].root};
		char base64[64], text[128];
		struct nr_signed made;
		nr_base64_write(root, sizeof root, base64);
		int length = snprintf(text, sizeof text, "%s\n%u\n%s\n", key.name, heads[i].size, base64);
		assert_int_equal(
			sign_one(signer, 0, NR_SIGN_CHECKPOINT, text, (size_t)length, &made), heads[i].code);
		if (heads[i].code == 0)
			assert_true(holds(
				signer, 0, (uint8_t *)text, (size_t)length, made.signature, made.length));
		else
			assert_int_equal(made.length, 0);
	}
	nr_signer_free(signer);
}

static void a_batch_says_how_each_went(void **state)
{
	(void)state;
	const struct nr_signer_key key = pair("tsa-p256", 1u << NR_SIGN_TIMESTAMP);
	struct nr_signer *signer = start(&key, 1);
	nr_time now = nr_time_now();
	const struct tst_wish wishes[] = {{.serial = 5, .time = now}, {.serial = 5, .time = now},
		{.serial = 4, .time = now}, {.serial = 6, .time = now - 10 * NR_SECOND},
		{.serial = 6, .time = now + 10 * NR_SECOND}, {.serial = 6, .time = now}};
	static const int codes[] = {0, -EPERM, -EPERM, -ETIME, -ETIME, 0};
	uint8_t bytes[NR_COUNT(wishes)][256];
	struct nr_signer_item items[NR_COUNT(wishes)];
	struct nr_signed made[NR_COUNT(wishes)];
	for (size_t i = 0; i < NR_COUNT(wishes); i++)
		items[i] =
			(struct nr_signer_item){bytes[i], tst_write(&wishes[i], bytes[i], sizeof bytes[i])};
	assert_int_equal(
		nr_signer_sign(signer, 0, NR_SIGN_TIMESTAMP, items, NR_COUNT(wishes), made, &last), 0);
	for (size_t i = 0; i < NR_COUNT(wishes); i++)
		assert_int_equal(made[i].code, codes[i]);
	assert_int_equal(made[0].counter, 1);
	assert_int_equal(made[5].counter, 2); /* what is refused takes no number */
	nr_signer_free(signer);
}

static void limits_of_a_call(void **state)
{
	(void)state;
	const struct nr_signer_key key = pair("seal-p256", 1u << NR_SIGN_SEAL);
	struct nr_signer *signer = start(&key, 1);
	static uint8_t zeros[NR_SIGNER_STRUCTURE_MAX + 1];
	static struct nr_signer_item items[NR_SIGNER_BATCH_MAX + 1];
	static struct nr_signed made[NR_SIGNER_BATCH_MAX + 1];
	for (size_t i = 0; i < NR_COUNT(items); i++)
		items[i] = (struct nr_signer_item){zeros, 1};
	assert_int_equal(nr_signer_sign(signer, 0, NR_SIGN_SEAL, items, 0, made, &last), -EINVAL);
	assert_int_equal(nr_signer_sign(signer, 0, NR_SIGN_SEAL, items, NR_SIGNER_BATCH_MAX, made, &last), 0);
	assert_int_equal(made[NR_SIGNER_BATCH_MAX - 1].code, -EPERM);
	assert_int_equal(nr_signer_sign(signer, 0, NR_SIGN_SEAL, items, NR_SIGNER_BATCH_MAX + 1, made, &last),
		-EINVAL);
	assert_int_equal(nr_signer_sign(signer, 1, NR_SIGN_SEAL, items, 1, made, &last), -EINVAL);
	assert_int_equal(nr_signer_sign(signer, 0, NR_SIGN_PURPOSES, items, 1, made, &last), -EINVAL);
	items[0].length = NR_SIGNER_STRUCTURE_MAX;
	assert_int_equal(nr_signer_sign(signer, 0, NR_SIGN_SEAL, items, 1, made, &last), 0);
	items[1].length = NR_SIGNER_STRUCTURE_MAX;
	assert_int_equal(nr_signer_sign(signer, 0, NR_SIGN_SEAL, items, 2, made, &last), -EMSGSIZE);
	items[0].length++;
	assert_int_equal(nr_signer_sign(signer, 0, NR_SIGN_SEAL, items, 1, made, &last), -EMSGSIZE);
	nr_signer_free(signer);
}

static void the_rate_is_kept(void **state)
{
	(void)state;
	struct nr_signer_key key = pair("tsa-p256", 1u << NR_SIGN_TIMESTAMP);
	key.rate = 1e-3; /* none comes back while the test runs */
	key.burst = 3;
	struct nr_signer *signer = start(&key, 1);
	for (uint64_t serial = 1; serial <= 5; serial++) {
		const struct tst_wish wish = {.serial = serial, .time = nr_time_now()};
		uint8_t info[256];
		struct nr_signed made;
		size_t length = tst_write(&wish, info, sizeof info);
		assert_int_equal(sign_one(signer, 0, NR_SIGN_TIMESTAMP, info, length, &made),
			serial <= 3 ? 0 : -EDQUOT);
	}
	nr_signer_free(signer);
}

/* The signer holds the times itself, with its own clock. */
static void times_of_release_and_certificate_are_kept(void **state)
{
	(void)state;
	const struct nr_signer_key conf = pair("tsa-p256", 1u << NR_SIGN_TIMESTAMP);
	struct nr_signing_key key;
	nr_time now = nr_time_now();
	static const struct nr_secret none = {.length = 0};
	rig_check(nr_signing_key_open(&conf, &none, now, &key, &last), &last);
	static const struct {
		nr_time after; /* now */
		int code;
	} moments[] = {
		{-NR_MINUTE - 1, -EACCES}, {-NR_MINUTE, 0}, {0, 0}, {NR_MINUTE, 0}, {NR_MINUTE + 1, -EACCES}};
	key.released_from = now - NR_MINUTE;
	key.released_until = now + NR_MINUTE;
	uint64_t serial = 1, signatures = 0;
	for (size_t i = 0; i < NR_COUNT(moments); i++) {
		nr_time real = now + moments[i].after;
		const struct tst_wish wish = {.serial = serial++, .time = real};
		uint8_t info[256];
		struct nr_signed made;
		size_t length = tst_write(&wish, info, sizeof info);
		nr_signing_key_sign(&key, NR_SIGN_TIMESTAMP, info, length, real, 0, &made);
		assert_int_equal(made.code, moments[i].code);
		signatures += made.code == 0;
		assert_int_equal(made.counter, made.code ? 0 : signatures);
	}
	key.released_from = NR_TIME_MIN;
	key.released_until = NR_TIME_MAX;
	const nr_time edges[] = {key.from - 1, key.from, key.until, key.until + 1};
	for (size_t i = 0; i < NR_COUNT(edges); i++) {
		const struct tst_wish wish = {.serial = serial++, .time = edges[i]};
		uint8_t info[256];
		struct nr_signed made;
		size_t length = tst_write(&wish, info, sizeof info);
		nr_signing_key_sign(&key, NR_SIGN_TIMESTAMP, info, length, edges[i], 0, &made);
		assert_int_equal(made.code, i == 0 || i == 3 ? -EKEYEXPIRED : 0);
	}
	nr_signing_key_fini(&key);
}

/* ---- many callers ---- */

struct caller {
	struct nr_signer *signer;
	unsigned key;
	uint64_t counters[64];
	bool good;
};

static void *call(void *argument)
{
	struct caller *caller = argument;
	caller->good = true;
	for (size_t i = 0; i < NR_COUNT(caller->counters); i++) {
		char text[128], base64[64];
		uint8_t root[32] = {0};
		struct nr_signed made;
		nr_base64_write(root, sizeof root, base64);
		/* every thread has a key, and so an origin, of its own */
		int length = snprintf(text, sizeof text, "origin-%u\n%zu\n%s\n", caller->key, i, base64);
		struct nr_signer_item item = {(uint8_t *)text, (size_t)length};
		int rc = nr_signer_sign(
			caller->signer, caller->key, NR_SIGN_CHECKPOINT, &item, 1, &made, NULL);
		caller->good = caller->good && rc == 0 && made.code == 0 &&
			       holds(caller->signer, caller->key, (uint8_t *)text, (size_t)length,
				       made.signature, made.length);
		caller->counters[i] = made.counter;
	}
	return NULL;
}

static void callers_get_their_own_answers(void **state)
{
	(void)state;
	static const char *const names[] = {"origin-0", "origin-1", "origin-2", "origin-3"};
	struct nr_signer_key keys[4];
	for (unsigned i = 0; i < 4; i++)
		keys[i] = (struct nr_signer_key){.key = rig_path(&rig, "ledger.key"),
			.name = names[i],
			.purposes = 1u << NR_SIGN_CHECKPOINT};
	struct nr_signer *signer = start(keys, 4);
	struct caller callers[4];
	pthread_t threads[4];
	for (unsigned i = 0; i < 4; i++) {
		callers[i] = (struct caller){.signer = signer, .key = i};
		assert_int_equal(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_true(callers[i].good);
		for (size_t j = 0; j < NR_COUNT(callers[i].counters); j++)
			assert_int_equal(callers[i].counters[j], j + 1);
	}
	nr_signer_free(signer);
}

static void a_passphrase_may_come_through_a_pipe(void **state)
{
	(void)state;
	int ends[2];
	char path[32];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "open sesame\n", 12), 12);
	close(ends[1]);
	snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
	struct nr_signer_key keys[2] = {
		pair("locked", 1u << NR_SIGN_SEAL), pair("locked", 1u << NR_SIGN_SEAL)};
	keys[0].passphrase = keys[1].passphrase = path;
	nr_signer_free(start(keys, 2));
	close(ends[0]);
}

static void a_dead_signer_is_said(void **state)
{
	(void)state;
	const struct nr_signer_key key = pair("seal-p256", 1u << NR_SIGN_SEAL);
	struct nr_signer *signer = start(&key, 1);
	kill(nr_signer_process(signer), SIGKILL);
	for (int i = 0; i < 3; i++) {
		struct nr_signed made;
		assert_int_equal(sign_one(signer, 0, NR_SIGN_SEAL, "x", 1, &made), -EIO);
		assert_non_null(strstr(last.text, "started again"));
	}
	nr_signer_free(signer);
}

/* And what it answers too late is nobody's: the next would take it for the answer to another structure. */
static void a_signer_that_hangs_has_ended(void **state)
{
	(void)state;
	const struct nr_signer_key key = pair("seal-p256", 1u << NR_SIGN_SEAL);
	const struct nr_signer_conf conf = {.keys = &key, .count = 1, .patience = 1};
	struct nr_signer *signer;
	struct nr_signed made;
	assert_int_equal(nr_signer_start(&conf, &signer, &last), 0);
	assert_int_equal(sign_one(signer, 0, NR_SIGN_SEAL, "x", 1, &made), -EPERM);
	assert_int_equal(kill(nr_signer_process(signer), SIGSTOP), 0);
	assert_int_equal(sign_one(signer, 0, NR_SIGN_SEAL, "x", 1, &made), -EIO);
	assert_non_null(strstr(last.text, "does not answer"));
	assert_int_equal(kill(nr_signer_process(signer), SIGCONT), 0);
	assert_int_equal(sign_one(signer, 0, NR_SIGN_SEAL, "x", 1, &made), -EIO);
	nr_signer_free(signer);
}

/* ---- what it must not do ---- */

static bool try_open(void)
{
	return open("/dev/null", O_RDONLY) >= 0;
}

static bool try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool try_exec(void)
{
	execl("/bin/true", "true", NULL);
	return true;
}

static bool try_sign(void)
{
	uint8_t hash[32];
	return EVP_Digest("x", 1, hash, NULL, EVP_sha256(), NULL) == 1;
}

/* In a child that is enclosed as the signer is: the signal that ended it, or 0 when it did what it tried. */
static int enclosed(bool (*try)(void))
{
	int sockets[2], status = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
	pid_t pid = fork();
	if (pid == 0) {
		/* the digest is fetched before the door closes, as the signer does */
		if (!try_sign() || nr_signer_detach(sockets[1], NULL) || nr_signer_enclose(false, NULL) ||
			fcntl(sockets[0], F_GETFD) >= 0 || fcntl(sockets[1], F_GETFD) < 0)
			_exit(2);
		_exit(try() ? 0 : 3);
	}
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	close(sockets[0]);
	close(sockets[1]);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void it_can_compute_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(enclosed(try_sign), 0);
	assert_int_equal(enclosed(try_open), SIGSYS);
	assert_int_equal(enclosed(try_socket), SIGSYS);
	assert_int_equal(enclosed(try_exec), SIGSYS);
}

static void it_holds_one_socket_and_nothing_else(void **state)
{
	(void)state;
	NR_AUTO(nr_close_fd) int other = open("/dev/zero", O_RDONLY);
	assert_true(other >= 0);
	const struct nr_signer_key key = pair("seal-p256", 1u << NR_SIGN_SEAL);
	struct nr_signer *signer = start(&key, 1);
	char path[64], target[64];
	snprintf(path, sizeof path, "/proc/%d/fd", (int)nr_signer_process(signer));
	DIR *folder = opendir(path);
	if (!folder) /* not root: nobody may look, which is the point */
		assert_int_equal(errno, EACCES);
	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		ssize_t n = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
		if (n < 0)
			continue;
		target[n] = 0;
		assert_true(strcmp(target, "/dev/null") == 0 || strncmp(target, "socket:", 7) == 0);
	}
	if (folder)
		closedir(folder);
	nr_signer_free(signer);
}

static void it_is_nobody(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	const struct nr_signer_key key = pair("seal-p256", 1u << NR_SIGN_SEAL);
	struct nr_signer *signer = start(&key, 1);
	char path[64], text[4096];
	snprintf(path, sizeof path, "/proc/%d/status", (int)nr_signer_process(signer));
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	size_t length = fread(text, 1, sizeof text - 1, file);
	text[length] = 0;
	fclose(file);
	assert_null(strstr(text, "\nUid:\t0\t"));
	assert_non_null(strstr(text, "\nCapEff:\t0000000000000000\n"));
	assert_non_null(strstr(text, "\nNoNewPrivs:\t1\n"));
	nr_signer_free(signer);
}

/* ---- what it says at its start ---- */

static void starts_that_fail_say_why(void **state)
{
	(void)state;
	const unsigned seal = 1u << NR_SIGN_SEAL, stamp = 1u << NR_SIGN_TIMESTAMP,
		       checkpoint = 1u << NR_SIGN_CHECKPOINT, cosign = 1u << NR_SIGN_COSIGNATURE;
	const struct {
		const char *key, *certificate, *passphrase, *name;
		unsigned purposes;
		int code;
		const char *words;
	} starts[] = {
		{"nothing.key", "seal-p256.pem", NULL, NULL, seal, -ENOENT, "No such file"},
		{"seal-p256.key", "nothing.pem", NULL, NULL, seal, -ENOENT, "No such file"},
		{"seal-p256.pem", "seal-p256.pem", NULL, NULL, seal, -EINVAL, "no private key"},
		{"empty", "seal-p256.pem", NULL, NULL, seal, -EINVAL, "not a PEM file with a private key"},
		{"seal-p256.key", "seal-p256.key", NULL, NULL, seal, -EINVAL,
			"not a PEM file with a certificate"},
		{"seal-p256.key", "seal-p384.pem", NULL, NULL, seal, -EKEYREJECTED, "not the key of"},
		{"seal-p256.key", "tsa-p256.pem", NULL, NULL, stamp, -EKEYREJECTED, "not the key of"},
		{"locked.key", "locked.pem", NULL, NULL, seal, -EACCES, "the key is encrypted"},
		{"locked.key", "locked.pem", "wrong", NULL, seal, -EACCES, "not the right one"},
		{"locked.key", "locked.pem", "empty", NULL, seal, -EINVAL, "is empty"},
		{"locked.key", "locked.pem", "nothing", NULL, seal, -ENOENT, "No such file"},
		{"locked.key", "locked.pem", "right", NULL, seal, 0, ""},
		{"old.key", "old.pem", NULL, NULL, seal, -EKEYEXPIRED, "ended"},
		{"early.key", "early.pem", NULL, NULL, seal, -EKEYREJECTED, "begins"},
		{"weak.key", NULL, NULL, "n", checkpoint, -EKEYREJECTED, "RSA with 1024 bits"},
		{"koblitz.key", NULL, NULL, "n", checkpoint, -EKEYREJECTED, "secp256k1"},
		{"seal-p256.key", "seal-p256.pem", NULL, NULL, stamp, -EKEYREJECTED, "not for time stamps"},
		{"tsa-p256.key", "tsa-p256.pem", NULL, NULL, seal, -EKEYREJECTED, "for time stamps alone"},
		{"ca.key", "ca.pem", NULL, NULL, seal, -EKEYREJECTED, "key usage"},
		{"tsa-p256.key", "tsa-p256.pem", NULL, NULL, stamp | seal, -EINVAL, "one purpose"},
		{"ledger.key", NULL, NULL, "n", checkpoint | cosign, -EINVAL, "one purpose"},
		{"ledger.key", NULL, NULL, NULL, checkpoint, -EINVAL, "has a name"},
		{"ledger.key", NULL, NULL, NULL, seal, -EINVAL, "certificate is not named"},
		{"seal-p256.key", NULL, NULL, "n", checkpoint, -EKEYREJECTED, "Ed25519"},
		{"pkcs11:object=x", NULL, NULL, NULL, seal, -EINVAL, "needs its certificate"},
		{"pkcs11:object=x", "seal-p256.pem", NULL, NULL, seal, -EINVAL, "--pkcs11-module"},
	};
	for (size_t i = 0; i < NR_COUNT(starts); i++) {
		struct nr_signer_key key = {.purposes = starts[i].purposes, .name = starts[i].name};
		key.key = strncmp(starts[i].key, "pkcs11:", 7) == 0 ? starts[i].key
								    : rig_path(&rig, starts[i].key);
		if (starts[i].certificate)
			key.certificate = rig_path(&rig, starts[i].certificate);
		if (starts[i].passphrase)
			key.passphrase = rig_path(&rig, starts[i].passphrase);
		struct nr_signer *signer = NULL;
		struct nr_error error = {0};
		int rc = nr_signer_start(&(struct nr_signer_conf){.keys = &key, .count = 1}, &signer, &error);
		if (rc != starts[i].code || !strstr(error.text, starts[i].words))
			fail_msg("%s with %s: %d, \"%s\"", starts[i].key,
				starts[i].certificate ? starts[i].certificate : "no certificate", rc,
				error.text);
		nr_signer_free(signer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_stamps_hold),
		cmocka_unit_test(checkpoints_hold_and_never_go_back),
		cmocka_unit_test(a_batch_says_how_each_went),
		cmocka_unit_test(limits_of_a_call),
		cmocka_unit_test(the_rate_is_kept),
		cmocka_unit_test(times_of_release_and_certificate_are_kept),
		cmocka_unit_test(callers_get_their_own_answers),
		cmocka_unit_test(a_passphrase_may_come_through_a_pipe),
		cmocka_unit_test(a_dead_signer_is_said),
		cmocka_unit_test(a_signer_that_hangs_has_ended),
		cmocka_unit_test(it_can_compute_and_nothing_else),
		cmocka_unit_test(it_holds_one_socket_and_nothing_else),
		cmocka_unit_test(it_is_nobody),
		cmocka_unit_test(starts_that_fail_say_why),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
