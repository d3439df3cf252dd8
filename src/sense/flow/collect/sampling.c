/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/collect/sampling.h"

#include <math.h>

#define IE_SAMPLING_INTERVAL  34
#define IE_SAMPLING_ALGORITHM 35
#define IE_SAMPLER_ID         48
#define IE_SAMPLER_MODE       49
#define IE_SAMPLER_RANDOM     50
#define IE_SAMPLER_NAME       84
#define IE_SELECTOR_ID        302
#define IE_SELECTOR_ALGORITHM 304
#define IE_PACKET_INTERVAL    305
#define IE_PACKET_SPACE       306
#define IE_TIME_INTERVAL      307
#define IE_TIME_SPACE         308
#define IE_SIZE               309
#define IE_POPULATION         310
#define IE_PROBABILITY        311
#define IE_OBSERVED           318
#define IE_SELECTED           319
#define IE_SELECTOR_NAME      335
#define SCOPE_SYSTEM          1 /* of v9 */
#define SCOPE_INTERFACE       2
#define SCOPE_LINE_CARD       3
#define SCOPE_CACHE           4

void nr_flow_sampling_fini(struct nr_flow_sampling *sampling, struct nr_flow_memory *memory)
{
	nr_flow_table_fini(&sampling->rates, memory);
}

/* ---- what options say ---- */

/* Everything of one record that has to do with sampling. */
struct told {
	bool has_exporter, has_selector, has_interface, has_card, has_stranger;
	uint64_t selector, interface, card;
	uint64_t interval, random, packet_interval, packet_space, time_interval, time_space, size, population;
	uint64_t observed, selected;
	double probability;
	bool any;
	uint32_t algorithm;
	const struct nr_value *name;
};

static double real_of(const struct nr_value *value)
{
	uint64_t bits = nr_value_uint(value);
	if (value->length == 4) {
		uint32_t narrow = (uint32_t)bits;
		float number;
		memcpy(&number, &narrow, sizeof number);
		return (double)number;
	}
	double number = 0;
	if (value->length == 8)
		memcpy(&number, &bits, sizeof number);
	return number;
}

static void take_scope_v9(struct told *told, uint16_t id, const struct nr_value *value)
{
	if (id == SCOPE_SYSTEM || id == SCOPE_CACHE) {
		told->has_exporter = true;
	} else if (id == SCOPE_INTERFACE) {
		told->has_interface = true;
		told->interface = nr_value_uint(value);
	} else if (id == SCOPE_LINE_CARD) {
		told->has_card = true;
		told->card = nr_value_uint(value);
	} else {
		told->has_stranger = true;
	}
}

/* What names something: in IPFIX any element can be the scope, and v9's exporters name samplers and
 * interfaces beside a scope "system". */
static bool take_name(struct told *told, uint16_t id, bool scope, const struct nr_value *value)
{
	switch (id) {
	case IE_SAMPLER_ID:
	case IE_SELECTOR_ID:
		told->has_selector = true;
		told->selector = nr_value_uint(value);
		return true;
	case 10:
	case 14:
	case 252:
	case 253:
		told->has_interface = true;
		told->interface = nr_value_uint(value);
		return true;
	case 141:
		told->has_card = true;
		told->card = nr_value_uint(value);
		return true;
	case 130:
	case 131:
	case 138:
	case 143:
	case 144:
	case 149:
		told->has_exporter = told->has_exporter || scope;
		return true;
	default:
		told->has_stranger = told->has_stranger || scope;
		return false;
	}
}

static void take_number(struct told *told, uint16_t id, const struct nr_value *value)
{
	uint64_t number = nr_value_uint(value);
	uint64_t *places[] = {
		[IE_PACKET_INTERVAL - IE_PACKET_INTERVAL] = &told->packet_interval,
		[IE_PACKET_SPACE - IE_PACKET_INTERVAL] = &told->packet_space,
		[IE_TIME_INTERVAL - IE_PACKET_INTERVAL] = &told->time_interval,
		[IE_TIME_SPACE - IE_PACKET_INTERVAL] = &told->time_space,
		[IE_SIZE - IE_PACKET_INTERVAL] = &told->size,
		[IE_POPULATION - IE_PACKET_INTERVAL] = &told->population,
	};
	uint64_t *place = id == IE_SAMPLING_INTERVAL                        ? &told->interval
			  : id == IE_SAMPLER_RANDOM                         ? &told->random
			  : id == IE_OBSERVED                               ? &told->observed
			  : id == IE_SELECTED                               ? &told->selected
			  : id >= IE_PACKET_INTERVAL && id <= IE_POPULATION ? places[id - IE_PACKET_INTERVAL]
									    : NULL;
	if (place) {
		*place = number;
		told->any = true;
	} else if (id == IE_PROBABILITY) {
		told->probability = real_of(value);
		told->any = true;
	} else if (id == IE_SAMPLING_ALGORITHM || id == IE_SAMPLER_MODE || id == IE_SELECTOR_ALGORITHM) {
		told->algorithm = (uint32_t)number;
	} else if (id == IE_SAMPLER_NAME || id == IE_SELECTOR_NAME) {
		told->name = value;
	}
}

