/* SPDX-License-Identifier: Apache-2.0 */
/* The relay: what goes in at the sense's end comes out at the keeper's, once answered it is gone, else it
 * comes again; what a sense would never send is refused. */
#include "model/gap.h"
#include "model/relay_frame.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define OUTBOX (4 * NR_RELAY_FRAME_MAX)

struct sample {
	const char *sensor;
	nr_time time;
	struct nr_address address;
	uint8_t small;
	uint16_t middle;
	uint32_t large;
	uint64_t huge;
	double real;
	const char *text;
	struct nr_bytes bytes;
};

#define COLUMN(name, type, key)                                                                              \
	{                                                                                                    \
#name, type, offsetof(struct sample, name), key, false, "", ""                               \
	}
static const struct nr_column columns[] = {
	COLUMN(sensor, NR_TYPE_TEXT, true),
	COLUMN(time, NR_TYPE_TIME, true),
	COLUMN(address, NR_TYPE_ADDRESS, false),
	COLUMN(small, NR_TYPE_UINT8, false),
	COLUMN(middle, NR_TYPE_UINT16, false),
	COLUMN(large, NR_TYPE_UINT32, false),
	COLUMN(huge, NR_TYPE_UINT64, false),
	COLUMN(real, NR_TYPE_REAL, false),
	COLUMN(text, NR_TYPE_TEXT, false),
	COLUMN(bytes, NR_TYPE_BYTES, false),
};
static const struct nr_table kept = {
	"kept", columns, NR_COUNT(columns), sizeof(struct sample), "time", "", ""};
static const struct nr_table heard = {
	"heard", columns, NR_COUNT(columns), sizeof(struct sample), NULL, "", ""};
static const struct nr_table *const tables[] = {&kept, &heard, &nr_gap_table};

static const struct sample row = {"dark", 1234567, {{1, 2, 3}}, 7, 65535, 4000000000u, UINT64_MAX, 0.25,
	"狼煙", {(const uint8_t *)"\0\1\2", 3}};

/* ---- frames ---- */

static size_t write_row(uint8_t *bytes, size_t room)
{
	size_t length = nr_relay_row_write(&kept, &row, bytes, 0, room);
	assert_true(length > 0);
	return length;
}

static int parse(const uint8_t *bytes, size_t length, uint32_t count, struct sample *ret)
{
	void *rows = NULL;
	size_t room = 0;
	struct nr_error error = {0};
	int rc = nr_relay_rows_parse(&kept, "dark", bytes, length, count, &rows, &room, &error);
	if (rc == 0 && ret)
		*ret = *(const struct sample *)rows;
	assert_int_equal(rc, error.code);
	free(rows);
	return rc;
}

static void test_row(void **state)
{
	(void)state;
	uint8_t bytes[256];
	struct sample back;
	size_t length = write_row(bytes, sizeof bytes);
	assert_int_equal(parse(bytes, length, 1, &back), 0);
	assert_string_equal(back.sensor, row.sensor);
	assert_int_equal(back.time, row.time);
	assert_memory_equal(&back.address, &row.address, sizeof row.address);
	assert_int_equal(back.small, row.small);
	assert_int_equal(back.middle, row.middle);
	assert_int_equal(back.large, row.large);
	assert_true(back.huge == row.huge && back.real == row.real);
	assert_string_equal(back.text, row.text);
	assert_int_equal(back.bytes.length, 3);
	assert_memory_equal(back.bytes.data, "\0\1\2", 3);
	for (size_t room = 0; room < length; room++)
		assert_int_equal(nr_relay_row_write(&kept, &row, bytes, 0, room), 0);
}

