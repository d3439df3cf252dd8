/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/ledger/proof.h"

#include "wire/base64.h"

#include <errno.h>
#include <string.h>

#define FIRST_LINE "c2sp.org/tlog-proof@v1"

/* Takes a line off; false: there is no whole one. */
static bool take_line(const char **at, const char *end, const char **ret_line, size_t *ret_length)
{
	const char *newline = memchr(*at, '\n', (size_t)(end - *at));
	if (!newline)
		return false;
	*ret_line = *at;
	*ret_length = (size_t)(newline - *at);
	*at = newline + 1;
	return true;
}

/* What stands behind "WORD " in a line; NULL: another line. */
static const char *after(const char *line, size_t *length, const char *word)
{
	size_t n = strlen(word);
	if (*length < n || memcmp(line, word, n) != 0)
		return NULL;
	*length -= n;
	return line + n;
}

static int bad(struct nr_error *error, const char *reason)
{
	return nr_fail(error, -EBADMSG, "proof: %s", reason);
}

static int read_hashes(const char **at, const char *end, struct nr_proof *ret_proof, struct nr_error *error)
{
	const char *line;
	size_t length;
	while (take_line(at, end, &line, &length)) {
		if (length == 0)
			return 0;
		if (ret_proof->count == NR_PROOF_MAX)
			return bad(error, "more hashes than any tree needs");
		if (nr_base64_read(line, length, ret_proof->hashes[ret_proof->count].bytes, NR_HASH_BYTES) !=
			NR_HASH_BYTES)
			return bad(error, "a line is no base64 of a hash");
		ret_proof->count++;
	}
	return bad(error, "no empty line before the checkpoint");
}

int nr_tlog_proof_parse(
	const void *bytes, size_t length, struct nr_tlog_proof *ret_proof, struct nr_error *error)
{
	const char *at = bytes, *end = at + length, *line, *rest;
	struct nr_tlog_proof got = {0};
	size_t line_length;
	if (length > NR_TLOG_PROOF_MAX)
		return bad(error, "too large");
	if (!take_line(&at, end, &line, &line_length) || line_length != strlen(FIRST_LINE) ||
		memcmp(line, FIRST_LINE, line_length) != 0)
		return bad(error, "does not begin with " FIRST_LINE);
	bool more = take_line(&at, end, &line, &line_length);
	if (more && (rest = after(line, &line_length, "extra "))) {
		if (nr_base64_read(rest, line_length, NULL, 0) < 0)
			return bad(error, "extra is no base64");
		got.extra = rest;
		got.extra_length = line_length;
		more = take_line(&at, end, &line, &line_length);
	}
	rest = more ? after(line, &line_length, "index ") : NULL;
	if (!rest || nr_note_number(rest, line_length, &got.index))
		return bad(error, "no line with the index");
	int e = read_hashes(&at, end, &got.proof, error);
	if (e)
		return e;
	got.checkpoint = at;
	got.checkpoint_length = (size_t)(end - at);
	*ret_proof = got;
	return 0;
}

int nr_tlog_proof_write(uint64_t index, const struct nr_proof *proof, const void *checkpoint,
	size_t checkpoint_length, char **ret_text, size_t *ret_length, struct nr_error *error)
{
	size_t line = NR_BASE64_TEXT(NR_HASH_BYTES) + 1;
	size_t room = sizeof FIRST_LINE + 40 + proof->count * line + checkpoint_length + 2;
	char *text = malloc(room);
	if (!text)
		return nr_fail(error, -ENOMEM, "out of memory");
	size_t length = (size_t)snprintf(text, room, FIRST_LINE "\nindex %llu\n", (unsigned long long)index);
	for (size_t i = 0; i < proof->count; i++) {
		length += nr_base64_write(proof->hashes[i].bytes, NR_HASH_BYTES, text + length);
		text[length++] = '\n';
	}
	text[length++] = '\n';
	memcpy(text + length, checkpoint, checkpoint_length);
	length += checkpoint_length;
	text[length] = '\0';
	*ret_text = text;
	*ret_length = length;
	return 0;
}

int nr_tlog_proof_check(const struct nr_tlog_proof *proof, const void *entry, size_t length,
	const struct nr_tlog_policy *policy, struct nr_tlog_policy_verdict *ret_verdict,
	struct nr_error *error)
{
	struct nr_note note;
	struct nr_tlog_policy_verdict verdict;
	struct nr_hash leaf;
	int e = nr_note_parse(proof->checkpoint, proof->checkpoint_length, &note, error);
	e = e ? e : nr_tlog_policy_check(policy, &note, &verdict, error);
	if (e)
		return e;
	nr_merkle_leaf(entry, length, &leaf);
	if (!nr_merkle_check_inclusion(proof->index, verdict.checkpoint.size, &leaf, proof->proof.hashes,
		    proof->proof.count, &verdict.checkpoint.root))
		return nr_fail(error, -EUCLEAN,
			"the entry is not number %llu in the log's tree of %llu entries",
			(unsigned long long)proof->index, (unsigned long long)verdict.checkpoint.size);
	*ret_verdict = verdict;
	return 0;
}
