/* SPDX-License-Identifier: Apache-2.0 */
/* Elements that the configuration names: "PEN/ID=NAME[:TYPE]". */
#include "sense/flow/collect/collector.h"
#include "sense/flow/collect/map.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define NAME_MAX_LENGTH 64

static const struct {
	const char *name;
	uint8_t type;
} types[] = {
	{"uint", NR_FLOW_NAMED_UINT},
	{"text", NR_FLOW_NAMED_TEXT},
	{"octets", NR_FLOW_NAMED_OCTETS},
	{"address", NR_FLOW_NAMED_ADDRESS},
	{"mac", NR_FLOW_NAMED_MAC},
};

static bool read_number(const char **at, char end, unsigned long most, unsigned long *ret_number)
{
	char *rest;
	if (!isdigit((unsigned char)**at))
		return false;
	errno = 0;
	*ret_number = strtoul(*at, &rest, 10);
	if (errno || *rest != end || *ret_number > most)
		return false;
	*at = rest + 1;
	return true;
}

static bool read_type(const char *colon, uint8_t *ret_type)
{
	*ret_type = NR_FLOW_NAMED_UINT;
	for (size_t i = 0; colon && i < NR_COUNT(types); i++)
		if (!strcmp(colon + 1, types[i].name)) {
			*ret_type = types[i].type;
			return true;
		}
	return !colon;
}

static int read_one(const char *text, struct nr_flow_named_element *ret_element, struct nr_error *error)
{
	const char *at = text;
	unsigned long enterprise, id;
	struct nr_flow_named_element element = {.name = NULL};
	bool sound =
		read_number(&at, '/', UINT32_MAX - 1, &enterprise) && read_number(&at, '=', UINT16_MAX, &id);
	const char *colon = sound ? strchr(at, ':') : NULL;
	size_t length = !sound ? 0 : colon ? (size_t)(colon - at) : strlen(at);
	if (!length || length > NAME_MAX_LENGTH || !read_type(colon, &element.type))
		return nr_fail(error, -EINVAL,
			"--field %s: not PEN/ID=NAME[:TYPE] with a type of uint, text, octets, address, mac; "
			"say for example 9/12235=application:text",
			text);
	element.enterprise = (uint32_t)enterprise;
	element.id = (uint16_t)id;
	element.name = strndup(at, length);
	if (!element.name)
		return nr_fail(error, -ENOMEM, "out of memory");
	*ret_element = element;
	return 0;
}

int nr_flow_compiler_init(
	struct nr_flow_compiler *compiler, const char *const *texts, size_t count, struct nr_error *error)
{
	int e = 0;
	if (!count)
		return 0;
	compiler->named = calloc(count, sizeof *compiler->named);
	if (!compiler->named)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (size_t i = 0; !e && i < count; i++) {
		e = read_one(texts[i], &compiler->named[i], error);
		if (!e)
			compiler->named_count++;
	}
	return e;
}

void nr_flow_compiler_fini(struct nr_flow_compiler *compiler)
{
	for (size_t i = 0; i < compiler->named_count; i++)
		free(compiler->named[i].name);
	free(compiler->named);
	*compiler = (struct nr_flow_compiler){.named = NULL};
}
