/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>

#include "base/option.h"
#include "sense/flow/collect/options.h"

static int field_of(const struct nr_element *element)
{
	static const struct {
		uint16_t id;
		uint8_t field;
	} fields[] = {
		{34, NR_FLOW_SAMPLING_INTERVAL},
		{50, NR_FLOW_SAMPLING_INTERVAL},
		{305, NR_FLOW_SAMPLING_INTERVAL},
		{306, NR_FLOW_SAMPLING_SPACE},
		{309, NR_FLOW_SAMPLING_SIZE},
		{310, NR_FLOW_SAMPLING_POPULATION},
		{311, NR_FLOW_SAMPLING_PROBABILITY},
		{302, NR_FLOW_SAMPLING_ID},
		{48, NR_FLOW_SAMPLING_ID},
		{10, NR_FLOW_SAMPLING_INPUT},
		{252, NR_FLOW_SAMPLING_INPUT},
		{14, NR_FLOW_SAMPLING_OUTPUT},
		{253, NR_FLOW_SAMPLING_OUTPUT},
		{141, NR_FLOW_SAMPLING_CARD},
	};
	for (size_t i = 0; i < NR_COUNT(fields); i++) {
		if (element->enterprise == 0 && element->id == fields[i].id)
			return fields[i].field;
	}
	return -1;
}

static bool is_event(const struct nr_element *element)
{
	return element->enterprise == 0 && (element->id == 230 || element->id == 233 || element->id == 40005);
}

void nr_flow_sampling_plan(struct nr_flow_sampling *sampling, const struct nr_template *template,
	struct nr_flow_sampling_plan *ret_plan)
{
	*ret_plan = (struct nr_flow_sampling_plan){0};
	uint32_t offset = 0;
	for (unsigned i = 0; i < template->count; i++) {
		const struct nr_element *element = &template->fields[i];
		int field = field_of(element);
		ret_plan->event = ret_plan->event || is_event(element);
		if (field >= 0 && !ret_plan->index[field] && element->length) {
			ret_plan->index[field] = (uint16_t)(i + 1);
			ret_plan->offset[field] = offset;
			ret_plan->length[field] = element->length;
		}
		offset += element->length;
	}
	ret_plan->own =
		ret_plan->index[NR_FLOW_SAMPLING_INTERVAL] || ret_plan->index[NR_FLOW_SAMPLING_PROBABILITY] ||
		(ret_plan->index[NR_FLOW_SAMPLING_SIZE] && ret_plan->index[NR_FLOW_SAMPLING_POPULATION]);
	if (ret_plan->index[NR_FLOW_SAMPLING_ID])
		sampling->selectors_in_data = true;
}

/* ---- one record ---- */

struct answer {
	float rate;
	uint8_t from; /* enum nr_flow_sampling_from */
};
struct question {
	const struct nr_flow_sampling *sampling;
	const struct nr_flow_memory *memory;
	const struct nr_flow_sampling_plan *plan;
	uint32_t exported;
};

static struct answer of_table(const struct question *q, enum nr_flow_scope scope, uint64_t id)
{
	static const uint8_t from[NR_FLOW_SCOPES] = {
		[NR_FLOW_SCOPE_EXPORTER] = NR_FLOW_SAMPLING_EXPORTER,
		[NR_FLOW_SCOPE_SELECTOR] = NR_FLOW_SAMPLING_SELECTOR,
		[NR_FLOW_SCOPE_INTERFACE] = NR_FLOW_SAMPLING_INTERFACE,
		[NR_FLOW_SCOPE_LINE_CARD] = NR_FLOW_SAMPLING_LINE_CARD,
	};
	const struct nr_flow_rate *rate = q->sampling->told[scope] ? nr_flow_table_find(&q->sampling->rates,
									     q->memory, (uint32_t)scope, id)
								   : NULL;
	if (!rate)
		return (struct answer){0};
	bool counted;
	float number = nr_flow_rate_at(rate, q->exported, &counted);
	return (struct answer){number, number > 0
					       ? (counted ? (uint8_t)NR_FLOW_SAMPLING_COUNTED : from[scope])
					       : (uint8_t)NR_FLOW_SAMPLING_UNKNOWN};
}

/* The only sampler of an exporter whose records name none: it is everybody's. With several, or where other
 * templates name theirs, those that do not are not sampled by any that we know. */
