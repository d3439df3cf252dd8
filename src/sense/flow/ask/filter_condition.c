/* SPDX-License-Identifier: Apache-2.0 */
/* The values of a condition: one after a comparison, or a list; numbers of all kinds, and addresses. */
#include "base/nearest.h"
#include "sense/flow/ask/filter_parse.h"
#include "sense/flow/ask/protocol.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* ---- nodes of what has values ---- */

int filter_constant(struct filter_parser *p, bool truth, uint32_t *ret_node)
{
	*ret_node = filter_node_new(p->filter, truth ? FILTER_ALL : FILTER_NONE);
	return *ret_node == FILTER_NOTHING ? -ENOMEM : 0;
}

int filter_leaf_node(struct filter_parser *p, struct filter_leaf *leaf, uint32_t *ret_node)
{
	*ret_node = filter_leaf_new(p->filter, leaf);
	if (*ret_node != FILTER_NOTHING)
		return 0;
	free(leaf->spans);
	free(leaf->ports);
	free(leaf->hosts);
	nr_prefix_table_free(leaf->table);
	return -ENOMEM;
}

int filter_joined(
	struct filter_parser *p, bool all, struct filter_leaf *leaves, size_t count, uint32_t *ret_node)
{
	uint32_t last = FILTER_NOTHING, child;
	uint32_t node = filter_node_new(p->filter, all ? FILTER_AND : FILTER_OR);
	if (node == FILTER_NOTHING)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		int e = filter_leaf_node(p, &leaves[i], &child);
		if (e)
			return e;
		filter_node_add(p->filter, node, child, &last);
	}
	*ret_node = node;
	return 0;
}

bool filter_span_of(enum filter_compare compare, struct filter_span value, uint64_t least, uint64_t most,
	struct filter_span *ret_span)
{
	switch (compare) {
	case FILTER_LT:
		*ret_span = (struct filter_span){least, value.low - 1};
		return value.low != least;
	case FILTER_GT:
		*ret_span = (struct filter_span){value.high + 1, most};
		return value.high != most;
	case FILTER_LE:
		*ret_span = (struct filter_span){least, value.high};
		return true;
	case FILTER_GE:
		*ret_span = (struct filter_span){value.low, most};
		return true;
	case FILTER_EQ:
	case FILTER_NE:
		break;
	}
	*ret_span = value;
	return true;
}

/* ---- single values ---- */

static int expected_code(struct filter_parser *p, unsigned column, const char *word)
{
	char en[120] = "one of";
	struct nr_nearest nearest = {.word = word};
	for (unsigned code = 0; code < 256; code++) {
		const char *name = nr_flow_code_name(column, code);
		if (!name)
			continue;
		nr_nearest_offer(&nearest, name);
		size_t length = strlen(en);
		if (length + strlen(name) + 2 < sizeof en)
			snprintf(en + length, sizeof en - length, " %s", name);
	}
	const char *named = strchr(en + 6, ' ') ? en : "a number";
	return filter_expected(p, 0, named, strchr(en + 6, ' ') ? en + 7 : "数", nearest.best);
}

static int read_code(struct filter_parser *p, unsigned column, const char *word, struct filter_span *ret)
{
	for (unsigned code = 0; code < 256; code++) {
		const char *name = nr_flow_code_name(column, code);
		if (name && !strcasecmp(name, word)) {
			*ret = (struct filter_span){code, code};
			return 0;
		}
	}
	uint64_t number;
	if (!filter_number_read(word, false, &number) || number > 254)
		return expected_code(p, column, word);
	number += column == NR_FLOW_DIRECTION; /* IE 61: 0 ingress, 1 egress */
	*ret = (struct filter_span){number, number};
	return 0;
}

