/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The captures of the shared data folder against their expected values, and captures derived from them
 * (NOROSHI_SHARED, else ../shared; skipped where it is absent).
 */
#include "base/prefix_table.h"
#include "capture_file.h"
#include "hex.h"
#include <json-c/json.h>

static const char *telescope_path(const char *name, char path[static 512])
{
	const char *shared = getenv("NOROSHI_SHARED");
	snprintf(path, 512, "%s/data/telescope/%s", shared && *shared ? shared : "../shared", name);
	return path;
}

struct tally {
	uint64_t captured, ipv4, ipv6, non_ip, quotes, unknown_link, truncated, timeless;
	uint64_t protocol[256], next_header[256], flags[256], icmp_type[256];
	uint64_t fragment_first, fragment_later, udp_header, udp_from_53, ports, readable_flags;
	uint64_t syn, synack, rst, syn_1024, ttl_200, port_0, answers;
	uint64_t mirai, zmap, masscan, corsaro_masscan, zmap_windows;
};

static void tally_syn(struct tally *t, const struct nr_packet *p)
{
	uint32_t destination = nr_address_ipv4(&p->destination);
	t->syn++;
	t->syn_1024 += p->window == 1024;
	t->mirai += p->sequence == destination;
	t->zmap += p->id == 54321;
	t->masscan += p->id == (uint16_t)(destination ^ p->destination_port ^ p->sequence);
	t->corsaro_masscan += p->window == 1024 && p->ttl >= 200 && p->marks & NR_MARK_OPTIONS &&
			      p->option_kind == NR_TCP_OPTIONS_NONE;
	t->zmap_windows += p->option_kind == NR_TCP_OPTIONS_ZMAP_WINDOWS && p->window == 65535 &&
			   !(p->marks & NR_MARK_DONT_FRAGMENT);
}

static void tally_tcp(struct tally *t, const struct nr_packet *p)
{
	if (p->marks & NR_MARK_PORTS) {
		t->ports++;
		t->port_0 += p->source_port == 0 || p->destination_port == 0;
	}
	if (!(p->marks & NR_MARK_FLAGS))
		return;
	t->readable_flags++;
	t->flags[p->flags]++;
	if ((p->flags & 0x3f) == 0x02)
		tally_syn(t, p);
	t->synack += (p->flags & 0x12) == 0x12;
	t->rst += !!(p->flags & 0x04);
}

static void tally_ipv4(struct tally *t, const struct nr_packet *p)
{
	t->ipv4++;
	t->protocol[p->protocol]++;
	t->fragment_first += !!(p->marks & NR_MARK_FRAGMENT_FIRST);
	t->fragment_later += !!(p->marks & NR_MARK_FRAGMENT_LATER);
	t->ttl_200 += p->ttl >= 200 && p->protocol != NR_ICMP;
	if (p->protocol == NR_TCP)
		tally_tcp(t, p);
	if (p->protocol == NR_UDP && p->marks & NR_MARK_PORTS) {
		t->udp_header++;
		t->udp_from_53 += p->source_port == 53;
		t->answers += !!(p->marks & NR_MARK_ANSWER);
	}
	if (p->protocol == NR_ICMP && p->marks & NR_MARK_PORTS)
		t->icmp_type[p->source_port]++;
}

static void tally_frame(void *context, const struct nr_frame *frame)
{
	struct tally *t = context;
	struct nr_packet packets[2];
	size_t count;
	t->captured += frame->captured;
	switch (nr_packet_decode(frame, NULL, packets, &count)) {
	case NR_DROP_NONE:
		break;
	case NR_DROP_LINK_TYPE:
		t->unknown_link++;
		return;
	case NR_DROP_TRUNCATED:
		t->truncated++;
		return;
	default:
		t->non_ip++;
		return;
	}
	t->quotes += count == 2;
	t->timeless += !!(packets[0].marks & NR_MARK_TIMELESS);
	if (packets[0].kind == NR_PACKET_IPV4) {
		tally_ipv4(t, packets);
	} else {
		t->ipv6++;
		t->next_header[packets[0].protocol]++;
	}
}

