/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table under servers, pairs and hosts: entries of one size in one piece of memory that is given at the
 * beginning and never grows, found by an index of 8-byte slots (32 bits of the key's hash, the entry's
 * number). When it is full, a clock goes round (Corbato 1968): what was touched since the hand came by stays,
 * the others are let go and counted. Memory is taken from the kernel when it is first touched.
 *
 * From the time on when it is half full a key is let in when it comes the second time: a doorkeeper (one bit
 * a key, wiped when a quarter is set; Einziger, Friedman, Manes 2017) keeps out what comes once, scans above
 * all, which would turn the clock without end.
 *
 * Keys are chosen by strangers: hashes are keyed (struct nr_flow_hash_key), a new key for each detection.
 * One thread, or a lock of the caller's.
 */
#ifndef NR_SENSE_FLOW_DETECT_TABLE_CLOCK_TABLE_H
#define NR_SENSE_FLOW_DETECT_TABLE_CLOCK_TABLE_H

#include "base/address.h"

/* ---- hashes ---- */

struct nr_flow_hash_key {
	uint64_t words[3];
};
int nr_flow_hash_key_new(struct nr_flow_hash_key *ret_key, struct nr_error *error);

/* Folded multiplication, the step of wyhash (Wang Yi 2019). */
NR_INLINE uint64_t nr_flow_fold(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}
NR_INLINE uint64_t nr_flow_hash(
	const struct nr_flow_hash_key *key, const struct nr_address *address, uint64_t more)
{
	uint64_t high, low;
	memcpy(&high, address->octets, 8);
	memcpy(&low, address->octets + 8, 8);
	uint64_t hash = nr_flow_fold(low ^ key->words[0], more ^ key->words[1]);
	return nr_flow_fold(hash ^ high, key->words[2]) + low;
}

/* ---- entries ---- */

#define NR_FLOW_HEAT_MAX 3

/* Stands first in every entry; zero heat: the hand takes it. */
struct nr_flow_entry {
	uint32_t tag;        /* the key's hash, its upper half */
	uint16_t generation; /* of this place: another one each time it is given to another key */
	uint8_t heat, live;
};

struct nr_flow_clock_table {
	uint64_t *slots; /* tag << 32 | entry + 1; 0: empty */
	char *entries;   /* owned */
	uint32_t slot_count, room, used, hand;
	uint32_t stride;
	uint64_t let_go, not_admitted;
	uint64_t *door; /* bits of keys that came once */
	uint64_t door_bits, door_set;
};

/* Memory for as many entries as `bytes` hold, index included; at least 64. */
int nr_flow_clock_table_init(
	struct nr_flow_clock_table *table, size_t stride, uint64_t bytes, struct nr_error *error);
void nr_flow_clock_table_fini(struct nr_flow_clock_table *table);
/* Forgets everything, and gives the memory back to the kernel. */
int nr_flow_clock_table_clear(struct nr_flow_clock_table *table, struct nr_error *error);
/* Bytes that it may come to hold; what is promised. */
uint64_t nr_flow_clock_table_bytes(const struct nr_flow_clock_table *table);
/* Takes an entry out; its place is given away at once or with the next one that is wanted. */
void nr_flow_clock_table_drop(struct nr_flow_clock_table *table, uint32_t at);
/* Whether a key that is not in the table may have a place; if not, it may the next time. */
bool nr_flow_clock_table_admits(struct nr_flow_clock_table *table, uint64_t hash);
/* A place for a key that is not in the table, zeroed but for its head. Answers its number. */
uint32_t nr_flow_clock_table_place(struct nr_flow_clock_table *table, uint64_t hash);

NR_INLINE void *nr_flow_clock_table_at(const struct nr_flow_clock_table *table, uint32_t at)
{
	return table->entries + (size_t)at * table->stride;
}
NR_INLINE uint32_t nr_flow_clock_table_number(const struct nr_flow_clock_table *table, const void *entry)
{
	return (uint32_t)((size_t)((const char *)entry - table->entries) / table->stride);
}
NR_INLINE uint32_t nr_flow_clock_table_home(const struct nr_flow_clock_table *table, uint64_t hash)
{
	return (uint32_t)((hash >> 32) * table->slot_count >> 32);
}
NR_INLINE uint32_t nr_flow_clock_table_next(const struct nr_flow_clock_table *table, uint32_t slot)
{
	return slot + 1 == table->slot_count ? 0 : slot + 1;
}

/* Three steps of a batch, so that misses of the cache overlap: the slot, then the entry, then its use. */
NR_INLINE void nr_flow_clock_table_prefetch_slot(const struct nr_flow_clock_table *table, uint64_t hash)
{
	__builtin_prefetch(&table->slots[nr_flow_clock_table_home(table, hash)]);
}
NR_INLINE void nr_flow_clock_table_prefetch_entry(const struct nr_flow_clock_table *table, uint64_t hash)
{
	uint32_t slot = nr_flow_clock_table_home(table, hash);
	for (uint64_t v; (v = table->slots[slot]) != 0; slot = nr_flow_clock_table_next(table, slot))
		if (v >> 32 == hash >> 32) {
			const char *entry = nr_flow_clock_table_at(table, (uint32_t)v - 1);
			for (uint32_t line = 0; line < table->stride; line += NR_CACHE_LINE)
				__builtin_prefetch(entry + line, 1);
			return;
		}
}

/* The entry of a key; NULL: it is not there. is_it(entry, key) compares keys. */
#define NR_FLOW_CLOCK_TABLE_FIND(table, hash, is_it, key)                                                    \
	__extension__({                                                                                      \
		const struct nr_flow_clock_table *nr_table = (table);                                        \
		uint64_t nr_hash = (hash), nr_slot;                                                          \
		uint32_t nr_at = nr_flow_clock_table_home(nr_table, nr_hash);                                \
		void *nr_found = NULL;                                                                       \
		for (; (nr_slot = nr_table->slots[nr_at]) != 0;                                              \
			nr_at = nr_flow_clock_table_next(nr_table, nr_at))                                   \
			if (nr_slot >> 32 == nr_hash >> 32 &&                                                \
				is_it(nr_flow_clock_table_at(nr_table, (uint32_t)nr_slot - 1), key)) {       \
				nr_found = nr_flow_clock_table_at(nr_table, (uint32_t)nr_slot - 1);          \
				break;                                                                       \
			}                                                                                    \
		nr_found;                                                                                    \
	})

NR_INLINE void nr_flow_entry_touch(struct nr_flow_entry *entry)
{
	if (entry->heat < NR_FLOW_HEAT_MAX)
		entry->heat++;
}

#endif
