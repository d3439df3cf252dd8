/* SPDX-License-Identifier: Apache-2.0 */
/* What an archive keeps and why, as a file that its owner, an auditor and the next collector can read. */
#include "base/file.h"
#include "base/nearest.h"
#include "sense/flow/law/uses_inside.h"
#include "store/flows/archive.h"
#include "trust/ledger/note.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#define POLICY_FILE      "policy.json"
#define POLICY_BYTES_MAX ((size_t)4 << 20)
#define POLICY_VERSION   1

void nr_flow_policy_fini(struct nr_flow_policy *policy)
{
	free(policy->own.items);
	for (size_t i = 0; i < policy->person_count; i++)
		free(policy->persons[i]);
	*policy = (struct nr_flow_policy){0};
}

/* ---- columns by name ---- */

static uint64_t bits_of(enum nr_flow_column column)
{
	uint64_t bits = UINT64_C(1) << column;
	return nr_flow_columns[column].kind == NR_FLOW_KIND_ADDRESS ? bits | bits >> 1 : bits;
}

static int column_find(const char *name, uint64_t *ret_bits, struct nr_error *error)
{
	struct nr_nearest nearest = {.word = name};
	for (enum nr_flow_column i = 0; i < NR_FLOW_COLUMNS; i++) {
		if (!nr_flow_columns[i].printed)
			continue;
		if (!strcmp(nr_flow_columns[i].name, name)) {
			*ret_bits = bits_of(i);
			return 0;
		}
		nr_nearest_offer(&nearest, nr_flow_columns[i].name);
	}
	return nr_fail(error, -EINVAL, "--keep-field %.40s: no such field%s%s", name,
		nearest.best ? "; did you mean " : "", nearest.best ? nearest.best : "");
}

static void columns_write(uint64_t columns, const char *key, struct nr_json *json)
{
	nr_json_array(json, key);
	for (enum nr_flow_column i = 0; i < NR_FLOW_COLUMNS; i++)
		if (columns >> i & 1 && nr_flow_columns[i].printed)
			nr_json_text(json, NULL, nr_flow_columns[i].name);
	nr_json_array_end(json);
}

/* ---- from options ---- */

static int add_person(struct nr_flow_policy *policy, const char *text, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	struct nr_note_key key = {.key = NULL};
	size_t length = strlen(text);
	if (policy->person_count == NR_FLOW_PERSONS_MAX)
		return nr_fail(error, -E2BIG, "--person: at most %d", NR_FLOW_PERSONS_MAX);
	if (!strchr(text, '+')) { /* a verifier key is name+id+key */
		int e = nr_file_read(text, 4096, &bytes, &length, error);
		if (e)
			return e;
		while (length && (bytes[length - 1] == '\n' || bytes[length - 1] == '\r'))
			bytes[--length] = 0;
		text = (char *)bytes;
	}
	int e = nr_note_key_parse(text, length, &key, error);
	if (!e && key.type != NR_NOTE_ED25519)
		e = nr_fail(error, -EINVAL, "--person %.40s: a person has an Ed25519 key (noroshi key note)",
			key.name);
	nr_note_key_fini(&key);
	if (e)
		return e;
	policy->persons[policy->person_count] = strdup(text);
	return policy->persons[policy->person_count++] ? 0 : nr_fail(error, -ENOMEM, "out of memory");
}

/* Two keys of one name, or one key of two names, would let one person be two. */
static int check_persons(const struct nr_flow_policy *policy, struct nr_error *error)
{
	struct nr_note_key keys[NR_FLOW_PERSONS_MAX];
	size_t count = 0;
	int e = 0;
	while (!e && count < policy->person_count) {
		e = nr_note_key_parse(
			policy->persons[count], strlen(policy->persons[count]), &keys[count], error);
		count += !e;
		for (size_t i = 0; !e && i + 1 < count; i++)
			if (!strcmp(keys[i].name, keys[count - 1].name) ||
				!memcmp(&keys[i].hash, &keys[count - 1].hash, sizeof keys[i].hash))
				e = nr_fail(error, -EINVAL, "--person %.40s: is given twice", keys[i].name);
	}
	for (size_t i = 0; i < count; i++)
		nr_note_key_fini(&keys[i]);
	return e;
}