static int read_protocol(struct filter_parser *p, const char *word, struct filter_span *ret)
{
	uint64_t number;
	int named = nr_flow_protocol_by_name(word);
	if (named >= 0)
		number = (uint64_t)named;
	else if (!filter_number_read(word, false, &number) || number > 255) {
		struct nr_nearest nearest = {.word = word};
		for (size_t i = 0; nr_flow_protocol_listed(i); i++) {
			const char *name = nr_flow_protocol_listed(i);
			char lower[16] = "";
			for (size_t k = 0; name[k] && k + 1 < sizeof lower; k++)
				lower[k] =
					(char)(name[k] >= 'A' && name[k] <= 'Z' ? name[k] | 0x20 : name[k]);
			if (!nearest.best) {
				nr_nearest_offer(&nearest, lower);
				nearest.best = nearest.best ? name : NULL;
			}
		}
		return filter_expected(p, 0, "a protocol (tcp, udp, ..., or 0 to 255)",
			"プロトコル（tcp、udpなど、または0〜255）", nearest.best);
	}
	*ret = (struct filter_span){number, number};
	return 0;
}

static int read_export(struct filter_parser *p, const char *word, struct filter_span *ret)
{
	static const uint32_t exports[] = {NR_FLOW_NETFLOW5, NR_FLOW_NETFLOW9, NR_FLOW_IPFIX, NR_FLOW_SFLOW5,
		NR_FLOW_NFDUMP, NR_FLOW_ZEEK};
	for (size_t i = 0; i < NR_COUNT(exports); i++)
		if (!strcasecmp(word, nr_flow_export_name(exports[i]))) {
			*ret = (struct filter_span){exports[i], exports[i]};
			return 0;
		}
	return filter_expected(p, 0, "netflow5, netflow9, ipfix, sflow5, nfdump or zeek",
		"netflow5、netflow9、ipfix、sflow5、nfdump、zeekのどれか", NULL);
}

static uint64_t most_of(const struct filter_condition *c)
{
	if (c->phrase->operand == FILTER_TAKES_NUMBER && c->phrase->test == FILTER_RANGE)
		return UINT64_MAX >> (64 - 8 * nr_flow_columns[c->phrase->source].width);
	return c->phrase->operand == FILTER_TAKES_NUMBER ? UINT32_MAX : UINT64_MAX;
}

static int read_number(
	struct filter_parser *p, const struct filter_condition *c, const char *word, struct filter_span *ret)
{
	bool scaled = c->phrase->operand == FILTER_TAKES_COUNT;
	uint64_t most = most_of(c);
	char low[FILTER_WORD_MAX + 1];
	const char *dash = c->list ? strchr(word, '-') : NULL; /* "80-90" in a list */
	snprintf(low, sizeof low, "%.*s", dash ? (int)(dash - word) : FILTER_WORD_MAX, word);
	struct filter_span span;
	bool good = filter_number_read(low, true, &span.low);
	span.high = good ? span.low : 0;
	if (dash)
		good = good && filter_number_read(dash + 1, true, &span.high);
	if (good && span.low <= span.high && span.high <= most) {
		*ret = span;
		return 0;
	}
	char en[80], ja[80];
	if (scaled) {
		snprintf(en, sizeof en, "a whole number, with k, m, g or t for thousands");
		snprintf(ja, sizeof ja, "整数（k、m、g、tは千ごと）");
	} else {
		snprintf(en, sizeof en, "a number from 0 to %llu", (unsigned long long)most);
		snprintf(ja, sizeof ja, "0〜%lluの数", (unsigned long long)most);
	}
	return filter_expected(p, 0, en, ja, NULL);
}

int filter_time_read(struct filter_parser *p, const char *word, struct filter_span *ret)
{
	nr_time t;
	if (nr_time_parse(word, &t, NULL) != 0)
		return filter_expected(p, 0, "a time (2026-01-02T03:04:05Z, 2026-01-02, or Unix seconds)",
			"時刻（2026-01-02T03:04:05Z、2026-01-02、またはUnix秒）", NULL);
	*ret = (struct filter_span){(uint64_t)t, (uint64_t)t};
	return 0;
}

