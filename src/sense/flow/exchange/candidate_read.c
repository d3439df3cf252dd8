/* SPDX-License-Identifier: Apache-2.0 */
/* Files of findings: read in steps, each of which the crew takes apart. */
#include "sense/flow/exchange/candidate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define STEP_BYTES     ((size_t)4 << 20)
#define LINE_MAX_BYTES ((size_t)1 << 20) /* a finding with all its reasons */

/* What one member of the crew reads of a step: whole lines. */
struct part {
	const char *from, *until;
	struct nr_exchange_candidates candidates;
	struct nr_error error;
	int code;
};

struct reading {
	struct nr_exchange_candidates *candidates;
	const char *name;
	const struct nr_c2_list *list;
	int32_t day;
	struct nr_crew *crew;
	struct part *parts;
	unsigned part_count;
	uint64_t lines; /* of this file */
	char *bytes;
	size_t length;
};

static void reading_fini(struct reading *r)
{
	for (unsigned i = 0; r->parts && i < r->part_count; i++)
		nr_exchange_candidates_fini(&r->parts[i].candidates);
	free(r->parts);
	free(r->bytes);
}

static void read_part(void *context, unsigned member)
{
	struct reading *r = context;
	struct part *part = &r->parts[member];
	for (const char *at = part->from; !part->code && at < part->until;) {
		const char *newline = memchr(at, '\n', (size_t)(part->until - at));
		const char *end = newline ? newline : part->until;
		size_t length = (size_t)(end - at);
		if (length && at[length - 1] == '\r')
			length--;
		if (length)
			part->code = nr_exchange_candidates_add(
				&part->candidates, at, length, r->list, r->day, &part->error);
		else
			part->candidates.lines++; /* so that the numbers of lines are those of the file */
		at = newline ? newline + 1 : end;
	}
}

/* Puts what a member found behind what is there; the part is empty then. */
static int add_part(struct reading *r, struct part *part, struct nr_error *error)
{
	struct nr_exchange_candidates *all = r->candidates, *new = &part->candidates;
	if (part->code)
		return nr_fail(error, part->code, "%s", part->error.text);
	int e = nr_exchange_candidates_room(all, new->count, error);
	if (e)
		return e;
	if (new->count)
		memcpy(all->items + all->count, new->items, new->count * sizeof *new->items);
	all->count += new->count;
	if (new->trouble[0] && !all->trouble[0]) {
		memcpy(all->trouble, new->trouble, sizeof all->trouble);
		all->trouble_line = r->lines + new->trouble_line;
		size_t length = strlen(r->name), room = sizeof all->trouble_path - 1;
		snprintf(all->trouble_path, sizeof all->trouble_path, "%s",
			r->name + (length > room ? length - room : 0));
	}
	r->lines += new->lines;
	all->lines += new->lines;
	all->unreadable += new->unreadable;
	all->other_kinds += new->other_kinds;
	all->other_days += new->other_days;
	all->refused += new->refused;
	*new = (struct nr_exchange_candidates){.items = new->items, .room = new->room};
	return 0;
}

/* The whole lines of the step, or at the file's end all of it; *ret_used: what was read. */
static int read_step(struct reading *r, bool last, size_t *ret_used, struct nr_error *error)
{
	const char *newline = memrchr(r->bytes, '\n', r->length);
	size_t used = last ? r->length : newline ? (size_t)(newline - r->bytes) + 1 : 0, from = 0;
	if (r->length - used > LINE_MAX_BYTES)
		return nr_fail(error, -EBADMSG, "%.120s: line %llu: more than %zu bytes", r->name,
			(unsigned long long)r->lines + 1, LINE_MAX_BYTES);
	for (unsigned i = 0; i < r->part_count; i++) {
		size_t until = used * (i + 1) / r->part_count;
		const char *end = until > from ? memchr(r->bytes + until - 1, '\n', used - until + 1) : NULL;
		until = end ? (size_t)(end - r->bytes) + 1 : until > from ? used : from;
		r->parts[i].from = r->bytes + from;
		r->parts[i].until = r->bytes + until;
		from = until;
	}
	nr_crew_run(r->crew, read_part, r);
	int e = 0;
	for (unsigned i = 0; !e && i < r->part_count; i++)
		e = add_part(r, &r->parts[i], error);
	if (!e && r->candidates->lines > NR_EXCHANGE_LINES_MAX)
		e = nr_fail(error, -EMSGSIZE, "%.120s: more than %llu findings", r->name,
			(unsigned long long)NR_EXCHANGE_LINES_MAX);
	*ret_used = used;
	return e;
}

int nr_exchange_candidates_read(struct nr_exchange_candidates *candidates, const char *path,
	const struct nr_c2_list *list, int32_t day, struct nr_crew *crew, struct nr_error *error)
{
	bool standard = !strcmp(path, "-");
	NR_AUTO(nr_close_fd) int file = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	NR_AUTO(reading_fini)
	struct reading r = {.candidates = candidates,
		.name = standard ? "standard input" : path,
		.list = list,
		.day = day,
		.crew = crew,
		.part_count = nr_crew_members(crew)};
	if (file < 0)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	r.bytes = malloc(STEP_BYTES + LINE_MAX_BYTES);
	r.parts = calloc(r.part_count, sizeof *r.parts);
	if (!r.bytes || !r.parts)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (ssize_t got = 1; got > 0;) {
		got = read(file, r.bytes + r.length, STEP_BYTES + LINE_MAX_BYTES - r.length);
		if (got < 0 && errno == EINTR) {
			got = 1;
			continue;
		}
		if (got < 0)
			return nr_fail(error, -EIO, "%.150s: %s", r.name, strerror(errno));
		r.length += (size_t)got;
		if (got > 0 && r.length < STEP_BYTES)
			continue;
		size_t used = 0;
		int e = read_step(&r, got == 0, &used, error);
		if (e)
			return e;
		memmove(r.bytes, r.bytes + used, r.length - used);
		r.length -= used;
	}
	return 0;
}
