/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/certificate/asn1_time.h"
#include "trust/certificate/signature.h"
#include "trust/timestamp/evidence_tree.h"

#include <errno.h>
#include <string.h>

#define CHAINS_MAX 64
#define TOKENS_MAX 256

/* ArchiveTimeStamp (RFC 4998 section 4.1), where it lies. */
struct stamp {
	struct nr_der lists; /* [2] reducedHashtree; all zero: none */
	struct nr_der token; /* ContentInfo */
	enum nr_oid digest;  /* of tree and token; UNKNOWN: not said, the token's */
};

struct record {
	struct nr_der sequence; /* ArchiveTimeStampSequence */
	struct nr_der chains[CHAINS_MAX];
	size_t chain_count;
	struct stamp last; /* of the last chain */
	enum nr_oid last_digest;
};

/* ---- reading ---- */

static bool read_stamp(struct nr_cursor *c, struct stamp *ret_stamp)
{
	struct stamp stamp = {.digest = NR_OID_UNKNOWN};
	struct nr_der algorithm, attributes;
	struct nr_cursor body = nr_der_open(c, NR_DER_SEQUENCE);
	if (nr_der_optional(
		    &body, NR_DER_CONSTRUCTED(0), &algorithm)) { /* [0] IMPLICIT AlgorithmIdentifier */
		struct nr_cursor inside = nr_der_inside(&algorithm);
		struct nr_der name = nr_der_take(&inside, NR_DER_OID);
		stamp.digest = nr_oid_of(&name);
	}
	nr_der_optional(&body, NR_DER_CONSTRUCTED(1), &attributes);
	nr_der_optional(&body, NR_DER_CONSTRUCTED(2), &stamp.lists);
	stamp.token = nr_der_take(&body, NR_DER_SEQUENCE);
	nr_der_close(c, &body);
	*ret_stamp = stamp;
	return !c->failed;
}

/* What the token stamps. */
static bool read_imprint(const struct stamp *stamp, struct nr_tst_info *ret_info)
{
	struct nr_cms cms;
	return nr_cms_read(stamp->token.start, nr_der_size(&stamp->token), &cms, NULL) == 0 &&
	       cms.content.value && nr_oid_is(&cms.content_type, NR_OID_TST_INFO) &&
	       nr_tst_read(cms.content.value, cms.content.length, ret_info, NULL) == 0;
}

static int read_record(const uint8_t *bytes, size_t length, struct record *ret_record, struct nr_error *error)
{
	struct record record = {.chain_count = 0};
	struct nr_der info, encryption;
	size_t offset = 0;
	if (length > NR_EVIDENCE_MAX || !nr_der_check_whole(bytes, length, &offset))
		return nr_fail(
			error, -EBADMSG, "evidence record: not DER at byte %zu, or more than 4 MiB", offset);
	struct nr_cursor c = nr_cursor_over(bytes, length);
	struct nr_cursor body = nr_der_open(&c, NR_DER_SEQUENCE);
	uint64_t version = nr_der_uint(&body);
	nr_der_take(&body, NR_DER_SEQUENCE); /* digestAlgorithms: each time stamp names its own */
	nr_der_optional(&body, NR_DER_CONSTRUCTED(0), &info);
	bool encrypted = nr_der_optional(&body, NR_DER_CONSTRUCTED(1), &encryption);
	record.sequence = nr_der_take(&body, NR_DER_SEQUENCE);
	nr_der_close(&c, &body);
	if (!nr_der_done(&c) || version != 1)
		return nr_fail(error, -EBADMSG, "not an evidence record of version 1 (RFC 4998 section 3.1)");
	if (encrypted)
		return nr_fail(error, -EBADMSG, "evidence record of encrypted documents: is not supported");
	struct nr_cursor chains = nr_der_inside(&record.sequence);
	while (!chains.failed && chains.at < chains.end && record.chain_count < CHAINS_MAX)
		record.chains[record.chain_count++] = nr_der_take(&chains, NR_DER_SEQUENCE);
	struct nr_tst_info tst;
	struct nr_cursor stamps = record.chain_count ? nr_der_inside(&record.chains[record.chain_count - 1])
						     : nr_cursor_over(bytes, 0);
	bool read = false;
	while (!stamps.failed && stamps.at < stamps.end)
		read = read_stamp(&stamps, &record.last);
	if (!nr_der_done(&chains) || stamps.failed || !read || !read_imprint(&record.last, &tst))
		return nr_fail(error, -EBADMSG, "evidence record without a time stamp that can be read");
	record.last_digest = tst.digest;
	*ret_record = record;
	return 0;
}

