/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrecy of communications by construction: what may be kept, under which names, with which keys, and who
 * asked. Rows of flow reference 1.2 have their tests by name; docs/guide/flow.md lists them.
 */
#include "base/file.h"
#include "sense/flow/law/keys.h"
#include "sense/flow/law/law.h"
#include "sense/flow/law/pseudonym.h"
#include "sense/flow/law/uses.h"
#include "store/flows/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY0 (INT64_C(1764547200) * NR_SECOND) /* 2025-12-01T00:00Z */

/* ---- a folder for each test ---- */

struct place {
	char root[64], archive[96], keys[96];
	struct nr_prefix own[2];
	struct nr_flow_law_options options;
};

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof *place);
	strcpy(place->root, "/tmp/noroshi-law-XXXXXX");
	if (!mkdtemp(place->root))
		return -1;
	snprintf(place->archive, sizeof place->archive, "%s/flows", place->root);
	snprintf(place->keys, sizeof place->keys, "%s/flows.keys", place->root);
	nr_prefix_parse("198.51.100.0/24", &place->own[0], NULL);
	nr_prefix_parse("2001:db8:1::/48", &place->own[1], NULL);
	place->options =
		(struct nr_flow_law_options){.own = {place->own, 2}, .keep = 7 * NR_DAY, .rotate = NR_DAY};
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	nftw(place->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(place);
	return 0;
}

static struct nr_flow_law *open_law(const struct place *place)
{
	struct nr_flow_law *law = NULL;
	struct nr_error error = {0};
	if (nr_flow_law_open(&place->options, place->archive, &law, &error) ||
		nr_flow_policy_settle(place->archive, nr_flow_law_policy(law), &error))
		fail_msg("%s", error.text);
	return law;
}

/* ---- blocks ---- */

static struct nr_address address_of(const char *text)
{
	struct nr_address address;
	struct nr_error error;
	if (nr_address_parse(text, &address, &error))
		fail_msg("%s", error.text);
	return address;
}

static void put_address(
	struct nr_flow_block *block, enum nr_flow_column column, uint32_t row, const char *text)
{
	struct nr_address address = address_of(text);
	nr_flow_address_split(&address, (uint64_t *)nr_flow_column_at(block, column - 1) + row,
		(uint64_t *)nr_flow_column_at(block, column) + row);
}

#define PAIR                                                                                                 \
	(NR_FLOW_BIT(SOURCE_HIGH) | NR_FLOW_BIT(SOURCE_LOW) | NR_FLOW_BIT(DESTINATION_HIGH) |                \
		NR_FLOW_BIT(DESTINATION_LOW))

static void add_flow(struct nr_flow_block *block, const char *source, const char *destination)
{
	nr_flow_rows_open(block, 1, PAIR | NR_FLOW_BIT(PACKETS));
	put_address(block, NR_FLOW_SOURCE_LOW, block->count, source);
	put_address(block, NR_FLOW_DESTINATION_LOW, block->count, destination);
	((uint64_t *)nr_flow_column_at(block, NR_FLOW_PACKETS))[block->count] = block->count + 1;
	nr_flow_rows_close(block, 1);
}

static struct nr_flow_block *block_at(nr_time received)
{
	struct nr_flow_block *block = NULL;
	assert_int_equal(nr_flow_block_new(NR_FLOW_ROOM, &block, NULL), 0);
	block->received_first = block->received_last = received;
	return block;
}

static void apply(struct nr_flow_law *law, struct nr_flow_block *block)
{
	struct nr_error error = {0};
	if (nr_flow_law_apply(law, block, &error))
		fail_msg("%s", error.text);
}

static struct nr_address name_of(struct nr_flow_law *law, nr_time received, const char *client)
{
	NR_AUTO(nr_flow_block_freep) struct nr_flow_block *block = block_at(received);
	add_flow(block, client, "203.0.113.1");
	apply(law, block);
	return nr_flow_address(block, NR_FLOW_SOURCE_LOW, 0);
}

static bool is_pseudonym(const struct nr_address *address)
{
	static const uint8_t prefix[8] = {1};
	return !memcmp(address, prefix, 8);
}

/* ---- pseudonyms ---- */

static void test_client_is_replaced_and_server_stays(void **state)
{
	NR_AUTO(nr_flow_law_closep) struct nr_flow_law *law = open_law(*state);
	static const struct {
		const char *address;
		bool client;
	} cases[] = {
		{"198.51.100.7", true}, {"198.51.100.255", true}, {"198.51.101.0", false},
		{"203.0.113.9", false}, {"2001:db8:1::5", true}, {"2001:db8:2::5", false}, {"10.1.2.3", true},
		{"100.64.0.1", true}, {"192.168.0.1", true}, {"172.31.0.1", true}, {"172.32.0.1", false},
		{"fd00::1", true}, {"fe80::1", true}, {"2002:c633:6407::1", true}, /* 6to4 of 198.51.100.7 */
		{"2002:cb00:7109::1", false}, {"64:ff9b::198.51.100.7", true},
		{"64:ff9b::203.0.113.9", false}, {"100::5", true}, /* a forged pseudonym */
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		NR_AUTO(nr_flow_block_freep) struct nr_flow_block *block = block_at(DAY0);
		struct nr_address before = address_of(cases[i].address);
		add_flow(block, cases[i].address, "203.0.113.1");
		add_flow(block, "203.0.113.1", cases[i].address);
		apply(law, block);
		struct nr_address source = nr_flow_address(block, NR_FLOW_SOURCE_LOW, 0);
		struct nr_address destination = nr_flow_address(block, NR_FLOW_DESTINATION_LOW, 1);
		uint64_t marks[2] = {
			nr_flow_value(block, NR_FLOW_MARKS, 0), nr_flow_value(block, NR_FLOW_MARKS, 1)};
		if (nr_address_equal(&source, &before) == cases[i].client ||
			is_pseudonym(&source) != cases[i].client ||
			!nr_address_equal(&source, &destination) ||
			marks[0] != (cases[i].client ? NR_FLOW_MARK_SOURCE_CLIENT : 0) ||
			marks[1] != (cases[i].client ? NR_FLOW_MARK_DESTINATION_CLIENT : 0))
			fail_msg("%s", cases[i].address);
		struct nr_address server = nr_flow_address(block, NR_FLOW_DESTINATION_LOW, 0);
		assert_true(nr_address_equal(&server,
			&(struct nr_address){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 1}}));
		assert_int_equal(nr_flow_value(block, NR_FLOW_PACKETS, 1), 2);
	}
}

