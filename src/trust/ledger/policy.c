/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/ledger/policy.h"

#include <errno.h>
#include <string.h>

#define WORDS_MAX (3 + 2 * NR_TLOG_POLICY_MAX)

/* One line that is being read. */
struct line {
	const char *file;
	unsigned number;
	struct word {
		const char *text;
		size_t length;
	} words[WORDS_MAX];
	size_t count;
};

static int complain(struct nr_error *error, const struct line *line, const char *reason)
{
	return nr_fail(error, -EBADMSG, "%s: line %u: %s", line->file, line->number, reason);
}

static bool is_word(const struct word *word, const char *text)
{
	return word->length == strlen(text) && memcmp(word->text, text, word->length) == 0;
}

static bool take_name(const struct word *word, struct nr_tlog_policy_name *ret_name)
{
	if (word->length > NR_TLOG_POLICY_NAME_MAX || is_word(word, "none"))
		return false;
	memcpy(ret_name->text, word->text, word->length);
	ret_name->text[word->length] = '\0';
	return true;
}

static bool find_witness(const struct nr_tlog_policy *p, const struct word *word, size_t *ret_index)
{
	for (size_t i = 0; i < p->witness_count; i++) {
		*ret_index = i;
		if (is_word(word, p->witness_names[i].text))
			return true;
	}
	return false;
}

static bool find_group(const struct nr_tlog_policy *p, const struct word *word, size_t *ret_index)
{
	for (size_t i = 0; i < p->group_count; i++) {
		*ret_index = i;
		if (is_word(word, p->groups[i].name.text))
			return true;
	}
	return false;
}

static bool is_known(const struct nr_tlog_policy *p, const struct word *word)
{
	size_t index;
	return find_witness(p, word, &index) || find_group(p, word, &index);
}

/* One key in two places would count twice, whatever its names. */
static bool key_is_known(const struct nr_tlog_policy *p, const struct nr_note_key *key)
{
	for (size_t i = 0; i < p->log_count; i++)
		if (nr_hash_equal(&p->logs[i].hash, &key->hash))
			return true;
	for (size_t i = 0; i < p->witness_count; i++)
		if (nr_hash_equal(&p->witnesses[i].hash, &key->hash))
			return true;
	return false;
}

static int take_key(const struct nr_tlog_policy *p, const struct line *line, const struct word *word,
	struct nr_note_key *ret_key, struct nr_error *error)
{
	struct nr_note_key key;
	int e = nr_note_key_parse(word->text, word->length, &key, error);
	if (e) {
		nr_error_prefix(error, "%s: line %u", line->file, line->number);
		return e;
	}
	if (key_is_known(p, &key)) {
		nr_note_key_fini(&key);
		return complain(error, line, "this public key stands in another line already");
	}
	*ret_key = key;
	return 0;
}

static int read_log(struct nr_tlog_policy *p, const struct line *line, struct nr_error *error)
{
	if (line->count < 2 || line->count > 3)
		return complain(error, line, "log VKEY [URL] is expected");
	if (p->log_count == NR_TLOG_POLICY_MAX)
		return complain(error, line, "more logs than 64");
	struct nr_note_key *key = &p->logs[p->log_count];
	int e = take_key(p, line, &line->words[1], key, error);
	if (e)
		return e;
	if (key->type == NR_NOTE_COSIGNATURE) {
		nr_note_key_fini(key);
		return complain(error, line, "a cosigner's key is no log's key");
	}
	p->log_count++;
	return 0;
}

static int read_witness(struct nr_tlog_policy *p, const struct line *line, struct nr_error *error)
{
	size_t i = p->witness_count;
	if (line->count < 3 || line->count > 4)
		return complain(error, line, "witness NAME VKEY [URL] is expected");
	if (i == NR_TLOG_POLICY_MAX)
		return complain(error, line, "more witnesses than 64");
	if (is_known(p, &line->words[1]) || !take_name(&line->words[1], &p->witness_names[i]))
		return complain(error, line, "this name is taken, too long, or \"none\"");
	int e = take_key(p, line, &line->words[2], &p->witnesses[i], error);
	if (e)
		return e;
	if (p->witnesses[i].key && p->witnesses[i].type != NR_NOTE_COSIGNATURE) {
		nr_note_key_fini(&p->witnesses[i]);
		return complain(error, line, "the key is not one for cosignatures (type 0x04)");
	}
	const struct word *url = line->count == 4 ? &line->words[3] : NULL;
	p->urls[i] = url ? strndup(url->text, url->length) : NULL;
	p->witness_count++;
	return url && !p->urls[i] ? nr_fail(error, -ENOMEM, "out of memory") : 0;
}

