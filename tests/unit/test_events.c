/* SPDX-License-Identifier: Apache-2.0 */
/* The live stream: what rows become, what a slow, a late, a returning listener gets, and the same over HTTP.
 */
#include "base/time.h"
#include "http_client.h"
#include "model/gap.h"
#include "model/live.h"
#include "serve/events.h"
#include "serve/tee.h"
#include "wire/packet.h"

#include <errno.h>
#include <json-c/json.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DAY0 (INT64_C(1767571200) * NR_SECOND) /* 2026-01-05 */

struct feed {
	struct nr_sensors *sensors;
	struct nr_events *events;
	struct nr_sink *sink;
};

static void feed_start(struct feed *feed)
{
	struct nr_prefix dark[2];
	assert_int_equal(nr_prefix_parse("198.51.100.0/24", &dark[0], NULL), 0);
	assert_int_equal(nr_prefix_parse("2001:db8::/32", &dark[1], NULL), 0);
	const struct nr_sensor sensor = {"dark", "eth0", {dark, 2}, 0, DAY0};
	assert_int_equal(nr_sensors_new(&feed->sensors, NULL), 0);
	assert_int_equal(nr_sensors_set(feed->sensors, &sensor, NULL), 0);
	assert_int_equal(nr_events_new(feed->sensors, &feed->events, NULL), 0);
	feed->sink = nr_events_sink(feed->events);
}

static void feed_stop(struct feed *feed)
{
	nr_events_free(feed->events);
	nr_sensors_free(feed->sensors);
}

static void put(struct feed *feed, const struct nr_table *table, const void *rows, size_t count)
{
	struct nr_error error = {0};
	if (feed->sink->rows(feed->sink, table, rows, count, &error) != 0)
		fail_msg("%s", error.text);
}

static void put_finding(struct feed *feed, const char *sensor, uint64_t count)
{
	const struct nr_finding finding = {.sensor = sensor,
		.sense = "telescope",
		.kind = "infected-host",
		.subject = nr_address_from_ipv4(0xc0000201),
		.first = DAY0,
		.last = DAY0 + 1,
		.count = count,
		.confidence = 0.5,
		.severity = NR_SEVERITY_HIGH,
		.reason_en = "sent",
		.reason_ja = "送信",
		.evidence = "{\"a\":\n1}"}; /* a line break must not end the event */
	put(feed, &nr_finding_table, &finding, 1);
}

static void put_pulse(struct feed *feed, const char *sensor, uint64_t packets)
{
	const struct nr_live_pulse pulse = {.sensor = sensor, .time = DAY0, .seconds = 1, .packets = packets};
	put(feed, &nr_live_pulse_table, &pulse, 1);
}

static struct nr_listener *join(struct feed *feed, const char *sensor, uint64_t last_id)
{
	struct nr_listener *listener;
	struct nr_error error = {0};
	if (nr_events_join(feed->events, sensor, last_id, &listener, &error) != 0)
		fail_msg("%s", error.text);
	return listener;
}

/* All that is there now, read in pieces of a given size. */
struct heard {
	char *text; /* owned */
	size_t length;
};

static void heard_fini(struct heard *heard)
{
	free(heard->text);
}

static struct heard hear(struct nr_listener *listener, const char *until, size_t piece)
{
	struct heard heard = {.text = calloc(1, 1)};
	while (!strstr(heard.text, until)) {
		heard.text = realloc(heard.text, heard.length + piece + 1);
		assert_non_null(heard.text);
		size_t got = nr_events_read(listener, heard.text + heard.length, piece);
		if (!got)
			fail_msg("the stream ended before \"%s\": %s", until, heard.text);
		heard.length += got;
		heard.text[heard.length] = '\0';
	}
	return heard;
}

static size_t times(const char *text, const char *word)
{
	size_t count = 0;
	while ((text = strstr(text, word))) {
		count++;
		text += strlen(word);
	}
	return count;
}