/* The function is AES-256 of the mapped address, its left half: a known answer, computed with the openssl
 * program. */
static void test_pseudonym_is_aes(void **state)
{
	(void)state;
	struct nr_flow_key key = {0, NR_DAY, {0}};
	for (unsigned i = 0; i < sizeof key.secret; i++)
		key.secret[i] = (uint8_t)i;
	NR_AUTO(nr_flow_pseudonyms_freep) struct nr_flow_pseudonyms *pseudonyms = NULL;
	assert_int_equal(nr_flow_pseudonyms_new(&key, &pseudonyms, NULL), 0);
	struct nr_flow_batch batch = {.count = 0};
	uint64_t low[NR_FLOW_BATCH];
	nr_flow_batch_add(&batch, 0, 0, UINT64_C(0xffffc0000205)); /* 192.0.2.5 */
	nr_flow_batch_add(&batch, 1, UINT64_C(0x20010db800010002), 5);
	nr_flow_batch_add(&batch, 2, UINT64_C(0x20010db800010002), 6); /* the same /64 */
	nr_flow_batch_add(&batch, 3, UINT64_C(0x20010db800010003), 5);
	assert_true(nr_flow_pseudonyms_map(pseudonyms, &batch, low));
	assert_int_equal(low[0], UINT64_C(0xad9f2e9054cf37b4));
	assert_int_equal(low[1], low[2]);
	assert_int_not_equal(low[1], low[3]);
	assert_int_not_equal(low[1], low[0]);
}

static void test_key_is_of_the_day_of_receipt(void **state)
{
	struct place *place = *state;
	NR_AUTO(nr_flow_law_closep) struct nr_flow_law *law = open_law(place);
	struct nr_address first = name_of(law, DAY0 + NR_HOUR, "198.51.100.7");
	struct nr_address late = name_of(law, DAY0 + NR_DAY - 1, "198.51.100.7");
	struct nr_address next = name_of(law, DAY0 + NR_DAY, "198.51.100.7");
	struct nr_address back =
		name_of(law, DAY0 + NR_DAY - 1, "198.51.100.7"); /* a clock that was set back */
	assert_true(nr_address_equal(&first, &late));
	assert_false(nr_address_equal(&first, &next));
	assert_true(nr_address_equal(&first, &back));
	assert_int_equal(nr_flow_law_counts(law).keys_made, 2);
	nr_flow_law_close(nr_steal(&law));
	law = open_law(place); /* the key outlives the process */
	struct nr_address again = name_of(law, DAY0 + 2 * NR_HOUR, "198.51.100.7");
	assert_true(nr_address_equal(&first, &again));
	assert_int_equal(nr_flow_law_counts(law).keys_made, 0);
}

static void test_flow_that_spans_midnight(void **state)
{
	NR_AUTO(nr_flow_law_closep) struct nr_flow_law *law = open_law(*state);
	struct nr_address day1 = name_of(law, DAY0 + 12 * NR_HOUR, "198.51.100.7");
	struct nr_address day2 = name_of(law, DAY0 + 36 * NR_HOUR, "198.51.100.7");
	NR_AUTO(nr_flow_block_freep) struct nr_flow_block *block = block_at(DAY0 + NR_DAY + NR_SECOND);
	nr_flow_rows_open(block, 1, PAIR | NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST));
	((int64_t *)nr_flow_column_at(block, NR_FLOW_FIRST))[0] = DAY0 + NR_DAY - NR_HOUR;
	((int64_t *)nr_flow_column_at(block, NR_FLOW_LAST))[0] = DAY0 + NR_DAY;
	put_address(block, NR_FLOW_SOURCE_LOW, 0, "198.51.100.7");
	put_address(block, NR_FLOW_DESTINATION_LOW, 0, "198.51.100.7");
	nr_flow_rows_close(block, 1);
	apply(law, block);
	struct nr_address source = nr_flow_address(block, NR_FLOW_SOURCE_LOW, 0);
	struct nr_address destination = nr_flow_address(block, NR_FLOW_DESTINATION_LOW, 0);
	assert_false(nr_address_equal(&source, &day1)); /* the days cannot be joined by the flow */
	assert_true(nr_address_equal(&source, &day2));
	assert_true(nr_address_equal(&destination, &day2)); /* nor by its two ends */
}

