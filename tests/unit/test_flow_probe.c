/* SPDX-License-Identifier: Apache-2.0 */
/* The law of probes, the plan of their connections, what is understood of answers: without a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "sense/flow/detect/judge/known.h"
#include "sense/flow/probe/allow.h"
#include "sense/flow/probe/evidence.h"
#include "sense/flow/probe/hellos.h"
#include "sense/flow/probe/print.h"
#include "sense/flow/probe/reader.h"
#include "sense/flow/probe/state.h"
#include "trust/signer/keyfile.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define NOON (INT64_C(1795521600) * NR_SECOND) /* 2026-11-24T12:00:00Z */

static char folder[64];

static int group_setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/test-flow-probe-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

static const char *place(const char *name)
{
	static char path[4][160];
	static unsigned next;
	char *p = path[next++ % 4];
	snprintf(p, sizeof path[0], "%s/%s", folder, name);
	return p;
}

static struct nr_flow_server server_of(const char *text)
{
	struct nr_flow_server server;
	struct nr_error error = {0};
	if (nr_probe_server_parse(text, &server, &error))
		fail_msg("%s", error.text);
	return server;
}

/* ---- servers in words ---- */

static void test_servers(void **state)
{
	(void)state;
	static const struct {
		const char *text, *written; /* written NULL: not a server */
	} cases[] = {
		{"203.0.113.9:443", "203.0.113.9:443/tcp"},
		{"203.0.113.9:443/tcp", "203.0.113.9:443/tcp"},
		{"203.0.113.9:53/udp", "203.0.113.9:53/udp"},
		{"[2001:db8::1]:8443", "[2001:db8::1]:8443/tcp"},
		{"203.0.113.9", NULL},
		{"203.0.113.9:0", NULL},
		{"203.0.113.9:65536", NULL},
		{"203.0.113.9:+23", NULL},
		{"203.0.113.9:23/sctp", NULL},
		{"2001:db8::1:8443", NULL},
		{"example.net:443", NULL}, /* names are not looked up */
		{"[203.0.113.9:443", NULL},
		{":443", NULL},
		{"", NULL},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_flow_server server;
		char text[NR_PROBE_SERVER_TEXT];
		struct nr_error error = {0};
		int e = nr_probe_server_parse(cases[i].text, &server, &error);
		if (!cases[i].written) {
			if (e != -EINVAL || !error.text[0])
				fail_msg("\"%s\" was taken", cases[i].text);
			continue;
		}
		assert_int_equal(e, 0);
		assert_string_equal(nr_probe_server_write(&server, text), cases[i].written);
	}
}

static void test_targets_of_a_file(void **state)
{
	(void)state;
	static const char text[] =
		"# servers\n203.0.113.9:443 # why\n\n203.0.113.9:443/tcp\nno server\n"
		"{\"kind\":\"c2-server\",\"subject\":\"198.51.100.7\",\"port\":23,\"protocol\":\"tcp\"}\n"
		"{\"kind\":\"infected-host\",\"subject\":\"192.0.2.1\",\"port\":23,\"protocol\":\"tcp\"}\n"
		"{\"kind\":\"c2-server\",\"subject\":\"198.51.100.7\",\"port\":70000}\n"
		"{\"kind\":\"c2-server\",\"subject\":[1],\"port\":7}\n{\"kind\":";
	NR_AUTO(nr_probe_targets_fini) struct nr_probe_targets targets = {0};
	char operand[200];
	assert_int_equal(nr_file_write(place("servers"), text, sizeof text - 1, NULL), 0);
	snprintf(operand, sizeof operand, "@%s", place("servers"));
	assert_int_equal(nr_probe_targets_add(&targets, operand, NULL), 0);
	assert_int_equal(targets.count, 2);
	assert_int_equal(targets.skipped, 5);
	assert_string_equal(targets.first_skipped, "no");
}

/* ---- the law ---- */

#define HEAD                                                                                                 \
	"noroshi probe v1\nwho The desk\npurpose finding C&C\nfrom 2026-11-24T00:00:00Z\nuntil "             \
	"2026-12-01T00:00:00Z\n"

