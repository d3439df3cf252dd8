/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/exchange/group.h"
#include "base/file.h"
#include "sense/flow/exchange/field.h"
#include "sense/flow/law/law.h"

#include <errno.h>
#include <openssl/sha.h>
#include <string.h>

static const char head[] = "noroshi exchange group v1\n";

/* ---- writing ---- */

struct text {
	char *bytes;
	size_t length;
	bool full;
};

static NR_PRINTF(2, 3) void add(struct text *text, const char *format, ...)
{
	va_list arguments;
	size_t room = NR_EXCHANGE_GROUP_MAX - text->length;
	va_start(arguments, format);
	int n = vsnprintf(text->bytes + text->length, room, format, arguments);
	va_end(arguments);
	text->full |= n < 0 || (size_t)n >= room;
	if (!text->full)
		text->length += (size_t)n;
}

static bool name_is_sound(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
	return length && length <= NR_EXCHANGE_NAME_MAX && !name[length];
}

static int check_sizes(const struct nr_exchange_group_conf *conf, struct nr_error *error)
{
	if (!conf->name || !name_is_sound(conf->name))
		return nr_fail(error, -EINVAL,
			"a group's name has 1 to %d of the letters a-z, A-Z, 0-9, \".\", \"-\", \"_\"",
			NR_EXCHANGE_NAME_MAX);
	if (conf->party_count < 2 || conf->party_count > NR_EXCHANGE_PARTIES_MAX)
		return nr_fail(error, -EINVAL, "a group has 2 to %d parties", NR_EXCHANGE_PARTIES_MAX);
	if (conf->threshold < 2 || conf->threshold > conf->party_count)
		return nr_fail(error, -EINVAL,
			"the threshold is 2 to the number of parties (%zu): with 1 everything would be "
			"shown",
			conf->party_count);
	if (!conf->candidates || conf->candidates > NR_EXCHANGE_CANDIDATES_MAX)
		return nr_fail(error, -EINVAL, "a set has 1 to %llu candidates",
			(unsigned long long)NR_EXCHANGE_CANDIDATES_MAX);
	if (!conf->retention || conf->retention > NR_EXCHANGE_RETENTION_MAX)
		return nr_fail(error, -EINVAL, "offers are kept for 1 to %d days", NR_EXCHANGE_RETENTION_MAX);
	return 0;
}

int nr_exchange_group_write(const struct nr_exchange_group_conf *conf,
	char ret_text[static NR_EXCHANGE_GROUP_MAX], struct nr_error *error)
{
	NR_AUTO(nr_exchange_group_fini) struct nr_exchange_group group = {.party_count = 0};
	struct text text = {.bytes = ret_text};
	int e = check_sizes(conf, error);
	if (e)
		return e;
	add(&text, "%sname %s\npurpose %s\nthreshold %llu\ncandidates %llu\nretention %llu\ncollector %s\n",
		head, conf->name, nr_flow_purposes[0], (unsigned long long)conf->threshold,
		(unsigned long long)conf->candidates, (unsigned long long)conf->retention, conf->collector);
	for (size_t i = 0; i < conf->party_count; i++)
		add(&text, "party %s\n", conf->parties[i]);
	if (text.full)
		return nr_fail(error, -E2BIG, "a description has at most %d bytes", NR_EXCHANGE_GROUP_MAX);
	return nr_exchange_group_parse(ret_text, text.length, &group, error); /* keys, and who is twice */
}

/* ---- reading ---- */

struct lines {
	const char *at, *end;
};

/* The value of the next line, which begins with name and a space. */
static bool line_take(struct lines *lines, const char *name, const char **ret_value, size_t *ret_length)
{
	size_t skip = strlen(name), left = (size_t)(lines->end - lines->at);
	if (left <= skip || memcmp(lines->at, name, skip) != 0 || lines->at[skip] != ' ')
		return false;
	const char *value = lines->at + skip + 1;
	const char *end = memchr(value, '\n', (size_t)(lines->end - value));
	if (!end || end == value)
		return false;
	*ret_value = value;
	*ret_length = (size_t)(end - value);
	lines->at = end + 1;
	return true;
}

static bool number_take(struct lines *lines, const char *name, uint64_t *ret_number)
{
	const char *value;
	size_t length;
	return line_take(lines, name, &value, &length) && nr_note_number(value, length, ret_number) == 0;
}

static bool text_take(struct lines *lines, const char *name, char *text, size_t room)
{
	const char *value;
	size_t length;
	if (!line_take(lines, name, &value, &length) || length >= room || memchr(value, 0, length))
		return false;
	memcpy(text, value, length);
	text[length] = 0;
	return true;
}

static int not_a_group(struct nr_error *error)
{
	return nr_fail(error, -EBADMSG,
		"not a group's description as \"noroshi flow exchange group\" writes it (noroshi exchange "
		"group v1)");
}

