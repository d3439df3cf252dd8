/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens: the whole way within the authority (request read, clock asked, numbered, signed by the signer's
 *process, built, durable in the ledger) against EVP_PKEY_sign alone and OpenSSL's TS_RESP_create_response, on
 *the same key, in turns. In processor time of all processes that take part, because ratios of it mean
 *something on a machine that does other things, too. Prints a JSON line per algorithm: microseconds of
 *processor time per token or signature, and ratios (median of the turns).
 *
 *	usage: bench-timestamp KEYS-FOLDER ALGORITHM [TOKENS]	(KEYS-FOLDER: of noroshi key new)
 */
#include "trust/certificate/signature.h"
#include "trust/signer/authority.h"
#include "trust/signer/open.h"
#include "trust/timestamp/issuer.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ts.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define TURNS       5
#define OUTSTANDING 256

struct rig {
	struct nr_keys *keys;
	struct nr_guard *guard;
	struct nr_issuer *issuer;
	EVP_PKEY *key;
	X509 *certificate;
	uint8_t request[NR_TSP_REJECTION_MAX], *request_at;
	size_t request_length;
	pthread_mutex_t lock;
	pthread_cond_t fewer;
	unsigned outstanding;
	atomic_uint failed;
};

static void check(int code, const struct nr_error *error)
{
	if (code) {
		fprintf(stderr, "bench-timestamp: %s\n", error->text);
		exit(1);
	}
}

/* Of this process and the signer's, us; the signer's from /proc, in ticks of 10 ms. */
static double processor(const struct rig *rig)
{
	struct timespec own;
	char path[64];
	unsigned long user = 0, system = 0;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
	snprintf(path, sizeof path, "/proc/%d/stat", nr_signer_process(nr_keys_signer(rig->keys)));
	FILE *stat = fopen(path, "re");
	if (!stat || fscanf(stat, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			     &system) != 2)
		exit(1);
	fclose(stat);
	return (double)own.tv_sec * 1e6 + (double)own.tv_nsec / 1e3 +
	       (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static void done(void *context, uint8_t *bytes, size_t length)
{
	struct rig *rig = context;
	struct nr_tsp_response response;
	if (!bytes || nr_tsp_read_response(bytes, length, &response, NULL) != 0 || response.status != 0)
		atomic_fetch_add(&rig->failed, 1);
	free(bytes);
	pthread_mutex_lock(&rig->lock);
	if (rig->outstanding-- == OUTSTANDING / 2 || rig->outstanding == 0)
		pthread_cond_signal(&rig->fewer);
	pthread_mutex_unlock(&rig->lock);
}

static double tokens(struct rig *rig, unsigned count)
{
	double before = processor(rig);
	for (unsigned i = 0; i < count; i++) {
		pthread_mutex_lock(&rig->lock);
		while (rig->outstanding == OUTSTANDING)
			pthread_cond_wait(&rig->fewer, &rig->lock);
		rig->outstanding++;
		pthread_mutex_unlock(&rig->lock);
		nr_issuer_ask(rig->issuer, rig->request_at, rig->request_length, done, rig);
	}
	pthread_mutex_lock(&rig->lock);
	while (rig->outstanding)
		pthread_cond_wait(&rig->fewer, &rig->lock);
	pthread_mutex_unlock(&rig->lock);
	return (processor(rig) - before) / count;
}

static double raw(struct rig *rig, unsigned count)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(rig->key, NULL);
	uint8_t digest[32] = {1}, signature[NR_SIGNATURE_MAX];
	EVP_PKEY_sign_init(context);
	if (EVP_PKEY_get_base_id(rig->key) == EVP_PKEY_RSA) {
		EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING);
		EVP_PKEY_CTX_set_signature_md(context, EVP_sha256());
	}
	double before = processor(rig);
	for (unsigned i = 0; i < count; i++) {
		size_t length = sizeof signature;
		digest[0] = (uint8_t)i;
		if (EVP_PKEY_sign(context, signature, &length, digest, sizeof digest) != 1)
			exit(1);
	}
	double took = (processor(rig) - before) / count;
	EVP_PKEY_CTX_free(context);
	return took;
}

static ASN1_INTEGER *serial_next(TS_RESP_CTX *context, void *data)
{
	static long next = 1;
	(void)context, (void)data;
	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	ASN1_INTEGER_set(serial, next++);
	return serial;
}

