/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: its files against the published vectors, proofs, writers, and what was tampered with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "ledger_rig.h"

#include <fcntl.h>
#include <pthread.h>

static struct rig_key key;

static struct nr_ledger *open_ok(const char *folder)
{
	struct nr_ledger_conf conf = rig_conf(folder, &key);
	struct nr_ledger *ledger = NULL;
	struct nr_error error = {0};
	int e = nr_ledger_open(&conf, &ledger, &error);
	if (e)
		print_message("%s\n", error.text);
	assert_int_equal(e, 0);
	return ledger;
}

static int open_fails(const char *folder, struct nr_error *error)
{
	struct nr_ledger_conf conf = rig_conf(folder, &key);
	struct nr_ledger *ledger = NULL;
	int e = nr_ledger_open(&conf, &ledger, error);
	assert_int_not_equal(e, 0);
	assert_null(ledger);
	return e;
}

/* A ledger of `size` entries, closed. */
static const char *ledger_of(uint64_t size)
{
	const char *folder = rig_folder();
	struct nr_ledger *ledger = open_ok(folder);
	if (size)
		assert_int_equal(rig_append(ledger, 0, size, NULL), 0);
	nr_ledger_close(ledger);
	return folder;
}

static void check_files(const char *folder, struct json_object *resources)
{
	for (size_t i = 0; resources && i < json_object_array_length(resources); i++) {
		struct json_object *r = json_object_array_get_idx(resources, i);
		NR_AUTO(nr_freep) uint8_t *bytes = NULL;
		char path[256];
		size_t length;
		struct nr_hash got, wanted;
		snprintf(path, sizeof path, "%s/%s", folder, text_of(r, "path"));
		assert_int_equal(nr_file_read(path, 1 << 20, &bytes, &length, NULL), 0);
		assert_int_equal(length, number_of(r, "bytes"));
		nr_hash_of(bytes, length, &got);
		assert_true(hash_read(text_of(r, "sha256"), &wanted));
		assert_true(nr_hash_equal(&got, &wanted));
	}
}

static void test_files_are_the_published_ones(void **state)
{
	(void)state;
	struct json_object *file = vector_read("rfc6962/tiles-70000.json");
	if (!file)
		return;
	struct json_object *sizes = member(file, "sizes");
	for (size_t i = 0; i < json_object_array_length(sizes); i++) {
		struct json_object *item = json_object_array_get_idx(sizes, i);
		uint64_t size = number_of(item, "size");
		struct nr_hash root, wanted;
		const char *folder = ledger_of(size);
		struct nr_ledger_conf conf = rig_conf(folder, NULL);
		struct nr_ledger *reader = NULL;
		assert_int_equal(nr_ledger_open(&conf, &reader, NULL), 0);
		assert_int_equal(nr_ledger_published(reader, &root), size);
		assert_true(hash_read(text_of(item, "root"), &wanted));
		assert_true(nr_hash_equal(&root, &wanted));
		nr_ledger_close(reader);
		check_files(folder, member(item, "resources"));
		rig_remove(folder);
	}
	json_object_put(file);
}

/* Every size that is at an edge, in one ledger that grows; opened anew at each. */
static void test_sizes_at_the_edges(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {1, 2, 3, 255, 256, 257, 511, 512, 513, 65535, 65536, 65537};
	const char *folder = ledger_of(0);
	uint64_t size = 0;
	struct nr_hash root;
	for (size_t i = 0; i < NR_COUNT(sizes); i++) {
		struct nr_ledger *ledger = open_ok(folder);
		assert_int_equal(nr_ledger_size(ledger), size);
		assert_int_equal(rig_append(ledger, size, sizes[i] - size, NULL), 0);
		assert_int_equal(nr_ledger_publish(ledger, NULL), 0);
		assert_true(rig_continues(ledger, size, &root));
		size = nr_ledger_published(ledger, &root);
		assert_int_equal(size, sizes[i]);
		uint64_t indices[] = {0, size / 2, size - 1, size / 256 * 256 - (size % 256 == 0)};
		for (size_t k = 0; k < NR_COUNT(indices); k++)
			assert_true(rig_proves(ledger, indices[k]));
		struct nr_proof proof;
		struct nr_error error;
		assert_int_equal(nr_ledger_prove_inclusion(ledger, size, size, &proof, &error), -EINVAL);
		assert_int_equal(nr_ledger_prove_inclusion(ledger, 0, size + 1, &proof, &error), -EINVAL);
		nr_ledger_close(ledger);
	}
	rig_remove(folder);
}

