/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/lists.h"
#include "base/file.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#define NR_LISTS_MAX 4096

static int add_entry(struct nr_lists *lists, const char *path, const char *what, size_t number,
	const char *text, struct nr_error *error)
{
	struct nr_prefix prefix;
	int e = nr_prefix_parse(text, &prefix, error);
	if (e)
		return nr_error_prefix(error, "%s: %s %zu", path, what, number);
	return nr_prefix_table_add(lists->table, &prefix, (uint32_t)(lists->count - 1), error);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* What does not fit is cut between two characters; control characters would reach terminals. */
static void set_name(struct nr_list *list, const char *name)
{
	size_t length = strnlen(name, sizeof list->name - 1);
	while (length && ((uint8_t)name[length] & 0xc0) == 0x80) /* amid a UTF-8 sequence */
		length--;
	for (size_t i = 0; i < length; i++)
		list->name[i] = (char)((uint8_t)name[i] < ' ' || name[i] == 0x7f ? '?' : name[i]);
	list->name[length] = 0;
}

static int read_text(struct nr_lists *lists, const char *path, char *bytes, struct nr_error *error)
{
	struct nr_list *list = &lists->lists[lists->count - 1];
	set_name(list, base_name(path));
	size_t number = 0;
	for (char *line = bytes, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		number++;
		line[strcspn(line, "#\r")] = 0;
		line += strspn(line, " \t");
		line[strcspn(line, " \t")] = 0;
		if (!*line)
			continue;
		int e = add_entry(lists, path, "line", number, line, error);
		if (e)
			return e;
		list->entries++;
	}
	return 0;
}

static int read_misp(
	struct nr_lists *lists, const char *path, const struct json_object *root, struct nr_error *error)
{
	struct nr_list *list = &lists->lists[lists->count - 1];
	struct json_object *member, *entries;
	if (!json_object_object_get_ex(root, "list", &entries) ||
		!json_object_is_type(entries, json_type_array))
		return nr_fail(error, -EBADMSG,
			"%s: no member \"list\" with an array: not a MISP warning list", path);
	if (json_object_object_get_ex(root, "type", &member)) {
		const char *type =
			member ? json_object_get_string(member) : "null"; /* json-c: null is no object */
		if (strcmp(type, "cidr"))
			return nr_fail(error, -EBADMSG,
				"%s: a list of type \"%.40s\"; only \"cidr\" names addresses", path, type);
	}
	bool named = json_object_object_get_ex(root, "name", &member) &&
		     json_object_is_type(member, json_type_string);
	set_name(list, named ? json_object_get_string(member) : base_name(path));
	if (json_object_object_get_ex(root, "version", &member))
		list->version = (uint64_t)json_object_get_int64(member);
	list->entries = json_object_array_length(entries);
	for (size_t i = 0; i < list->entries; i++) {
		struct json_object *entry = json_object_array_get_idx(entries, i);
		if (!json_object_is_type(entry, json_type_string))
			return nr_fail(error, -EBADMSG, "%s: entry %zu is not a text", path, i + 1);
		const char *text = json_object_get_string(entry);
		if (strlen(text) != (size_t)json_object_get_string_len(entry))
			return nr_fail(error, -EBADMSG, "%s: entry %zu holds a NUL character", path, i + 1);
		int e = add_entry(lists, path, "entry", i + 1, text, error);
		if (e)
			return e;
	}
	return 0;
}

static int read_json(
	struct nr_lists *lists, const char *path, const char *bytes, size_t length, struct nr_error *error)
{
	struct json_tokener *tokener = json_tokener_new_ex(8);
	if (!tokener)
		return nr_fail(error, -ENOMEM, "out of memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *root = json_tokener_parse_ex(tokener, bytes, (int)length);
	size_t end = json_tokener_get_parse_end(tokener);
	int e;
	if (root && end + strspn(bytes + end, " \t\r\n") != length)
		e = nr_fail(error, -EBADMSG, "%s: offset %zu: something stands behind the list", path, end);
	else if (!root)
		e = nr_fail(error, -EBADMSG, "%s: offset %zu: %s", path, end,
			json_tokener_error_desc(json_tokener_get_error(tokener)));
	else
		e = read_misp(lists, path, root, error);
	json_object_put(root);
	json_tokener_free(tokener);
	return e;
}

static int add_list(struct nr_lists *lists, struct nr_error *error)
{
	if (lists->count == NR_LISTS_MAX)
		return nr_fail(error, -E2BIG, "more than %d lists", NR_LISTS_MAX);
	struct nr_list *grown = realloc(lists->lists, (lists->count + 1) * sizeof *grown);
	if (!grown)
		return nr_fail(error, -ENOMEM, "out of memory");
	lists->lists = grown;
	memset(&lists->lists[lists->count++], 0, sizeof *grown);
	return lists->table ? 0 : nr_prefix_table_new(&lists->table, error);
}

int nr_lists_read(struct nr_lists *lists, const char *path, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	int e = nr_file_read(path, NR_LIST_FILE_MAX, &bytes, &length, error);
	if (!e)
		e = add_list(lists, error);
	if (e)
		return e;
	char *text = (char *)bytes;
	if (memchr(text, 0, length))
		return nr_fail(error, -EBADMSG, "%s: a NUL byte: not a text file", path);
	return text[strspn(text, " \t\r\n")] == '{' ? read_json(lists, path, text, length, error)
						    : read_text(lists, path, text, error);
}

int nr_lists_seal(struct nr_lists *lists, struct nr_error *error)
{
	return lists->table ? nr_prefix_table_seal(lists->table, error) : 0;
}

void nr_lists_fini(struct nr_lists *lists)
{
	nr_prefix_table_free(lists->table);
	free(lists->lists);
	*lists = (struct nr_lists){0};
}
