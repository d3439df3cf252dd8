/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/exchange/candidate.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <string.h>

#define DEPTH       16
#define REASONS_MAX 64

/* ---- a finding ---- */

/* What detection's reasons are in a list that is shared; others say nothing to strangers. */
static const struct {
	const char *code;
	uint16_t bit;
} codes[] = {{"comb", NR_C2_BEACON}, {"renewal", NR_C2_BEACON}, {"regular", NR_C2_BEACON},
	{"strobe", NR_C2_BEACON}, {"dead-server", NR_C2_BEACON}, {"synchrony", NR_C2_SYNCHRONY},
	{"long", NR_C2_LONG_LIVED}, {"sizes", NR_C2_SIZES}, {"answers", NR_C2_SIZES},
	{"infected-clients", NR_C2_FAN_IN}, {"devices", NR_C2_FAN_IN}, {"port", NR_C2_UNUSUAL},
	{"popularity", NR_C2_UNUSUAL}, {"neighbourhood", NR_C2_UNUSUAL}, {"services", NR_C2_UNUSUAL},
	{"network", NR_C2_UNUSUAL}, {"new", NR_C2_UNUSUAL}, {"listed", NR_C2_LISTED},
	{"probed", NR_C2_PROBED}, {"joint", NR_C2_JOINT}};

static const char *text_of(struct json_object *root, const char *name)
{
	struct json_object *value = NULL;
	if (!json_object_object_get_ex(root, name, &value) || !json_object_is_type(value, json_type_string))
		return NULL;
	const char *text = json_object_get_string(value);
	return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

static bool real_of(struct json_object *root, const char *name, double *ret_value)
{
	struct json_object *value = NULL;
	if (!json_object_object_get_ex(root, name, &value) ||
		(!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int)))
		return false;
	double number = json_object_get_double(value);
	if (!isfinite(number))
		return false;
	*ret_value = number;
	return true;
}

static int8_t steps_of(double nats)
{
	double steps = nats / NR_EXCHANGE_LLR_STEP;
	return (int8_t)lrint(NR_MAX(-NR_EXCHANGE_LLR_MAX, NR_MIN(NR_EXCHANGE_LLR_MAX, steps)));
}

/* Sum of the weights, in nats; which reasons are told. */
static void reasons_of(struct json_object *root, struct nr_exchange_candidate *candidate)
{
	struct json_object *reasons = NULL;
	double sum = 0, weight;
	if (!json_object_object_get_ex(root, "reasons", &reasons) ||
		!json_object_is_type(reasons, json_type_array))
		return;
	size_t count = NR_MIN(json_object_array_length(reasons), (size_t)REASONS_MAX);
	for (size_t i = 0; i < count; i++) {
		struct json_object *reason = json_object_array_get_idx(reasons, i);
		if (!json_object_is_type(reason, json_type_object) || !real_of(reason, "weight", &weight))
			continue;
		const char *code = text_of(reason, "code");
		sum += weight;
		for (size_t k = 0; code && weight > 0 && k < NR_COUNT(codes); k++)
			if (!strcmp(code, codes[k].code))
				candidate->reasons |= codes[k].bit;
	}
	candidate->llr = steps_of(sum);
}

static bool time_of(struct json_object *root, const char *name, nr_time *ret_time)
{
	const char *text = text_of(root, name);
	*ret_time = NR_TIME_MIN;
	return !text || nr_time_parse(text, ret_time, NULL) == 0;
}

static int server_of(
	struct json_object *root, struct nr_exchange_candidate *candidate, struct nr_error *error)
{
	const char *subject = text_of(root, "subject"), *protocol = text_of(root, "protocol");
	double port, confidence = 0, clients = 0, carriers = 0;
	struct json_object *alarm = NULL;
	if (!subject || nr_address_parse(subject, &candidate->address, NULL))
		return nr_fail(error, -EBADMSG, "subject: not an address");
	if (!real_of(root, "port", &port) || port < 1 || port > 65535 || port != floor(port))
		return nr_fail(error, -EBADMSG, "port: not a number from 1 to 65535");
	if (!protocol || (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0))
		return nr_fail(error, -EBADMSG, "protocol: neither tcp nor udp");
	if (real_of(root, "confidence", &confidence) && (confidence < 0 || confidence > 1))
		return nr_fail(error, -EBADMSG, "confidence: not from 0 to 1");
	if (!time_of(root, "first_seen", &candidate->first) || !time_of(root, "last_seen", &candidate->last))
		return nr_fail(error, -EBADMSG, "first_seen, last_seen: not a time");
	real_of(root, "clients", &clients);
	real_of(root, "carriers", &carriers);
	candidate->port = (uint16_t)port;
	candidate->protocol = !strcmp(protocol, "tcp") ? 6 : 17;
	candidate->confidence = confidence;
	candidate->own_clients = clients > 0 && clients < 1e15 ? (uint64_t)clients : 0;
	candidate->clients = (uint8_t)nr_c2_clients_of(candidate->own_clients);
	candidate->carriers = carriers >= 1 && carriers <= UINT8_MAX ? (uint8_t)carriers : 0;
	candidate->alarm = json_object_object_get_ex(root, "alarm", &alarm) && json_object_get_boolean(alarm);
	reasons_of(root, candidate);
	return 0;
}