/* Every column that can hold an address, present or not, IPv4 alone or both. */
static void test_no_address_column_is_left(void **state)
{
	static const enum nr_flow_column columns[] = {NR_FLOW_SOURCE_LOW, NR_FLOW_DESTINATION_LOW,
		NR_FLOW_POST_SOURCE_LOW, NR_FLOW_POST_DESTINATION_LOW, NR_FLOW_NEXT_HOP_LOW};
	struct place *place = *state;
	const char *all[] = {"post_source", "post_destination", "next_hop"};
	place->options.columns = (struct nr_texts){all, 3};
	place->options.reason = "a test of every column";
	NR_AUTO(nr_flow_law_closep) struct nr_flow_law *law = open_law(place);
	uint64_t known = 0;
	for (size_t c = 0; c < NR_COUNT(columns); c++) {
		NR_AUTO(nr_flow_block_freep) struct nr_flow_block *block = block_at(DAY0);
		nr_flow_rows_open(block, 2000, UINT64_C(1) << columns[c]); /* the high half is not present */
		for (uint32_t row = 0; row < 2000; row++)
			((uint64_t *)nr_flow_column_at(block, columns[c]))[row] =
				UINT64_C(0xffffc6336400) | (row & 255);
		nr_flow_rows_close(block, 2000);
		apply(law, block);
		for (uint32_t row = 0; row < 2000; row++) {
			struct nr_address address = nr_flow_address(block, columns[c], row);
			assert_true(is_pseudonym(&address));
		}
		known |= UINT64_C(3) << (columns[c] - 1);
	}
	for (enum nr_flow_column i = 0; i < NR_FLOW_COLUMNS;
		i++) /* a new column of addresses is covered, too */
		if (nr_flow_columns[i].kind == NR_FLOW_KIND_ADDRESS)
			assert_true(known >> i & 1);
}

static void test_nat_events_are_left_out(void **state)
{
	struct place *place = *state;
	static const uint8_t events[] = {0, 4, 5, 16, 65, 0, 17, 63, 64};
	for (unsigned kept = 0; kept < 2; kept++) {
		place->options.nat_events = kept;
		place->options.reason = kept ? "subscribers behind a NAT are to be told" : NULL;
		NR_AUTO(nr_flow_law_closep) struct nr_flow_law *law = open_law(place);
		NR_AUTO(nr_flow_block_freep) struct nr_flow_block *block = block_at(DAY0);
		for (uint32_t row = 0; row < NR_COUNT(events); row++) {
			add_flow(block, "203.0.113.5", "203.0.113.6");
			((uint8_t *)nr_flow_column_at(block, NR_FLOW_EVENT))[row] = events[row];
		}
		block->present |= NR_FLOW_BIT(EVENT);
		apply(law, block);
		assert_int_equal(block->count, kept ? NR_COUNT(events) : 4);
		assert_int_equal(nr_flow_law_counts(law).events, kept ? 0 : 5);
		static const uint64_t packets[] = {1, 5, 6, 9};
		for (uint32_t row = 0; !kept && row < 4; row++)
			assert_int_equal(nr_flow_value(block, NR_FLOW_PACKETS, row), packets[row]);
	}
}

static void test_plain_only_for_own_networks_and_a_reason(void **state)
{
	struct place *place = *state;
	struct nr_flow_law *law = NULL;
	place->options.plain_clients = true;
	assert_int_equal(nr_flow_law_open(&place->options, place->archive, &law, NULL), -EINVAL);
	place->options.reason = "..";
	assert_int_equal(nr_flow_law_open(&place->options, place->archive, &law, NULL), -EINVAL);
	place->options.reason = "our own campus, staff informed 2025-11-30";
	place->options.own.count = 0;
	assert_int_equal(nr_flow_law_open(&place->options, place->archive, &law, NULL), -EINVAL);
	place->options.own.count = 2;
	law = open_law(place);
	struct nr_address own = name_of(law, DAY0, "198.51.100.7"), other = name_of(law, DAY0, "10.0.0.7");
	struct nr_address plain = address_of("198.51.100.7");
	assert_true(nr_address_equal(&own, &plain));
	assert_true(is_pseudonym(&other)); /* private, and not said to be own */
	nr_flow_law_close(law);
}

/* ---- keys ---- */

static unsigned files_in(const char *folder)
{
	char command[160];
	snprintf(command, sizeof command, "ls -A %s | wc -l", folder);
	FILE *pipe = popen(command, "r");
	unsigned count = 0;
	assert_int_equal(fscanf(pipe, "%u", &count), 1);
	pclose(pipe);
	return count;
}

static void test_keys_lie_apart_and_alone(void **state)
{
	struct place *place = *state;
	struct nr_flow_law *law = NULL;
	char inside[128], through[128];
	snprintf(inside, sizeof inside, "%s/keys", place->archive);
	mkdir(place->archive, 0750);
	place->options.keys = inside;
	assert_int_equal(nr_flow_law_open(&place->options, place->archive, &law, NULL), -EINVAL);
	assert_int_equal(access(inside, F_OK), -1);
	place->options.keys = place->archive;
	assert_int_equal(nr_flow_law_open(&place->options, place->archive, &law, NULL), -EINVAL);
	place->options.keys = place->root; /* the archive in the keys' folder */
	assert_int_equal(nr_flow_law_open(&place->options, place->archive, &law, NULL), -EINVAL);
	snprintf(through, sizeof through, "%s/link", place->root);
	assert_int_equal(symlink(place->archive, through), 0);
	place->options.keys = through;
	assert_int_equal(nr_flow_law_open(&place->options, place->archive, &law, NULL), -EINVAL);
	place->options.keys = place->keys;
	mkdir(place->keys, 0755);
	chmod(place->keys, 0755);
	assert_int_equal(nr_flow_law_open(&place->options, place->archive, &law, NULL), -EPERM);
	chmod(place->keys, 0710);
	assert_int_equal(nr_flow_law_open(&place->options, place->archive, &law, NULL), -EPERM);
	chmod(place->keys, 0700);
	law = open_law(place);
	name_of(law, DAY0, "198.51.100.7");
	nr_flow_law_close(law);
	char path[160];
	struct stat status;
	snprintf(path, sizeof path, "%s/20251201T000000Z.key", place->keys);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(files_in(place->keys), 1);
}

