/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/exchange/offer.h"
#include "base/file.h"
#include "sense/flow/exchange/field.h"
#include "trust/signer/keyfile.h"

#include <endian.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

#define EMPTY       UINT32_MAX
#define BATCH       256
#define RANDOM_STEP ((size_t)1 << 20) /* bytes of noise that the cipher makes at once */

/* What stands in a bin: element << 2 | round; and the upper half of its order, turned as the round has it. */
struct slot {
	uint32_t who, rank;
};

/* One table while it is made, by one member of the crew. */
struct maker {
	struct slot *slots;
	struct nr_exchange_bins *bins; /* of elements */
	uint64_t *orders;
	uint64_t *shares; /* of bins, as they are written */
	uint16_t *words;
	bool failed;
};

struct offer {
	const struct nr_exchange_offer_conf *conf;
	const struct nr_exchange_candidates *candidates;
	struct nr_exchange_schedule schedule;
	struct nr_exchange_element *elements; /* of candidates, then made-up ones */
	struct maker *makers;
	unsigned maker_count, table; /* table: of the first maker */
	EVP_MD_CTX *hash;
	struct nr_file file;
};

static void offer_fini(struct offer *offer)
{
	for (unsigned i = 0; offer->makers && i < offer->maker_count; i++) {
		struct maker *m = &offer->makers[i];
		free(m->slots);
		free(m->bins);
		free(m->orders);
		free(m->shares);
		free(m->words);
	}
	free(offer->makers);
	free(offer->elements);
	EVP_MD_CTX_free(offer->hash);
	nr_exchange_schedule_wipe(&offer->schedule);
	nr_file_fini(&offer->file);
}

static int offer_init(struct offer *offer, struct nr_error *error)
{
	const struct nr_exchange_group *group = offer->conf->group;
	size_t set = (size_t)group->candidates, bins = (size_t)group->bins;
	offer->maker_count = NR_MIN(nr_crew_members(offer->conf->crew), (unsigned)NR_EXCHANGE_TABLES);
	offer->makers = calloc(offer->maker_count, sizeof *offer->makers);
	offer->elements = malloc(set * sizeof *offer->elements);
	offer->hash = EVP_MD_CTX_new();
	bool made = offer->makers && offer->elements && offer->hash;
	for (unsigned i = 0; made && i < offer->maker_count; i++) {
		struct maker *m = &offer->makers[i];
		m->slots = malloc(bins * sizeof *m->slots);
		m->bins = malloc(set * sizeof *m->bins);
		m->orders = malloc(set * sizeof *m->orders);
		m->shares = malloc(bins * sizeof *m->shares);
		m->words = malloc(bins * sizeof *m->words);
		made = m->slots && m->bins && m->orders && m->shares && m->words;
	}
	return made ? 0 : nr_fail(error, -ENOMEM, "out of memory");
}

/* ---- places ---- */

/* Whether element a stands before the one in the slot. */
static bool is_before(
	const struct maker *m, const struct slot *slot, uint32_t a, uint32_t rank, uint64_t turn)
{
	if (rank != slot->rank)
		return rank < slot->rank;
	return (m->orders[a] ^ turn) < (m->orders[slot->who >> 2] ^ turn);
}

static void place_round(struct maker *m, size_t count, unsigned table, unsigned round)
{
	const uint64_t turn = (round + table) & 1 ? UINT64_MAX : 0;
	for (uint32_t a = 0; a < count; a++) {
		struct slot *slot = &m->slots[m->bins[a].of_round[round]];
		uint32_t rank = (uint32_t)((m->orders[a] ^ turn) >> 32);
		if (slot->who == EMPTY || ((slot->who & 3) == round && is_before(m, slot, a, rank, turn)))
			*slot = (struct slot){a << 2 | round, rank};
	}
}

/* ---- noise ---- */

