/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an exporter sent and did not arrive (flow reference 6), by sequence numbers: NetFlow v5 counts flows,
 * v9 packets, IPFIX data records, sFlow datagrams. What was sent is what the numbers span, what arrived is
 * counted, and the difference is lost: so what comes late (within 64 messages) is not lost any more, and
 * sent - received is the loss exactly.
 *
 * Exporters that do not follow their standard exist: over the first 100 messages four ways of counting are
 * followed side by side, then the one whose numbers fit.
 *
 * For each message:
 *	if (nr_flow_loss_is_duplicate(loss, sequence, bytes, length)) it is not read again
 *	... decode ...
 *	nr_flow_loss_message(loss, &message);
 * A set that waits for its template: nr_flow_loss_resolved() when it was decoded, _abandoned() when it was
 * thrown away.
 */
#ifndef NR_SENSE_FLOW_COLLECT_LOSS_H
#define NR_SENSE_FLOW_COLLECT_LOSS_H

#include "model/flow.h"
#include "sense/flow/collect/option_table.h"
#include "wire/netflow.h"
#include "wire/sflow.h"

#define NR_FLOW_LOSS_WINDOW     64 /* messages that may come late */
#define NR_FLOW_LOSS_HYPOTHESES 4
#define NR_FLOW_LOSS_TRIAL      100 /* messages */

enum nr_flow_counting {
	NR_FLOW_COUNTING_RECORDS,  /* of data and options, sent before this message: IPFIX */
	NR_FLOW_COUNTING_FLOWS,    /* without options: v5 */
	NR_FLOW_COUNTING_SELF,     /* flows, this message's own included */
	NR_FLOW_COUNTING_MESSAGES, /* v9, sFlow */
};
const char *nr_flow_counting_name(enum nr_flow_counting counting); /* "records" "flows" "self" "messages" */

struct nr_flow_sequence {     /* one way of counting */
	uint32_t first, next; /* numbers since the exporter's (re)start: [first, next) */
	uint32_t largest;     /* units of a message */
	uint32_t exact;       /* steps that fitted, of the trial */
	uint64_t received;    /* units in [first, next) */
	uint64_t span;        /* next - first, beyond 32 bits */
	uint64_t unknown;     /* units of the span that sets hold which were not decoded yet */
	uint64_t lost_before; /* before the last restart */
	bool begun, open;     /* open: the last message's end is not known */
};

struct nr_flow_totals { /* what options of the exporter say it did: IE 40-42, 164-168 */
	uint64_t octets, messages, records;
	uint64_t ignored_packets, ignored_octets;
	uint64_t not_sent_flows, not_sent_packets, not_sent_octets;
};

struct nr_flow_loss {
	struct nr_flow_sequence sequences[NR_FLOW_LOSS_HYPOTHESES];
	struct {
		uint32_t sequence, length;
		uint64_t print;
	} seen[NR_FLOW_LOSS_WINDOW]; /* a ring */
	uint32_t seen_count;
	uint32_t messages; /* of the trial */
	uint8_t counting;  /* enum nr_flow_counting: what is believed now */
	bool decided;
	uint32_t uptime_ms; /* of the last message */
	uint32_t open_sequence, open_sets;
	uint64_t waiting_sets, abandoned_sets;
	struct {
		bool any;
		uint32_t sequence, units;
	} strange; /* a number far away: a restart if the next one follows it */
	uint64_t duplicates, late, restarts, strangers;
	/* received since ever, to compare with totals */
	uint64_t got_octets, got_messages, got_records;
	uint32_t totals_told;            /* how often */
	struct nr_flow_totals totals[2]; /* first and last told */
	struct nr_flow_totals got[2];    /* octets, messages, records received then */
	struct nr_flow_table sources;    /* struct nr_flow_source: of sFlow */
};

void nr_flow_loss_fini(struct nr_flow_loss *loss, struct nr_flow_memory *memory);

/* Among the last messages there was the very same one: counted; it should not be read again. Otherwise it is
 * remembered. */
bool nr_flow_loss_is_duplicate(
	struct nr_flow_loss *loss, uint32_t sequence, const uint8_t *bytes, size_t length);

struct nr_flow_message {
	enum nr_flow_export export;
	uint32_t sequence, uptime_ms; /* uptime of IPFIX: 0 */
	uint32_t length;
	uint32_t records, options; /* of data and of options that were decoded */
	uint32_t waiting;          /* sets whose template is not known and that are kept */
	uint32_t unread;           /* sets that can never be decoded */
};
void nr_flow_loss_message(struct nr_flow_loss *loss, const struct nr_flow_message *message);
/* A set of the message with that number was decoded after all. */
void nr_flow_loss_resolved(struct nr_flow_loss *loss, uint32_t sequence, uint32_t records, uint32_t options);
void nr_flow_loss_abandoned(struct nr_flow_loss *loss, uint32_t sequence);

/* A record of an options template: the exporter's own totals, if it has any. */
void nr_flow_loss_learn(
	struct nr_flow_loss *loss, const struct nr_template *template, const struct nr_value *values);

/* ---- sFlow: samples of each data source ---- */

struct nr_flow_source {         /* entry */
	struct nr_flow_key key; /* id: type << 32 | index */
	uint32_t first, last;   /* sequence numbers */
	uint64_t span, received;
	uint32_t rate;
	uint32_t pool, drops;        /* last told */
	uint64_t pool_sum, drop_sum; /* since the first sample */
	uint64_t lost_before;
};
void nr_flow_loss_sample(
	struct nr_flow_loss *loss, struct nr_flow_memory *memory, const struct nr_sflow_sample *sample);
/* Packets for each sample, by the source's own counts; 0: not yet known. */
float nr_flow_source_effective(const struct nr_flow_source *source);
uint64_t nr_flow_source_lost(const struct nr_flow_source *source);

/* ---- what it comes to ---- */

struct nr_flow_lost {
	enum nr_flow_counting counting; /* the unit of `network` */
	bool standard;                  /* it counts as its protocol says */
	uint64_t received;              /* in that unit */
	uint64_t network;               /* sent, and not seen by this program: the kernel's share is in it */
	uint64_t unknown;               /* arrived, or not: in sets without a template */
	uint64_t samples, drops;        /* sFlow: samples lost; packets that the exporter could not sample */
	uint64_t duplicates, late, restarts, strangers;
};
struct nr_flow_lost nr_flow_loss_sum(const struct nr_flow_loss *loss, enum nr_flow_export export);

#endif
