/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/flow_finder_inside.h"

#include <errno.h>
#include <sys/random.h>

#include "base/hash.h"

#define SLOTS        (2 * (size_t)NR_FLOW_TOLD_MAX)
#define PARAMETERS   16
#define CLEARLY_LESS 0.02f /* of confidence: the same judgement made again may differ by so much */

int nr_flow_told_init(struct nr_flow_told *told, struct nr_error *error)
{
	pthread_mutex_init(&told->lock, NULL);
	told->day = NR_TIME_MIN;
	told->slots = calloc(SLOTS, sizeof *told->slots);
	if (!told->slots)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (getrandom(told->key, sizeof told->key, 0) != sizeof told->key)
		return nr_fail(error, -EIO, "no random numbers from the kernel");
	return 0;
}

void nr_flow_told_fini(struct nr_flow_told *told)
{
	free(told->slots);
	pthread_mutex_destroy(&told->lock);
}

static struct nr_flow_told_entry *slot_of(
	struct nr_flow_told *told, enum nr_flow_verdict_kind kind, const struct nr_address *subject)
{
	uint8_t bytes[17];
	memcpy(bytes, subject, 16);
	bytes[16] = (uint8_t)kind;
	size_t i = nr_siphash(bytes, sizeof bytes, told->key[0], told->key[1]) % SLOTS;
	while (told->slots[i].used && (told->slots[i].kind != kind ||
					      memcmp(&told->slots[i].subject, subject, sizeof *subject) != 0))
		i = (i + 1) % SLOTS;
	return &told->slots[i];
}

/* Clients of servers that are alarms are told with them. */
static bool costs(enum nr_flow_verdict_kind kind)
{
	return kind != NR_FLOW_INFECTED_HOST;
}

static bool enter(struct nr_flow_told *told, const struct nr_flow_told_entry *entry)
{
	struct nr_flow_told_entry *slot = slot_of(told, entry->kind, &entry->subject);
	if (slot->used)
		return true;
	if (told->count == NR_FLOW_TOLD_MAX) {
		told->let_go++;
		return false;
	}
	*slot = *entry;
	slot->used = true;
	told->count++;
	told->alarms += costs(entry->kind);
	return true;
}

/* ---- a day begins ---- */

struct reading {
	struct nr_flow_told *told;
	size_t first, kind, subject, confidence; /* columns */
};

static int take_finding(void *context, const struct nr_value *values, size_t count)
{
	const struct reading *reading = context;
	struct nr_flow_told_entry entry = {.first = values[reading->first].integer,
		.subject = values[reading->subject].address,
		.confidence = (float)values[reading->confidence].real};
	(void)count;
	for (unsigned k = 0; k < NR_FLOW_VERDICT_KINDS; k++)
		if (strcmp(nr_flow_verdict_names[k], values[reading->kind].text) == 0) {
			entry.kind = (uint8_t)k;
			if (entry.first >= reading->told->day)
				enter(reading->told, &entry);
		}
	return 0;
}

static size_t column(const struct nr_query *query, const char *name)
{
	size_t i = 0;
	while (strcmp(query->columns[i].name, name) != 0)
		i++;
	return i;
}

static void set(const struct nr_query *query, const char **values, const char *name, const char *value)
{
	for (size_t i = 0; i < query->parameter_count; i++)
		if (strcmp(query->parameters[i].name, name) == 0)
			values[i] = value;
}

int nr_flow_told_turn(struct nr_flow_told *told, struct nr_store *store, const char *sensor, nr_time day,
	struct nr_error *error)
{
	const struct nr_query *query = nr_store_query("findings");
	const char *values[PARAMETERS] = {0};
	char from[NR_TIME_TEXT], after[sizeof((struct nr_answer *)0)->next] = "";
	struct nr_answer answer;
	struct reading reading = {told, column(query, "first"), column(query, "kind"),
		column(query, "subject"), column(query, "confidence")};
	set(query, values, "sensor", sensor);
	set(query, values, "sense", "flow");
	set(query, values, "from", nr_time_write(day, from));
	set(query, values, "limit", "1000");
	pthread_mutex_lock(&told->lock);
	memset(told->slots, 0, SLOTS * sizeof *told->slots);
	told->count = told->alarms = 0;
	told->day = day;
	int status;
	do {
		set(query, values, "after", *after ? after : NULL);
		status = nr_store_ask(store, query, values, take_finding, &reading, &answer, error);
		if (!status)
			snprintf(after, sizeof after, "%s", answer.next);
	} while (!status && *after);
	pthread_mutex_unlock(&told->lock);
	return status;
}

bool nr_flow_told_has(
	struct nr_flow_told *told, enum nr_flow_verdict_kind kind, const struct nr_address *subject)
{
	pthread_mutex_lock(&told->lock);
	bool has = slot_of(told, kind, subject)->used;
	pthread_mutex_unlock(&told->lock);
	return has;
}

bool nr_flow_told_enter(
	struct nr_flow_told *told, const struct nr_flow_verdict *verdict, nr_time *first, bool *ret_fresh)
{
	const struct nr_flow_told_entry entry = {.subject = verdict->subject.address,
		.kind = (uint8_t)verdict->kind,
		.first = NR_MAX(verdict->first, told->day),
		.confidence = (float)verdict->confidence};
	pthread_mutex_lock(&told->lock);
	size_t before = told->count;
	bool good = enter(told, &entry);
	struct nr_flow_told_entry *slot = good ? slot_of(told, verdict->kind, &entry.subject) : NULL;
	if (good && entry.confidence < slot->confidence - CLEARLY_LESS)
		good = verdict->kind == NR_FLOW_C2_SERVER; /* it speaks for its one address alone */
	if (good) {
		slot->confidence = entry.confidence;
		*first = slot->first;
		*ret_fresh = told->count != before;
	}
	pthread_mutex_unlock(&told->lock);
	return good;
}
