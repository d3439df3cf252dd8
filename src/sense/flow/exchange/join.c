/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/exchange/join.h"
#include "base/file.h"
#include "sense/flow/exchange/field.h"
#include "sense/flow/exchange/secret.h"
#include "trust/signer/keyfile.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK_BYTES ((size_t)NR_EXCHANGE_BLOCK_BINS * NR_EXCHANGE_BIN_BYTES)

/* ---- what is known of each party ---- */

struct party {
	const char *path; /* NULL: it made no offer */
	int file;
	uint8_t *block; /* shares, then words, of the bins that are looked at */
	EVP_MD_CTX *hash, *reply_hash;
	int code; /* of reading the last block */
	struct nr_file reply;
	uint64_t records;
};

/* A choice of as many parties as the threshold says, with the weights that interpolate at 0. */
struct choice {
	uint16_t mask;
	uint8_t members[NR_EXCHANGE_PARTIES_MAX]; /* from 0 */
	uint64_t weights[NR_EXCHANGE_PARTIES_MAX];
};

struct meeting {
	uint32_t bin; /* of the block */
	uint16_t holders;
};

/* What one member of the crew finds in its part of a block. */
struct finder {
	struct meeting *meetings; /* owned; sorted by bin in the end */
	size_t count, room;
	int code;
	unsigned bad_party; /* from 0, where a share is none */
	uint32_t bad_bin;
};

struct join {
	const struct nr_exchange_join_conf *conf;
	struct nr_exchange_joined joined;
	struct party parties[NR_EXCHANGE_PARTIES_MAX];
	struct choice *choices;
	size_t choice_count;
	uint16_t *of_mask; /* index of the choice with that mask */
	uint16_t *held;    /* by bin of the block: parties whose share was explained */
	struct finder *finders;
	unsigned finder_count;
	/* the block that is looked at */
	uint64_t offset;
	uint32_t bins, from;
	unsigned table;
};

static void join_fini(struct join *join)
{
	for (unsigned i = 0; i < NR_EXCHANGE_PARTIES_MAX; i++) {
		struct party *p = &join->parties[i];
		nr_close_fd(&p->file);
		free(p->block);
		EVP_MD_CTX_free(p->hash);
		EVP_MD_CTX_free(p->reply_hash);
		nr_file_fini(&p->reply);
	}
	for (unsigned i = 0; join->finders && i < join->finder_count; i++)
		free(join->finders[i].meetings);
	free(join->finders);
	free(join->choices);
	free(join->of_mask);
	free(join->held);
}

/* ---- opening ---- */

static int offer_open(struct join *join, const char *path, struct nr_error *error)
{
	const struct nr_exchange_group *group = join->conf->group;
	NR_AUTO(nr_close_fd) int file = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t bytes[NR_EXCHANGE_HEAD_BYTES];
	struct nr_exchange_head head;
	struct stat status;
	char day[NR_EXCHANGE_DAY_TEXT], other[NR_EXCHANGE_DAY_TEXT];
	if (file < 0 || fstat(file, &status) < 0)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	ssize_t got = S_ISREG(status.st_mode) ? pread(file, bytes, sizeof bytes, 0) : 0;
	int e = nr_exchange_head_parse(
		group, NR_EXCHANGE_OFFER, bytes, got > 0 ? (size_t)got : 0, &head, error);
	if (e)
		return nr_error_prefix(error, "%.100s", path);
	if ((uint64_t)status.st_size != nr_exchange_offer_bytes(group))
		return nr_fail(error, -EBADMSG, "%.100s: %lld bytes, but an offer of %s has %llu", path,
			(long long)status.st_size, group->name,
			(unsigned long long)nr_exchange_offer_bytes(group));
	if (head.day < join->conf->oldest || head.day > join->conf->newest)
		return nr_fail(error, -ESTALE, "%.100s: of day %d, whose time is over or has not come", path,
			head.day);
	struct party *party = &join->parties[head.party - 1];
	if (party->path)
		return nr_fail(error, -EBADMSG, "%.80s: party %u has made an offer already: %.80s", path,
			head.party, party->path);
	if (join->joined.present && head.day != join->joined.day)
		return nr_fail(error, -EBADMSG, "%.100s: of %s, but others are of %s", path,
			nr_exchange_day_write(head.day, day), nr_exchange_day_write(join->joined.day, other));
	join->joined.day = head.day;
	join->joined.present |= (uint16_t)(1u << (head.party - 1));
	party->path = path;
	party->file = file;
	file = -1;
	EVP_DigestInit_ex(party->hash, EVP_sha256(), NULL);
	EVP_DigestUpdate(party->hash, bytes, sizeof bytes);
	return 0;
}

