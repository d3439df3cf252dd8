/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals of level B-B made in this process, through the signer's process and the ledger, against EVP_PKEY_sign
 *with a key of the same kind, in turns; verification of a B-LTA seal; a revocation list of many entries.
 *Prints one JSON line each. Time is the processor's, this process's and, for seals, the signer's too.
 *
 *	usage: bench-seals FOLDER [SEALS]          FOLDER/p256 and FOLDER/rsa2048: "noroshi key new"
 */
#include "../unit/seal_rig.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define TURNS 5
#define DATA  "Notice 2026-1: all quiet.\n"

static struct seal_rig rig;

int __wrap_nr_token_fetch(const char *url, const char *ca, enum nr_oid digest, const uint8_t *hash,
	uint8_t **ret_token, size_t *ret_length, struct nr_error *error);
int __wrap_nr_token_fetch(const char *url, const char *ca, enum nr_oid digest, const uint8_t *hash,
	uint8_t **ret_token, size_t *ret_length, struct nr_error *error)
{
	(void)url, (void)ca, (void)error;
	rig_token(&rig, digest, hash, ret_token, ret_length);
	return 0;
}

static double clock_of(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double processor_of(pid_t process)
{
	clockid_t clock;
	return clock_getcpuclockid(process, &clock) == 0 ? clock_of(clock) : 0;
}

/* ---- making ---- */

static double raw(const char *algorithm, unsigned count)
{
	uint8_t digest[32] = {1}, signature[NR_SIGNATURE_MAX];
	EVP_PKEY *key = rig_key(algorithm);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	rig_must(EVP_PKEY_sign_init(context) == 1, "raw");
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		rig_must(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
				 EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1,
			"raw");
	double start = clock_of(CLOCK_PROCESS_CPUTIME_ID);
	for (unsigned i = 0; i < count; i++) {
		size_t length = sizeof signature;
		digest[0] = (uint8_t)i;
		rig_must(EVP_PKEY_sign(context, signature, &length, digest, sizeof digest) == 1, "raw");
	}
	double rate = count / (clock_of(CLOCK_PROCESS_CPUTIME_ID) - start);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(key);
	return rate;
}

struct rates {
	double processor, elapsed;
};

static struct rates make(struct nr_keys *keys, unsigned count)
{
	enum { BATCH = 1024 };
	static struct nr_seal_work works[BATCH];
	struct nr_error error = {0};
	struct nr_seal_data data = {.bytes = (const uint8_t *)DATA, .length = strlen(DATA)};
	struct nr_seal_maker maker = {.keys = keys, .level = NR_SEAL_BB, .now = nr_time_now()};
	pid_t signer = nr_signer_process(nr_keys_signer(keys));
	double own = clock_of(CLOCK_PROCESS_CPUTIME_ID), others = processor_of(signer),
	       start = clock_of(CLOCK_MONOTONIC);
	for (unsigned done = 0; done < count; done += BATCH) {
		memset(works, 0, sizeof works);
		for (unsigned i = 0; i < BATCH; i++)
			works[i].data = &data;
		if (nr_seal_make(&maker, NR_SEAL_CADES, works, BATCH, &error) != 0)
			fprintf(stderr, "bench: %s\n", error.text), abort();
		for (unsigned i = 0; i < BATCH; i++) {
			rig_must(works[i].code == 0, works[i].why);
			free(works[i].seal);
		}
	}
	return (struct rates){
		count / (clock_of(CLOCK_PROCESS_CPUTIME_ID) - own + processor_of(signer) - others),
		count / (clock_of(CLOCK_MONOTONIC) - start)};
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

static void bench_make(const char *folder, const char *algorithm, unsigned count)
{
	char path[4096];
	struct nr_error error = {0};
	struct nr_keys *keys = NULL;
	double ratios[TURNS];
	struct rates best = {0};
	snprintf(path, sizeof path, "%s/%s", folder, algorithm);
	if (nr_keys_open(&(struct nr_keys_conf){.folder = path}, 1u << NR_SIGN_SEAL, &keys, &error) != 0)
		fprintf(stderr, "bench: %s\n", error.text), abort();
	for (int turn = 0; turn < TURNS; turn++) {
		double alone = raw(algorithm, count);
		struct rates made = make(keys, count);
		ratios[turn] = made.processor / alone;
		best.processor = NR_MAX(best.processor, made.processor);
		best.elapsed = NR_MAX(best.elapsed, made.elapsed);
	}
	qsort(ratios, TURNS, sizeof *ratios, compare);
	printf("{\"what\":\"B-B\",\"algorithm\":\"%s\",\"per_processor_second\":%.0f,\"per_second\":%.0f,"
	       "\"ratio\":%.3f}\n",
		algorithm, best.processor, best.elapsed, ratios[TURNS / 2]);
	nr_keys_close(keys);
}

/* ---- verifying ---- */

static void bench_verify(unsigned count)
{
	uint8_t *seal, *whole;
	size_t length, whole_length;
	struct nr_error error = {0};
	struct nr_seal_data data = {.bytes = (const uint8_t *)DATA, .length = strlen(DATA)};
	struct nr_material material;
	seal_rig_init(&rig, "p256");
	rig_make_seal(&rig, &(struct rig_seal){.salt = 0}, DATA, &seal, &length);
	rig_material(&rig, &material);
	rig_add_list(&material, rig_list(&rig, RIG_START + NR_DAY, NULL, NULL));
	struct nr_seal_maker maker = {
		.level = NR_SEAL_BLTA, .tsa = "rig", .material = &material, .now = rig.clock};
	if (nr_seal_extend(&maker, seal, length, &data, &whole, &whole_length, &error) != 0)
		fprintf(stderr, "bench: %s\n", error.text), abort();
	nr_material_fini(&material);
	double start = clock_of(CLOCK_PROCESS_CPUTIME_ID);
	for (unsigned i = 0; i < count; i++) {
		struct nr_seal_verdict verdict;
		size_t found;
		rig_material(&rig, &material);
		struct nr_seal_question question = {.seal = whole,
			.length = whole_length,
			.data = &data,
			.material = &material,
			.now = rig.clock + NR_DAY,
			.require_revocation = true};
		rig_must(nr_seal_verify(&question, &verdict, 1, &found, &error) == 0 &&
				 verdict.judgement.verdict == NR_PASSED && verdict.level == NR_SEAL_BLTA,
			"verify");
		nr_material_fini(&material);
	}
	printf("{\"what\":\"verify B-LTA\",\"bytes\":%zu,\"milliseconds\":%.3f}\n", whole_length,
		1e3 * (clock_of(CLOCK_PROCESS_CPUTIME_ID) - start) / count);
	free(seal);
	free(whole);
	seal_rig_fini(&rig);
}

/* ---- a list of many entries ---- */

static X509_CRL *make_list(unsigned entries)
{
	X509_CRL *list = rig_list(&rig, RIG_START, NULL, NULL);
	ASN1_TIME *time = ASN1_TIME_set(NULL, RIG_START / NR_SECOND);
	for (unsigned i = 0; i < entries; i++) {
		X509_REVOKED *entry = X509_REVOKED_new();
		ASN1_INTEGER *number = ASN1_INTEGER_new();
		rig_must(ASN1_INTEGER_set_uint64(number, (uint64_t)i << 32 | 0x40000000) == 1 &&
				 X509_REVOKED_set_serialNumber(entry, number) == 1 &&
				 X509_REVOKED_set_revocationDate(entry, time) == 1 &&
				 X509_CRL_add0_revoked(list, entry) == 1,
			"entry");
		ASN1_INTEGER_free(number);
	}
	ASN1_TIME_free(time);
	rig_must(X509_CRL_sign(list, rig.ca_key, EVP_sha256()) > 0, "sign");
	return list;
}

static long resident(void)
{
	long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");
	rig_must(statm && fscanf(statm, "%*d %ld", &pages) == 1, "statm");
	fclose(statm);
	return pages * 4;
}

/* In a process of its own, so that what the list took to make is not counted. */
static void bench_list(unsigned entries)
{
	seal_rig_init(&rig, "p256");
	X509_CRL *list = make_list(entries);
	uint8_t *der = NULL;
	int length = i2d_X509_CRL(list, &der), status;
	X509_CRL_free(list);
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		struct nr_material material;
		struct nr_chain_question question = {.subject = rig.seal,
			.purpose = NR_CHAIN_SEAL,
			.time = RIG_START + NR_DAY,
			.now = RIG_START + NR_DAY,
			.require_revocation = true};
		struct nr_chain_answer answer;
		struct nr_judgement judgement = {.count = 0};
		rig_material(&rig, &material);
		long before = resident();
		double start = clock_of(CLOCK_PROCESS_CPUTIME_ID);
		rig_must(nr_material_add_crl(&material, der, (size_t)length, NULL) == 0, "list");
		double loaded = clock_of(CLOCK_PROCESS_CPUTIME_ID);
		rig_must(nr_chain_check(&material, &question, &answer, &judgement, NULL) == 0 &&
				 judgement.verdict == NR_PASSED,
			"check");
		double asked = clock_of(CLOCK_PROCESS_CPUTIME_ID);
		printf("{\"what\":\"revocation list\",\"entries\":%u,\"bytes\":%d,\"load_ms\":%.1f,"
		       "\"first_check_ms\":%.1f,\"resident_kib\":%ld}\n",
			entries, length, 1e3 * (loaded - start), 1e3 * (asked - loaded), resident() - before);
		fflush(stdout);
		_exit(0);
	}
	rig_must(waitpid(child, &status, 0) == child && status == 0, "list");
	OPENSSL_free(der);
	seal_rig_fini(&rig);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: %s FOLDER [SEALS]\n", argv[0]);
		return 2;
	}
	unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 20480;
	count = NR_MAX(count, 1024u) / 1024 * 1024;
	nr_crypto_prepare();
	bench_make(argv[1], "p256", count);
	bench_make(argv[1], "rsa2048", NR_MAX(count / 8 / 1024 * 1024, 1024u));
	bench_verify(500);
	bench_list(150000);
	bench_list(1000000);
	return 0;
}
