/* SPDX-License-Identifier: Apache-2.0 */
/* What stands around the shares: descriptions of groups, secrets, findings. */
#include "base/file.h"
#include "exchange.h"
#include "sense/flow/exchange/box.h"

/* ---- groups ---- */

static void group_text(char text[static NR_EXCHANGE_GROUP_MAX])
{
	char keys[3][NR_NOTE_VKEY_TEXT];
	const char *const names[] = {"isac.example", "a.example", "b.example"};
	const char *const parties[] = {keys[1], keys[2]};
	for (unsigned i = 0; i < 3; i++)
		EVP_PKEY_free(key_make(names[i], keys[i]));
	const struct nr_exchange_group_conf conf = {.name = "japan-1",
		.threshold = 2,
		.candidates = 1000000,
		.retention = 30,
		.collector = keys[0],
		.parties = parties,
		.party_count = 2};
	assert_int_equal(nr_exchange_group_write(&conf, text, NULL), 0);
}

static void test_group_there_and_back(void **state)
{
	(void)state;
	char text[NR_EXCHANGE_GROUP_MAX];
	struct nr_exchange_group group;
	group_text(text);
	assert_int_equal(nr_exchange_group_parse(text, strlen(text), &group, NULL), 0);
	assert_string_equal(group.name, "japan-1");
	assert_int_equal(group.party_count, 2);
	assert_int_equal(group.bins, 1600000);
	assert_string_equal(group.parties[1].name, "b.example");
	assert_int_equal(nr_exchange_group_party(&group, &group.parties[1]), 2);
	assert_int_equal(nr_exchange_group_party(&group, &group.collector), 0);
	assert_true(nr_exchange_offer_bytes(&group) <= 200000000); /* what a carrier sends in a day */
	assert_true(nr_exchange_false_meetings(&group) < 1e-10);
	nr_exchange_group_fini(&group);
	assert_int_equal(nr_exchange_choices(5, 2), 10);
	assert_int_equal(nr_exchange_choices(16, 8), 12870);
	assert_int_equal(nr_exchange_choices(4, 4), 1);
}

static void replace(char *text, const char *what, const char *by)
{
	char copy[NR_EXCHANGE_GROUP_MAX];
	char *at = strstr(text, what);
	assert_non_null(at);
	snprintf(copy, sizeof copy, "%s", at + strlen(what));
	snprintf(at, NR_EXCHANGE_GROUP_MAX - (size_t)(at - text), "%s%s", by, copy);
}

static void test_groups_that_are_none(void **state)
{
	(void)state;
	static const struct {
		const char *what, *by;
	} cases[] = {
		{"group v1", "group v2"},
		{"name japan-1", "name japan 1"},
		{"name japan-1", "name ../x"},
		{"name japan-1\n", ""},
		{"purpose c2-detection", "purpose marketing"},
		{"threshold 2", "threshold 1"},
		{"threshold 2", "threshold 3"},
		{"threshold 2", "threshold 02"},
		{"threshold 2", "threshold -2"},
		{"candidates 1000000", "candidates 0"},
		{"candidates 1000000", "candidates 4194305"},
		{"candidates 1000000", "candidates 18446744073709551616"},
		{"retention 30", "retention 0"},
		{"retention 30", "retention 91"},
		{"collector isac", "collector x"},
		{"party a", "party b"},
		{"party b", "parties b"},
	};
	char text[NR_EXCHANGE_GROUP_MAX];
	struct nr_exchange_group group;
	struct nr_error error;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		group_text(text);
		replace(text, cases[i].what, cases[i].by);
		if (nr_exchange_group_parse(text, strlen(text), &group, &error) != -EBADMSG)
			fail_msg("%s", cases[i].by);
	}
	group_text(text);
	for (size_t cut = 1; cut < strlen(text); cut++)
		assert_int_equal(nr_exchange_group_parse(text, strlen(text) - cut, &group, &error), -EBADMSG);
	strcat(text, "more\n");
	assert_int_equal(nr_exchange_group_parse(text, strlen(text), &group, &error), -EBADMSG);
}