/* Of a key that nobody keeps. */
static bool fill_noise(void *bytes, size_t length)
{
	uint8_t key[16], counter[16] = {0};
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	bool made = cipher && RAND_priv_bytes(key, sizeof key) == 1 &&
		    EVP_EncryptInit_ex(cipher, EVP_aes_128_ctr(), NULL, key, counter) == 1;
	memset(bytes, 0, length);
	for (size_t done = 0, n; made && done < length; done += n) {
		int out;
		n = NR_MIN(length - done, RANDOM_STEP);
		made = EVP_EncryptUpdate(
			       cipher, (uint8_t *)bytes + done, &out, (uint8_t *)bytes + done, (int)n) == 1;
	}
	OPENSSL_cleanse(key, sizeof key);
	EVP_CIPHER_CTX_free(cipher);
	return made;
}

/* Below the prime, as shares are; what would be the prime itself (one of 2^61) is drawn again as 0. */
static bool fill_shares(uint64_t *shares, size_t count)
{
	if (!fill_noise(shares, count * sizeof *shares))
		return false;
	for (size_t i = 0; i < count; i++) {
		uint64_t share = le64toh(shares[i]) & NR_FIELD_PRIME;
		shares[i] = htole64(share == NR_FIELD_PRIME ? 0 : share);
	}
	return true;
}

/* ---- shares ---- */

struct batch {
	struct nr_exchange_element elements[BATCH];
	uint32_t bins[BATCH], who[BATCH];
	size_t count;
};

static bool batch_write(const struct offer *offer, struct maker *m, const struct nr_exchange_table_keys *keys,
	unsigned round, struct batch *batch)
{
	uint64_t shares[BATCH];
	uint16_t masks[BATCH];
	const struct nr_exchange_offer_conf *conf = offer->conf;
	if (!nr_exchange_shares(keys, round, batch->elements, batch->count, conf->group->threshold,
		    conf->party, shares) ||
		!nr_exchange_masks(keys, round, batch->elements, batch->count, conf->party, masks))
		return false;
	for (size_t i = 0; i < batch->count; i++) {
		uint32_t who = batch->who[i], bin = batch->bins[i];
		uint16_t word = 0; /* of a made-up one */
		if (who < offer->candidates->count)
			word = nr_exchange_word(
				offer->candidates->items[who].llr, offer->candidates->items[who].clients);
		m->shares[bin] = htole64(shares[i]);
		m->words[bin] = htole16(word ^ masks[i]);
	}
	batch->count = 0;
	return true;
}

static bool fill_table(const struct offer *offer, struct maker *m, const struct nr_exchange_table_keys *keys)
{
	struct batch batches[NR_EXCHANGE_ROUNDS];
	bool fine = true;
	for (unsigned round = 0; round < NR_EXCHANGE_ROUNDS; round++)
		batches[round].count = 0;
	for (uint32_t bin = 0; fine && bin < offer->conf->group->bins; bin++) {
		uint32_t who = m->slots[bin].who;
		if (who == EMPTY)
			continue;
		struct batch *batch = &batches[who & 3];
		batch->elements[batch->count] = offer->elements[who >> 2];
		batch->bins[batch->count] = bin;
		batch->who[batch->count++] = who >> 2;
		if (batch->count == BATCH)
			fine = batch_write(offer, m, keys, who & 3, batch);
	}
	for (unsigned round = 0; fine && round < NR_EXCHANGE_ROUNDS; round++)
		fine = batch_write(offer, m, keys, round, &batches[round]);
	return fine;
}

static void make_table(void *context, unsigned member)
{
	struct offer *offer = context;
	unsigned table = offer->table + member;
	if (member >= offer->maker_count || table >= NR_EXCHANGE_TABLES)
		return;
	struct maker *m = &offer->makers[member];
	const struct nr_exchange_group *group = offer->conf->group;
	size_t set = (size_t)group->candidates, bins = (size_t)group->bins;
	NR_AUTO(nr_exchange_table_keys_close) struct nr_exchange_table_keys keys = {.place = NULL};
	m->failed = nr_exchange_table_keys_open(&offer->schedule, table, &keys, NULL) ||
		    !nr_exchange_places(&keys, offer->elements, set, group->bins, m->bins) ||
		    !nr_exchange_orders(&keys, offer->elements, set, m->orders) ||
		    !fill_shares(m->shares, bins) || !fill_noise(m->words, bins * sizeof *m->words);
	if (m->failed)
		return;
	memset(m->slots, 0xff, bins * sizeof *m->slots);
	for (unsigned round = 0; round < NR_EXCHANGE_ROUNDS; round++)
		place_round(m, set, table, round);
	m->failed = !fill_table(offer, m, &keys);
}

