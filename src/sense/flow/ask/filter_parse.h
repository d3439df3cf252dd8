/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of the filter's parser: tokens (filter_token.c), the grammar of "and" and "or"
 * (filter_parse.c), what one condition says (filter_primitive.c), its words (filter_words.c) and its values
 * (filter_value.c). */
#ifndef NR_SENSE_FLOW_ASK_FILTER_PARSE_H
#define NR_SENSE_FLOW_ASK_FILTER_PARSE_H

#include "sense/flow/ask/filter_inside.h"

/* ---- tokens ---- */

enum filter_token_kind {
	FILTER_TOKEN_END,
	FILTER_TOKEN_WORD,    /* "src", "192.0.2.0/24", "10k" */
	FILTER_TOKEN_COMPARE, /* = == != < > <= >=; as words eq, lt, ... too */
	FILTER_TOKEN_AND,
	FILTER_TOKEN_OR,
	FILTER_TOKEN_NOT,
	FILTER_TOKEN_OPEN, /* ( */
	FILTER_TOKEN_CLOSE,
	FILTER_TOKEN_LIST, /* [ */
	FILTER_TOKEN_LIST_END,
	FILTER_TOKEN_COMMA,
	FILTER_TOKEN_OTHER, /* a single & or | */
};
enum filter_compare { FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_GT, FILTER_LE, FILTER_GE };

struct filter_token {
	uint8_t kind, compare;
	uint32_t at, length;
};

#define FILTER_WORD_MAX 63 /* longer words are none that could be known */

struct filter_parser {
	const char *text;
	struct filter_token *tokens; /* the last is the END */
	uint32_t count, at;
	unsigned depth;
	struct nr_flow_filter *filter;
	struct nr_flow_filter_fault *fault;
};

/* -ENOMEM */
int filter_tokens_read(const char *text, struct filter_token **ret_tokens, uint32_t *ret_count);
NR_INLINE const struct filter_token *filter_peek(const struct filter_parser *p, uint32_t ahead)
{
	return &p->tokens[NR_MIN(p->at + ahead, p->count - 1)];
}
/* Whether a word (not a number of it) stands there, in any case of its letters. */
bool filter_word_is(const struct filter_parser *p, uint32_t ahead, const char *word);
/* The word as text; false where it is none, or too long. */
bool filter_word(const struct filter_parser *p, uint32_t ahead, char text[static FILTER_WORD_MAX + 1]);

/* -EINVAL: `expected` stands in both languages, what is there is taken from the token `ahead`; nearest: a
 * word that was perhaps meant, or NULL. */
int filter_expected(
	struct filter_parser *p, uint32_t ahead, const char *en, const char *ja, const char *nearest);
/* -EINVAL with this sentence. */
int filter_refused(struct filter_parser *p, uint32_t ahead, const char *en, const char *ja);

/* ---- words ---- */

enum filter_operand {
	FILTER_TAKES_NOTHING,
	FILTER_TAKES_ADDRESS,
	FILTER_TAKES_NET, /* an address that may be followed by a netmask */
	FILTER_TAKES_NUMBER,
	FILTER_TAKES_COUNT, /* with k, m, g, t */
	FILTER_TAKES_PROTOCOL,
	FILTER_TAKES_FLAGS,
	FILTER_TAKES_CODE,
	FILTER_TAKES_NAT_EVENT,
	FILTER_TAKES_FIREWALL_EVENT,
	FILTER_TAKES_TIME,
	FILTER_TAKES_DURATION,
	FILTER_TAKES_RATE,
	FILTER_TAKES_MAC,
	FILTER_TAKES_EXPORT,
	FILTER_TAKES_MARK,
	FILTER_TAKES_ICMP_TYPE,
	FILTER_TAKES_ICMP_CODE,
	FILTER_TAKES_SEEN,
	FILTER_IS_ANY,
	FILTER_IS_INET,
	FILTER_IS_INET6,
	FILTER_IS_CLIENT,
	FILTER_IS_CONSTANT, /* a count that is 1 in each flow: "flows" */
	FILTER_NOT_CARRIED, /* nfdump knows it; flows here have no such field */
};