/* Every shortening and every lie about lengths is refused. */
static void test_cut(void **state)
{
	(void)state;
	uint8_t bytes[256];
	size_t length = write_row(bytes, sizeof bytes);
	for (size_t cut = 0; cut < length; cut++)
		assert_int_equal(parse(bytes, cut, 1, NULL), -EBADMSG);
	assert_int_equal(parse(bytes, length + 1, 1, NULL), -EBADMSG);
	assert_int_equal(parse(bytes, length, 2, NULL), -EBADMSG);
	assert_int_equal(parse(bytes, length, 0, NULL), -EBADMSG);
	assert_int_equal(parse(bytes, length, UINT32_MAX, NULL), -EBADMSG);
}

static void test_values(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int status;
	} texts[] = {
		{"", 0},
		{"plain", 0},
		{"\xe7\x8b\xbc", 0},
		{"\xf0\x9f\x94\xa5", 0},
		{"\xff", -EBADMSG},
		{"\xc0\xaf", -EBADMSG},         /* a long form */
		{"\xe0\x80\xaf", -EBADMSG},     /* likewise */
		{"\xed\xa0\x80", -EBADMSG},     /* half of a pair */
		{"\xf4\x90\x80\x80", -EBADMSG}, /* beyond U+10FFFF */
		{"\xe7\x8b", -EBADMSG},         /* cut */
		{"\x80", -EBADMSG},
	};
	static const struct {
		double real;
		int status;
	} reals[] = {{0, 0}, {-1e300, 0}, {(double)INFINITY, -EBADMSG}, {(double)NAN, -EBADMSG}};
	uint8_t bytes[256];
	for (size_t i = 0; i < NR_COUNT(texts); i++) {
		struct sample other = row;
		other.text = texts[i].text;
		size_t length = nr_relay_row_write(&kept, &other, bytes, 0, sizeof bytes);
		assert_int_equal(parse(bytes, length, 1, NULL), texts[i].status);
	}
	for (size_t i = 0; i < NR_COUNT(reals); i++) {
		struct sample other = row;
		other.real = reals[i].real;
		size_t length = nr_relay_row_write(&kept, &other, bytes, 0, sizeof bytes);
		assert_int_equal(parse(bytes, length, 1, NULL), reals[i].status);
	}
	struct sample stranger = row;
	stranger.sensor = "other";
	size_t length = nr_relay_row_write(&kept, &stranger, bytes, 0, sizeof bytes);
	assert_int_equal(parse(bytes, length, 1, NULL), -EBADMSG);
	/* a NUL inside, and none at the end */
	length = write_row(bytes, sizeof bytes);
	bytes[4] = '\0';
	assert_int_equal(parse(bytes, length, 1, NULL), -EBADMSG);
	length = write_row(bytes, sizeof bytes);
	bytes[8] = 'x';
	assert_int_equal(parse(bytes, length, 1, NULL), -EBADMSG);
}

