/* SPDX-License-Identifier: Apache-2.0 */
#include "model/c2_list.h"
#include "base/prefix_table.h"
#include "base/time.h"

#include <errno.h>

const char *const nr_c2_reasons[NR_C2_REASONS] = {
	"beacon", "synchrony", "long-lived", "sizes", "fan-in", "unusual", "listed", "probed", "joint"};
static const char *const confidences[NR_C2_CONFIDENCES] = {"low", "medium", "high"};
static const char *const client_buckets[NR_C2_CLIENT_BUCKETS] = {
	"suppressed", "1-9", "10-99", "100-999", "1000-9999", "10000+"};
static const char *const carrier_buckets[NR_C2_CARRIER_BUCKETS] = {"1", "2-4", "5+"};

enum nr_c2_clients nr_c2_clients_of(uint64_t clients)
{
	static const uint64_t from[] = {0, 5, 10, 100, 1000, 10000};
	enum nr_c2_clients bucket = NR_C2_SUPPRESSED;
	while (bucket + 1 < NR_C2_CLIENT_BUCKETS && clients >= from[bucket + 1])
		bucket++;
	return bucket;
}

enum nr_c2_carriers nr_c2_carriers_of(uint64_t carriers)
{
	return carriers < 2 ? NR_C2_CARRIERS_1 : carriers < 5 ? NR_C2_CARRIERS_2 : NR_C2_CARRIERS_5;
}

/* ---- addresses that no list has ---- */

/* For private use, this host, this link, many at once, discarded (pseudonyms), a host behind a NAT. */
static const char *const no_server[] = {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
	"169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3", "::/96", "64:ff9b::/96",
	"100::/64", "2001::/32", "2002::/16", "fc00::/7", "fe80::/10", "ff00::/8"};

struct nr_c2_list {
	struct nr_prefix_table *refused;
};

int nr_c2_list_new(
	const struct nr_prefix *own, size_t own_count, struct nr_c2_list **ret_list, struct nr_error *error)
{
	NR_AUTO(nr_c2_list_freep) struct nr_c2_list *list = calloc(1, sizeof *list);
	if (!list)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_prefix_table_new(&list->refused, error);
	for (size_t i = 0; !e && i < NR_COUNT(no_server); i++) {
		struct nr_prefix prefix;
		e = nr_prefix_parse(no_server[i], &prefix, error);
		if (!e)
			e = nr_prefix_table_add(list->refused, &prefix, 1, error);
	}
	for (size_t i = 0; !e && i < own_count; i++)
		e = nr_prefix_table_add(list->refused, &own[i], 1, error);
	if (!e)
		e = nr_prefix_table_seal(list->refused, error);
	if (!e)
		*ret_list = nr_steal(&list);
	return e;
}

void nr_c2_list_free(struct nr_c2_list *list)
{
	if (list)
		nr_prefix_table_free(list->refused);
	free(list);
}

void nr_c2_list_freep(struct nr_c2_list **list)
{
	nr_c2_list_free(*list);
}

/* An IPv6 address whose last 32 bits are an address that no list has would carry it. */
static bool is_refused(const struct nr_c2_list *list, const struct nr_address *address)
{
	if (nr_prefix_table_find(list->refused, address) != NR_PREFIX_NONE)
		return true;
	if (nr_address_is_ipv4(address))
		return false;
	uint32_t last = nr_address_ipv4(address);
	return last >> 24 && nr_prefix_table_find_ipv4(list->refused, last) != NR_PREFIX_NONE;
}

/* ---- writing ---- */

#define DAY_TEXT 11 /* "2026-11-24" */

static void day_write(int32_t day, char text[static DAY_TEXT])
{
	char time[NR_TIME_TEXT];
	snprintf(text, DAY_TEXT, "%.10s", nr_time_write(day * NR_DAY, time));
}

int nr_c2_list_check(const struct nr_c2_list *list, const struct nr_c2_server *s, struct nr_error *error)
{
	static const int32_t first = 10957, last = 47482; /* 2000-01-01, 2100-01-01 */
	if (is_refused(list, &s->address))
		return nr_fail(error, -EPERM,
			"not a server that may be shared: an address of own networks, for private use, or no "
			"host's");
	if (!s->port || (s->protocol != 6 && s->protocol != 17))
		return nr_fail(error, -EINVAL, "a server has a port of TCP or UDP");
	if (s->from_day < first || s->until_day > last || s->from_day >= s->until_day ||
		s->until_day - s->from_day > NR_C2_DAYS_MAX)
		return nr_fail(error, -EINVAL, "an entry is valid for 1 to %d days", NR_C2_DAYS_MAX);
	if (!s->reasons || s->reasons >> NR_C2_REASONS)
		return nr_fail(error, -EINVAL, "an entry has reasons of the list, one at least");
	if (s->confidence >= NR_C2_CONFIDENCES || s->clients >= NR_C2_CLIENT_BUCKETS ||
		s->carriers >= NR_C2_CARRIER_BUCKETS)
		return nr_fail(error, -EINVAL, "confidence, clients and carriers are steps, not numbers");
	return 0;
}