/* The value that a counter of expected.json has here; false for those that are not about decoding. */
static bool find_counter(const struct tally *t, const struct outcome *o, const char *name, uint64_t *ret)
{
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
		{"frames", o->loss.frames},
		{"wire_bytes", o->loss.frame_bytes},
		{"captured_bytes", t->captured},
		{"ipv4", t->ipv4},
		{"ipv6", t->ipv6},
		{"non_ip", t->non_ip + t->truncated}, /* tshark has no word for frames that are too short */
		{"frag_first", t->fragment_first},
		{"frag_nonfirst", t->fragment_later},
		{"udp_first_or_whole", t->udp_header},
		{"udp_sport_53", t->udp_from_53},
		{"syn", t->syn},
		{"synack", t->synack},
		{"rst", t->rst},
		{"tcp_backscatter", t->synack + t->rst},
		{"syn_win_1024", t->syn_1024},
		{"tcp_ports_readable", t->ports},
		{"tcp_flags_readable", t->readable_flags},
		{"tcp_port_0", t->port_0},
		{"ttl_ge_200_not_icmp", t->ttl_200},
		{"rule_mirai", t->mirai},
		{"rule_zmap_ipid_54321", t->zmap},
		{"rule_masscan_id", t->masscan},
		{"rule_corsaro_masscan", t->corsaro_masscan},
		{"rule_zmap41_windows_any_mss", t->zmap_windows},
	};
	for (size_t i = 0; i < NR_COUNT(counters); i++)
		if (strcmp(name, counters[i].name) == 0) {
			*ret = counters[i].value;
			return true;
		}
	unsigned n;
	if (sscanf(name, "proto_%u", &n) == 1)
		*ret = t->protocol[n & 255];
	else if (sscanf(name, "ipv6_nxt_%u", &n) == 1)
		*ret = t->next_header[n & 255];
	else if (sscanf(name, "flags_0x%x", &n) == 1)
		*ret = t->flags[n & 255];
	else if (sscanf(name, "icmp_type_%u", &n) == 1)
		*ret = t->icmp_type[n & 255];
	else
		return false;
	return true;
}

static nr_time time_of(struct json_object *object, const char *key)
{
	nr_time time = 0;
	const char *text = json_object_get_string(json_object_object_get(object, key));
	struct nr_error error;
	if (nr_time_parse(text, &time, &error) < 0)
		fail_msg("%s", error.text);
	return time;
}

static void check_capture(const char *name, struct json_object *expected)
{
	char path[512];
	struct tally t = {0};
	struct outcome o;
	read_path(telescope_path(name, path), 100, tally_frame, &t, &o);
	if (o.code < 0 || o.damage[0])
		fail_msg("%s%s", o.error, o.damage);
	struct json_object *counts = json_object_object_get(expected, "counts");
	json_object_object_foreach(counts, key, value)
	{
		uint64_t found, wanted = (uint64_t)json_object_get_int64(value);
		if (find_counter(&t, &o, key, &found) && found != wanted)
			fail_msg("%s: %s is %llu, not %llu", name, key, (unsigned long long)found,
				(unsigned long long)wanted);
	}
	if (o.loss.first != time_of(expected, "min_time") || o.loss.last != time_of(expected, "max_time"))
		fail_msg("%s: first or last time differs", name);
	assert_int_equal(o.loss.untimed,
		json_object_get_int64(json_object_object_get(expected, "packets_without_timestamp")));
}

static bool have_shared(void)
{
	char path[512];
	if (access(telescope_path("expected.json", path), R_OK) == 0)
		return true;
	printf("skipped: no %s\n", path);
	return false;
}

static void shared_captures_as_expected(void **state)
{
	(void)state;
	char path[512];
	if (!have_shared())
		skip();
	struct json_object *root = json_object_from_file(telescope_path("expected.json", path));
	assert_non_null(root);
	size_t files = 0;
	json_object_object_foreach(json_object_object_get(root, "files"), name, expected)
	{
		check_capture(name, expected);
		files++;
	}
	assert_true(files >= 20);
	json_object_put(root);
}

static void tally_shared(const char *name, struct tally *t, struct outcome *o)
{
	char path[512];
	*t = (struct tally){0};
	read_path(telescope_path(name, path), 64, tally_frame, t, o);
	if (o->code < 0 || o->damage[0])
		fail_msg("%s%s", o->error, o->damage);
}

/* The traps of the manifest that expected.json has no numbers for. */
static void shared_captures_with_traps(void **state)
{
	(void)state;
	if (!have_shared())
		skip();
	struct tally t;
	struct outcome o;
	tally_shared("libtrace/100_sll.pcap", &t, &o);
	assert_int_equal(t.non_ip, 100);
	tally_shared("libtrace/10_packets_radiotap.pcap", &t, &o);
	assert_int_equal(t.unknown_link, 10);
	tally_shared("libtrace/provenance.erf", &t, &o);
	assert_int_equal(o.loss.dropped[NR_DROP_METADATA], 100);
	assert_int_equal(o.frames, 0);
	tally_shared("libtrace/complex.pcapng", &t, &o);
	assert_int_equal(o.loss.frames, 5);
	assert_int_equal(t.ipv4, 5);
	assert_int_equal(o.loss.untimed, 1);
	assert_int_equal(t.timeless, 1);
	tally_shared("libtrace/8021x.pcap", &t, &o);
	assert_int_equal(t.truncated, 2);
	tally_shared("libtrace/fragtest.erf.gz", &t, &o);
	assert_int_equal(t.quotes, 22);
	tally_shared("stopddos/amp.dns.RRSIG.fragmented.pcap", &t, &o);
	assert_in_range(t.answers, 483, 570);
	static const char *const same[] = {"libtrace/5_packets.erf.bz2", "libtrace/5_packets.erf.xz"};
	for (size_t i = 0; i < NR_COUNT(same); i++) {
		tally_shared(same[i], &t, &o);
		assert_int_equal(t.ipv4, 5);
		assert_int_equal(t.syn, 2);
		assert_int_equal(o.loss.frame_bytes, 1225);
	}
}