static void test_heads(void **state)
{
	(void)state;
	static const struct {
		struct nr_relay_head head;
		int status;
	} cases[] = {
		{{.kind = NR_RELAY_ROWS, .length = 100, .table = 2, .rows = 1}, 0},
		{{.kind = NR_RELAY_ROWS, .length = 100, .table = 3, .rows = 1}, -EBADMSG},
		{{.kind = NR_RELAY_ROWS, .length = sizeof(struct nr_relay_head)}, -EBADMSG},
		{{.kind = NR_RELAY_ROWS, .length = 0}, -EBADMSG},
		{{.kind = NR_RELAY_ROWS, .length = NR_RELAY_FRAME_MAX, .rows = 1}, 0},
		{{.kind = NR_RELAY_ROWS, .length = NR_RELAY_FRAME_MAX + 1, .rows = 1}, -EBADMSG},
		{{.kind = NR_RELAY_COMMIT, .length = sizeof(struct nr_relay_head)}, 0},
		{{.kind = NR_RELAY_COMMIT, .length = sizeof(struct nr_relay_head), .table = 1}, -EBADMSG},
		{{.kind = NR_RELAY_COMMIT, .length = sizeof(struct nr_relay_head) + 8}, -EBADMSG},
		{{.kind = NR_RELAY_STATUS,
			 .length = sizeof(struct nr_relay_head) + sizeof(struct nr_relay_status)},
			0},
		{{.kind = NR_RELAY_STATUS, .length = sizeof(struct nr_relay_head)}, -EBADMSG},
		{{.kind = 0, .length = 100}, -EBADMSG},
		{{.kind = 99, .length = 100}, -EBADMSG},
		{{.kind = NR_RELAY_COMMIT, .length = sizeof(struct nr_relay_head), .zero = 1}, -EBADMSG},
		{{.kind = NR_RELAY_ROWS, .length = 100, .rows = 1, .session = INT64_MAX}, 0},
		{{.kind = NR_RELAY_ROWS, .length = 100, .rows = 1, .session = -1}, -EBADMSG},
		{{.kind = NR_RELAY_COMMIT, .length = sizeof(struct nr_relay_head), .session = 1}, -EBADMSG},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		assert_int_equal(
			nr_relay_head_check(&cases[i].head, NR_COUNT(tables), NULL), cases[i].status);
}

/* ---- both ends ---- */

struct rig {
	int ends[2];
	struct nr_relay *relay;
	struct nr_relay_reader *reader;
};

static struct nr_area *new_area(void)
{
	struct nr_area *area;
	char path[] = "/dev/shm/noroshi-test-relay-XXXXXX";
	int file = mkstemp(path);
	assert_true(file >= 0);
	close(file);
	struct nr_error error = {0};
	if (nr_area_open(path, nr_relay_area_bytes(OUTBOX), 1, &area, &error))
		fail_msg("%s", error.text);
	unlink(path);
	return area;
}

static void open_sense(struct rig *rig, struct nr_area *area)
{
	struct nr_relay_conf conf = {tables, NR_COUNT(tables), rig->ends[0], area, OUTBOX};
	assert_int_equal(nr_relay_open(&conf, &rig->relay, NULL), 0);
}

static void open_rig(struct rig *rig, struct nr_area *area)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, rig->ends), 0);
	open_sense(rig, area);
	assert_int_equal(
		nr_relay_reader_new(tables, NR_COUNT(tables), "dark", rig->ends[1], &rig->reader, NULL), 0);
}

static void close_rig(struct rig *rig)
{
	nr_relay_close(rig->relay);
	nr_relay_reader_free(rig->reader);
	close(rig->ends[0]);
}

static int next(struct rig *rig, struct nr_relay_item *item)
{
	for (;;) {
		struct nr_error error = {0};
		int rc = nr_relay_next(rig->reader, item, &error);
		if (rc)
			return rc;
		struct pollfd file = {nr_relay_reader_socket(rig->reader), POLLIN, 0};
		if (poll(&file, 1, 20000) != 1)
			fail_msg("nothing came");
	}
}

static void send_numbers(struct rig *rig, const struct nr_table *table, uint32_t first, uint32_t count)
{
	NR_AUTO(nr_freep) struct sample *rows = calloc(count, sizeof *rows);
	struct nr_sink *sink = nr_relay_sink(rig->relay);
	for (uint32_t i = 0; i < count; i++) {
		rows[i] = row;
		rows[i].large = first + i;
	}
	assert_int_equal(sink->rows(sink, table, rows, count, NULL), 0);
}

static void commit(struct rig *rig)
{
	struct nr_sink *sink = nr_relay_sink(rig->relay);
	assert_int_equal(sink->commit(sink, NULL), 0);
}

/* Rows first .. first + count - 1 of the table, in however many frames; then the commit's position. */
static bool again; /* what take_numbers() expects of its rows */

static uint64_t take_numbers(struct rig *rig, const struct nr_table *table, uint32_t first, uint32_t count)
{
	struct nr_relay_item item;
	uint32_t got = 0;
	for (;;) {
		assert_int_equal(next(rig, &item), 1);
		if (item.kind == NR_RELAY_COMMIT)
			break;
		assert_int_equal(item.kind, NR_RELAY_ROWS);
		assert_ptr_equal(item.table, table);
		assert_int_equal(item.again, again);
		const struct sample *rows = item.rows;
		for (size_t i = 0; i < item.count; i++, got++)
			assert_int_equal(rows[i].large, first + got);
	}
	assert_int_equal(got, count);
	return item.position;
}