static void test_keys_end_with_the_flows(void **state)
{
	struct place *place = *state;
	NR_AUTO(nr_flow_law_closep) struct nr_flow_law *law = open_law(place);
	struct nr_address before = name_of(law, DAY0, "198.51.100.7");
	for (int day = 1; day < 9; day++)
		name_of(law, DAY0 + day * NR_DAY, "198.51.100.7");
	assert_int_equal(files_in(place->keys), 9);
	/* a link from outside keeps the inode: what was in it must be gone, too */
	char path[160], kept[160];
	snprintf(path, sizeof path, "%s/20251201T000000Z.key", place->keys);
	snprintf(kept, sizeof kept, "%s/kept", place->root);
	assert_int_equal(link(path, kept), 0);
	assert_int_equal(nr_flow_law_tick(law, DAY0 + 8 * NR_DAY - 1, NULL), 0);
	assert_int_equal(files_in(place->keys), 9);
	assert_int_equal(nr_flow_law_tick(law, DAY0 + 8 * NR_DAY, NULL), 0);
	assert_int_equal(files_in(place->keys), 8);
	assert_int_equal(nr_flow_law_counts(law).keys_destroyed, 1);
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	assert_int_equal(nr_file_read(kept, 4096, &bytes, &length, NULL), 0);
	assert_true(length > 100);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(bytes[i], 0);
	struct nr_address after = name_of(law, DAY0, "198.51.100.7");
	assert_false(nr_address_equal(&before, &after));
}

static void test_key_files_are_read_as_a_strangers(void **state)
{
	struct place *place = *state;
	NR_AUTO(nr_flow_law_closep) struct nr_flow_law *law = open_law(place);
	char path[160];
	snprintf(path, sizeof path, "%s/20251201T000000Z.key", place->keys);
	static const char *const bad[] = {"", "noroshi flow key v1\n",
		"noroshi flow key v1\nfrom 2025-12-01T00:00:00.000000Z\nuntil "
		"2025-12-02T00:00:00.000000Z\nkey 00\n",
		"noroshi flow key v1\nfrom 2025-12-02T00:00:00.000000Z\nuntil "
		"2025-12-01T00:00:00.000000Z\nkey "
		"000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f\n",
		"noroshi flow key v1\nfrom 2025-12-01T00:00:00Z\nuntil 2025-12-02T00:00:00Z\nkey "
		"000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f\n"};
	for (size_t i = 0; i < NR_COUNT(bad); i++) {
		NR_AUTO(nr_flow_block_freep) struct nr_flow_block *block = block_at(DAY0);
		add_flow(block, "198.51.100.7", "203.0.113.1");
		assert_int_equal(nr_file_write(path, bad[i], strlen(bad[i]), NULL), 0);
		assert_int_equal(nr_flow_law_apply(law, block, NULL), -EBADMSG);
	}
	/* one of another day is that day's loss, and goes when its time has come */
	snprintf(path, sizeof path, "%s/20251130T000000Z.key", place->keys);
	assert_int_equal(nr_file_write(path, bad[1], strlen(bad[1]), NULL), 0);
	snprintf(path, sizeof path, "%s/20251201T000000Z.key", place->keys);
	unlink(path);
	name_of(law, DAY0, "198.51.100.7");
	assert_int_equal(files_in(place->keys), 2);
	assert_int_equal(nr_flow_law_tick(law, DAY0 + 7 * NR_DAY - 1, NULL), -EBADMSG);
	assert_int_equal(files_in(place->keys), 2);
	assert_int_equal(nr_flow_law_tick(law, DAY0 + 7 * NR_DAY, NULL), 0);
	assert_int_equal(files_in(place->keys), 1);
	unlink(path);
	nr_flow_law_close(nr_steal(&law));
	law = open_law(place);
	assert_int_equal(symlink("/dev/zero", path), 0); /* not followed */
	NR_AUTO(nr_flow_block_freep) struct nr_flow_block *block = block_at(DAY0);
	assert_int_not_equal(nr_flow_law_apply(law, block, NULL), 0);
}

static void test_processes_agree_on_a_key(void **state)
{
	struct place *place = *state;
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	nr_flow_law_close(open_law(place));
	for (unsigned i = 0; i < 8; i++)
		if (fork() == 0) {
			struct nr_flow_law *law = open_law(place);
			struct nr_address name = name_of(law, DAY0, "198.51.100.7");
			_exit(write(pipes[1], &name, sizeof name) != sizeof name);
		}
	struct nr_address first = {{0}};
	for (unsigned i = 0; i < 8; i++) {
		struct nr_address name;
		int status;
		assert_int_equal(read(pipes[0], &name, sizeof name), sizeof name);
		if (i == 0)
			first = name;
		assert_true(nr_address_equal(&first, &name));
		assert_true(wait(&status) > 0 && status == 0);
	}
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(files_in(place->keys), 1);
}

