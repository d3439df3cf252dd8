/* SPDX-License-Identifier: Apache-2.0 */
/* What the export's formats share: options, inputs, the note beside the file. */
#ifndef NR_SENSE_TELESCOPE_COMMAND_EXPORT_H
#define NR_SENSE_TELESCOPE_COMMAND_EXPORT_H

#include "net/capture.h"
#include "sense/telescope/anonymise_key.h"
#include "sense/telescope/telescope.h"

struct nr_export_conf {
	struct nr_telescope_conf sense;
	const char *out, *format, *key, *own_hosts, *sources, *codec, *slot;
	struct nr_texts payload;
	nr_time unit, interval;
	bool new_key, raw;
};

struct nr_export {
	struct nr_export_conf conf;
	struct nr_telescope_refs refs;
	struct nr_anonymiser *anonymiser; /* NULL: csv, or raw */
	struct nr_loss loss;
	nr_time made;
	char key_id[NR_KEY_ID_TEXT];
	size_t inputs;    /* that could be opened */
	bool unreadable;  /* one of them, or a part */
	uint64_t written; /* packets, flow tuples, lines */
};

/* Everything is opened before strangers' bytes are read: calls this when the output is. */
int nr_export_enter(struct nr_error *error);

/* Hands every frame to each(), with a time. What cannot be read is said and counted; each() ends it by
 * -errno.
 */
int nr_export_read(struct nr_export *export, const char *const *paths, size_t count,
	int (*each)(void *context, const struct nr_frame *frame, struct nr_error *error), void *context,
	struct nr_error *error);
/* "noroshi: ..." on standard error; the exit status will say that a part was not readable. */
void nr_export_complain(struct nr_export *export, const char *text);

/* The formats. They write conf.out and add what they know to the note: members of a JSON object that is open.
 */
int nr_export_pcap(struct nr_export *export, const char *const *paths, size_t count, struct nr_json *note,
	struct nr_error *error);
int nr_export_flowtuple(struct nr_export *export, const char *const *paths, size_t count,
	struct nr_json *note, struct nr_error *error);
int nr_export_csv(struct nr_export *export, const char *const *paths, size_t count, struct nr_json *note,
	struct nr_error *error);

#endif
