/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/signer/release.h"
#include "base/file.h"

#include <errno.h>
#include <string.h>

#define RELEASERS_MAX 16

static const char head[] = "noroshi release v1\n";

static size_t purposes_write(unsigned purposes, char *text, size_t room)
{
	size_t used = 0;
	text[0] = 0;
	for (unsigned i = 0; i < NR_SIGN_PURPOSES; i++) {
		if (!(purposes & 1u << i))
			continue;
		int n = snprintf(
			text + used, room - used, "%s%s", used ? "," : "", nr_signer_purpose_names[i]);
		used += n > 0 ? (size_t)n : 0;
	}
	return used;
}

size_t nr_release_write(const struct nr_release *release, char ret_text[static NR_RELEASE_TEXT])
{
	char purposes[64], from[NR_TIME_TEXT], until[NR_TIME_TEXT];
	purposes_write(release->purposes, purposes, sizeof purposes);
	int n = snprintf(ret_text, NR_RELEASE_TEXT, "%skey %s\npurposes %s\nfrom %s\nuntil %s\nreason %s\n",
		head, release->key, purposes, nr_time_write(release->from, from),
		nr_time_write(release->until, until), release->reason);
	return n > 0 ? (size_t)n : 0;
}

/* The value of the next line, which must begin with name and a space; copied, with a NUL. */
static bool line_read(const char **at, const char *end, const char *name, char *ret_value, size_t room)
{
	size_t prefix = strlen(name);
	const char *newline = memchr(*at, '\n', (size_t)(end - *at));
	if (!newline || (size_t)(newline - *at) < prefix + 2 || memcmp(*at, name, prefix) != 0 ||
		(*at)[prefix] != ' ')
		return false;
	size_t length = (size_t)(newline - *at) - prefix - 1;
	if (length >= room)
		return false;
	for (const char *p = *at; p < newline; p++)
		if ((uint8_t)*p < ' ' || *p == 0x7f)
			return false;
	memcpy(ret_value, *at + prefix + 1, length);
	ret_value[length] = 0;
	*at = newline + 1;
	return true;
}

static bool purposes_read(const char *text, unsigned *ret_purposes)
{
	unsigned purposes = 0;
	for (const char *at = text;; at++) {
		size_t length = strcspn(at, ","), i = 0;
		while (i < NR_SIGN_PURPOSES && (strlen(nr_signer_purpose_names[i]) != length ||
						       memcmp(nr_signer_purpose_names[i], at, length) != 0))
			i++;
		if (i == NR_SIGN_PURPOSES)
			return false;
		purposes |= 1u << i;
		at += length;
		if (!*at)
			break;
	}
	*ret_purposes = purposes;
	return true;
}

int nr_release_parse(const char *text, size_t length, struct nr_release *ret_release, struct nr_error *error)
{
	struct nr_release release;
	char purposes[64], from[NR_TIME_TEXT], until[NR_TIME_TEXT];
	const char *at = text + strlen(head), *end = text + length;
	bool ok = length > strlen(head) && memcmp(text, head, strlen(head)) == 0 &&
		  line_read(&at, end, "key", release.key, sizeof release.key) &&
		  line_read(&at, end, "purposes", purposes, sizeof purposes) &&
		  line_read(&at, end, "from", from, sizeof from) &&
		  line_read(&at, end, "until", until, sizeof until) &&
		  line_read(&at, end, "reason", release.reason, sizeof release.reason) && at == end;
	if (!ok || strlen(release.key) != NR_KEY_ID_TEXT - 1 || !purposes_read(purposes, &release.purposes) ||
		nr_time_parse(from, &release.from, NULL) || nr_time_parse(until, &release.until, NULL))
		return nr_fail(error, -EBADMSG, "not the text of a release (noroshi release v1)");
	if (release.until <= release.from || release.until - release.from > NR_RELEASE_MAX)
		return nr_fail(error, -ERANGE,
			"a release lasts from a moment to 31 days, this one from %s to %s", from, until);
	*ret_release = release;
	return 0;
}