/* ---- with an archive ---- */

static struct nr_flow_archive *open_archive(const struct place *place, const struct nr_flow_law *law)
{
	struct nr_flow_archive *archive = NULL;
	struct nr_error error = {0};
	const struct nr_flow_policy *policy = nr_flow_law_policy(law);
	const struct nr_flow_archive_conf conf = {
		.keep = policy->keep, .keep_columns = policy->columns, .threads = 1};
	if (nr_flow_archive_open(place->archive, NR_FLOW_ARCHIVE_WRITE, &conf, &archive, &error))
		fail_msg("%s", error.text);
	return archive;
}

static int visit_addresses(void *context, unsigned thread, const struct nr_flow_block *block)
{
	(void)thread;
	const struct place *place = context;
	for (enum nr_flow_column c = 0; c < NR_FLOW_COLUMNS; c++) {
		if (nr_flow_columns[c].kind != NR_FLOW_KIND_ADDRESS || !nr_flow_column(block, c))
			continue;
		for (uint32_t row = 0; row < block->count; row++) {
			struct nr_address address = nr_flow_address(block, c, row);
			if (nr_prefix_contains(&place->own[0], &address) ||
				nr_prefix_contains(&place->own[1], &address))
				fail_msg("column %s, row %u", nr_flow_columns[c].name, row);
		}
	}
	return 0;
}

/* Any columns of addresses with any addresses, half of them own: none of these is handed out again. */
static void test_no_own_address_comes_out_of_an_archive(void **state)
{
	struct place *place = *state;
	const char *more[] = {"post_source", "post_destination", "next_hop"};
	place->options.columns = (struct nr_texts){more, 3};
	place->options.reason = "a test of every column";
	NR_AUTO(nr_flow_law_closep) struct nr_flow_law *law = open_law(place);
	NR_AUTO(nr_flow_archive_closep) struct nr_flow_archive *archive = open_archive(place, law);
	uint64_t chance = 1;
	for (unsigned i = 0; i < 40; i++) {
		NR_AUTO(nr_flow_block_freep) struct nr_flow_block *block = block_at(DAY0 + i * NR_MINUTE);
		struct nr_flow_stream stream = {.export = NR_FLOW_IPFIX};
		assert_int_equal(nr_flow_block_stream(block, &stream), 0);
		uint64_t columns = NR_FLOW_BIT(PACKETS) | NR_FLOW_BIT(STREAM);
		for (enum nr_flow_column c = 0; c < NR_FLOW_COLUMNS; c++) {
			chance = chance * UINT64_C(6364136223846793005) + 1442695040888963407u;
			if (nr_flow_columns[c].kind == NR_FLOW_KIND_ADDRESS && chance >> 62)
				columns |= UINT64_C(1) << c | (chance >> 61 & 1 ? UINT64_C(1) << (c - 1) : 0);
		}
		nr_flow_rows_open(block, 700, columns);
		memset(nr_flow_column_at(block, NR_FLOW_STREAM), 0, 1400);
		memset(nr_flow_column_at(block, NR_FLOW_PACKETS), 0, 5600);
		for (enum nr_flow_column c = 0; c < NR_FLOW_COLUMNS; c++)
			for (uint32_t row = 0; nr_flow_columns[c].kind == NR_FLOW_KIND_ADDRESS &&
					       columns >> c & 1 && row < 700;
				row++) {
				bool both = columns >> (c - 1) & 1;
				chance = chance * UINT64_C(6364136223846793005) + 1442695040888963407u;
				uint64_t low = UINT64_C(0xffff) << 32 |
					       (chance >> 63 ? 0xc6336400u | (chance >> 40 & 255)
							     : chance >> 20 & UINT32_MAX);
				uint64_t high = 0;
				if (both && chance >> 60 & 1) {
					high = (chance >> 59 & 1 ? UINT64_C(0x20010db800010000)
								 : UINT64_C(0x20010db800020000)) |
					       (chance >> 30 & 0xffff);
					low = chance;
				}
				((uint64_t *)nr_flow_column_at(block, c))[row] = low;
				if (both)
					((uint64_t *)nr_flow_column_at(block, c - 1))[row] = high;
			}
		nr_flow_rows_close(block, 700);
		apply(law, block);
		assert_int_equal(nr_flow_archive_append(archive, block, NULL), 0);
	}
	NR_AUTO(nr_flow_block_freep) struct nr_flow_block *none = block_at(DAY0); /* all of it was left out */
	apply(law, none);
	assert_int_equal(nr_flow_archive_append(archive, none, NULL), 0);
	assert_int_equal(nr_flow_archive_sync(archive, NULL), 0);
	struct nr_flow_scan scan;
	const struct nr_flow_wanted wanted = {
		.from = NR_TIME_MIN, .to = NR_TIME_MAX, .columns = UINT64_MAX >> 1, .threads = 1};
	assert_int_equal(nr_flow_archive_scan(archive, &wanted, visit_addresses, place, &scan, NULL), 0);
	assert_int_equal(scan.flows, 40 * 700);
}

static int count_rows(void *context, unsigned thread, const struct nr_flow_block *block)
{
	(void)thread;
	*(uint64_t *)context += block->count;
	return 0;
}

static uint64_t rows_of(struct nr_flow_archive *archive)
{
	uint64_t rows = 0;
	struct nr_flow_scan scan;
	const struct nr_flow_wanted wanted = {
		.from = NR_TIME_MIN, .to = NR_TIME_MAX, .columns = NR_FLOW_BIT(PACKETS), .threads = 1};
	assert_int_equal(nr_flow_archive_scan(archive, &wanted, count_rows, &rows, &scan, NULL), 0);
	return rows;
}

