/* SPDX-License-Identifier: Apache-2.0 */
/* The list of what known C&C servers answered: sorted by trait and value. */
#include "base/file.h"
#include "sense/flow/probe/evidence.h"
#include "sense/flow/probe/hellos.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#define FILE_MAX ((size_t)64 << 20)
#define DEPTH    4

struct entry {
	enum nr_probe_trait trait;
	char value[NR_PROBE_HASH_TEXT]; /* a print is shorter */
	char name[64];
};
struct nr_probe_fingerprints {
	struct entry *items;
	size_t count, room;
};
_Static_assert(NR_PROBE_PRINT_TEXT <= NR_PROBE_HASH_TEXT, "a print fits");

static const char *const members[NR_PROBE_TRAITS] = {
	"print", "certificate_sha256", "key_sha256", "banner_sha256"};

static const char *text_of(struct json_object *root, const char *name)
{
	struct json_object *value = NULL;
	return json_object_object_get_ex(root, name, &value) && json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : NULL;
}

static bool value_ok(enum nr_probe_trait trait, const char *value)
{
	if (trait == NR_PROBE_BY_PRINT)
		return nr_probe_print_is_one(value);
	return strlen(value) == 64 && strspn(value, "0123456789abcdef") == 64;
}

static int add(struct nr_probe_fingerprints *p, const struct entry *entry, struct nr_error *error)
{
	if (p->count == NR_PROBE_FINGERPRINTS_MAX)
		return nr_fail(error, -E2BIG, "more than %d fingerprints", NR_PROBE_FINGERPRINTS_MAX);
	if (p->count == p->room) {
		size_t room = NR_MAX(2 * p->room, (size_t)64);
		struct entry *items = realloc(p->items, room * sizeof *items);
		if (!items)
			return nr_fail(error, -ENOMEM, "out of memory");
		p->items = items;
		p->room = room;
	}
	p->items[p->count++] = *entry;
	return 0;
}

static int add_object(struct nr_probe_fingerprints *p, struct json_object *root, struct nr_error *error)
{
	struct entry entry;
	const char *name = text_of(root, "name");
	bool any = false;
	int e = 0;
	if (!name || !*name || strlen(name) >= sizeof entry.name)
		return nr_fail(error, -EBADMSG, "a fingerprint has a \"name\" of at most 63 bytes");
	for (unsigned t = 0; !e && t < NR_PROBE_TRAITS; t++) {
		const char *value = text_of(root, members[t]);
		if (!value)
			continue;
		if (!value_ok(t, value))
			return nr_fail(error, -EBADMSG, "\"%s\": not what this version writes", members[t]);
		memset(&entry, 0, sizeof entry);
		entry.trait = t;
		snprintf(entry.value, sizeof entry.value, "%s", value);
		snprintf(entry.name, sizeof entry.name, "%s", name);
		any = true;
		e = add(p, &entry, error);
	}
	return e || any ? e : nr_fail(error, -EBADMSG, "neither print nor certificate, key or banner");
}

static int add_line(struct nr_probe_fingerprints *p, const char *line, size_t length, struct nr_error *error)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH);
	if (!tokener)
		return nr_fail(error, -ENOMEM, "out of memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *root = json_tokener_parse_ex(tokener, line, (int)length);
	bool whole = root && json_tokener_get_error(tokener) == json_tokener_success &&
		     json_tokener_get_parse_end(tokener) == length &&
		     json_object_is_type(root, json_type_object);
	int e = whole ? add_object(p, root, error) : nr_fail(error, -EBADMSG, "not a JSON object");
	json_object_put(root);
	json_tokener_free(tokener);
	return e;
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	return x->trait != y->trait ? (x->trait < y->trait ? -1 : 1) : strcmp(x->value, y->value);
}

int nr_probe_fingerprints_read(
	const char *path, struct nr_probe_fingerprints **ret_prints, struct nr_error *error)
{
	NR_AUTO(nr_probe_fingerprints_freep) struct nr_probe_fingerprints *p = calloc(1, sizeof *p);
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length, number = 1;
	if (!p)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_file_read(path, FILE_MAX, &bytes, &length, error);
	if (e)
		return e;
	const char *at = (char *)bytes, *end = at + length;
	for (; !e && at < end; number++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t line = (size_t)((newline ? newline : end) - at);
		e = line ? add_line(p, at, line, error) : 0;
		if (e)
			nr_error_prefix(error, "%.100s: line %zu", path, number);
		at += line + (newline != NULL);
	}
	if (e)
		return e;
	if (p->count)
		qsort(p->items, p->count, sizeof *p->items, compare);
	*ret_prints = nr_steal(&p);
	return 0;
}

const char *nr_probe_fingerprints_find(
	const struct nr_probe_fingerprints *prints, enum nr_probe_trait trait, const char *value)
{
	struct entry wanted = {.trait = trait};
	if (!prints || !prints->count || !*value)
		return NULL;
	snprintf(wanted.value, sizeof wanted.value, "%s", value);
	const struct entry *found = bsearch(&wanted, prints->items, prints->count, sizeof wanted, compare);
	return found ? found->name : NULL;
}

void nr_probe_fingerprints_free(struct nr_probe_fingerprints *prints)
{
	if (prints)
		free(prints->items);
	free(prints);
}

void nr_probe_fingerprints_freep(struct nr_probe_fingerprints **prints)
{
	nr_probe_fingerprints_free(*prints);
}