int nr_release_count(const struct nr_note *note, const struct nr_note_key *persons, size_t count,
	size_t *ret_signed, struct nr_error *error)
{
	struct nr_note_verdict verdicts[RELEASERS_MAX];
	if (count > RELEASERS_MAX)
		return nr_fail(error, -E2BIG, "more than %d persons", RELEASERS_MAX);
	int rc = nr_note_verify(note, persons, count, verdicts, error);
	if (rc && rc != -ENOKEY)
		return rc;
	size_t found = 0;
	for (size_t i = 0; !rc && i < count; i++) {
		bool counted = !verdicts[i].valid || persons[i].type != NR_NOTE_ED25519;
		/* the same key under another name is the same person */
		for (size_t j = 0; !counted && j < i; j++)
			counted = verdicts[j].valid &&
				  memcmp(&persons[i].hash, &persons[j].hash, sizeof persons[i].hash) == 0;
		found += !counted;
	}
	*ret_signed = found;
	return 0;
}

static int person_read(const char *path, struct nr_note_key *ret_person, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *text = NULL;
	size_t length;
	int rc = nr_file_read(path, 4096, &text, &length, error);
	if (rc)
		return rc;
	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		length--;
	rc = nr_note_key_parse((const char *)text, length, ret_person, error);
	return rc ? nr_error_prefix(error, "%.100s", path) : 0;
}

/* The release says this key, all its purposes, and a time that is not over. */
static int suits(const struct nr_release *release, const struct nr_signer_key *conf, const char *key_id,
	nr_time now, struct nr_error *error)
{
	char time[NR_TIME_TEXT];
	if (strcmp(release->key, key_id) != 0)
		return nr_fail(error, -EACCES, "%s: releases another key (%.16s...), not %s", conf->release,
			release->key, conf->key);
	if (conf->purposes & ~release->purposes)
		return nr_fail(error, -EACCES,
			"%s: does not release every purpose that %s is wanted for: --purpose seal,jws",
			conf->release, conf->key);
	if (now > release->until)
		return nr_fail(error, -EACCES, "%s: ended %s; two persons must sign a new one", conf->release,
			nr_time_write(release->until, time));
	return 0;
}

static int release_read(const struct nr_signer_key *conf, const struct nr_note_key *persons, size_t count,
	struct nr_release *ret_release, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length, found;
	struct nr_note note;
	int rc = nr_file_read(conf->release, NR_NOTE_MAX, &bytes, &length, error);
	if (rc)
		return rc;
	rc = nr_note_parse(bytes, length, &note, error);
	rc = rc ? rc : nr_release_count(&note, persons, count, &found, error);
	rc = rc ? rc : nr_release_parse(note.text, note.text_length, ret_release, error);
	if (rc)
		return nr_error_prefix(error, "%.100s", conf->release);
	if (found < NR_RELEASE_PERSONS)
		return nr_fail(error, -EACCES,
			"%s: signed by %zu of the persons who may release; two different ones must",
			conf->release, found);
	return 0;
}

int nr_release_read(const struct nr_signer_key *conf, const char *key_id, nr_time now, nr_time *ret_from,
	nr_time *ret_until, struct nr_error *error)
{
	struct nr_note_key persons[RELEASERS_MAX];
	struct nr_release release;
	size_t count = 0;
	int rc = 0;
	if (!conf->release)
		return nr_fail(error, -EACCES,
			"%s: two persons must release it; name what they signed: --release FILE", conf->key);
	if (conf->releaser_count > RELEASERS_MAX)
		return nr_fail(error, -E2BIG, "more than %d persons", RELEASERS_MAX);
	while (!rc && count < conf->releaser_count) {
		rc = person_read(conf->releasers[count], &persons[count], error);
		count += !rc;
	}
	rc = rc ? rc : release_read(conf, persons, count, &release, error);
	rc = rc ? rc : suits(&release, conf, key_id, now, error);
	for (size_t i = 0; i < count; i++)
		nr_note_key_fini(&persons[i]);
	if (rc)
		return rc;
	*ret_from = release.from;
	*ret_until = release.until;
	return 0;
}
