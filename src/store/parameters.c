/* SPDX-License-Identifier: Apache-2.0 */
/* A query's parameters: from text to typed, bounded values. The descriptors say what is allowed. */
#include "store/ask.h"

#include <errno.h>

#define TEXT_BYTES_MAX 256
#define TIME_FIRST     (-INT64_C(62135596800) * NR_SECOND)
#define TIME_LAST      (INT64_C(253402300800) * NR_SECOND - 1)

const char *const nr_ask_research[] = {"with", "without", "only", NULL};

static size_t find(const struct nr_query *query, const char *name)
{
	size_t i = 0;
	while (i < query->parameter_count && strcmp(query->parameters[i].name, name) != 0)
		i++;
	return i;
}

const struct nr_value *nr_ask_value(const struct nr_ask *ask, const char *name)
{
	static const struct nr_value none = {.type = NR_VALUE_NULL};
	size_t i = find(&ask->plan->query, name);
	return i < ask->plan->query.parameter_count ? &ask->values[i] : &none;
}

bool nr_ask_has(const struct nr_ask *ask, const char *name)
{
	return nr_ask_value(ask, name)->type != NR_VALUE_NULL;
}

bool nr_ask_is(const struct nr_ask *ask, const char *name, const char *text)
{
	const struct nr_value *value = nr_ask_value(ask, name);
	return value->type == NR_VALUE_TEXT && strcmp(value->text, text) == 0;
}

static int parse_integer(
	const struct nr_parameter *parameter, const char *text, int64_t *ret_value, struct nr_error *error)
{
	char *end;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	bool digits = *text && strspn(text, "-0123456789") == strlen(text) && !*end;
	bool any = parameter->minimum == 0 && parameter->maximum == 0;
	if (errno || !digits ||
		(!any && ((double)value < parameter->minimum || (double)value > parameter->maximum)))
		return nr_fail(error, -EINVAL, "%s: must be a whole number from %.0f to %.0f",
			parameter->name, parameter->minimum, parameter->maximum);
	*ret_value = value;
	return 0;
}

/* Years 0001 to 9999: what RFC 3339 can write, and what may be widened to days without an overflow. */
static int parse_time(
	const struct nr_parameter *parameter, const char *text, int64_t *ret_value, struct nr_error *error)
{
	nr_time value;
	if (nr_time_parse(text, &value, NULL) != 0)
		return nr_fail(error, -EINVAL,
			"%s: must be RFC 3339, e.g. 2026-01-02T03:00:00Z, or Unix seconds", parameter->name);
	if (value < TIME_FIRST || value > TIME_LAST)
		return nr_fail(error, -EINVAL, "%s: must be in the years 0001 to 9999", parameter->name);
	*ret_value = value;
	return 0;
}

static int parse_text(const struct nr_parameter *parameter, const char *text, struct nr_error *error)
{
	if (strlen(text) > TEXT_BYTES_MAX)
		return nr_fail(error, -EINVAL, "%s: longer than %d bytes", parameter->name, TEXT_BYTES_MAX);
	if (!parameter->choices)
		return 0;
	char choices[160] = "";
	for (size_t i = 0; parameter->choices[i]; i++) {
		if (strcmp(parameter->choices[i], text) == 0)
			return 0;
		size_t used = strlen(choices);
		snprintf(choices + used, sizeof choices - used, "%s%s", i ? ", " : "", parameter->choices[i]);
	}
	return nr_fail(error, -EINVAL, "%s: must be one of %s", parameter->name, choices);
}

static int parse_value(const struct nr_parameter *parameter, const char *text, struct nr_value *ret_value,
	struct nr_error *error)
{
	struct nr_value value = {.type = parameter->type, .text = text};
	int status = 0;
	switch (parameter->type) {
	case NR_VALUE_INT:
		status = parse_integer(parameter, text, &value.integer, error);
		break;
	case NR_VALUE_TIME:
		status = parse_time(parameter, text, &value.integer, error);
		break;
	case NR_VALUE_ADDRESS:
		if (nr_address_parse(text, &value.address, NULL) != 0)
			status = nr_fail(
				error, -EINVAL, "%s: must be an IPv4 or IPv6 address", parameter->name);
		break;
	default:
		status = parse_text(parameter, text, error);
		break;
	}
	if (!status)
		*ret_value = value;
	return status;
}

static int parse_order(struct nr_ask *ask, size_t *ret_bad, struct nr_error *error)
{
	const struct nr_value *from = nr_ask_value(ask, "from"), *to = nr_ask_value(ask, "to");
	ask->has_from = from->type != NR_VALUE_NULL;
	ask->has_to = to->type != NR_VALUE_NULL;
	ask->from = ask->has_from ? from->integer : NR_TIME_MIN;
	ask->to = ask->has_to ? to->integer : NR_TIME_MAX;
	if (ask->from >= ask->to) {
		*ret_bad = find(&ask->plan->query, "to");
		return nr_fail(error, -EINVAL, "to: must be later than from");
	}
	const struct nr_value *limit = nr_ask_value(ask, "limit"), *after = nr_ask_value(ask, "after");
	ask->limit = limit->type == NR_VALUE_NULL ? NR_ASK_SENSORS_MAX : limit->integer;
	if (after->type == NR_VALUE_NULL)
		return 0;
	*ret_bad = find(&ask->plan->query, "after");
	return nr_cursor_parse(after->text, ask->plan, ask->after, &ask->after_count, error);
}

int nr_ask_parse(struct nr_ask *ask, const struct nr_plan *plan, const char *const *values, size_t *ret_bad,
	struct nr_error *error)
{
	const struct nr_query *query = &plan->query;
	memset(ask, 0, sizeof *ask);
	ask->plan = plan;
	for (size_t i = 0; i < query->parameter_count; i++) {
		const struct nr_parameter *parameter = &query->parameters[i];
		const char *text = values[i] ? values[i] : parameter->fallback;
		*ret_bad = i;
		if (!text && parameter->required)
			return nr_fail(error, -EINVAL, "%s: is required", parameter->name);
		if (!text)
			continue;
		int status = parse_value(parameter, text, &ask->values[i], error);
		if (status)
			return status;
	}
	return parse_order(ask, ret_bad, error);
}

int nr_store_check(
	const struct nr_query *query, const char *const *values, size_t *ret_bad, struct nr_error *error)
{
	struct nr_ask ask;
	size_t bad = 0;
	int status = nr_ask_parse(&ask, (const struct nr_plan *)query, values, &bad, error);
	if (status)
		*ret_bad = bad;
	return status;
}
