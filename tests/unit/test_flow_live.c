/* SPDX-License-Identifier: Apache-2.0 */
/* What a parser process says, as the keeper takes it: pages of the board, reports of several workers and of
 * lives before theirs, blocks and reports of one that was taken over. */
#include "sense/flow/live/keep.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

struct rig {
	const char *places[1];
	struct nr_flow_listen_conf listen;
	struct nr_flow_collector_conf collector;
	struct nr_flow_live *live;
	struct nr_flow_keep *keep;
	struct nr_flow_sink sink; /* counts */
	uint64_t flows;
	unsigned unsound;
};

static int count(struct nr_flow_sink *sink, const struct nr_flow_block *block, struct nr_error *error)
{
	struct rig *rig = (struct rig *)((char *)sink - offsetof(struct rig, sink));
	(void)error;
	rig->flows += block->count;
	return 0;
}

static void tell(void *context, const struct nr_flow_keep_event *event)
{
	struct rig *rig = context;
	rig->unsound += event->what == NR_FLOW_KEEP_UNSOUND;
}

static void rig_init(struct rig *rig)
{
	struct nr_error error = {0};
	*rig = (struct rig){.places = {"udp:127.0.0.1:0"}, .sink.take = count};
	rig->listen = (struct nr_flow_listen_conf){.listen = {rig->places, 1},
		.workers = 2,
		.buffer = 65536,
		.queue = 8 << 20,
		.connections = 1};
	assert_int_equal(nr_flow_live_new(&rig->listen, &rig->collector, NULL, &rig->live, &error), 0);
	const struct nr_flow_keep_conf conf = {
		.live = rig->live, .sink = &rig->sink, .tell = tell, .context = rig};
	assert_int_equal(nr_flow_keep_open(&conf, &rig->keep, &error), 0);
}

static void rig_fini(struct rig *rig)
{
	nr_flow_keep_close(rig->keep);
	nr_flow_live_free(rig->live);
}

static void say(struct rig *rig, unsigned worker, const char *report)
{
	assert_true(nr_flow_board_put(
		nr_flow_live_board(rig->live, worker), NR_FLOW_BOARD_REPORT, report, strlen(report)));
}

/* The report as text, or NULL and *ret_code. */
static char *report_of(struct rig *rig, int *ret_code)
{
	struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	*ret_code = nr_flow_keep_report(rig->keep, &json, NULL);
	nr_json_object_end(&json);
	assert_int_equal(nr_json_finish(&json, NULL), 0);
	return json.bytes;
}

static void test_pages(void **state)
{
	struct nr_flow_board *board;
	uint8_t *bytes;
	size_t length;
	char text[32];
	(void)state;
	assert_int_equal(nr_flow_board_new(&board, NULL), 0);
	assert_int_equal(nr_flow_board_get(board, NR_FLOW_BOARD_MEMORY, &bytes, &length), 0);
	assert_null(bytes);
	for (int i = 0; i < 5; i++) {
		snprintf(text, sizeof text, "page %d", i * 1000);
		assert_true(nr_flow_board_put(board, NR_FLOW_BOARD_MEMORY, text, strlen(text)));
		assert_int_equal(nr_flow_board_get(board, NR_FLOW_BOARD_MEMORY, &bytes, &length), 0);
		assert_string_equal(bytes, text);
		assert_int_equal(length, strlen(text));
		free(bytes);
	}
	/* what is too long is not said, and counted; what stood there stays */
	assert_false(nr_flow_board_put(board, NR_FLOW_BOARD_MEMORY, text, NR_FLOW_BOARD_PAGE + 1));
	assert_int_equal(nr_flow_board_numbers(board)->unsaid, 1);
	assert_int_equal(nr_flow_board_get(board, NR_FLOW_BOARD_MEMORY, &bytes, &length), 0);
	assert_string_equal(bytes, text);
	free(bytes);
	nr_flow_board_free(board);
}

/* A page is whole whenever its writer is killed. */
static void test_pages_of_the_killed(void **state)
{
	enum { BYTES = 100000, LIVES = 50 };
	struct nr_flow_board *board;
	(void)state;
	assert_int_equal(nr_flow_board_new(&board, NULL), 0);
	for (int life = 0; life < LIVES; life++) {
		pid_t pid = fork();
		if (pid == 0) {
			static char page[BYTES];
			for (unsigned i = 0;; i++) {
				memset(page, 'a' + (int)(i % 26), sizeof page);
				nr_flow_board_put(board, NR_FLOW_BOARD_REPORT, page, sizeof page);
			}
		}
		uint64_t before = nr_flow_board_serial(board, NR_FLOW_BOARD_REPORT);
		while (nr_flow_board_serial(board, NR_FLOW_BOARD_REPORT) < before + 1 + (unsigned)life)
			;
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		uint8_t *bytes;
		size_t length;
		assert_int_equal(nr_flow_board_get(board, NR_FLOW_BOARD_REPORT, &bytes, &length), 0);
		assert_int_equal(length, BYTES);
		for (size_t i = 1; i < length; i++)
			assert_int_equal(bytes[i], bytes[0]);
		free(bytes);
	}
	nr_flow_board_free(board);
}

