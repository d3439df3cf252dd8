/* SPDX-License-Identifier: Apache-2.0 */
/* One condition: [side] field [comparison] value, or [side] field "in" [list]. */
#include "base/nearest.h"
#include "sense/flow/ask/filter_parse.h"
#include "sense/flow/ask/protocol.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

enum side { SIDE_NONE, SIDE_SOURCE, SIDE_DESTINATION, SIDE_EITHER, SIDE_BOTH };

static enum side side_word(const struct filter_parser *p, uint32_t ahead)
{
	if (filter_word_is(p, ahead, "src") || filter_word_is(p, ahead, "source"))
		return SIDE_SOURCE;
	if (filter_word_is(p, ahead, "dst") || filter_word_is(p, ahead, "destination"))
		return SIDE_DESTINATION;
	return SIDE_NONE;
}

/* "src", "dst", "src or dst", "src and dst", in either order. */
static enum side read_side(struct filter_parser *p)
{
	enum side side = side_word(p, 0), other = side ? side_word(p, 2) : SIDE_NONE;
	uint8_t joint = filter_peek(p, 1)->kind;
	if (!side)
		return side;
	if (other && other != side && (joint == FILTER_TOKEN_OR || joint == FILTER_TOKEN_AND)) {
		p->at += 3;
		return joint == FILTER_TOKEN_OR ? SIDE_EITHER : SIDE_BOTH;
	}
	p->at++;
	return side;
}

static const struct filter_span protocol_icmp = {1, 1}, protocol_icmp6 = {58, 58};

/* ---- words with a meaning of their own ---- */

static int flags_condition(struct filter_parser *p, struct filter_condition *c, uint32_t *ret_node)
{
	char word[FILTER_WORD_MAX + 1];
	uint16_t flags;
	if (!filter_word(p, 0, word) || !filter_flags_read(word, &flags))
		return filter_expected(p, 0, "TCP flags, letters of FSRPAUECN (X: F to U together)",
			"TCPフラグ（FSRPAUECNの文字。XはFからUまで全部）", NULL);
	p->at++;
	struct filter_leaf leaf = c->leaf;
	bool negated = c->negated != (c->compare == FILTER_NE);
	leaf.masked.mask = flags ? flags : UINT16_MAX;
	leaf.masked.wanted = flags;
	if (negated && flags)
		leaf.masked.wanted = 0; /* nfdump: none of them */
	else
		leaf.negated = negated;
	return filter_leaf_node(p, &leaf, ret_node);
}

static int mark_condition(struct filter_parser *p, struct filter_condition *c, uint32_t *ret_node)
{
	char word[FILTER_WORD_MAX + 1];
	filter_word(p, 0, word);
	int bit = filter_mark_by_name(word);
	if (bit < 0) {
		struct nr_nearest nearest = {.word = word};
		for (size_t i = 0; filter_mark_listed(i); i++)
			nr_nearest_offer(&nearest, filter_mark_listed(i));
		return filter_expected(p, 0,
			"a mark: time-of-export, time-suspect, packet, discarded, biflow or event",
			"印（time-of-export、time-suspect、packet、discarded、biflow、event）", nearest.best);
	}
	p->at++;
	struct filter_leaf leaf = c->leaf;
	leaf.masked.mask = leaf.masked.wanted = (uint64_t)bit;
	leaf.negated = c->negated != (c->compare == FILTER_NE);
	return filter_leaf_node(p, &leaf, ret_node);
}

/* Type and code stand in the destination port; they imply the protocol. */
static int icmp_condition(struct filter_parser *p, struct filter_condition *c, uint32_t *ret_node)
{
	char word[FILTER_WORD_MAX + 1];
	uint64_t number;
	if (!filter_word(p, 0, word) || !filter_number_read(word, false, &number) || number > 255)
		return filter_expected(p, 0, "a number from 0 to 255", "0〜255の数", NULL);
	p->at++;
	bool type = c->phrase->operand == FILTER_TAKES_ICMP_TYPE;
	bool negated = c->negated != (c->compare == FILTER_NE);
	struct filter_leaf protocol = {.test = FILTER_SPANS,
		.a = NR_FLOW_PROTOCOL,
		.b = FILTER_NO_COLUMN,
		.negated = negated,
		.span_count = 2};
	struct filter_leaf value = c->leaf;
	value.negated = negated;
	value.masked.mask = type ? 0xff00 : 0xff;
	value.masked.wanted = type ? number << 8 : number;
	protocol.spans = calloc(2, sizeof *protocol.spans);
	if (!protocol.spans)
		return -ENOMEM;
	protocol.spans[0] = protocol_icmp;
	protocol.spans[1] = protocol_icmp6;
	return filter_joined(p, !negated, (struct filter_leaf[]){protocol, value}, 2, ret_node);
}