static bool is_reason(const char *text)
{
	size_t length = text ? strlen(text) : 0, word = 0;
	for (size_t i = 0; i < length; i++) {
		if ((uint8_t)text[i] < ' ' || text[i] == 0x7f)
			return false;
		word += text[i] != ' ';
	}
	return word >= 3 && length <= NR_FLOW_REASON_MAX;
}

static int check(const struct nr_flow_policy *policy, struct nr_error *error)
{
	bool more = policy->plain_clients || policy->nat_events || policy->columns & ~NR_FLOW_ARCHIVE_COLUMNS;
	if (!policy->own.count)
		return nr_fail(error, -EINVAL,
			"say whose flows are kept: --own CIDR, the networks whose addresses are clients");
	if (policy->own.count > NR_FLOW_OWN_MAX)
		return nr_fail(error, -E2BIG, "--own: at most %d networks", NR_FLOW_OWN_MAX);
	if (more && !is_reason(policy->reason))
		return nr_fail(error, -EINVAL,
			"%s: is more than the minimum; say why, it is recorded: --reason TEXT (one line, at "
			"most "
			"%d bytes)",
			policy->plain_clients ? "--plain-clients"
			: policy->nat_events  ? "--nat-events"
					      : "--keep-field",
			NR_FLOW_REASON_MAX);
	if (policy->rotate < NR_HOUR || policy->rotate % NR_HOUR || NR_DAY % policy->rotate)
		return nr_fail(error, -EINVAL, "--rotate: 1, 2, 3, 4, 6, 8, 12 or 24 hours");
	if (policy->keep < NR_HOUR)
		return nr_fail(error, -EINVAL, "--keep: an hour or more");
	return check_persons(policy, error);
}

static int own_copy(
	struct nr_flow_policy *policy, const struct nr_prefix *items, size_t count, struct nr_error *error)
{
	policy->own.items = calloc(NR_MAX(count, (size_t)1), sizeof *items);
	if (!policy->own.items)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (count)
		memcpy(policy->own.items, items, count * sizeof *items);
	policy->own.count = count;
	return 0;
}

int nr_flow_policy_of(
	const struct nr_flow_law_options *options, struct nr_flow_policy *ret_policy, struct nr_error *error)
{
	NR_AUTO(nr_flow_policy_fini)
	struct nr_flow_policy policy = {.columns = NR_FLOW_ARCHIVE_COLUMNS,
		.plain_clients = options->plain_clients,
		.nat_events = options->nat_events,
		.keep = options->keep ? options->keep : 7 * NR_DAY,
		.rotate = options->rotate ? options->rotate : NR_DAY};
	int e = own_copy(&policy, options->own.items, options->own.count, error);
	for (size_t i = 0; !e && i < options->columns.count; i++) {
		uint64_t bits = 0;
		e = column_find(options->columns.items[i], &bits, error);
		policy.columns |= bits;
	}
	for (size_t i = 0; !e && i < options->persons.count; i++)
		e = add_person(&policy, options->persons.items[i], error);
	if (e)
		return e;
	if (options->reason && !is_reason(options->reason))
		return nr_fail(error, -EINVAL, "--reason: one line that says something, at most %d bytes",
			NR_FLOW_REASON_MAX);
	snprintf(policy.reason, sizeof policy.reason, "%s", options->reason ? options->reason : "");
	e = check(&policy, error);
	if (e)
		return e;
	*ret_policy = policy;
	policy = (struct nr_flow_policy){0};
	return 0;
}

/* ---- the file ---- */

void nr_flow_policy_write(const struct nr_flow_policy *policy, struct nr_json *json)
{
	char text[NR_ADDRESS_TEXT];
	nr_json_object(json, NULL);
	nr_json_uint(json, "version", POLICY_VERSION);
	nr_json_array(json, "own");
	for (size_t i = 0; i < policy->own.count; i++)
		nr_json_text(json, NULL, nr_prefix_write(&policy->own.items[i], text));
	nr_json_array_end(json);
	nr_json_text(json, "clients", policy->plain_clients ? "plain" : "pseudonyms");
	nr_json_bool(json, "nat_events", policy->nat_events);
	nr_json_int(json, "keep_s", policy->keep / NR_SECOND);
	nr_json_int(json, "rotate_s", policy->rotate / NR_SECOND);
	columns_write(policy->columns & NR_FLOW_ARCHIVE_COLUMNS, "fields", json);
	columns_write(policy->columns & ~NR_FLOW_ARCHIVE_COLUMNS, "more_fields", json);
	nr_json_text(json, "reason", policy->reason[0] ? policy->reason : NULL);
	nr_json_array(json, "persons");
	for (size_t i = 0; i < policy->person_count; i++)
		nr_json_text(json, NULL, policy->persons[i]);
	nr_json_array_end(json);
	nr_json_object_end(json);
}