static void test_allow_text(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *wrong; /* in the message; NULL: it is one */
	} cases[] = {
		{HEAD "classes any\ntarget 203.0.113.9\n", NULL},
		{HEAD "classes JP,private\ntarget 203.0.113.0/24:443\npassive [2001:db8::1]:80\ntarget "
		      "::/0\n",
			NULL},
		{HEAD "classes any\n", NULL}, /* allows nobody */
		{HEAD "target 203.0.113.9\n", "classes"},
		{HEAD "classes \ntarget 203.0.113.9\n", "classes are"},
		{HEAD "classes all\ntarget 203.0.113.9\n", "classes are"},
		{HEAD "classes any\ntarget 203.0.113.9/24\n", "line 7"},
		{HEAD "classes any\ntarget 203.0.113.9:0\n", "line 7"},
		{HEAD "classes any\ntarget example.net\n", "line 7"},
		{HEAD "classes any\nallow 203.0.113.9\n", "line 7"},
		{HEAD "classes any\n\ntarget 203.0.113.9\n", "line 7"},
		{HEAD "classes any\ntarget 203.0.113.9", "whole lines"},
		{"noroshi probe v2\n", "first line"},
		{"", "whole lines"},
		{"noroshi probe v1\nwho The desk\npurpose x y\nfrom 2026-11-24\nuntil 2026-12-26\nclasses "
		 "any\n",
			"31 days"},
		{"noroshi probe v1\nwho The desk\npurpose x y\nfrom 2026-11-24\nuntil 2026-11-24\nclasses "
		 "any\n",
			"31 days"},
		{"noroshi probe v1\nwho\npurpose x y\nfrom 2026-11-24\nuntil 2026-11-25\nclasses any\n",
			"line 2"},
		{"noroshi probe v1\npurpose x y\nwho The desk\nfrom 2026-11-24\nuntil 2026-11-25\nclasses "
		 "any\n",
			"this order"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		NR_AUTO(nr_probe_allow_fini) struct nr_probe_allow allow = {0};
		struct nr_error error = {0};
		int e = nr_probe_allow_parse(cases[i].text, strlen(cases[i].text), &allow, &error);
		if (!cases[i].wrong != !e || (e && !strstr(error.text, cases[i].wrong)))
			fail_msg("case %zu: %d %s", i, e, error.text);
	}
}

struct question {
	const char *server;
	enum nr_probe_refusal refusal;
};

static void ask(const char *text, const char *never, const struct question *questions, size_t count)
{
	NR_AUTO(nr_probe_allow_fini) struct nr_probe_allow allow = {0};
	struct nr_prefix own[1];
	struct nr_error error = {0};
	if (nr_probe_allow_parse(text, strlen(text), &allow, &error))
		fail_msg("%s", error.text);
	assert_int_equal(nr_prefix_parse("20.30.0.0/16", &own[0], NULL), 0);
	allow.own = (struct nr_prefixes){own, 1};
	if (never) {
		assert_int_equal(nr_file_write(place("never"), never, strlen(never), NULL), 0);
		assert_int_equal(nr_probe_never_read(place("never"), &allow, &error), 0);
	}
	for (size_t i = 0; i < count; i++) {
		struct nr_flow_server server = server_of(questions[i].server);
		enum nr_probe_refusal refusal = nr_probe_allow_check(&allow, &server, NOON);
		if (refusal != questions[i].refusal)
			fail_msg("%s: %s", questions[i].server, nr_probe_refusal_words[refusal].code);
	}
}