/* ---- secrets ---- */

static void test_secret_goes_forward_alone(void **state)
{
	(void)state;
	struct house h;
	struct nr_exchange_secret a, b;
	struct nr_error error = {0};
	char path[128];
	house_init(&h, 2, 2, 10);
	place(&h, 1, ".other", path);
	assert_int_equal(nr_exchange_secret_make(path, &h.group, DAY, NULL), 0);
	assert_int_equal(nr_exchange_secret_make(path, &h.group, DAY, &error), -EEXIST);
	assert_int_equal(nr_exchange_secret_read(path, &h.group, &a, NULL), 0);
	assert_int_equal(a.day, DAY);
	assert_int_equal(a.offered, NR_EXCHANGE_NO_DAY);
	b = a;
	for (int32_t day = DAY; day <= DAY + 5; day++)
		assert_int_equal(nr_exchange_secret_forward(&a, day, NULL), 0);
	assert_memory_not_equal(a.key, b.key, sizeof a.key);
	assert_int_equal(nr_exchange_secret_forward(&b, DAY + 5, NULL), 0);
	assert_memory_equal(a.key, b.key, sizeof a.key);
	assert_int_equal(nr_exchange_secret_forward(&a, DAY + 4, &error), -ENOKEY);
	assert_int_equal(nr_exchange_secret_forward(&a, DAY + 10000, &error), -EINVAL);
	a.offered = DAY + 3;
	assert_int_equal(nr_exchange_secret_keep(path, &a, NULL), 0);
	assert_int_equal(nr_exchange_secret_read(path, &h.group, &b, NULL), 0);
	assert_memory_equal(&a, &b, sizeof a);
	house_fini(&h);
}

/* What the file held is gone from its blocks, for who had it open, too. */
static void test_secret_is_overwritten(void **state)
{
	(void)state;
	struct house h;
	struct nr_exchange_secret secret;
	char path[128], bytes[512];
	house_init(&h, 2, 2, 10);
	place(&h, 1, ".other", path);
	assert_int_equal(nr_exchange_secret_make(path, &h.group, DAY, NULL), 0);
	FILE *old = fopen(path, "re");
	assert_non_null(old);
	assert_int_equal(nr_exchange_secret_read(path, &h.group, &secret, NULL), 0);
	assert_int_equal(nr_exchange_secret_forward(&secret, DAY + 1, NULL), 0);
	assert_int_equal(nr_exchange_secret_keep(path, &secret, NULL), 0);
	size_t length = fread(bytes, 1, sizeof bytes, old);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(bytes[i], 0);
	assert_true(length > 100);
	fclose(old);
	house_fini(&h);
}

static void test_secrets_that_are_refused(void **state)
{
	(void)state;
	struct house h, other;
	struct nr_exchange_secret secret;
	struct nr_error error;
	char path[128];
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	house_init(&h, 2, 2, 10);
	house_init(&other, 2, 2, 10);
	place(&h, 1, ".other", path);
	assert_int_equal(nr_exchange_secret_make(path, &h.group, DAY, NULL), 0);
	assert_int_equal(nr_exchange_secret_read(path, &other.group, &secret, &error), -EBADMSG);
	assert_non_null(strstr(error.text, "another group"));
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(nr_exchange_secret_read(path, &h.group, &secret, &error), -EPERM);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(nr_file_read(path, 512, &bytes, &length, NULL), 0);
	for (size_t cut = 1; cut <= length; cut += 5) {
		assert_int_equal(nr_file_write(path, bytes, length - cut, NULL), 0);
		assert_int_equal(nr_exchange_secret_read(path, &h.group, &secret, &error), -EBADMSG);
	}
	assert_int_equal(nr_exchange_secret_read("/nowhere", &h.group, &secret, &error), -ENOENT);
	assert_int_equal(nr_exchange_secret_read(NULL, &h.group, &secret, &error), -EINVAL);
	house_fini(&h);
	house_fini(&other);
}