static uint64_t id_before(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	assert_non_null(at);
	while (at > text && strncmp(at, "id: ", 4) != 0)
		at--;
	return strtoull(at + 4, NULL, 10);
}

/* ---- what is said ---- */

static void test_events(void **state)
{
	(void)state;
	struct feed feed;
	feed_start(&feed);
	struct nr_listener *listener = join(&feed, NULL, 0);
	const struct nr_live_port ports[] = {
		{"dark", DAY0, NR_TCP, 23, "iot", 9}, {"dark", DAY0, NR_UDP, 53, "other", 1}};
	const struct nr_live_country countries[] = {{"dark", DAY0, "JP", 7}, {"dark", DAY0, "", 3}};
	const struct nr_live_drop drops[] = {
		{"dark", DAY0, "kernel", 2}, {"dark", DAY0, "not-dark", 0}, {"dark", DAY0, "kernel", 3}};
	put(&feed, &nr_live_port_table, ports, 2);
	put(&feed, &nr_live_country_table, countries, 2);
	put(&feed, &nr_live_drop_table, drops, 3);
	const struct nr_live_pulse pulse = {.sensor = "dark",
		.time = DAY0,
		.seconds = 1,
		.packets = 10,
		.bytes = 600,
		.sources = 4,
		.tcp_syn = 9,
		.udp = 1,
		.delay_ms = 999,
		.day_packets = 100,
		.day_sources = 50};
	put(&feed, &nr_live_pulse_table, &pulse, 1);
	const struct nr_live_particle particles[] = {
		{"dark", DAY0 + 2500, nr_address_from_ipv4(0x01010101), nr_address_from_ipv4(0xc6336401),
			40000, 23, NR_TCP, "JP", 2, 10},
		{"dark", DAY0, nr_address_from_ipv4(0x01010102), nr_address_from_ipv4(0xc6336402), 5, 53,
			NR_UDP, "", 0, 10},
	};
	put(&feed, &nr_live_particle_table, particles, 2);
	put_finding(&feed, "dark", 7);
	const struct nr_gap gap = {
		"dark", "telescope", DAY0, NR_TIME_MAX, "interface-down", 0, "down", "停止"};
	put(&feed, &nr_gap_table, &gap, 1);
	NR_AUTO(heard_fini) struct heard heard = hear(listener, "event: gap", 7);
	static const char *const lines[] = {
		"event: hello\nretry: 2000\ndata: {\"version\":\"" NR_VERSION "\",\"time\":\"",
		"\"sensors\":[{\"sensor\":\"dark\",\"dark_size\":256,\"dark\":[\"198.51.100.0/"
		"24\",\"2001:db8::/32\"],"
		"\"interface\":\"eth0\",\"since\":\"2026-01-05T00:00:00.000000Z\"}]}\n\n",
		"event: pulse\ndata: "
		"{\"sensor\":\"dark\",\"time\":\"2026-01-05T00:00:00.000000Z\",\"seconds\":1,"
		"\"packets\":10,\"bytes\":600,\"sources\":4,\"categories\":{\"tcp_syn\":9,\"tcp_syn_ack\":0,"
		"\"tcp_rst\":0,\"tcp_other\":0,\"udp\":1,\"icmp\":0,\"other\":0,\"backscatter\":0},"
		"\"top\":[{\"protocol\":6,\"port\":23,\"class\":\"iot\",\"packets\":9},"
		"{\"protocol\":17,\"port\":53,\"class\":\"other\",\"packets\":1}],"
		"\"countries\":[{\"country\":\"JP\",\"packets\":7},{\"country\":\"\",\"packets\":3}],"
		"\"dropped\":{\"kernel\":5},\"delay_ms\":999,\"day\":{\"packets\":100,\"sources\":50}}\n\n",
		"event: particles\ndata: "
		"{\"sensor\":\"dark\",\"time\":\"2026-01-05T00:00:00.000000Z\",\"of\":10,\"rows\":["
		"[2,\"1.1.1.1\",40000,\"198.51.100.1\",23,6,\"JP\",2],"
		"[0,\"1.1.1.2\",5,\"198.51.100.2\",53,17,\"\",0]]}\n\n",
		"event: finding\ndata: "
		"{\"sensor\":\"dark\",\"sense\":\"telescope\",\"kind\":\"infected-host\","
		"\"subject\":\"192.0.2.1\",\"first\":\"2026-01-05T00:00:00.000000Z\","
		"\"last\":\"2026-01-05T00:00:00.000001Z\",\"count\":7,\"confidence\":0.5,\"severity\":4,"
		"\"reason_en\":\"sent\",\"reason_ja\":\"送信\",\"evidence\":{\"a\": 1}}\n\n",
	};
	const char *at = heard.text;
	for (size_t i = 0; i < NR_COUNT(lines); i++) {
		const char *found = strstr(at, lines[i]);
		if (!found)
			fail_msg("line %zu is not there, or not in its place: %s", i, at);
		at = found;
	}
	nr_events_leave(listener);
	listener = join(&feed, NULL, 0); /* the next second has nothing of the one before */
	put_pulse(&feed, "dark", 1);
	NR_AUTO(heard_fini) struct heard next = hear(listener, "\"day\"", 100);
	assert_non_null(strstr(next.text, "\"top\":[],\"countries\":[],\"dropped\":{},"));
	nr_events_leave(listener);
	feed_stop(&feed);
}