static char oldest[128];
static int find_oldest(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	const char *name = path + walk->base;
	if (name[0] == '2' && (!oldest[0] || strcmp(name, oldest) < 0) && strlen(name) == 10)
		snprintf(oldest, sizeof oldest, "%s", name);
	return 0;
}

/* At T + keep a day's flows are gone from every file, its folder and its key with them; the days after it
 * stay. */
static void test_nothing_is_left_after_erasure(void **state)
{
	struct place *place = *state;
	NR_AUTO(nr_flow_law_closep) struct nr_flow_law *law = open_law(place);
	NR_AUTO(nr_flow_archive_closep) struct nr_flow_archive *archive = open_archive(place, law);
	for (int day = 0; day < 9; day++) {
		NR_AUTO(nr_flow_block_freep)
		struct nr_flow_block *block = block_at(DAY0 + day * NR_DAY + 12 * NR_HOUR);
		struct nr_flow_stream stream = {.export = NR_FLOW_IPFIX};
		assert_int_equal(nr_flow_block_stream(block, &stream), 0);
		for (unsigned i = 0; i < 100; i++)
			add_flow(block, "198.51.100.7", "203.0.113.9");
		apply(law, block);
		assert_int_equal(nr_flow_archive_append(archive, block, NULL), 0);
		nr_time now = block->received_last + NR_HOUR;
		assert_int_equal(nr_flow_archive_tick(archive, now, NULL), 0);
		assert_int_equal(nr_flow_law_tick(law, now, NULL), 0);
	}
	nr_time now = DAY0 + 8 * NR_DAY + 13 * NR_HOUR;
	assert_int_equal(nr_flow_archive_sync(archive, NULL), 0);
	assert_int_equal(nr_flow_archive_tick(archive, now, NULL), 0);
	/* received 12:00 on days 1 and 2: at 13:00 on day 9 both have been here for seven days and more */
	assert_int_equal(rows_of(archive), 7 * 100);
	oldest[0] = 0;
	nftw(place->archive, find_oldest, 16, FTW_PHYS);
	assert_string_equal(oldest, "2025-12-03");
	/* the key of day 2 is still that of flows that came until midnight */
	assert_int_equal(files_in(place->keys), 8);
	assert_int_equal(nr_flow_law_tick(law, DAY0 + 9 * NR_DAY, NULL), 0);
	assert_int_equal(files_in(place->keys), 7);
	assert_int_equal(nr_flow_archive_tick(archive, DAY0 + 30 * NR_DAY, NULL), 0);
	assert_int_equal(nr_flow_law_tick(law, DAY0 + 30 * NR_DAY, NULL), 0);
	assert_int_equal(rows_of(archive), 0);
	assert_int_equal(files_in(place->keys), 0);
}

/* ---- policy ---- */

static void test_minimum_range(void **state)
{
	struct place *place = *state;
	struct nr_flow_policy policy;
	const char *more[] = {"source_mac"}, *unknown[] = {"source_mc"};
	struct nr_error error = {0};
	place->options.columns = (struct nr_texts){more, 1};
	assert_int_equal(nr_flow_policy_of(&place->options, &policy, &error), -EINVAL);
	assert_non_null(strstr(error.text, "--reason"));
	place->options.columns = (struct nr_texts){unknown, 1};
	place->options.reason = "a loop between two switches";
	assert_int_equal(nr_flow_policy_of(&place->options, &policy, &error), -EINVAL);
	assert_non_null(strstr(error.text, "source_mac"));
	place->options.columns = (struct nr_texts){more, 1};
	for (unsigned extended = 0; extended < 2; extended++) {
		place->options.columns.count = extended;
		NR_AUTO(nr_flow_law_closep) struct nr_flow_law *law = open_law(place);
		NR_AUTO(nr_flow_block_freep) struct nr_flow_block *block = block_at(DAY0);
		nr_flow_rows_open(block, 1, (UINT64_C(1) << NR_FLOW_COLUMNS) - 1);
		for (enum nr_flow_column i = 0; i < NR_FLOW_COLUMNS; i++)
			if (i != NR_FLOW_EVENT)
				memset(nr_flow_column_at(block, i), 7, nr_flow_columns[i].width);
		nr_flow_rows_close(block, 1);
		apply(law, block);
		assert_int_equal(
			block->present & ~NR_FLOW_ARCHIVE_COLUMNS, extended ? NR_FLOW_BIT(SOURCE_MAC) : 0);
	}
}