/* ---- findings ---- */

static struct nr_c2_list *list_make(void)
{
	struct nr_c2_list *list = NULL;
	struct nr_prefix own;
	assert_int_equal(nr_prefix_parse("198.51.100.0/24", &own, NULL), 0);
	assert_int_equal(nr_c2_list_new(&own, 1, &list, NULL), 0);
	return list;
}

#define SERVER(address)                                                                                      \
	"{\"kind\":\"c2-server\",\"subject\":\"" address "\",\"port\":443,\"protocol\":\"tcp\"}"

static void test_findings_that_are_no_candidates(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		size_t offset; /* of the counter that counts it; 0: a candidate */
	} cases[] = {
#define COUNTS(field) offsetof(struct nr_exchange_candidates, field)
		{SERVER("203.0.113.9"), 0},
		{SERVER("2001:db8::9"), 0},
		{SERVER("198.51.100.9"), COUNTS(refused)}, /* own */
		{SERVER("192.168.1.9"), COUNTS(refused)},  /* for private use */
		{SERVER("100::5a1c:1"), COUNTS(refused)},  /* a pseudonym */
		{SERVER("::ffff:198.51.100.9"), COUNTS(refused)},
		{SERVER("224.0.0.1"), COUNTS(refused)},
		{SERVER("203.0.113"), COUNTS(unreadable)},
		{"{\"kind\":\"infected-host\",\"subject\":\"198.51.100.9\"}", COUNTS(other_kinds)},
		{"{\"summary\":{}}", COUNTS(other_kinds)},
		{"{\"kind\":7}", COUNTS(other_kinds)},
		{"{\"kind\":\"c2-server\"}", COUNTS(unreadable)},
		{"{\"kind\":\"c2-server\",\"subject\":\"203.0.113.9\",\"port\":0,\"protocol\":\"tcp\"}",
			COUNTS(unreadable)},
		{"{\"kind\":\"c2-server\",\"subject\":\"203.0.113.9\",\"port\":65536,\"protocol\":\"tcp\"}",
			COUNTS(unreadable)},
		{"{\"kind\":\"c2-server\",\"subject\":\"203.0.113.9\",\"port\":1.5,\"protocol\":\"tcp\"}",
			COUNTS(unreadable)},
		{"{\"kind\":\"c2-server\",\"subject\":\"203.0.113.9\",\"port\":1,\"protocol\":\"icmp\"}",
			COUNTS(unreadable)},
		{"{\"kind\":\"c2-server\",\"subject\":\"203.0.113.9\",\"port\":1,\"protocol\":\"tcp\","
		 "\"confidence\":2}",
			COUNTS(unreadable)},
		{"{\"kind\":\"c2-server\",\"subject\":\"203.0.113.9\",\"port\":1,\"protocol\":\"tcp\",\"last_"
		 "seen\":\"x\"}",
			COUNTS(unreadable)},
		{"{\"kind\":\"c2-server\",\"subject\":\"203.0.113.9\",\"port\":1,\"protocol\":\"tcp\",\"last_"
		 "seen\":"
		 "\"2026-11-22T23:59:59Z\"}",
			COUNTS(other_days)},
		{"{\"kind\":\"c2-server\",\"subject\":\"203.0.113.9\",\"port\":1,\"protocol\":\"tcp\","
		 "\"first_seen\":"
		 "\"2026-11-24T00:00:00Z\"}",
			COUNTS(other_days)},
		{"{\"kind\":\"c2-server\",\"subject\":\"203.0.113.9\",\"port\":1,\"protocol\":\"tcp\","
		 "\"first_seen\":"
		 "\"2026-11-22T00:00:00Z\",\"last_seen\":\"2026-11-24T10:00:00Z\"}",
			0},
		{"[]", COUNTS(unreadable)},
		{"", COUNTS(unreadable)},
		{"{", COUNTS(unreadable)},
		{"{}x", COUNTS(unreadable)},
		{"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", COUNTS(unreadable)},
		{"\xff\xfe", COUNTS(unreadable)},
	};
	struct nr_c2_list *list = list_make();
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_exchange_candidates c = {.count = 0};
		assert_int_equal(
			nr_exchange_candidates_add(&c, cases[i].line, strlen(cases[i].line), list, DAY, NULL),
			0);
		uint64_t counted = cases[i].offset ? *(uint64_t *)((char *)&c + cases[i].offset) : c.count;
		if (counted != 1 || c.count != !cases[i].offset)
			fail_msg("%s: %s", cases[i].line, c.trouble);
		nr_exchange_candidates_fini(&c);
	}
	nr_c2_list_free(list);
}