/* The row of the stream is the row of the findings query. */
static void test_a_finding_is_a_row_of_the_query(void **state)
{
	(void)state;
	struct feed feed;
	feed_start(&feed);
	struct nr_listener *listener = join(&feed, NULL, 0);
	put_finding(&feed, "dark", 7);
	NR_AUTO(heard_fini) struct heard heard = hear(listener, "\"evidence\":{\"a\": 1}}", 4096);
	const char *data = strstr(strstr(heard.text, "event: finding"), "data: ") + 6;
	struct json_object *json = json_tokener_parse(data);
	const struct nr_query *query = nr_store_query("findings");
	assert_int_equal(json_object_object_length(json), query->column_count);
	for (size_t i = 0; i < query->column_count; i++)
		assert_true(json_object_object_get_ex(json, query->columns[i].name, NULL));
	json_object_put(json);
	nr_events_leave(listener);
	feed_stop(&feed);
}

/* ---- listeners ---- */

static void test_one_sensor(void **state)
{
	(void)state;
	struct feed feed;
	feed_start(&feed);
	struct nr_listener *one = join(&feed, "dark", 0), *other = join(&feed, "none", 0);
	put_pulse(&feed, "grey", 1);
	put_pulse(&feed, "dark", 2);
	put_pulse(&feed, "none", 3);
	NR_AUTO(heard_fini) struct heard heard = hear(one, "\"packets\":2", 4096);
	assert_null(strstr(heard.text, "\"sensor\":\"grey\""));
	NR_AUTO(heard_fini) struct heard of_other = hear(other, "\"packets\":3", 4096);
	assert_non_null(strstr(of_other.text, "\"sensors\":[]"));
	assert_null(strstr(of_other.text, "\"sensor\":\"dark\""));
	nr_events_leave(one);
	nr_events_leave(other);
	feed_stop(&feed);
}

/* Who reads too slowly is moved on, told how many events it missed, and still gets the findings among them.
 */