static void test_policy_stands_in_the_archive(void **state)
{
	struct place *place = *state;
	struct nr_flow_policy policy, again;
	char vkey[] = "alice+705b6617+AT40IBDjKbe+oZQ3vVW8E60bMCvz2lk/+sAxmIjJzAOQ";
	const char *persons[] = {vkey}, *more[] = {"source_mac", "next_hop"};
	place->options.persons = (struct nr_texts){persons, 1};
	place->options.columns = (struct nr_texts){more, 2};
	place->options.reason = "因 \"a\" loop";
	struct nr_error error = {0};
	if (nr_flow_policy_of(&place->options, &policy, &error) ||
		nr_flow_policy_settle(place->archive, &policy, &error) ||
		nr_flow_policy_read(place->archive, &again, &error))
		fail_msg("%s", error.text);
	assert_int_equal(again.columns, policy.columns);
	assert_int_equal(again.own.count, 2);
	assert_memory_equal(again.own.items, policy.own.items, 2 * sizeof *policy.own.items);
	assert_string_equal(again.reason, policy.reason);
	assert_int_equal(again.keep, policy.keep);
	assert_int_equal(again.rotate, policy.rotate);
	assert_int_equal(again.person_count, 1);
	assert_string_equal(again.persons[0], vkey);
	nr_flow_policy_fini(&again);
	/* the same once more is no change; another one is recorded */
	struct nr_flow_uses_state uses;
	assert_int_equal(nr_flow_policy_settle(place->archive, &policy, NULL), 0);
	assert_int_equal(nr_flow_uses_read(place->archive, NULL, NULL, &uses, NULL), 0);
	assert_int_equal(uses.count, 1);
	policy.keep = NR_DAY;
	assert_int_equal(nr_flow_policy_settle(place->archive, &policy, NULL), 0);
	assert_int_equal(nr_flow_uses_read(place->archive, NULL, NULL, &uses, NULL), 0);
	assert_int_equal(uses.count, 2);
	assert_string_equal(uses.trouble, "");
	nr_flow_policy_fini(&policy);
}

static void test_policies_that_cannot_be(void **state)
{
	struct place *place = *state;
	char path[128];
	snprintf(path, sizeof path, "%s/policy.json", place->archive);
	mkdir(place->archive, 0750);
#define REST "\"nat_events\":false,\"fields\":[\"first\"],\"more_fields\":[],\"reason\":null,\"persons\":[]}"
	static const char *const bad[] = {"", "[]", "{", "{}", "nonsense",
		"{\"version\":2,\"own\":[\"192.0.2.0/"
		"24\"],\"clients\":\"pseudonyms\",\"keep_s\":604800,\"rotate_s\":86400," REST,
		"{\"version\":1,\"own\":[],\"clients\":\"pseudonyms\",\"keep_s\":604800,\"rotate_s\":"
		"86400," REST,
		"{\"version\":1,\"own\":[\"192.0.2.1/"
		"24\"],\"clients\":\"pseudonyms\",\"keep_s\":604800,\"rotate_s\":86400," REST,
		"{\"version\":1,\"own\":[\"192.0.2.0/"
		"24\"],\"clients\":\"plain\",\"keep_s\":604800,\"rotate_s\":86400," REST,
		"{\"version\":1,\"own\":[\"192.0.2.0/"
		"24\"],\"clients\":\"pseudonyms\",\"keep_s\":-1,\"rotate_s\":86400," REST,
		"{\"version\":1,\"own\":[\"192.0.2.0/"
		"24\"],\"clients\":\"pseudonyms\",\"keep_s\":9223372036854775807,\"rotate_s\":86400," REST,
		"{\"version\":1,\"own\":[\"192.0.2.0/"
		"24\"],\"clients\":\"pseudonyms\",\"keep_s\":604800,\"rotate_s\":5000," REST,
		"{\"version\":1,\"own\":[\"192.0.2.0/"
		"24\\u0000\"],\"clients\":\"pseudonyms\",\"keep_s\":604800,\"rotate_s\":86400," REST};
	for (size_t i = 0; i < NR_COUNT(bad); i++) {
		struct nr_flow_policy policy;
		assert_int_equal(nr_file_write(path, bad[i], strlen(bad[i]), NULL), 0);
		if (nr_flow_policy_read(place->archive, &policy, NULL) != -EBADMSG)
			fail_msg("%s", bad[i]);
	}
}

/* ---- purposes and uses ---- */

static void test_purpose_lock(void **state)
{
	(void)state;
	static const char *const bad[] = {
		NULL, "", "curiosity", "c2", "C2-detection", "c2-detection ", "billing"};
	enum nr_flow_purpose purpose = NR_FLOW_PURPOSE_NONE;
	for (size_t i = 0; i < NR_COUNT(bad); i++) {
		assert_int_equal(nr_flow_purpose_parse(bad[i], &purpose, NULL), -EPERM);
		assert_int_equal(purpose, NR_FLOW_PURPOSE_NONE);
	}
	for (unsigned i = 0; nr_flow_purposes[i]; i++) {
		assert_int_equal(nr_flow_purpose_parse(nr_flow_purposes[i], &purpose, NULL), 0);
		assert_int_equal(purpose, i + 1);
	}
	assert_int_equal(purpose, NR_FLOW_PURPOSE_OWN_OPERATION);
}

static void record(const struct place *place, const char *question)
{
	struct nr_error error = {0};
	if (nr_flow_use_record(place->archive, "query", "c2-detection", question, 5, &error))
		fail_msg("%s", error.text);
}

static struct nr_flow_uses_state read_uses(const struct place *place)
{
	struct nr_flow_uses_state uses;
	struct nr_error error = {0};
	if (nr_flow_uses_read(place->archive, NULL, NULL, &uses, &error))
		fail_msg("%s", error.text);
	return uses;
}

static int print_line(void *context, const struct nr_flow_use *use)
{
	char *all = context;
	snprintf(all + strlen(all), 65536 - strlen(all), "%s\n", use->line);
	return 0;
}

