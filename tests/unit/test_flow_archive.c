/* SPDX-License-Identifier: Apache-2.0 */
/* The flow archive: what is appended can be read, while it grows and after, until its time has come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow_archive_rig.h"

#include "base/file.h"

#include <dirent.h>
#include <ftw.h>
#include <sys/stat.h>

static void close_ok(struct nr_flow_archive *a)
{
	nr_flow_archive_close(a);
}

static struct nr_flow_archive *open_ok(
	const char *folder, enum nr_flow_archive_mode mode, const struct nr_flow_archive_conf *conf)
{
	struct nr_error error = {0};
	struct nr_flow_archive *a = NULL;
	if (nr_flow_archive_open(folder, mode, conf, &a, &error))
		fail_msg("%s", error.text);
	return a;
}

static void append_ok(struct nr_flow_archive *a, const struct nr_flow_block *block)
{
	struct nr_error error = {0};
	if (nr_flow_archive_append(a, block, &error))
		fail_msg("%s", error.text);
}

static void sync_ok(struct nr_flow_archive *a)
{
	struct nr_error error = {0};
	if (nr_flow_archive_sync(a, &error))
		fail_msg("%s", error.text);
}

static void tick_ok(struct nr_flow_archive *a, nr_time now)
{
	struct nr_error error = {0};
	if (nr_flow_archive_tick(a, now, &error))
		fail_msg("%s", error.text);
}

static struct nr_flow_scan scan_ok(
	struct nr_flow_archive *a, const struct nr_flow_wanted *wanted, struct rig_sum *sum)
{
	struct nr_flow_scan scan;
	struct nr_error error = {0};
	pthread_mutex_init(&sum->lock, NULL);
	if (nr_flow_archive_scan(a, wanted, rig_sum_take, sum, &scan, &error))
		fail_msg("%s", error.text);
	if (scan.damaged)
		fail_msg("%s", error.text);
	return scan;
}

static const struct nr_flow_wanted everything = {
	.from = NR_TIME_MIN, .to = NR_TIME_MAX, .columns = UINT64_MAX, .threads = 2};

/* The folder has just these rows, for a reader of its own. */
static void check_folder(const char *folder, const struct rig_sum *wanted)
{
	struct rig_sum got = {.columns = wanted->columns};
	struct nr_flow_archive *reader = open_ok(folder, NR_FLOW_ARCHIVE_READ, NULL);
	scan_ok(reader, &everything, &got);
	assert_int_equal(got.rows, wanted->rows);
	assert_true(got.sum == wanted->sum);
	assert_int_equal(nr_flow_archive_state(reader).flows, wanted->rows);
	close_ok(reader);
}

/* Waits until nothing is left to settle. */
static void settle_ok(struct nr_flow_archive *a, nr_time now)
{
	tick_ok(a, now);
	for (;;) {
		struct nr_json json;
		nr_json_init(&json);
		nr_json_object(&json, NULL);
		nr_flow_archive_describe(a, &json);
		nr_json_object_end(&json);
		assert_int_equal(nr_json_finish(&json, NULL), 0);
		bool settled = !strstr(json.bytes, "\"settling\"") && !strstr(json.bytes, "\"growing\"");
		nr_json_fini(&json);
		if (settled)
			return;
		usleep(1000);
	}
}

static struct nr_flow_block *new_block(uint32_t room)
{
	struct nr_flow_block *block = NULL;
	assert_int_equal(nr_flow_block_new(room, &block, NULL), 0);
	return block;
}