static void test_entries_of_any_length(void **state)
{
	(void)state;
	NR_AUTO(nr_freep) char *large = calloc(1, NR_LEDGER_ENTRY_MAX + 1);
	const char *folder = rig_folder();
	struct nr_ledger *ledger = open_ok(folder);
	struct nr_ledger_entry entries[] = {{large, NR_LEDGER_ENTRY_MAX}, {"", 0}, {"x", 1}};
	uint64_t first;
	struct nr_error error;
	assert_int_equal(nr_ledger_append(ledger, entries, 3, &first, NULL), 0);
	for (uint64_t i = 0; i < 3; i++) {
		NR_AUTO(nr_freep) uint8_t *bytes = NULL;
		size_t length;
		assert_int_equal(nr_ledger_read(ledger, i, &bytes, &length, NULL), 0);
		assert_int_equal(length, entries[i].length);
	}
	struct nr_ledger_entry larger = {large, NR_LEDGER_ENTRY_MAX + 1};
	assert_int_equal(nr_ledger_append(ledger, &larger, 1, &first, &error), -E2BIG);
	assert_non_null(strstr(error.text, "65536"));
	assert_int_equal(nr_ledger_append(ledger, NULL, 0, &first, NULL), -EINVAL);
	NR_AUTO(nr_freep) struct nr_ledger_entry *many = calloc(300, sizeof *many);
	for (size_t i = 0; i < 300; i++)
		many[i] = entries[0];
	assert_int_equal(nr_ledger_append(ledger, many, 300, &first, NULL), -E2BIG);
	assert_int_equal(nr_ledger_append(ledger, many, 256, &first, NULL), -E2BIG); /* with their lengths */
	assert_int_equal(nr_ledger_append(ledger, many, 255, &first, NULL), 0);
	for (int i = 0; i < 5; i++) /* more than a segment */
		assert_int_equal(nr_ledger_append(ledger, many, 255, &first, NULL), 0);
	assert_int_equal(nr_ledger_publish(ledger, NULL), 0);
	assert_int_equal(nr_ledger_size(ledger), 3 + 6 * 255);
	nr_ledger_close(ledger);
	ledger = open_ok(folder);
	assert_int_equal(nr_ledger_size(ledger), 3 + 6 * 255);
	nr_ledger_close(ledger);
	rig_remove(folder);
}

#define THREADS  8
#define APPENDED 400
struct teller {
	struct nr_ledger *ledger;
	uint64_t got[APPENDED];
	unsigned number;
};

static void *tell(void *context)
{
	struct teller *t = context;
	for (unsigned i = 0; i < APPENDED; i++) {
		char text[2][32];
		struct nr_ledger_entry entries[2];
		for (unsigned k = 0; k < 2; k++)
			entries[k] = (struct nr_ledger_entry){
				text[k], (size_t)snprintf(text[k], 32, "%u %u %u", t->number, i, k)};
		if (nr_ledger_append(t->ledger, entries, 2, &t->got[i], NULL))
			abort();
	}
	return NULL;
}

static void check_told(struct nr_ledger *ledger, const struct teller *t, bool seen[])
{
	for (unsigned i = 0; i < APPENDED; i++) {
		for (unsigned k = 0; k < 2; k++) {
			NR_AUTO(nr_freep) uint8_t *bytes = NULL;
			size_t length;
			char wanted[32];
			uint64_t index = t->got[i] + k;
			assert_true(index < 2 * THREADS * APPENDED && !seen[index]);
			seen[index] = true;
			snprintf(wanted, sizeof wanted, "%u %u %u", t->number, i, k);
			assert_int_equal(nr_ledger_read(ledger, index, &bytes, &length, NULL), 0);
			assert_string_equal((char *)bytes, wanted);
		}
	}
}