static struct answer of_only_selector(const struct question *q)
{
	const struct nr_flow_sampling *s = q->sampling;
	if (!s->told[NR_FLOW_SCOPE_SELECTOR] || s->selectors_in_data || s->rates.count != 1)
		return (struct answer){0};
	const struct nr_flow_rate *rate = nr_flow_table_at(&s->rates, 0);
	struct answer answer = of_table(q, NR_FLOW_SCOPE_SELECTOR, rate->key.id);
	if (answer.from == NR_FLOW_SAMPLING_SELECTOR)
		answer.from = NR_FLOW_SAMPLING_EXPORTER;
	return answer;
}

/* What is left where no record says more: the exporter's, the configuration's. */
static struct answer of_exporter(const struct question *q)
{
	if (q->plan->event)
		return (struct answer){1, NR_FLOW_SAMPLING_RECORD};
	struct answer answer = of_table(q, NR_FLOW_SCOPE_EXPORTER, 0);
	if (!answer.from)
		answer = of_only_selector(q);
	if (!answer.from && q->sampling->override > 0)
		answer = (struct answer){q->sampling->override, NR_FLOW_SAMPLING_OVERRIDE};
	return answer;
}

/* Some exporters write rates in records the least byte first (MikroTik): one in more than 16 million is
 * nobody's rate, one in so many when read the other way round is. */
static double interval_of(const struct nr_value *value)
{
	uint64_t number = nr_value_uint(value);
	if (value->length == 4 && number > 0xffffff && __builtin_bswap32((uint32_t)number) <= 0xffff)
		number = __builtin_bswap32((uint32_t)number);
	return (double)number;
}

static double probability_of(const struct nr_value *value)
{
	uint64_t bits = nr_value_uint(value);
	double number = 0;
	float narrow;
	uint32_t narrow_bits = (uint32_t)bits;
	memcpy(&narrow, &narrow_bits, sizeof narrow);
	if (value->length == 8)
		memcpy(&number, &bits, sizeof number);
	return value->length == 4 ? (double)narrow : number;
}

static struct answer of_record(const struct nr_value *of)
{
	double rate = 0;
	const struct nr_value *probability = &of[NR_FLOW_SAMPLING_PROBABILITY];
	double size = (double)nr_value_uint(&of[NR_FLOW_SAMPLING_SIZE]);
	if (of[NR_FLOW_SAMPLING_INTERVAL].length) {
		double space = interval_of(&of[NR_FLOW_SAMPLING_SPACE]);
		rate = interval_of(&of[NR_FLOW_SAMPLING_INTERVAL]);
		rate = space > 0 && rate > 0 ? (rate + space) / rate : rate;
	} else if (of[NR_FLOW_SAMPLING_POPULATION].length && size > 0) {
		rate = (double)nr_value_uint(&of[NR_FLOW_SAMPLING_POPULATION]) / size;
	} else if (probability->length && probability_of(probability) > 0) {
		rate = 1 / probability_of(probability);
	}
	return isfinite(rate) && rate >= 1 && rate <= 4294967296.0
		       ? (struct answer){(float)rate, NR_FLOW_SAMPLING_RECORD}
		       : (struct answer){0};
}

/* of: the values of the plan's fields; those that are not there have the length 0. */
static struct answer ask(const struct question *q, const struct nr_value *of, struct answer otherwise)
{
	static const struct {
		uint8_t field, scope;
	} order[] = {
		{NR_FLOW_SAMPLING_ID, NR_FLOW_SCOPE_SELECTOR},
		{NR_FLOW_SAMPLING_INPUT, NR_FLOW_SCOPE_INTERFACE},
		{NR_FLOW_SAMPLING_OUTPUT, NR_FLOW_SCOPE_INTERFACE},
		{NR_FLOW_SAMPLING_CARD, NR_FLOW_SCOPE_LINE_CARD},
	};
	struct answer answer = {0};
	if (q->plan->own)
		answer = of_record(of);
	for (size_t i = 0; !answer.from && i < NR_COUNT(order); i++) {
		const struct nr_value *value = &of[order[i].field];
		if (value->length)
			answer = of_table(q, (enum nr_flow_scope)order[i].scope, nr_value_uint(value));
	}
	return answer.from ? answer : otherwise;
}

/* ---- a set ---- */

static bool differs_by_record(const struct nr_flow_sampling *s, const struct nr_flow_sampling_plan *plan)
{
	return plan->own || (plan->index[NR_FLOW_SAMPLING_ID] && s->told[NR_FLOW_SCOPE_SELECTOR]) ||
	       ((plan->index[NR_FLOW_SAMPLING_INPUT] || plan->index[NR_FLOW_SAMPLING_OUTPUT]) &&
		       s->told[NR_FLOW_SCOPE_INTERFACE]) ||
	       (plan->index[NR_FLOW_SAMPLING_CARD] && s->told[NR_FLOW_SCOPE_LINE_CARD]);
}

