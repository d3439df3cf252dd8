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

struct nr_flow_sequence { /* one way of counting: numbers [next - span, next) since the exporter's (re)start
			   */
	uint32_t next;
	uint32_t largest;     /* units of a message */
	uint64_t span;        /* how many numbers there were, beyond 32 bits */
	uint64_t received;    /* units in the span */
	uint64_t unknown;     /* units of the span that sets hold which are not decoded */
	uint64_t lost_before; /* the restart */
	uint64_t received_before;
	uint64_t late, restarts, strangers;
	uint32_t exact;                       /* steps of the trial that fitted */
	uint32_t open_sequence;               /* of the message whose end is not known ... */
	uint32_t open_sets;                   /* ... for so many sets that were not decoded; 0: it is */
	uint32_t strange_next, strange_units; /* a number far away: a restart if the next one follows it */
	bool begun, strange;
};

struct nr_flow_totals { /* what options of the exporter say it did: IE 40-42, 164-168 */
	uint64_t octets, messages, records;
	uint64_t ignored_packets, ignored_octets;
	uint64_t not_sent_flows, not_sent_packets, not_sent_octets;
};

struct nr_flow_loss {
	struct nr_flow_sequence sequences[NR_FLOW_LOSS_HYPOTHESES]; /* by enum nr_flow_counting */
	struct nr_flow_print {
		uint64_t print; /* of some of its bytes */
		uint32_t sequence, length;
	} seen[NR_FLOW_LOSS_WINDOW]; /* a ring */
	uint32_t seen_count;         /* ever */
	uint32_t newest;             /* sequence number */
	uint32_t uptime_ms;          /* of the last message */
	uint32_t trial;              /* messages of it so far */
	uint8_t counting;            /* enum nr_flow_counting: once it is decided */
	bool decided;
	uint64_t waiting_sets, abandoned_sets;
	uint64_t duplicates;
	uint64_t got_octets, got_messages, got_records; /* ever, to be compared with its totals */
	uint32_t totals_told;                           /* how often */
	struct nr_flow_totals totals[2];                /* first and last told */
	struct nr_flow_totals got[2];                   /* what of it was received then */
	struct nr_flow_table sources;                   /* struct nr_flow_source: of sFlow */
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

struct nr_flow_source {           /* entry */
	struct nr_flow_key key;   /* kind: 0 flows, 1 discards; id: type << 32 | index */
	uint32_t last;            /* sequence number */
	uint32_t rate;            /* last told */
	uint32_t pool, drops;     /* last told */
	uint64_t span, received;  /* numbers since the first, and samples that came */
	uint64_t lost_before;     /* a restart */
	uint64_t pool_sum, steps; /* packets seen, and samples taken of them, since the first */
	uint64_t drop_sum;
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
