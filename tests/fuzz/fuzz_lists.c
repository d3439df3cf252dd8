/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of research scanners. The file is read twice, as two lists: the second adds entries but no prefix,
 * and what the table holds answers with the first.
 */
#include "input_file.h"
#include "sense/telescope/lists.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(const struct nr_error *error, int code, const char *path)
{
	assert(code < 0 && error->code == code);
	assert(strncmp(error->text, path, strlen(path)) == 0);
}

/* A name goes to terminals and into rows: no control characters, and never cut within a character. */
static void check_list(const struct nr_list *list)
{
	size_t length = strnlen(list->name, sizeof list->name);
	assert(length < sizeof list->name);
	assert(length == 0 || ((uint8_t)list->name[length - 1] & 0xc0) != 0xc0);
	for (size_t i = 0; i < length; i++)
		assert((uint8_t)list->name[i] >= ' ' && list->name[i] != 0x7f);
}

static void check_answers(const struct nr_lists *lists)
{
	for (uint32_t i = 0; i < 64; i++) {
		struct nr_address address = nr_address_from_ipv4(i * 0x04081021u);
		uint32_t list = nr_prefix_table_find(lists->table, &address);
		assert(list == 0 || list == NR_PREFIX_NONE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input_file file;
	struct nr_error error = {0};
	NR_AUTO(nr_lists_fini) struct nr_lists lists = {0};
	input_file_open(&file, data, size);
	int code = nr_lists_read(&lists, file.path, &error);
	if (code) {
		check_refusal(&error, code, file.path);
	} else {
		assert(nr_lists_read(&lists, file.path, &error) == 0);
		assert(nr_lists_seal(&lists, &error) == 0);
		assert(lists.count == 2 && lists.lists[0].entries == lists.lists[1].entries);
		assert(nr_prefix_table_count(lists.table) <= lists.lists[0].entries);
		assert((nr_prefix_table_count(lists.table) > 0) == (lists.lists[0].entries > 0));
		check_list(&lists.lists[0]);
		check_answers(&lists);
	}
	input_file_close(&file);
	return 0;
}