static void test_a_slow_listener(void **state)
{
	(void)state;
	struct feed feed;
	feed_start(&feed);
	struct nr_listener *slow = join(&feed, NULL, 0), *quick = join(&feed, NULL, 0);
	for (unsigned i = 0; i < NR_EVENTS_RING + 500; i++) {
		if (i == 100 || i == 200)
			put_finding(&feed, "dark", i);
		else
			put_pulse(&feed, "dark", i);
		if (i % 500 == 0) {
			char word[32];
			snprintf(word, sizeof word, "\"packets\":%u", i);
			NR_AUTO(heard_fini) struct heard heard = hear(quick, word, 8192);
			assert_null(strstr(heard.text, "event: skipped"));
		}
	}
	NR_AUTO(heard_fini) struct heard heard = hear(slow, "\"packets\":1523,", 8192);
	assert_int_equal(times(heard.text, "event: skipped"), 1);
	assert_non_null(strstr(heard.text, "event: skipped\ndata: {\"events\":498}\n\n"));
	assert_int_equal(times(heard.text, "event: finding"), 2);
	assert_int_equal(times(heard.text, "event: pulse"), NR_EVENTS_RING);
	assert_null(strstr(heard.text, "\"packets\":499,"));
	assert_non_null(strstr(heard.text, "\"packets\":500,"));
	struct nr_events_figures figures;
	nr_events_figures(feed.events, &figures);
	assert_int_equal(figures.skipped, 498);
	assert_int_equal(figures.events, NR_EVENTS_RING + 500);
	nr_events_leave(slow);
	nr_events_leave(quick);
	feed_stop(&feed);
}

/* A listener that is in the middle of an event when it is moved on still gets its end. */
static void test_an_event_is_never_cut(void **state)
{
	(void)state;
	struct feed feed;
	char piece[64];
	feed_start(&feed);
	struct nr_listener *listener = join(&feed, NULL, 0);
	put_pulse(&feed, "dark", 4242);
	NR_AUTO(heard_fini) struct heard heard = hear(listener, "event: pulse\ndata: {\"sens", 3);
	for (unsigned i = 0; i < 2 * NR_EVENTS_RING; i++)
		put_pulse(&feed, "dark", i);
	size_t got = nr_events_read(listener, piece, sizeof piece);
	char *whole;
	assert_true(asprintf(&whole, "%s%.*s", heard.text, (int)got, piece) > 0);
	assert_non_null(strstr(whole, "{\"sensor\":\"dark\",\"time\":"));
	free(whole);
	NR_AUTO(heard_fini) struct heard rest = hear(listener, "event: skipped", 100);
	assert_ptr_equal(strstr(rest.text, "event: "), strstr(rest.text, "event: skipped"));
	nr_events_leave(listener);
	feed_stop(&feed);
}

static void test_coming_back(void **state)
{
	(void)state;
	struct feed feed;
	feed_start(&feed);
	struct nr_listener *first = join(&feed, NULL, 0);
	put_finding(&feed, "dark", 1);
	put_finding(&feed, "dark", 2);
	put_pulse(&feed, "dark", 77);
	put_finding(&feed, "dark", 3);
	NR_AUTO(heard_fini) struct heard heard = hear(first, "\"count\":3", 4096);
	uint64_t last = id_before(heard.text, "\"count\":1,");
	assert_true(last < id_before(heard.text, "\"count\":2,"));
	nr_events_leave(first);
	struct nr_listener *again = join(&feed, NULL, last), *new = join(&feed, NULL, 0);
	put_pulse(&feed, "dark", 88);
	NR_AUTO(heard_fini) struct heard missed = hear(again, "\"packets\":88", 4096);
	assert_null(strstr(missed.text, "\"count\":1,"));
	assert_non_null(strstr(missed.text, "\"count\":2,"));
	assert_non_null(strstr(missed.text, "\"count\":3,"));
	assert_null(strstr(missed.text, "\"packets\":77")); /* a second that is over is of no use */
	NR_AUTO(heard_fini) struct heard fresh = hear(new, "\"packets\":88", 4096);
	assert_null(strstr(fresh.text, "event: finding"));
	nr_events_leave(again);
	nr_events_leave(new);
	feed_stop(&feed);
}

