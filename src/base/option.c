/* SPDX-License-Identifier: Apache-2.0 */
/* Values from text, and the flags of a command line. All texts inside a conf are copies that it owns. */
#include "base/option.h"

#include "base/nearest.h"
#include "base/option_value.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

static void *option_slot(const struct nr_option *option, void *conf)
{
	return (char *)conf + option->offset;
}

static int no_memory(struct nr_error *error)
{
	return nr_fail(error, -ENOMEM, "out of memory");
}

const char *nr_option_limit(const struct nr_option *option, double limit, char *text, size_t room)
{
	const char *letter = "";
	static const char *const letters[] = {"K", "M", "G", "T"};
	for (size_t i = 0; option->type == NR_OPTION_SIZE && i < NR_COUNT(letters); i++) {
		if (limit < 1024 || fmod(limit, 1024) != 0)
			break;
		limit /= 1024;
		letter = letters[i];
	}
	snprintf(text, room, "%.15g%s", limit, letter);
	return text;
}

static int range_check(const struct nr_option *option, double value, struct nr_error *error)
{
	double low = option->minimum, high = option->maximum;
	char low_text[32], high_text[32];
	if ((low == 0 && high == 0) || (value >= low && (high <= low || value <= high)))
		return 0;
	nr_option_limit(option, low, low_text, sizeof low_text);
	if (high <= low)
		return nr_fail(error, -ERANGE, "the value must be at least %s", low_text);
	return nr_fail(error, -ERANGE, "the value must be from %s to %s", low_text,
		nr_option_limit(option, high, high_text, sizeof high_text));
}

static int flag_set(const struct nr_option *option, void *slot, const char *text, struct nr_error *error)
{
	(void)option;
	bool yes = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0;
	if (!yes && strcmp(text, "false") != 0 && strcmp(text, "no") != 0)
		return nr_fail(error, -EINVAL, "%.60s: write true or false", text);
	memcpy(slot, &yes, sizeof yes);
	return 0;
}

/* Digits, and for a size one letter; at most UINT64_MAX. */
static int uint_parse(const char *text, bool size, uint64_t *ret_value, struct nr_error *error)
{
	static const char letters[] = "KMGT";
	uint64_t value = 0;
	const char *p = text;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return nr_fail(error, -ERANGE, "%.60s: the number is too large", text);
	}
	const char *letter = size && *p && p != text ? strchr(letters, *p & ~0x20) : NULL;
	if (letter) {
		p++;
		if (__builtin_mul_overflow(value, UINT64_C(1) << 10 * (letter - letters + 1), &value))
			return nr_fail(error, -ERANGE, "%.60s: the size is too large", text);
	}
	if (p == text || *p != '\0')
		return nr_fail(error, -EINVAL,
			size ? "%.60s: not a size; write 512, 64K, 1M or 1G" : "%.60s: not a whole number",
			text);
	*ret_value = value;
	return 0;
}

static int uint_set(const struct nr_option *option, void *slot, const char *text, struct nr_error *error)
{
	uint64_t value = 0;
	int rc = uint_parse(text, option->type == NR_OPTION_SIZE, &value, error);
	if (rc == 0)
		rc = range_check(option, (double)value, error);
	if (rc == 0)
		memcpy(slot, &value, sizeof value);
	return rc;
}

static int real_set(const struct nr_option *option, void *slot, const char *text, struct nr_error *error)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end != '\0' || strspn(text, "0123456789+-.eE") != strlen(text) ||
		!isfinite(value))
		return nr_fail(error, -EINVAL, "%.60s: not a number", text);
	int rc = range_check(option, value, error);
	if (rc == 0)
		memcpy(slot, &value, sizeof value);
	return rc;
}

static int duration_set(const struct nr_option *option, void *slot, const char *text, struct nr_error *error)
{
	(void)option;
	return nr_duration_parse(text, slot, error);
}

static int time_set(const struct nr_option *option, void *slot, const char *text, struct nr_error *error)
{
	(void)option;
	return nr_time_parse(text, slot, error);
}

static int text_set(const struct nr_option *option, void *slot, const char *text, struct nr_error *error)
{
	(void)option;
	char *copy = strdup(text);
	if (!copy)
		return no_memory(error);
	free(*(char **)slot);
	*(char **)slot = copy;
	return 0;
}

static int choice_set(const struct nr_option *option, void *slot, const char *text, struct nr_error *error)
{
	char list[160] = "";
	size_t length = 0;
	for (const char *const *choice = option->choices; *choice; choice++) {
		if (strcmp(*choice, text) == 0)
			return text_set(option, slot, text, error);
		if (length < sizeof list)
			length += (size_t)snprintf(
				list + length, sizeof list - length, "%s%s", length ? ", " : "", *choice);
	}
	return nr_fail(error, -EINVAL, "%.60s: write one of %s", text, list);
}