/* --- derived from a shared capture: other byte order, SLL2, raw IP, GRE, ERSPAN --- */

struct derived {
	const char *name;
	uint32_t link;
	size_t strip;       /* bytes of the Ethernet frame that go */
	const char *header; /* that come instead */
};

#define GRE_IP(rest)                                                                                         \
	"02 00 00 00 00 01 02 00 00 00 00 02 08 00 45 00 00 00 00 00 00 00 40 2f 00 00 cb 00 71 01 cb 00 "   \
	"71 02 " rest

static const struct derived derived[] = {
	{"byte order alone", 1, 0, ""},
	{"SLL2", 276, 14, "08 00 00 00 00 00 00 02 00 01 00 06 02 00 00 00 00 01 00 00"},
	{"raw IP", 101, 14, ""},
	{"GRE", 1, 14, GRE_IP("30 00 08 00 00 00 00 01 00 00 00 02")},
	{"ERSPAN II", 1, 0, GRE_IP("10 00 88 be 00 00 00 01 10 00 00 00 00 00 00 00")},
};

struct rewrite {
	struct derived form;
	uint8_t *out;
	size_t length;
	struct tally tally;
	const struct nr_prefix_table *ends;
};

static void put_big(struct rewrite *r, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(r->out + r->length, &value, 4);
	r->length += 4;
}

static void rewrite_frame(void *context, const struct nr_frame *frame)
{
	struct rewrite *r = context;
	uint8_t header[128];
	size_t header_length = hex_parse(r->form.header, header, sizeof header);
	uint32_t more = (uint32_t)(header_length - r->form.strip);
	put_big(r, (uint32_t)(frame->time / NR_SECOND));
	put_big(r, (uint32_t)(frame->time % NR_SECOND));
	put_big(r, frame->captured + more);
	put_big(r, frame->wire + more);
	memcpy(r->out + r->length, header, header_length);
	r->length += header_length;
	memcpy(r->out + r->length, frame->data + r->form.strip, frame->captured - r->form.strip);
	r->length += frame->captured - r->form.strip;
}

static void tally_derived(void *context, const struct nr_frame *frame)
{
	struct rewrite *r = context;
	struct nr_packet packets[2];
	size_t count;
	assert_int_equal(nr_packet_decode(frame, r->ends, packets, &count), NR_DROP_NONE);
	tally_ipv4(&r->tally, packets);
}

static struct nr_prefix_table *tunnel_ends(void)
{
	struct nr_prefix_table *ends;
	struct nr_prefix end = {nr_address_from_ipv4(0xcb007102), 128};
	assert_int_equal(nr_prefix_table_new(&ends, NULL), 0);
	assert_int_equal(nr_prefix_table_add(ends, &end, 1, NULL), 0);
	assert_int_equal(nr_prefix_table_seal(ends, NULL), 0);
	return ends;
}

static void derived_captures_count_the_same(void **state)
{
	(void)state;
	if (!have_shared())
		skip();
	struct nr_prefix_table *ends = tunnel_ends();
	struct tally t;
	struct outcome o;
	char path[512];
	tally_shared("libtrace/100_packets.pcap", &t, &o);
	for (size_t i = 0; i < NR_COUNT(derived); i++) {
		struct rewrite r = {.form = derived[i], .out = malloc(65536), .ends = ends};
		assert_non_null(r.out);
		put_big(&r, 0xa1b2c3d4);
		put_big(&r, 2 << 16 | 4);
		put_big(&r, 0);
		put_big(&r, 0);
		put_big(&r, 65535);
		put_big(&r, derived[i].link);
		read_path(telescope_path("libtrace/100_packets.pcap", path), 64, rewrite_frame, &r, &o);
		struct file file = file_of(r.out, r.length);
		read_path(file.path, 64, tally_derived, &r, &o);
		close(file.fd);
		free(r.out);
		r.tally.captured = t.captured;
		if (o.frames != 100 || memcmp(&r.tally, &t, sizeof t) != 0)
			fail_msg("%s: counts differ", derived[i].name);
	}
	nr_prefix_table_free(ends);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_captures_as_expected),
		cmocka_unit_test(shared_captures_with_traps),
		cmocka_unit_test(derived_captures_count_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
