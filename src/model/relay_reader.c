/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's end: what comes is judged before anything is done with it. */
#include "model/relay_frame.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

struct nr_relay_reader {
	const struct nr_table *tables[NR_RELAY_TABLES_MAX];
	size_t table_count;
	char *sensor;
	int socket;
	uint8_t *bytes; /* NR_RELAY_FRAME_MAX; a frame begins at `at` */
	size_t at, end;
	void *rows;
	size_t room;
	bool begun;
	bool skipping;     /* until the next beginning: what is underway was sent before ask_again() */
	unsigned expected; /* beginnings that may come: the first, and one for each time that it was asked */
	uint64_t position, until; /* of the next frame; before `until` rows for listeners are old */
	uint64_t seen;            /* before this everything was handed out */
	int64_t sessions[NR_RELAY_SESSIONS];
	size_t session_count;
};

int nr_relay_reader_new(const struct nr_table *const *tables, size_t table_count, const char *sensor,
	int socket, struct nr_relay_reader **ret_reader, struct nr_error *error)
{
	if (table_count > NR_RELAY_TABLES_MAX)
		return nr_fail(
			error, -E2BIG, "%zu tables are more than %d", table_count, NR_RELAY_TABLES_MAX);
	NR_AUTO(nr_relay_reader_freep) struct nr_relay_reader *reader = calloc(1, sizeof *reader);
	if (!reader)
		return nr_fail(error, -ENOMEM, "out of memory");
	reader->socket = -1;
	reader->sensor = strdup(sensor);
	reader->bytes = malloc(NR_RELAY_FRAME_MAX);
	if (!reader->sensor || !reader->bytes)
		return nr_fail(error, -ENOMEM, "out of memory");
	memcpy(reader->tables, tables, table_count * sizeof *tables);
	reader->table_count = table_count;
	reader->socket = socket;
	reader->expected = 1;
	*ret_reader = nr_steal(&reader);
	return 0;
}

void nr_relay_reader_free(struct nr_relay_reader *reader)
{
	if (!reader)
		return;
	nr_close_fd(&reader->socket);
	free(reader->rows);
	free(reader->bytes);
	free(reader->sensor);
	free(reader);
}

void nr_relay_reader_freep(struct nr_relay_reader **reader)
{
	nr_relay_reader_free(*reader);
	*reader = NULL;
}

int nr_relay_reader_socket(const struct nr_relay_reader *reader)
{
	return reader->socket;
}

/* 1: at least `wanted` bytes lie at `at`; 0: not yet. */
static int fill(struct nr_relay_reader *r, size_t wanted)
{
	if (r->end - r->at >= wanted)
		return 1;
	memmove(r->bytes, r->bytes + r->at, r->end - r->at);
	r->end -= r->at;
	r->at = 0;
	while (r->end < wanted) {
		ssize_t n = recv(r->socket, r->bytes + r->end, NR_RELAY_FRAME_MAX - r->end, MSG_DONTWAIT);
		if (n == 0)
			return -EPIPE;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -EPIPE;
		r->end += (size_t)n;
	}
	return 1;
}

static int begin(struct nr_relay_reader *r, const uint8_t *body, struct nr_error *error)
{
	struct nr_relay_begin where;
	memcpy(&where, body, sizeof where);
	if (r->expected == 0)
		return nr_fail(error, -EBADMSG, "a second beginning that nobody asked for");
	if (where.until < where.from || where.until - where.from > UINT32_MAX)
		return nr_fail(error, -EBADMSG, "a beginning that cannot be");
	r->expected--;
	r->begun = true;
	r->skipping = false;
	r->position = where.from;
	r->until = where.until;
	return 0;
}

/* Each session is a part of a step of its own in the store: one sense must not make them many. */
static int take_session(struct nr_relay_reader *r, int64_t session, struct nr_error *error)
{
	for (size_t i = 0; i < r->session_count; i++)
		if (r->sessions[i] == session)
			return 0;
	if (r->session_count == NR_RELAY_SESSIONS)
		return nr_fail(error, -EBADMSG, "rows of more than %d sessions", NR_RELAY_SESSIONS);
	r->sessions[r->session_count++] = session;
	return 0;
}

/* 1: an item for the caller, 0: a frame that is not for it. */
static int judge(struct nr_relay_reader *r, const struct nr_relay_head *head, const uint8_t *body,
	struct nr_relay_item *item, struct nr_error *error)
{
	if (head->kind == NR_RELAY_BEGIN)
		return begin(r, body, error);
	if (!r->begun)
		return nr_fail(error, -EBADMSG, "a frame before the beginning");
	r->position += head->length;
	if (r->skipping)
		return 0;
	*item = (struct nr_relay_item){.kind = (enum nr_relay_kind)head->kind,
		.again = r->position <= r->seen,
		.position = r->position};
	r->seen = NR_MAX(r->seen, r->position);
	if (head->kind == NR_RELAY_STATUS) {
		memcpy(&item->status, body, sizeof item->status);
		if (!memchr(item->status.interface, '\0', sizeof item->status.interface))
			return nr_fail(error, -EBADMSG, "a name of an interface without its end");
		return r->position > r->until;
	}
	if (head->kind == NR_RELAY_COMMIT)
		return 1;
	item->table = r->tables[head->table];
	int rc = take_session(r, head->session, error);
	if (rc)
		return rc;
	rc = nr_relay_rows_parse(item->table, r->sensor, body, head->length - sizeof *head, head->rows,
		&r->rows, &r->room, error);
	if (rc)
		return rc;
	item->rows = r->rows;
	item->count = head->rows;
	item->session = head->session;
	return item->table->time_column || r->position > r->until;
}

int nr_relay_next(struct nr_relay_reader *r, struct nr_relay_item *ret_item, struct nr_error *error)
{
	for (;;) {
		struct nr_relay_head head;
		int rc = fill(r, sizeof head);
		if (rc <= 0)
			return rc;
		memcpy(&head, r->bytes + r->at, sizeof head);
		rc = nr_relay_head_check(&head, r->table_count, error);
		if (rc)
			return rc;
		rc = fill(r, head.length);
		if (rc <= 0)
			return rc;
		const uint8_t *body = r->bytes + r->at + sizeof head;
		r->at += head.length; /* the bytes stay where they are until the next call */
		rc = judge(r, &head, body, ret_item, error);
		if (rc)
			return rc;
	}
}

static int answer(struct nr_relay_reader *r, uint32_t kind, uint64_t position)
{
	struct nr_relay_answer message = {.kind = kind, .position = position};
	ssize_t n = send(r->socket, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
	return n == sizeof message ? 0
				   : -EPIPE; /* a sense that does not read answers is not worth waiting for */
}

int nr_relay_answer(struct nr_relay_reader *r, uint64_t position)
{
	return answer(r, NR_RELAY_DURABLE, position);
}

int nr_relay_ask_again(struct nr_relay_reader *r)
{
	r->skipping = r->begun;
	r->expected++;
	return answer(r, NR_RELAY_AGAIN, 0);
}
