/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ledger costs, as one JSON object: durable entries a second in batches, beside what must be paid in
 * any case in the same run: SHA-256 of the same bytes (one leaf and one node an entry) and as many writes and
 * fdatasyncs of as many bytes to one file. Then proofs in a ledger of ENTRIES entries, made and verified.
 * Times are of the processor (cpu) and of the clock; other work on the machine disturbs the latter alone.
 *
 * usage: ledger FOLDER [ENTRIES [BATCH]]     (10,000,000 and 1,000; FOLDER must not exist)
 */
#include "trust/ledger/ledger.h"
#include "trust/ledger/checkpoint.h"
#include "trust/ledger/note.h"
#include "trust/ledger/proof.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ENTRY_BYTES 200 /* of a token's entry */
#define BATCH_MAX   8192
#define PROOFS      2000
#define ORIGIN      "bench.example"

static EVP_PKEY *key;
static uint8_t public[32];
static char entries_text[BATCH_MAX][ENTRY_BYTES + 1];
static struct nr_ledger_entry entries[BATCH_MAX];

struct times {
	double clock, cpu;
};

static struct times now(void)
{
	struct timespec clock, cpu;
	clock_gettime(CLOCK_MONOTONIC, &clock);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	return (struct times){(double)clock.tv_sec + (double)clock.tv_nsec / 1e9,
		(double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9};
}

static struct times since(struct times start)
{
	struct times end = now();
	return (struct times){end.clock - start.clock, end.cpu - start.cpu};
}

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "ledger: %s\n", what);
	exit(1);
}

static int sign(void *context, const char *text, size_t text_length, char *note, size_t *length,
	struct nr_error *error)
{
	uint8_t signature[64];
	size_t size = sizeof signature, room = *length;
	(void)context;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	if (EVP_DigestSignInit(md, NULL, NULL, NULL, key) != 1 ||
		EVP_DigestSign(md, signature, &size, (const uint8_t *)text, text_length) != 1)
		give_up("cannot sign");
	EVP_MD_CTX_free(md);
	*length = (size_t)snprintf(note, room, "%.*s\n", (int)text_length, text);
	return nr_note_add_line(note, length, room, ORIGIN, nr_note_id(ORIGIN, NR_NOTE_ED25519, public, 32),
		signature, 64, error);
}

static void make_key(void)
{
	size_t length = sizeof public;
	key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (!key || EVP_PKEY_get_raw_public_key(key, public, &length) != 1)
		give_up("no key");
}

/* Every batch has other entries, at no cost to speak of. */
static void make_batch(uint64_t first, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *text = entries_text[i];
		if (!entries[i].length) {
			memset(text, 'x', ENTRY_BYTES);
			memcpy(text, "{\"kind\":\"token\",\"n\":\"", 21);
			entries[i] = (struct nr_ledger_entry){text, ENTRY_BYTES};
		}
		uint64_t n = first + i;
		for (unsigned k = 0; k < 16; k++)
			text[21 + k] = "0123456789abcdef"[n >> (60 - 4 * k) & 15];
	}
}

static struct times append_all(const char *folder, uint64_t count, size_t batch)
{
	const struct nr_ledger_conf conf = {.folder = folder, .origin = ORIGIN, .sign = sign};
	struct nr_ledger *ledger;
	struct nr_error error;
	struct times start = now();
	if (nr_ledger_open(&conf, &ledger, &error))
		give_up(error.text);
	for (uint64_t i = 0, first; i < count; i += batch) {
		size_t part = (size_t)NR_MIN((uint64_t)batch, count - i);
		make_batch(i, part);
		if (nr_ledger_append(ledger, entries, part, &first, &error))
			give_up(error.text);
	}
	nr_ledger_close(ledger); /* the last tiles and the checkpoint, too */
	return since(start);
}

/* The least that it can cost: each entry's leaf and one node, and the batches written and synced. */
static struct times raw_all(const char *path, uint64_t count, size_t batch, bool hash)
{
	int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct nr_hash leaf, node = {{0}};
	struct times start = now();
	off_t at = 0;
	if (file < 0)
		give_up("cannot write");
	for (uint64_t i = 0; i < count; i += batch) {
		size_t part = (size_t)NR_MIN((uint64_t)batch, count - i),
		       bytes = part * sizeof entries_text[0];
		make_batch(i, part);
		for (size_t k = 0; hash && k < part; k++) {
			nr_merkle_leaf(entries[k].bytes, entries[k].length, &leaf);
			nr_merkle_node(&node, &leaf, &node);
		}
		if (pwrite(file, entries_text, bytes, at % (64 << 20)) != (ssize_t)bytes ||
			fdatasync(file) < 0)
			give_up("cannot write");
		at += (off_t)bytes;
	}
	struct times took = since(start);
	close(file);
	unlink(path);
	return took;
}

struct proving {
	struct times made, checked;
	size_t hashes;
};