static double openssl_ts(struct rig *rig, unsigned count)
{
	TS_RESP_CTX *context = TS_RESP_CTX_new();
	ASN1_OBJECT *policy = OBJ_txt2obj(NR_DEMONSTRATION_POLICY, 1);
	TS_RESP_CTX_set_serial_cb(context, serial_next, NULL);
	TS_RESP_CTX_set_signer_cert(context, rig->certificate);
	TS_RESP_CTX_set_signer_key(context, rig->key);
	TS_RESP_CTX_set_signer_digest(context, EVP_sha256());
	TS_RESP_CTX_set_ess_cert_id_digest(context, EVP_sha256());
	TS_RESP_CTX_set_def_policy(context, policy);
	TS_RESP_CTX_add_md(context, EVP_sha256());
	double before = processor(rig);
	for (unsigned i = 0; i < count; i++) {
		BIO *request = BIO_new_mem_buf(rig->request_at, (int)rig->request_length);
		TS_RESP *answer = TS_RESP_create_response(context, request);
		uint8_t *bytes = NULL;
		if (!answer || i2d_TS_RESP(answer, &bytes) <= 0 ||
			ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(answer))) != 0)
			exit(1);
		OPENSSL_free(bytes);
		TS_RESP_free(answer);
		BIO_free(request);
	}
	double took = (processor(rig) - before) / count;
	ASN1_OBJECT_free(policy);
	TS_RESP_CTX_free(context);
	return took;
}

static void start(struct rig *rig, const char *folder)
{
	struct nr_error error = {0};
	char path[4096];
	struct nr_keys_conf conf = {.folder = folder};
	check(nr_keys_open(&conf, 1u << NR_SIGN_TIMESTAMP, &rig->keys, &error), &error);
	struct nr_guard_conf guard = {0};
	check(nr_guard_open(&guard, &rig->guard, &error), &error);
	check(nr_keys_path(&conf, "tsa.serial", path, sizeof path, &error), &error);
	struct nr_issuer_conf issuer = {.signer = nr_keys_signer(rig->keys),
		.key = nr_keys_index(rig->keys, NR_SIGN_TIMESTAMP),
		.policy = NR_DEMONSTRATION_POLICY,
		.serials = path,
		.guard = rig->guard,
		.ledger = nr_keys_ledger(rig->keys)};
	issuer.chain = nr_keys_certificate(rig->keys, NR_SIGN_TIMESTAMP, &issuer.chain_length);
	check(nr_issuer_open(&issuer, &rig->issuer, &error), &error);
	check(nr_issuer_start(rig->issuer, &error), &error);
	static const struct nr_secret none = {.length = 0};
	check(nr_keys_path(&conf, "tsa.key", path, sizeof path, &error), &error);
	check(nr_key_read(path, &none, &rig->key, &error), &error);
	const uint8_t *der = issuer.chain;
	rig->certificate = d2i_X509(NULL, &der, (long)issuer.chain_length);
	static const uint8_t hash[32] = {7}, nonce[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	rig->request_length = nr_tsp_write_request(NR_OID_SHA256, hash, nonce, sizeof nonce, rig->request,
		sizeof rig->request, &rig->request_at);
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

static double median(double *values)
{
	qsort(values, TURNS, sizeof *values, compare);
	return values[TURNS / 2];
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	unsigned count = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 20000;
	struct rig rig = {.lock = PTHREAD_MUTEX_INITIALIZER, .fewer = PTHREAD_COND_INITIALIZER};
	double token[TURNS], sign[TURNS], ts[TURNS], of_raw[TURNS], of_ts[TURNS];
	nr_crypto_prepare();
	start(&rig, argv[1]);
	tokens(&rig, 512);
	for (int turn = 0; turn < TURNS; turn++) {
		sign[turn] = raw(&rig, count);
		token[turn] = tokens(&rig, count);
		ts[turn] = openssl_ts(&rig, count);
		of_raw[turn] = sign[turn] / token[turn];
		of_ts[turn] = ts[turn] / token[turn];
	}
	printf("{\"algorithm\":\"%s\",\"sign_us\":%.2f,\"token_us\":%.2f,\"ts_resp_us\":%.2f,\"of_raw\":%.3f,"
	       "\"times_ts_"
	       "resp\":%.2f,\"failed\":%u}\n",
		argv[2], median(sign), median(token), median(ts), median(of_raw), median(of_ts), rig.failed);
	nr_issuer_free(rig.issuer);
	nr_guard_stop(rig.guard);
	nr_keys_close(rig.keys);
	EVP_PKEY_free(rig.key);
	X509_free(rig.certificate);
	return rig.failed ? 1 : 0;
}