/* ---- making ---- */

/* H(document || H(chains before)): what the first time stamp of a further chain stands over. */
static bool chain_leaf(
	const uint8_t *chains, size_t length, enum nr_oid digest, const uint8_t *document, uint8_t *ret_leaf)
{
	uint8_t both[2 * NR_DIGEST_MAX];
	size_t size = nr_oid_digest_bytes(digest);
	memcpy(both, document, size);
	return nr_digest(digest, chains, length, both + size) && nr_digest(digest, both, 2 * size, ret_leaf);
}

/* SEQUENCE OF the first `count` chains, as they are. */
static uint8_t *sequence_of(const struct record *record, size_t count, size_t *ret_length)
{
	const struct nr_der *first = &record->chains[0], *last = &record->chains[count - 1];
	size_t inside = (size_t)(last->value + last->length - first->start), room = inside + 16;
	uint8_t *buffer = malloc(room);
	struct nr_der_writer w;
	if (!buffer)
		return NULL;
	nr_der_writer_init(&w, buffer, room);
	nr_der_put(&w, first->start, inside);
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	*ret_length = nr_der_mark(&w);
	memmove(buffer, w.at, *ret_length);
	return buffer;
}

int nr_evidence_leaf(const uint8_t *record, size_t length, enum nr_oid digest, const uint8_t *document,
	uint8_t ret_leaf[NR_TSP_IMPRINT_MAX], struct nr_error *error)
{
	struct record read;
	if (!record) {
		memcpy(ret_leaf, document, nr_oid_digest_bytes(digest));
		return 0;
	}
	int e = read_record(record, length, &read, error);
	if (e)
		return e;
	bool good = read.last_digest == digest ? nr_digest(digest, read.last.token.start,
							 nr_der_size(&read.last.token), ret_leaf)
					       : chain_leaf(read.sequence.start, nr_der_size(&read.sequence),
							 digest, document, ret_leaf);
	return good ? 0 : nr_fail(error, -EIO, "a digest cannot be made");
}

static void put_stamp(struct nr_der_writer *w, const struct nr_evidence_tree *tree, size_t index,
	const uint8_t *token, size_t length)
{
	size_t mark = nr_der_mark(w);
	nr_der_put(w, token, length);
	nr_evidence_tree_put(tree, index, w);
	nr_der_wrap(w, NR_DER_SEQUENCE, mark);
}

int nr_evidence_add(const uint8_t *record, size_t length, const struct nr_evidence_tree *tree, size_t index,
	const uint8_t *token, size_t token_length, uint8_t **ret_record, size_t *ret_length,
	struct nr_error *error)
{
	struct record read = {.chain_count = 0};
	enum nr_oid digest = nr_evidence_tree_digest(tree);
	int e = record ? read_record(record, length, &read, error) : 0;
	if (e)
		return e;
	size_t room = length + token_length + 16 * 1024;
	NR_AUTO(nr_freep) uint8_t *buffer = malloc(room);
	if (!buffer)
		return nr_fail(error, -ENOMEM, "out of memory");
	struct nr_der_writer w;
	nr_der_writer_init(&w, buffer, room);
	put_stamp(&w, tree, index, token, token_length);
	bool same_chain = read.chain_count && read.last_digest == digest;
	if (same_chain)
		nr_der_put(&w, read.chains[read.chain_count - 1].value,
			read.chains[read.chain_count - 1].length);
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	for (size_t i = read.chain_count - same_chain; i-- > 0;)
		nr_der_put(&w, read.chains[i].start, nr_der_size(&read.chains[i]));
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	size_t mark = nr_der_mark(&w);
	nr_oid_put_algorithm(&w, digest, false);
	if (read.chain_count && !same_chain)
		nr_oid_put_algorithm(&w, read.last_digest, false);
	nr_der_wrap(&w, NR_DER_SEQUENCE, mark);
	nr_der_put_uint(&w, 1);
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	if (w.failed)
		return nr_fail(error, -E2BIG, "an evidence record that is too long");
	*ret_length = nr_der_mark(&w);
	memmove(buffer, w.at, *ret_length);
	*ret_record = nr_steal(&buffer);
	return 0;
}