/* "seen > T": it lasted beyond T; "seen < T": it began before; "seen T": it was there at T. */
static int seen_condition(struct filter_parser *p, struct filter_condition *c, uint32_t *ret_node)
{
	char word[FILTER_WORD_MAX + 1];
	struct filter_span value;
	filter_word(p, 0, word);
	int e = filter_time_read(p, word, &value);
	if (e)
		return e;
	p->at++;
	bool equal = c->compare == FILTER_EQ || c->compare == FILTER_NE;
	bool negated = c->negated != (c->compare == FILTER_NE);
	bool later = c->compare == FILTER_GT || c->compare == FILTER_GE;
	struct filter_leaf leaves[2] = {c->leaf, c->leaf};
	leaves[0].b = leaves[1].b = FILTER_NO_COLUMN;
	leaves[0].a = later ? NR_FLOW_LAST : NR_FLOW_FIRST;
	leaves[1].a = NR_FLOW_LAST;
	leaves[0].negated = leaves[1].negated = negated;
	if (!filter_span_of(
		    equal ? FILTER_LE : c->compare, value, (uint64_t)INT64_MIN, INT64_MAX, &leaves[0].range))
		return filter_constant(p, negated, ret_node);
	leaves[1].range = (struct filter_span){value.low, INT64_MAX};
	return equal ? filter_joined(p, !negated, leaves, 2, ret_node)
		     : filter_leaf_node(p, &leaves[0], ret_node);
}

static int rate_condition(struct filter_parser *p, struct filter_condition *c, uint32_t *ret_node)
{
	char word[FILTER_WORD_MAX + 1], *end = word;
	filter_word(p, 0, word);
	bool unknown = !strcasecmp(word, "unknown");
	float rate = unknown ? 0 : word[0] >= '0' && word[0] <= '9' ? strtof(word, &end) : 0;
	if (!unknown && (end == word || *end || !isfinite(rate)))
		return filter_expected(p, 0, "a sampling rate (one in so many) or unknown",
			"サンプリング率（何個に1個か）かunknown", NULL);
	p->at++;
	struct filter_leaf leaf = c->leaf;
	leaf.negated = c->negated != (c->compare == FILTER_NE);
	leaf.rate.low = rate;
	leaf.rate.high = rate;
	if (c->compare == FILTER_GT || c->compare == FILTER_GE) {
		leaf.rate.low = c->compare == FILTER_GT ? nextafterf(rate, INFINITY) : rate;
		leaf.rate.high = INFINITY;
	}
	if (c->compare == FILTER_LT || c->compare == FILTER_LE) {
		leaf.rate.low = nextafterf(0, 1); /* 0 is "not known", not little */
		leaf.rate.high = c->compare == FILTER_LT ? nextafterf(rate, 0) : rate;
	}
	return leaf.rate.low <= leaf.rate.high ? filter_leaf_node(p, &leaf, ret_node)
					       : filter_constant(p, leaf.negated, ret_node);
}