static void fill(struct nr_flow_block *block, uint32_t row, uint32_t count, struct answer answer)
{
	float *rates = (float *)nr_flow_column_at(block, NR_FLOW_SAMPLING) + row;
	uint8_t *from = (uint8_t *)nr_flow_column_at(block, NR_FLOW_SAMPLING_FROM) + row;
	for (uint32_t i = 0; i < count; i++)
		rates[i] = answer.rate;
	memset(from, answer.from, count);
}

void nr_flow_sampling_apply(const struct nr_flow_sampling *sampling, const struct nr_flow_memory *memory,
	const struct nr_flow_sampling_plan *plan, const uint8_t *records, size_t stride, uint32_t exported,
	struct nr_flow_block *block, uint32_t row, uint32_t count)
{
	struct question q = {sampling, memory, plan, exported};
	struct answer otherwise = of_exporter(&q);
	if (!differs_by_record(sampling, plan)) {
		fill(block, row, count, otherwise);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct nr_value of[NR_FLOW_SAMPLING_FIELDS];
		for (unsigned f = 0; f < NR_FLOW_SAMPLING_FIELDS; f++)
			of[f] = (struct nr_value){records + i * stride + plan->offset[f], plan->length[f]};
		fill(block, row + i, 1, ask(&q, of, otherwise));
	}
}

void nr_flow_sampling_apply_values(const struct nr_flow_sampling *sampling,
	const struct nr_flow_memory *memory, const struct nr_flow_sampling_plan *plan,
	const struct nr_value *values, uint32_t exported, struct nr_flow_block *block, uint32_t row)
{
	struct question q = {sampling, memory, plan, exported};
	struct nr_value of[NR_FLOW_SAMPLING_FIELDS] = {0};
	for (unsigned f = 0; f < NR_FLOW_SAMPLING_FIELDS; f++) {
		if (plan->index[f])
			of[f] = values[plan->index[f] - 1];
	}
	fill(block, row, 1, ask(&q, of, of_exporter(&q)));
}

void nr_flow_sampling_apply_v5(struct nr_flow_sampling *sampling, uint16_t header,
	struct nr_flow_block *block, uint32_t row, uint32_t count)
{
	/* the top bits are a mode, which exporters that sample leave at 0 */
	uint16_t interval = header & 0x3fff;
	struct answer answer = {interval > 0 ? (float)interval : 1, NR_FLOW_SAMPLING_HEADER};
	if (interval == 0 && sampling->override > 0)
		answer = (struct answer){sampling->override, NR_FLOW_SAMPLING_OVERRIDE};
	sampling->header = answer.from == NR_FLOW_SAMPLING_HEADER ? answer.rate : 0;
	fill(block, row, count, answer);
}

float nr_flow_sampling_of_sample(const struct nr_flow_sampling *sampling,
	const struct nr_sflow_sample *sample, enum nr_flow_sampling_from *ret_from)
{
	float rate = sample->rate ? (float)sample->rate : sampling->override;
	*ret_from = sample->rate ? NR_FLOW_SAMPLING_RECORD
		    : rate > 0   ? NR_FLOW_SAMPLING_OVERRIDE
				 : NR_FLOW_SAMPLING_UNKNOWN;
	return rate;
}

/* ---- the configuration ---- */

int nr_flow_sampling_override(const struct nr_texts *texts, const struct nr_address *exporter,
	float *ret_rate, struct nr_error *error)
{
	float best = 0;
	int longest = -1;
	for (size_t i = 0; i < texts->count; i++) {
		const char *text = texts->items[i], *equals = strchr(text, '=');
		char prefix_text[NR_ADDRESS_TEXT];
		if (!equals || equals == text || (size_t)(equals - text) >= sizeof prefix_text)
			return nr_fail(error, -EINVAL,
				"sampling \"%s\" is not CIDR=N; for instance 192.0.2.1=1000", text);
		memcpy(prefix_text, text, (size_t)(equals - text));
		prefix_text[equals - text] = '\0';
		struct nr_prefix prefix;
		int e = nr_prefix_parse(prefix_text, &prefix, error);
		if (e)
			return nr_error_prefix(error, "sampling \"%s\"", text);
		char *end;
		double rate = strtod(equals + 1, &end);
		if (end == equals + 1 || *end || !(rate >= 1 && rate <= 16777216))
			return nr_fail(error, -EINVAL,
				"sampling \"%s\": the rate is one in 1 to 16777216 packets", text);
		if (exporter && nr_prefix_contains(&prefix, exporter) && prefix.length > longest) {
			longest = prefix.length;
			best = (float)rate;
		}
	}
	*ret_rate = best;
	return 0;
}