static void test_what_is_taken_from_a_finding(void **state)
{
	(void)state;
	static const char line[] = "{\"kind\":\"c2-server\",\"subject\":\"203.0.113.9\",\"port\":8443,"
				   "\"protocol\":\"udp\",\"confidence\":0.25,"
				   "\"clients\":37,\"reasons\":[{\"code\":\"comb\",\"weight\":3.5},{\"code\":"
				   "\"sizes\",\"weight\":-1},"
				   "{\"code\":\"synchrony\",\"weight\":0.5},{\"code\":\"198.51.100.9\","
				   "\"weight\":\"7\"}],\"alarm\":true}";
	struct nr_c2_list *list = list_make();
	struct nr_exchange_candidates c = {.count = 0};
	assert_int_equal(nr_exchange_candidates_add(&c, line, strlen(line), list, DAY, NULL), 0);
	assert_int_equal(c.count, 1);
	assert_int_equal(c.items[0].port, 8443);
	assert_int_equal(c.items[0].protocol, 17);
	assert_int_equal(c.items[0].llr, 24); /* 3 nats */
	assert_int_equal(c.items[0].clients, NR_C2_CLIENTS_10);
	assert_int_equal(c.items[0].reasons, NR_C2_BEACON | NR_C2_SYNCHRONY);
	assert_true(c.items[0].alarm);
	/* the word that travels has these two alone, and reads back */
	for (int llr = -128; llr < 128; llr++)
		for (uint8_t clients = 0; clients < NR_C2_CLIENT_BUCKETS; clients++) {
			int8_t got;
			uint8_t step;
			assert_true(
				nr_exchange_word_read(nr_exchange_word((int8_t)llr, clients), &got, &step));
			assert_int_equal(got, llr);
			assert_int_equal(step, clients);
		}
	int8_t llr;
	uint8_t clients;
	assert_false(nr_exchange_word_read(NR_C2_CLIENT_BUCKETS << 8, &llr, &clients));
	assert_false(nr_exchange_word_read(0xffff, &llr, &clients));
	nr_exchange_candidates_fini(&c);
	nr_c2_list_free(list);
}

/* A file of several steps, read by one thread and by three: the same candidates, counts and first trouble. */
static void test_files_read_together(void **state)
{
	(void)state;
	struct house h;
	char path[128];
	struct nr_c2_list *list = list_make();
	house_init(&h, 2, 2, 10);
	FILE *file = fopen(place(&h, 1, ".other", path), "we");
	assert_non_null(file);
	for (unsigned i = 0; i < 40000; i++) {
		if (i % 1000 == 7)
			fputs("\r\n", file);
		if (i == 31000 || i == 35000)
			fputs("no finding\n", file);
		fprintf(file,
			"{\"kind\":\"c2-server\",\"subject\":\"20.0.%u.%u\",\"port\":443,\"protocol\":"
			"\"tcp\","
			"\"confidence\":0.1,\"note\":\"%*s\"}%s",
			i / 200, i % 200 + 1, (int)(i * 37 % 300), "",
			i == 39999 ? ""
			: i % 3    ? "\n"
				   : "\r\n");
	}
	fclose(file);
	for (unsigned members = 1; members <= 3; members += 2) {
		struct nr_exchange_candidates c = {.count = 0};
		NR_AUTO(nr_crew_freep) struct nr_crew *crew = NULL;
		assert_int_equal(nr_crew_new(members, &crew, NULL), 0);
		assert_int_equal(nr_exchange_candidates_read(&c, path, list, DAY, crew, NULL), 0);
		assert_int_equal(c.count, 40000);
		assert_int_equal(c.unreadable, 2);
		assert_int_equal(c.trouble_line, 31000 + 31 + 1); /* empty lines count */
		assert_int_equal(c.lines, 40042);
		assert_non_null(strstr(c.trouble_path, "1.other"));
		for (unsigned i = 0; i < 40000; i++)
			assert_int_equal(c.items[i].address.octets[15], i % 200 + 1);
		nr_exchange_candidates_fini(&c);
	}
	struct nr_error error = {0};
	struct nr_exchange_candidates c = {.count = 0};
	file = fopen(path, "we"); /* one line of more than a finding can have */
	for (unsigned i = 0; i < 6u << 20; i++)
		putc('x', file);
	fclose(file);
	assert_int_equal(nr_exchange_candidates_read(&c, path, list, DAY, NULL, &error), -EBADMSG);
	assert_non_null(strstr(error.text, "line 1"));
	nr_exchange_candidates_fini(&c);
	nr_c2_list_free(list);
	house_fini(&h);
}

