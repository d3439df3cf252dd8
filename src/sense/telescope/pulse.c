/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/pulse.h"

#include "model/live.h"
#include "sense/telescope/alarm.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/random.h>

#define LETTERS   26
#define COUNTRIES (1 + LETTERS * LETTERS) /* 0: unknown */

/* A uniform sample of all packets since it was emptied: Algorithm L (Li 1994), which computes how many
 * packets to pass over and so costs one comparison a packet. */
struct sample {
	uint64_t offered, next; /* packets seen; the number of the next one to take */
	double weight;
	uint64_t random;
	size_t count;
	struct nr_packet packets[NR_PULSE_SAMPLE];
};

/* What one thread merges; worker 0 has it. */
struct head {
	nr_time since, due; /* the second under way, and when it ends; due 0: none yet */
	nr_time sampled_at;
	double countries[COUNTRIES]; /* packets of this second, from the samples */
	struct nr_alarms alarms;
	struct nr_live_particle rows[NR_PULSE_SAMPLE];
	char names[NR_PULSE_SAMPLE][4];
};

struct nr_pulse {
	uint64_t packets, bytes, backscatter;
	uint64_t categories[NR_CATEGORY_PROTOCOLS];
	nr_time oldest;
	uint64_t key; /* of the sketch, the same for all workers */
	struct nr_hll sources;
	uint32_t ports[2][65536]; /* scan packets: [0] TCP, [1] UDP */
	struct sample sample;
	struct head *head; /* owned; NULL but for worker 0 */
};

/* ---- one worker ---- */

/* xorshift64* (Vigna 2016), (0, 1). */
static double random_unit(struct sample *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return ((double)((s->random * 0x2545f4914f6cdd1du) >> 11) + 0.5) / 9007199254740992.0;
}

static size_t random_below(struct sample *s, size_t n)
{
	return (size_t)(random_unit(s) * (double)n);
}

static void pass_over(struct sample *s)
{
	s->weight *= exp(log(random_unit(s)) / NR_PULSE_SAMPLE);
	double skip = log(random_unit(s)) / log1p(-s->weight);
	s->next = skip < 1e15 ? s->next + (uint64_t)skip + 1 : UINT64_MAX;
}

static __attribute__((noinline)) void take(struct sample *s, const struct nr_packet *packet)
{
	if (s->count < NR_PULSE_SAMPLE) {
		s->packets[s->count++] = *packet;
		s->next++;
		if (s->count == NR_PULSE_SAMPLE) {
			s->next = s->offered;
			pass_over(s);
		}
		return;
	}
	s->packets[random_below(s, NR_PULSE_SAMPLE)] = *packet;
	pass_over(s);
}

static void empty_sample(struct sample *s)
{
	s->offered = s->next = 0;
	s->weight = 1;
	s->count = 0;
}

