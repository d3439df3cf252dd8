/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/port_class.h"
#include "base/file.h"

#include <errno.h>
#include <string.h>

#define NR_PORT_CLASS_FILE_MAX (1u << 20)

extern const char nr_port_classes_builtin[]; /* etc/port-classes, embedded by scripts/embed.sh */

static int class_index(struct nr_port_classes *c, const char *name, size_t *ret_index)
{
	for (size_t i = 0; i < c->count; i++)
		if (!strcmp(c->names[i], name)) {
			*ret_index = i;
			return 0;
		}
	size_t length = strlen(name);
	if (c->count > NR_PORT_CLASSES_MAX || length >= sizeof c->names[0])
		return -E2BIG;
	memcpy(c->names[c->count], name, length + 1);
	*ret_index = c->count++;
	return 0;
}

static bool is_name(const char *name)
{
	return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] && strcmp(name, "other");
}

static int read_ports(struct nr_port_classes *c, size_t index, bool udp, const char *ports)
{
	for (const char *port = ports; port; port = *port ? port + 1 : NULL) {
		size_t digits = strspn(port, "0123456789"); /* strtoul() alone would take a sign */
		unsigned long n = strtoul(port, NULL, 10);
		port += digits;
		if (!digits || (*port && *port != ',') || n > 65535)
			return -EINVAL;
		c->member[udp][n] = (uint16_t)(c->member[udp][n] | 1u << index);
		/* the class that comes first in the file owns the port */
		if (!c->owner[udp][n] || c->owner[udp][n] > index)
			c->owner[udp][n] = (uint8_t)index;
	}
	return 0;
}

static int read_line(
	struct nr_port_classes *c, const char *name, size_t number, char *line, struct nr_error *error)
{
	char *save = NULL, *class = strtok_r(line, " \t\r", &save),
	     *protocol = strtok_r(NULL, " \t\r", &save);
	char *ports = strtok_r(NULL, " \t\r", &save);
	size_t index;
	if (!ports || strtok_r(NULL, " \t\r", &save))
		return nr_fail(error, -EINVAL, "%s:%zu: a line is: CLASS tcp|udp PORT,PORT...", name, number);
	if (!is_name(class))
		return nr_fail(error, -EINVAL,
			"%s:%zu: \"%.32s\" cannot name a class: use a-z, 0-9 and -, not \"other\"", name,
			number, class);
	bool udp = !strcmp(protocol, "udp");
	if (!udp && strcmp(protocol, "tcp"))
		return nr_fail(
			error, -EINVAL, "%s:%zu: \"%.16s\" is neither tcp nor udp", name, number, protocol);
	if (class_index(c, class, &index))
		return nr_fail(error, -E2BIG, "%s:%zu: more than %d classes, or a name of over 31 letters",
			name, number, NR_PORT_CLASSES_MAX);
	if (read_ports(c, index, udp, ports))
		return nr_fail(error, -EINVAL, "%s:%zu: a port is a number from 0 to 65535", name, number);
	return 0;
}

static int parse(struct nr_port_classes *c, const char *name, char *text, struct nr_error *error)
{
	size_t number = 0;
	for (char *line = text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		number++;
		if (!strncmp(line, "# version ", 10) && !c->version[0]) {
			snprintf(c->version, sizeof c->version, "%s", line + 10);
			c->version[strcspn(c->version, " \r")] = 0;
		}
		line[strcspn(line, "#")] = 0;
		if (!line[strspn(line, " \t\r")])
			continue;
		int e = read_line(c, name, number, line, error);
		if (e)
			return e;
	}
	return 0;
}

int nr_port_classes_read(struct nr_port_classes *classes, const char *path, struct nr_error *error)
{
	memset(classes, 0, sizeof *classes);
	memcpy(classes->names[0], "other", sizeof "other");
	classes->count = 1;
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	if (path) {
		int e = nr_file_read(path, NR_PORT_CLASS_FILE_MAX, &bytes, &length, error);
		if (e)
			return e;
	} else {
		bytes = (uint8_t *)strdup(nr_port_classes_builtin);
		if (!bytes)
			return nr_fail(error, -ENOMEM, "out of memory");
	}
	if (path && memchr(bytes, 0, length))
		return nr_fail(error, -EINVAL, "%s: a NUL byte: not a text file", path);
	return parse(classes, path ? path : "built-in port classes", (char *)bytes, error);
}
