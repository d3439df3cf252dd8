/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration file, with one option of each type. It is read twice into the same conf: lists are
 * replaced, so nothing may grow.
 */
#include "base/option.h"
#include "input_file.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct conf {
	bool json;
	uint64_t workers, memory;
	double share;
	nr_time interval, from;
	const char *sensor, *store, *by;
	struct nr_texts lists;
	struct nr_prefixes dark;
};

static const char *const choices[] = {"port", "source", NULL};
static const struct nr_option options[] = {
	{"json", NR_OPTION_FLAG, offsetof(struct conf, json)},
	{"workers", NR_OPTION_UINT, offsetof(struct conf, workers), "N", "1", 1, 64},
	{"memory", NR_OPTION_SIZE, offsetof(struct conf, memory), "SIZE", "1G", 1 << 20, 0x1p40},
	{"share", NR_OPTION_REAL, offsetof(struct conf, share), "X", "0.5", 0, 1},
	{"interval", NR_OPTION_DURATION, offsetof(struct conf, interval), "TIME", "5m"},
	{"from", NR_OPTION_TIME, offsetof(struct conf, from), "TIME"},
	{"sensor", NR_OPTION_TEXT, offsetof(struct conf, sensor), "NAME", "telescope"},
	{"store", NR_OPTION_PATH, offsetof(struct conf, store), "FILE"},
	{"by", NR_OPTION_CHOICE, offsetof(struct conf, by), "WHAT", "port", .choices = choices},
	{"lists", NR_OPTION_TEXTS, offsetof(struct conf, lists), "FILE"},
	{"dark", NR_OPTION_PREFIXES, offsetof(struct conf, dark), "CIDR"},
};

static void check_values(const struct conf *conf)
{
	assert(conf->workers >= 1 && conf->workers <= 64);
	assert(conf->memory >= 1 << 20 && conf->memory <= UINT64_C(1) << 40);
	assert(conf->share >= 0 && conf->share <= 1);
	assert(conf->interval >= 0 && conf->sensor);
	assert(strcmp(conf->by, "port") == 0 || strcmp(conf->by, "source") == 0);
	for (size_t i = 0; i < conf->lists.count; i++)
		assert(conf->lists.items[i][0]);
	for (size_t i = 0; i < conf->dark.count; i++)
		assert(conf->dark.items[i].length <= 128);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input_file file;
	struct conf conf = {0};
	struct nr_error error = {0};
	assert(nr_options_default(options, NR_COUNT(options), &conf, NULL) == 0);
	input_file_open(&file, data, size);
	int code = nr_options_read_yaml(options, NR_COUNT(options), &conf, file.path, "area", &error);
	check_values(&conf);
	if (code) {
		assert(code < 0 && error.code == code);
		assert(strncmp(error.text, file.path, strlen(file.path)) == 0);
	} else {
		size_t lists = conf.lists.count, dark = conf.dark.count;
		assert(nr_options_read_yaml(options, NR_COUNT(options), &conf, file.path, "area", &error) ==
			0);
		assert(conf.lists.count == lists && conf.dark.count == dark);
		check_values(&conf);
	}
	input_file_close(&file);
	nr_options_fini(options, NR_COUNT(options), &conf);
	assert(!conf.lists.items && !conf.dark.items && !conf.sensor);
	return 0;
}