/* Makes room for one more item; arrays double at powers of two, so no capacity is stored. */
static void *list_grow(void *items, size_t count, size_t item_size)
{
	if (count & (count - 1))
		return items;
	return reallocarray(items, count ? 2 * count : 1, item_size);
}

static int texts_add(void *slot, const char *item, struct nr_error *error)
{
	struct nr_texts *texts = slot;
	const char **items = list_grow(texts->items, texts->count, sizeof *items);
	if (!items)
		return no_memory(error);
	texts->items = items;
	items[texts->count] = strdup(item);
	if (!items[texts->count])
		return no_memory(error);
	texts->count++;
	return 0;
}

static int prefixes_add(void *slot, const char *item, struct nr_error *error)
{
	struct nr_prefixes *prefixes = slot;
	struct nr_prefix prefix;
	int rc = nr_prefix_parse(item, &prefix, error);
	if (rc < 0)
		return rc;
	struct nr_prefix *items = list_grow(prefixes->items, prefixes->count, sizeof *items);
	if (!items)
		return no_memory(error);
	prefixes->items = items;
	items[prefixes->count++] = prefix;
	return 0;
}

/* Adds the comma-separated items. */
static int list_set(const struct nr_option *option, void *slot, const char *text, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *copy = strdup(text);
	if (!copy)
		return no_memory(error);
	char *rest = copy, *item;
	while ((item = strsep(&rest, ",")) != NULL) {
		item += strspn(item, " ");
		for (size_t end = strlen(item); end > 0 && item[end - 1] == ' ';)
			item[--end] = '\0';
		if (*item == '\0')
			return nr_fail(error, -EINVAL, "an item of the list is empty");
		int rc = option->type == NR_OPTION_TEXTS ? texts_add(slot, item, error)
							 : prefixes_add(slot, item, error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int nr_option_set(const struct nr_option *option, void *conf, const char *text, struct nr_error *error)
{
	static int (*const set[])(const struct nr_option *, void *, const char *, struct nr_error *) = {
		[NR_OPTION_FLAG] = flag_set,
		[NR_OPTION_UINT] = uint_set,
		[NR_OPTION_SIZE] = uint_set,
		[NR_OPTION_REAL] = real_set,
		[NR_OPTION_DURATION] = duration_set,
		[NR_OPTION_TIME] = time_set,
		[NR_OPTION_TEXT] = text_set,
		[NR_OPTION_PATH] = text_set,
		[NR_OPTION_CHOICE] = choice_set,
		[NR_OPTION_TEXTS] = list_set,
		[NR_OPTION_PREFIXES] = list_set,
	};
	return set[option->type](option, option_slot(option, conf), text, error);
}

bool nr_option_is_list(const struct nr_option *option)
{
	return option->type == NR_OPTION_TEXTS || option->type == NR_OPTION_PREFIXES;
}

static void texts_clear(struct nr_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free((char *)texts->items[i]);
	free(texts->items);
	*texts = (struct nr_texts){0};
}

static void prefixes_clear(struct nr_prefixes *prefixes)
{
	free(prefixes->items);
	*prefixes = (struct nr_prefixes){0};
}

void nr_option_clear(const struct nr_option *option, void *conf)
{
	void *slot = option_slot(option, conf);
	switch (option->type) {
	case NR_OPTION_FLAG:
		*(bool *)slot = false;
		break;
	case NR_OPTION_TEXT:
	case NR_OPTION_PATH:
	case NR_OPTION_CHOICE:
		free(*(char **)slot);
		*(char **)slot = NULL;
		break;
	case NR_OPTION_TEXTS:
		texts_clear(slot);
		break;
	case NR_OPTION_PREFIXES:
		prefixes_clear(slot);
		break;
	case NR_OPTION_UINT:
	case NR_OPTION_SIZE:
	case NR_OPTION_REAL:
	case NR_OPTION_DURATION:
	case NR_OPTION_TIME:
		memset(slot, 0, sizeof(uint64_t));
		break;
	}
}

const struct nr_option *nr_option_find(const struct nr_option *options, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	}
	return NULL;
}

int nr_options_default(const struct nr_option *options, size_t count, void *conf, struct nr_error *error)
{
	for (size_t i = 0; i < count; i++) {
		if (options[i].fallback && nr_option_set(&options[i], conf, options[i].fallback, error) < 0)
			return nr_error_prefix(error, "default of %s", options[i].name);
	}
	return 0;
}

void nr_options_fini(const struct nr_option *options, size_t count, void *conf)
{
	for (size_t i = 0; i < count; i++)
		nr_option_clear(&options[i], conf);
}

static int option_unknown(const struct nr_option *options, size_t count, const char *dashes, const char *name,
	struct nr_error *error)
{
	struct nr_nearest nearest = {.word = name};
	for (size_t i = 0; i < count; i++)
		nr_nearest_offer(&nearest, options[i].name);
	if (nearest.best)
		return nr_fail(error, -ENOENT, "%s%.60s: no such option; did you mean %s%s?", dashes, name,
			dashes, nearest.best);
	return nr_fail(error, -ENOENT, "%s%.60s: no such option", dashes, name);
}

int nr_options_set(const struct nr_option *options, size_t count, void *conf, const char *name,
	const char *text, struct nr_error *error)
{
	const struct nr_option *option = nr_option_find(options, count, name);
	if (!option)
		return option_unknown(options, count, "", name, error);
	struct nr_error reason;
	int rc = nr_option_set(option, conf, text, &reason);
	return rc < 0 ? nr_fail(error, rc, "%s: %s", name, reason.text) : 0;
}

/* One command line on its way through the parser. */
struct arguments {
	const struct nr_option *options;
	size_t count;
	void *conf;
	int argc, next;
	char *const *argv;
	bool seen[NR_OPTIONS_MAX]; /* the option was given, so a list must not be emptied again */
};

/* A list of the command line replaces the one of the file or the default; its own repetitions add up. */
static int argument_set(
	struct arguments *a, const struct nr_option *option, const char *text, struct nr_error *error)
{
	bool *seen = &a->seen[option - a->options];
	if (nr_option_is_list(option) && !*seen)
		nr_option_clear(option, a->conf);
	*seen = true;
	struct nr_error reason;
	int rc = nr_option_set(option, a->conf, text, &reason);
	return rc < 0 ? nr_fail(error, rc, "--%s: %s", option->name, reason.text) : 0;
}

/* "--no-json" means json = false, unless an option is really called no-json. */
static const struct nr_option *argument_negated(const struct arguments *a, const char *name)
{
	if (strncmp(name, "no-", 3) != 0)
		return NULL;
	const struct nr_option *option = nr_option_find(a->options, a->count, name + 3);
	return option && option->type == NR_OPTION_FLAG ? option : NULL;
}

/* argument is what follows "--". */
static int argument_parse(struct arguments *a, const char *argument, struct nr_error *error)
{
	char name[64];
	size_t length = strcspn(argument, "=");
	const char *text = argument[length] ? argument + length + 1 : NULL;
	snprintf(name, sizeof name, "%.*s", (int)NR_MIN(length, sizeof name - 1), argument);

	const struct nr_option *option = nr_option_find(a->options, a->count, name);
	if (!option) {
		const struct nr_option *negated = argument_negated(a, name);
		if (negated && text)
			return nr_fail(error, -EINVAL, "--%s takes no value", name);
		return negated ? argument_set(a, negated, "false", error)
			       : option_unknown(a->options, a->count, "--", name, error);
	}
	if (!text && option->type == NR_OPTION_FLAG)
		text = "true";
	if (!text) {
		const char *following = a->next < a->argc ? a->argv[a->next] : NULL;
		const char *value = option->value ? option->value : "VALUE";
		if (!following)
			return nr_fail(error, -EINVAL, "--%s needs a value: --%s %s", name, name, value);
		if (strncmp(following, "--", 2) == 0)
			return nr_fail(error, -EINVAL, "--%s needs a value before %.60s: --%s %s", name,
				following, name, value);
		text = following;
		a->next++;
	}
	return argument_set(a, option, text, error);
}

/* "-i": the option with this letter; NULL: there is none. */
static const struct nr_option *argument_letter(const struct arguments *a, const char *argument)
{
	for (size_t i = 0; argument[2] == '\0' && i < a->count; i++)
		if (a->options[i].letter == argument[1])
			return &a->options[i];
	return NULL;
}

int nr_options_parse(const struct nr_option *options, size_t count, void *conf, int argc, char *const *argv,
	const char ***ret_operands, size_t *ret_operand_count, struct nr_error *error)
{
	assert(count <= NR_OPTIONS_MAX);
	struct arguments a = {options, count, conf, argc, 0, argv, {false}};
	NR_AUTO(nr_freep) const char **operands = calloc((size_t)argc + 1, sizeof *operands);
	size_t operand_count = 0;
	if (!operands)
		return no_memory(error);
	for (bool ended = false; a.next < argc;) {
		const char *argument = argv[a.next++];
		if (ended || argument[0] != '-' || argument[1] == '\0') {
			operands[operand_count++] = argument;
		} else if (strcmp(argument, "--") == 0) {
			ended = true;
		} else if (argument[1] != '-' && argument_letter(&a, argument)) {
			int rc = argument_parse(&a, argument_letter(&a, argument)->name, error);
			if (rc < 0)
				return rc;
		} else if (argument[1] != '-') {
			return nr_fail(error, -ENOENT,
				"%.60s: no such option; options begin with --, a file name like this is "
				"./%.60s",
				argument, argument);
		} else {
			int rc = argument_parse(&a, argument + 2, error);
			if (rc < 0)
				return rc;
		}
	}
	*ret_operands = nr_steal(&operands);
	*ret_operand_count = operand_count;
	return 0;
}