/* ---- verifying ---- */

struct work {
	const struct nr_token_question *question;
	struct nr_judgement *judgement;
	struct nr_evidence *evidence;
	uint8_t leaf[NR_DIGEST_MAX];  /* what the next time stamp must lead from */
	uint8_t above[NR_DIGEST_MAX]; /* and where its lists lead to */
	enum nr_oid digest;
	nr_time ends; /* of the certificate of the token before; NR_TIME_MAX: there is none */
};

static void fail(struct work *work, const char *code, const char *en, const char *ja)
{
	nr_judge(work->judgement, NR_FAILED, code, en, ja);
}

/* One PartialHashtree: the hash that comes from below is among those of the first, joins those of the others.
 */
static bool climb(struct nr_cursor *lists, bool first, enum nr_oid digest, uint8_t *hash)
{
	const uint8_t *hashes[NR_EVIDENCE_LIST_MAX];
	size_t count = 0, size = nr_oid_digest_bytes(digest);
	bool found = false;
	uint8_t from_below[NR_DIGEST_MAX];
	memcpy(from_below, hash, size);
	struct nr_cursor list = nr_der_open(lists, NR_DER_SEQUENCE);
	while (!list.failed && list.at < list.end && count < NR_EVIDENCE_LIST_MAX - 1) {
		struct nr_der one = nr_der_take(&list, NR_DER_OCTET_STRING);
		if (list.failed || one.length != size)
			return false;
		found = found || memcmp(one.value, from_below, size) == 0;
		hashes[count++] = one.value;
	}
	nr_der_close(lists, &list);
	if (lists->failed || (first && !found))
		return false;
	if (!first && !found)
		hashes[count++] = from_below;
	if (first && count == 1)
		return true; /* a list of one hash: the hash itself (RFC 6283 section 3.2.2) */
	return nr_evidence_node(digest, hashes, count, hash);
}

static bool climb_all(struct work *work, const struct stamp *stamp)
{
	memcpy(work->above, work->leaf, sizeof work->above);
	if (!stamp->lists.value)
		return true;
	struct nr_cursor lists = nr_der_inside(&stamp->lists);
	bool first = true;
	while (!lists.failed && lists.at < lists.end) {
		if (!climb(&lists, first, work->digest, work->above))
			return false;
		first = false;
	}
	return !lists.failed;
}

static bool give_above(void *context, enum nr_oid digest, uint8_t *ret_hash)
{
	const struct work *work = context;
	if (digest != work->digest)
		return false;
	memcpy(ret_hash, work->above, nr_oid_digest_bytes(digest));
	return true;
}

static int check_stamp(struct work *work, const struct stamp *stamp, struct nr_error *error)
{
	STACK_OF(X509) *path = NULL;
	struct nr_judgement judgement;
	struct nr_token_question question = *work->question;
	question.token = stamp->token.start;
	question.length = nr_der_size(&stamp->token);
	question.digest = give_above;
	question.context = work;
	question.request = NULL;
	if (!climb_all(work, stamp)) {
		fail(work, "HASH_FAILURE", "the hash tree of a time stamp does not hold what it should",
			"タイムスタンプのハッシュ木に対象が含まれていません");
		return 0;
	}
	int e = nr_token_verify(&question, &work->evidence->last, &path, &judgement, error);
	if (e)
		return e;
	for (size_t i = 0; i < judgement.count; i++) {
		const struct nr_reason *reason = &judgement.reasons[i];
		if (reason->fatal)
			nr_judge(work->judgement, judgement.verdict, reason->code, reason->en, reason->ja);
		else
			nr_judge_note(work->judgement, reason->code, reason->en, reason->ja, NULL);
	}
	nr_time time = work->evidence->last.time;
	if (time < work->evidence->newest || time > work->ends)
		nr_judge(work->judgement, NR_INDETERMINATE, "TIMESTAMP_ORDER_FAILURE",
			"a time stamp was renewed after its certificate had ended, or the times run "
			"backwards (RFC 4998 "
			"section 5.3)",
			"証明書の期限後に更新されたか、時刻の順序が逆転しています（RFC 4998 5.3）");
	if (work->evidence->tokens++ == 0)
		work->evidence->time = time;
	work->evidence->newest = time;
	work->ends = path ? nr_asn1_time(X509_get0_notAfter(sk_X509_value(path, 0))) : NR_TIME_MAX;
	sk_X509_pop_free(path, X509_free);
	return 0;
}