static void test_law(void **state)
{
	(void)state;
	/* everything, as somebody might write it: no private, own or loopback address is named by it */
	static const struct question everything[] = {
		{"8.8.8.8:443", NR_PROBE_ALLOWED},
		{"[2a00::1]:443", NR_PROBE_ALLOWED},
		{"127.0.0.1:443", NR_PROBE_CLASS},
		{"[::1]:443", NR_PROBE_CLASS},
		{"10.1.2.3:443", NR_PROBE_CLASS},
		{"100.64.0.1:443", NR_PROBE_CLASS},
		{"169.254.169.254:80", NR_PROBE_CLASS},
		{"[fe80::1]:443", NR_PROBE_CLASS},
		{"[fd00::1]:443", NR_PROBE_CLASS},
		{"20.30.40.50:443", NR_PROBE_CLASS},
		{"224.0.0.1:443", NR_PROBE_NO_ADDRESS},
		{"255.255.255.255:443", NR_PROBE_NO_ADDRESS},
		{"0.0.0.0:443", NR_PROBE_NO_ADDRESS},
		{"[ff02::1]:443", NR_PROBE_NO_ADDRESS},
		{"[100::5]:443", NR_PROBE_NO_ADDRESS},
		{"[64:ff9b::a00:1]:443", NR_PROBE_NO_ADDRESS},
		{"[2002:a00:1::1]:443", NR_PROBE_NO_ADDRESS},
		{"8.8.8.8:53/udp", NR_PROBE_UDP},
	};
	ask(HEAD "classes any,private,loopback,own\ntarget 0.0.0.0/0\ntarget ::/0\n", NULL, everything,
		NR_COUNT(everything));
	static const struct question some[] = {
		{"8.8.8.8:443", NR_PROBE_ALLOWED},
		{"8.8.8.8:444", NR_PROBE_NOT_NAMED},
		{"8.8.8.9:443", NR_PROBE_NOT_NAMED},
		{"8.8.4.4:1", NR_PROBE_ALLOWED},
		{"8.8.4.5:1", NR_PROBE_PASSIVE},
		{"8.8.4.6:25", NR_PROBE_PASSIVE},
		{"8.8.4.6:26", NR_PROBE_ALLOWED},
		{"8.8.4.7:26", NR_PROBE_NEVER},
		{"8.8.4.200:26", NR_PROBE_NEVER},
		{"10.1.2.3:1", NR_PROBE_ALLOWED},
		{"10.2.0.1:1", NR_PROBE_NOT_NAMED},
		{"20.30.0.1:1", NR_PROBE_CLASS}, /* named, but "own" is not a class here */
		{"127.0.0.1:1", NR_PROBE_CLASS},
	};
	ask(HEAD "classes any,private\ntarget 8.8.8.8:443\ntarget 8.8.4.0/24\ntarget 10.1.0.0/16\ntarget "
		 "20.30.0.1\ntarget 127.0.0.1\npassive 8.8.4.5\npassive 8.8.4.6:25\n",
		"# those who asked\n8.8.4.7\n8.8.4.192/26 # a network\n", some, NR_COUNT(some));
	static const struct question none[] = {
		{"8.8.8.8:443", NR_PROBE_CLASS}, /* its country is not known */
	};
	ask(HEAD "classes JP\ntarget 0.0.0.0/0\n", NULL, none, NR_COUNT(none));
}

/* A line of the opt-out list that nobody understands must not be passed over. */
static void test_never_is_strict(void **state)
{
	(void)state;
	NR_AUTO(nr_probe_allow_fini) struct nr_probe_allow allow = {0};
	struct nr_error error = {0};
	assert_int_equal(nr_file_write(place("bad"), "8.8.8.8\nexample.net\n", 20, NULL), 0);
	assert_true(nr_probe_never_read(place("bad"), &allow, &error) < 0);
	assert_non_null(strstr(error.text, "line 2"));
}

static void test_time_of_the_law(void **state)
{
	(void)state;
	static const char text[] = HEAD "classes any\ntarget 8.8.8.8\n";
	NR_AUTO(nr_probe_allow_fini) struct nr_probe_allow allow = {0};
	struct nr_flow_server server = server_of("8.8.8.8:443");
	assert_int_equal(nr_probe_allow_parse(text, sizeof text - 1, &allow, NULL), 0);
	assert_int_equal(nr_probe_allow_check(&allow, &server, allow.from - 1), NR_PROBE_NOT_VALID);
	assert_int_equal(nr_probe_allow_check(&allow, &server, allow.from), NR_PROBE_ALLOWED);
	assert_int_equal(nr_probe_allow_check(&allow, &server, allow.until - 1), NR_PROBE_ALLOWED);
	assert_int_equal(nr_probe_allow_check(&allow, &server, allow.until), NR_PROBE_NOT_VALID);
}

