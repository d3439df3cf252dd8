/* SPDX-License-Identifier: Apache-2.0 */
/* Who is the server, and what a record says of its connection. */
#include "detect_rig.h"

#include "sense/flow/detect/table/orient.h"

#define CLIENT 0x0a000001u /* 10.0.0.1 */
#define SERVER 0xc6336407u /* 198.51.100.7 */

static void setup(struct nr_flow_orient *orient, const char *own)
{
	struct nr_flow_hash_key key;
	struct nr_prefix prefix;
	assert_int_equal(nr_flow_hash_key_new(&key, NULL), 0);
	if (own)
		assert_int_equal(nr_prefix_parse(own, &prefix, NULL), 0);
	assert_int_equal(nr_flow_orient_init(orient, &key, &prefix, own != NULL, 1 << 20, NULL), 0);
}

static enum nr_flow_row orient(
	struct nr_flow_orient *o, const struct row *row, bool learn, struct nr_flow_talk *talk)
{
	struct nr_flow_block *block = block_new();
	struct nr_flow_view view;
	assert_true(block_add(block, row));
	nr_flow_view_init(&view, block);
	enum nr_flow_row kind = nr_flow_orient_row(o, &view, 0, learn, talk);
	nr_flow_block_free(block);
	return kind;
}

static void test_order_of_evidence(void **state)
{
	(void)state;
	static const struct {
		const char *what, *own;
		struct row row;
		bool source_is_server;
		uint8_t by, sides;
	} cases[] = {
		{"a biflow's initiator, whatever the ports", NULL,
			{SERVER, CLIENT, 80, 50000, TCP, ACK, ACK, NR_FLOW_MARK_BIFLOW, 2, 200, 2, 200},
			false, NR_FLOW_BY_INITIATOR, 3},
		{"SYN alone, from a known port: a scanner that keeps its port", NULL,
			{SERVER, CLIENT, 80, 50000, TCP, SYN, .packets = 1, .bytes = 40}, false,
			NR_FLOW_BY_SYN, 1},
		{"SYN and ACK in one packet: the server answers", NULL,
			{SERVER, CLIENT, 50001, 50000, TCP, SYN | ACK, .packets = 1, .bytes = 44}, true,
			NR_FLOW_BY_SYN, 2},
		{"SYN and ACK of a whole connection say nothing", NULL,
			{CLIENT, SERVER, 50000, 443, TCP, SYN | ACK | PSH, .packets = 9, .bytes = 900}, false,
			NR_FLOW_BY_KNOWN_PORT, 1},
		{"the way back of it", NULL,
			{SERVER, CLIENT, 443, 50000, TCP, SYN | ACK | PSH, .packets = 9, .bytes = 900}, true,
			NR_FLOW_BY_KNOWN_PORT, 2},
		{"a known port above 1024 against a high one", NULL,
			{SERVER, CLIENT, 8883, 40000, UDP, .packets = 1, .bytes = 90}, true,
			NR_FLOW_BY_KNOWN_PORT, 2},
		{"a well known port against a known one", NULL,
			{CLIENT, SERVER, 8080, 53, UDP, .packets = 1, .bytes = 90}, false,
			NR_FLOW_BY_KNOWN_PORT, 1},
		{"both high: who lies in an own network is the client", "10.0.0.0/8",
			{SERVER, CLIENT, 50011, 50003, UDP, .packets = 1, .bytes = 90}, true,
			NR_FLOW_BY_CLIENT, 2},
		{"both high: a pseudonym is a client", NULL,
			{SERVER, CLIENT, 50011, 50003, UDP, .marks = NR_FLOW_MARK_DESTINATION_CLIENT,
				.packets = 1, .bytes = 90},
			true, NR_FLOW_BY_CLIENT, 2},
		{"a pseudonym that is called by SYN is a server all the same", NULL,
			{SERVER, CLIENT, 50011, 23, TCP, SYN, .marks = NR_FLOW_MARK_DESTINATION_CLIENT,
				.packets = 1, .bytes = 40},
			false, NR_FLOW_BY_SYN, 1},
		{"both sides own: the port that systems do not give to clients", "0.0.0.0/0",
			{CLIENT, SERVER, 50011, 20000, UDP, .packets = 1, .bytes = 90}, false,
			NR_FLOW_BY_SMALLER_PORT, 1},
		{"nothing to go by: a guess", NULL,
			{CLIENT, SERVER, 50011, 50003, UDP, .packets = 1, .bytes = 90}, false,
			NR_FLOW_BY_ORDER, 1},
		{"the same guess on the way back", NULL,
			{SERVER, CLIENT, 50003, 50011, UDP, .packets = 1, .bytes = 90}, true,
			NR_FLOW_BY_ORDER, 2},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_flow_orient o;
		struct nr_flow_talk talk;
		setup(&o, cases[i].own);
		print_message("%s\n", cases[i].what);
		assert_int_equal(orient(&o, &cases[i].row, false, &talk), NR_FLOW_ROW_TALK);
		bool back = cases[i].source_is_server;
		const struct row *row = &cases[i].row;
		assert_int_equal(
			nr_address_ipv4(&talk.server.address), back ? row->source : row->destination);
		assert_int_equal(nr_address_ipv4(&talk.client), back ? row->destination : row->source);
		assert_int_equal(talk.server.port, back ? row->source_port : row->destination_port);
		assert_int_equal(talk.client_port, back ? row->destination_port : row->source_port);
		assert_int_equal(talk.oriented, cases[i].by);
		assert_int_equal(talk.sides, cases[i].sides);
		assert_int_equal(back ? talk.down_bytes : talk.up_bytes, row->bytes);
		nr_flow_orient_fini(&o);
	}
}