/* Left out while the outbox is half full: until its thread has taken the answer. */
static void tell(struct rig *rig, const struct nr_relay_status *status, struct nr_relay_item *item)
{
	int rc = 0;
	while (rc == 0) {
		nr_relay_tell(rig->relay, status);
		usleep(1000);
		rc = nr_relay_next(rig->reader, item, NULL);
	}
	assert_int_equal(rc, 1);
	assert_int_equal(item->kind, NR_RELAY_STATUS);
}

static void test_walk(void **state)
{
	(void)state;
	struct rig rig;
	open_rig(&rig, NULL);
	send_numbers(&rig, &kept, 0, 50000); /* several frames, more than a socket holds */
	commit(&rig);
	assert_int_equal(nr_relay_answer(rig.reader, take_numbers(&rig, &kept, 0, 50000)), 0);
	struct nr_relay_status said = {.time = 5, .packets = 6, .lost = 7, .up = 1, .interface = "eth1"}, got;
	struct nr_relay_item item;
	tell(&rig, &said, &item);
	got = item.status;
	assert_true(got.time == 5 && got.packets == 6 && got.lost == 7 && got.up == 1);
	assert_string_equal(got.interface, "eth1");
	close_rig(&rig);
}

/* Rows say whose they are; a sense that has more sessions than any could is none. */
static void test_sessions(void **state)
{
	(void)state;
	struct rig rig;
	struct nr_relay_item item;
	open_rig(&rig, NULL);
	for (int64_t i = 0; i <= NR_RELAY_SESSIONS; i++) {
		nr_relay_sink(rig.relay)->session = 1000 + i;
		send_numbers(&rig, &kept, 0, 1);
		if (i == NR_RELAY_SESSIONS)
			break;
		assert_int_equal(next(&rig, &item), 1);
		assert_int_equal(item.session, 1000 + i);
		send_numbers(&rig, &kept, 0, 1); /* one that is known costs nothing */
		assert_int_equal(next(&rig, &item), 1);
	}
	assert_int_equal(next(&rig, &item), -EBADMSG);
	close_rig(&rig);
}

/* The ring turns over many times; nothing is lost while the keeper answers. */
static void test_many(void **state)
{
	(void)state;
	struct rig rig;
	open_rig(&rig, NULL);
	for (uint32_t i = 0; i < 100; i++) {
		send_numbers(&rig, &kept, i * 5000, 5000);
		commit(&rig);
		assert_int_equal(nr_relay_answer(rig.reader, take_numbers(&rig, &kept, i * 5000, 5000)), 0);
	}
	close_rig(&rig);
}

static void test_again(void **state)
{
	(void)state;
	struct rig rig;
	open_rig(&rig, NULL);
	send_numbers(&rig, &kept, 0, 10);
	commit(&rig);
	nr_relay_answer(rig.reader, take_numbers(&rig, &kept, 0, 10));
	send_numbers(&rig, &heard, 7, 1);
	send_numbers(&rig, &kept, 10, 20000);
	commit(&rig);
	struct nr_relay_item item;
	assert_int_equal(next(&rig, &item), 1);
	assert_ptr_equal(item.table, &heard);
	take_numbers(&rig, &kept, 10, 20000);
	assert_int_equal(nr_relay_ask_again(rig.reader), 0);
	/* the same again, but what was for listeners is old now */
	again = true;
	nr_relay_answer(rig.reader, take_numbers(&rig, &kept, 10, 20000));
	again = false;
	send_numbers(&rig, &kept, 1, 1);
	commit(&rig);
	take_numbers(&rig, &kept, 1, 1);
	close_rig(&rig);
}