/* ---- signatures ---- */

static char vkeys[3][NR_NOTE_VKEY_TEXT];

static void make_persons(void)
{
	static const char *const names[] = {"alice", "bob", "mallory"};
	for (size_t i = 0; i < 3; i++) {
		NR_AUTO(nr_pkey_freep) EVP_PKEY *key = NULL;
		NR_AUTO(nr_bio_freep) BIO *pem = NULL;
		const struct nr_secret none = {.length = 0};
		char name[40];
		assert_int_equal(nr_key_generate("ed25519", &key, NULL), 0);
		assert_int_equal(nr_key_vkey(names[i], key, vkeys[i], NULL), 0);
		assert_int_equal(nr_key_write(key, &none, &pem, NULL), 0);
		assert_int_equal(nr_key_file_write(place(names[i]), pem, true, NULL), 0);
		snprintf(name, sizeof name, "%s.vkey", names[i]);
		assert_int_equal(nr_file_write(place(name), vkeys[i], strlen(vkeys[i]), NULL), 0);
	}
}

static int sign(const char *who, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *text = NULL;
	return nr_probe_allow_sign(place("allow"), place(who), NULL, NOON, &text, error);
}

static int read_as(size_t first, size_t count, uint64_t signatures, nr_time now, const char *why)
{
	NR_AUTO(nr_probe_allow_fini) struct nr_probe_allow allow = {0};
	struct nr_error error = {0};
	const char *items[3] = {vkeys[0], vkeys[1], vkeys[2]};
	const struct nr_texts keys = {items + first, count};
	const struct nr_probe_authority authority = {&keys, signatures};
	int e = nr_probe_allow_read(place("allow"), &authority, now, &allow, &error);
	if (e && why && !strstr(error.text, why))
		fail_msg("%s", error.text);
	return e;
}

static void change(const char *from, const char *to)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	assert_int_equal(nr_file_read(place("allow"), 65536, &bytes, &length, NULL), 0);
	char *at = strstr((char *)bytes, from);
	assert_non_null(at);
	memcpy(at, to, strlen(from));
	assert_int_equal(nr_file_write(place("allow"), bytes, length, NULL), 0);
}

static void test_signatures(void **state)
{
	(void)state;
	static const char text[] = HEAD "classes any\ntarget 8.8.8.8\n";
	make_persons();
	assert_int_equal(nr_file_write(place("allow"), text, sizeof text - 1, NULL), 0);
	assert_int_equal(read_as(0, 2, 1, NOON, "nobody signed it"), -EACCES);
	assert_int_equal(sign("mallory", NULL), 0);
	assert_int_equal(read_as(0, 2, 1, NOON, "no key that --authority names"), -EACCES);
	assert_int_equal(sign("alice", NULL), 0);
	assert_int_equal(read_as(0, 2, 1, NOON, NULL), 0);
	assert_int_equal(read_as(0, 2, 2, NOON, "signed by 1"), -EACCES);
	assert_int_equal(sign("bob", NULL), 0);
	assert_int_equal(read_as(0, 2, 2, NOON, NULL), 0);
	assert_int_equal(read_as(0, 2, 2, NOON - 30 * NR_DAY, "holds from"), -EACCES);
	assert_int_equal(read_as(0, 2, 2, NOON + 30 * NR_DAY, "held until"), -EACCES);
	change("target 8.8.8.8", "target 8.8.8.9");
	assert_int_equal(read_as(0, 2, 1, NOON, "does not hold"), -EACCES);
	change("target 8.8.8.9", "target 8.8.8.8");
	assert_int_equal(read_as(0, 2, 2, NOON, NULL), 0);
	change("\xe2\x80\x94 alice", "\xe2\x80\x94 alicf"); /* now nobody known; bob still is */
	assert_int_equal(read_as(0, 1, 1, NOON, "no key that --authority names"), -EACCES);
}

