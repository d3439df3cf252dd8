/* SPDX-License-Identifier: Apache-2.0 */
/* Inside keeper*.c: keeper.c takes what the relays bring, keeper_news.c what the nursery tells. */
#ifndef NR_SERVE_KEEPER_INSIDE_H
#define NR_SERVE_KEEPER_INSIDE_H

#include "serve/keeper.h"
#include "serve/keeper_gap.h"

#include <time.h>

struct nr_keeper_child {
	const struct nr_keeper_sensor *conf;
	struct nr_relay_reader *reader; /* NULL: its process has ended */
	uint64_t answer;                /* position that the next commit makes durable; 0: none */
	uint64_t lost;                  /* as of the last status */
	nr_time heard;                  /* when something came last, or nothing could come */
	bool told_silent;
	bool more;     /* frames may lie in the reader that no poll(2) sees */
	bool watching; /* a status has come from this process */
	bool told_layers;
	bool ended;                         /* in order or not, nobody comes after it */
	char interface[NR_RELAY_INTERFACE]; /* its name, as of the last status; "": none has come */
	enum nr_sensor_state state;
	struct nr_keeper_gap gap, discard; /* cause "": none is open */
};

struct nr_keeper {
	const struct nr_keeper_conf *conf;
	struct nr_keeper_child sensors[NR_CHILDREN_MAX];
	int signals;
	bool ending, over, nursery_gone;
	struct nr_error lost; /* why it does not end in order: an interface that is gone, counts that were not
				 stored */
	bool asked_commit, uncommitted;
	nr_time commit_at; /* of the clock that never steps, as the others */
	nr_time retry_at;  /* the store is not tried before; 0: it works */
	nr_time retain_at, rows_at;
	nr_time look_at; /* for senses that are silent */
};

/* Of the clock that never steps. */
NR_INLINE nr_time nr_keeper_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NR_SECOND + t.tv_nsec / 1000;
}

NR_INLINE const char *nr_keeper_number(uint64_t value, char text[static 24])
{
	snprintf(text, 24, "%llu", (unsigned long long)value);
	return text;
}

/* ---- keeper.c ---- */
void nr_keeper_set_state(struct nr_keeper *k, struct nr_keeper_child *s, enum nr_sensor_state state);
void nr_keeper_put_gap(struct nr_keeper *k, struct nr_keeper_gap *gap);
/* What a process sent in the end. What a store that does not work keeps from being read comes again from the
 * outbox. */
void nr_keeper_read_rest(struct nr_keeper *k, struct nr_keeper_child *s);

/* ---- keeper_news.c ---- */
void nr_keeper_take_news(struct nr_keeper *k);

#endif
