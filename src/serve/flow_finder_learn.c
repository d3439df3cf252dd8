/* SPDX-License-Identifier: Apache-2.0 */
/* What others know before a look: the telescope of hosts, by their pseudonyms of the day; people of servers.
 */
#include "serve/flow_finder_inside.h"

#include "sense/flow/law/name.h"
#include "serve/flow_api.h"

#include <errno.h>
#include <string.h>

#define INFECTED_MAX 100000
#define PARAMETERS   16

struct infected {
	struct nr_address *addresses;        /* owned */
	struct nr_flow_known_entry *entries; /* owned; of each */
	size_t count;
	size_t subject, confidence, last; /* columns */
};

static int take_infected(void *context, const struct nr_value *values, size_t count)
{
	struct infected *infected = context;
	(void)count;
	if (infected->count == INFECTED_MAX)
		return -ECANCELED;
	infected->addresses[infected->count] = values[infected->subject].address;
	infected->entries[infected->count++] = (struct nr_flow_known_entry){.kind = NR_FLOW_KNOWN_INFECTED,
		.from = NR_TIME_MIN,
		.until = values[infected->last].integer + 7 * NR_DAY,
		.weight = values[infected->confidence].real,
		.source = "telescope"};
	return 0;
}

static size_t column(const struct nr_query *query, const char *name)
{
	size_t i = 0;
	while (strcmp(query->columns[i].name, name) != 0)
		i++;
	return i;
}

/* Findings of the telescope about hosts, of the last week. */
static int ask_infected(struct nr_flow_finder *f, struct infected *infected, struct nr_error *error)
{
	const struct nr_query *query = nr_store_query("findings");
	const char *values[PARAMETERS] = {0};
	char from[NR_TIME_TEXT], after[sizeof((struct nr_answer *)0)->next] = "";
	struct nr_answer answer;
	nr_time_write(nr_time_floor(nr_time_now() - 7 * NR_DAY, NR_DAY), from);
	infected->subject = column(query, "subject");
	infected->confidence = column(query, "confidence");
	infected->last = column(query, "last");
	int status;
	do {
		for (size_t i = 0; i < query->parameter_count; i++) {
			const char *name = query->parameters[i].name;
			values[i] = strcmp(name, "sense") == 0             ? "telescope"
				    : strcmp(name, "kind") == 0            ? "infected-host"
				    : strcmp(name, "from") == 0            ? from
				    : strcmp(name, "limit") == 0           ? "1000"
				    : strcmp(name, "after") == 0 && *after ? after
									   : NULL;
		}
		status = nr_store_ask(f->reader, query, values, take_infected, infected, &answer, error);
		if (!status)
			snprintf(after, sizeof after, "%s", answer.next);
	} while (!status && *after);
	return status == -ECANCELED ? 0 : status;
}

static bool is_nobody(const struct nr_address *address)
{
	static const struct nr_address nobody;
	return memcmp(address, &nobody, sizeof nobody) == 0;
}

/* The use is recorded without the addresses. */
static int name_infected(
	struct nr_flow_finder *f, nr_time day, struct infected *infected, struct nr_error *error)
{
	char words[160];
	snprintf(words, sizeof words, "pseudonyms of %zu hosts that the telescope knows as infected",
		infected->count);
	int e = nr_flow_api_note(f->flow_api, "name", "c2-detection", words, error);
	nr_time received = NR_MIN(nr_time_now(), day + NR_DAY - 1);
	if (!e)
		e = nr_flow_names(
			f->conf.archive, f->conf.keys, received, infected->addresses, infected->count, error);
	for (size_t i = 0; i < infected->count && !e; i++) {
		struct nr_flow_known_entry *entry = &infected->entries[i];
		const struct nr_flow_server host = {.address = infected->addresses[i]};
		entry->server = host;
		if (!is_nobody(&host.address) &&
			!nr_flow_known_find(f->known, NR_FLOW_KNOWN_INFECTED, &host, nr_time_now()))
			e = nr_flow_known_add(f->known, entry, error);
	}
	return e == -ENOENT ? 0 : e; /* no key: nothing was kept in this period */
}

int nr_flow_finder_learn(struct nr_flow_finder *f, nr_time day, struct nr_error *error)
{
	struct infected infected = {.addresses = calloc(INFECTED_MAX, sizeof *infected.addresses),
		.entries = calloc(INFECTED_MAX, sizeof *infected.entries)};
	int e = infected.addresses && infected.entries ? ask_infected(f, &infected, error) : -ENOMEM;
	if (!e && infected.count)
		e = name_infected(f, day, &infected, error);
	if (!e)
		e = nr_flow_notebook_tell(f->notebook, &f->known_serial, f->known, error);
	free(infected.addresses);
	free(infected.entries);
	for (unsigned kind = 0; kind < NR_FLOW_KNOWN_KINDS; kind++)
		f->known_counts[kind] = nr_flow_known_count(f->known, kind);
	return e;
}