/* The same person twice is one. */
static void test_one_person_is_one(void **state)
{
	(void)state;
	static const char text[] = HEAD "classes any\ntarget 8.8.8.8\n";
	assert_int_equal(nr_file_write(place("allow"), text, sizeof text - 1, NULL), 0);
	assert_int_equal(sign("alice", NULL), 0);
	assert_int_equal(sign("alice", NULL), 0);
	assert_int_equal(read_as(0, 2, 2, NOON, "signed by 1"), -EACCES);
}

/* ---- the plan ---- */

static struct nr_probe_series after(const struct nr_probe_answers *answers, unsigned step, unsigned repeat)
{
	struct nr_probe_series series = {.server = server_of("8.8.8.8:443"),
		.step = step,
		.begun = NOON,
		.last = NOON,
		.answers = *answers};
	nr_probe_series_advance(&series, repeat, NOON, 0.5);
	return series;
}

static void test_plan(void **state)
{
	(void)state;
	struct nr_probe_answers a = {0};
	assert_int_equal(nr_probe_next_step(&a, NR_PROBE_LISTEN), NR_PROBE_LISTEN);
	a.connections[NR_PROBE_LISTEN].end = NR_PROBE_BY_SERVER;
	assert_int_equal(after(&a, NR_PROBE_LISTEN, 1).step, NR_PROBE_HEAD); /* no TLS: HEAD alone */
	a.hellos[0].alert = 1;
	assert_int_equal(after(&a, NR_PROBE_LISTEN, 1).step, NR_PROBE_HELLO_1);
	assert_int_equal(after(&a, NR_PROBE_HEAD - 1, 1).step, NR_PROBE_HEAD);
	assert_int_equal(after(&a, NR_PROBE_HEAD, 1).step, NR_PROBE_STEPS);
	assert_true(after(&a, NR_PROBE_LISTEN, 1).due == NOON + NR_PROBE_GAP + NR_PROBE_GAP_JITTER / 2);
	a.banner.length = 1; /* who speaks first is asked nothing */
	assert_int_equal(after(&a, NR_PROBE_LISTEN, 1).step, NR_PROBE_STEPS);
	a.banner.length = 0;
	a.connections[NR_PROBE_LISTEN].end = NR_PROBE_REFUSED;
	assert_int_equal(after(&a, NR_PROBE_LISTEN, 1).step, NR_PROBE_STEPS);
	/* rounds: 0, 1, 6, 24 h after the first */
	struct nr_probe_series series = after(&a, NR_PROBE_LISTEN, 4);
	assert_true(series.due == NOON + NR_HOUR + NR_PROBE_GAP_JITTER / 2);
	assert_false(nr_probe_series_is_over(&series, 4));
	assert_true(nr_probe_series_is_over(&series, 1));
	series.round = 2;
	nr_probe_series_advance(&series, 4, NOON + 6 * NR_HOUR, 0);
	assert_true(series.due == NOON + 24 * NR_HOUR);
	series.round = 3;
	assert_true(nr_probe_series_is_over(&series, 4));
}

/* ---- the state ---- */

