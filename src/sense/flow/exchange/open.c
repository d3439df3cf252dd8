/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/exchange/open.h"
#include "base/file.h"

#include <errno.h>
#include <math.h>
#include <openssl/sha.h>
#include <string.h>

#define BATCH       512
#define NO_SURENESS 1e-9 /* what odds are made of lies in [this, 1 - this] */

/* ---- the file ---- */

int nr_exchange_reply_read(const char *path, const struct nr_exchange_group *group, uint8_t **ret_bytes,
	size_t *ret_length, struct nr_exchange_head *ret_head, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	uint8_t digest[NR_EXCHANGE_DIGEST_BYTES];
	size_t length;
	uint64_t limit = NR_EXCHANGE_HEAD_BYTES + NR_EXCHANGE_SIGNATURE_BYTES +
			 group->party_count * NR_EXCHANGE_DIGEST_BYTES +
			 group->bins * NR_EXCHANGE_TABLES * nr_exchange_record_bytes(group);
	int e = nr_file_read(path, (size_t)limit, &bytes, &length, error);
	e = e ? e : nr_exchange_head_parse(group, NR_EXCHANGE_REPLY, bytes, length, ret_head, error);
	if (!e && length < NR_EXCHANGE_HEAD_BYTES + NR_EXCHANGE_SIGNATURE_BYTES)
		e = nr_fail(error, -EBADMSG, "%zu bytes: cut short", length);
	if (e)
		return e == -EBADMSG ? nr_error_prefix(error, "%.120s", path) : e;
	length -= NR_EXCHANGE_SIGNATURE_BYTES;
	SHA256(bytes, length, digest);
	e = nr_exchange_check(&group->collector, digest, bytes + length, error);
	if (e)
		return nr_error_prefix(error, "%.120s", path);
	*ret_bytes = nr_steal(&bytes);
	*ret_length = length;
	return 0;
}

/* ---- what is found ---- */

/* What others said of one candidate, over all places where it was met. */
struct said {
	uint16_t holders;
	int8_t llr[NR_EXCHANGE_PARTIES_MAX];
	uint8_t clients[NR_EXCHANGE_PARTIES_MAX];
};

struct opening {
	const struct nr_exchange_group *group;
	const struct nr_exchange_candidates *candidates;
	const struct nr_exchange_reply *reply;
	const struct nr_exchange_trust *trust;
	struct nr_exchange_element *elements;
	struct nr_exchange_bins *bins; /* of elements, in the table that is looked at */
	uint32_t *record_of;           /* by bin: index in the table's records and 1 */
	uint32_t *said_of;             /* by candidate: index and 1 */
	struct said *said;
	size_t said_count, said_room;
	struct nr_exchange_opened opened;
};

static void opening_fini(struct opening *o)
{
	free(o->elements);
	free(o->bins);
	free(o->record_of);
	free(o->said_of);
	free(o->said);
	nr_exchange_opened_fini(&o->opened);
}

void nr_exchange_opened_fini(struct nr_exchange_opened *opened)
{
	free(opened->joints);
	opened->joints = NULL;
}

static struct said *said_of(struct opening *o, size_t candidate, struct nr_error *error)
{
	if (!o->said_of[candidate]) {
		if (o->said_count == o->said_room) {
			size_t room = o->said_room ? 2 * o->said_room : 64;
			struct said *grown = realloc(o->said, room * sizeof *grown);
			if (!grown) {
				nr_fail(error, -ENOMEM, "out of memory");
				return NULL;
			}
			o->said = grown;
			o->said_room = room;
		}
		o->said[o->said_count] = (struct said){.holders = 0};
		o->said_of[candidate] = (uint32_t)++o->said_count;
	}
	return &o->said[o->said_of[candidate] - 1];
}

/* Where a carrier said different things of one candidate, the weaker counts. */
static int hear(struct opening *o, const struct nr_exchange_table_keys *keys, unsigned round,
	size_t candidate, const struct nr_exchange_record *record, struct nr_error *error)
{
	struct said *said = said_of(o, candidate, error);
	if (!said)
		return -ENOMEM;
	for (unsigned i = 0; i < o->group->party_count; i++) {
		uint16_t mask, bit = (uint16_t)(1u << i);
		int8_t llr;
		uint8_t clients;
		if (!(record->holders & bit) || i + 1 == o->reply->head.party)
			continue;
		if (!nr_exchange_masks(keys, round, &o->elements[candidate], 1, i + 1, &mask))
			return nr_fail(error, -EIO, "AES failed");
		if (!nr_exchange_word_read(record->words[i] ^ mask, &llr, &clients)) {
			o->opened.words_refused++;
			continue;
		}
		bool first = !(said->holders & bit);
		said->llr[i] = first ? llr : NR_MIN(llr, said->llr[i]);
		said->clients[i] = first ? clients : NR_MIN(clients, said->clients[i]);
		said->holders |= bit;
	}
	said->holders |= (uint16_t)(1u << (o->reply->head.party - 1));
	return 0;
}

