/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients that send something to a server that is known as a C&C server are infected: that needs no look at a
 * whole day. Only what goes from the client to the server counts; what comes from there may be an answer to
 * somebody who forged the client's address.
 */
#include "serve/flow_finder_inside.h"

#include <errno.h>
#include <sys/random.h>

#include "base/hash.h"

#define SLOTS (2 * (size_t)NR_FLOW_MARKS_MAX)
#define SURE  0.99 /* nobody is surer of a host than of what it talks to */
#define TCP   6
#define UDP   17

int nr_flow_marks_init(struct nr_flow_marks *marks, struct nr_error *error)
{
	pthread_mutex_init(&marks->lock, NULL);
	marks->slots = calloc(SLOTS, sizeof *marks->slots);
	if (!marks->slots)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (getrandom(marks->key, sizeof marks->key, 0) != sizeof marks->key)
		return nr_fail(error, -EIO, "no random numbers from the kernel");
	return nr_flow_known_new(&marks->watch, error);
}

void nr_flow_marks_fini(struct nr_flow_marks *marks)
{
	nr_flow_known_free(marks->watch);
	free(marks->slots);
	pthread_mutex_destroy(&marks->lock);
}

void nr_flow_marks_turn(struct nr_flow_marks *marks)
{
	pthread_mutex_lock(&marks->lock);
	memset(marks->slots, 0, SLOTS * sizeof *marks->slots);
	marks->count = 0;
	pthread_mutex_unlock(&marks->lock);
}

void nr_flow_marks_learn(struct nr_flow_finder *f)
{
	struct nr_flow_marks *marks = &f->marks;
	if (nr_flow_notebook_tell(f->notebook, &marks->serial, marks->watch, NULL) != 0)
		return; /* out of memory; the next second tries the rest */
	marks->servers = nr_flow_known_count(marks->watch, NR_FLOW_KNOWN_C2) +
			 nr_flow_known_count(marks->watch, NR_FLOW_KNOWN_CONFIRMED);
}

/* ---- flows ---- */

static bool is_nobody(const struct nr_address *address)
{
	static const struct nr_address nobody;
	return memcmp(address, &nobody, sizeof nobody) == 0;
}

static struct nr_flow_mark_entry *slot_of(struct nr_flow_marks *marks, const struct nr_address *client)
{
	size_t i = nr_siphash(client, sizeof *client, marks->key[0], marks->key[1]) % SLOTS;
	while (!is_nobody(&marks->slots[i].client) &&
		memcmp(&marks->slots[i].client, client, sizeof *client) != 0)
		i = (i + 1) % SLOTS;
	return &marks->slots[i];
}

static void mark(struct nr_flow_marks *marks, const struct nr_address *client,
	const struct nr_flow_server *server, const struct nr_flow_known_entry *known, nr_time first,
	nr_time last)
{
	pthread_mutex_lock(&marks->lock);
	struct nr_flow_mark_entry *entry = slot_of(marks, client);
	bool fresh = is_nobody(&entry->client);
	if (fresh && marks->count == NR_FLOW_MARKS_MAX) {
		marks->let_go++;
		pthread_mutex_unlock(&marks->lock);
		return;
	}
	if (fresh) {
		marks->count++;
		*entry = (struct nr_flow_mark_entry){.client = *client, .first = first, .last = last};
	}
	if (fresh || known->weight > (double)entry->weight) { /* the surest server is named */
		entry->server = *server;
		entry->weight = (float)known->weight;
		entry->confirmed = known->kind == NR_FLOW_KNOWN_CONFIRMED;
	}
	entry->first = NR_MIN(entry->first, first);
	entry->last = NR_MAX(entry->last, last);
	entry->flows++;
	entry->changed = true;
	pthread_mutex_unlock(&marks->lock);
}

static const struct nr_flow_known_entry *find(
	const struct nr_flow_known *watch, const struct nr_flow_server *server, nr_time at)
{
	const struct nr_flow_known_entry *said =
		nr_flow_known_find(watch, NR_FLOW_KNOWN_CONFIRMED, server, at);
	if (said || nr_flow_known_find(watch, NR_FLOW_KNOWN_BENIGN, server, at))
		return said;
	return nr_flow_known_find(watch, NR_FLOW_KNOWN_C2, server, at);
}