struct filter_phrase {
	const char *words; /* one or several, "router ip" */
	uint8_t operand;
	uint8_t test;                /* FILTER_RANGE, FILTER_STREAM, FILTER_DERIVED, ... */
	uint8_t source, destination; /* columns: `destination` where it has sides; else FILTER_NO_COLUMN */
	uint8_t what;
};
/* The longest phrase that stands at the parser's place; NULL: none. *ret_length: its words. */
const struct filter_phrase *filter_phrase_find(
	const struct filter_parser *p, struct filter_phrase *room, uint32_t *ret_length);
/* What was perhaps meant by a word that begins no phrase. */
const char *filter_phrase_nearest(const char *word);
int filter_mark_by_name(const char *name); /* the bit, or -1 */
const char *filter_mark_listed(size_t n);

/* ---- values ---- */

enum filter_value_fault { FILTER_VALUE_OK, FILTER_VALUE_BAD, FILTER_VALUE_RANGE };
/* Decimal or 0x..., with k m g t (powers of 1000, as at nfdump) where `scaled`. */
bool filter_number_read(const char *text, bool scaled, uint64_t *ret_value);
/* "10.0.0.0/8", "10/8", "2001:db8::/32", "192.0.2.1"; bits beyond the length are cleared. */
bool filter_prefix_read(const char *text, struct nr_prefix *ret_prefix);
bool filter_mac_read(const char *text, uint64_t *ret_mac);
/* Letters of TCP flags in any order, or their number. */
bool filter_flags_read(const char *text, uint16_t *ret_flags);
/* "10", "10k", "5s", "250ms", "10min", "2h" in ms; false for "5m", which is two things. */
bool filter_duration_read(const char *text, uint64_t *ret_ms);

/* ---- nodes ---- */

/* FILTER_NOTHING: no memory. Pointers to nodes end with the next one. */
uint32_t filter_node_new(struct nr_flow_filter *filter, enum filter_node_kind kind);
/* Puts a child behind the others. */
void filter_node_add(struct nr_flow_filter *filter, uint32_t parent, uint32_t child, uint32_t *last);
/* A leaf; negated: it asks for rows that do not match. */
uint32_t filter_leaf_new(struct nr_flow_filter *filter, const struct filter_leaf *leaf);

/* ---- conditions ---- */

/* What is being built, without its values yet. */
struct filter_condition {
	const struct filter_phrase *phrase;
	enum filter_compare compare;
	bool negated, list;
	struct filter_leaf leaf; /* its test and columns */
};

int filter_constant(struct filter_parser *p, bool truth, uint32_t *ret_node);
/* The leaf's own memory goes to the node, or is released. */
int filter_leaf_node(struct filter_parser *p, struct filter_leaf *leaf, uint32_t *ret_node);
/* All of the leaves, or any of them; negated already where they are to be. */
int filter_joined(
	struct filter_parser *p, bool all, struct filter_leaf *leaves, size_t count, uint32_t *ret_node);
/* The values that compare so; false: there are none. */
bool filter_span_of(enum filter_compare compare, struct filter_span value, uint64_t least, uint64_t most,
	struct filter_span *ret_span);
/* One time at the parser's place, which stays. */
int filter_time_read(struct filter_parser *p, const char *word, struct filter_span *ret);
int filter_number_condition(struct filter_parser *p, struct filter_condition *c, uint32_t *ret_node);
int filter_address_condition(struct filter_parser *p, struct filter_condition *c, uint32_t *ret_node);

/* One condition at the parser's place, under `negated`. */
int filter_primitive(struct filter_parser *p, bool negated, uint32_t *ret_node);

#endif