static void test_what_is_appended_can_be_read(void **state)
{
	(void)state;
	const char *folder = rig_folder();
	const struct nr_flow_archive_conf conf = {.threads = 2};
	struct rig_sum sum = {.columns = NR_FLOW_ARCHIVE_COLUMNS};
	struct nr_flow_block *block = new_block(NR_FLOW_ROOM);
	struct nr_flow_archive *a = open_ok(folder, NR_FLOW_ARCHIVE_WRITE, &conf);
	uint64_t seed = 1;
	for (unsigned i = 0; i < 40; i++) { /* more than two parts */
		nr_flow_block_clear(block);
		rig_fill(block, i % 2 ? 8192 : 100, RIG_BEGIN + i * NR_SECOND, &seed);
		append_ok(a, block);
		rig_sum_add(&sum, block);
		if (i % 8 == 3) {
			sync_ok(a);
			check_folder(folder, &sum);
		}
	}
	sync_ok(a);
	check_folder(folder, &sum);
	settle_ok(a, RIG_BEGIN + NR_HOUR);
	check_folder(folder, &sum);
	assert_int_equal(nr_flow_archive_state(a).flows, sum.rows);
	close_ok(a);
	check_folder(folder, &sum);
	nr_flow_block_free(block);
	rig_remove(folder);
}

/* The same rows into a new archive, which is read back; answers its bytes. */
static uint64_t bytes_of(bool hurry)
{
	const char *folder = rig_folder();
	const struct nr_flow_archive_conf conf = {.threads = 1};
	struct rig_sum sum = {.columns = NR_FLOW_ARCHIVE_COLUMNS};
	struct nr_flow_block *block = new_block(NR_FLOW_ROOM);
	struct nr_flow_archive *a = open_ok(folder, NR_FLOW_ARCHIVE_WRITE, &conf);
	uint64_t seed = 1;
	nr_flow_archive_hurry(a, hurry);
	for (unsigned i = 0; i < 8; i++) {
		nr_flow_block_clear(block);
		rig_fill(block, NR_FLOW_ROOM, RIG_BEGIN + i * NR_SECOND, &seed);
		append_ok(a, block);
		rig_sum_add(&sum, block);
	}
	sync_ok(a);
	check_folder(folder, &sum);
	settle_ok(a, RIG_BEGIN + NR_HOUR);
	uint64_t bytes = nr_flow_archive_state(a).bytes;
	close_ok(a);
	nr_flow_block_free(block);
	rig_remove(folder);
	return bytes;
}

static void test_in_a_hurry(void **state)
{
	(void)state;
	assert_true(bytes_of(true) > bytes_of(false));
}

/* ---- every column, any value ---- */

/* Random values of random size in every column, also negative durations and times that are not known. */
static void fill_any(struct nr_flow_block *block, uint32_t count, uint64_t *seed)
{
	uint64_t columns = rig_random(seed) & rig_random(seed) & (UINT64_MAX >> (64 - NR_FLOW_COLUMNS));
	uint32_t before = block->count;
	columns = rig_random(seed) % 4 ? columns | NR_FLOW_BIT(STREAM) : columns & ~NR_FLOW_BIT(STREAM);
	struct nr_flow_stream stream = {nr_address_from_ipv4((uint32_t)rig_random(seed)), 7, NR_FLOW_IPFIX};
	nr_flow_block_stream(block, &stream);
	nr_flow_rows_open(block, count, columns);
	for (uint64_t left = columns; left; left &= left - 1) {
		unsigned c = (unsigned)__builtin_ctzll(left), width = nr_flow_columns[c].width;
		unsigned size = (unsigned)(rig_random(seed) % 64);
		for (uint32_t i = before; i < before + count; i++) {
			uint64_t value = rig_random(seed) >> size;
			value = c == NR_FLOW_STREAM ? value % block->stream_count : value;
			memcpy((char *)nr_flow_column_at(block, c) + (size_t)i * width, &value, width);
		}
	}
	nr_flow_rows_close(block, count);
	block->received_first = block->received_last = RIG_BEGIN;
}

static void test_every_column_and_any_value(void **state)
{
	(void)state;
	struct nr_flow_block *block = new_block(NR_FLOW_ROOM);
	uint64_t seed = 2;
	for (unsigned i = 0; i < 200; i++) {
		const char *folder = rig_folder();
		const struct nr_flow_archive_conf conf = {.keep_columns = UINT64_MAX};
		struct nr_flow_archive *a = open_ok(folder, NR_FLOW_ARCHIVE_WRITE, &conf);
		struct rig_sum sum = {.columns = UINT64_MAX};
		for (unsigned blocks = 1 + i % 3; blocks; blocks--) {
			nr_flow_block_clear(block);
			fill_any(block, 1 + (uint32_t)(rig_random(&seed) % (i % 16 ? 100 : 8000)), &seed);
			append_ok(a, block);
			rig_sum_add(&sum, block);
		}
		sync_ok(a);
		check_folder(folder, &sum);
		settle_ok(a, RIG_BEGIN + NR_HOUR);
		check_folder(folder, &sum);
		close_ok(a);
		rig_remove(folder);
	}
	nr_flow_block_free(block);
}

