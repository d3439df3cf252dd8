/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-flow-law: what the law costs. Blocks of flows with one client each through nr_flow_law_apply, and
 * names alone by AES-256 as it is used, in batches, beside HMAC-SHA-256 and SipHash one by one; all in turns,
 * in processor time.
 */
#include "base/hash.h"
#include "sense/flow/law/law.h"
#include "sense/flow/law/pseudonym.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <time.h>

#define ROWS  NR_FLOW_ROOM
#define TURNS 200

static double processor_time(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Clients of a /8 and of a /16, each with a server, in both directions. */
static void fill(struct nr_flow_block *block, uint64_t *state)
{
	nr_flow_block_clear(block);
	block->received_first = INT64_C(1764547200) * NR_SECOND;
	nr_flow_rows_open(block, ROWS, NR_FLOW_BIT(SOURCE_LOW) | NR_FLOW_BIT(DESTINATION_LOW));
	uint64_t *source = nr_flow_column_at(block, NR_FLOW_SOURCE_LOW);
	uint64_t *destination = nr_flow_column_at(block, NR_FLOW_DESTINATION_LOW);
	for (uint32_t i = 0; i < ROWS; i++) {
		uint64_t x = next(state);
		uint64_t client =
			UINT64_C(0xffff) << 32 | (x & 3 ? 0x0b000000u | x >> 40 : 0x0d040000u | x >> 48);
		uint64_t server = UINT64_C(0xffff) << 32 | 0x20000000u | (x >> 20 & 0x1fffffff);
		source[i] = x & 16 ? client : server;
		destination[i] = x & 16 ? server : client;
	}
	nr_flow_rows_close(block, ROWS);
}

static void by_hmac(uint64_t *names)
{
	static const uint8_t key[32] = {1};
	for (uint64_t i = 0; i < NR_FLOW_BATCH; i++) {
		uint64_t in[2] = {0, i};
		uint8_t out[32];
		unsigned length;
		HMAC(EVP_sha256(), key, sizeof key, (uint8_t *)in, sizeof in, out, &length);
		memcpy(&names[i], out, 8);
	}
}

static void by_siphash(uint64_t *names)
{
	for (uint64_t i = 0; i < NR_FLOW_BATCH; i++) {
		uint64_t in[2] = {0, i};
		names[i] = nr_siphash(in, sizeof in, 1, 2);
	}
}

static void by_aes(struct nr_flow_pseudonyms *pseudonyms, uint64_t *names)
{
	static struct nr_flow_batch batch;
	batch.count = 0;
	for (uint32_t i = 0; i < NR_FLOW_BATCH; i++)
		nr_flow_batch_add(&batch, i, 0, UINT64_C(0xffff) << 32 | i);
	if (!nr_flow_pseudonyms_map(pseudonyms, &batch, names))
		abort();
}

int main(int argc, char **argv)
{
	struct nr_prefix own[2];
	struct nr_flow_law *law = NULL;
	struct nr_flow_block *block = NULL;
	struct nr_flow_pseudonyms *pseudonyms = NULL;
	const struct nr_flow_key key = {0, NR_DAY, {1}};
	struct nr_error error = {0};
	uint64_t state = 1, names[NR_FLOW_BATCH];
	double time[4] = {0};
	if (argc != 2) {
		fprintf(stderr, "usage: bench-flow-law FOLDER\n");
		return 2;
	}
	if (nr_prefix_parse("11.0.0.0/8", &own[0], &error) ||
		nr_prefix_parse("13.4.0.0/16", &own[1], &error) ||
		nr_flow_law_open(&(struct nr_flow_law_options){.own = {own, 2}}, argv[1], &law, &error) ||
		nr_flow_block_new(ROWS, &block, &error) ||
		nr_flow_pseudonyms_new(&key, &pseudonyms, &error)) {
		fprintf(stderr, "%s\n", error.text);
		return 4;
	}
	for (unsigned turn = 0; turn < TURNS; turn++) {
		fill(block, &state);
		double start = processor_time();
		if (nr_flow_law_apply(law, block, &error))
			return 4;
		time[0] += processor_time() - start;
		start = processor_time();
		by_aes(pseudonyms, names);
		time[1] += processor_time() - start;
		start = processor_time();
		by_hmac(names);
		time[2] += processor_time() - start;
		start = processor_time();
		by_siphash(names);
		time[3] += processor_time() - start;
	}
	printf("apply       %6.1f ns a flow, %6.1f million clients named a second\n",
		time[0] / TURNS / ROWS * 1e9, (double)nr_flow_law_counts(law).clients / time[0] / 1e6);
	printf("AES-256     %6.1f ns a name\n", time[1] / TURNS / NR_FLOW_BATCH * 1e9);
	printf("HMAC        %6.1f ns\n", time[2] / TURNS / NR_FLOW_BATCH * 1e9);
	printf("SipHash-1-3 %6.1f ns\n", time[3] / TURNS / NR_FLOW_BATCH * 1e9);
	nr_flow_pseudonyms_free(pseudonyms);
	nr_flow_block_free(block);
	nr_flow_law_close(law);
	return 0;
}
