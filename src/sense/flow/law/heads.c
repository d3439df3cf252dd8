/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of the record of uses that lie in a ledger, where who asks cannot change them. */
#include "sense/flow/law/uses_inside.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#define LINE_MAX_BYTES 65536 /* an entry and what the export says of it */

size_t nr_flow_uses_head(const struct nr_flow_uses_state *state, const char *name, nr_time now,
	char ret_entry[static NR_FLOW_HEAD_ENTRY_MAX])
{
	char time[NR_TIME_TEXT];
	int n = snprintf(ret_entry, NR_FLOW_HEAD_ENTRY_MAX,
		"{\"kind\":\"flow-uses\",\"time\":\"%s\",\"archive\":\"%.100s\",\"number\":%llu,\"head\":\"%"
		"s\"}",
		nr_time_write(now, time), name, (unsigned long long)state->count, state->hash);
	return n > 0 ? NR_MIN((size_t)n, (size_t)NR_FLOW_HEAD_ENTRY_MAX - 1) : 0;
}

/* ---- reading them again ---- */

static const char *text_of(struct json_object *root, const char *name)
{
	struct json_object *value = NULL;
	return json_object_object_get_ex(root, name, &value) && json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : "";
}

/* Whether the line is a head of this archive. */
static bool head_parse(const char *line, const char *name, struct nr_flow_head *ret_head)
{
	struct json_object *entry = NULL, *number = NULL, *root = json_tokener_parse(line);
	bool is_head = json_object_object_get_ex(root, "entry", &entry) &&
		       json_object_is_type(entry, json_type_object) &&
		       !strcmp(text_of(entry, "kind"), "flow-uses") &&
		       !strcmp(text_of(entry, "archive"), name) &&
		       strlen(text_of(entry, "head")) == NR_FLOW_HEAD_TEXT - 1 &&
		       json_object_object_get_ex(entry, "number", &number);
	if (is_head) {
		ret_head->number = json_object_get_uint64(number);
		snprintf(ret_head->hash, sizeof ret_head->hash, "%s", text_of(entry, "head"));
	}
	json_object_put(root);
	return is_head;
}

static int by_number(const void *a, const void *b)
{
	const struct nr_flow_head *x = a, *y = b;
	return (x->number > y->number) - (x->number < y->number);
}

int nr_flow_heads_read(const char *path, const char *name, struct nr_flow_head **ret_heads, size_t *ret_count,
	struct nr_error *error)
{
	NR_AUTO(nr_freep) char *line = malloc(LINE_MAX_BYTES);
	NR_AUTO(nr_freep) struct nr_flow_head *heads = NULL;
	NR_AUTO(nr_closep)
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : fdopen(dup(STDIN_FILENO), "r");
	size_t count = 0, room = 0;
	if (!line || !file)
		return nr_fail(error, line ? -errno : -ENOMEM, "%.150s: %s", path, strerror(errno));
	while (count < NR_FLOW_HEADS_MAX && fgets(line, LINE_MAX_BYTES, file)) {
		if (count == room) {
			room = NR_MAX(room * 2, (size_t)64);
			struct nr_flow_head *more = realloc(heads, room * sizeof *heads);
			if (!more)
				return nr_fail(error, -ENOMEM, "out of memory");
			heads = more;
		}
		count += head_parse(line, name, &heads[count]);
	}
	if (ferror(file))
		return nr_fail(error, -EIO, "%.150s: %s", path, strerror(errno));
	if (count)
		qsort(heads, count, sizeof *heads, by_number);
	*ret_heads = nr_steal(&heads);
	*ret_count = count;
	return 0;
}

struct comparison {
	const struct nr_flow_head *heads;
	size_t count, at;
	uint64_t wrong; /* the first line that differs; 0: none */
};

static int compare(void *context, const struct nr_flow_use *use)
{
	struct comparison *c = context;
	for (; c->at < c->count && c->heads[c->at].number <= use->number; c->at++)
		if (c->heads[c->at].number < use->number || strcmp(c->heads[c->at].hash, use->hash))
			c->wrong = c->wrong ? c->wrong : use->number;
	return 0;
}

int nr_flow_heads_compare(const char *archive, const struct nr_flow_head *heads, size_t count,
	struct nr_flow_uses_state *state, struct nr_error *error)
{
	struct comparison c = {.heads = heads, .count = count};
	int e = nr_flow_uses_read(archive, compare, &c, state, error);
	if (e || state->trouble[0])
		return e;
	if (c.wrong)
		nr_flow_uses_trouble(
			state, c.wrong, "is another one than the ledger says: the chain was written anew");
	else if (c.at < c.count)
		nr_flow_uses_trouble(state, state->count + 1, "is missing: the ledger knows %llu",
			(unsigned long long)heads[count - 1].number);
	return 0;
}
