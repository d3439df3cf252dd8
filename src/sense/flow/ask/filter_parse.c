/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar, by recursive descent:
 *
 *	expression = both { "or" both }			"or" and "||"
 *	both       = one { "and" one }			"and" and "&&", binds closer
 *	one        = "not" one | "(" expression ")" | condition
 *
 * A negation is carried down to the conditions: "not (a and b)" becomes "not a or not b".
 */
#include "sense/flow/ask/filter_parse.h"

#include <errno.h>
#include <string.h>

uint32_t filter_node_new(struct nr_flow_filter *filter, enum filter_node_kind kind)
{
	if (filter->count == filter->room) {
		uint32_t room = filter->room ? filter->room * 2 : 16;
		struct filter_node *grown = realloc(filter->nodes, room * sizeof *grown);
		if (!grown)
			return FILTER_NOTHING;
		filter->nodes = grown;
		filter->room = room;
	}
	filter->nodes[filter->count] =
		(struct filter_node){.kind = (uint8_t)kind, .child = FILTER_NOTHING, .next = FILTER_NOTHING};
	return filter->count++;
}

void filter_node_add(struct nr_flow_filter *filter, uint32_t parent, uint32_t child, uint32_t *last)
{
	if (filter->nodes[parent].child == FILTER_NOTHING)
		filter->nodes[parent].child = child;
	else
		filter->nodes[*last].next = child;
	*last = child;
}

uint32_t filter_leaf_new(struct nr_flow_filter *filter, const struct filter_leaf *leaf)
{
	uint32_t node = filter_node_new(filter, FILTER_LEAF);
	if (node != FILTER_NOTHING)
		filter->nodes[node].leaf = *leaf;
	return node;
}

static int parse_expression(struct filter_parser *p, bool negated, uint32_t *ret_node);

static int parse_inner(struct filter_parser *p, bool negated, uint32_t *ret_node)
{
	if (filter_peek(p, 0)->kind != FILTER_TOKEN_OPEN)
		return filter_primitive(p, negated, ret_node);
	p->at++;
	int e = parse_expression(p, negated, ret_node);
	if (e)
		return e;
	if (filter_peek(p, 0)->kind != FILTER_TOKEN_CLOSE)
		return filter_expected(p, 0, "\"and\", \"or\" or \")\"", "「and」「or」か「)」", NULL);
	p->at++;
	return 0;
}

static int parse_one(struct filter_parser *p, bool negated, uint32_t *ret_node)
{
	while (filter_peek(p, 0)->kind == FILTER_TOKEN_NOT) {
		p->at++;
		negated = !negated;
	}
	if (p->depth == FILTER_DEPTH_MAX)
		return filter_refused(p, 0, "more than 64 parentheses within each other",
			"かっこの入れ子が64を超えています");
	p->depth++;
	int e = parse_inner(p, negated, ret_node);
	p->depth--;
	return e;
}

/* Parts joined by `joint`; one part alone needs no node. */
static int parse_joined(struct filter_parser *p, bool negated, enum filter_token_kind joint,
	int (*part)(struct filter_parser *p, bool negated, uint32_t *ret_node), uint32_t *ret_node)
{
	uint32_t node = FILTER_NOTHING, last = FILTER_NOTHING, child;
	for (;;) {
		int e = part(p, negated, &child);
		if (e)
			return e;
		bool more = filter_peek(p, 0)->kind == joint;
		if (node == FILTER_NOTHING && !more) {
			*ret_node = child;
			return 0;
		}
		if (node == FILTER_NOTHING) {
			bool any = (joint == FILTER_TOKEN_OR) != negated;
			node = filter_node_new(p->filter, any ? FILTER_OR : FILTER_AND);
			if (node == FILTER_NOTHING)
				return -ENOMEM;
		}
		filter_node_add(p->filter, node, child, &last);
		if (!more)
			break;
		p->at++;
	}
	*ret_node = node;
	return 0;
}

static int parse_both(struct filter_parser *p, bool negated, uint32_t *ret_node)
{
	return parse_joined(p, negated, FILTER_TOKEN_AND, parse_one, ret_node);
}

static int parse_expression(struct filter_parser *p, bool negated, uint32_t *ret_node)
{
	return parse_joined(p, negated, FILTER_TOKEN_OR, parse_both, ret_node);
}

int filter_parse(const char *text, struct nr_flow_filter *filter, struct nr_flow_filter_fault *fault)
{
	if (strnlen(text, NR_FLOW_FILTER_TEXT_MAX + 1) > NR_FLOW_FILTER_TEXT_MAX) {
		fault->column = 1;
		snprintf(fault->text_en, sizeof fault->text_en, "the expression is longer than %d bytes",
			NR_FLOW_FILTER_TEXT_MAX);
		snprintf(fault->text_ja, sizeof fault->text_ja, "式が%dバイトを超えています",
			NR_FLOW_FILTER_TEXT_MAX);
		return -EINVAL;
	}
	NR_AUTO(nr_freep) struct filter_token *tokens = NULL;
	struct filter_parser p = {.text = text, .filter = filter, .fault = fault};
	int e = filter_tokens_read(text, &tokens, &p.count);
	if (e)
		return e;
	p.tokens = tokens;
	if (p.count == 1) {
		filter->root = filter_node_new(filter, FILTER_ALL);
		return filter->root == FILTER_NOTHING ? -ENOMEM : 0;
	}
	e = parse_expression(&p, false, &filter->root);
	if (!e && filter_peek(&p, 0)->kind != FILTER_TOKEN_END)
		return filter_expected(
			&p, 0, "\"and\", \"or\" or the end", "「and」「or」か式の終わり", NULL);
	return e;
}