static int join_init(struct join *join, struct nr_error *error)
{
	bool made = true;
	for (unsigned i = 0; i < NR_EXCHANGE_PARTIES_MAX; i++)
		join->parties[i].file = -1;
	for (unsigned i = 0; i < join->conf->group->party_count; i++) {
		struct party *p = &join->parties[i];
		p->block = malloc(BLOCK_BYTES);
		p->hash = EVP_MD_CTX_new();
		p->reply_hash = EVP_MD_CTX_new();
		made &= p->block && p->hash && p->reply_hash;
	}
	join->finder_count = nr_crew_members(join->conf->crew);
	join->finders = calloc(join->finder_count, sizeof *join->finders);
	join->of_mask = calloc(UINT16_MAX + 1, sizeof *join->of_mask);
	join->held = malloc(NR_EXCHANGE_BLOCK_BINS * sizeof *join->held);
	return made && join->finders && join->of_mask && join->held
		       ? 0
		       : nr_fail(error, -ENOMEM, "out of memory");
}

/* Every choice among those who made an offer. */
static int choices_make(struct join *join, struct nr_error *error)
{
	const unsigned threshold = join->conf->group->threshold,
		       present = (unsigned)__builtin_popcount(join->joined.present);
	uint64_t x[NR_EXCHANGE_PARTIES_MAX];
	if (present < threshold)
		return nr_fail(error, -EINVAL, "%u offers, but at least %u must meet: nothing can be found",
			present, threshold);
	join->choices = calloc(nr_exchange_choices(present, threshold), sizeof *join->choices);
	if (!join->choices)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (uint32_t mask = 1; mask <= join->joined.present; mask++) {
		if (mask & ~(uint32_t)join->joined.present || (unsigned)__builtin_popcount(mask) != threshold)
			continue;
		struct choice *choice = &join->choices[join->choice_count];
		choice->mask = (uint16_t)mask;
		for (unsigned i = 0, n = 0; i < NR_EXCHANGE_PARTIES_MAX; i++)
			if (mask >> i & 1) {
				x[n] = i + 1;
				choice->members[n++] = (uint8_t)i;
			}
		nr_field_weights(x, threshold, choice->weights);
		join->of_mask[mask] = (uint16_t)join->choice_count++;
	}
	return 0;
}

/* ---- finding ---- */

static uint64_t share_at(const struct join *join, unsigned party, uint32_t bin)
{
	uint64_t share;
	memcpy(&share, join->parties[party].block + (size_t)bin * sizeof share, sizeof share);
	return le64toh(share);
}

static bool is_zero(const struct join *join, const struct choice *choice, uint32_t bin)
{
	nr_field_wide sum = 0; /* at most 16 products below 2^122 */
	for (unsigned i = 0; i < join->conf->group->threshold; i++)
		sum += (nr_field_wide)choice->weights[i] * share_at(join, choice->members[i], bin);
	return nr_field_reduce(sum) == 0;
}

/* All who hold the element that this choice holds: whoever can take the place of its last member. */
static uint16_t holders_of(const struct join *join, const struct choice *choice, uint32_t bin)
{
	uint16_t holders = choice->mask;
	unsigned last = choice->members[join->conf->group->threshold - 1];
	for (unsigned i = 0; i < join->conf->group->party_count; i++) {
		uint16_t bit = (uint16_t)(1u << i);
		if (!(join->joined.present & bit) || choice->mask & bit)
			continue;
		uint16_t other = (uint16_t)((choice->mask & ~(1u << last)) | bit);
		if (is_zero(join, &join->choices[join->of_mask[other]], bin))
			holders |= bit;
	}
	return holders;
}

static void meet(const struct join *join, struct finder *finder, const struct choice *choice, uint32_t bin)
{
	if (choice->mask &
		join->held[bin]) /* another choice of the same holders: a share is of one element */
		return;
	if (finder->count == finder->room) {
		size_t room = finder->room ? 2 * finder->room : 256;
		struct meeting *grown = realloc(finder->meetings, room * sizeof *grown);
		if (!grown) {
			finder->code = -ENOMEM;
			return;
		}
		finder->meetings = grown;
		finder->room = room;
	}
	uint16_t holders = holders_of(join, choice, bin);
	join->held[bin] |= holders;
	finder->meetings[finder->count++] = (struct meeting){bin, holders};
}

static void check_shares(
	const struct join *join, struct finder *finder, unsigned party, uint32_t from, uint32_t until)
{
	for (uint32_t bin = from; bin < until; bin++)
		if (share_at(join, party, bin) >= NR_FIELD_PRIME) {
			finder->code = -EBADMSG;
			finder->bad_party = party;
			finder->bad_bin = bin;
			return;
		}
}