/* Asked before anything was read: the first beginning and the one that was asked for. */
static void test_again_at_once(void **state)
{
	(void)state;
	struct rig rig;
	open_rig(&rig, NULL);
	send_numbers(&rig, &kept, 0, 10);
	commit(&rig);
	assert_int_equal(nr_relay_ask_again(rig.reader), 0);
	assert_int_equal(nr_relay_ask_again(rig.reader), 0);
	usleep(20000);
	take_numbers(&rig, &kept, 0, 10);
	send_numbers(&rig, &kept, 10, 10);
	commit(&rig);
	struct nr_relay_item item;
	uint32_t last = 0;
	for (int commits = 0; last != 19 || item.kind != NR_RELAY_COMMIT;) {
		assert_int_equal(next(&rig, &item), 1);
		if (item.kind == NR_RELAY_ROWS)
			last = ((const struct sample *)item.rows)[item.count - 1].large;
		assert_true(commits++ < 20);
	}
	nr_relay_answer(rig.reader, item.position);
	close_rig(&rig);
}

/* Each of the two ends without the other knowing: what was not answered comes to who comes next. */
static void test_successors(void **state)
{
	(void)state;
	struct nr_area *area = new_area();
	struct rig rig;
	uint64_t key, other;
	nr_time alive;
	open_rig(&rig, area);
	key = nr_relay_key(rig.relay);
	assert_true(key != 0);
	send_numbers(&rig, &kept, 0, 5);
	commit(&rig);
	nr_relay_answer(rig.reader, take_numbers(&rig, &kept, 0, 5));
	send_numbers(&rig, &kept, 5, 3000);
	commit(&rig);
	send_numbers(&rig, &kept, 9000, 10); /* without its commit */
	take_numbers(&rig, &kept, 5, 3000);
	close_rig(&rig);
	assert_true(nr_relay_peek(area, OUTBOX, &other, &alive));
	assert_true(other == key && alive > 0);
	open_rig(&rig, area);
	assert_true(nr_relay_key(rig.relay) == key);
	uint64_t position = take_numbers(&rig, &kept, 5, 3000);
	nr_relay_answer(rig.reader, position);
	commit(&rig);
	take_numbers(&rig, &kept, 9000, 10);
	close_rig(&rig);
	nr_area_close(area);
}

/* Rows for listeners are left out when the outbox is half full; others wait, and fail when the keeper goes.
 */
