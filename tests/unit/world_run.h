/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs `noroshi world darknet` inside the test and reads the truth that it wrote. Needs cmocka before it.
 */
#ifndef NR_TEST_WORLD_RUN_H
#define NR_TEST_WORLD_RUN_H

#include "train/world/command.h"
#include "train/world/darknet.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>

static char folder[] = "/tmp/noroshi-world-XXXXXX";

/* folder/name, in one of a few buffers. */
static const char *file(const char *name)
{
	static char paths[8][128];
	static unsigned turn;
	char *path = paths[turn++ % NR_COUNT(paths)];
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

/* Runs the command with name=value arguments up to NULL; its line on stdout goes to /dev/null. */
static int run_world(struct nr_error *error, const char *const *arguments)
{
	const struct nr_command *command = &nr_world_darknet_command;
	struct nr_darknet_conf conf = {0};
	int rc = nr_options_default(command->options, command->option_count, &conf, error);
	for (; !rc && *arguments; arguments++) {
		char name[32];
		const char *equals = strchr(*arguments, '=');
		snprintf(name, sizeof name, "%.*s", (int)(equals - *arguments), *arguments);
		struct nr_prefixes *list =
			!strcmp(name, "dark") ? &conf.dark : (!strcmp(name, "own") ? &conf.own : NULL);
		if (list) { /* a given list replaces the default, as on the command line */
			free(list->items);
			*list = (struct nr_prefixes){0};
		}
		rc = nr_options_set(command->options, command->option_count, &conf, name, equals + 1, error);
	}
	assert_int_equal(rc, 0);
	fflush(stdout);
	NR_AUTO(nr_close_fd) int saved = dup(1);
	NR_AUTO(nr_close_fd) int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(null, 1);
	rc = command->run(&conf, NULL, 0, error);
	fflush(stdout);
	dup2(saved, 1);
	nr_options_fini(command->options, command->option_count, &conf);
	return rc;
}

#define RUN(error, ...) run_world(error, (const char *const[]){__VA_ARGS__, NULL})

static char *option(char text[static 160], const char *name, const char *path)
{
	snprintf(text, 160, "%s=%s", name, path);
	return text;
}

/* Makes folder/name with the options; fails the test with the message. */
#define MAKE(name, ...)                                                                                      \
	do {                                                                                                 \
		char out_[160];                                                                              \
		struct nr_error error_ = {0};                                                                \
		int status_ = RUN(&error_, option(out_, "out", file(name)), __VA_ARGS__);                    \
		if (status_)                                                                                 \
			fail_msg("%s: %s", name, error_.text);                                               \
	} while (0)

static struct json_object *truth_of(const char *name)
{
	char path[160];
	snprintf(path, sizeof path, "%s.truth.json", file(name));
	struct json_object *truth = json_object_from_file(path);
	assert_non_null(truth);
	return truth;
}

static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;
	if (!json_object_object_get_ex(object, key, &value))
		fail_msg("the truth has no %s", key);
	return value;
}

static uint64_t number(struct json_object *object, const char *key)
{
	return json_object_get_uint64(member(object, key));
}

#endif