static int key_take(
	struct lines *lines, const char *name, struct nr_note_key *ret_key, struct nr_error *error)
{
	const char *value;
	size_t length;
	if (!line_take(lines, name, &value, &length))
		return not_a_group(error);
	int e = nr_note_key_parse(value, length, ret_key, error);
	if (e)
		return e;
	if (ret_key->type != NR_NOTE_ED25519 || !ret_key->key) {
		nr_note_key_fini(ret_key);
		*ret_key = (struct nr_note_key){.id = 0};
		return nr_fail(error, -EBADMSG, "a party signs with Ed25519 (noroshi key note)");
	}
	return 0;
}

static bool is_same_key(const struct nr_note_key *a, const struct nr_note_key *b)
{
	return memcmp(&a->hash, &b->hash, sizeof a->hash) == 0;
}

/* The collector holds no secret: who is a party cannot be it. Nobody is there twice. */
static int parties_take(struct lines *lines, struct nr_exchange_group *group, struct nr_error *error)
{
	int e = key_take(lines, "collector", &group->collector, error);
	while (!e && lines->at < lines->end && group->party_count < NR_EXCHANGE_PARTIES_MAX) {
		struct nr_note_key *key = &group->parties[group->party_count];
		e = key_take(lines, "party", key, error);
		if (e)
			return e;
		group->party_count++;
		bool twice = is_same_key(key, &group->collector);
		for (unsigned i = 0; i + 1 < group->party_count; i++)
			twice |= is_same_key(key, &group->parties[i]);
		if (twice)
			return nr_fail(error, -EBADMSG,
				"%.80s is there twice: every party, and the collector, has a key of its own",
				key->name);
	}
	return e || lines->at == lines->end ? e : not_a_group(error);
}

static int group_parse(struct lines *lines, struct nr_exchange_group *group, struct nr_error *error)
{
	char name[NR_EXCHANGE_NAME_MAX + 1], purpose[32];
	uint64_t threshold = 0, candidates = 0, retention = 0;
	size_t skip = strlen(head);
	if ((size_t)(lines->end - lines->at) < skip || memcmp(lines->at, head, skip) != 0)
		return not_a_group(error);
	lines->at += skip;
	if (!text_take(lines, "name", name, sizeof name) ||
		!text_take(lines, "purpose", purpose, sizeof purpose) ||
		strcmp(purpose, nr_flow_purposes[0]) != 0 || !number_take(lines, "threshold", &threshold) ||
		!number_take(lines, "candidates", &candidates) ||
		!number_take(lines, "retention", &retention))
		return not_a_group(error);
	int e = parties_take(lines, group, error);
	if (e)
		return e;
	const struct nr_exchange_group_conf sizes = {.name = name,
		.threshold = threshold,
		.candidates = candidates,
		.retention = retention,
		.party_count = group->party_count};
	if (check_sizes(&sizes, error))
		return nr_fail(error, -EBADMSG, "sizes of a group that cannot be");
	memcpy(group->name, name, sizeof name);
	group->threshold = (unsigned)threshold;
	group->candidates = candidates;
	group->bins = NR_EXCHANGE_BINS(candidates * threshold);
	group->retention = (int32_t)retention;
	return 0;
}

int nr_exchange_group_parse(
	const char *text, size_t length, struct nr_exchange_group *ret_group, struct nr_error *error)
{
	NR_AUTO(nr_exchange_group_fini) struct nr_exchange_group group = {.party_count = 0};
	struct lines lines = {text, text + length};
	int e = length > NR_EXCHANGE_GROUP_MAX ? not_a_group(error) : group_parse(&lines, &group, error);
	if (e)
		return e;
	SHA256((const uint8_t *)text, length, group.id);
	*ret_group = group;
	group = (struct nr_exchange_group){.party_count = 0};
	return 0;
}

int nr_exchange_group_read(const char *path, struct nr_exchange_group *ret_group, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	if (!path)
		return nr_fail(error, -EINVAL, "name the group's description: --group FILE");
	int e = nr_file_read(path, NR_EXCHANGE_GROUP_MAX, &bytes, &length, error);
	if (e)
		return e;
	e = nr_exchange_group_parse((const char *)bytes, length, ret_group, error);
	return e ? nr_error_prefix(error, "%.120s", path) : 0;
}

void nr_exchange_group_fini(struct nr_exchange_group *group)
{
	nr_note_key_fini(&group->collector);
	for (unsigned i = 0; i < NR_EXCHANGE_PARTIES_MAX; i++)
		nr_note_key_fini(&group->parties[i]);
	*group = (struct nr_exchange_group){.party_count = 0};
}

unsigned nr_exchange_group_party(const struct nr_exchange_group *group, const struct nr_note_key *key)
{
	for (unsigned i = 0; i < group->party_count; i++)
		if (is_same_key(&group->parties[i], key))
			return i + 1;
	return 0;
}

uint64_t nr_exchange_choices(unsigned parties, unsigned threshold)
{
	uint64_t choices = 1;
	for (unsigned i = 0; i < threshold; i++)
		choices = choices * (parties - i) / (i + 1);
	return choices;
}

double nr_exchange_false_meetings(const struct nr_exchange_group *group)
{
	return (double)nr_exchange_choices(group->party_count, group->threshold) * (double)group->bins *
	       NR_EXCHANGE_TABLES / (double)NR_FIELD_PRIME;
}
