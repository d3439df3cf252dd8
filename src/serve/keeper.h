/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper of what live senses see: takes their rows from the relays, writes them into the store, tells
 * who listens, and writes down when a sensor did not watch. Its senses are children of the nursery, and
 * nothing that they send is trusted. One thread; HTTP is answered by others meanwhile.
 */
#ifndef NR_SERVE_KEEPER_H
#define NR_SERVE_KEEPER_H

#include "base/child.h"
#include "model/gap.h"
#include "model/relay.h"
#include "serve/sensors.h"
#include "store/store.h"

#define NR_KEEPER_RETRY      (10 * NR_SECOND) /* until the store is tried again after it failed */
#define NR_KEEPER_UNCOMMITED NR_SECOND        /* rows wait at most that long for the others of their commit */
#define NR_KEEPER_SILENT                                                                                     \
	(15 * NR_SECOND) /* a sense says something each second; when it does not, that is said */
#define NR_KEEPER_KILLS (5 * NR_MINUTE) /* and it is killed: the end of a great day takes less */

struct nr_keeper_sensor {
	const char *name, *sense, *interface;
};

struct nr_keeper_conf {
	struct nr_nursery *nursery;
	const struct nr_keeper_sensor *sensors; /* child i of the nursery is sensor i */
	size_t count;
	const struct nr_table *const *tables; /* what a relay may carry */
	size_t table_count;
	struct nr_store *store;          /* open for writing */
	const char *store_name;          /* for messages */
	struct nr_sink *listeners;       /* NULL: none. Gets live rows, findings and gaps */
	struct nr_sensors *states;       /* NULL: nobody asks */
	nr_time retain;                  /* 0: for ever */
	nr_time silent, kills;           /* 0: NR_KEEPER_SILENT, NR_KEEPER_KILLS */
	void (*reloaded)(void *context); /* the children have a new configuration; NULL allowed */
	void (*died)(
		void *context, unsigned index); /* a child has ended that is started again; NULL allowed */
	/* Gaps that somebody else found out about: a socket (-1, or next_gap NULL: none) that is readable
	 * when there are some, and who hands them over until it answers false. */
	int gaps;
	bool (*next_gap)(void *gap_context, struct nr_gap *ret_gap);
	void *gap_context;
	/* Rows that somebody else has for the store, asked for four times a minute; findings are told to
	 * listeners, too. NULL: none. */
	int (*rows)(void *gap_context, nr_time end, struct nr_sink *sink, struct nr_error *error);
	void *context;
};

/* Blocks the signals that nr_keeper_run() waits for; before the first thread. */
void nr_keeper_block_signals(void);

/* Lets the children go, and keeps until SIGINT or SIGTERM: then the senses end in order and what they still
 * had is stored. A second one ends at once; then a successor resumes. SIGHUP: reload. Logs. */
int nr_keeper_run(const struct nr_keeper_conf *conf, struct nr_error *error);

#endif