static void test_the_strongest_stay(void **state)
{
	(void)state;
	struct nr_exchange_candidates c = {.count = 0};
	for (uint32_t n = 0; n < 100; n++)
		add(&c, server_of(n, n % 10, 0.1));
	add(&c, server_of(5, 9, 0.1));
	add(&c, server_of(7, 1, 0.1));
	nr_exchange_candidates_settle(&c, 20);
	assert_int_equal(c.twice, 2);
	assert_int_equal(c.beyond, 80);
	assert_int_equal(c.count, 20);
	for (size_t i = 0; i < c.count; i++) {
		assert_true(c.items[i].llr >= 8 / NR_EXCHANGE_LLR_STEP);
		if (i)
			assert_true(memcmp(&c.items[i - 1].address, &c.items[i].address, 16) <= 0);
	}
	nr_exchange_candidates_fini(&c);
}

/* ---- letters and the collector's box ---- */

static int tell(struct nr_exchange_box *box, const struct house *h, const struct nr_exchange_letter *letter,
	EVP_PKEY *key, nr_time now, uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	assert_int_equal(nr_exchange_letter_write(&h->group, letter, key, &bytes, &length, NULL), 0);
	return nr_exchange_box_answer(box, bytes, length, now, ret_bytes, ret_length, error);
}

static void test_letters_that_are_refused(void **state)
{
	(void)state;
	struct house h;
	uint8_t data[40] = {1, 2, 3};
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	struct nr_exchange_letter read;
	house_init(&h, 2, 2, 1);
	const nr_time now = DAY * NR_DAY;
	const struct nr_exchange_letter letter = {.kind = NR_EXCHANGE_LETTER_PART,
		.party = 2,
		.day = DAY,
		.offset = 4194304,
		.time = now,
		.data = data,
		.length = sizeof data};
	assert_int_equal(nr_exchange_letter_write(&h.group, &letter, h.keys[1], &bytes, &length, NULL), 0);
	assert_int_equal(nr_exchange_letter_read(&h.group, bytes, length, now, &read, NULL), 0);
	assert_int_equal(read.offset, 4194304);
	assert_int_equal(read.day, DAY);
	assert_int_equal(read.length, sizeof data);
	assert_memory_equal(read.data, data, sizeof data);
	for (size_t i = 0; i < length; i++) { /* whatever bit of it */
		bytes[i] ^= 0x10;
		int e = nr_exchange_letter_read(&h.group, bytes, length, now, &read, NULL);
		assert_true(e == -EBADMSG || e == -EKEYREJECTED);
		bytes[i] ^= 0x10;
	}
	for (size_t cut = 1; cut <= length; cut++) {
		int e = nr_exchange_letter_read(&h.group, bytes, length - cut, now, &read, NULL);
		assert_true(e == -EBADMSG || e == -EKEYREJECTED);
	}
	assert_int_equal(
		nr_exchange_letter_read(&h.group, bytes, length, now + 14 * NR_MINUTE, &read, NULL), 0);
	assert_int_equal(
		nr_exchange_letter_read(&h.group, bytes, length, now + 16 * NR_MINUTE, &read, NULL), -ETIME);
	assert_int_equal(
		nr_exchange_letter_read(&h.group, bytes, length, now - 16 * NR_MINUTE, &read, NULL), -ETIME);
	house_fini(&h);
}