static void test_limits(void **state)
{
	(void)state;
	struct feed feed;
	feed_start(&feed);
	struct nr_listener *listeners[NR_EVENTS_LISTENERS_MAX], *more;
	struct nr_error error = {0};
	for (size_t i = 0; i < NR_COUNT(listeners); i++)
		listeners[i] = join(&feed, NULL, 0);
	assert_int_equal(nr_events_join(feed.events, NULL, 0, &more, &error), -EBUSY);
	assert_non_null(strstr(error.text, "128 listeners"));
	nr_events_leave(listeners[0]);
	listeners[0] = join(&feed, NULL, 0);
	/* samples of 2,500 packets: the ring's bytes are bounded, too */
	NR_AUTO(nr_freep) struct nr_live_particle *rows = calloc(2500, sizeof *rows);
	for (size_t i = 0; i < 2500; i++)
		rows[i] = (struct nr_live_particle){
			.sensor = "dark", .time = DAY0, .country = "JP", .of = 2500};
	for (unsigned i = 0; i < NR_EVENTS_RING; i++)
		put(&feed, &nr_live_particle_table, rows, 2500);
	struct nr_listener *slow = listeners[1];
	NR_AUTO(heard_fini) struct heard heard = hear(slow, "event: skipped", 4096);
	assert_non_null(strstr(heard.text, "event: skipped\ndata: {\"events\":"));
	unsigned long skipped = strtoul(strstr(heard.text, "{\"events\":") + 10, NULL, 10);
	assert_true(skipped > 0 && skipped < NR_EVENTS_RING);
	for (size_t i = 0; i < NR_COUNT(listeners); i++)
		nr_events_leave(listeners[i]);
	/* sensors beyond the limit are refused, not mixed up */
	for (unsigned i = 0; i <= NR_SENSORS_MAX; i++) {
		char name[16];
		snprintf(name, sizeof name, "s%u", i);
		const struct nr_live_port port = {name, DAY0, NR_TCP, 1, "other", 1};
		assert_int_equal(feed.sink->rows(feed.sink, &nr_live_port_table, &port, 1, NULL),
			i < NR_SENSORS_MAX - 1 ? 0 : -ENOSPC); /* "dark" is one, by its samples */
	}
	feed_stop(&feed);
}

static void *stop_later(void *context)
{
	usleep(20000);
	nr_events_stop(context);
	return NULL;
}

static void test_the_end(void **state)
{
	(void)state;
	struct feed feed;
	char bytes[4096];
	pthread_t thread;
	feed_start(&feed);
	struct nr_listener *listener = join(&feed, NULL, 0);
	assert_true(nr_events_read(listener, bytes, sizeof bytes) > 0);
	pthread_create(&thread, NULL, stop_later, feed.events);
	assert_int_equal(nr_events_read(listener, bytes, sizeof bytes), 0); /* while it waits */
	pthread_join(thread, NULL);
	assert_int_equal(nr_events_read(listener, bytes, sizeof bytes), 0);
	nr_events_leave(listener);
	feed_stop(&feed);
}

/* ---- the tee ---- */

struct counting {
	struct nr_sink sink; /* first */
	unsigned rows, commits;
	int answer;
};

static int count_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	(void)table;
	(void)rows;
	struct counting *counting = (struct counting *)sink;
	counting->rows += (unsigned)count;
	return counting->answer ? nr_fail(error, counting->answer, "broken %d", counting->answer) : 0;
}

static int count_commit(struct nr_sink *sink, struct nr_error *error)
{
	struct counting *counting = (struct counting *)sink;
	counting->commits++;
	return counting->answer ? nr_fail(error, counting->answer, "broken %d", counting->answer) : 0;
}

