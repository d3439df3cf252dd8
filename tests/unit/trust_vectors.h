/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors of the shared data folder (NOROSHI_SHARED, else ../shared), below data/trust. */
#ifndef NR_TEST_TRUST_VECTORS_H
#define NR_TEST_TRUST_VECTORS_H

#include "hex.h"
#include "trust/ledger/merkle.h"
#include "wire/base64.h"

#include <dirent.h>
#include <json-c/json.h>

static inline const char *vector_path(const char *name, char path[static 1024])
{
	const char *shared = getenv("NOROSHI_SHARED");
	snprintf(path, 1024, "%s/data/trust/%s", shared && *shared ? shared : "../shared", name);
	return path;
}

/* NULL (and a word) where the folder is not there. */
static inline struct json_object *vector_read(const char *name)
{
	char path[1024];
	struct json_object *json = json_object_from_file(vector_path(name, path));
	if (!json)
		printf("skipped: %s is not there\n", path);
	return json;
}

static inline struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;
	json_object_object_get_ex(object, name, &value);
	return value;
}

static inline uint64_t number_of(struct json_object *object, const char *name)
{
	return json_object_get_uint64(member(object, name));
}

static inline const char *text_of(struct json_object *object, const char *name)
{
	return json_object_get_string(member(object, name));
}

/* A hash as base64 or hex; a value of another length ("garbage" vectors) is no hash: false. */
static inline bool hash_read(const char *text, struct nr_hash *ret_hash)
{
	if (strlen(text) == 2 * NR_HASH_BYTES)
		return hex_parse(text, ret_hash->bytes, NR_HASH_BYTES) == NR_HASH_BYTES;
	return nr_base64_read(text, strlen(text), ret_hash->bytes, NR_HASH_BYTES) == NR_HASH_BYTES;
}

/* null is an empty proof. Answers the number of hashes; SIZE_MAX: one is no hash, or too many. */
static inline size_t proof_read(struct json_object *list, struct nr_hash *hashes, size_t room)
{
	size_t count = list ? json_object_array_length(list) : 0;
	if (count > room)
		return SIZE_MAX;
	for (size_t i = 0; i < count; i++)
		if (!hash_read(json_object_get_string(json_object_array_get_idx(list, i)), &hashes[i]))
			return SIZE_MAX;
	return count;
}

/* Calls take(file, context) for each JSON file below a folder; answers how many. */
static inline size_t each_vector(
	const char *folder, void (*take)(struct json_object *, const char *, void *), void *context)
{
	char path[1024];
	size_t count = 0;
	DIR *entries = opendir(vector_path(folder, path));
	if (!entries)
		return 0;
	for (struct dirent *entry; (entry = readdir(entries));) {
		char name[512];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
		size_t length = strlen(name);
		if (length < 5 || strcmp(name + length - 5, ".json")) {
			count += each_vector(name, take, context);
			continue;
		}
		struct json_object *json = json_object_from_file(vector_path(name, path));
		if (json)
			take(json, name, context);
		json_object_put(json);
		count += json != NULL;
	}
	closedir(entries);
	return count;
}

#endif