static struct json_object *member(const struct json_object *root, const char *name, enum json_type type)
{
	struct json_object *value = NULL;
	return json_object_object_get_ex(root, name, &value) && json_object_is_type(value, type) ? value
												 : NULL;
}

/* A text without NULs; NULL where it is none. */
static const char *text_of(struct json_object *value)
{
	const char *text =
		value && json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
	return text && strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

static int own_parse(struct nr_flow_policy *policy, struct json_object *own, struct nr_error *error)
{
	size_t count = own ? json_object_array_length(own) : 0;
	if (count > NR_FLOW_OWN_MAX)
		return nr_fail(error, -EBADMSG, "more than %d networks", NR_FLOW_OWN_MAX);
	int e = own_copy(policy, NULL, 0, error);
	NR_AUTO(nr_freep) struct nr_prefix *items = calloc(count + 1, sizeof *items);
	if (e || !items)
		return e ? e : nr_fail(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		const char *text = text_of(json_object_array_get_idx(own, i));
		if (!text || nr_prefix_parse(text, &items[i], error))
			return nr_fail(error, -EBADMSG, "\"own\": entry %zu is no network", i + 1);
	}
	free(policy->own.items);
	policy->own.items = nr_steal(&items);
	policy->own.count = count;
	return 0;
}

static int columns_parse(struct nr_flow_policy *policy, struct json_object *names, struct nr_error *error)
{
	size_t count = names ? json_object_array_length(names) : 0;
	for (size_t i = 0; i < count; i++) {
		const char *text = text_of(json_object_array_get_idx(names, i));
		uint64_t bits = 0;
		if (!text || column_find(text, &bits, error))
			return nr_fail(error, -EBADMSG, "fields: entry %zu is no field", i + 1);
		policy->columns |= bits;
	}
	return 0;
}

static int policy_parse(const struct json_object *root, struct nr_flow_policy *policy, struct nr_error *error)
{
	struct json_object *persons = member(root, "persons", json_type_array);
	const char *clients = text_of(member(root, "clients", json_type_string));
	const char *reason = text_of(member(root, "reason", json_type_string));
	int64_t version = json_object_get_int64(member(root, "version", json_type_int));
	int64_t keep = json_object_get_int64(member(root, "keep_s", json_type_int));
	int64_t rotate = json_object_get_int64(member(root, "rotate_s", json_type_int));
	if (version != POLICY_VERSION)
		return nr_fail(error, -EBADMSG, "version %lld is not known here", (long long)version);
	if (!clients || (strcmp(clients, "plain") && strcmp(clients, "pseudonyms")) || keep < 0 ||
		keep > INT64_MAX / NR_SECOND || rotate < 0 || rotate > NR_DAY / NR_SECOND ||
		(reason && strlen(reason) > NR_FLOW_REASON_MAX))
		return nr_fail(
			error, -EBADMSG, "\"clients\", \"keep_s\", \"rotate_s\" or \"reason\" cannot be");
	policy->plain_clients = !strcmp(clients, "plain");
	policy->nat_events = json_object_get_boolean(member(root, "nat_events", json_type_boolean));
	policy->keep = keep * NR_SECOND;
	policy->rotate = rotate * NR_SECOND;
	policy->columns = NR_FLOW_BIT(STREAM) | NR_FLOW_BIT(MARKS);
	snprintf(policy->reason, sizeof policy->reason, "%s", reason ? reason : "");
	int e = own_parse(policy, member(root, "own", json_type_array), error);
	if (!e)
		e = columns_parse(policy, member(root, "fields", json_type_array), error);
	if (!e)
		e = columns_parse(policy, member(root, "more_fields", json_type_array), error);
	for (size_t i = 0; !e && persons && i < json_object_array_length(persons); i++) {
		const char *text = text_of(json_object_array_get_idx(persons, i));
		if (!text || !strchr(text, '+'))
			return nr_fail(error, -EBADMSG, "\"persons\": entry %zu is no verifier key", i + 1);
		e = add_person(policy, text, error);
	}
	return e ? e : check(policy, error);
}

static int policy_path(const char *archive, char path[static PATH_MAX], struct nr_error *error)
{
	int n = snprintf(path, PATH_MAX, "%s/" POLICY_FILE, archive);
	return n < PATH_MAX ? 0 : nr_fail(error, -ENAMETOOLONG, "%.100s: the name is too long", archive);
}

int nr_flow_policy_read(const char *archive, struct nr_flow_policy *ret_policy, struct nr_error *error)
{
	NR_AUTO(nr_flow_policy_fini) struct nr_flow_policy policy = {0};
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	char path[PATH_MAX];
	size_t length;
	int e = policy_path(archive, path, error);
	if (!e)
		e = nr_file_read(path, POLICY_BYTES_MAX, &bytes, &length, error);
	if (e)
		return e;
	struct json_tokener *tokener = json_tokener_new_ex(8);
	if (!tokener)
		return nr_fail(error, -ENOMEM, "out of memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *root = json_tokener_parse_ex(tokener, (char *)bytes, (int)length);
	e = json_object_is_type(root, json_type_object) ? policy_parse(root, &policy, error)
							: nr_fail(error, -EBADMSG, "not a JSON object");
	json_object_put(root);
	json_tokener_free(tokener);
	if (e) {
		nr_error_prefix(error, "%.100s", path);
		return e == -ENOMEM ? e : -EBADMSG;
	}
	*ret_policy = policy;
	policy = (struct nr_flow_policy){0};
	return 0;
}

/* Whether the file has these bytes already. */
static bool stands(const char *path, const struct nr_json *json)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length = 0;
	return nr_file_read(path, POLICY_BYTES_MAX, &bytes, &length, NULL) == 0 && length == json->length &&
	       memcmp(bytes, json->bytes, length) == 0;
}

#define SUMMARY_MAX 2048

/* Appends to a text as far as there is room. */
NR_PRINTF(2, 3)
static void say(char *text, const char *format, ...)
{
	size_t used = strlen(text);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text + used, SUMMARY_MAX - used, format, arguments);
	va_end(arguments);
}