static void test_tee(void **state)
{
	(void)state;
	struct counting sinks[3];
	for (size_t i = 0; i < 3; i++)
		sinks[i] = (struct counting){.sink = {count_rows, count_commit}};
	struct nr_tee tee;
	nr_tee_init(&tee);
	nr_tee_add(&tee, &sinks[0].sink, false);
	nr_tee_add(&tee, NULL, true);
	nr_tee_add(&tee, &sinks[1].sink, true);
	nr_tee_add(&tee, &sinks[2].sink, false);
	struct nr_finding finding = {0};
	struct nr_live_pulse pulse = {0};
	struct nr_error error = {0};
	sinks[0].answer = -ENOSPC;
	sinks[2].answer = -EIO;
	assert_int_equal(tee.sink.rows(&tee.sink, &nr_finding_table, &finding, 1, &error), -ENOSPC);
	assert_string_equal(error.text, "broken -28"); /* the first failure, and nobody was left out */
	assert_int_equal(tee.sink.rows(&tee.sink, &nr_live_pulse_table, &pulse, 1, &error), 0);
	assert_int_equal(tee.sink.commit(&tee.sink, NULL), -ENOSPC);
	assert_int_equal(sinks[0].rows, 1);
	assert_int_equal(sinks[1].rows, 2);
	assert_int_equal(sinks[2].rows, 1);
	assert_int_equal(sinks[0].commits + sinks[1].commits + sinks[2].commits, 3);
}

/* ---- over HTTP ---- */

/* Sends a request and reads until the word has come; the connection stays open: the answer is its socket. */
static int listen_until(const char *target, const char *headers, const char *word, char *text, size_t room)
{
	int file = client_connect();
	char *request;
	int length = asprintf(
		&request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s\r\n", target, site.port, headers);
	assert_int_equal(send(file, request, (size_t)length, MSG_NOSIGNAL), length);
	free(request);
	size_t have = 0;
	ssize_t got;
	text[0] = '\0';
	while (have + 1 < room && !strstr(text, word) && (got = read(file, text + have, room - have - 1)) > 0)
		text[have += (size_t)got] = '\0';
	if (!strstr(text, word))
		fail_msg("no %s in: %s", word, text);
	return file;
}

/* Who has gone is noticed with the next events, and makes room. */
static void wait_until_alone(void)
{
	struct feed feed = {site.sensors, site.events, nr_events_sink(site.events)};
	struct nr_events_figures figures = {.listeners = 1};
	while (figures.listeners) {
		put_pulse(&feed, "dark", 1);
		usleep(1000);
		nr_events_figures(site.events, &figures);
	}
}

static void test_http(void **state)
{
	(void)state;
	char text[8192];
	struct feed feed = {site.sensors, site.events, nr_events_sink(site.events)};
	int file = listen_until(
		"/api/v1/live", "Accept: text/event-stream\r\n", "event: hello", text, sizeof text);
	assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(text, "Content-Type: text/event-stream\r\n"));
	assert_non_null(strstr(text, "Cache-Control: no-store\r\n"));
	assert_non_null(strstr(text, "Content-Security-Policy: "));
	put_finding(&feed, "dark", 5);
	size_t have = 0;
	while (!strstr(text, "\"count\":5")) {
		ssize_t got = read(file, text + have, sizeof text - have - 1);
		assert_true(got > 0);
		text[have += (size_t)got] = '\0';
	}
	uint64_t id = id_before(text, "\"count\":5");
	close(file);
	put_finding(&feed, "dark", 6);
	char headers[64];
	snprintf(headers, sizeof headers, "Last-Event-ID: %llu\r\n", (unsigned long long)id);
	file = listen_until("/api/v1/live?sensor=dark", headers, "\"count\":6", text, sizeof text);
	assert_null(strstr(text, "\"count\":5"));
	close(file);
	static const char *const odd[] = {"Last-Event-ID: -1\r\n",
		"Last-Event-ID: 99999999999999999999999\r\n", "Last-Event-ID: x\r\n", "Last-Event-ID: \r\n"};
	for (size_t i = 0; i < NR_COUNT(odd); i++) {
		file = listen_until("/api/v1/live", odd[i], "event: hello", text, sizeof text);
		close(file);
	}
	static const char *const bad[] = {"/api/v1/live?sensor=a&sensor=b", "/api/v1/live?from=1"};
	for (size_t i = 0; i < NR_COUNT(bad); i++) {
		NR_AUTO(page_fini) struct page page = client_get(bad[i]);
		assert_int_equal(page.status, 400);
	}
	NR_AUTO(page_fini) struct page head = client_ask("HEAD", "/api/v1/live", "");
	assert_int_equal(head.status, 200);
	NR_AUTO(page_fini) struct page post = client_ask("POST", "/api/v1/live", "");
	assert_int_equal(post.status, 405);
}