static void test_uses_do_not_name_clients(void **state)
{
	struct place *place = *state;
	static const struct {
		const char *asked, *written;
	} cases[] = {
		{"src ip 198.51.100.7 and dst port 443", "src ip [client] and dst port 443"},
		{"host 198.51.100.7:53", "host [client]:53"},
		{"198.51.100.7-198.51.100.9", "[client]-[client]"},
		{"net 198.51.100.0/24", "net 198.51.100.0/24"},
		{"net 198.51.100.7/32 or [2001:db8:1::9]:53", "net [client] or [[client]]:53"},
		{"2001:db8:1:2::/64", "[client]"}, {"::ffff:198.51.100.7.", "[client]."},
		{"host 203.0.113.9 in [10.0.0.1 198.51.101.7]",
			"host 203.0.113.9 in [[client] 198.51.101.7]"},
		{"because \"x\"\n\\", "because \\\"x\\\"\\n\\\\"},
		{"abc198.51.100.7", "abc198.51.100.7"}, /* a word */
	};
	nr_flow_law_close(open_law(place));
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		static char all[65536];
		char wanted[256];
		struct nr_flow_uses_state uses;
		record(place, cases[i].asked);
		all[0] = 0;
		assert_int_equal(nr_flow_uses_read(place->archive, print_line, all, &uses, NULL), 0);
		snprintf(wanted, sizeof wanted, "\"question\":\"%s\"", cases[i].written);
		if (!strstr(all, wanted))
			fail_msg("%s is not in %s", wanted, all);
	}
}

/* Each byte that is changed, each line that is taken out, and each cut at the end is seen. */
static void test_uses_are_a_chain(void **state)
{
	struct place *place = *state;
	nr_flow_law_close(open_law(place));
	for (unsigned i = 0; i < 4; i++)
		record(place, "dst port 443");
	assert_int_equal(read_uses(place).count, 5);
	char path[128];
	snprintf(path, sizeof path, "%s/uses.jsonl", place->archive);
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	assert_int_equal(nr_file_read(path, 65536, &bytes, &length, NULL), 0);
	for (size_t i = 0; i < length; i++) {
		bytes[i] ^= 1;
		assert_int_equal(nr_file_write(path, bytes, length, NULL), 0);
		if (!read_uses(place).trouble[0])
			fail_msg("byte %zu", i);
		bytes[i] ^= 1;
	}
	for (size_t from = 0; from < length;) {
		NR_AUTO(nr_freep) uint8_t *less = malloc(length);
		size_t line =
			(size_t)((uint8_t *)memchr(bytes + from, '\n', length - from) - (bytes + from)) + 1;
		memcpy(less, bytes, from);
		memcpy(less + from, bytes + from + line, length - from - line);
		assert_int_equal(nr_file_write(path, less, length - line, NULL), 0);
		assert_string_not_equal(read_uses(place).trouble, "");
		from += line;
	}
	assert_int_equal(nr_file_write(path, "", 0, NULL), 0);
	assert_string_not_equal(read_uses(place).trouble, "");
	assert_int_equal(nr_file_write(path, bytes, length, NULL), 0);
	assert_string_equal(read_uses(place).trouble, "");
	snprintf(path, sizeof path, "%s/uses.head", place->archive);
	unlink(path);
	assert_string_not_equal(read_uses(place).trouble, "");
}

/* A writer that was killed in the middle of a line had not answered: the next one begins where it did. */
static void test_uses_after_a_death(void **state)
{
	struct place *place = *state;
	char path[128];
	nr_flow_law_close(open_law(place));
	record(place, "one");
	snprintf(path, sizeof path, "%s/uses.jsonl", place->archive);
	int file = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(file, "{\"number\":3,\"ti", 15), 15);
	close(file);
	record(place, "two");
	assert_int_equal(read_uses(place).count, 3);
	file = open(path, O_WRONLY | O_APPEND);
	for (unsigned i = 0; i < 50; i++) /* more than the next line has */
		assert_int_equal(write(file, "{\"number\":4,\"ti", 15), 15);
	close(file);
	assert_string_not_equal(read_uses(place).trouble, "");
	record(place, "three");
	struct nr_flow_uses_state uses = read_uses(place);
	assert_int_equal(uses.count, 4);
	assert_string_equal(uses.trouble, "");
}

static void test_uses_of_many_at_once(void **state)
{
	struct place *place = *state;
	nr_flow_law_close(open_law(place));
	for (unsigned i = 0; i < 8; i++)
		if (fork() == 0) {
			for (unsigned k = 0; k < 10; k++)
				record(place, "dst port 23");
			_exit(0);
		}
	for (unsigned i = 0; i < 8; i++) {
		int status;
		assert_true(wait(&status) > 0 && status == 0);
	}
	struct nr_flow_uses_state uses = read_uses(place);
	assert_int_equal(uses.count, 81);
	assert_string_equal(uses.trouble, "");
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_client_is_replaced_and_server_stays),
		T(test_pseudonym_is_aes),
		T(test_key_is_of_the_day_of_receipt),
		T(test_flow_that_spans_midnight),
		T(test_no_address_column_is_left),
		T(test_nat_events_are_left_out),
		T(test_plain_only_for_own_networks_and_a_reason),
		T(test_keys_lie_apart_and_alone),
		T(test_keys_end_with_the_flows),
		T(test_key_files_are_read_as_a_strangers),
		T(test_processes_agree_on_a_key),
		T(test_no_own_address_comes_out_of_an_archive),
		T(test_nothing_is_left_after_erasure),
		T(test_minimum_range),
		T(test_policy_stands_in_the_archive),
		T(test_policies_that_cannot_be),
		T(test_purpose_lock),
		T(test_uses_do_not_name_clients),
		T(test_uses_are_a_chain),
		T(test_uses_after_a_death),
		T(test_uses_of_many_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