/* In one line, for the record of uses: what a reader of it must know, and the file's hash for all of it. */
static void summary(
	const struct nr_flow_policy *policy, const struct nr_json *json, char text[static SUMMARY_MAX])
{
	uint64_t more = policy->columns & ~NR_FLOW_ARCHIVE_COLUMNS;
	char hash[NR_FLOW_HEAD_TEXT];
	text[0] = 0;
	say(text,
		"clients %s, nat events %s, keep %llds, rotate %llds, own networks %zu, fields beyond the "
		"minimum:",
		policy->plain_clients ? "plain" : "pseudonyms", policy->nat_events ? "kept" : "left out",
		(long long)(policy->keep / NR_SECOND), (long long)(policy->rotate / NR_SECOND),
		policy->own.count);
	for (enum nr_flow_column i = 0; i < NR_FLOW_COLUMNS; i++)
		if (more >> i & 1 && nr_flow_columns[i].printed)
			say(text, " %s", nr_flow_columns[i].name);
	say(text, "%s, persons:", more ? "" : " none");
	for (size_t i = 0; i < policy->person_count; i++)
		say(text, " %.*s", (int)strcspn(policy->persons[i], "+"), policy->persons[i]);
	say(text, "%s%s%s", policy->person_count ? "" : " none", policy->reason[0] ? ", because: " : "",
		policy->reason);
	nr_flow_use_hash(json->bytes, json->length, hash);
	say(text, "; policy.json sha256 %s", hash);
}

int nr_flow_policy_settle(const char *archive, const struct nr_flow_policy *policy, struct nr_error *error)
{
	char path[PATH_MAX], text[SUMMARY_MAX];
	struct nr_json json;
	int e = policy_path(archive, path, error);
	if (e)
		return e;
	if (mkdir(archive, 0750) < 0 && errno != EEXIST)
		return nr_fail(error, -errno, "%.150s: %s", archive, strerror(errno));
	nr_json_init(&json);
	json.pretty = true;
	nr_flow_policy_write(policy, &json);
	e = nr_json_finish(&json, error);
	if (!e)
		json.bytes[json.length++] = '\n'; /* in place of the NUL */
	if (!e && !stands(path, &json)) {
		/* first the record, so that no change is without one */
		summary(policy, &json, text);
		e = nr_flow_use_record(archive, "policy", "own-operation", text, 0, error);
		e = e ? e : nr_file_write(path, json.bytes, json.length, error);
	}
	nr_json_fini(&json);
	return e;
}
