/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rankings: rows of many packs are added up by key in memory, and the page behind a cursor is picked out. A
 * ranking over a year is a million numbers, which are no work; only the page's rows are looked at closely.
 */
#ifndef NR_STORE_RANK_H
#define NR_STORE_RANK_H

#include "store/cells.h"

#define NR_RANK_KEYS_MAX (16u << 20) /* keys of one ranking; more is refused */

/* Everything known of a key. */
struct nr_sum {
	uint64_t high, low; /* the key */
	int64_t packets, bytes;
	uint64_t word; /* of the newest row: port class, name of a network */
};

struct nr_sums {
	struct nr_sum *items; /* owned */
	uint32_t *slots;      /* owned; open addressing into items, 0 is free */
	size_t count, room, slot_count;
};

void nr_sums_fini(struct nr_sums *sums);
/* The key's sum, made where absent; NULL: out of memory, or more than NR_RANK_KEYS_MAX. Valid until the next.
 */
struct nr_sum *nr_sums_at(struct nr_sums *sums, uint64_t high, uint64_t low);
/* A look ahead, some rows before nr_sums_at(): ranges of memory that are much larger than the caches. */
void nr_sums_prefetch(const struct nr_sums *sums, uint64_t high, uint64_t low);
/* A second one, nearer: the sum itself. */
void nr_sums_prefetch_sum(const struct nr_sums *sums, uint64_t high, uint64_t low);
/* Room for so many keys, so that it need not grow on the way. */
bool nr_sums_reserve(struct nr_sums *sums, size_t keys);
bool nr_sums_has(const struct nr_sums *sums, uint64_t high, uint64_t low);
int nr_sums_fail(struct nr_error *error);

/* Picks the page: of the sums with packets those behind the cursor, in the order of the plan, one more than
 * the question's limit. `compare` orders sums with the same packets; `position` compares a sum with the
 * cursor's keys behind the first one. */
struct nr_page {
	const struct nr_sum **items; /* owned, in order */
	size_t count;
};
void nr_page_fini(struct nr_page *page);

struct nr_order_of_sums {
	int (*compare)(void *context, const struct nr_sum *a, const struct nr_sum *b);
	int (*position)(void *context, const struct nr_sum *sum, const struct nr_key *after);
	void *context;
};
/* Whether a sum is behind the question's cursor. */
bool nr_rank_is_after(
	const struct nr_sum *sum, const struct nr_ask *ask, const struct nr_order_of_sums *order);
int nr_rank_page(const struct nr_sums *sums, const struct nr_ask *ask, const struct nr_order_of_sums *order,
	struct nr_page *ret_page, struct nr_error *error);

/* ---- ports ---- */

/* Packets by protocol and port, one number each: no search and no key, a million rows are a few ms. What else
 * is known of a port is read for the page's alone. */
struct nr_port_sums {
	int64_t *packets[256]; /* owned; by protocol, each by port, NULL where there is none */
};
void nr_port_sums_fini(struct nr_port_sums *sums);
/* A protocol's ports; NULL: out of memory. */
int64_t *nr_port_sums_of(struct nr_port_sums *sums, uint8_t protocol);
/* Those that the page is made of: behind the cursor, one more than the question's limit, in no order. */
int nr_port_sums_pick(const struct nr_port_sums *sums, const struct nr_ask *ask, struct nr_sums *into,
	struct nr_error *error);
extern const struct nr_order_of_sums nr_order_of_ports;

/* ---- texts of keys ---- */

/* Texts by number, kept for the length of a question: for comparing and for rows. */
struct nr_texts_by_word {
	struct nr_reading *reading;
	struct nr_word_text {
		uint64_t word;
		char *text; /* owned */
	} * items;          /* owned; open addressing, by word; text NULL is free */
	size_t count, room;
};
void nr_texts_by_word_fini(struct nr_texts_by_word *texts);
/* Never NULL where status is 0. */
int nr_texts_load(
	struct nr_texts_by_word *texts, uint64_t word, const char **ret_text, struct nr_error *error);
/* A text that was loaded before. */
const char *nr_texts_at(const struct nr_texts_by_word *texts, uint64_t word);

#endif
