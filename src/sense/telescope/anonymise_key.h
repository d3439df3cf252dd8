/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files of the anonymiser: a line that says what it is, and the key in hexadecimal. Whoever has the key
 * can say what each address of an export was.
 */
#ifndef NR_SENSE_TELESCOPE_ANONYMISE_KEY_H
#define NR_SENSE_TELESCOPE_ANONYMISE_KEY_H

#include "sense/telescope/anonymise.h"

#define NR_KEY_ID_TEXT 17 /* 64 bits in hexadecimal, and a NUL */

/* Makes the file with mode 0600; -EEXIST where there is one. */
int nr_anonymise_key_create(const char *path, struct nr_error *error);
/* -EACCES where others could read the file. */
int nr_anonymise_key_read(const char *path, uint8_t ret_key[static NR_ANONYMISE_KEY], struct nr_error *error);
/* A key that nobody will know afterwards. */
int nr_anonymise_key_random(uint8_t ret_key[static NR_ANONYMISE_KEY], struct nr_error *error);
/* Names the key without telling it. */
int nr_anonymise_key_id(const uint8_t key[static NR_ANONYMISE_KEY], char ret_text[static NR_KEY_ID_TEXT],
	struct nr_error *error);

#endif