/* Words of more than FILTER_WORD_MAX are empty here: no value is empty. */
static int read_value(struct filter_parser *p, const struct filter_condition *c, struct filter_span *ret)
{
	char word[FILTER_WORD_MAX + 1];
	filter_word(p, 0, word);
	int e = 0;
	uint64_t value = 0;
	switch ((enum filter_operand)c->phrase->operand) {
	case FILTER_TAKES_PROTOCOL:
		e = read_protocol(p, word, ret);
		break;
	case FILTER_TAKES_CODE:
		e = read_code(p, c->phrase->source, word, ret);
		break;
	case FILTER_TAKES_EXPORT:
		e = read_export(p, word, ret);
		break;
	case FILTER_TAKES_TIME:
	case FILTER_TAKES_SEEN:
		e = filter_time_read(p, word, ret);
		break;
	case FILTER_TAKES_DURATION:
		if (!filter_duration_read(word, &value))
			e = filter_expected(p, 0, "a duration: milliseconds, or 250ms, 5s, 10min, 2h",
				"時間の長さ（ミリ秒、または250ms、5s、10min、2h）", NULL);
		*ret = (struct filter_span){value, value};
		break;
	case FILTER_TAKES_MAC:
		if (!filter_mac_read(word, &value))
			e = filter_expected(p, 0, "a MAC address, 00:00:5e:00:53:01",
				"MACアドレス（00:00:5e:00:53:01）", NULL);
		*ret = (struct filter_span){value, value};
		break;
	default:
		e = read_number(p, c, word, ret);
	}
	if (!e)
		p->at++;
	return e;
}

/* ---- lists ---- */

/* Calls each() at every item between "[" and "]"; it moves the parser on. */
static int read_list(struct filter_parser *p, struct filter_condition *c,
	int (*each)(struct filter_parser *p, struct filter_condition *c, void *context), void *context)
{
	if (filter_peek(p, 0)->kind != FILTER_TOKEN_LIST)
		return filter_expected(p, 0, "\"[\" and a list", "「[」と並び", NULL);
	p->at++;
	size_t count = 0;
	for (;; count++) {
		while (filter_peek(p, 0)->kind == FILTER_TOKEN_COMMA)
			p->at++;
		if (filter_peek(p, 0)->kind == FILTER_TOKEN_LIST_END && count)
			break;
		if (filter_peek(p, 0)->kind == FILTER_TOKEN_END)
			return filter_expected(p, 0, "\"]\"", "「]」", NULL);
		int e = each(p, c, context);
		if (e)
			return e;
	}
	p->at++;
	return 0;
}

struct span_list {
	struct filter_span *spans;
	size_t count, room;
};

static int span_list_add(struct span_list *list, struct filter_span span)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 16;
		struct filter_span *grown = realloc(list->spans, room * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		list->spans = grown;
		list->room = room;
	}
	list->spans[list->count++] = span;
	return 0;
}

static int each_span(struct filter_parser *p, struct filter_condition *c, void *context)
{
	struct filter_span span;
	int e = read_value(p, c, &span);
	return e ? e : span_list_add(context, span);
}

static int by_low(const void *a, const void *b)
{
	const struct filter_span *x = a, *y = b;
	return x->low < y->low ? -1 : x->low > y->low;
}

/* Sorted and without overlaps. */
static void merge_spans(struct span_list *list)
{
	qsort(list->spans, list->count, sizeof *list->spans, by_low);
	size_t n = 0;
	for (size_t i = 1; i < list->count; i++)
		if (list->spans[i].low <= list->spans[n].high)
			list->spans[n].high = NR_MAX(list->spans[n].high, list->spans[i].high);
		else
			list->spans[++n] = list->spans[i];
	list->count = n + 1;
}

static int ports_of(struct span_list *list, struct filter_leaf *leaf)
{
	leaf->test = FILTER_PORTS;
	leaf->ports = calloc(1, 8192);
	if (!leaf->ports)
		return -ENOMEM;
	for (size_t i = 0; i < list->count; i++)
		for (uint64_t port = list->spans[i].low; port <= list->spans[i].high; port++)
			leaf->ports[port >> 3] |= (uint8_t)(1 << (port & 7));
	return 0;
}