static void test_rows_without_servers(void **state)
{
	(void)state;
	static const struct {
		struct row row;
		enum nr_flow_row kind;
	} cases[] = {
		{{CLIENT, SERVER, 0, 0x0800, 1, .packets = 1, .bytes = 84}, NR_FLOW_ROW_HOSTS}, /* ICMP */
		{{CLIENT, SERVER, 0, 0, UDP, .packets = 1, .bytes = 84}, NR_FLOW_ROW_HOSTS}, /* a fragment */
		{{CLIENT, SERVER, 0, 0, 47, .packets = 1, .bytes = 84}, NR_FLOW_ROW_HOSTS},  /* GRE */
		{{CLIENT, SERVER, 1, 2, TCP, .marks = NR_FLOW_MARK_EVENT}, NR_FLOW_ROW_IGNORED},
		{{CLIENT, SERVER, 1, 2, TCP, .event = 4}, NR_FLOW_ROW_IGNORED},
		{{CLIENT, SERVER, 1, 2, 0, .packets = 1}, NR_FLOW_ROW_IGNORED},
	};
	struct nr_flow_orient o;
	setup(&o, NULL);
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_flow_talk talk;
		assert_int_equal(orient(&o, &cases[i].row, true, &talk), cases[i].kind);
	}
	nr_flow_orient_fini(&o);
}

/* Of two high ports the one that many come to is the server's, once it is known; and it is forgotten. */
static void test_peers(void **state)
{
	(void)state;
	struct nr_flow_orient o;
	struct nr_flow_talk talk;
	setup(&o, NULL);
	nr_flow_orient_hour(&o, 1);
	for (uint32_t i = 0; i < 20; i++) {
		const struct row row = {
			CLIENT + i, SERVER, (uint16_t)(40000 + i), 60000, UDP, .packets = 1, .bytes = 90};
		orient(&o, &row, true, &talk);
	}
	const struct row back = {SERVER, CLIENT, 60000, 40007, UDP, .packets = 1, .bytes = 90};
	assert_int_equal(orient(&o, &back, false, &talk), NR_FLOW_ROW_TALK);
	assert_int_equal(talk.oriented, NR_FLOW_BY_PEERS);
	assert_int_equal(talk.server.port, 60000);
	nr_flow_orient_hour(&o, 2); /* the hour before still counts */
	orient(&o, &back, false, &talk);
	assert_int_equal(talk.oriented, NR_FLOW_BY_PEERS);
	nr_flow_orient_hour(&o, 3);
	nr_flow_orient_hour(&o, 4);
	orient(&o, &back, false, &talk);
	assert_int_equal(talk.oriented, NR_FLOW_BY_ORDER);
	nr_flow_orient_fini(&o);
}

static void test_connections(void **state)
{
	(void)state;
	const uint16_t both = NR_FLOW_MARK_BIFLOW;
	const struct {
		const char *what;
		struct row row;
		bool refused, established;
	} cases[] = {
		{"SYN, nobody answers", {CLIENT, SERVER, 50000, 443, TCP, SYN, .packets = 1, .bytes = 40},
			true, false},
		{"SYN, RST comes back", {CLIENT, SERVER, 50000, 443, TCP, SYN, RST | ACK, both, 1, 60, 1, 40},
			true, false},
		{"the RST alone", {SERVER, CLIENT, 443, 50000, TCP, RST | ACK, .packets = 1, .bytes = 40},
			true, false},
		{"a connection",
			{CLIENT, SERVER, 50000, 443, TCP, SYN | ACK | PSH | FIN, SYN | ACK | PSH, both, 9,
				2000, 9, 8000},
			false, true},
		{"its client's record",
			{CLIENT, SERVER, 50000, 443, TCP, SYN | ACK | PSH, .packets = 9, .bytes = 2000},
			false, true},
		{"without PSH, by its bytes",
			{CLIENT, SERVER, 50000, 443, TCP, ACK, .packets = 2, .bytes = 2000}, false, true},
		{"an ACK without payload proves nothing",
			{CLIENT, SERVER, 50000, 443, TCP, ACK, .packets = 1, .bytes = 40}, false, false},
		{"the exporter dropped it",
			{CLIENT, SERVER, 50000, 443, TCP, SYN | ACK | PSH, .marks = NR_FLOW_MARK_DISCARDED,
				.packets = 9, .bytes = 2000},
			true, false},
		{"UDP, one way: not known", {CLIENT, SERVER, 50000, 53, UDP, .packets = 1, .bytes = 70},
			false, false},
		{"UDP, both ways, no answer",
			{CLIENT, SERVER, 50000, 53, UDP, .marks = both, .packets = 1, .bytes = 70}, true,
			false},
		{"UDP, answered", {CLIENT, SERVER, 50000, 53, UDP, 0, 0, both, 1, 70, 1, 300}, false, true},
	};
	struct nr_flow_orient o;
	setup(&o, NULL);
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_flow_talk talk;
		print_message("%s\n", cases[i].what);
		assert_int_equal(orient(&o, &cases[i].row, false, &talk), NR_FLOW_ROW_TALK);
		assert_int_equal(talk.server.port, cases[i].row.protocol == UDP ? 53 : 443);
		assert_int_equal(nr_flow_talk_is_refused(&talk), cases[i].refused);
		assert_int_equal(nr_flow_talk_is_established(&talk), cases[i].established);
	}
	nr_flow_orient_fini(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_of_evidence),
		cmocka_unit_test(test_rows_without_servers),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_connections),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
