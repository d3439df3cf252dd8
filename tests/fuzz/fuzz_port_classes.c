/* SPDX-License-Identifier: Apache-2.0 */
/* Port classes: whatever the file says, every port has one owner, the first of the classes it is in. */
#include "input_file.h"
#include "sense/telescope/port_class.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_names(const struct nr_port_classes *c)
{
	assert(c->count >= 1 && c->count <= NR_COUNT(c->names));
	assert(strcmp(c->names[0], "other") == 0);
	assert(memchr(c->version, 0, sizeof c->version));
	for (size_t i = 1; i < c->count; i++) {
		assert(c->names[i][0] && memchr(c->names[i], 0, sizeof c->names[i]));
		for (size_t k = 0; k < i; k++)
			assert(strcmp(c->names[i], c->names[k]) != 0);
	}
}

static void check_ports(const struct nr_port_classes *c, bool udp)
{
	for (uint32_t port = 0; port < 65536; port++) {
		uint16_t member = c->member[udp][port];
		uint8_t owner = c->owner[udp][port];
		assert(member >> c->count == 0 && (member & 1) == 0);
		assert(owner == (member ? __builtin_ctz(member) : 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nr_port_classes classes; /* large */
	struct input_file file;
	struct nr_error error = {0};
	input_file_open(&file, data, size);
	int code = nr_port_classes_read(&classes, file.path, &error);
	if (code) {
		assert(code < 0 && error.code == code);
		assert(strncmp(error.text, file.path, strlen(file.path)) == 0);
	} else {
		check_names(&classes);
		check_ports(&classes, false);
		check_ports(&classes, true);
	}
	input_file_close(&file);
	return 0;
}