/* Candidates whose place in this round has a record, and whether the share there is theirs. */
static int look(struct opening *o, const struct nr_exchange_table_keys *keys, unsigned table, unsigned round,
	struct nr_error *error)
{
	uint32_t waiting[BATCH], found[BATCH];
	struct nr_exchange_element elements[BATCH];
	uint64_t shares[BATCH];
	size_t count = o->candidates->count;
	int e = 0;
	for (size_t at = 0, n = 0; !e && at <= count; at++) {
		uint32_t record = at < count ? o->record_of[o->bins[at].of_round[round]] : 0;
		if (record) {
			waiting[n] = (uint32_t)at;
			found[n] = record - 1;
			elements[n++] = o->elements[at];
		}
		if (n < BATCH && (at < count || !n))
			continue;
		if (!nr_exchange_shares(
			    keys, round, elements, n, o->group->threshold, o->reply->head.party, shares))
			return nr_fail(error, -EIO, "AES failed");
		for (size_t i = 0; !e && i < n; i++) {
			struct nr_exchange_record r;
			nr_exchange_record_read(o->group, o->reply, o->reply->first[table] + found[i], &r);
			if (r.share != shares[i])
				continue;
			o->opened.explained++;
			e = hear(o, keys, round, waiting[i], &r, error);
		}
		n = 0;
	}
	return e;
}

static int open_table(struct opening *o, const struct nr_exchange_schedule *schedule, unsigned table,
	struct nr_error *error)
{
	NR_AUTO(nr_exchange_table_keys_close) struct nr_exchange_table_keys keys = {.place = NULL};
	uint64_t from = o->reply->first[table], until = o->reply->first[table + 1];
	if (from == until)
		return 0;
	memset(o->record_of, 0, (size_t)o->group->bins * sizeof *o->record_of);
	for (uint64_t i = from; i < until; i++) {
		struct nr_exchange_record record;
		nr_exchange_record_read(o->group, o->reply, i, &record);
		o->record_of[record.bin] = (uint32_t)(i - from + 1);
	}
	int e = nr_exchange_table_keys_open(schedule, table, &keys, error);
	if (!e && !nr_exchange_places(&keys, o->elements, o->candidates->count, o->group->bins, o->bins))
		e = nr_fail(error, -EIO, "AES failed");
	for (unsigned round = 0; !e && round < NR_EXCHANGE_ROUNDS; round++)
		e = look(o, &keys, table, round, error);
	return e;
}

/* ---- what it comes to ---- */

static void weigh(const struct opening *o, size_t candidate, struct nr_exchange_joint *joint)
{
	static const uint64_t least[NR_C2_CLIENT_BUCKETS] = {1, 5, 10, 100, 1000, 10000};
	const struct nr_exchange_candidate *own = &o->candidates->items[candidate];
	const struct said *said = &o->said[o->said_of[candidate] - 1];
	*joint = (struct nr_exchange_joint){
		.candidate = candidate, .holders = said->holders, .clients = own->own_clients};
	for (unsigned i = 0; i < o->group->party_count; i++) {
		if (!(said->holders >> i & 1) || i + 1 == o->reply->head.party)
			continue;
		double nats = said->llr[i] * NR_EXCHANGE_LLR_STEP * o->trust->independent;
		joint->others += NR_MAX(-o->trust->say, NR_MIN(o->trust->say, nats));
		joint->clients += least[said->clients[i]];
	}
	double sure = NR_MAX(NO_SURENESS, NR_MIN(1 - NO_SURENESS, own->confidence));
	joint->confidence = 1 / (1 + exp(-(log(sure / (1 - sure)) + joint->others)));
}

static int by_confidence(const void *a, const void *b)
{
	const struct nr_exchange_joint *x = a, *y = b;
	if (x->confidence != y->confidence)
		return x->confidence > y->confidence ? -1 : 1;
	return (x->candidate > y->candidate) - (x->candidate < y->candidate);
}

static int conclude(struct opening *o, struct nr_error *error)
{
	o->opened.joints = calloc(o->said_count + 1, sizeof *o->opened.joints);
	if (!o->opened.joints)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < o->candidates->count; i++)
		if (o->said_of[i] && (unsigned)__builtin_popcount(o->said[o->said_of[i] - 1].holders) >=
					     o->group->threshold)
			weigh(o, i, &o->opened.joints[o->opened.count++]);
	qsort(o->opened.joints, o->opened.count, sizeof *o->opened.joints, by_confidence);
	return 0;
}

int nr_exchange_reply_open(const struct nr_exchange_group *group, const struct nr_exchange_secret *secret,
	const struct nr_exchange_candidates *candidates, const struct nr_exchange_trust *trust,
	const uint8_t *bytes, size_t length, struct nr_exchange_opened *ret_opened, struct nr_error *error)
{
	struct nr_exchange_reply reply;
	NR_AUTO(opening_fini)
	struct opening o = {.group = group, .candidates = candidates, .reply = &reply, .trust = trust};
	NR_AUTO(nr_exchange_schedule_wipe) struct nr_exchange_schedule schedule = {.base = {0}};
	int e = nr_exchange_reply_parse(group, bytes, length, &reply, error);
	if (e)
		return e;
	if (secret->day != reply.head.day)
		return nr_fail(error, -EINVAL, "a reply of another day than the secret was moved to");
	size_t count = candidates->count + 1;
	o.elements = calloc(count, sizeof *o.elements);
	o.bins = calloc(count, sizeof *o.bins);
	o.said_of = calloc(count, sizeof *o.said_of);
	o.record_of = calloc((size_t)group->bins, sizeof *o.record_of);
	o.opened.head = reply.head;
	o.opened.records = reply.count;
	if (!o.elements || !o.bins || !o.said_of || !o.record_of)
		return nr_fail(error, -ENOMEM, "out of memory");
	e = nr_exchange_schedule_make(secret, &schedule, error);
	e = e ? e : nr_exchange_elements(&schedule, candidates->items, candidates->count, o.elements, error);
	for (unsigned table = 0; !e && table < NR_EXCHANGE_TABLES; table++)
		e = open_table(&o, &schedule, table, error);
	e = e ? e : conclude(&o, error);
	if (e)
		return e;
	*ret_opened = o.opened;
	o.opened.joints = NULL;
	return 0;
}