static bool in_a_group(
	const struct nr_tlog_policy *p, const struct nr_tlog_policy_group *now, bool witness, size_t index)
{
	uint64_t bit = UINT64_C(1) << index, taken = witness ? now->witnesses : now->groups;
	for (size_t i = 0; i < p->group_count; i++)
		taken |= witness ? p->groups[i].witnesses : p->groups[i].groups;
	return taken & bit;
}

static int read_members(const struct nr_tlog_policy *p, const struct line *line,
	struct nr_tlog_policy_group *group, struct nr_error *error)
{
	for (size_t i = 3; i < line->count; i++) {
		size_t index;
		bool witness = find_witness(p, &line->words[i], &index);
		if (!witness && !find_group(p, &line->words[i], &index))
			return complain(error, line, "a member is not defined above");
		if (in_a_group(p, group, witness, index))
			return complain(error, line, "a member is in a group already");
		if (witness)
			group->witnesses |= UINT64_C(1) << index;
		else
			group->groups |= UINT64_C(1) << index;
	}
	return 0;
}

static int read_group(struct nr_tlog_policy *p, const struct line *line, struct nr_error *error)
{
	struct nr_tlog_policy_group group = {0};
	if (line->count < 4)
		return complain(error, line, "group NAME all|any|K MEMBER... is expected");
	if (p->group_count == NR_TLOG_POLICY_MAX)
		return complain(error, line, "more groups than 64");
	if (is_known(p, &line->words[1]) || !take_name(&line->words[1], &group.name))
		return complain(error, line, "this name is taken, too long, or \"none\"");
	uint64_t members = line->count - 3, threshold = 0;
	if (is_word(&line->words[2], "all"))
		threshold = members;
	else if (is_word(&line->words[2], "any"))
		threshold = 1;
	else if (nr_note_number(line->words[2].text, line->words[2].length, &threshold))
		threshold = 0;
	if (threshold == 0 || threshold > members)
		return complain(
			error, line, "the threshold is not all, any, or from 1 to the number of members");
	int e = read_members(p, line, &group, error);
	if (e)
		return e;
	group.threshold = (unsigned)threshold;
	p->groups[p->group_count++] = group;
	return 0;
}

static int read_quorum(struct nr_tlog_policy *p, const struct line *line, struct nr_error *error)
{
	if (line->count != 2)
		return complain(error, line, "quorum NAME or quorum none is expected");
	if (p->quorum != NR_QUORUM_UNSET)
		return complain(error, line, "a second quorum");
	if (is_word(&line->words[1], "none"))
		p->quorum = NR_QUORUM_NONE;
	else if (find_witness(p, &line->words[1], &p->quorum_index))
		p->quorum = NR_QUORUM_WITNESS;
	else if (find_group(p, &line->words[1], &p->quorum_index))
		p->quorum = NR_QUORUM_GROUP;
	else
		return complain(error, line, "the quorum is not defined above");
	return 0;
}

static int read_line(struct nr_tlog_policy *p, const struct line *line, struct nr_error *error)
{
	static const struct {
		const char *word;
		int (*read)(struct nr_tlog_policy *p, const struct line *line, struct nr_error *error);
	} kinds[] = {
		{"log", read_log}, {"witness", read_witness}, {"group", read_group}, {"quorum", read_quorum}};
	if (line->count == 0)
		return 0;
	for (size_t i = 0; i < NR_COUNT(kinds); i++)
		if (is_word(&line->words[0], kinds[i].word))
			return kinds[i].read(p, line, error);
	return complain(error, line, "begins with none of log, witness, group, quorum");
}

/* Comments are whole lines; "#" elsewhere is a part of a word, which then is none that is known. */
static int split(const char *text, size_t length, struct line *line, struct nr_error *error)
{
	line->count = 0;
	if (length && text[0] == '#')
		return 0;
	for (size_t i = 0; i < length;) {
		unsigned char c = (unsigned char)text[i];
		if (c == ' ' || c == '\t') {
			i++;
			continue;
		}
		if (line->count == WORDS_MAX)
			return complain(error, line, "too many words");
		struct word *word = &line->words[line->count++];
		word->text = text + i;
		while (i < length && text[i] != ' ' && text[i] != '\t')
			i++;
		word->length = (size_t)(text + i - word->text);
	}
	return 0;
}

static int check_bytes(const char *text, size_t length, const struct line *line, struct nr_error *error)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '\r')
			return complain(error, line, "carriage return: lines end with a newline alone");
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return complain(error, line, "control character");
	}
	return 0;
}

