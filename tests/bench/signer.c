/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time stamps' signatures through the signer's process against EVP_PKEY_sign in this one, on the same key, in
 * turns, so that what else the machine does falls on both. Prints one JSON line per algorithm and batch:
 * signatures a second of elapsed time, and their ratio (median of the turns).
 *
 *	usage: bench-signer [SIGNATURES]
 */
#include "../unit/signer_rig.h"

#include <openssl/rsa.h>
#include <string.h>
#include <time.h>

#define TURNS 7

static double seconds(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t serial = 1000;

static double through_signer(struct nr_signer *signer, unsigned batch, unsigned count)
{
	static uint8_t structures[NR_SIGNER_BATCH_MAX][256];
	static struct nr_signed made[NR_SIGNER_BATCH_MAX];
	struct nr_signer_item items[NR_SIGNER_BATCH_MAX];
	struct nr_error error = {0};
	double start = seconds();
	for (unsigned done = 0; done < count; done += batch) {
		for (unsigned i = 0; i < batch; i++) {
			const struct tst_wish wish = {.serial = serial++, .time = nr_time_now()};
			items[i].structure = structures[i];
			items[i].length = tst_write(&wish, structures[i], sizeof structures[i]);
		}
		rig_check(nr_signer_sign(signer, 0, NR_SIGN_TIMESTAMP, items, batch, made, &error), &error);
		for (unsigned i = 0; i < batch; i++)
			if (made[i].code)
				abort();
	}
	return count / (seconds() - start);
}

static double raw(EVP_PKEY_CTX *context, unsigned count)
{
	uint8_t digest[32] = {1}, signature[NR_SIGNATURE_MAX];
	double start = seconds();
	for (unsigned i = 0; i < count; i++) {
		size_t length = sizeof signature;
		digest[0] = (uint8_t)i;
		if (EVP_PKEY_sign(context, signature, &length, digest, sizeof digest) != 1)
			abort();
	}
	return count / (seconds() - start);
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

static void bench(struct rig *rig, const char *algorithm, unsigned count)
{
	static const unsigned batches[] = {1, 16, 64, 256};
	struct nr_error error = {0};
	char name[16], key_name[24], certificate_name[24];
	snprintf(name, sizeof name, "%s", algorithm);
	snprintf(key_name, sizeof key_name, "%s.key", algorithm);
	snprintf(certificate_name, sizeof certificate_name, "%s.pem", algorithm);
	nr_time now = nr_time_now();
	rig_make(rig, name, algorithm, NR_CERTIFICATE_TIMESTAMP, now - NR_DAY, now + NR_DAY, NULL);
	const struct nr_signer_key key = {.key = rig_path(rig, key_name),
		.certificate = rig_path(rig, certificate_name),
		.purposes = 1u << NR_SIGN_TIMESTAMP};
	struct nr_signer *signer = NULL;
	rig_check(
		nr_signer_start(&(struct nr_signer_conf){.keys = &key, .count = 1}, &signer, &error), &error);
	EVP_PKEY *pkey = NULL;
	static const struct nr_secret none = {.length = 0};
	rig_check(nr_key_read(key.key, &none, &pkey, &error), &error);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
	EVP_PKEY_sign_init(context);
	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA) {
		EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING);
		EVP_PKEY_CTX_set_signature_md(context, EVP_sha256());
	}
	for (size_t b = 0; b < NR_COUNT(batches); b++) {
		double ratios[TURNS], best_raw = 0, best = 0;
		for (int turn = 0; turn < TURNS; turn++) {
			double alone = raw(context, count), here = through_signer(signer, batches[b], count);
			ratios[turn] = here / alone;
			best_raw = NR_MAX(best_raw, alone);
			best = NR_MAX(best, here);
		}
		qsort(ratios, TURNS, sizeof *ratios, compare);
		printf("{\"algorithm\":\"%s\",\"batch\":%u,\"raw\":%.0f,\"signer\":%.0f,\"ratio\":%.3f}\n",
			algorithm, batches[b], best_raw, best, ratios[TURNS / 2]);
	}
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(pkey);
	nr_signer_free(signer);
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 20480;
	count = NR_MAX(count, 256u) / 256 * 256;
	struct rig rig;
	rig_init(&rig);
	bench(&rig, "p256", count);
	bench(&rig, "rsa2048", NR_MAX(count / 16 / 256 * 256, 256u));
	rig_fini(&rig);
	return 0;
}