static void test_full(void **state)
{
	(void)state;
	struct rig rig;
	open_rig(&rig, NULL);
	struct nr_sink *sink = nr_relay_sink(rig.relay);
	uint8_t big[1000000];
	memset(big, 1, sizeof big);
	struct sample heavy = row;
	heavy.bytes = (struct nr_bytes){big, sizeof big};
	for (int i = 0; i < 3; i++)
		assert_int_equal(sink->rows(sink, &kept, &heavy, 1, NULL), 0);
	send_numbers(&rig, &heard, 0, 1);
	struct nr_relay_item item;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(next(&rig, &item), 1);
		assert_ptr_equal(item.table, &kept);
	}
	commit(&rig);
	assert_int_equal(next(&rig, &item), 1);
	assert_int_equal(item.kind, NR_RELAY_COMMIT); /* the row for listeners was left out */
	nr_relay_answer(rig.reader, item.position);
	struct nr_relay_status none = {0};
	for (int i = 0; i < 3; i++)
		assert_int_equal(sink->rows(sink, &kept, &heavy, 1, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(next(&rig, &item), 1);
	commit(&rig);
	assert_int_equal(next(&rig, &item), 1);
	nr_relay_answer(rig.reader, item.position);
	assert_int_equal(nr_relay_answer(rig.reader, item.position), 0); /* twice is once */
	tell(&rig, &none, &item);
	assert_true(item.status.left_out >= 1);
	static uint8_t bigger[NR_RELAY_FRAME_MAX];
	heavy.bytes.data = bigger;
	heavy.bytes.length = sizeof bigger;
	assert_int_equal(sink->rows(sink, &kept, &heavy, 1, NULL), -E2BIG);
	nr_relay_reader_free(nr_steal(&rig.reader));
	heavy.bytes.length = 1000000;
	int rc = 0;
	for (int i = 0; rc == 0 && i < 6; i++)
		rc = sink->rows(sink, &kept, &heavy, 1, NULL);
	assert_int_equal(rc, -EPIPE);
	assert_int_equal(nr_relay_drain(rig.relay, NULL), -EPIPE);
	close_rig(&rig);
}

static void *answer_all(void *argument)
{
	struct rig *rig = argument;
	struct nr_relay_item item;
	for (;;) {
		int rc = nr_relay_next(rig->reader, &item, NULL);
		if (rc < 0)
			return NULL;
		if (rc == 1 && item.kind == NR_RELAY_COMMIT)
			nr_relay_answer(rig->reader, item.position);
		struct pollfd file = {nr_relay_reader_socket(rig->reader), POLLIN, 0};
		if (rc == 0)
			poll(&file, 1, -1);
	}
}

static void test_drain(void **state)
{
	(void)state;
	struct rig rig;
	pthread_t keeper;
	open_rig(&rig, NULL);
	assert_int_equal(pthread_create(&keeper, NULL, answer_all, &rig), 0);
	for (int i = 0; i < 200; i++) { /* far more than the outbox holds */
		send_numbers(&rig, &kept, 0, 2000);
		commit(&rig);
	}
	assert_int_equal(nr_relay_drain(rig.relay, NULL), 0);
	shutdown(rig.ends[0], SHUT_RDWR);
	pthread_join(keeper, NULL);
	close_rig(&rig);
}

/* ---- a hostile sense ---- */

static void test_hostile(void **state)
{
	(void)state;
	struct {
		struct nr_relay_head head;
		struct nr_relay_begin begin;
	} start = {{.length = sizeof start, .kind = NR_RELAY_BEGIN}, {0, 0}};
	struct nr_relay_head commits = {.length = sizeof commits, .kind = NR_RELAY_COMMIT};
	struct {
		struct nr_relay_head head;
		struct nr_relay_status status;
	} endless = {{.length = sizeof endless, .kind = NR_RELAY_STATUS}, {0}};
	memset(endless.status.interface, 'e', sizeof endless.status.interface);
	struct nr_relay_head giant = {.length = UINT32_MAX, .kind = NR_RELAY_ROWS, .rows = 1};
	const struct {
		const void *first, *second;
		size_t first_length, second_length;
		int status;
	} cases[] = {
		{&start, &commits, sizeof start, sizeof commits, 1},
		{&commits, NULL, sizeof commits, 0, -EBADMSG}, /* before the beginning */
		{&start, &start, sizeof start, sizeof start, -EBADMSG},
		{&start, &giant, sizeof start, sizeof giant, -EBADMSG},
		{&start, &endless, sizeof start, sizeof endless, -EBADMSG},
		{&start, &commits, sizeof start, sizeof commits - 1, -EPIPE},
		{"", NULL, 0, 0, -EPIPE},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct rig rig = {0};
		struct nr_relay_item item;
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, rig.ends), 0);
		assert_int_equal(
			nr_relay_reader_new(tables, NR_COUNT(tables), "dark", rig.ends[1], &rig.reader, NULL),
			0);
		assert_int_equal(
			write(rig.ends[0], cases[i].first, cases[i].first_length), cases[i].first_length);
		if (cases[i].second)
			assert_int_equal(write(rig.ends[0], cases[i].second, cases[i].second_length),
				cases[i].second_length);
		close(rig.ends[0]);
		assert_int_equal(next(&rig, &item), cases[i].status);
		nr_relay_reader_free(rig.reader);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_again_at_once),
		cmocka_unit_test(test_successors),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_hostile),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
