/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the option files (option.c, option_yaml.c, command.c): one value of one option. Messages do not name
 * the option: the caller puts "--dark: " or "file:3:7: dark: " before them.
 */
#ifndef NR_BASE_OPTION_VALUE_H
#define NR_BASE_OPTION_VALUE_H

#include "base/option.h"

#define NR_OPTIONS_MAX 128 /* of one command */

const struct nr_option *nr_option_find(const struct nr_option *options, size_t count, const char *name);
bool nr_option_is_list(const struct nr_option *option);
int nr_option_set(const struct nr_option *option, void *conf, const char *text, struct nr_error *error);
/* Back to zero or empty; releases what the value owned. */
void nr_option_clear(const struct nr_option *option, void *conf);

/* A limit as the user would write it: 64 for a number, 64M for a size. */
const char *nr_option_limit(const struct nr_option *option, double limit, char *text, size_t room);

/* The keys of a configuration file that belong to somebody: key NULL asks for the area. */
struct nr_option_names {
	bool (*known)(const void *data, const char *area, const char *key);
	const void *data;
};

/* nr_options_read_yaml() for one of many commands: what others know is skipped, what nobody knows is an
 * error. */
int nr_options_read_yaml_shared(const struct nr_option *options, size_t count, void *conf, const char *path,
	const char *area, const struct nr_option_names *names, struct nr_error *error);

#endif
