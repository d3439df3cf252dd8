/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/ask/filter_parse.h"

#include "base/text.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool ends_word(char c)
{
	return c == '\0' || is_space(c) || strchr("()[],!&|<>=#", c);
}

static bool word_token(const char *text, struct filter_token *token)
{
	static const struct {
		const char *word;
		uint8_t kind, compare;
	} words[] = {{"and", FILTER_TOKEN_AND, 0}, {"or", FILTER_TOKEN_OR, 0}, {"not", FILTER_TOKEN_NOT, 0},
		{"eq", FILTER_TOKEN_COMPARE, FILTER_EQ}, {"ne", FILTER_TOKEN_COMPARE, FILTER_NE},
		{"lt", FILTER_TOKEN_COMPARE, FILTER_LT}, {"gt", FILTER_TOKEN_COMPARE, FILTER_GT},
		{"le", FILTER_TOKEN_COMPARE, FILTER_LE}, {"ge", FILTER_TOKEN_COMPARE, FILTER_GE}};
	while (!ends_word(text[token->length]))
		token->length++;
	token->kind = FILTER_TOKEN_WORD;
	for (size_t i = 0; i < NR_COUNT(words); i++)
		if (strlen(words[i].word) == token->length &&
			!strncasecmp(text, words[i].word, token->length)) {
			token->kind = words[i].kind;
			token->compare = words[i].compare;
		}
	return true;
}

static bool sign_token(const char *text, struct filter_token *token)
{
	static const struct {
		const char *sign;
		uint8_t kind, compare;
	} signs[] = {{"&&", FILTER_TOKEN_AND, 0}, {"||", FILTER_TOKEN_OR, 0},
		{"==", FILTER_TOKEN_COMPARE, FILTER_EQ}, {"!=", FILTER_TOKEN_COMPARE, FILTER_NE},
		{"<>", FILTER_TOKEN_COMPARE, FILTER_NE}, {"<=", FILTER_TOKEN_COMPARE, FILTER_LE},
		{">=", FILTER_TOKEN_COMPARE, FILTER_GE}, {"=", FILTER_TOKEN_COMPARE, FILTER_EQ},
		{"<", FILTER_TOKEN_COMPARE, FILTER_LT}, {">", FILTER_TOKEN_COMPARE, FILTER_GT},
		{"!", FILTER_TOKEN_NOT, 0}, {"(", FILTER_TOKEN_OPEN, 0}, {")", FILTER_TOKEN_CLOSE, 0},
		{"[", FILTER_TOKEN_LIST, 0}, {"]", FILTER_TOKEN_LIST_END, 0}, {",", FILTER_TOKEN_COMMA, 0},
		{"&", FILTER_TOKEN_OTHER, 0}, {"|", FILTER_TOKEN_OTHER, 0}};
	for (size_t i = 0; i < NR_COUNT(signs); i++)
		if (!strncmp(text, signs[i].sign, strlen(signs[i].sign))) {
			token->kind = signs[i].kind;
			token->compare = signs[i].compare;
			token->length = (uint32_t)strlen(signs[i].sign);
			return true;
		}
	return false;
}

int filter_tokens_read(const char *text, struct filter_token **ret_tokens, uint32_t *ret_count)
{
	NR_AUTO(nr_freep) struct filter_token *tokens = NULL;
	uint32_t count = 0, room = 0, at = 0;
	for (bool more = true; more;) {
		while (is_space(text[at]) || text[at] == '#')
			at += text[at] == '#' ? (uint32_t)strcspn(text + at, "\n") : 1;
		if (count == room) {
			room = room ? room * 2 : 64;
			struct filter_token *grown = realloc(tokens, room * sizeof *tokens);
			if (!grown)
				return -ENOMEM;
			tokens = grown;
		}
		struct filter_token *token = &tokens[count++];
		*token = (struct filter_token){.kind = FILTER_TOKEN_END, .at = at};
		more = text[at] && (sign_token(text + at, token) || word_token(text + at, token));
		at += token->length;
	}
	*ret_tokens = nr_steal(&tokens);
	*ret_count = count;
	return 0;
}

bool filter_word_is(const struct filter_parser *p, uint32_t ahead, const char *word)
{
	const struct filter_token *token = filter_peek(p, ahead);
	return token->kind == FILTER_TOKEN_WORD && strlen(word) == token->length &&
	       !strncasecmp(p->text + token->at, word, token->length);
}

bool filter_word(const struct filter_parser *p, uint32_t ahead, char text[static FILTER_WORD_MAX + 1])
{
	const struct filter_token *token = filter_peek(p, ahead);
	text[0] = '\0';
	if (token->kind != FILTER_TOKEN_WORD || token->length > FILTER_WORD_MAX)
		return false;
	memcpy(text, p->text + token->at, token->length);
	text[token->length] = '\0';
	return true;
}

/* ---- faults ---- */

/* Columns are characters, not bytes: what a person counts. */
static unsigned column_of(const char *text, uint32_t at)
{
	unsigned column = 1;
	for (uint32_t i = 0; i < at; i++)
		column += ((uint8_t)text[i] & 0xc0) != 0x80;
	return column;
}

int filter_expected(
	struct filter_parser *p, uint32_t ahead, const char *en, const char *ja, const char *nearest)
{
	const struct filter_token *token = filter_peek(p, ahead);
	char raw[64], found[64];
	snprintf(raw, sizeof raw, "%.*s", (int)NR_MIN(token->length, 60), p->text + token->at);
	nr_text_shorten(raw, 30, found, sizeof found);
	struct nr_flow_filter_fault *fault = p->fault;
	bool end = token->kind == FILTER_TOKEN_END;
	fault->column = column_of(p->text, token->at);
	snprintf(fault->text_en, sizeof fault->text_en, "expected %s, found %s%s%s%s%s%s", en,
		end ? "" : "\"", end ? "the end" : found, end ? "" : "\"", nearest ? "; did you mean \"" : "",
		nearest ? nearest : "", nearest ? "\"?" : "");
	snprintf(fault->text_ja, sizeof fault->text_ja, "%sが要りますが、%s%s%s%s%s%s", ja, end ? "" : "「",
		end ? "式が終わっています" : found, end ? "" : "」があります", nearest ? "（「" : "",
		nearest ? nearest : "", nearest ? "」ですか）" : "");
	return -EINVAL;
}

int filter_refused(struct filter_parser *p, uint32_t ahead, const char *en, const char *ja)
{
	p->fault->column = column_of(p->text, filter_peek(p, ahead)->at);
	snprintf(p->fault->text_en, sizeof p->fault->text_en, "%s", en);
	snprintf(p->fault->text_ja, sizeof p->fault->text_ja, "%s", ja);
	return -EINVAL;
}