/* Event numbers by what nfdump calls them. */
static int event_condition(struct filter_parser *p, struct filter_condition *c, uint32_t *ret_node)
{
	static const struct {
		const char *name;
		bool firewall;
		uint8_t codes[6]; /* 0: no more */
	} events[] = {{"add", false, {1, 4, 6, 8, 10, 14}}, {"create", false, {1, 4, 6, 8, 10, 14}},
		{"delete", false, {2, 5, 7, 9, 11, 15}}, {"create", true, {NR_FLOW_EVENT_FIREWALL + 1}},
		{"term", true, {NR_FLOW_EVENT_FIREWALL + 2}}, {"delete", true, {NR_FLOW_EVENT_FIREWALL + 2}},
		{"deny", true, {NR_FLOW_EVENT_FIREWALL + 3}}, {"alert", true, {NR_FLOW_EVENT_FIREWALL + 4}},
		{"update", true, {NR_FLOW_EVENT_FIREWALL + 5}}};
	bool firewall = c->phrase->operand == FILTER_TAKES_FIREWALL_EVENT, negated = c->negated;
	char word[FILTER_WORD_MAX + 1];
	uint64_t base = firewall ? NR_FLOW_EVENT_FIREWALL : 0, number;
	filter_word(p, 0, word);
	struct filter_leaf leaves[6];
	size_t count = 0;
	for (size_t i = 0; i < NR_COUNT(events) && !count; i++)
		for (size_t k = 0; events[i].firewall == firewall && !strcasecmp(events[i].name, word) &&
				   k < 6 && events[i].codes[k];
			k++, count++) {
			leaves[count] = c->leaf;
			leaves[count].range = (struct filter_span){events[i].codes[k], events[i].codes[k]};
		}
	if (!count && filter_number_read(word, false, &number) && number < NR_FLOW_EVENT_FIREWALL) {
		struct filter_span value = {base + number, base + number}, span;
		leaves[0] = c->leaf;
		if (!filter_span_of(c->compare, value, base, base + NR_FLOW_EVENT_FIREWALL - 1, &span))
			return filter_constant(p, negated, ret_node);
		leaves[count++].range = span;
	}
	if (!count)
		return filter_expected(p, 0,
			firewall ? "create, delete, deny, alert, update or a number"
				 : "add, delete or a number",
			firewall ? "create、delete、deny、alert、updateまたは番号" : "add、deleteまたは番号",
			NULL);
	p->at++;
	negated = negated != (c->compare == FILTER_NE);
	for (size_t i = 0; i < count; i++)
		leaves[i].negated = negated;
	return filter_joined(p, negated, leaves, count, ret_node);
}

/* Both addresses of this family; an address that was not exported is of neither. */
static int family_condition(struct filter_parser *p, bool ipv4, bool negated, uint32_t *ret_node)
{
	struct filter_leaf leaves[4];
	size_t count = 0;
	for (unsigned i = 0; i < (ipv4 ? 2 : 4); i++) {
		struct filter_leaf *leaf = &leaves[count++];
		bool zero = i >= 2;
		*leaf = (struct filter_leaf){.test = FILTER_PREFIX,
			.a = i % 2 ? NR_FLOW_DESTINATION_LOW : NR_FLOW_SOURCE_LOW,
			.b = FILTER_NO_COLUMN,
			.negated = negated == ipv4};
		leaf->prefix.mask_high = UINT64_MAX;
		leaf->prefix.mask_low = zero ? UINT64_MAX : UINT64_MAX << 32;
		leaf->prefix.low = zero ? 0 : UINT64_C(0xffff) << 32;
	}
	return filter_joined(p, !negated, leaves, count, ret_node);
}

static int client_condition(
	struct filter_parser *p, struct filter_condition *c, enum side side, uint32_t *ret_node)
{
	struct filter_leaf leaf = c->leaf;
	leaf.test = FILTER_MASKED;
	leaf.b = FILTER_NO_COLUMN;
	leaf.masked.mask = (side == SIDE_DESTINATION ? 0 : NR_FLOW_MARK_SOURCE_CLIENT) |
			   (side == SIDE_SOURCE ? 0 : NR_FLOW_MARK_DESTINATION_CLIENT);
	bool any = side == SIDE_NONE || side == SIDE_EITHER;
	leaf.masked.wanted = any ? 0 : leaf.masked.mask;
	leaf.negated = c->negated != any;
	return filter_leaf_node(p, &leaf, ret_node);
}