static void take_row(struct nr_flow_finder *f, const struct nr_flow_block *block, uint32_t row)
{
	struct nr_flow_marks *marks = &f->marks;
	uint8_t protocol = (uint8_t)nr_flow_value(block, NR_FLOW_PROTOCOL, row);
	if (protocol != TCP && protocol != UDP)
		return;
	const struct nr_flow_server server = {nr_flow_address(block, NR_FLOW_DESTINATION_LOW, row),
		(uint16_t)nr_flow_value(block, NR_FLOW_DESTINATION_PORT, row), protocol};
	if (!nr_flow_known_may(marks->watch, &server.address))
		return;
	struct nr_address client = nr_flow_address(block, NR_FLOW_SOURCE_LOW, row);
	nr_time first = (nr_time)nr_flow_value(block, NR_FLOW_FIRST, row),
		last = (nr_time)nr_flow_value(block, NR_FLOW_LAST, row);
	const struct nr_flow_known_entry *known = find(marks->watch, &server, last);
	if (known && nr_flow_finder_is_client(f, &client))
		mark(marks, &client, &server, known, first, last);
}

void nr_flow_marks_take(struct nr_flow_finder *f, const struct nr_flow_block *block)
{
	if (!f->marks.servers)
		return;
	for (uint32_t row = 0; row < block->count; row++)
		if (!(nr_flow_value(block, NR_FLOW_MARKS, row) & NR_FLOW_MARK_EVENT))
			take_row(f, block, row);
}

/* ---- findings ---- */

static void say(const struct nr_flow_mark_entry *entry, struct nr_flow_verdict *verdict)
{
	char address[NR_ADDRESS_TEXT], protocol[NR_FLOW_PROTOCOL_TEXT];
	struct nr_flow_reason *reason = &verdict->reasons[0];
	double sure = NR_MIN(NR_MAX((double)entry->weight, 0.), SURE);
	nr_address_write(&entry->server.address, address);
	nr_flow_protocol_write(entry->server.protocol, protocol);
	*verdict = (struct nr_flow_verdict){.kind = NR_FLOW_INFECTED_HOST,
		.subject = {entry->client, entry->server.port, entry->server.protocol},
		.llr = __builtin_log(sure / (1 - sure)),
		.confidence = sure,
		.clients = entry->flows,
		.first = entry->first,
		.last = entry->last,
		.reason_count = 1,
		.alarm = true,
		.follows = true};
	reason->code = entry->confirmed ? "confirmed-server" : "listed-server";
	reason->value = (double)entry->flows;
	reason->weight = verdict->llr;
	snprintf(reason->text_en, sizeof reason->text_en,
		"it calls %s port %u/%s, a C&C server that is %s (%llu flows)", address, entry->server.port,
		protocol, entry->confirmed ? "confirmed here" : "on a list",
		(unsigned long long)entry->flows);
	snprintf(reason->text_ja, sizeof reason->text_ja,
		"%sのC&Cサーバ%s（ポート%u/%s）に接続（%lluフロー）",
		entry->confirmed ? "確認済み" : "リスト掲載", address, entry->server.port, protocol,
		(unsigned long long)entry->flows);
}

struct nr_flow_found *nr_flow_marks_found(struct nr_flow_finder *f)
{
	struct nr_flow_marks *marks = &f->marks;
	struct nr_flow_found *found = NULL;
	struct nr_flow_verdict verdict;
	nr_time day = nr_flow_finder_day(f);
	if (day == NR_TIME_MIN)
		return NULL;
	pthread_mutex_lock(&marks->lock);
	for (size_t i = 0; marks->count && i < SLOTS; i++) {
		struct nr_flow_mark_entry *entry = &marks->slots[i];
		if (!entry->changed || (!found && !(found = nr_flow_found_new(day))))
			continue;
		say(entry, &verdict);
		nr_flow_found_verdict(f, found, &verdict, true, day);
		entry->changed = false;
	}
	pthread_mutex_unlock(&marks->lock);
	return found;
}

void nr_flow_marks_again(struct nr_flow_finder *f)
{
	pthread_mutex_lock(&f->marks.lock);
	for (size_t i = 0; i < SLOTS; i++)
		f->marks.slots[i].changed = !is_nobody(&f->marks.slots[i].client);
	pthread_mutex_unlock(&f->marks.lock);
}