/* ---- many ---- */

int nr_exchange_candidates_room(struct nr_exchange_candidates *c, size_t more, struct nr_error *error)
{
	if (c->count + more > c->room) {
		size_t room = NR_MAX(NR_MAX(2 * c->room, (size_t)1024), c->count + more);
		struct nr_exchange_candidate *grown =
			room <= 2 * NR_EXCHANGE_LINES_MAX ? realloc(c->items, room * sizeof *grown) : NULL;
		if (!grown)
			return nr_fail(error, -ENOMEM, "out of memory");
		c->items = grown;
		c->room = room;
	}
	return 0;
}

static bool is_of_day(const struct nr_exchange_candidate *candidate, int32_t day)
{
	if (day == NR_EXCHANGE_ANY_DAY)
		return true;
	return (candidate->first == NR_TIME_MIN || candidate->first < (day + 1) * NR_DAY) &&
	       (candidate->last == NR_TIME_MIN || candidate->last >= day * NR_DAY);
}

/* Whether a list may hold it, whatever the day and the reason. */
static int check(
	const struct nr_c2_list *list, const struct nr_exchange_candidate *candidate, struct nr_error *error)
{
	static const int32_t day = 20000;
	const struct nr_c2_server server = {.address = candidate->address,
		.port = candidate->port,
		.protocol = candidate->protocol,
		.from_day = day,
		.until_day = day + 1,
		.reasons = NR_C2_JOINT};
	return nr_c2_list_check(list, &server, error);
}

static int take(struct nr_exchange_candidates *c, struct json_object *root, const struct nr_c2_list *list,
	int32_t day, struct nr_error *error)
{
	struct nr_exchange_candidate candidate = {.llr = 0};
	const char *kind = text_of(root, "kind");
	if (!kind || strcmp(kind, "c2-server") != 0) {
		c->other_kinds++; /* the summary of a run, too */
		return 0;
	}
	int e = server_of(root, &candidate, error);
	if (e)
		return e;
	if (!is_of_day(&candidate, day)) {
		c->other_days++;
		return 0;
	}
	e = check(list, &candidate, error);
	e = e ? e : nr_exchange_candidates_room(c, 1, error);
	if (!e)
		c->items[c->count++] = candidate;
	return e;
}

int nr_exchange_candidates_add(struct nr_exchange_candidates *candidates, const char *line, size_t length,
	const struct nr_c2_list *list, int32_t day, struct nr_error *error)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH);
	struct nr_error why = {0};
	int e;
	if (!tokener)
		return nr_fail(error, -ENOMEM, "out of memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *root = json_tokener_parse_ex(tokener, line, (int)length);
	if (root && json_object_is_type(root, json_type_object) &&
		json_tokener_get_parse_end(tokener) == length)
		e = take(candidates, root, list, day, &why);
	else
		e = nr_fail(&why, -EBADMSG, "not a JSON object: %s",
			json_tokener_error_desc(json_tokener_get_error(tokener)));
	json_object_put(root);
	json_tokener_free(tokener);
	candidates->lines++;
	if (e == -ENOMEM)
		return nr_fail(error, e, "%s", why.text);
	candidates->refused += e == -EPERM;
	candidates->unreadable += e && e != -EPERM;
	if (e && !candidates->trouble[0]) {
		candidates->trouble_line = candidates->lines;
		snprintf(candidates->trouble, sizeof candidates->trouble, "%.190s", why.text);
	}
	return 0;
}

/* ---- order ---- */

static int by_server(const struct nr_exchange_candidate *a, const struct nr_exchange_candidate *b)
{
	int order = memcmp(&a->address, &b->address, sizeof a->address);
	if (!order)
		order = a->port - b->port;
	return order ? order : a->protocol - b->protocol;
}

static int by_server_strongest(const void *a, const void *b)
{
	const struct nr_exchange_candidate *x = a, *y = b;
	int order = by_server(x, y);
	return order ? order : y->llr - x->llr;
}

static int by_evidence(const void *a, const void *b)
{
	const struct nr_exchange_candidate *x = a, *y = b;
	return x->llr != y->llr ? y->llr - x->llr : by_server(x, y);
}

void nr_exchange_candidates_settle(struct nr_exchange_candidates *c, size_t max)
{
	size_t kept = 0;
	if (!c->count)
		return;
	qsort(c->items, c->count, sizeof *c->items, by_server_strongest);
	for (size_t i = 0; i < c->count; i++)
		if (!kept || by_server(&c->items[kept - 1], &c->items[i]) != 0)
			c->items[kept++] = c->items[i];
	c->twice += c->count - kept;
	c->count = kept;
	if (c->count <= max)
		return;
	qsort(c->items, c->count, sizeof *c->items, by_evidence);
	c->beyond += c->count - max;
	c->count = max;
	qsort(c->items, c->count, sizeof *c->items, by_server_strongest);
}

void nr_exchange_candidates_fini(struct nr_exchange_candidates *candidates)
{
	free(candidates->items);
	*candidates = (struct nr_exchange_candidates){.items = NULL};
}