/* For this second alone: one multiplication folded, with a key, because addresses are chosen by strangers. */
NR_INLINE uint64_t hash_source(const struct nr_packet *p, uint64_t key)
{
	uint64_t low;
	memcpy(&low, p->source.octets + 8, 8);
	if (NR_UNLIKELY(p->kind != NR_PACKET_IPV4)) {
		uint64_t high;
		memcpy(&high, p->source.octets, 8);
		low ^= high * 0x9e3779b97f4a7c15u;
	}
	unsigned __int128 product = (unsigned __int128)(low ^ key) * 0xd6e8feb86659fd93u;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static void count_other(struct nr_pulse *pulse, const struct nr_packet *p)
{
	enum nr_category category = nr_category_of(p);
	bool backscatter = nr_is_backscatter(p, category);
	pulse->categories[category]++;
	pulse->backscatter += backscatter;
	if (category == NR_CATEGORY_UDP && !backscatter && (p->marks & NR_MARK_PORTS))
		pulse->ports[1][p->destination_port]++;
}

/* Sums are kept in registers: what the compiler cannot know to stand elsewhere it would write each time. */
void nr_pulse_observe(struct nr_local *local, const struct nr_batch *batch)
{
	struct nr_pulse *pulse = local->pulse;
	struct sample *sample = &pulse->sample;
	uint64_t packets = 0, bytes = 0, syns = 0, offered = sample->offered, next = sample->next;
	const uint64_t key = pulse->key;
	nr_time oldest = pulse->oldest;
	for (size_t i = 0; i < batch->count; i++) {
		const struct nr_packet *p = &batch->packets[i];
		if (NR_UNLIKELY(p->kind == NR_PACKET_QUOTE))
			continue;
		packets++;
		bytes += p->wire;
		oldest = NR_MIN(oldest, p->time);
		nr_hll_add(&pulse->sources, hash_source(p, key));
		if (NR_LIKELY(nr_is_syn(p))) {
			syns++;
			pulse->ports[0][p->destination_port]++;
		} else {
			count_other(pulse, p);
		}
		if (NR_UNLIKELY(offered == next)) {
			sample->offered = offered;
			take(sample, p);
			next = sample->next;
		}
		offered++;
	}
	sample->offered = offered;
	pulse->oldest = oldest;
	pulse->packets += packets;
	pulse->bytes += bytes;
	pulse->categories[NR_CATEGORY_TCP_SYN] += syns;
	if (NR_LIKELY(local->day != NULL)) /* at midnight to the nearest batch */
		local->day->live += packets;
}

static void empty_pulse(struct nr_pulse *pulse)
{
	pulse->packets = pulse->bytes = pulse->backscatter = 0;
	pulse->oldest = NR_TIME_MAX;
	memset(pulse->categories, 0, sizeof pulse->categories);
	memset(&pulse->sources, 0, sizeof pulse->sources);
	memset(pulse->ports, 0, sizeof pulse->ports);
}

/* first: worker 0's, whose sketch is added to. */
static int make_pulse(struct nr_local *local, const struct nr_local *first, struct nr_error *error)
{
	bool with_head = local == first;
	struct nr_pulse *pulse = calloc(1, sizeof *pulse);
	if (pulse && with_head)
		pulse->head = calloc(1, sizeof *pulse->head);
	if (!pulse || (with_head && !pulse->head)) {
		free(pulse);
		return nr_fail(error, -ENOMEM, "out of memory for live figures");
	}
	if (getrandom(&pulse->sample.random, sizeof pulse->sample.random, 0) != sizeof pulse->sample.random) {
		nr_pulse_free(pulse);
		return nr_fail(error, -EIO, "no random numbers: %s", strerror(errno));
	}
	pulse->sample.random |= 1;
	pulse->key = with_head ? pulse->sample.random * 0x9e3779b97f4a7c15u : first->pulse->key;
	empty_pulse(pulse);
	empty_sample(&pulse->sample);
	local->pulse = pulse;
	return 0;
}

void nr_pulse_free(struct nr_pulse *pulse)
{
	if (!pulse)
		return;
	if (pulse->head)
		nr_alarms_fini(&pulse->head->alarms);
	free(pulse->head);
	free(pulse);
}

/* ---- the merge ---- */

struct telling {
	const struct nr_telescope_conf *conf;
	struct nr_local *const *locals;
	size_t count;
	struct head *head;
	nr_time now;
	struct nr_sink *sink;
};

static struct nr_pulse *pulse_of(const struct telling *t, size_t local)
{
	return t->locals[local]->pulse;
}

static unsigned bits_of(const struct nr_telescope_refs *refs, const struct nr_packet *p)
{
	unsigned bits = nr_is_backscatter(p, nr_category_of(p)) ? NR_LIVE_BACKSCATTER : 0;
	bool own = refs->own && nr_prefix_table_find(refs->own, &p->source) != NR_PREFIX_NONE;
	bool bogon = !own && nr_prefix_table_find(refs->bogon, &p->source) != NR_PREFIX_NONE;
	bool dark = refs->dark && nr_prefix_table_find(refs->dark, &p->source) != NR_PREFIX_NONE;
	if (own)
		bits |= NR_LIVE_OWN;
	if (bogon || dark || nr_address_equal(&p->source, &p->destination))
		bits |= NR_LIVE_SPOOFED;
	if (!nr_is_syn(p) || p->kind != NR_PACKET_IPV4)
		return bits;
	uint32_t destination = nr_address_ipv4(&p->destination);
	if (p->sequence == destination)
		bits |= NR_LIVE_MIRAI;
	else if (p->id == (uint16_t)(destination ^ p->destination_port ^ p->sequence))
		bits |= NR_LIVE_MASSCAN;
	if (p->id == NR_ZMAP_ID)
		bits |= NR_LIVE_ZMAP;
	return bits;
}

static size_t country_number(const char country[static 4])
{
	unsigned first = (unsigned)(country[0] - 'A'), second = (unsigned)(country[1] - 'A');
	return first < LETTERS && second < LETTERS ? 1 + first * LETTERS + second : 0;
}

static void add_particle(const struct telling *t, const struct nr_packet *p, size_t row)
{
	struct nr_place place = {0};
	if (t->conf->refs->origin.count)
		nr_origin_find(&t->conf->refs->origin, &p->source, &place);
	memcpy(t->head->names[row], place.country, sizeof place.country);
	t->head->rows[row] = (struct nr_live_particle){
		.sensor = t->conf->sensor,
		.time = p->time,
		.source = p->source,
		.destination = p->destination,
		.source_port = p->source_port,
		.destination_port = p->destination_port,
		.protocol = p->protocol,
		.country = t->head->names[row],
		.bits = (uint8_t)bits_of(t->conf->refs, p),
	};
}

/* Some of a worker's sample, at random: as many as its packets are among all. */
static size_t take_share(const struct telling *t, struct sample *s, size_t share, size_t row)
{
	for (size_t i = 0; i < share; i++) {
		size_t other = i + random_below(s, s->count - i);
		struct nr_packet packet = s->packets[other];
		s->packets[other] = s->packets[i];
		s->packets[i] = packet;
		add_particle(t, &packet, row + i);
	}
	return row + share;
}

static int tell_particles(const struct telling *t, struct nr_error *error)
{
	struct head *head = t->head;
	nr_time passed = t->now - head->sampled_at;
	if (passed >= 0 && passed < NR_PULSE_SAMPLE_US)
		return 0;
	head->sampled_at = t->now;
	uint64_t all = 0, before = 0;
	for (size_t i = 0; i < t->count; i++)
		all += pulse_of(t, i)->sample.offered;
	if (!all)
		return 0;
	size_t wanted = (size_t)NR_MIN(all, (uint64_t)NR_PULSE_SAMPLE), rows = 0;
	for (size_t i = 0; i < t->count; i++) {
		struct sample *s = &pulse_of(t, i)->sample;
		before += s->offered; /* so that the shares add up to what is wanted */
		size_t upto = (size_t)((unsigned __int128)wanted * before / all);
		rows = take_share(t, s, NR_MIN(upto - rows, s->count), rows);
		empty_sample(s);
	}
	for (size_t i = 0; i < rows; i++) {
		head->rows[i].of = all;
		head->countries[country_number(head->names[i])] += (double)all / (double)rows;
	}
	return rows ? t->sink->rows(t->sink, &nr_live_particle_table, head->rows, rows, error) : 0;
}

/* Puts a value into a descending list of `size`, of which *count are used. Answers its place; size: none. */
static size_t place_of(const uint64_t *values, size_t *count, size_t size, uint64_t value)
{
	size_t place = *count;
	while (place && values[place - 1] < value)
		place--;
	if (place < size && *count < size)
		++*count;
	return place;
}

static int tell_ports(const struct telling *t, struct nr_error *error)
{
	struct nr_live_port rows[NR_LIVE_PORTS + 1];
	uint64_t values[NR_LIVE_PORTS + 1] = {0};
	size_t count = 0;
	const struct nr_port_classes *classes = &t->conf->refs->classes;
	for (unsigned udp = 0; udp < 2; udp++)
		for (unsigned port = 0; port < 65536; port++) {
			uint64_t packets = 0;
			for (size_t i = 0; i < t->count; i++)
				packets += pulse_of(t, i)->ports[udp][port];
			if (NR_LIKELY(!packets || packets <= values[NR_LIVE_PORTS - 1]))
				continue;
			size_t place = place_of(values, &count, NR_LIVE_PORTS, packets);
			memmove(values + place + 1, values + place, (NR_LIVE_PORTS - place) * sizeof *values);
			memmove(rows + place + 1, rows + place, (NR_LIVE_PORTS - place) * sizeof *rows);
			values[place] = packets;
			rows[place] =
				(struct nr_live_port){t->conf->sensor, t->head->since, udp ? NR_UDP : NR_TCP,
					(uint16_t)port, nr_port_class(classes, udp, (uint16_t)port), packets};
		}
	return count ? t->sink->rows(t->sink, &nr_live_port_table, rows, count, error) : 0;
}

static int tell_countries(const struct telling *t, struct nr_error *error)
{
	struct nr_live_country rows[NR_LIVE_COUNTRIES + 1];
	uint64_t values[NR_LIVE_COUNTRIES + 1] = {0};
	char names[COUNTRIES][4];
	size_t count = 0;
	for (size_t i = 0; i < COUNTRIES && t->conf->refs->origin.count; i++) {
		uint64_t packets = (uint64_t)llround(t->head->countries[i]);
		if (!packets || packets <= values[NR_LIVE_COUNTRIES - 1])
			continue;
		size_t letters = i ? i - 1 : 0;
		snprintf(names[i], sizeof names[i], "%c%c", (char)('A' + letters / LETTERS),
			(char)('A' + letters % LETTERS));
		size_t place = place_of(values, &count, NR_LIVE_COUNTRIES, packets);
		memmove(values + place + 1, values + place, (NR_LIVE_COUNTRIES - place) * sizeof *values);
		memmove(rows + place + 1, rows + place, (NR_LIVE_COUNTRIES - place) * sizeof *rows);
		values[place] = packets;
		rows[place] =
			(struct nr_live_country){t->conf->sensor, t->head->since, i ? names[i] : "", packets};
	}
	memset(t->head->countries, 0, sizeof t->head->countries);
	return count ? t->sink->rows(t->sink, &nr_live_country_table, rows, count, error) : 0;
}

static void add_day(const struct telling *t, struct nr_live_pulse *row)
{
	nr_time start = nr_time_floor(t->now, NR_DAY);
	for (size_t i = 0; i < t->count; i++) {
		const struct nr_day *day = &t->locals[i]->days[(uint64_t)(start / NR_DAY) & 1];
		if (!day->open || day->start != start)
			continue;
		row->day_packets += day->live;
		row->day_sources += (uint64_t)(day->table4.used + day->table6.used) << day->level;
	}
}

static int tell_second(const struct telling *t, struct nr_error *error)
{
	struct nr_live_pulse row = {.sensor = t->conf->sensor, .time = t->head->since};
	struct nr_hll *sources = &pulse_of(t, 0)->sources;
	uint64_t categories[NR_CATEGORY_PROTOCOLS] = {0};
	nr_time oldest = NR_TIME_MAX;
	for (size_t i = 0; i < t->count; i++) {
		const struct nr_pulse *pulse = pulse_of(t, i);
		row.packets += pulse->packets;
		row.bytes += pulse->bytes;
		row.backscatter += pulse->backscatter;
		for (size_t c = 0; c < NR_CATEGORY_PROTOCOLS; c++)
			categories[c] += pulse->categories[c];
		oldest = NR_MIN(oldest, pulse->oldest);
		if (i)
			nr_hll_merge(sources, &pulse->sources);
	}
	row.seconds = (double)(t->now - t->head->since) / NR_SECOND;
	row.sources = NR_MIN((uint64_t)llround(nr_hll_count(sources)), row.packets);
	row.tcp_syn = categories[NR_CATEGORY_TCP_SYN];
	row.tcp_syn_ack = categories[NR_CATEGORY_TCP_SYN_ACK];
	row.tcp_rst = categories[NR_CATEGORY_TCP_RST];
	row.tcp_other = categories[NR_CATEGORY_TCP_OTHER];
	row.udp = categories[NR_CATEGORY_UDP];
	row.icmp = categories[NR_CATEGORY_ICMP];
	row.other = categories[NR_CATEGORY_OTHER];
	row.delay_ms = oldest < t->now ? (uint64_t)((t->now - oldest) / 1000) : 0;
	add_day(t, &row);
	return t->sink->rows(t->sink, &nr_live_pulse_table, &row, 1, error);
}

/* The second under way ends now; the next one may already be due when calls came late. */
static int end_second(const struct telling *t, struct nr_error *error)
{
	int e = tell_ports(t, error);
	if (!e)
		e = tell_countries(t, error);
	if (!e)
		e = tell_second(t, error);
	for (size_t i = 0; i < t->count; i++)
		empty_pulse(pulse_of(t, i));
	t->head->since = t->now;
	t->head->due += NR_SECOND * (1 + NR_MAX(0, t->now - t->head->due) / NR_SECOND);
	return e;
}

int nr_telescope_pulse(const void *conf, void *const *locals, size_t count, nr_time now, struct nr_sink *sink,
	struct nr_error *error)
{
	for (size_t i = 0; i < count; i++) {
		struct nr_local *l = locals[i];
		int e = l->pulse ? 0 : make_pulse(l, locals[0], error);
		if (e)
			return e;
	}
	struct telling t = {conf, (struct nr_local *const *)locals, count,
		((struct nr_local *)locals[0])->pulse->head, now, sink};
	int e = tell_particles(&t, error);
	if (!e)
		e = nr_alarms_look(&t.head->alarms, conf, locals, count, now, sink, error);
	if (!t.head->due || now < t.head->since) { /* the first call, or the clock was set back */
		t.head->since = now;
		t.head->due = now + NR_SECOND;
		return e;
	}
	return e || now + NR_PULSE_EARLY_US < t.head->due ? e : end_second(&t, error);
}