static int by_bin(const void *a, const void *b)
{
	const struct meeting *x = a, *y = b;
	if (x->bin != y->bin)
		return x->bin < y->bin ? -1 : 1;
	return (x->holders > y->holders) - (x->holders < y->holders);
}

static void find(void *context, unsigned member)
{
	const struct join *join = context;
	struct finder *finder = &join->finders[member];
	uint32_t from = (uint32_t)((uint64_t)join->bins * member / join->finder_count);
	uint32_t until = (uint32_t)((uint64_t)join->bins * (member + 1) / join->finder_count);
	finder->count = 0;
	finder->code = 0;
	memset(join->held + from, 0, (until - from) * sizeof *join->held);
	for (unsigned i = 0; !finder->code && i < NR_EXCHANGE_PARTIES_MAX; i++)
		if (join->joined.present >> i & 1)
			check_shares(join, finder, i, from, until);
	for (size_t i = 0; !finder->code && i < join->choice_count; i++)
		for (uint32_t bin = from; bin < until; bin++)
			if (NR_UNLIKELY(is_zero(join, &join->choices[i], bin)))
				meet(join, finder, &join->choices[i], bin);
	if (finder->count)
		qsort(finder->meetings, finder->count, sizeof *finder->meetings, by_bin);
}

/* ---- blocks ---- */

static void read_blocks(void *context, unsigned member)
{
	struct join *join = context;
	size_t length = (size_t)join->bins * NR_EXCHANGE_BIN_BYTES;
	for (unsigned i = member; i < NR_EXCHANGE_PARTIES_MAX; i += join->finder_count) {
		struct party *p = &join->parties[i];
		if (!p->path)
			continue;
		p->code = 0;
		for (size_t done = 0; done < length && !p->code;) {
			ssize_t got =
				pread(p->file, p->block + done, length - done, (off_t)(join->offset + done));
			if (got <= 0)
				p->code = got < 0 ? -errno : -EBADMSG;
			else
				done += (size_t)got;
		}
		if (!p->code)
			EVP_DigestUpdate(p->hash, p->block, length);
	}
}

static int put(struct party *party, const void *bytes, size_t length, struct nr_error *error)
{
	EVP_DigestUpdate(party->reply_hash, bytes, length);
	if (fwrite(bytes, 1, length, party->reply.stream) != length)
		return nr_fail(error, -errno, "%.150s: %s", party->reply.path, strerror(errno));
	return 0;
}

static int write_meeting(struct join *join, const struct meeting *meeting, struct nr_error *error)
{
	const struct nr_exchange_group *group = join->conf->group;
	struct nr_exchange_record record = {
		.table = join->table, .bin = join->from + meeting->bin, .holders = meeting->holders};
	uint8_t bytes[NR_EXCHANGE_RECORD_BYTES_MAX];
	int e = 0;
	for (unsigned i = 0; i < group->party_count; i++)
		if (meeting->holders >> i & 1) {
			const uint8_t *words = join->parties[i].block + (size_t)join->bins * sizeof(uint64_t);
			memcpy(&record.words[i], words + (size_t)meeting->bin * 2, 2);
			record.words[i] = le16toh(record.words[i]);
		}
	for (unsigned i = 0; !e && i < group->party_count; i++)
		if (meeting->holders >> i & 1) {
			record.share = share_at(join, i, meeting->bin);
			nr_exchange_record_write(group, &record, bytes);
			e = put(&join->parties[i], bytes, nr_exchange_record_bytes(group), error);
			join->parties[i].records++;
		}
	join->joined.places++;
	return e;
}

static int block_fault(struct join *join, struct nr_error *error)
{
	for (unsigned i = 0; i < NR_EXCHANGE_PARTIES_MAX; i++)
		if (join->parties[i].path && join->parties[i].code)
			return nr_fail(error, join->parties[i].code, "%.120s: offset %llu: %s",
				join->parties[i].path, (unsigned long long)join->offset,
				join->parties[i].code == -EBADMSG ? "cut short"
								  : strerror(-join->parties[i].code));
	for (unsigned i = 0; i < join->finder_count; i++) {
		const struct finder *f = &join->finders[i];
		if (f->code == -EBADMSG)
			return nr_fail(error, -EBADMSG, "%.120s: offset %llu: not a share: above the field",
				join->parties[f->bad_party].path,
				(unsigned long long)(join->offset + 8ull * f->bad_bin));
		if (f->code)
			return nr_fail(error, f->code, "out of memory");
	}
	return 0;
}