/* A client that does not read fills its socket and stops its own thread, nobody else's. */
static void test_a_client_that_does_not_read(void **state)
{
	(void)state;
	static char text[1 << 16];
	wait_until_alone();
	struct feed feed = {site.sensors, site.events, nr_events_sink(site.events)};
	int slow = listen_until("/api/v1/live", "", "event: hello", text, sizeof text);
	int quick = listen_until("/api/v1/live", "", "event: hello", text, sizeof text);
	NR_AUTO(nr_freep) struct nr_live_particle *rows = calloc(2500, sizeof *rows);
	for (size_t i = 0; i < 2500; i++)
		rows[i] = (struct nr_live_particle){
			.sensor = "dark", .time = DAY0, .country = "JP", .of = 2500};
	for (unsigned i = 0; i < 400; i++) { /* 40 MB: more than sockets and ring hold */
		put(&feed, &nr_live_particle_table, rows, 2500);
		put_pulse(&feed, "dark", 1000000 + i);
		char word[32];
		snprintf(word, sizeof word, "\"packets\":%u,", 1000000 + i);
		for (size_t kept = 0;;) { /* what is read, with the end of what was read before */
			ssize_t got = read(quick, text + kept, sizeof text - 1 - kept);
			assert_true(got > 0);
			text[kept + (size_t)got] = '\0';
			if (strstr(text, word))
				break;
			kept = NR_MIN(kept + (size_t)got, (size_t)64);
			memmove(text, text + strlen(text) - kept, kept);
		}
	}
	bool skipped = false;
	for (size_t kept = 0; !skipped;) {
		ssize_t got = read(slow, text + kept, sizeof text - 1 - kept);
		assert_true(got > 0);
		text[kept + (size_t)got] = '\0';
		skipped = strstr(text, "event: skipped");
		kept = NR_MIN(kept + (size_t)got, (size_t)64);
		memmove(text, text + strlen(text) - kept, kept);
	}
	close(slow);
	close(quick);
}

/* As many listeners as there may be: one more is told to come again, questions are answered all the same. */
static void test_listeners_do_not_keep_questions_out(void **state)
{
	(void)state;
	static int files[NR_EVENTS_LISTENERS_MAX];
	char text[8192];
	wait_until_alone();
	for (size_t i = 0; i < NR_COUNT(files); i++)
		files[i] = listen_until("/api/v1/live", "", "event: hello", text, sizeof text);
	NR_AUTO(page_fini) struct page more = client_get("/api/v1/live");
	assert_int_equal(more.status, 503);
	assert_non_null(strstr(more.head, "Retry-After: 10\r\n"));
	NR_AUTO(page_fini) struct page question = client_get("/api/v1/coverage");
	assert_int_equal(question.status, 200);
	struct feed feed = {site.sensors, site.events, nr_events_sink(site.events)};
	put_pulse(&feed, "dark", 31337);
	for (size_t i = 0; i < NR_COUNT(files); i++) {
		ssize_t got = read(files[i], text, sizeof text - 1);
		assert_true(got > 0);
		close(files[i]);
	}
	wait_until_alone();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_a_finding_is_a_row_of_the_query),
		cmocka_unit_test(test_one_sensor),
		cmocka_unit_test(test_a_slow_listener),
		cmocka_unit_test(test_an_event_is_never_cut),
		cmocka_unit_test(test_coming_back),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_the_end),
		cmocka_unit_test(test_tee),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_a_client_that_does_not_read),
		cmocka_unit_test(test_listeners_do_not_keep_questions_out),
	};
	return cmocka_run_group_tests(tests, site_start, site_stop);
}