static void test_state(void **state)
{
	(void)state;
	struct nr_probe_state *s = NULL, *other = NULL;
	struct nr_probe_series series, again;
	struct nr_error error = {0};
	struct nr_flow_server server = server_of("8.8.8.8:443"), port = server_of("8.8.8.8:444"),
			      host = server_of("8.8.8.9:443"), six = server_of("[2a00::1]:1"),
			      neighbour = server_of("[2a00::2]:1");
	assert_int_equal(nr_probe_state_open(place("state"), &s, &error), 0);
	assert_int_equal(nr_probe_state_open(place("state"), &other, &error), -EBUSY);
	assert_int_equal(nr_probe_state_get(s, &server, &series, &error), 0);
	assert_true(series.begun == NR_TIME_MIN && series.due == NR_TIME_MIN);
	assert_true(nr_probe_state_host_due(s, &server.address, NOON) == NOON);
	series.begun = series.last = NOON;
	series.step = 3;
	assert_int_equal(nr_probe_state_put(s, &series, &error), 0);
	series.server = six;
	assert_int_equal(nr_probe_state_put(s, &series, &error), 0);
	nr_probe_state_close(s); /* as after a kill: nothing was said goodbye to */
	assert_int_equal(nr_probe_state_open(place("state"), &s, &error), 0);
	assert_int_equal(nr_probe_state_get(s, &server, &again, &error), 0);
	assert_int_equal(again.step, 3);
	assert_true(nr_probe_state_host_due(s, &server.address, NOON) == NOON + NR_PROBE_GAP);
	assert_true(nr_probe_state_host_due(s, &port.address, NOON + NR_MINUTE) == NOON + NR_PROBE_GAP);
	assert_true(nr_probe_state_host_due(s, &host.address, NOON) == NOON);
	assert_true(nr_probe_state_host_due(s, &neighbour.address, NOON) == NOON + NR_PROBE_GAP);
	/* a clock that was set back does not open the gate */
	assert_true(nr_probe_state_host_due(s, &server.address, NOON - NR_DAY) == NOON + NR_PROBE_GAP);
	/* nor does one that is set forward, within a run */
	assert_int_equal(nr_probe_state_mark(s, &host.address, NOON, &error), 0);
	nr_time later = NOON + NR_DAY, due = nr_probe_state_host_due(s, &host.address, later);
	assert_true(due > later && due <= later + NR_PROBE_GAP);
	nr_probe_state_close(s);
}

/* A file that was damaged is not believed, and its host is left alone. */
static void test_damaged_state(void **state)
{
	(void)state;
	NR_AUTO(nr_probe_state_closep) struct nr_probe_state *s = NULL;
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	struct nr_probe_series series;
	struct nr_error error = {0};
	struct nr_flow_server server = server_of("8.8.8.8:443");
	const char *name = "state/targets/00000000000000000000ffff08080808-443.state";
	size_t length;
	assert_int_equal(nr_file_read(place(name), 1 << 20, &bytes, &length, NULL), 0);
	bytes[100] ^= 1;
	assert_int_equal(nr_file_write(place(name), bytes, length, NULL), 0);
	assert_int_equal(nr_probe_state_open(place("state"), &s, &error), 0);
	assert_int_equal(nr_probe_state_get(s, &server, &series, &error), -EBADMSG);
	assert_non_null(strstr(error.text, "damaged"));
	nr_time now = nr_time_now();
	assert_true(nr_probe_state_host_due(s, &server.address, now) > now);
	assert_int_equal(truncate(place(name), 10), 0);
	assert_int_equal(nr_probe_state_get(s, &server, &series, &error), -EBADMSG);
}

/* ---- understanding ---- */

static void test_hellos(void **state)
{
	(void)state;
	uint8_t bytes[NR_PROBE_HELLOS][NR_TLS_HELLO_MAX];
	size_t lengths[NR_PROBE_HELLOS];
	for (unsigned i = 0; i < NR_PROBE_HELLOS; i++) {
		lengths[i] = nr_probe_hello_write(i, bytes[i]);
		assert_true(lengths[i] > 60);
		for (unsigned k = 0; k < i; k++)
			assert_false(lengths[i] == lengths[k] && !memcmp(bytes[i], bytes[k], lengths[i]));
	}
	/* who changes a hello makes another print: this one is nth1 */
	char hash[NR_PROBE_HASH_TEXT];
	uint8_t all[NR_PROBE_HELLOS * NR_TLS_HELLO_MAX];
	size_t length = 0;
	for (unsigned i = 0; i < NR_PROBE_HELLOS; i++) {
		memcpy(all + length, bytes[i], lengths[i]);
		length += lengths[i];
	}
	nr_probe_hash(all, length, hash);
	assert_string_equal(hash, "7dfdcfd63f70153010d1c2c57c057c336ac3c948eca7f299a911612fedcdf9a6");
}