/* ---- what is not to be found ---- */

static const char *mark;
static size_t mark_length;
static unsigned marks_found, files_seen;

static int search_file(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)ftw;
	uint8_t *bytes;
	size_t length;
	if (type != FTW_F)
		return 0;
	assert_int_equal(nr_file_read(path, (size_t)status->st_size + 1, &bytes, &length, NULL), 0);
	files_seen++;
	for (size_t i = 0; i + mark_length <= length; i++)
		marks_found += memcmp(bytes + i, mark, mark_length) == 0;
	free(bytes);
	return 0;
}

/* In how many places of the folder's files those bytes are. */
static unsigned search(const char *folder, const char *bytes)
{
	mark = bytes;
	mark_length = strlen(bytes);
	marks_found = files_seen = 0;
	assert_int_equal(nftw(folder, search_file, 8, FTW_PHYS), 0);
	return marks_found;
}

/* One row, so that what is in it stands in the file as it is: constants of sections. */
static void append_marked(struct nr_flow_archive *a, uint64_t value, nr_time received)
{
	struct nr_flow_block *block = new_block(NR_FLOW_ROOM_UNIT);
	uint32_t row = 0;
	nr_flow_rows_open(block, 1, RIG_COLUMNS | NR_FLOW_BIT(SOURCE_MAC) | NR_FLOW_BIT(CONNECTION));
	for (unsigned c = 0; c < NR_FLOW_COLUMNS; c++)
		memset(nr_flow_column_at(block, c), 0, nr_flow_columns[c].width);
	nr_flow_block_stream(block, &(struct nr_flow_stream){{{0}}, 1, NR_FLOW_IPFIX});
	RIG_SET(SOURCE_LOW, uint64_t, value);
	RIG_SET(SOURCE_MAC, uint64_t, 0x4b52414d43414d5f); /* "_MACMARK" */
	nr_flow_rows_close(block, 1);
	block->received_first = block->received_last = received;
	append_ok(a, block);
	nr_flow_block_free(block);
}
#define MARK_A UINT64_C(0x4154455243455354) /* "TSECRETA" */

static void test_what_is_not_kept_is_not_written(void **state)
{
	(void)state;
	const char *folder = rig_folder();
	struct nr_flow_archive *a = open_ok(folder, NR_FLOW_ARCHIVE_WRITE, NULL);
	append_marked(a, MARK_A, RIG_BEGIN);
	sync_ok(a);
	assert_int_equal(search(folder, "TSECRETA"), 1); /* so that the search can find */
	assert_int_equal(search(folder, "_MACMARK"), 0);
	close_ok(a);
	rig_remove(folder);
	const struct nr_flow_archive_conf conf = {.keep_columns = NR_FLOW_BIT(SOURCE_MAC)};
	folder = rig_folder();
	a = open_ok(folder, NR_FLOW_ARCHIVE_WRITE, &conf);
	append_marked(a, MARK_A, RIG_BEGIN);
	sync_ok(a);
	assert_int_equal(search(folder, "TSECRETA"), 0);
	assert_int_equal(search(folder, "_MACMARK"), 1);
	close_ok(a);
	rig_remove(folder);
}