static int read_lines(
	struct nr_tlog_policy *p, struct line *line, const char *at, const char *end, struct nr_error *error)
{
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((newline ? newline : end) - at);
		line->number++;
		int e = check_bytes(at, length, line, error);
		e = e ? e : split(at, length, line, error);
		e = e ? e : read_line(p, line, error);
		if (e)
			return e;
		at += length + 1;
	}
	return 0;
}

int nr_tlog_policy_parse(const char *name, const void *bytes, size_t length, bool log_wanted,
	struct nr_tlog_policy **ret_policy, struct nr_error *error)
{
	NR_AUTO(nr_tlog_policy_freep) struct nr_tlog_policy *policy = calloc(1, sizeof *policy);
	struct line line = {.file = name};
	if (!policy)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (length > NR_TLOG_POLICY_BYTES)
		return nr_fail(error, -EFBIG, "%s: more than %d bytes", name, NR_TLOG_POLICY_BYTES);
	int e = read_lines(policy, &line, bytes, (const char *)bytes + length, error);
	if (e)
		return e;
	if (policy->quorum == NR_QUORUM_UNSET)
		return nr_fail(
			error, -EBADMSG, "%s: no quorum line (\"quorum none\": without witnesses)", name);
	if (log_wanted && !policy->log_count)
		return nr_fail(error, -EBADMSG, "%s: no log line", name);
	*ret_policy = nr_steal(&policy);
	return 0;
}

int nr_tlog_policy_of_log(const char *vkey, struct nr_tlog_policy **ret_policy, struct nr_error *error)
{
	NR_AUTO(nr_tlog_policy_freep) struct nr_tlog_policy *policy = calloc(1, sizeof *policy);
	if (!policy)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_note_key_parse(vkey, strlen(vkey), &policy->logs[0], error);
	if (e)
		return e;
	policy->log_count = 1;
	policy->quorum = NR_QUORUM_NONE;
	*ret_policy = nr_steal(&policy);
	return 0;
}

void nr_tlog_policy_free(struct nr_tlog_policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < NR_TLOG_POLICY_MAX; i++) {
		nr_note_key_fini(&policy->logs[i]);
		nr_note_key_fini(&policy->witnesses[i]);
		free(policy->urls[i]);
	}
	free(policy);
}

void nr_tlog_policy_freep(struct nr_tlog_policy **policy)
{
	nr_tlog_policy_free(*policy);
}

bool nr_tlog_policy_is_met(const struct nr_tlog_policy *p, uint64_t witnesses)
{
	uint64_t groups = 0;
	for (size_t i = 0; i < p->group_count; i++) {
		const struct nr_tlog_policy_group *g = &p->groups[i];
		int have = __builtin_popcountll(g->witnesses & witnesses) +
			   __builtin_popcountll(g->groups & groups);
		if ((unsigned)have >= g->threshold)
			groups |= UINT64_C(1) << i;
	}
	if (p->quorum == NR_QUORUM_NONE)
		return true;
	return (p->quorum == NR_QUORUM_WITNESS ? witnesses : groups) >> p->quorum_index & 1;
}

int nr_tlog_policy_check(const struct nr_tlog_policy *policy, const struct nr_note *note,
	struct nr_tlog_policy_verdict *ret_verdict, struct nr_error *error)
{
	struct nr_note_verdict verdicts[NR_TLOG_POLICY_MAX];
	struct nr_tlog_policy_verdict got = {.log = NR_TLOG_POLICY_MAX};
	int e = nr_checkpoint_parse(note->text, note->text_length, &got.checkpoint, error);
	e = e ? e : nr_note_verify(note, policy->logs, policy->log_count, verdicts, error);
	if (e)
		return e;
	for (size_t i = 0; i < policy->log_count; i++)
		if (verdicts[i].valid && nr_checkpoint_is_of(&got.checkpoint, policy->logs[i].name))
			got.log = i;
	if (got.log == NR_TLOG_POLICY_MAX)
		return nr_fail(error, -ENOKEY, "checkpoint: signed by a key of another name than its origin");
	e = nr_note_verify(note, policy->witnesses, policy->witness_count, verdicts, error);
	if (e && e != -ENOKEY)
		return e;
	for (size_t i = 0; !e && i < policy->witness_count; i++) {
		got.witnesses |= (uint64_t)verdicts[i].valid << i;
		got.times[i] = verdicts[i].time;
	}
	got.quorum = nr_tlog_policy_is_met(policy, got.witnesses);
	*ret_verdict = got;
	return 0;
}