/* The first one's leaf is set; each further one stands over the one before. */
static int check_chain(struct work *work, const struct nr_der *chain, struct nr_error *error)
{
	struct nr_cursor stamps = nr_der_inside(chain);
	int e = 0;
	while (!e && stamps.at < stamps.end && work->judgement->verdict != NR_FAILED) {
		struct stamp stamp;
		struct nr_tst_info tst;
		if (!read_stamp(&stamps, &stamp) || !read_imprint(&stamp, &tst) ||
			tst.digest != work->digest ||
			(stamp.digest != NR_OID_UNKNOWN && stamp.digest != tst.digest) ||
			work->evidence->tokens == TOKENS_MAX) {
			fail(work, "FORMAT_FAILURE",
				"a time stamp of a chain cannot be read, or is of another digest (RFC 4998 "
				"section 5.1)",
				"チェーン内のタイムスタンプを読めないか、ハッシュ関数が異なります（RFC 4998 "
				"5.1）");
			return 0;
		}
		e = check_stamp(work, &stamp, error);
		if (!e && !nr_digest(work->digest, stamp.token.start, nr_der_size(&stamp.token), work->leaf))
			e = nr_fail(error, -EIO, "a digest cannot be made");
	}
	return e;
}

/* The digest of a chain is that of its first token. */
static bool digest_of_chain(const struct nr_der *chain, enum nr_oid *ret_digest)
{
	struct nr_cursor stamps = nr_der_inside(chain);
	struct stamp stamp;
	struct nr_tst_info tst;
	if (!read_stamp(&stamps, &stamp) || !read_imprint(&stamp, &tst))
		return false;
	*ret_digest = tst.digest;
	return true;
}

static int start_chain(struct work *work, const struct record *record, size_t index, struct nr_error *error)
{
	uint8_t document[NR_DIGEST_MAX];
	if (!digest_of_chain(&record->chains[index], &work->digest) ||
		!work->question->digest(work->question->context, work->digest, document)) {
		fail(work, "FORMAT_FAILURE", "the document cannot be compared with a chain of the record",
			"記録のチェーンと文書を比較できません");
		return 0;
	}
	if (index == 0) {
		memcpy(work->leaf, document, sizeof work->leaf);
		return 0;
	}
	size_t length;
	NR_AUTO(nr_freep) uint8_t *before = sequence_of(record, index, &length);
	if (!before || !chain_leaf(before, length, work->digest, document, work->leaf))
		return nr_fail(error, -ENOMEM, "out of memory");
	return 0;
}

int nr_evidence_verify(const uint8_t *record, size_t length, const struct nr_token_question *question,
	struct nr_evidence *ret_evidence, struct nr_judgement *ret_judgement, struct nr_error *error)
{
	struct record read;
	struct nr_error why = {0};
	*ret_evidence = (struct nr_evidence){.time = NR_TIME_MIN, .newest = NR_TIME_MIN};
	*ret_judgement = (struct nr_judgement){.count = 0};
	if (read_record(record, length, &read, &why) != 0) {
		nr_judge_with(ret_judgement, NR_FAILED, "FORMAT_FAILURE", "%s", "形式が正しくありません: %s",
			why.text);
		return 0;
	}
	struct work work = {.question = question,
		.judgement = ret_judgement,
		.evidence = ret_evidence,
		.ends = NR_TIME_MAX};
	ret_evidence->chains = read.chain_count;
	int e = 0;
	for (size_t i = 0; i < read.chain_count && !e && ret_judgement->verdict != NR_FAILED; i++) {
		e = start_chain(&work, &read, i, error);
		if (!e && ret_judgement->verdict != NR_FAILED)
			e = check_chain(&work, &read.chains[i], error);
	}
	return e;
}