static void test_what_is_too_old_is_gone(void **state)
{
	(void)state;
	const char *folder = rig_folder();
	const struct nr_flow_archive_conf conf = {.keep = NR_HOUR};
	struct nr_flow_archive *a = open_ok(folder, NR_FLOW_ARCHIVE_WRITE, &conf);
	append_marked(a, MARK_A, RIG_BEGIN); /* to be settled */
	tick_ok(a, RIG_BEGIN + 10 * NR_SECOND);
	append_marked(a, MARK_A, RIG_BEGIN + NR_SECOND);
	settle_ok(a, RIG_BEGIN + 6 * NR_MINUTE);
	append_marked(a, MARK_A, RIG_BEGIN + 20 * NR_MINUTE); /* still grows when its time has come */
	sync_ok(a);
	append_marked(a, MARK_A, RIG_BEGIN + 20 * NR_MINUTE + 30 * NR_SECOND); /* not yet written then */
	settle_ok(a, RIG_BEGIN + NR_HOUR);
	assert_int_equal(search(folder, "TSECRETA"), 2);
	settle_ok(a, RIG_BEGIN + NR_HOUR + 1);
	assert_int_equal(search(folder, "TSECRETA"), 1);
	settle_ok(a, RIG_BEGIN + 80 * NR_MINUTE + 1);
	assert_int_equal(search(folder, "TSECRETA"), 0);
	assert_int_equal(files_seen, 1); /* the lock */
	assert_int_equal(nr_flow_archive_state(a).flows, 0);
	close_ok(a);
	rig_remove(folder);
}

static void test_erased_by_order(void **state)
{
	(void)state;
	const char *folder = rig_folder();
	struct nr_flow_archive *a = open_ok(folder, NR_FLOW_ARCHIVE_WRITE, NULL);
	uint64_t flows = 99;
	append_marked(a, MARK_A, RIG_BEGIN);
	append_marked(a, MARK_A, RIG_BEGIN + 10 * NR_MINUTE);
	append_marked(a, MARK_A, RIG_BEGIN + 20 * NR_MINUTE);
	sync_ok(a);
	assert_int_equal(nr_flow_archive_erase(a, RIG_BEGIN, &flows, NULL), 0);
	assert_int_equal(flows, 0);
	assert_int_equal(nr_flow_archive_erase(a, RIG_BEGIN + 15 * NR_MINUTE, &flows, NULL), 0);
	assert_int_equal(flows, 2);
	assert_int_equal(search(folder, "TSECRETA"), 1);
	append_marked(a, MARK_A, RIG_BEGIN + 21 * NR_MINUTE); /* in memory, too */
	assert_int_equal(nr_flow_archive_erase(a, RIG_BEGIN + NR_HOUR, &flows, NULL), 0);
	assert_int_equal(flows, 2);
	assert_int_equal(search(folder, "TSECRETA"), 0);
	append_marked(a, MARK_A, RIG_BEGIN + 70 * NR_MINUTE);
	sync_ok(a);
	assert_int_equal(nr_flow_archive_state(a).flows, 1);
	close_ok(a);
	rig_remove(folder);
}

static void test_the_oldest_go_when_it_is_too_much(void **state)
{
	(void)state;
	const char *folder = rig_folder();
	const struct nr_flow_archive_conf conf = {.keep_bytes = 600000};
	struct nr_flow_archive *a = open_ok(folder, NR_FLOW_ARCHIVE_WRITE, &conf);
	struct nr_flow_block *block = new_block(NR_FLOW_ROOM);
	uint64_t seed = 3;
	for (unsigned i = 0; i < 20; i++) {
		nr_flow_block_clear(block);
		rig_fill(block, 8192, RIG_BEGIN + i * 5 * NR_MINUTE, &seed);
		append_ok(a, block);
		settle_ok(a, RIG_BEGIN + (i + 1) * 5 * NR_MINUTE);
	}
	tick_ok(a, RIG_BEGIN + 101 * NR_MINUTE);
	struct nr_flow_archive_state s = nr_flow_archive_state(a);
	assert_true(s.bytes <= conf.keep_bytes && s.bytes > conf.keep_bytes / 2);
	assert_true(s.newest == RIG_BEGIN + 95 * NR_MINUTE && s.oldest > RIG_BEGIN);
	nr_flow_block_free(block);
	close_ok(a);
	rig_remove(folder);
}