/* The leaf for a list: of a column one table, of what is computed or the stream's one test for each span. */
static int list_node(
	struct filter_parser *p, struct filter_condition *c, struct span_list *list, uint32_t *ret_node)
{
	struct filter_leaf leaf = c->leaf;
	leaf.negated = c->negated;
	merge_spans(list);
	if (leaf.test == FILTER_RANGE && nr_flow_columns[leaf.a].width == 2) {
		int e = ports_of(list, &leaf);
		return e ? e : filter_leaf_node(p, &leaf, ret_node);
	}
	if (leaf.test == FILTER_RANGE) {
		leaf.test = FILTER_SPANS;
		leaf.spans = nr_steal(&list->spans);
		leaf.span_count = list->count;
		return filter_leaf_node(p, &leaf, ret_node);
	}
	NR_AUTO(nr_freep) struct filter_leaf *leaves = calloc(list->count, sizeof *leaves);
	if (!leaves)
		return -ENOMEM;
	for (size_t i = 0; i < list->count; i++) {
		leaves[i] = leaf;
		leaves[i].range = list->spans[i];
	}
	return filter_joined(p, c->negated, leaves, list->count, ret_node);
}

int filter_number_condition(struct filter_parser *p, struct filter_condition *c, uint32_t *ret_node)
{
	if (c->list) {
		struct span_list list = {0};
		int e = read_list(p, c, each_span, &list);
		if (!e)
			e = list_node(p, c, &list, ret_node);
		free(list.spans);
		return e;
	}
	struct filter_span value;
	int e = read_value(p, c, &value);
	if (e)
		return e;
	bool is_time = c->phrase->operand == FILTER_TAKES_TIME;
	uint64_t least = is_time ? (uint64_t)INT64_MIN : 0, most = is_time ? INT64_MAX : UINT64_MAX;
	struct filter_leaf leaf = c->leaf;
	leaf.negated = c->negated != (c->compare == FILTER_NE);
	return filter_span_of(c->compare, value, least, most, &leaf.range)
		       ? filter_leaf_node(p, &leaf, ret_node)
		       : filter_constant(p, c->negated, ret_node);
}

/* ---- addresses ---- */

static void prefix_to_leaf(const struct nr_prefix *prefix, struct filter_leaf *leaf)
{
	unsigned length = prefix->length;
	nr_flow_address_split(&prefix->address, &leaf->prefix.high, &leaf->prefix.low);
	leaf->prefix.mask_high = length >= 64 ? UINT64_MAX : length ? UINT64_MAX << (64 - length) : 0;
	leaf->prefix.mask_low = length == 128 ? UINT64_MAX : length > 64 ? UINT64_MAX << (128 - length) : 0;
}

/* "255.255.255.0" behind an address: its length, which must be made of ones and then zeros. */
static bool read_netmask(const char *word, unsigned *ret_length)
{
	struct nr_address mask;
	if (nr_address_parse(word, &mask, NULL) != 0)
		return false;
	bool ipv4 = nr_address_is_ipv4(&mask) && !strchr(word, ':');
	unsigned length = ipv4 ? 96 : 0;
	while (length < 128 && mask.octets[length / 8] >> (7 - length % 8) & 1)
		length++;
	for (unsigned i = length; i < 128; i++)
		if (mask.octets[i / 8] >> (7 - i % 8) & 1)
			return false;
	*ret_length = length;
	return true;
}