static void test_print(void **state)
{
	(void)state;
	struct nr_probe_hello hellos[NR_PROBE_HELLOS] = {{.hello = 0}};
	char first[NR_PROBE_PRINT_TEXT], second[NR_PROBE_PRINT_TEXT];
	assert_false(nr_probe_print_write(hellos, first));
	hellos[0] = (struct nr_probe_hello){.hello = 1,
		.version = 0x0303,
		.cipher = 0xc02f,
		.extension_count = 1,
		.extensions = {0xff01}};
	hellos[9].alert = 1;
	hellos[9].alert_code = 40;
	assert_true(nr_probe_print_write(hellos, first));
	assert_string_equal(first, "nth1-0f000000000000000025-4c5fd901f324a8052333eaa08bb0f996");
	assert_true(nr_probe_print_is_one(first));
	hellos[0].extensions[0] = 0xff02;
	assert_true(nr_probe_print_write(hellos, second));
	assert_int_equal(strncmp(first + 7, second + 7, 18), 0); /* the bytes of the other nine stay */
	assert_string_not_equal(first, second);
	assert_false(nr_probe_print_is_one("nth1-"));
	first[10] = 'g';
	assert_false(nr_probe_print_is_one(first));
}

static void test_http(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		bool ended, whole, foreign;
		unsigned status, headers;
		const char *server;
	} cases[] = {
		{"", false, false, false, 0, 0, ""},
		{"HTT", false, false, false, 0, 0, ""},
		{"SSH-2.0-x", false, true, true, 0, 0, ""},
		{"HTTP/1.1 200 OK\r\nServer: nginx\r\nA: b\r\n\r\n", false, true, false, 200, 2, "nginx"},
		{"HTTP/1.0 302 Found\nserver:\t x\n\n", false, true, false, 302, 1, "x"},
		{"HTTP/1.1 200 OK\r\nServer: nginx\r\n", false, false, false, 200, 1, "nginx"},
		{"HTTP/1.1 200 OK\r\nServer: nginx\r\n", true, true, false, 200, 1, "nginx"},
		{"HTTP/1.1 2x0 OK\r\n", false, true, true, 0, 0, ""},
		{"HTTP/2.0 200 OK\r\n", false, true, true, 0, 0, ""},
		{"HTTP/1.1 200 OK\r\nServer: a\x1b[2J\r\n\r\n", false, true, false, 200, 1, "a?[2J"},
		{"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", false, true, false, 200, 1, ""},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_probe_http http = {.present = 0};
		bool whole = nr_probe_http_take(
			(const uint8_t *)cases[i].bytes, strlen(cases[i].bytes), cases[i].ended, &http);
		if (whole != cases[i].whole || http.foreign != cases[i].foreign ||
			http.status != cases[i].status || http.header_count != cases[i].headers ||
			strcmp(http.server, cases[i].server) != 0)
			fail_msg("case %zu: %d %u %u %s", i, whole, http.status, http.header_count,
				http.server);
	}
}

static void test_certificate(void **state)
{
	(void)state;
	struct nr_probe_certificate c;
	uint8_t *huge = calloc(1, 100000);
	assert_non_null(huge);
	nr_probe_certificate_take((const uint8_t *)"\x30\x03\x02\x01\x01", 5, 1, &c);
	assert_true(c.present && c.unreadable && strlen(c.sha256) == 64);
	nr_probe_certificate_take(huge, 100000, 300, &c);
	assert_true(c.unreadable && c.bytes == 100000 && c.chain == 255);
	free(huge);
}

