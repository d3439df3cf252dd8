/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture through several workers. Rounds stand in a ring, in the order of the input. Each worker observes
 * its packets of every round in turn; one that finds nothing to observe reads and decodes the next round. So
 * nobody meets anybody: a worker waits only where the ring is full because another one has fallen far behind,
 * or empty because the next round is still being read. At an interval's end all rounds before it are
 * observed, then the crew comes home and the sense is flushed.
 */
#include "net/pipeline_inside.h"

struct place {
	_Alignas(NR_CACHE_LINE) unsigned observed; /* rounds, by this worker alone */
	/* rounds of its frames that are being decoded; by another worker where an interval ended among them
	 */
	atomic_uint lent;
};

struct together {
	struct nr_pipeline *p;
	struct nr_capture *capture;
	bool spin;
	_Alignas(NR_CACHE_LINE)
		atomic_flag taking; /* held by who takes the next round: guards the next three */
	unsigned reading;           /* whose frames rounds are made of */
	bool ended;                 /* the capture has no more */
	struct nr_error failure;
	atomic_uint taken;                          /* rounds that were begun */
	atomic_bool held;                           /* no more are begun before the crew has come home */
	_Alignas(NR_CACHE_LINE) atomic_uint passed; /* rounds that all have observed: their places are free */
	struct nr_wait changes;                     /* counts what others may wait for */
	struct place places[NR_PIPELINE_WORKERS_MAX];
};

static void tell(struct together *t)
{
	atomic_fetch_add(&t->changes.value, 1);
	nr_wait_wake(&t->changes);
}

static void hold(struct together *t)
{
	atomic_store(&t->held, true);
	tell(t);
}

/* False: the next round is not decoded yet. */
static bool observe_next(struct together *t, unsigned member)
{
	unsigned number = t->places[member].observed;
	struct nr_round *round = &t->p->rounds[number % NR_ROUNDS];
	if (atomic_load_explicit(&round->ready, memory_order_acquire) != number + 1)
		return false;
	nr_round_observe(t->p, member, round);
	t->places[member].observed = number + 1;
	if (atomic_fetch_sub(&round->watchers, 1) == 1) {
		atomic_store(
			&t->passed, number + 1); /* rounds pass in their order, as each worker takes them */
		tell(t);
	}
	return true;
}

/* The worker reads into a buffer of its own, which stays in its cache until it has decoded it. */
static bool read_own(struct together *t, unsigned member)
{
	if (atomic_load(&t->places[member].lent))
		return false;
	t->reading = member;
	if (nr_capture_use(t->capture, member, &t->failure)) {
		t->ended = true;
	} else {
		nr_frames_read(t->p, t->capture, &t->p->frames[member]);
		t->ended = t->p->frames[member].count == 0;
	}
	return true;
}

/* Under `taking`. NULL: none can be begun now. */
static struct nr_round *begin_next(struct together *t, unsigned member, unsigned *ret_number)
{
	struct nr_pipeline *p = t->p;
	unsigned number = atomic_load_explicit(&t->taken, memory_order_relaxed);
	struct nr_frames *f = &p->frames[t->reading];
	if (atomic_load(&t->held) || number - atomic_load(&t->passed) == NR_ROUNDS ||
		(f->at == f->count && !read_own(t, member)))
		return NULL;
	f = &p->frames[t->reading];
	if (t->ended || f->flush != NR_TIME_MIN) {
		hold(t);
		return NULL;
	}
	struct nr_round *round = &p->rounds[number % NR_ROUNDS];
	nr_round_begin(round, f->frames + f->at, f->part);
	round->lender = t->reading;
	atomic_fetch_add(&t->places[t->reading].lent, 1);
	atomic_store_explicit(&round->watchers, p->conf.workers, memory_order_relaxed);
	f->at += f->part;
	if (f->at < f->count)
		nr_frames_part(p, f);
	atomic_store(&t->taken, number + 1);
	*ret_number = number;
	return round;
}

/* False: somebody else is reading, or there is nothing to be read now. */
static bool decode_next(struct together *t, unsigned member)
{
	unsigned number = 0;
	if (atomic_flag_test_and_set_explicit(&t->taking, memory_order_acquire))
		return false;
	struct nr_round *round = begin_next(t, member, &number);
	atomic_flag_clear_explicit(&t->taking, memory_order_release);
	if (!round)
		return false;
	nr_round_decode(t->p, &t->p->workers[member], round);
	atomic_fetch_sub(&t->places[round->lender].lent, 1);
	atomic_store_explicit(&round->ready, number + 1, memory_order_release);
	tell(t);
	return true;
}

static bool is_home(const struct together *t, unsigned member)
{
	return atomic_load(&t->held) && atomic_load(&t->taken) == t->places[member].observed;
}

static void work(void *context, unsigned member)
{
	struct together *t = context;
	uint64_t rounds = 0;
	for (;;) {
		unsigned seen = atomic_load(&t->changes.value);
		if (observe_next(t, member))
			continue;
		if (decode_next(t, member)) {
			if (member == 0) /* the caller's thread */
				nr_pipeline_progress(t->p, t->capture, &rounds);
			continue;
		}
		if (is_home(t, member))
			return;
		nr_wait_while(&t->changes, seen, t->spin);
	}
}

int nr_pipeline_read_together(struct nr_pipeline *p, struct nr_capture *capture, struct nr_error *error)
{
	struct together t = {
		.p = p, .capture = capture, .spin = nr_crew_may_spin(p->crew), .taking = ATOMIC_FLAG_INIT};
	int e = 0;
	for (size_t i = 0; i < NR_ROUNDS; i++)
		atomic_store(&p->rounds[i].ready, 0);
	for (size_t i = 0; i < p->conf.workers; i++)
		p->frames[i].at = p->frames[i].count = 0;
	while (!e) {
		nr_crew_run(p->crew, work, &t);
		if (t.ended)
			break;
		struct nr_frames *f = &p->frames[t.reading];
		e = nr_pipeline_pass(p, f->flush, error);
		f->flush = NR_TIME_MIN;
		t.held = false;
	}
	if (t.failure.code && error)
		*error = t.failure;
	return t.failure.code ? t.failure.code : e;
}