static void test_many_threads(void **state)
{
	(void)state;
	static bool seen[2 * THREADS * APPENDED];
	static struct teller tellers[THREADS];
	pthread_t threads[THREADS];
	const char *folder = rig_folder();
	struct nr_ledger *ledger = open_ok(folder);
	for (unsigned i = 0; i < THREADS; i++) {
		tellers[i] = (struct teller){.ledger = ledger, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, tell, &tellers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < THREADS; i++)
		check_told(ledger, &tellers[i], seen);
	assert_int_equal(nr_ledger_size(ledger), 2 * THREADS * APPENDED);
	nr_ledger_close(ledger);
	rig_remove(folder);
}

static void test_it_publishes_by_itself(void **state)
{
	(void)state;
	const char *folder = rig_folder();
	struct nr_ledger *ledger = open_ok(folder);
	assert_int_equal(rig_append(ledger, 0, 10, NULL), 0);
	for (int i = 0; i < 600 && nr_ledger_published(ledger, NULL) != 10; i++)
		usleep(50000);
	assert_int_equal(nr_ledger_published(ledger, NULL), 10);
	assert_int_equal(nr_ledger_trouble(ledger, NULL), 0);
	nr_ledger_close(ledger);
	rig_remove(folder);
}

static void test_two_writers(void **state)
{
	(void)state;
	struct nr_error error;
	char holder[32];
	const char *folder = rig_folder();
	struct nr_ledger *ledger = open_ok(folder);
	assert_int_equal(open_fails(folder, &error), -EBUSY);
	snprintf(holder, sizeof holder, "process %d", getpid());
	assert_non_null(strstr(error.text, holder));
	nr_ledger_close(ledger);
	nr_ledger_close(open_ok(folder));
	rig_remove(folder);
}

static void test_reader_beside_a_writer(void **state)
{
	(void)state;
	const char *folder = rig_folder();
	struct nr_ledger *ledger = open_ok(folder), *reader = NULL;
	struct nr_ledger_conf conf = rig_conf(folder, NULL);
	struct nr_ledger_entry entry = {"x", 1};
	uint64_t first;
	assert_int_equal(rig_append(ledger, 0, 300, NULL), 0);
	assert_int_equal(nr_ledger_publish(ledger, NULL), 0);
	assert_int_equal(nr_ledger_open(&conf, &reader, NULL), 0);
	assert_int_equal(nr_ledger_append(reader, &entry, 1, &first, NULL), -EROFS);
	assert_int_equal(nr_ledger_publish(reader, NULL), -EROFS);
	assert_int_equal(rig_append(ledger, 300, 300, NULL), 0); /* tiles that were partial are full now */
	assert_int_equal(nr_ledger_publish(ledger, NULL), 0);
	for (uint64_t i = 0; i < 300; i += 43)
		assert_true(rig_proves(reader, i));
	assert_int_equal(nr_ledger_size(reader), 300);
	nr_ledger_close(reader);
	nr_ledger_close(ledger);
	conf.origin = "another.example";
	struct nr_error error;
	assert_int_equal(nr_ledger_open(&conf, &reader, &error), -EINVAL);
	assert_non_null(strstr(error.text, RIG_ORIGIN));
	rig_remove(folder);
}

/* Partial tiles go when their full one is told of. */
static void test_partial_tiles_go(void **state)
{
	(void)state;
	char path[128];
	const char *folder = ledger_of(200);
	snprintf(path, sizeof path, "%s/tile/0/000.p/200", folder);
	assert_int_equal(access(path, F_OK), 0);
	struct nr_ledger *ledger = open_ok(folder);
	assert_int_equal(rig_append(ledger, 200, 100, NULL), 0);
	nr_ledger_close(ledger);
	assert_int_not_equal(access(path, F_OK), 0);
	snprintf(path, sizeof path, "%s/tile/entries/000.p", folder);
	assert_int_not_equal(access(path, F_OK), 0);
	snprintf(path, sizeof path, "%s/tile/0/001.p/44", folder);
	assert_int_equal(access(path, F_OK), 0);
	rig_remove(folder);
}

/* ---- what was tampered with, or brought back ---- */

static void shell(const char *format, const char *folder)
{
	char command[512];
	snprintf(command, sizeof command, format, folder, folder, folder, folder);
	assert_int_equal(system(command), 0);
}

static void test_lost_and_changed_files(void **state)
{
	(void)state;
	static const struct {
		const char *what, *words;
	} cases[] = {
		{"rm %s/.state/heads", "missing"},
		{"rm %s/.state/segments/*", "signed"},
		{"rm -r %s/.state", "missing"},
		{"rm %s/.state/heads %s/checkpoint; printf 'x' | dd "
		 "of=%s/.state/segments/00000000000000000000 "
		 "bs=1 seek=150 conv=notrunc status=none",
			"damaged"},
		{"printf 'x' | dd of=%s/.state/segments/00000000000000000000 bs=1 seek=150 conv=notrunc "
		 "status=none",
			"damaged"},
		{"printf 'xxxx' | dd of=%s/.state/segments/00000000000000000000 bs=1 seek=2 conv=notrunc "
		 "status=none",
			"damaged"},
		{"mv %s/.state/segments/00000000000000000000 %s/.state/segments/00000000000000000005",
			"entry 0"},
		{"truncate -s 1000 %s/.state/segments/00000000000000000000", "signed"},
		{"dd if=/dev/zero of=%s/.state/heads bs=8192 count=1 status=none", "whole"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_error error = {0};
		const char *folder = ledger_of(2500); /* three frames */
		shell(cases[i].what, folder);
		int e = open_fails(folder, &error);
		if (e != -EUCLEAN || !strstr(error.text, cases[i].words))
			print_message("%s: %d %s\n", cases[i].what, e, error.text);
		assert_int_equal(e, -EUCLEAN);
		assert_non_null(strstr(error.text, cases[i].words));
		rig_remove(folder);
	}
}

/* A segment whose entries are others, but whole: what a forger would leave. */
static void test_other_entries_than_signed(void **state)
{
	(void)state;
	struct nr_error error;
	char other[64], command[256];
	const char *folder = ledger_of(10);
	snprintf(other, sizeof other, "%s", folder);
	folder = rig_folder();
	struct nr_ledger *ledger = open_ok(folder);
	struct nr_ledger_entry entry = {"forged", 6};
	uint64_t first;
	for (int i = 0; i < 10; i++)
		assert_int_equal(nr_ledger_append(ledger, &entry, 1, &first, NULL), 0);
	nr_ledger_close(ledger);
	snprintf(command, sizeof command, "cp %s/.state/segments/* %s/.state/segments/", folder, other);
	assert_int_equal(system(command), 0);
	assert_int_equal(open_fails(other, &error), -EUCLEAN);
	assert_non_null(strstr(error.text, "not those that were signed"));
	rig_remove(other);
	rig_remove(folder);
}

/* What a crash tore at the end was never told of. */
static void test_a_torn_end(void **state)
{
	(void)state;
	const char *folder = rig_folder();
	struct nr_ledger *ledger = open_ok(folder);
	char path[128];
	struct stat before;
	assert_int_equal(rig_append(ledger, 0, 5, NULL), 0);
	nr_ledger_close(ledger);
	snprintf(path, sizeof path, "%s/.state/segments/00000000000000000000", folder);
	/* the beginning of a frame that says what the next one would: head of the first, index 5 */
	uint8_t head[32];
	NR_AUTO(nr_close_fd) int file = open(path, O_RDWR);
	assert_int_equal(pread(file, head, sizeof head, 64), 32);
	uint64_t index = 5;
	memcpy(head + 8, &index, sizeof index);
	assert_int_equal(pwrite(file, head, sizeof head, 64 + 32 + 48), 32);
	ledger = open_ok(folder);
	assert_int_equal(nr_ledger_size(ledger), 5);
	assert_int_equal(rig_append(ledger, 5, 3, NULL), 0);
	nr_ledger_close(ledger);
	ledger = open_ok(folder);
	assert_int_equal(nr_ledger_size(ledger), 8);
	for (uint64_t i = 0; i < 8; i++)
		assert_true(rig_proves(ledger, i));
	nr_ledger_close(ledger);
	assert_int_equal(stat(path, &before), 0);
	rig_remove(folder);
}

/* Entries of the last second, not signed yet, are damaged and something whole comes after them. */
static void test_damage_before_the_end(void **state)
{
	(void)state;
	struct nr_error error;
	const char *folder = ledger_of(0);
	char copy[80];
	snprintf(copy, sizeof copy, "%s-copy", folder);
	struct nr_ledger *ledger = open_ok(folder);
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(rig_append(ledger, i, 1, NULL), 0);
	rig_copy(folder, copy); /* as it is before anything of it was signed */
	nr_ledger_close(ledger);
	shell("printf x | dd of=%s/.state/segments/00000000000000000000 bs=1 seek=100 conv=notrunc "
	      "status=none",
		copy);
	assert_int_equal(open_fails(copy, &error), -EUCLEAN);
	assert_non_null(strstr(error.text, "damaged"));
	rig_remove(folder);
	rig_remove(copy);
}

static void test_a_copy_that_is_brought_back(void **state)
{
	(void)state;
	struct nr_error error;
	const char *folder = rig_folder();
	char copy[80], anchor[80];
	snprintf(copy, sizeof copy, "%s-copy", folder);
	snprintf(anchor, sizeof anchor, "%s-anchor", folder);
	struct nr_ledger_conf conf = rig_conf(folder, &key);
	conf.anchor = anchor;
	struct nr_ledger *ledger = NULL;
	assert_int_equal(nr_ledger_open(&conf, &ledger, NULL), 0);
	assert_int_equal(rig_append(ledger, 0, 10, NULL), 0);
	nr_ledger_close(ledger);
	rig_copy(folder, copy);
	assert_int_equal(nr_ledger_open(&conf, &ledger, NULL), 0);
	assert_int_equal(rig_append(ledger, 10, 10, NULL), 0);
	nr_ledger_close(ledger);
	rig_copy(copy, folder);
	unsigned long before = key.calls;
	assert_int_equal(nr_ledger_open(&conf, &ledger, &error), -EUCLEAN);
	assert_non_null(strstr(error.text, "rolled back"));
	assert_int_equal(key.calls, before); /* nothing was signed */
	/* only a part of it: the segments */
	rig_remove(anchor);
	shell("true %s", folder);
	assert_int_equal(nr_ledger_open(&conf, &ledger, NULL), 0); /* without the anchor nobody can know */
	assert_int_equal(rig_append(ledger, 10, 10, NULL), 0);
	nr_ledger_close(ledger);
	char command[256];
	snprintf(command, sizeof command, "cp %s/.state/segments/* %s/.state/segments/", copy, folder);
	assert_int_equal(system(command), 0);
	assert_int_equal(nr_ledger_open(&conf, &ledger, &error), -EUCLEAN);
	rig_remove(folder);
	rig_remove(copy);
	rig_remove(anchor);
}

/* Tiles that are gone or wrong are made again from the segments. */
static void test_tiles_are_made_again(void **state)
{
	(void)state;
	const char *folder = ledger_of(1000);
	shell("rm -r %s/tile/0 && printf x >%s/tile/entries/001", folder);
	struct nr_ledger *ledger = open_ok(folder);
	for (uint64_t i = 0; i < 1000; i += 111)
		assert_true(rig_proves(ledger, i));
	nr_ledger_close(ledger);
	rig_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_are_the_published_ones),
		cmocka_unit_test(test_sizes_at_the_edges),
		cmocka_unit_test(test_entries_of_any_length),
		cmocka_unit_test(test_many_threads),
		cmocka_unit_test(test_it_publishes_by_itself),
		cmocka_unit_test(test_two_writers),
		cmocka_unit_test(test_reader_beside_a_writer),
		cmocka_unit_test(test_partial_tiles_go),
		cmocka_unit_test(test_lost_and_changed_files),
		cmocka_unit_test(test_other_entries_than_signed),
		cmocka_unit_test(test_a_torn_end),
		cmocka_unit_test(test_damage_before_the_end),
		cmocka_unit_test(test_a_copy_that_is_brought_back),
		cmocka_unit_test(test_tiles_are_made_again),
	};
	rig_key_init(&key, 0, RIG_ORIGIN);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	EVP_PKEY_free(key.key);
	return failed;
}