static void test_one_writer(void **state)
{
	(void)state;
	const char *folder = rig_folder();
	struct nr_flow_archive *a = open_ok(folder, NR_FLOW_ARCHIVE_WRITE, NULL), *b = NULL;
	struct nr_error error = {0};
	assert_int_equal(nr_flow_archive_open(folder, NR_FLOW_ARCHIVE_WRITE, NULL, &b, &error), -EBUSY);
	assert_non_null(strstr(error.text, folder));
	assert_int_equal(
		nr_flow_archive_open("/nonexistent/x", NR_FLOW_ARCHIVE_READ, NULL, &b, &error), -ENOENT);
	close_ok(a);
	close_ok(open_ok(folder, NR_FLOW_ARCHIVE_WRITE, NULL));
	rig_remove(folder);
}

/* ---- hosts ---- */

struct host_check {
	const struct nr_address *hosts;
	size_t count;
	uint64_t rows, others;
	pthread_mutex_t lock;
};

static bool has_host(
	const struct nr_flow_block *block, uint32_t row, const struct nr_address *hosts, size_t count)
{
	struct nr_address source = nr_flow_address(block, NR_FLOW_SOURCE_LOW, row);
	struct nr_address destination = nr_flow_address(block, NR_FLOW_DESTINATION_LOW, row);
	for (size_t i = 0; i < count; i++)
		if (nr_address_equal(&source, &hosts[i]) || nr_address_equal(&destination, &hosts[i]))
			return true;
	return false;
}

static int count_hosts(void *context, unsigned thread, const struct nr_flow_block *block)
{
	struct host_check *c = context;
	(void)thread;
	pthread_mutex_lock(&c->lock);
	for (uint32_t i = 0; i < block->count; i++)
		*(has_host(block, i, c->hosts, c->count) ? &c->rows : &c->others) += 1;
	pthread_mutex_unlock(&c->lock);
	return 0;
}

static void test_hosts(void **state)
{
	(void)state;
	const char *folder = rig_folder();
	struct nr_flow_archive *a = open_ok(folder, NR_FLOW_ARCHIVE_WRITE, NULL);
	struct nr_flow_block *block = new_block(NR_FLOW_ROOM);
	uint64_t seed = 4, expected = 0, all = 0;
	struct nr_flow_wanted wanted = everything;
	rig_fill(block, 8192, RIG_BEGIN, &seed);
	for (uint32_t i = 0; i < 5; i++)
		wanted.hosts[i] =
			nr_flow_address(block, i % 2 ? NR_FLOW_SOURCE_LOW : NR_FLOW_DESTINATION_LOW, 77 * i);
	wanted.hosts[5] = nr_address_from_ipv4(0xfffffffe); /* nobody */
	wanted.host_count = 6;
	for (unsigned i = 0; i < 20; i++) {
		for (uint32_t row = 0; row < block->count; row++)
			expected += has_host(block, row, wanted.hosts, 6);
		all += block->count;
		append_ok(a, block);
		nr_flow_block_clear(block);
		rig_fill(block, 8192, RIG_BEGIN + i, &seed);
	}
	sync_ok(a);
	struct host_check check = {wanted.hosts, 6};
	struct nr_flow_scan scan;
	pthread_mutex_init(&check.lock, NULL);
	assert_int_equal(nr_flow_archive_scan(a, &wanted, count_hosts, &check, &scan, NULL), 0);
	assert_int_equal(check.rows, expected);
	assert_true(check.others + check.rows < all / 2);
	wanted.hosts[0] = wanted.hosts[5];
	wanted.host_count = 1;
	assert_int_equal(nr_flow_archive_scan(a, &wanted, count_hosts, &check, &scan, NULL), 0);
	assert_true(scan.flows == 0 && scan.parts == 0 && scan.parts_skipped > 0);
	nr_flow_block_free(block);
	close_ok(a);
	rig_remove(folder);
}

/* ---- what a question may say ---- */

static int refuse(void *context, unsigned thread, const struct nr_flow_block *block)
{
	(void)thread;
	(void)block;
	__atomic_add_fetch((unsigned *)context, 1, __ATOMIC_RELAXED);
	return -ECANCELED;
}

static void watch(void *context, uint64_t done, uint64_t total)
{
	uint64_t *last = context;
	assert_true(done > last[0] && done <= total);
	last[0] = done;
	last[1] = total;
}