static void test_box_takes_what_an_offer_has(void **state)
{
	(void)state;
	struct house h;
	NR_AUTO(nr_exchange_box_closep) struct nr_exchange_box *box = NULL;
	struct nr_exchange_candidates set = {.count = 0};
	struct nr_exchange_joined joined;
	struct nr_error error = {0};
	NR_AUTO(nr_freep) uint8_t *reply = NULL;
	char folder[80], path[128];
	size_t length = 0;
	uint64_t files = 0;
	const nr_time now = (DAY + 1) * NR_DAY;
	house_init(&h, 2, 2, 100);
	snprintf(folder, sizeof folder, "%s/box", h.folder);
	assert_int_equal(nr_exchange_box_open(folder, &h.group, &box, NULL), 0);
	for (uint32_t n = 0; n < 30; n++)
		add(&set, server_of(n, 1, 0.1));
	for (unsigned party = 1; party <= 2; party++) {
		NR_AUTO(nr_freep) uint8_t *bytes = NULL;
		size_t whole;
		offer(&h, party, &set);
		assert_int_equal(
			nr_file_read(place(&h, party, ".offer", path), 1 << 20, &bytes, &whole, NULL), 0);
		const struct nr_exchange_letter part = {.kind = NR_EXCHANGE_LETTER_PART,
			.party = party,
			.day = DAY,
			.time = now,
			.data = bytes,
			.length = whole};
		const struct nr_exchange_letter end = {
			.kind = NR_EXCHANGE_LETTER_WHOLE, .party = party, .day = DAY, .time = now};
		struct nr_exchange_letter wrong = part;
		EVP_PKEY *key = h.keys[party - 1];
		assert_int_equal(
			tell(box, &h, &end, key, now, &reply, &length, &error), -EBADMSG); /* no part yet */
		wrong.length--;
		assert_int_equal(tell(box, &h, &wrong, key, now, &reply, &length, &error), -ERANGE);
		wrong = part;
		wrong.offset = NR_EXCHANGE_PART_BYTES; /* behind its end */
		assert_int_equal(tell(box, &h, &wrong, key, now, &reply, &length, &error), -ERANGE);
		wrong.offset = 1;
		assert_int_equal(tell(box, &h, &wrong, key, now, &reply, &length, &error), -ERANGE);
		wrong.offset = UINT64_MAX - NR_EXCHANGE_PART_BYTES + 1;
		assert_int_equal(tell(box, &h, &wrong, key, now, &reply, &length, &error), -ERANGE);
		wrong = part;
		wrong.day = DAY + 2;
		assert_int_equal(tell(box, &h, &wrong, key, now, &reply, &length, &error), -ESTALE);
		wrong.day = DAY - 40;
		assert_int_equal(tell(box, &h, &wrong, key, now, &reply, &length, &error), -ESTALE);
		wrong.day = DAY - 1; /* an offer of another day than the letter says */
		assert_int_equal(tell(box, &h, &wrong, key, now, &reply, &length, &error), 0);
		wrong = end;
		wrong.day = DAY - 1;
		assert_int_equal(tell(box, &h, &wrong, key, now, &reply, &length, &error), -EBADMSG);
		assert_int_equal(
			nr_exchange_box_join(box, h.collector, NULL, NR_DAY, now, &joined, &error), -EAGAIN);
		assert_int_equal(
			tell(box, &h, &part, h.keys[2 - party], now, &reply, &length, &error), -EKEYREJECTED);
		assert_int_equal(tell(box, &h, &part, key, now, &reply, &length, &error), 0);
		assert_int_equal(tell(box, &h, &end, key, now, &reply, &length, &error), 0);
		assert_int_equal(tell(box, &h, &part, key, now, &reply, &length, &error), -EEXIST);
	}
	struct nr_exchange_letter ask = {.kind = NR_EXCHANGE_LETTER_ASK, .party = 1, .day = DAY, .time = now};
	assert_int_equal(tell(box, &h, &ask, h.keys[0], now, &reply, &length, &error), -ENOENT);
	assert_int_equal(nr_exchange_box_join(box, h.collector, NULL, NR_DAY, now, &joined, &error), 0);
	assert_int_equal(nr_exchange_box_join(box, h.collector, NULL, NR_DAY, now, &joined, &error), -EAGAIN);
	assert_int_equal(tell(box, &h, &ask, h.keys[0], now, &reply, &length, &error), 0);
	assert_true(length > 8 + 30 * 19);
	ask.offset = UINT64_MAX;
	assert_int_equal(tell(box, &h, &ask, h.keys[0], now, &reply, &length, &error), -ERANGE);
	/* after the retention nothing is there */
	assert_int_equal(nr_exchange_box_erase(box, now + 29 * NR_DAY, &files, NULL), 0);
	assert_int_equal(files, 0);
	assert_int_equal(nr_exchange_box_erase(box, now + 31 * NR_DAY, &files, NULL), 0);
	assert_int_equal(files, 4);
	assert_int_equal(rmdir(folder), 0);
	nr_exchange_candidates_fini(&set);
	house_fini(&h);
}

