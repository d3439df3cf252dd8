/* SPDX-License-Identifier: Apache-2.0 */
/* Flow tuples as an Avro object container file, field by field as corsaro3 writes them. */
#ifndef NR_SENSE_TELESCOPE_FLOWTUPLE_AVRO_H
#define NR_SENSE_TELESCOPE_FLOWTUPLE_AVRO_H

#include "base/time.h"
#include "net/origin.h"
#include "sense/telescope/flowtuple.h"

struct nr_flowtuple_avro; /* opaque; owned by the caller */

/* stream: where to write; the caller's, and to be closed by it after _close. codec: "deflate", "snappy". */
int nr_flowtuple_avro_open(
	FILE *stream, const char *codec, struct nr_flowtuple_avro **ret_avro, struct nr_error *error);
/* interval: its start. place: of the source. */
int nr_flowtuple_avro_write(struct nr_flowtuple_avro *avro, nr_time interval,
	const struct nr_flowtuple *tuple, const struct nr_place *place, struct nr_error *error);
/* Writes the last block. NULL allowed. */
int nr_flowtuple_avro_close(struct nr_flowtuple_avro *avro, struct nr_error *error);

#endif