static void test_ranges_progress_and_refusals(void **state)
{
	(void)state;
	const char *folder = rig_folder();
	struct nr_flow_archive *a = open_ok(folder, NR_FLOW_ARCHIVE_WRITE, NULL);
	struct nr_flow_block *block = new_block(NR_FLOW_ROOM);
	uint64_t seed = 6, progress[2] = {0};
	for (unsigned i = 0; i < 4; i++) { /* an hour apart: a segment each */
		nr_flow_block_clear(block);
		rig_fill(block, 1000, RIG_BEGIN + i * NR_HOUR, &seed);
		append_ok(a, block);
	}
	sync_ok(a);
	struct nr_flow_wanted wanted = everything;
	struct rig_sum sum = {.columns = NR_FLOW_BIT(BYTES)};
	wanted.from = RIG_BEGIN + NR_HOUR - NR_MINUTE;
	wanted.to = RIG_BEGIN + 2 * NR_HOUR - 10 * NR_MINUTE;
	wanted.columns = NR_FLOW_BIT(BYTES);
	wanted.progress = watch;
	wanted.progress_context = progress;
	struct nr_flow_scan scan = scan_ok(a, &wanted, &sum);
	assert_int_equal(scan.flows, 1000);
	assert_int_equal(scan.parts, 1);
	assert_int_equal(scan.parts_skipped, 3);
	assert_true(progress[0] && progress[0] == progress[1]);
	unsigned calls = 0;
	wanted = everything;
	wanted.threads = 1;
	assert_int_equal(nr_flow_archive_scan(a, &wanted, refuse, &calls, &scan, NULL), -ECANCELED);
	assert_int_equal(calls, 1);
	wanted.host_count = NR_FLOW_HOSTS_MAX + 1;
	assert_int_equal(nr_flow_archive_scan(a, &wanted, refuse, &calls, &scan, NULL), -EINVAL);
	nr_flow_block_free(block);
	close_ok(a);
	rig_remove(folder);
}

/* Columns that were not asked for are not there; the others are what they were, for each alone. */
static void test_each_column_alone(void **state)
{
	(void)state;
	const char *folder = rig_folder();
	struct nr_flow_archive *a = open_ok(folder, NR_FLOW_ARCHIVE_WRITE, NULL);
	struct nr_flow_block *block = new_block(NR_FLOW_ROOM);
	uint64_t seed = 7;
	rig_fill(block, 8000, RIG_BEGIN, &seed);
	append_ok(a, block);
	sync_ok(a);
	for (unsigned c = 0; c < NR_FLOW_COLUMNS; c++) {
		struct rig_sum before = {.columns = UINT64_C(1) << c}, after = before,
			       others = {.columns = ~before.columns};
		struct nr_flow_wanted wanted = everything;
		wanted.columns = before.columns;
		rig_sum_add(&before, block);
		scan_ok(a, &wanted, &after);
		assert_true(before.sum == after.sum && before.rows == after.rows);
		others.columns &= ~NR_FLOW_BIT(STREAM); /* comes always */
		scan_ok(a, &wanted, &others);
		struct nr_flow_block *nothing = new_block(NR_FLOW_ROOM);
		nr_flow_rows_open(nothing, 8000, 0);
		nr_flow_rows_close(nothing, 8000);
		struct rig_sum zeros = {.columns = others.columns};
		rig_sum_add(&zeros, nothing);
		assert_true(others.sum == zeros.sum);
		nr_flow_block_free(nothing);
	}
	nr_flow_block_free(block);
	close_ok(a);
	rig_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_appended_can_be_read),
		cmocka_unit_test(test_in_a_hurry),
		cmocka_unit_test(test_every_column_and_any_value),
		cmocka_unit_test(test_what_is_not_kept_is_not_written),
		cmocka_unit_test(test_what_is_too_old_is_gone),
		cmocka_unit_test(test_erased_by_order),
		cmocka_unit_test(test_the_oldest_go_when_it_is_too_much),
		cmocka_unit_test(test_one_writer),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_ranges_progress_and_refusals),
		cmocka_unit_test(test_each_column_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