int nr_c2_list_write(const struct nr_c2_list *list, const struct nr_c2_server *server,
	char ret_line[static NR_C2_LINE_MAX], struct nr_error *error)
{
	char address[NR_ADDRESS_TEXT], from[DAY_TEXT], until[DAY_TEXT], reasons[160] = "";
	int e = nr_c2_list_check(list, server, error);
	if (e)
		return e;
	day_write(server->from_day, from);
	day_write(server->until_day, until);
	for (size_t i = 0, used = 0; i < NR_C2_REASONS; i++)
		if (server->reasons >> i & 1)
			used += (size_t)snprintf(reasons + used, sizeof reasons - used, "%s\"%s\"",
				used ? "," : "", nr_c2_reasons[i]);
	snprintf(ret_line, NR_C2_LINE_MAX,
		"{\"address\":\"%s\",\"port\":%u,\"protocol\":\"%s\",\"valid_from\":\"%s\",\"valid_until\":"
		"\"%s\","
		"\"reasons\":[%s],\"confidence\":\"%s\",\"clients\":\"%s\",\"carriers\":\"%s\"}",
		nr_address_write(&server->address, address), server->port,
		server->protocol == 6 ? "tcp" : "udp", from, until, reasons, confidences[server->confidence],
		client_buckets[server->clients], carrier_buckets[server->carriers]);
	return 0;
}

/* ---- reading ---- */

/* What stands between `before` and `after`; false: they do not stand there. */
static bool take(const char **at, const char *before, const char *after, char *value, size_t room)
{
	size_t skip = strlen(before);
	if (strncmp(*at, before, skip) != 0)
		return false;
	const char *start = *at + skip, *end = strstr(start, after);
	if (!end || (size_t)(end - start) >= room)
		return false;
	memcpy(value, start, (size_t)(end - start));
	value[end - start] = 0;
	*at = end;
	return true;
}

static bool step_of(const char *text, const char *const *names, unsigned count, uint8_t *ret_step)
{
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(text, names[i])) {
			*ret_step = (uint8_t)i;
			return true;
		}
	return false;
}

static uint16_t reasons_of(const char *text)
{
	uint16_t bits = 0;
	for (unsigned i = 0; i < NR_C2_REASONS; i++) {
		char quoted[24];
		snprintf(quoted, sizeof quoted, "\"%s\"", nr_c2_reasons[i]);
		if (strstr(text, quoted))
			bits |= (uint16_t)(1 << i);
	}
	return bits;
}

static bool day_parse(const char *text, int32_t *ret_day)
{
	nr_time time;
	if (strlen(text) != DAY_TEXT - 1 || nr_time_parse(text, &time, NULL))
		return false;
	*ret_day = (int32_t)(time / NR_DAY);
	return true;
}

/* Reads what it must, loosely; that the line says no more is judged by writing it again. */
static bool line_parse(const char *line, struct nr_c2_server *s)
{
	char address[NR_ADDRESS_TEXT], port[6], protocol[4], from[DAY_TEXT], until[DAY_TEXT], reasons[160],
		confidence[8], clients[12], carriers[8];
	const char *at = line;
	bool whole = take(&at, "{\"address\":\"", "\"", address, sizeof address) &&
		     take(&at, "\",\"port\":", ",", port, sizeof port) &&
		     take(&at, ",\"protocol\":\"", "\"", protocol, sizeof protocol) &&
		     take(&at, "\",\"valid_from\":\"", "\"", from, sizeof from) &&
		     take(&at, "\",\"valid_until\":\"", "\"", until, sizeof until) &&
		     take(&at, "\",\"reasons\":[", "]", reasons, sizeof reasons) &&
		     take(&at, "],\"confidence\":\"", "\"", confidence, sizeof confidence) &&
		     take(&at, "\",\"clients\":\"", "\"", clients, sizeof clients) &&
		     take(&at, "\",\"carriers\":\"", "\"", carriers, sizeof carriers);
	if (!whole || nr_address_parse(address, &s->address, NULL) || !day_parse(from, &s->from_day) ||
		!day_parse(until, &s->until_day) ||
		!step_of(confidence, confidences, NR_C2_CONFIDENCES, &s->confidence) ||
		!step_of(clients, client_buckets, NR_C2_CLIENT_BUCKETS, &s->clients) ||
		!step_of(carriers, carrier_buckets, NR_C2_CARRIER_BUCKETS, &s->carriers))
		return false;
	s->port = (uint16_t)strtoul(port, NULL, 10);
	s->protocol = !strcmp(protocol, "tcp") ? 6 : 17;
	s->reasons = reasons_of(reasons);
	return true;
}

int nr_c2_list_read(const struct nr_c2_list *list, const char *line, size_t length,
	struct nr_c2_server *ret_server, struct nr_error *error)
{
	struct nr_c2_server server = {.port = 0};
	char copy[NR_C2_LINE_MAX], again[NR_C2_LINE_MAX];
	if (length >= sizeof copy)
		return nr_fail(error, -EBADMSG, "a line of more than %d bytes", NR_C2_LINE_MAX - 1);
	memcpy(copy, line, length);
	copy[length] = 0;
	if (!line_parse(copy, &server))
		return nr_fail(error, -EBADMSG, "not a line of a list of C&C servers");
	int e = nr_c2_list_write(list, &server, again, error);
	if (e)
		return e;
	if (strlen(again) != length || memcmp(again, line, length) != 0)
		return nr_fail(error, -EBADMSG, "a line that is not written as it must be: %.120s", again);
	*ret_server = server;
	return 0;
}