/* Two of three, the third never comes: joined when the wait is over. */
static void test_box_waits_and_goes_on(void **state)
{
	(void)state;
	struct house h;
	NR_AUTO(nr_exchange_box_closep) struct nr_exchange_box *box = NULL;
	struct nr_exchange_candidates nothing = {.count = 0};
	struct nr_exchange_joined joined;
	struct nr_error error = {0};
	char folder[80], from[128], to[160];
	uint64_t files;
	const nr_time end = (DAY + 1) * NR_DAY;
	house_init(&h, 3, 2, 10);
	snprintf(folder, sizeof folder, "%s/box", h.folder);
	assert_int_equal(nr_exchange_box_open(folder, &h.group, &box, NULL), 0);
	snprintf(to, sizeof to, "%s/2026-11-23", folder);
	assert_int_equal(mkdir(to, 0700), 0);
	for (unsigned party = 1; party <= 3; party += 2) {
		offer(&h, party, &nothing);
		snprintf(to, sizeof to, "%s/2026-11-23/%u.offer", folder, party);
		assert_int_equal(rename(place(&h, party, ".offer", from), to), 0);
	}
	assert_int_equal(
		nr_exchange_box_join(box, h.collector, NULL, NR_HOUR, end, &joined, &error), -EAGAIN);
	assert_int_equal(
		nr_exchange_box_join(box, h.collector, NULL, NR_HOUR, end + NR_HOUR, &joined, &error), 0);
	assert_int_equal(joined.present, 5);
	assert_int_equal(nr_exchange_box_erase(box, end + 40 * NR_DAY, &files, NULL), 0);
	assert_int_equal(rmdir(folder), 0);
	house_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_group_there_and_back),
		cmocka_unit_test(test_groups_that_are_none),
		cmocka_unit_test(test_secret_goes_forward_alone),
		cmocka_unit_test(test_secret_is_overwritten),
		cmocka_unit_test(test_secrets_that_are_refused),
		cmocka_unit_test(test_findings_that_are_no_candidates),
		cmocka_unit_test(test_what_is_taken_from_a_finding),
		cmocka_unit_test(test_letters_that_are_refused),
		cmocka_unit_test(test_box_takes_what_an_offer_has),
		cmocka_unit_test(test_box_waits_and_goes_on),
		cmocka_unit_test(test_files_read_together),
		cmocka_unit_test(test_the_strongest_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