static void test_sum(void **state)
{
	NR_AUTO(rig_fini) struct rig rig;
	int code;
	(void)state;
	rig_init(&rig);
	say(&rig, 0,
		"{\"messages\":3,\"dropped\":{\"version\":1},\"exporters\":[{\"exporter\":\"192.0.2.1\"}]}");
	say(&rig, 1,
		"{\"messages\":4,\"dropped\":{\"version\":2,\"truncated\":5},\"exporters\":[{\"exporter\":"
		"\"192.0.2.2\"}]}");
	nr_flow_keep_ended(rig.keep, 0); /* its counts stay, its exporters are its successor's */
	say(&rig, 0, "{\"messages\":10,\"dropped\":{},\"exporters\":[{\"exporter\":\"192.0.2.1\"}]}");
	nr_flow_board_numbers(nr_flow_live_board(rig.live, 0))->flows = 70;
	nr_flow_board_numbers(nr_flow_live_board(rig.live, 1))->queue = 7;
	NR_AUTO(nr_freep) char *text = report_of(&rig, &code);
	assert_int_equal(code, 0);
	assert_non_null(strstr(text, "\"messages\":17"));
	assert_non_null(strstr(text, "\"dropped\":{\"version\":3,\"truncated\":5}"));
	assert_non_null(
		strstr(text, "\"exporters\":[{\"exporter\":\"192.0.2.1\"},{\"exporter\":\"192.0.2.2\"}]"));
	assert_non_null(strstr(text, "\"records\":77"));
	assert_non_null(strstr(text, "\"restarts\":1"));
}

static void test_hostile(void **state)
{
	static const char *const reports[] = {"{\"messages\":3", "[1]", "{\"a\":1}{\"b\":2}",
		"{\"a\":\"\xff\"}", "{\"messages\":1,\"messages\":2}", "nonsense"};
	NR_AUTO(rig_fini) struct rig rig;
	int code;
	(void)state;
	rig_init(&rig);
	for (size_t i = 0; i < NR_COUNT(reports); i++) {
		say(&rig, 1, reports[i]);
		NR_AUTO(nr_freep) char *text = report_of(&rig, &code);
		assert_int_equal(code, -EBADMSG);
		assert_null(strstr(text, "nonsense"));
		nr_flow_keep_ended(rig.keep, 1); /* nor is it added to what was */
	}
	struct nr_flow_ring *ring = nr_flow_live_ring(rig.live, 0);
	const struct nr_flow_stream stream = {nr_address_from_ipv4(1), 0, NR_FLOW_IPFIX};
	for (int i = 0; i < 2; i++) {
		struct nr_flow_block *block = nr_flow_ring_lend(ring);
		nr_flow_block_stream(block, &stream);
		nr_flow_rows_open(block, 5, 0);
		nr_flow_rows_close(block, 5);
		if (i == 0)
			block->stream_count = 0;
		nr_flow_ring_publish(ring);
	}
	while (nr_flow_keep_work(rig.keep))
		;
	assert_int_equal(rig.unsound, 1);
	assert_int_equal(rig.flows, 5);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"127.0.0.1:2055", "sctp:127.0.0.1:1", "udp:127.0.0.1", "udp:name:1", "tcp:"};
	struct nr_flow_collector_conf collector = {0};
	struct nr_flow_live *live;
	struct nr_error error = {0};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(bad); i++) {
		const char *places[] = {bad[i]};
		const struct nr_flow_listen_conf listen = {
			.listen = {places, 1}, .workers = 1, .queue = 8 << 20};
		assert_int_equal(nr_flow_live_new(&listen, &collector, NULL, &live, &error), -EINVAL);
		assert_non_null(strstr(error.text, "--listen"));
	}
	const struct nr_flow_listen_conf none = {.workers = 1, .queue = 8 << 20};
	assert_int_equal(nr_flow_live_new(&none, &collector, NULL, &live, &error), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_pages_of_the_killed),
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
