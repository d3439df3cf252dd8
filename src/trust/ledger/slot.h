/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record in a file of two slots that are written in turns: a new record replaces the old one durably by
 * one write and one fdatasync, and a torn write leaves the old one. What was signed last (ledger.h), what was
 * cosigned last (witness.h). One thread at a time.
 */
#ifndef NR_TRUST_LEDGER_SLOT_H
#define NR_TRUST_LEDGER_SLOT_H

#include "base/error.h"

struct nr_slots {
	int file;   /* -1: closed */
	char *path; /* owned; for messages */
	size_t slot_bytes;
	uint64_t sequence; /* of the record that stands; 0: none */
};

/* Makes the file, durably, if it is not there. record_max: bytes of the largest record. */
int nr_slots_open(const char *path, size_t record_max, struct nr_slots *ret_slots, struct nr_error *error);
void nr_slots_close(struct nr_slots *slots);

/* -ENOENT: never written. -EUCLEAN: written, but neither slot holds a whole record. */
int nr_slots_read(
	struct nr_slots *slots, void *bytes, size_t room, size_t *ret_length, struct nr_error *error);
/* Durable when it answers 0. -EIO: what stands there is not known. Any other failure: the old record stands.
 */
int nr_slots_write(struct nr_slots *slots, const void *bytes, size_t length, struct nr_error *error);

#endif
