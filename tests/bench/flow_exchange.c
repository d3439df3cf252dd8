/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-flow-exchange FOLDER [PARTIES [CANDIDATES [THRESHOLD [COMMON [WORKERS]]]]]: every step of an exchange
 * on this machine, one after the other: findings read, offers made, joined, opened. Wall and processor time,
 * sizes. COMMON candidates are everybody's, the others each one's own. Leaves nothing.
 */
#include "sense/flow/exchange/join.h"
#include "sense/flow/exchange/offer.h"
#include "sense/flow/exchange/open.h"
#include "trust/signer/keyfile.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define DAY 20780

struct bench {
	const char *folder;
	unsigned parties, threshold, workers;
	uint64_t candidates, common;
	struct nr_exchange_group group;
	struct nr_exchange_secret secret;
	EVP_PKEY *keys[NR_EXCHANGE_PARTIES_MAX], *collector;
	struct nr_crew *crew;
	struct nr_c2_list *list;
	double wall; /* of all steps */
};

static void must(int code, const struct nr_error *error)
{
	if (!code)
		return;
	fprintf(stderr, "bench-flow-exchange: %s\n", error->text);
	exit(4);
}

/* ---- time ---- */

struct watch {
	double wall, processor;
};

static struct watch now(void)
{
	struct timespec wall, processor;
	clock_gettime(CLOCK_MONOTONIC, &wall);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &processor);
	return (struct watch){(double)wall.tv_sec + 1e-9 * (double)wall.tv_nsec,
		(double)processor.tv_sec + 1e-9 * (double)processor.tv_nsec};
}

static void tell(struct bench *b, const char *what, unsigned party, struct watch since, uint64_t bytes)
{
	struct watch until = now();
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	b->wall += until.wall - since.wall;
	printf("%-8s %2u  %6.2f s wall  %6.2f s processor  %8.1f MB file  %6ld MB peak memory\n", what, party,
		until.wall - since.wall, until.processor - since.processor, (double)bytes / 1e6,
		usage.ru_maxrss / 1024);
	fflush(stdout);
}