static int read_prefix(
	struct filter_parser *p, const struct filter_condition *c, struct nr_prefix *ret_prefix)
{
	char word[FILTER_WORD_MAX + 1], mask[FILTER_WORD_MAX + 1];
	filter_word(p, 0, word);
	if (!filter_prefix_read(word, ret_prefix))
		return filter_expected(p, 0, "an IPv4 or IPv6 address or prefix (names are not looked up)",
			"IPv4かIPv6のアドレスまたはプレフィックス（名前は調べません）", NULL);
	p->at++;
	unsigned length;
	if (c->phrase->operand == FILTER_TAKES_NET && !c->list && !strchr(word, '/') &&
		filter_word(p, 0, mask)) {
		if (!read_netmask(mask, &length))
			return filter_expected(
				p, 0, "a netmask, 255.255.255.0", "ネットマスク（255.255.255.0）", NULL);
		p->at++;
		ret_prefix->length = (uint8_t)length;
		for (unsigned i = length; i < 128; i++)
			ret_prefix->address.octets[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	}
	return 0;
}

struct address_list {
	struct filter_leaf leaf;
	struct nr_prefix prefixes[FILTER_HOSTS_MAX]; /* the first of them */
	size_t count, hosts;
	uint32_t or_node, last; /* of exporters */
};

static int each_address(struct filter_parser *p, struct filter_condition *c, void *context)
{
	struct address_list *list = context;
	struct nr_prefix prefix;
	int e = read_prefix(p, c, &prefix);
	if (e)
		return e;
	if (list->count < FILTER_HOSTS_MAX)
		list->prefixes[list->count] = prefix;
	list->count++;
	list->hosts += prefix.length == 128;
	return nr_prefix_table_add(list->leaf.table, &prefix, 0, NULL);
}

static int each_exporter(struct filter_parser *p, struct filter_condition *c, void *context)
{
	struct address_list *list = context;
	struct nr_prefix prefix;
	uint32_t child;
	int e = read_prefix(p, c, &prefix);
	if (e)
		return e;
	struct filter_leaf leaf = c->leaf;
	leaf.negated = c->negated;
	prefix_to_leaf(&prefix, &leaf);
	e = filter_leaf_node(p, &leaf, &child);
	if (!e)
		filter_node_add(p->filter, list->or_node, child, &list->last);
	return e;
}

static int remember_hosts(struct address_list *list)
{
	if (list->hosts != list->count || list->count > FILTER_HOSTS_MAX)
		return 0;
	list->leaf.hosts = calloc(list->count, sizeof *list->leaf.hosts);
	if (!list->leaf.hosts)
		return -ENOMEM;
	for (size_t i = 0; i < list->count; i++)
		list->leaf.hosts[list->leaf.host_count++] = list->prefixes[i].address;
	return 0;
}

static int address_list(struct filter_parser *p, struct filter_condition *c, uint32_t *ret_node)
{
	struct address_list list = {.leaf = c->leaf};
	int e;
	if (c->leaf.test == FILTER_STREAM) {
		list.or_node = filter_node_new(p->filter, c->negated ? FILTER_AND : FILTER_OR);
		*ret_node = list.or_node;
		return list.or_node == FILTER_NOTHING ? -ENOMEM : read_list(p, c, each_exporter, &list);
	}
	list.leaf.test = FILTER_PREFIXES;
	list.leaf.negated = c->negated;
	e = nr_prefix_table_new(&list.leaf.table, NULL);
	if (!e)
		e = read_list(p, c, each_address, &list);
	if (!e)
		e = nr_prefix_table_seal(list.leaf.table, NULL);
	if (!e)
		e = remember_hosts(&list);
	if (!e)
		return filter_leaf_node(p, &list.leaf, ret_node);
	nr_prefix_table_free(list.leaf.table);
	free(list.leaf.hosts);
	return e;
}

int filter_address_condition(struct filter_parser *p, struct filter_condition *c, uint32_t *ret_node)
{
	if (c->list)
		return address_list(p, c, ret_node);
	if (c->compare != FILTER_EQ && c->compare != FILTER_NE)
		return filter_refused(p, 0, "addresses are equal or not: = and != alone compare them",
			"アドレスは = と != だけで比べます");
	struct nr_prefix prefix;
	int e = read_prefix(p, c, &prefix);
	if (e)
		return e;
	struct filter_leaf leaf = c->leaf;
	leaf.negated = c->negated != (c->compare == FILTER_NE);
	prefix_to_leaf(&prefix, &leaf);
	return filter_leaf_node(p, &leaf, ret_node);
}
