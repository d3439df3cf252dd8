/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file: one mapping per area, scalars and lists of scalars below it.
 *
 *	telescope:
 *	  dark: [192.0.2.0/24, 198.51.100.0/24]
 *	  workers: 2
 */
#include "base/file.h"
#include "base/nearest.h"
#include "base/option_value.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <yaml.h>

#define YAML_BYTES_MAX ((size_t)1 << 20)
#define YAML_DEPTH_MAX 16 /* three are used; libyaml takes quadratic time for deep brackets */

struct yaml_reader {
	const struct nr_option *options;
	size_t count;
	void *conf;
	const char *path, *area;
	const struct nr_option_names *names; /* may be NULL */
	yaml_document_t *document;
	bool seen[NR_OPTIONS_MAX]; /* the option was set */
};

/* "file:line:column: " before the reason. */
static int node_fail(const struct yaml_reader *reader, const yaml_node_t *node, int code, const char *reason,
	struct nr_error *error)
{
	return nr_fail(error, code, "%s:%zu:%zu: %s", reader->path, node->start_mark.line + 1,
		node->start_mark.column + 1, reason);
}

/* The text of a scalar without a NUL inside; NULL for anything else. */
static const char *node_text(const yaml_node_t *node)
{
	if (node->type != YAML_SCALAR_NODE)
		return NULL;
	const char *text = (const char *)node->data.scalar.value;
	return strlen(text) == node->data.scalar.length ? text : NULL;
}

