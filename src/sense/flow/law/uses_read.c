/* SPDX-License-Identifier: Apache-2.0 */
/* The record of uses, read as a stranger's: who wants to hide a use may have written it. */
#include "base/file.h"
#include "sense/flow/law/uses_inside.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

void nr_flow_use_hash(const char *line, size_t length, char ret_hash[static NR_FLOW_HEAD_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	struct nr_hash hash;
	nr_hash_of(line, length, &hash);
	for (size_t i = 0; i < sizeof hash.bytes; i++) {
		ret_hash[2 * i] = digits[hash.bytes[i] >> 4];
		ret_hash[2 * i + 1] = digits[hash.bytes[i] & 15];
	}
	ret_hash[2 * sizeof hash.bytes] = 0;
}

/* A line is written with its number first and its chain last; *ret_previous has "" where it begins the chain.
 */
static bool line_parse(
	const char *line, size_t length, uint64_t *ret_number, char ret_previous[static NR_FLOW_HEAD_TEXT])
{
	struct json_object *value = NULL;
	struct json_tokener *tokener = json_tokener_new_ex(4);
	if (!tokener)
		return false;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *root = json_tokener_parse_ex(tokener, line, (int)length + 1);
	bool sound = json_tokener_get_error(tokener) == json_tokener_success &&
		     json_object_is_type(root, json_type_object) && strlen(line) == length &&
		     json_object_object_get_ex(root, "number", &value) &&
		     json_object_is_type(value, json_type_int);
	if (sound) {
		*ret_number = json_object_get_uint64(value);
		sound = json_object_object_get_ex(root, "previous", &value);
	}
	if (sound) {
		const char *text =
			json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
		sound = text ? strlen(text) == NR_FLOW_HEAD_TEXT - 1 : value == NULL;
		snprintf(ret_previous, NR_FLOW_HEAD_TEXT, "%s", text && sound ? text : "");
	}
	json_object_put(root);
	json_tokener_free(tokener);
	return sound;
}

bool nr_flow_use_number(const char *line, size_t length, uint64_t *ret_number)
{
	char previous[NR_FLOW_HEAD_TEXT];
	return line_parse(line, length, ret_number, previous);
}

void nr_flow_uses_trouble(struct nr_flow_uses_state *state, uint64_t line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(state->trouble, sizeof state->trouble, format, arguments);
	va_end(arguments);
	state->trouble_line = line;
}

/* False: the chain ends here. */
static bool check_line(struct nr_flow_uses_state *state, const char *line, size_t length)
{
	char previous[NR_FLOW_HEAD_TEXT];
	uint64_t number, at = state->count + 1;
	if (!line_parse(line, length, &number, previous)) {
		nr_flow_uses_trouble(state, at, "is no record of a use");
		return false;
	}
	if (number != at) {
		nr_flow_uses_trouble(state, at, "has the number %llu: lines are missing, or were put in",
			(unsigned long long)number);
		return false;
	}
	if (strcmp(previous, state->hash)) {
		nr_flow_uses_trouble(
			state, at, "does not follow the line before it: one of the two was changed");
		return false;
	}
	nr_flow_use_hash(line, length, state->hash);
	state->count++;
	return true;
}

struct head {
	uint64_t number;
	char hash[NR_FLOW_HEAD_TEXT];
	char there[NR_FLOW_HEAD_TEXT]; /* hash of the line with that number */
	bool found, damaged;
};

static void head_read(const char *archive, struct head *head)
{
	char path[PATH_MAX];
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length = 0;
	unsigned long long number = 0;
	*head = (struct head){0};
	if (snprintf(path, sizeof path, "%s/" NR_FLOW_USES_HEAD, archive) >= (int)sizeof path ||
		nr_file_read(path, 4096, &bytes, &length, NULL) || !length)
		return;
	head->found = true;
	head->damaged = length != NR_FLOW_HEAD_BYTES ||
			sscanf((char *)bytes, "%20llu %64[0-9a-f]\n", &number, head->hash) != 2 ||
			strlen(head->hash) != NR_FLOW_HEAD_TEXT - 1;
	head->number = number;
}

static void judge_head(const struct head *head, struct nr_flow_uses_state *state)
{
	if (state->trouble[0])
		return;
	if (!head->found && state->count)
		nr_flow_uses_trouble(state, state->count,
			"is the last one, and uses.head is gone: later ones may be missing");
	else if (head->damaged)
		nr_flow_uses_trouble(state, state->count,
			"is the last one, and uses.head is damaged: later ones may be missing");
	else if (head->number > state->count)
		nr_flow_uses_trouble(state, state->count + 1, "is missing: the record had %llu lines",
			(unsigned long long)head->number);
	else if (head->number && strcmp(head->there, head->hash))
		nr_flow_uses_trouble(state, head->number,
			"is another one than uses.head says: the chain was written anew");
	else if (head->number + 1 < state->count) /* a writer that was killed is one behind */
		nr_flow_uses_trouble(state, head->number + 1,
			"and what follows were written by something else: uses.head "
			"does not know them");
}

int nr_flow_uses_read(const char *archive, int (*visit)(void *context, const struct nr_flow_use *use),
	void *context, struct nr_flow_uses_state *ret_state, struct nr_error *error)
{
	struct nr_flow_uses_state state = {0};
	struct head head;
	char path[PATH_MAX];
	char line[NR_FLOW_USE_LINE_MAX + 2];
	NR_AUTO(nr_closep) FILE *file = NULL;
	int e = 0;
	if (snprintf(path, sizeof path, "%s/" NR_FLOW_USES_FILE, archive) >= (int)sizeof path)
		return nr_fail(error, -ENAMETOOLONG, "%.100s: the name is too long", archive);
	head_read(archive, &head);
	file = fopen(path, "re");
	if (!file && (errno != ENOENT || !head.found))
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	while (!e && file && fgets(line, sizeof line, file)) {
		size_t n = strcspn(line, "\n");
		if (line[n] != '\n') {
			nr_flow_uses_trouble(&state, state.count + 1,
				"is not whole: its writer was killed, or the file was cut or is damaged");
			break;
		}
		line[n] = 0;
		if (!check_line(&state, line, n))
			break;
		if (state.count == head.number)
			memcpy(head.there, state.hash, sizeof head.there);
		struct nr_flow_use use = {.number = state.count, .line = line, .length = n};
		memcpy(use.hash, state.hash, sizeof use.hash);
		e = visit ? visit(context, &use) : 0;
	}
	if (!e && file && ferror(file))
		e = nr_fail(error, -EIO, "%.150s: %s", path, strerror(errno));
	if (e < 0)
		return e;
	if (!e)
		judge_head(&head, &state);
	*ret_state = state;
	return 0;
}
