/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port classes from an editable file (etc/port-classes): a port may be in several classes; one owns it in
 * pictures that need a single answer: the class that comes first in the file.
 */
#ifndef NR_SENSE_TELESCOPE_PORT_CLASS_H
#define NR_SENSE_TELESCOPE_PORT_CLASS_H

#include "base/error.h"

#define NR_PORT_CLASSES_MAX 14 /* besides "other"; a mask of 16 bits holds them and "all" */

struct nr_port_classes {
	char names[NR_PORT_CLASSES_MAX + 1][32]; /* names[0] = "other" */
	size_t count;                            /* with "other" */
	char version[32];
	uint8_t owner[2][65536];   /* [0] TCP, [1] UDP: index into names */
	uint16_t member[2][65536]; /* bit n: the port is in class n */
};

/* path NULL: the file as it was when the program was built. Errors name file and line. */
int nr_port_classes_read(struct nr_port_classes *classes, const char *path, struct nr_error *error);

NR_INLINE const char *nr_port_class(const struct nr_port_classes *classes, bool udp, uint16_t port)
{
	return classes->names[classes->owner[udp][port]];
}

#endif