/* Nothing stands after "key:". */
static bool node_is_empty(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0 &&
	       node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static int option_read_scalar(const struct yaml_reader *reader, const struct nr_option *option,
	const yaml_node_t *node, struct nr_error *error)
{
	struct nr_error reason;
	char text[240];
	const char *value = node_text(node);
	int rc = -EINVAL;
	if (!value)
		nr_fail(&reason, rc, "a plain value is expected here");
	else if (node_is_empty(node))
		nr_fail(&reason, rc, "the value is missing");
	else
		rc = nr_option_set(option, reader->conf, value, &reason);
	if (rc == 0)
		return 0;
	snprintf(text, sizeof text, "%s: %.160s", option->name, reason.text);
	return node_fail(reader, node, rc, text, error);
}

static int option_read(struct yaml_reader *reader, const struct nr_option *option, const yaml_node_t *key,
	const yaml_node_t *value, struct nr_error *error)
{
	bool *seen = &reader->seen[option - reader->options];
	if (*seen)
		return node_fail(reader, key, -EEXIST, "the key stands here a second time", error);
	*seen = true;
	if (!nr_option_is_list(option))
		return option_read_scalar(reader, option, value, error);
	nr_option_clear(option, reader->conf); /* a list of the file replaces the default */
	if (value->type != YAML_SEQUENCE_NODE)
		return option_read_scalar(reader, option, value, error);
	const yaml_node_item_t *end = value->data.sequence.items.top;
	for (const yaml_node_item_t *item = value->data.sequence.items.start; item < end; item++) {
		const yaml_node_t *node = yaml_document_get_node(reader->document, *item);
		int rc = option_read_scalar(reader, option, node, error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int key_unknown(
	const struct yaml_reader *reader, const yaml_node_t *key, const char *name, struct nr_error *error)
{
	char text[240];
	struct nr_nearest nearest = {.word = name};
	for (size_t i = 0; i < reader->count; i++)
		nr_nearest_offer(&nearest, reader->options[i].name);
	snprintf(text, sizeof text, "%.60s: no such key in %s%s%s%s", name, reader->area,
		nearest.best ? "; did you mean " : "", nearest.best ? nearest.best : "",
		nearest.best ? "?" : "");
	return node_fail(reader, key, -ENOENT, text, error);
}

static int area_read(struct yaml_reader *reader, const yaml_node_t *area, struct nr_error *error)
{
	if (node_is_empty(area))
		return 0; /* "telescope:" with everything below it commented out */
	if (area->type != YAML_MAPPING_NODE)
		return node_fail(reader, area, -EINVAL, "keys and values are expected below the area", error);
	const yaml_node_pair_t *end = area->data.mapping.pairs.top;
	for (const yaml_node_pair_t *pair = area->data.mapping.pairs.start; pair < end; pair++) {
		const yaml_node_t *key = yaml_document_get_node(reader->document, pair->key);
		const yaml_node_t *value = yaml_document_get_node(reader->document, pair->value);
		const char *name = node_text(key);
		if (!name)
			return node_fail(reader, key, -EINVAL, "a key must be a plain word", error);
		const struct nr_option *option = nr_option_find(reader->options, reader->count, name);
		const struct nr_option_names *names = reader->names;
		int rc = 0;
		if (option)
			rc = option_read(reader, option, key, value, error);
		else if (!names || !names->known(names->data, reader->area, name))
			rc = key_unknown(reader, key, name, error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int document_read(struct yaml_reader *reader, struct nr_error *error)
{
	const yaml_node_t *root = yaml_document_get_root_node(reader->document);
	const struct nr_option_names *names = reader->names;
	bool found = false;
	if (!root || node_is_empty(root))
		return 0; /* nothing but comments */
	if (root->type != YAML_MAPPING_NODE)
		return node_fail(reader, root, -EINVAL, "the file must be a mapping of areas", error);
	const yaml_node_pair_t *end = root->data.mapping.pairs.top;
	for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < end; pair++) {
		const yaml_node_t *key = yaml_document_get_node(reader->document, pair->key);
		const char *name = node_text(key);
		int rc = 0;
		if (!name || (names && !names->known(names->data, name, NULL)))
			return node_fail(reader, key, -ENOENT, "no such area; see noroshi help", error);
		if (strcmp(name, reader->area) != 0)
			continue;
		if (found)
			return node_fail(reader, key, -EEXIST, "the area stands here a second time", error);
		found = true;
		rc = area_read(reader, yaml_document_get_node(reader->document, pair->value), error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int parser_fail(const yaml_parser_t *parser, const char *path, struct nr_error *error)
{
	const char *problem = parser->problem ? parser->problem : "not YAML";
	if (parser->error == YAML_MEMORY_ERROR)
		return nr_fail(error, -ENOMEM, "%s: out of memory", path);
	if (parser->error == YAML_READER_ERROR)
		return nr_fail(error, -EBADMSG, "%s: byte %zu: %s", path, parser->problem_offset, problem);
	return nr_fail(error, -EBADMSG, "%s:%zu:%zu: %s", path, parser->problem_mark.line + 1,
		parser->problem_mark.column + 1, problem);
}

static int token_depth(yaml_token_type_t type)
{
	switch (type) {
	case YAML_FLOW_SEQUENCE_START_TOKEN:
	case YAML_FLOW_MAPPING_START_TOKEN:
	case YAML_BLOCK_SEQUENCE_START_TOKEN:
	case YAML_BLOCK_MAPPING_START_TOKEN:
		return 1;
	case YAML_FLOW_SEQUENCE_END_TOKEN:
	case YAML_FLOW_MAPPING_END_TOKEN:
	case YAML_BLOCK_END_TOKEN:
		return -1;
	default:
		return 0;
	}
}

/* A look at the tokens alone, before the parser builds anything from them. */
static int depth_check(yaml_parser_t *parser, const char *path, struct nr_error *error)
{
	int depth = 0;
	for (bool end = false; !end;) {
		yaml_token_t token;
		if (!yaml_parser_scan(parser, &token))
			return parser_fail(parser, path, error);
		yaml_mark_t mark = token.start_mark;
		depth += token_depth(token.type);
		end = token.type == YAML_STREAM_END_TOKEN;
		yaml_token_delete(&token);
		if (depth > YAML_DEPTH_MAX)
			return nr_fail(error, -EBADMSG, "%s:%zu:%zu: nested deeper than %d", path,
				mark.line + 1, mark.column + 1, YAML_DEPTH_MAX);
	}
	return 0;
}

/* One document only: what stands after "---" or "..." would be ignored in silence. */
static int end_check(yaml_parser_t *parser, const char *path, struct nr_error *error)
{
	yaml_document_t document;
	if (!yaml_parser_load(parser, &document))
		return parser_fail(parser, path, error);
	bool more = yaml_document_get_root_node(&document) != NULL;
	size_t line = document.start_mark.line + 1;
	yaml_document_delete(&document);
	return more ? nr_fail(error, -EINVAL, "%s:%zu:1: a second YAML document; only one is read", path,
			      line)
		    : 0;
}

static int documents_read(struct yaml_reader *reader, yaml_parser_t *parser, struct nr_error *error)
{
	yaml_document_t document;
	if (!yaml_parser_load(parser, &document))
		return parser_fail(parser, reader->path, error);
	bool root = yaml_document_get_root_node(&document) != NULL;
	reader->document = &document;
	int rc = document_read(reader, error);
	reader->document = NULL;
	yaml_document_delete(&document);
	return rc == 0 && root ? end_check(parser, reader->path, error) : rc;
}

static int bytes_read(struct yaml_reader *reader, const uint8_t *bytes, size_t length, struct nr_error *error)
{
	int rc = 0;
	for (int pass = 0; rc == 0 && pass < 2; pass++) {
		yaml_parser_t parser;
		if (!yaml_parser_initialize(&parser))
			return nr_fail(error, -ENOMEM, "%s: out of memory", reader->path);
		yaml_parser_set_input_string(&parser, bytes, length);
		rc = pass == 0 ? depth_check(&parser, reader->path, error)
			       : documents_read(reader, &parser, error);
		yaml_parser_delete(&parser);
	}
	return rc;
}

int nr_options_read_yaml_shared(const struct nr_option *options, size_t count, void *conf, const char *path,
	const char *area, const struct nr_option_names *names, struct nr_error *error)
{
	assert(count <= NR_OPTIONS_MAX);
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	int rc = nr_file_read(path, YAML_BYTES_MAX, &bytes, &length, error);
	if (rc < 0)
		return rc;
	struct yaml_reader reader = {options, count, conf, path, area, names, NULL, {false}};
	return bytes_read(&reader, bytes, length, error);
}

int nr_options_read_yaml(const struct nr_option *options, size_t count, void *conf, const char *path,
	const char *area, struct nr_error *error)
{
	return nr_options_read_yaml_shared(options, count, conf, path, area, NULL, error);
}