static uint64_t size_of(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static void path_of(const struct bench *b, unsigned party, const char *name, char path[static 4096])
{
	snprintf(path, 4096, "%.4000s/%u.%s", b->folder, party, name);
}

/* ---- a group ---- */

static EVP_PKEY *key_make(const char *name, char vkey[static NR_NOTE_VKEY_TEXT])
{
	EVP_PKEY *key = NULL;
	struct nr_error error = {0};
	must(nr_key_generate("ed25519", &key, &error), &error);
	must(nr_key_vkey(name, key, vkey, &error), &error);
	return key;
}

static void bench_init(struct bench *b)
{
	char text[NR_EXCHANGE_GROUP_MAX], collector[NR_NOTE_VKEY_TEXT],
		vkeys[NR_EXCHANGE_PARTIES_MAX][NR_NOTE_VKEY_TEXT], name[32];
	const char *given[NR_EXCHANGE_PARTIES_MAX];
	struct nr_error error = {0};
	struct nr_prefix own;
	b->collector = key_make("isac.example", collector);
	for (unsigned i = 0; i < b->parties; i++) {
		snprintf(name, sizeof name, "carrier-%u.example", i + 1);
		b->keys[i] = key_make(name, vkeys[i]);
		given[i] = vkeys[i];
	}
	const struct nr_exchange_group_conf conf = {.name = "bench",
		.threshold = b->threshold,
		.candidates = b->candidates,
		.retention = 30,
		.collector = collector,
		.parties = given,
		.party_count = b->parties};
	must(nr_exchange_group_write(&conf, text, &error), &error);
	must(nr_exchange_group_parse(text, strlen(text), &b->group, &error), &error);
	b->secret = (struct nr_exchange_secret){.day = DAY, .key = {1}};
	memcpy(b->secret.group, b->group.id, sizeof b->group.id);
	must(nr_prefix_parse("198.51.100.0/24", &own, &error), &error);
	must(nr_c2_list_new(&own, 1, &b->list, &error), &error);
	must(nr_crew_new(b->workers, &b->crew, &error), &error);
}

/* ---- steps ---- */

static void findings_write(const struct bench *b, unsigned party, const char *path)
{
	FILE *file = fopen(path, "we");
	if (!file) {
		perror(path);
		exit(4);
	}
	for (uint64_t i = 0; i < b->candidates; i++) {
		uint64_t number = i < b->common ? i : i + b->candidates * party;
		char address[NR_ADDRESS_TEXT];
		const struct nr_address a = nr_address_from_ipv4(0x14000000u + (uint32_t)(number / 4));
		fprintf(file,
			"{\"kind\":\"c2-server\",\"subject\":\"%s\",\"port\":%u,\"protocol\":\"tcp\","
			"\"confidence\":"
			"0.0312,\"clients\":23,\"first_seen\":\"2026-11-23T01:00:00Z\",\"last_seen\":\"2026-"
			"11-"
			"23T22:00:00Z\",\"reasons\":[{\"code\":\"comb\",\"text_en\":\"its clients come back "
			"every "
			"60 s, z 5.1\",\"text_ja\":\"クライアントが60秒ごとに接続（z "
			"5.1）\",\"value\":5.1,\"weight\":2.2}],\"alarm\":false}\n",
			nr_address_write(&a, address), 8000 + (unsigned)(number % 4));
	}
	fclose(file);
}

static void carrier(struct bench *b, unsigned party)
{
	char path[4096];
	struct nr_error error = {0};
	struct nr_exchange_candidates candidates = {.items = NULL};
	uint8_t digest[NR_EXCHANGE_DIGEST_BYTES];
	const struct nr_exchange_offer_conf conf = {.group = &b->group,
		.secret = &b->secret,
		.party = party,
		.key = b->keys[party - 1],
		.crew = b->crew};
	path_of(b, party, "findings", path);
	struct watch since = now();
	must(nr_exchange_candidates_read(&candidates, path, b->list, DAY, b->crew, &error), &error);
	nr_exchange_candidates_settle(&candidates, (size_t)b->candidates);
	tell(b, "read", party, since, size_of(path));
	path_of(b, party, "offer", path);
	since = now();
	must(nr_exchange_offer_make(&conf, &candidates, path, digest, &error), &error);
	tell(b, "offer", party, since, size_of(path));
	nr_exchange_candidates_fini(&candidates);
}

static void collector(struct bench *b)
{
	char names[NR_EXCHANGE_PARTIES_MAX][4096], reply[4096];
	const char *paths[NR_EXCHANGE_PARTIES_MAX];
	struct nr_exchange_joined joined;
	struct nr_error error = {0};
	for (unsigned i = 0; i < b->parties; i++) {
		path_of(b, i + 1, "offer", names[i]);
		paths[i] = names[i];
	}
	const struct nr_exchange_join_conf conf = {.group = &b->group,
		.key = b->collector,
		.crew = b->crew,
		.oldest = DAY,
		.newest = DAY,
		.paths = paths,
		.count = b->parties,
		.folder = b->folder};
	struct watch since = now();
	must(nr_exchange_join(&conf, &joined, &error), &error);
	path_of(b, 1, "reply", reply);
	tell(b, "join", 0, since, size_of(reply));
}

/* The candidates are read before the watch: the carrier has read them for its offer. */
static void open_one(struct bench *b, unsigned party)
{
	char path[4096];
	struct nr_error error = {0};
	struct nr_exchange_candidates candidates = {.items = NULL};
	const struct nr_exchange_trust trust = {NR_EXCHANGE_SAY, 1};
	struct nr_exchange_opened opened;
	struct nr_exchange_head head;
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	path_of(b, party, "findings", path);
	struct watch since = now();
	must(nr_exchange_candidates_read(&candidates, path, b->list, DAY, b->crew, &error), &error);
	nr_exchange_candidates_settle(&candidates, (size_t)b->candidates);
	path_of(b, party, "reply", path);
	must(nr_exchange_reply_read(path, &b->group, &bytes, &length, &head, &error), &error);
	must(nr_exchange_reply_open(
		     &b->group, &b->secret, &candidates, &trust, bytes, length, &opened, &error),
		&error);
	tell(b, "open", party, since, size_of(path));
	if (opened.count != b->common)
		printf("         %zu found of %llu\n", opened.count, (unsigned long long)b->common);
	nr_exchange_opened_fini(&opened);
	nr_exchange_candidates_fini(&candidates);
}

static void bench_fini(struct bench *b)
{
	static const char *const names[] = {"findings", "offer", "reply"};
	char path[4096];
	for (unsigned i = 1; i <= b->parties; i++)
		for (size_t k = 0; k < NR_COUNT(names); k++) {
			path_of(b, i, names[k], path);
			unlink(path);
		}
	nr_crew_free(b->crew);
	nr_c2_list_free(b->list);
}

static uint64_t number(int argc, char **argv, int at, uint64_t fallback)
{
	return at < argc ? strtoull(argv[at], NULL, 10) : fallback;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: bench-flow-exchange FOLDER [PARTIES [CANDIDATES [THRESHOLD [COMMON "
				"[WORKERS]]]]]\n");
		return 2;
	}
	struct bench b = {.folder = argv[1],
		.parties = (unsigned)number(argc, argv, 2, 5),
		.candidates = number(argc, argv, 3, 1000000),
		.threshold = (unsigned)number(argc, argv, 4, 2),
		.common = number(argc, argv, 5, 1000),
		.workers = (unsigned)number(argc, argv, 6, (uint64_t)sysconf(_SC_NPROCESSORS_ONLN))};
	char path[4096];
	bench_init(&b);
	printf("%u parties, threshold %u, %llu candidates, %llu of all, %u threads\n", b.parties, b.threshold,
		(unsigned long long)b.candidates, (unsigned long long)b.common, b.workers);
	for (unsigned i = 1; i <= b.parties; i++) {
		path_of(&b, i, "findings", path);
		findings_write(&b, i, path);
	}
	for (unsigned i = 1; i <= b.parties; i++)
		carrier(&b, i);
	collector(&b);
	for (unsigned i = 1; i <= b.parties; i++)
		open_one(&b, i);
	printf("all      --  %6.2f s wall\n", b.wall);
	bench_fini(&b);
	return 0;
}