/* Every flow counts as one. */
static int flows_condition(struct filter_parser *p, struct filter_condition *c, uint32_t *ret_node)
{
	char word[FILTER_WORD_MAX + 1];
	struct filter_span value, span;
	filter_word(p, 0, word);
	if (!filter_number_read(word, true, &value.low))
		return filter_expected(p, 0, "a whole number", "整数", NULL);
	p->at++;
	value.high = value.low;
	bool truth =
		filter_span_of(c->compare, value, 0, UINT64_MAX, &span) && span.low <= 1 && span.high >= 1;
	return filter_constant(p, truth != (c->negated != (c->compare == FILTER_NE)), ret_node);
}

static int block_condition(struct filter_parser *p, struct filter_condition *c, uint32_t *ret_node)
{
	p->at += 2;
	struct filter_leaf leaves[2];
	size_t count = c->leaf.b == FILTER_NO_COLUMN ? 1 : 2;
	for (size_t i = 0; i < count; i++)
		leaves[i] = (struct filter_leaf){.test = FILTER_DERIVED,
			.what = FILTER_PORT_IN_BLOCK,
			.a = i ? c->leaf.b : c->leaf.a,
			.b = FILTER_NO_COLUMN,
			.negated = c->negated};
	return filter_joined(p, c->negated, leaves, count, ret_node);
}

/* ---- dispatch ---- */

static bool takes_list(enum filter_operand operand)
{
	return operand >= FILTER_TAKES_ADDRESS && operand <= FILTER_TAKES_EXPORT &&
	       operand != FILTER_TAKES_FLAGS && operand != FILTER_TAKES_NAT_EVENT &&
	       operand != FILTER_TAKES_FIREWALL_EVENT && operand != FILTER_TAKES_RATE;
}

/* Reads the comparison, or "in", then what the field takes. */
static int field_condition(
	struct filter_parser *p, struct filter_condition *c, enum side side, uint32_t *ret_node)
{
	enum filter_operand operand = c->phrase->operand;
	if (operand == FILTER_IS_ANY)
		return filter_constant(p, !c->negated, ret_node);
	if (operand == FILTER_IS_INET || operand == FILTER_IS_INET6)
		return family_condition(p, operand == FILTER_IS_INET, c->negated, ret_node);
	if (operand == FILTER_IS_CLIENT)
		return client_condition(p, c, side, ret_node);
	bool is_port = c->leaf.a == NR_FLOW_SOURCE_PORT || c->leaf.a == NR_FLOW_DESTINATION_PORT;
	if (is_port && c->phrase->test == FILTER_RANGE && filter_word_is(p, 0, "in") &&
		filter_word_is(p, 1, "pblock"))
		return block_condition(p, c, ret_node);
	if (filter_peek(p, 0)->kind == FILTER_TOKEN_COMPARE)
		c->compare = filter_peek(p, 0)->compare, p->at++;
	else if (takes_list(operand) && filter_word_is(p, 0, "in"))
		c->list = true, p->at++;
	else if (takes_list(operand) && filter_peek(p, 0)->kind == FILTER_TOKEN_LIST)
		c->list = true;
	switch (operand) {
	case FILTER_TAKES_ADDRESS:
	case FILTER_TAKES_NET:
		return filter_address_condition(p, c, ret_node);
	case FILTER_TAKES_FLAGS:
		return flags_condition(p, c, ret_node);
	case FILTER_TAKES_MARK:
		return mark_condition(p, c, ret_node);
	case FILTER_TAKES_ICMP_TYPE:
	case FILTER_TAKES_ICMP_CODE:
		return icmp_condition(p, c, ret_node);
	case FILTER_TAKES_SEEN:
		return seen_condition(p, c, ret_node);
	case FILTER_TAKES_RATE:
		return rate_condition(p, c, ret_node);
	case FILTER_TAKES_NAT_EVENT:
	case FILTER_TAKES_FIREWALL_EVENT:
		return event_condition(p, c, ret_node);
	case FILTER_IS_CONSTANT:
		return flows_condition(p, c, ret_node);
	default:
		return filter_number_condition(p, c, ret_node);
	}
}

