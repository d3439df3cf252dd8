/* SPDX-License-Identifier: Apache-2.0 */
/* A file as what is sealed: hashed as a stream, or read whole where the form holds it. */
#ifndef NR_TRUST_SEAL_FILE_DATA_H
#define NR_TRUST_SEAL_FILE_DATA_H

#include "trust/seal/seal.h"

struct nr_file_data {
	struct nr_seal_data data;
	FILE *stream;
	uint8_t *bytes; /* owned */
};

/* whole: at most NR_SEALED_MAX bytes come into memory. "-" is standard input, read whole. */
int nr_file_data_open(struct nr_file_data *file, const char *path, bool whole, struct nr_error *error);
void nr_file_data_fini(struct nr_file_data *file);

#endif