static void read_told(struct told *told, const struct nr_template *template, const struct nr_value *values)
{
	for (unsigned i = 0; i < template->count; i++) {
		const struct nr_element *field = &template->fields[i];
		if (field->enterprise == NR_ENTERPRISE_SCOPE)
			take_scope_v9(told, field->id, &values[i]);
		else if (field->enterprise == 0 &&
			 !take_name(told, field->id, i < template->scopes, &values[i]))
			take_number(told, field->id, &values[i]);
	}
}

/* One in so many, by whichever of the encodings is there; 0: none. */
static double rate_told(const struct told *told)
{
	if (told->packet_interval)
		/* practice: the interval alone is one in so many; with a space it is a share */
		return told->packet_space ? (double)(told->packet_interval + told->packet_space) /
						    (double)told->packet_interval
					  : (double)told->packet_interval;
	if (told->size && told->population)
		return (double)told->population / (double)told->size;
	if (told->probability > 0 && told->probability <= 1)
		return 1 / told->probability;
	if (told->time_interval)
		return (double)(told->time_interval + told->time_space) / (double)told->time_interval;
	return (double)(told->random ? told->random : told->interval);
}

static bool is_rate(double rate)
{
	return isfinite(rate) && rate >= 1 && rate <= 4294967296.0;
}

static void count_packets(struct nr_flow_rate *rate, const struct told *told)
{
	if (!told->observed)
		return;
	bool anew = !rate->observed[0] || told->observed < rate->observed[1] ||
		    told->selected < rate->selected[1];
	if (anew) {
		rate->observed[0] = told->observed;
		rate->selected[0] = told->selected;
	}
	rate->observed[1] = told->observed;
	rate->selected[1] = told->selected;
}

static void set_name(struct nr_flow_rate *rate, const struct nr_value *name)
{
	size_t length = NR_MIN((size_t)name->length, sizeof rate->name - 1);
	memset(rate->name, 0, sizeof rate->name);
	memcpy(rate->name, name->bytes, length);
}

static struct nr_flow_rate *entry_of(struct nr_flow_sampling *sampling, struct nr_flow_memory *memory,
	enum nr_flow_scope scope, uint64_t id)
{
	struct nr_flow_rate *rate =
		nr_flow_table_add(&sampling->rates, memory, sizeof *rate, (uint32_t)scope, id);
	if (rate)
		sampling->told[scope] = true;
	return rate;
}

void nr_flow_sampling_recall(
	struct nr_flow_sampling *sampling, struct nr_flow_memory *memory, const struct nr_flow_rate *rate)
{
	struct nr_flow_rate *entry =
		entry_of(sampling, memory, (enum nr_flow_scope)rate->key.kind, rate->key.id);
	if (!entry)
		return;
	struct nr_flow_key key = entry->key;
	*entry = *rate;
	entry->key = key;
}

static void keep(struct nr_flow_sampling *sampling, struct nr_flow_memory *memory, enum nr_flow_scope scope,
	uint64_t id, const struct told *told, uint32_t exported)
{
	struct nr_flow_rate *rate = entry_of(sampling, memory, scope, id);
	if (!rate)
		return;
	double number = rate_told(told);
	if (is_rate(number) && (float)number != rate->rate) {
		/* datagrams change places: an older one does not bring an older rate back */
		if (rate->rate > 0 && (int32_t)(exported - rate->since) < 0)
			return;
		rate->before = rate->rate;
		rate->rate = (float)number;
		rate->since = exported;
	}
	if (told->algorithm)
		rate->algorithm = told->algorithm;
	if (told->name)
		set_name(rate, told->name);
	count_packets(rate, told);
}

void nr_flow_sampling_learn(struct nr_flow_sampling *sampling, struct nr_flow_memory *memory,
	const struct nr_template *template, const struct nr_value *values, uint32_t exported)
{
	struct told told = {0};
	read_told(&told, template, values);
	if (!told.any)
		return;
	if (told.has_interface && told.interface == 0) {
		told.has_interface = false; /* no interface has this number: all are meant */
		told.has_exporter = true;
	}
	if (told.has_selector)
		keep(sampling, memory, NR_FLOW_SCOPE_SELECTOR, told.selector, &told, exported);
	if (told.has_interface)
		keep(sampling, memory, NR_FLOW_SCOPE_INTERFACE, told.interface, &told, exported);
	else if (told.has_card)
		keep(sampling, memory, NR_FLOW_SCOPE_LINE_CARD, told.card, &told, exported);
	else if (!told.has_selector && told.has_stranger && !told.has_exporter)
		sampling->scopes_unknown++;
	else if (!told.has_selector)
		keep(sampling, memory, NR_FLOW_SCOPE_EXPORTER, 0, &told, exported);
}

float nr_flow_rate_effective(const struct nr_flow_rate *rate)
{
	uint64_t observed = rate->observed[1] - rate->observed[0];
	uint64_t selected = rate->selected[1] - rate->selected[0];
	if (!selected) { /* told once: since the selector began */
		observed = rate->observed[1];
		selected = rate->selected[1];
	}
	return selected && observed >= selected ? (float)((double)observed / (double)selected) : 0;
}

float nr_flow_rate_at(const struct nr_flow_rate *rate, uint32_t exported, bool *ret_counted)
{
	*ret_counted = false;
	if (rate->before > 0 && (int32_t)(exported - rate->since) < 0)
		return rate->before;
	if (rate->rate > 0)
		return rate->rate;
	*ret_counted = true;
	return nr_flow_rate_effective(rate);
}
