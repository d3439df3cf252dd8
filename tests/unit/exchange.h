/* SPDX-License-Identifier: Apache-2.0 */
/* A group with keys, for tests of the exchange: all in memory, offers and replies in a folder of its own. */
#ifndef NR_TESTS_UNIT_EXCHANGE_H
#define NR_TESTS_UNIT_EXCHANGE_H

#include "sense/flow/exchange/join.h"
#include "sense/flow/exchange/offer.h"
#include "sense/flow/exchange/open.h"
#include "trust/signer/keyfile.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define DAY 20780 /* 2026-11-23 */

struct house {
	char folder[64];
	struct nr_exchange_group group;
	struct nr_exchange_secret secret;
	EVP_PKEY *keys[NR_EXCHANGE_PARTIES_MAX], *collector;
	struct nr_crew *crew; /* NULL: one thread */
};

static inline EVP_PKEY *key_make(const char *name, char vkey[static NR_NOTE_VKEY_TEXT])
{
	EVP_PKEY *key = NULL;
	assert_int_equal(nr_key_generate("ed25519", &key, NULL), 0);
	assert_int_equal(nr_key_vkey(name, key, vkey, NULL), 0);
	return key;
}

static inline void house_init(struct house *h, unsigned parties, unsigned threshold, uint64_t candidates)
{
	char text[NR_EXCHANGE_GROUP_MAX], collector[NR_NOTE_VKEY_TEXT],
		vkeys[NR_EXCHANGE_PARTIES_MAX][NR_NOTE_VKEY_TEXT], name[32];
	const char *given[NR_EXCHANGE_PARTIES_MAX];
	*h = (struct house){.folder = "/tmp/noroshi-exchange-XXXXXX"};
	assert_non_null(mkdtemp(h->folder));
	h->collector = key_make("isac.example", collector);
	for (unsigned i = 0; i < parties; i++) {
		snprintf(name, sizeof name, "carrier-%u.example", i + 1);
		h->keys[i] = key_make(name, vkeys[i]);
		given[i] = vkeys[i];
	}
	const struct nr_exchange_group_conf conf = {.name = "test",
		.threshold = threshold,
		.candidates = candidates,
		.retention = 30,
		.collector = collector,
		.parties = given,
		.party_count = parties};
	assert_int_equal(nr_exchange_group_write(&conf, text, NULL), 0);
	assert_int_equal(nr_exchange_group_parse(text, strlen(text), &h->group, NULL), 0);
	h->secret = (struct nr_exchange_secret){.day = DAY, .offered = NR_EXCHANGE_NO_DAY, .key = {7}};
	memcpy(h->secret.group, h->group.id, sizeof h->group.id);
}

/* "FOLDER/PARTYname" */
static inline const char *place(
	const struct house *h, unsigned party, const char *name, char path[static 128])
{
	snprintf(path, 128, "%s/%u%s", h->folder, party, name);
	return path;
}

static inline void house_fini(struct house *h)
{
	static const char *const names[] = {".offer", ".reply", ".other"};
	char path[128];
	for (unsigned i = 0; i < NR_EXCHANGE_PARTIES_MAX; i++) {
		EVP_PKEY_free(h->keys[i]);
		for (unsigned k = 0; k < NR_COUNT(names); k++)
			unlink(place(h, i + 1, names[k], path));
	}
	EVP_PKEY_free(h->collector);
	nr_crew_free(h->crew);
	nr_exchange_group_fini(&h->group);
	assert_int_equal(rmdir(h->folder), 0); /* nothing half done is left */
}

/* A server of a number; those of different numbers differ. */
static inline struct nr_exchange_candidate server_of(uint32_t number, double nats, double confidence)
{
	return (struct nr_exchange_candidate){.address = nr_address_from_ipv4(0x14000000u + number / 7),
		.port = (uint16_t)(1000 + number % 7),
		.protocol = 6,
		.clients = NR_C2_CLIENTS_10,
		.own_clients = 20,
		.llr = (int8_t)(nats / NR_EXCHANGE_LLR_STEP),
		.confidence = confidence,
		.first = NR_TIME_MIN,
		.last = NR_TIME_MIN};
}

static inline void add(struct nr_exchange_candidates *c, struct nr_exchange_candidate candidate)
{
	c->items = realloc(c->items, (c->count + 1) * sizeof *c->items);
	assert_non_null(c->items);
	c->items[c->count++] = candidate;
}

static inline void offer(const struct house *h, unsigned party, const struct nr_exchange_candidates *c)
{
	char path[128];
	uint8_t digest[NR_EXCHANGE_DIGEST_BYTES];
	struct nr_error error = {0};
	const struct nr_exchange_offer_conf conf = {.group = &h->group,
		.secret = &h->secret,
		.party = party,
		.key = h->keys[party - 1],
		.crew = h->crew};
	if (nr_exchange_offer_make(&conf, c, place(h, party, ".offer", path), digest, &error))
		fail_msg("%s", error.text);
}

static inline int join_paths(const struct house *h, const char *const *paths, size_t count,
	struct nr_exchange_joined *ret_joined, struct nr_error *error)
{
	const struct nr_exchange_join_conf conf = {.group = &h->group,
		.key = h->collector,
		.crew = h->crew,
		.oldest = DAY - 30,
		.newest = DAY + 1,
		.paths = paths,
		.count = count,
		.folder = h->folder};
	return nr_exchange_join(&conf, ret_joined, error);
}

/* Of the offers of all parties. */
static inline struct nr_exchange_joined join_all(const struct house *h)
{
	char names[NR_EXCHANGE_PARTIES_MAX][128];
	const char *paths[NR_EXCHANGE_PARTIES_MAX];
	struct nr_exchange_joined joined;
	struct nr_error error = {0};
	for (unsigned i = 0; i < h->group.party_count; i++)
		paths[i] = place(h, i + 1, ".offer", names[i]);
	if (join_paths(h, paths, h->group.party_count, &joined, &error))
		fail_msg("%s", error.text);
	return joined;
}

static inline struct nr_exchange_opened open_reply(
	const struct house *h, unsigned party, const struct nr_exchange_candidates *c)
{
	char path[128];
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	const struct nr_exchange_trust trust = {NR_EXCHANGE_SAY, 1};
	struct nr_exchange_head head;
	struct nr_exchange_opened opened = {.count = 0};
	struct nr_error error = {0};
	if (nr_exchange_reply_read(
		    place(h, party, ".reply", path), &h->group, &bytes, &length, &head, &error) ||
		nr_exchange_reply_open(&h->group, &h->secret, c, &trust, bytes, length, &opened, &error))
		fail_msg("%s", error.text);
	return opened;
}

#endif