static int join_block(struct join *join, struct nr_error *error)
{
	nr_crew_run(join->conf->crew, read_blocks, join);
	int e = block_fault(join, error);
	if (e)
		return e;
	nr_crew_run(join->conf->crew, find, join);
	e = block_fault(join, error);
	for (unsigned i = 0; !e && i < join->finder_count; i++)
		for (size_t k = 0; !e && k < join->finders[i].count; k++)
			e = write_meeting(join, &join->finders[i].meetings[k], error);
	join->offset += (uint64_t)join->bins * NR_EXCHANGE_BIN_BYTES;
	return e;
}

/* ---- replies ---- */

static int replies_open(struct join *join, struct nr_error *error)
{
	char path[PATH_MAX];
	uint8_t bytes[NR_EXCHANGE_HEAD_BYTES];
	int e = 0;
	for (unsigned i = 0; !e && i < NR_EXCHANGE_PARTIES_MAX; i++) {
		struct party *p = &join->parties[i];
		if (!p->path)
			continue;
		const struct nr_exchange_head head = {.kind = NR_EXCHANGE_REPLY,
			.day = join->joined.day,
			.party = i + 1,
			.present = join->joined.present};
		nr_exchange_head_write(join->conf->group, &head, bytes);
		snprintf(path, sizeof path, "%.3900s/%u.reply", join->conf->folder, i + 1);
		e = nr_file_create(&p->reply, path, error);
		if (e)
			return e;
		EVP_DigestInit_ex(p->reply_hash, EVP_sha256(), NULL);
		e = put(p, bytes, sizeof bytes, error);
	}
	return e;
}

/* What stands behind the last block must be the party's signature over all before it. */
static int check_signatures(struct join *join, struct nr_error *error)
{
	uint8_t signature[NR_EXCHANGE_SIGNATURE_BYTES];
	for (unsigned i = 0; i < NR_EXCHANGE_PARTIES_MAX; i++) {
		struct party *p = &join->parties[i];
		if (!p->path)
			continue;
		if (pread(p->file, signature, sizeof signature, (off_t)join->offset) != sizeof signature)
			return nr_fail(error, -EBADMSG, "%.120s: offset %llu: cut short", p->path,
				(unsigned long long)join->offset);
		EVP_DigestFinal_ex(p->hash, join->joined.digests[i], NULL);
		int e = nr_exchange_check(
			&join->conf->group->parties[i], join->joined.digests[i], signature, error);
		if (e)
			return nr_error_prefix(error, "%.120s", p->path);
	}
	return 0;
}

static int replies_finish(struct join *join, struct nr_error *error)
{
	const struct nr_exchange_group *group = join->conf->group;
	uint8_t signature[NR_EXCHANGE_SIGNATURE_BYTES];
	int e = 0;
	for (unsigned i = 0; !e && i < group->party_count; i++) {
		struct party *p = &join->parties[i];
		if (!p->path)
			continue;
		e = put(p, join->joined.digests, group->party_count * NR_EXCHANGE_DIGEST_BYTES, error);
		if (e)
			return e;
		EVP_DigestFinal_ex(p->reply_hash, join->joined.replies[i], NULL);
		e = nr_exchange_sign(join->conf->key, join->joined.replies[i], signature, error);
		fwrite(signature, 1, sizeof signature,
			p->reply.stream); /* nr_file_commit() finds a failure */
		join->joined.records[i] = p->records;
	}
	for (unsigned i = 0; !e && i < group->party_count; i++)
		if (join->parties[i].path)
			e = nr_file_commit(&join->parties[i].reply, error);
	return e;
}

int nr_exchange_join(const struct nr_exchange_join_conf *conf, struct nr_exchange_joined *ret_joined,
	struct nr_error *error)
{
	NR_AUTO(join_fini) struct join join = {.conf = conf, .offset = NR_EXCHANGE_HEAD_BYTES};
	int e = join_init(&join, error);
	for (size_t i = 0; !e && i < conf->count; i++)
		e = offer_open(&join, conf->paths[i], error);
	e = e ? e : choices_make(&join, error);
	e = e ? e : replies_open(&join, error);
	for (; !e && join.table < NR_EXCHANGE_TABLES; join.table++)
		for (join.from = 0; !e && join.from < conf->group->bins; join.from += join.bins) {
			join.bins = (uint32_t)NR_MIN(
				conf->group->bins - join.from, (uint64_t)NR_EXCHANGE_BLOCK_BINS);
			e = join_block(&join, error);
			if (!e && join.joined.places > NR_EXCHANGE_PLACES_MAX)
				e = nr_fail(error, -E2BIG,
					"more than %llu places meet: offers of one author?",
					(unsigned long long)NR_EXCHANGE_PLACES_MAX);
		}
	e = e ? e : check_signatures(&join, error);
	e = e ? e : replies_finish(&join, error);
	if (!e)
		*ret_joined = join.joined;
	return e;
}