static void test_evidence(void **state)
{
	(void)state;
	NR_AUTO(nr_probe_fingerprints_freep) struct nr_probe_fingerprints *prints = NULL;
	struct nr_probe_series series = {.server = server_of("8.8.8.8:443")};
	struct nr_probe_answers *a = &series.answers;
	struct nr_probe_evidence e;
	struct nr_error error = {0};
	char print[NR_PROBE_PRINT_TEXT], list[512];
	nr_probe_evidence_of(&series, NULL, &e);
	assert_true(e.count == 0 && e.weight == 0);
	a->hellos[0].alert = 1;
	for (unsigned i = 0; i < NR_PROBE_HEAD; i++)
		a->connections[i].end = NR_PROBE_BY_US;
	assert_true(nr_probe_series_print(&series, print));
	int n = snprintf(list, sizeof list, "{\"name\":\"Example bot\",\"print\":\"%s\"}\n", print);
	assert_int_equal(nr_file_write(place("prints"), list, (size_t)n, NULL), 0);
	assert_int_equal(nr_probe_fingerprints_read(place("prints"), &prints, &error), 0);
	nr_probe_evidence_of(&series, prints, &e);
	assert_int_equal(e.count, 1);
	assert_string_equal(e.reasons[0].code, "probe-print");
	assert_non_null(strstr(e.reasons[0].text_en, "Example bot"));
	assert_true(e.weight > 0 && e.weight <= 1.5); /* a stack is not a bot */
	a->connections[4].end = NR_PROBE_UNREACHABLE; /* not all were asked: there is no print */
	nr_probe_evidence_of(&series, prints, &e);
	assert_int_equal(e.count, 0);
	a->banner = (struct nr_probe_banner){.closed_ms = 10020};
	nr_probe_evidence_of(&series, NULL, &e);
	assert_string_equal(e.reasons[0].code, "probe-deadline");
	a->banner = (struct nr_probe_banner){.length = 8, .kept = 8, .bytes = "SSH-2.0-"};
	nr_probe_evidence_of(&series, NULL, &e);
	assert_true(e.weight < 0);
}

static void test_fingerprint_lists(void **state)
{
	(void)state;
	static const struct {
		const char *text, *wrong;
	} cases[] = {
		{"", NULL},
		{"\n\n", NULL},
		{"{\"name\":\"x\",\"print\":\"nth1-abc\"}\n", "line 1"},
		{"{\"name\":\"x\"}\n", "neither"},
		{"{\"print\":\"x\"}\n", "name"},
		{"{\"name\":\"x\",\"key_sha256\":\"AB\"}\n", "key_sha256"},
		{"[]\n", "JSON object"},
		{"{\"name\":\"x\"} {\n", "JSON object"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		NR_AUTO(nr_probe_fingerprints_freep) struct nr_probe_fingerprints *prints = NULL;
		struct nr_error error = {0};
		assert_int_equal(nr_file_write(place("list"), cases[i].text, strlen(cases[i].text), NULL), 0);
		int e = nr_probe_fingerprints_read(place("list"), &prints, &error);
		if (!cases[i].wrong != !e || (e && !strstr(error.text, cases[i].wrong)))
			fail_msg("case %zu: %s", i, error.text);
	}
}

/* What a probe prints is what detection knows. */
static void test_detection_reads_it(void **state)
{
	(void)state;
	NR_AUTO(nr_flow_known_freep) struct nr_flow_known *known = NULL;
	struct nr_probe_series series = {
		.server = server_of("8.8.8.8:443"), .begun = NOON, .last = NOON, .due = NOON};
	struct nr_probe_evidence evidence;
	struct nr_json json;
	uint64_t skipped = 1;
	series.answers.certificate.present = series.answers.certificate.self_signed = 1;
	nr_probe_evidence_of(&series, NULL, &evidence);
	assert_true(evidence.weight > 0);
	nr_json_init(&json);
	nr_probe_write(&series, &evidence, &json);
	assert_int_equal(nr_json_finish(&json, NULL), 0);
	assert_int_equal(nr_file_write(place("known"), json.bytes, json.length, NULL), 0);
	nr_json_fini(&json);
	assert_int_equal(nr_flow_known_new(&known, NULL), 0);
	assert_int_equal(nr_flow_known_read(known, place("known"), &skipped, NULL), 0);
	assert_int_equal(skipped, 0);
	const struct nr_flow_known_entry *entry =
		nr_flow_known_find(known, NR_FLOW_KNOWN_PROBED, &series.server, NOON + NR_DAY);
	assert_non_null(entry);
	assert_true(entry->weight == evidence.weight);
	assert_null(nr_flow_known_find(known, NR_FLOW_KNOWN_PROBED, &series.server, NOON + 31 * NR_DAY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_targets_of_a_file),
		cmocka_unit_test(test_allow_text),
		cmocka_unit_test(test_law),
		cmocka_unit_test(test_never_is_strict),
		cmocka_unit_test(test_time_of_the_law),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_one_person_is_one),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_damaged_state),
		cmocka_unit_test(test_hellos),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_fingerprint_lists),
		cmocka_unit_test(test_detection_reads_it),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