/* ---- the file ---- */

static void put(struct offer *offer, const void *bytes, size_t length)
{
	EVP_DigestUpdate(offer->hash, bytes, length);
	fwrite(bytes, 1, length, offer->file.stream); /* nr_file_commit() finds a failure */
}

static void write_table(struct offer *offer, const struct maker *m)
{
	size_t bins = (size_t)offer->conf->group->bins;
	for (size_t from = 0, n; from < bins; from += n) {
		n = NR_MIN(bins - from, (size_t)NR_EXCHANGE_BLOCK_BINS);
		put(offer, m->shares + from, n * sizeof *m->shares);
		put(offer, m->words + from, n * sizeof *m->words);
	}
}

static int write_tables(struct offer *offer, struct nr_error *error)
{
	for (offer->table = 0; offer->table < NR_EXCHANGE_TABLES; offer->table += offer->maker_count) {
		nr_crew_run(offer->conf->crew, make_table, offer);
		for (unsigned i = 0; i < offer->maker_count && offer->table + i < NR_EXCHANGE_TABLES; i++) {
			if (offer->makers[i].failed)
				return nr_fail(error, -EIO, "making table %u: %s", offer->table + i,
					nr_openssl_reason());
			write_table(offer, &offer->makers[i]);
		}
	}
	return 0;
}

static int finish(
	struct offer *offer, uint8_t digest[static NR_EXCHANGE_DIGEST_BYTES], struct nr_error *error)
{
	uint8_t signature[NR_EXCHANGE_SIGNATURE_BYTES];
	const struct nr_exchange_offer_conf *conf = offer->conf;
	if (EVP_DigestFinal_ex(offer->hash, digest, NULL) != 1)
		return nr_fail(error, -EIO, "SHA-256: %s", nr_openssl_reason());
	int e = nr_exchange_sign(conf->key, digest, signature, error);
	if (e)
		return e;
	fwrite(signature, 1, sizeof signature, offer->file.stream);
	if (fflush(offer->file.stream) || ferror(offer->file.stream))
		return nr_fail(error, -errno, "%.150s: %s", offer->file.path, strerror(errno));
	e = conf->before ? conf->before(conf->context, error) : 0;
	return e ? e : nr_file_commit(&offer->file, error);
}

int nr_exchange_offer_make(const struct nr_exchange_offer_conf *conf,
	const struct nr_exchange_candidates *candidates, const char *path,
	uint8_t ret_digest[static NR_EXCHANGE_DIGEST_BYTES], struct nr_error *error)
{
	NR_AUTO(offer_fini) struct offer offer = {.conf = conf, .candidates = candidates};
	const struct nr_exchange_head head = {
		.kind = NR_EXCHANGE_OFFER, .day = conf->secret->day, .party = conf->party};
	uint8_t bytes[NR_EXCHANGE_HEAD_BYTES];
	size_t set = (size_t)conf->group->candidates, real = candidates->count;
	if (real > set)
		return nr_fail(error, -E2BIG, "%zu candidates, but the group's sets have %zu", real, set);
	int e = offer_init(&offer, error);
	e = e ? e : nr_exchange_schedule_make(conf->secret, &offer.schedule, error);
	e = e ? e : nr_exchange_elements(&offer.schedule, candidates->items, real, offer.elements, error);
	if (!e && !fill_noise(offer.elements + real, (set - real) * sizeof *offer.elements))
		e = nr_fail(error, -EIO, "random bytes: %s", nr_openssl_reason());
	e = e ? e : nr_file_create(&offer.file, path, error);
	if (e)
		return e;
	EVP_DigestInit_ex(offer.hash, EVP_sha256(), NULL);
	nr_exchange_head_write(conf->group, &head, bytes);
	put(&offer, bytes, sizeof bytes);
	e = write_tables(&offer, error);
	return e ? e : finish(&offer, ret_digest, error);
}
