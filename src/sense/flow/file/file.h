/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows out of files, recognised by what they hold: captures of exports (pcap, pcapng, ERF; UDP on any port,
 * IPFIX over TCP), IPFIX files (RFC 5655) and recorded datagrams back to back, files of nfdump 1.6 and 1.7,
 * Zeek's conn.log (TSV, JSON lines). All of them plain, gzip, bzip2, xz or zstd; "-" is standard input.
 * Memory is bounded whatever the file says. One thread.
 */
#ifndef NR_SENSE_FLOW_FILE_FILE_H
#define NR_SENSE_FLOW_FILE_FILE_H

#include "sense/flow/collect/collector.h"

enum nr_flow_file_kind {
	NR_FLOW_FILE_UNKNOWN, /* could not be opened, or is nothing that is read */
	NR_FLOW_FILE_CAPTURE,
	NR_FLOW_FILE_EXPORT, /* IPFIX messages or datagrams back to back */
	NR_FLOW_FILE_NFDUMP,
	NR_FLOW_FILE_ZEEK,
};
const char *nr_flow_file_kind_name(
	enum nr_flow_file_kind kind); /* "capture" "export" "nfdump" "zeek" "unknown" */

/* What of a file did not become flows. What is inside of a datagram that was found, the collector counts. */
enum nr_flow_file_drop {
	NR_FLOW_FILE_NOT_EXPORT,     /* packets of a capture that are no export */
	NR_FLOW_FILE_FRAME,          /* frames that are no IP packet, or are cut */
	NR_FLOW_FILE_FRAGMENT,       /* fragments whose datagram never became whole */
	NR_FLOW_FILE_SEGMENT,        /* TCP segments behind a hole, or of a stream without its beginning */
	NR_FLOW_FILE_RECORD,         /* records that cannot be: lengths, addresses, numbers */
	NR_FLOW_FILE_RECORD_UNKNOWN, /* records of a type or version that is not read */
	NR_FLOW_FILE_BLOCK,          /* blocks that cannot be unpacked */
	NR_FLOW_FILE_LINE,           /* lines of a log that cannot be read */
	NR_FLOW_FILE_BYTES,          /* bytes behind a place from which on nothing could be read */
	NR_FLOW_FILE_DROPS
};
extern const char
	*const nr_flow_file_drop_names[NR_FLOW_FILE_DROPS]; /* "packet_not_export" ...: as in JSON */

struct nr_flow_file_report {
	enum nr_flow_file_kind kind;
	uint64_t records; /* flows that went into blocks here; those of exports are in the collector's counts
			   */
	uint64_t other_records; /* nfdump: exporters, samplers, statistics ... */
	uint64_t datagrams;     /* handed to the collector */
	uint64_t dropped[NR_FLOW_FILE_DROPS];
	char damage[240]; /* "": the file is whole. Else its name, the place and the reason of the first
			   * damage, or why it was not read at all */
};

/* Exports go through the collector (whose sink it is), what others wrote straight into blocks of its own for
 * `sink`. All is handed over when it answers (the collector is flushed). It does not fail for what the file
 * is or lacks, that is in `damage`: errors are the sink's and of memory. */
int nr_flow_file_read(const char *path, struct nr_flow_collector *collector, struct nr_flow_sink *sink,
	struct nr_flow_file_report *ret_report, struct nr_error *error);

#endif