/* A field without sides ignores none: "src proto" is refused. */
static int sided_condition(
	struct filter_parser *p, struct filter_condition *c, enum side side, uint32_t *ret_node)
{
	const struct filter_phrase *phrase = c->phrase;
	c->leaf = (struct filter_leaf){
		.test = phrase->test, .what = phrase->what, .a = phrase->source, .b = phrase->destination};
	if (side == SIDE_SOURCE)
		c->leaf.b = FILTER_NO_COLUMN;
	if (side == SIDE_DESTINATION) {
		c->leaf.a = c->leaf.b;
		c->leaf.b = FILTER_NO_COLUMN;
	}
	if (side != SIDE_BOTH || phrase->operand == FILTER_IS_CLIENT)
		return field_condition(p, c, side, ret_node);
	uint32_t last = FILTER_NOTHING, child, begin = p->at;
	uint32_t node = filter_node_new(p->filter, c->negated ? FILTER_OR : FILTER_AND);
	if (node == FILTER_NOTHING)
		return -ENOMEM;
	for (unsigned i = 0; i < 2; i++) { /* the value is read once for each side */
		struct filter_condition half = *c;
		half.leaf.a = i ? phrase->destination : phrase->source;
		half.leaf.b = FILTER_NO_COLUMN;
		p->at = begin;
		int e = field_condition(p, &half, SIDE_NONE, &child);
		if (e)
			return e;
		filter_node_add(p->filter, node, child, &last);
	}
	*ret_node = node;
	return 0;
}

static const struct filter_phrase plain_address = {
	"ip", FILTER_TAKES_ADDRESS, FILTER_PREFIX, NR_FLOW_SOURCE_LOW, NR_FLOW_DESTINATION_LOW, 0};
static const struct filter_phrase plain_protocol = {
	"proto", FILTER_TAKES_PROTOCOL, FILTER_RANGE, NR_FLOW_PROTOCOL, FILTER_NO_COLUMN, 0};

/* What stands where a field should: an address behind a side, a protocol's name, or nothing that is known. */
static int no_field(struct filter_parser *p, struct filter_condition *c, enum side side, uint32_t *ret_node)
{
	char word[FILTER_WORD_MAX + 1];
	struct nr_prefix prefix;
	filter_word(p, 0, word);
	uint8_t kind = filter_peek(p, 0)->kind;
	if (side && (kind == FILTER_TOKEN_COMPARE || kind == FILTER_TOKEN_LIST ||
			    filter_word_is(p, 0, "in") || filter_prefix_read(word, &prefix))) {
		c->phrase = &plain_address;
		return sided_condition(p, c, side, ret_node);
	}
	if (!side && nr_flow_protocol_by_name(word) >= 0) {
		c->phrase = &plain_protocol;
		return sided_condition(p, c, side, ret_node);
	}
	const char *nearest = filter_phrase_nearest(word);
	if (side)
		return filter_expected(p, 0, "ip, net, port, as, mask, vlan, mac, client or an address",
			"ip、net、port、as、mask、vlan、mac、clientかアドレス", nearest);
	return filter_expected(p, 0, "a condition, such as \"src ip 192.0.2.1\" or \"port 443\"",
		"条件（「src ip 192.0.2.1」や「port 443」など）", nearest);
}

int filter_primitive(struct filter_parser *p, bool negated, uint32_t *ret_node)
{
	struct filter_phrase room;
	struct filter_condition c = {.negated = negated, .compare = FILTER_EQ};
	uint32_t length;
	enum side side = SIDE_NONE;
	c.phrase = filter_phrase_find(p, &room, &length);
	if (!c.phrase) {
		side = read_side(p);
		bool announced = side && filter_word_is(p, 0, "in"); /* "src in ip [...]", nfdump(1) */
		p->at += announced;
		c.phrase = filter_phrase_find(p, &room, &length);
		if (!c.phrase) {
			p->at -= announced;
			return no_field(p, &c, side, ret_node);
		}
	}
	if (c.phrase->operand == FILTER_NOT_CARRIED)
		return filter_refused(p, 0,
			"nfdump knows this word, but flows here do not carry what it asks for",
			"nfdumpの語ですが、ここのフローにはその項目がありません");
	if (side && c.phrase->destination == FILTER_NO_COLUMN)
		return filter_refused(p, 0, "this has no source and destination: leave src or dst out",
			"これには送信元・宛先の区別がありません。srcやdstを除いてください");
	p->at += length;
	return sided_condition(p, &c, side, ret_node);
}