static struct proving prove(const char *folder, uint64_t count)
{
	const struct nr_ledger_conf conf = {.folder = folder};
	struct nr_ledger *ledger;
	struct nr_error error;
	struct nr_hash root;
	static struct nr_proof proofs[PROOFS];
	static uint64_t indices[PROOFS];
	struct proving p = {.hashes = 0};
	if (nr_ledger_open(&conf, &ledger, &error))
		give_up(error.text);
	uint64_t size = nr_ledger_published(ledger, &root);
	if (size != count)
		give_up("not everything was published");
	struct times start = now();
	for (size_t i = 0; i < PROOFS; i++) {
		indices[i] = (i * UINT64_C(0x9e3779b97f4a7c15)) % size;
		if (nr_ledger_prove_inclusion(ledger, indices[i], size, &proofs[i], &error))
			give_up(error.text);
	}
	p.made = since(start);
	for (size_t i = 0; i < PROOFS; i++) {
		struct nr_hash leaf;
		make_batch(indices[i], 1);
		nr_merkle_leaf(entries[0].bytes, entries[0].length, &leaf);
		if (!nr_merkle_check_inclusion(
			    indices[i], size, &leaf, proofs[i].hashes, proofs[i].count, &root))
			give_up("a proof does not hold");
		p.hashes = NR_MAX(p.hashes, proofs[i].count);
	}
	nr_ledger_close(ledger);
	return p;
}

/* A proof with its checkpoint and signature, as a stranger verifies it. */
static struct times verify(const char *folder)
{
	NR_AUTO(nr_tlog_policy_freep) struct nr_tlog_policy *policy = NULL;
	const struct nr_ledger_conf conf = {.folder = folder};
	NR_AUTO(nr_ledger_closep) struct nr_ledger *ledger = NULL;
	char vkey[NR_NOTE_VKEY_TEXT], path[4096], note[4096], *text;
	struct nr_proof proof;
	size_t length;
	nr_note_vkey_write(ORIGIN, NR_NOTE_ED25519, public, vkey, NULL);
	snprintf(path, sizeof path, "%s/checkpoint", folder);
	FILE *file = fopen(path, "r");
	size_t note_length = file ? fread(note, 1, sizeof note, file) : 0;
	if (file)
		fclose(file);
	if (nr_tlog_policy_of_log(vkey, &policy, NULL) || nr_ledger_open(&conf, &ledger, NULL) ||
		nr_ledger_prove_inclusion(ledger, 5, nr_ledger_size(ledger), &proof, NULL) ||
		nr_tlog_proof_write(5, &proof, note, note_length, &text, &length, NULL))
		give_up("no proof");
	make_batch(5, 1);
	struct times start = now();
	for (size_t i = 0; i < PROOFS; i++) {
		struct nr_tlog_proof parsed;
		struct nr_tlog_policy_verdict verdict;
		if (nr_tlog_proof_parse(text, length, &parsed, NULL) ||
			nr_tlog_proof_check(&parsed, entries[0].bytes, ENTRY_BYTES, policy, &verdict, NULL))
			give_up("the proof does not hold");
	}
	struct times took = since(start);
	free(text);
	return took;
}

int main(int argc, char **argv)
{
	if (argc < 2 || access(argv[1], F_OK) == 0)
		give_up("usage: ledger FOLDER [ENTRIES [BATCH]], FOLDER is made");
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000000;
	size_t batch = argc > 3 ? strtoull(argv[3], NULL, 10) : 1000;
	char raw_path[4096];
	if (!count || !batch || batch > BATCH_MAX || mkdir(argv[1], 0777) < 0)
		give_up("ENTRIES and BATCH from 1, BATCH at most 8192; FOLDER must be new");
	snprintf(raw_path, sizeof raw_path, "%s/raw", argv[1]);
	make_key();
	struct times raw = raw_all(raw_path, count, batch, true);
	struct times syncs = raw_all(raw_path, count, batch, false);
	struct times ledger = append_all(argv[1], count, batch);
	struct proving proving = prove(argv[1], count);
	struct times verifying = verify(argv[1]);
	double n = (double)count;
	printf("{\"entries\":%llu,\"batch\":%zu,\"entry_bytes\":%d,\n"
	       " \"entries_per_second\":%.0f,\"entries_per_cpu_second\":%.0f,\n"
	       " \"raw_per_second\":%.0f,\"raw_per_cpu_second\":%.0f,\"write_and_sync_per_second\":%.0f,\n"
	       " \"cpu_times_raw\":%.2f,\"time_times_raw\":%.2f,\n"
	       " \"proof_ms\":%.4f,\"proof_cpu_ms\":%.4f,\"proof_hashes\":%zu,\n"
	       " \"verify_ms\":%.4f,\"verify_cpu_ms\":%.4f}\n",
		(unsigned long long)count, batch, ENTRY_BYTES, n / ledger.clock, n / ledger.cpu,
		n / raw.clock, n / raw.cpu, n / syncs.clock, ledger.cpu / raw.cpu, ledger.clock / raw.clock,
		proving.made.clock / PROOFS * 1e3, proving.made.cpu / PROOFS * 1e3, proving.hashes,
		verifying.clock / PROOFS * 1e3, verifying.cpu / PROOFS * 1e3);
	EVP_PKEY_free(key);
	return 0;
}
