/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of probes: DIR/record/YYYY-MM-DD.jsonl (UTC), JSON lines, appended. What was sent and received,
 * byte for byte with its time; what was refused and why; who allowed it.
 *
 *	{"time":...,"event":"connect","connection":"5f..","server":"203.0.113.9:443/tcp","step":"listen",
 *	 "from":"198.51.100.1","allow":"SHA-256 of the allow file's
 *text","signers":[...],"who":...,"purpose":...}
 *	{"time":...,"event":"sent","connection":...,"bytes":"16030102..."}      hex
 *	{"time":...,"event":"received","connection":...,"bytes":...}
 *	{"time":...,"event":"closed","connection":...,"end":"closed-by-server","sent":N,"received":N}
 *	{"time":...,"event":"refused","server":...,"code":"not-named"}
 *
 * A connect line is on the disk before the connection is made.
 */
#ifndef NR_SENSE_FLOW_PROBE_RECORD_H
#define NR_SENSE_FLOW_PROBE_RECORD_H

#include "base/json.h"
#include "base/time.h"

struct nr_probe_record {
	char *folder; /* owned */
	FILE *stream; /* of the day */
	int64_t day;
};
int nr_probe_record_open(struct nr_probe_record *record, const char *state_folder, struct nr_error *error);
void nr_probe_record_close(struct nr_probe_record *record);

/* Begins a line: time and event; the caller adds members and hands it to _end. */
void nr_probe_record_begin(struct nr_json *json, nr_time now, const char *event);
/* Ends the object and appends it; sync: it is on the disk when this answers 0. Releases json. */
int nr_probe_record_end(
	struct nr_probe_record *record, struct nr_json *json, nr_time now, bool sync, struct nr_error *error);
void nr_probe_record_bytes(struct nr_json *json, const char *key, const uint8_t *bytes, size_t length);

#endif
