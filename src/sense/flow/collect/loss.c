/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/collect/loss.h"

#define FAR_AHEAD    (1 << 24) /* units: more than an outage loses */
#define REBOOT_MS    60000     /* an uptime that falls by more was set back; less is reordering */
#define UPTIME_WRAPS 600000    /* ms around 2^32 */

static const char *const counting_names[] = {"records", "flows", "self", "messages"};

const char *nr_flow_counting_name(enum nr_flow_counting counting)
{
	return counting_names[counting];
}

static enum nr_flow_counting standard_of(enum nr_flow_export export)
{
	return export == NR_FLOW_IPFIX      ? NR_FLOW_COUNTING_RECORDS
	       : export == NR_FLOW_NETFLOW5 ? NR_FLOW_COUNTING_FLOWS
					    : NR_FLOW_COUNTING_MESSAGES;
}

void nr_flow_loss_fini(struct nr_flow_loss *loss, struct nr_flow_memory *memory)
{
	nr_flow_table_fini(&loss->sources, memory);
}

/* ---- the same message once more ---- */

static uint64_t print_of(const uint8_t *bytes, size_t length)
{
	uint64_t parts[3] = {0};
	if (length >= 16) {
		memcpy(&parts[0], bytes + 4, 8); /* export time or uptime: all headers have it here */
		memcpy(&parts[1], bytes + length / 2, 8);
		memcpy(&parts[2], bytes + length - 8, 8);
	}
	return parts[0] ^ (parts[1] * UINT64_C(0x9e3779b97f4a7c15)) ^ (parts[2] << 17 | parts[2] >> 47);
}

bool nr_flow_loss_is_duplicate(
	struct nr_flow_loss *loss, uint32_t sequence, const uint8_t *bytes, size_t length)
{
	struct nr_flow_print print = {print_of(bytes, length), sequence, (uint32_t)length};
	uint32_t count = NR_MIN(loss->seen_count, (uint32_t)NR_FLOW_LOSS_WINDOW);
	bool ahead = loss->seen_count == 0 || (int32_t)(sequence - loss->newest) > 0;
	for (uint32_t i = 0; !ahead && i < count; i++) {
		const struct nr_flow_print *seen = &loss->seen[i];
		if (seen->sequence == sequence && seen->length == print.length &&
			seen->print == print.print) {
			loss->duplicates++;
			return true;
		}
	}
	loss->seen[loss->seen_count++ % NR_FLOW_LOSS_WINDOW] = print;
	loss->newest = sequence;
	return false;
}

/* ---- one way of counting ---- */

struct place {
	uint32_t start, units;
	uint32_t sequence;   /* as it stands in the message */
	uint32_t open_sets;  /* behind the known units others may follow */
	bool unknown_before; /* or stand before them */
};

static uint64_t hole(const struct nr_flow_sequence *s)
{
	return s->span > s->received ? s->span - s->received : 0;
}

static void begin(struct nr_flow_sequence *s, uint32_t start, uint32_t units)
{
	s->next = start + units;
	s->span = s->received = units;
	s->unknown = 0;
	s->begun = true;
	s->strange = false;
	s->open_sets = 0;
}

static void end(struct nr_flow_sequence *s)
{
	uint64_t lost = hole(s);
	s->lost_before += lost - NR_MIN(lost, s->unknown);
	s->received_before += s->received;
	s->restarts++;
}

static void place_ahead(struct nr_flow_sequence *s, const struct place *at, uint32_t gap)
{
	if (s->open_sets || at->unknown_before)
		s->unknown += gap;
	else if (gap == 0)
		s->exact++;
	s->span += (uint64_t)gap + at->units;
	s->received += at->units;
	s->next = at->start + at->units;
	s->open_sets = at->open_sets;
	s->open_sequence = at->sequence;
	s->strangers += s->strange; /* it was alone */
	s->strange = false;
}

/* Fills a hole, or stands before all that was seen of a young exporter. */
static bool place_behind(struct nr_flow_sequence *s, const struct place *at, uint32_t back)
{
	uint64_t window = (uint64_t)NR_FLOW_LOSS_WINDOW * NR_MAX(s->largest, 1u);
	if (back > window)
		return false;
	if (back >= s->span + at->units)
		s->span = back; /* before the first */
	else if (back > s->span || at->units > hole(s))
		return false;
	s->received += at->units;
	s->unknown = NR_MIN(s->unknown, hole(s));
	s->late++;
	return true;
}

/* A number far from the others: a stray datagram, unless the next one goes on from it. */
static void place_strange(struct nr_flow_sequence *s, const struct place *at)
{
	uint32_t gap = at->start - s->strange_next;
	if (s->strange && gap <= NR_FLOW_LOSS_WINDOW * NR_MAX(s->largest, 1u)) {
		uint32_t first = s->strange_next - s->strange_units, units = s->strange_units;
		end(s);
		begin(s, first, units);
		place_ahead(s, at, gap);
		return;
	}
	if (s->strange)
		s->strangers++;
	s->strange = true;
	s->strange_next = at->start + at->units;
	s->strange_units = at->units;
}

static void place(struct nr_flow_sequence *s, const struct place *at)
{
	s->largest = NR_MAX(s->largest, at->units);
	if (!s->begun) {
		begin(s, at->start, at->units);
		s->open_sets = at->open_sets;
		s->open_sequence = at->sequence;
		return;
	}
	int32_t gap = (int32_t)(at->start - s->next);
	if (gap >= 0 && gap < FAR_AHEAD)
		place_ahead(s, at, (uint32_t)gap);
	else if (gap >= 0 || !place_behind(s, at, 0u - (uint32_t)gap))
		place_strange(s, at);
}

/* ---- messages ---- */

static uint32_t units_of(enum nr_flow_counting counting, uint32_t records, uint32_t options)
{
	switch (counting) {
	case NR_FLOW_COUNTING_RECORDS:
		return records + options;
	case NR_FLOW_COUNTING_FLOWS:
	case NR_FLOW_COUNTING_SELF:
		return records;
	default:
		return 0;
	}
}

static void count_message(
	struct nr_flow_loss *loss, enum nr_flow_counting counting, const struct nr_flow_message *message)
{
	uint32_t units = units_of(counting, message->records, message->options);
	struct place at = {
		message->sequence, units, message->sequence, message->waiting + message->unread, false};
	if (counting == NR_FLOW_COUNTING_SELF) {
		at.start -= units;
		at.unknown_before = at.open_sets > 0;
		at.open_sets = 0;
	} else if (counting == NR_FLOW_COUNTING_MESSAGES) {
		at.units = 1;
		at.open_sets = 0;
	}
	place(&loss->sequences[counting], &at);
}

/* Whose steps fitted most often; the standard's where others are not better. */
static enum nr_flow_counting best_of(const struct nr_flow_loss *loss, enum nr_flow_export export)
{
	enum nr_flow_counting best = standard_of(export);
	for (unsigned i = 0; i < NR_FLOW_LOSS_HYPOTHESES; i++) {
		if (loss->sequences[i].exact > loss->sequences[best].exact)
			best = (enum nr_flow_counting)i;
	}
	return best;
}

static bool has_rebooted(const struct nr_flow_loss *loss, const struct nr_flow_message *message)
{
	uint32_t last = loss->uptime_ms, now = message->uptime_ms;
	bool wraps = last > UINT32_MAX - UPTIME_WRAPS && now < UPTIME_WRAPS;
	return (loss->got_messages || loss->uptime_ms) && message->export != NR_FLOW_IPFIX && !wraps &&
	       now < last && last - now > REBOOT_MS;
}

void nr_flow_loss_message(struct nr_flow_loss *loss, const struct nr_flow_message *message)
{
	bool reboot = has_rebooted(loss, message);
	if (message->export == NR_FLOW_SFLOW5) {
		loss->decided = true;
		loss->counting = NR_FLOW_COUNTING_MESSAGES;
	}
	for (unsigned i = 0; i < NR_FLOW_LOSS_HYPOTHESES; i++) {
		if (loss->decided && i != loss->counting)
			continue;
		if (reboot && loss->sequences[i].begun) {
			end(&loss->sequences[i]);
			loss->sequences[i].begun = false;
		}
		count_message(loss, (enum nr_flow_counting)i, message);
	}
	if (!loss->decided && ++loss->trial == NR_FLOW_LOSS_TRIAL) {
		loss->counting = (uint8_t)best_of(loss, message->export);
		loss->decided = true;
	}
	loss->uptime_ms = message->uptime_ms;
	loss->waiting_sets += message->waiting;
	loss->abandoned_sets += message->unread;
	loss->got_messages++;
	loss->got_octets += message->length;
	loss->got_records += message->records;
}

static void resolve(struct nr_flow_sequence *s, uint32_t sequence, uint32_t units)
{
	if (s->open_sets && s->open_sequence == sequence) {
		s->next += units; /* nothing came after it: the end moves */
		s->span += units;
		s->received += units;
		s->open_sets--;
		return;
	}
	uint64_t known = NR_MIN(units, hole(s));
	s->received += known;
	s->unknown -= NR_MIN(known, s->unknown);
}

void nr_flow_loss_resolved(struct nr_flow_loss *loss, uint32_t sequence, uint32_t records, uint32_t options)
{
	if (loss->waiting_sets)
		loss->waiting_sets--;
	loss->got_records += records;
	for (unsigned i = 0; i < NR_FLOW_LOSS_HYPOTHESES; i++) {
		if (loss->decided && i != loss->counting)
			continue;
		struct nr_flow_sequence *s = &loss->sequences[i];
		resolve(s, sequence, units_of((enum nr_flow_counting)i, records, options));
		if (!loss->waiting_sets && !loss->abandoned_sets)
			s->unknown = 0; /* all that arrived is counted: what is left did not */
	}
}

void nr_flow_loss_abandoned(struct nr_flow_loss *loss, uint32_t sequence)
{
	(void)sequence;
	if (loss->waiting_sets)
		loss->waiting_sets--;
	loss->abandoned_sets++;
}

/* ---- the exporter's own totals ---- */

void nr_flow_loss_learn(
	struct nr_flow_loss *loss, const struct nr_template *template, const struct nr_value *values)
{
	struct nr_flow_totals told = {0};
	uint64_t *const places[] = {&told.octets, &told.messages, &told.records};
	uint64_t *const places_164[] = {&told.ignored_packets, &told.ignored_octets, &told.not_sent_flows,
		&told.not_sent_packets, &told.not_sent_octets};
	bool any = false;
	for (unsigned i = 0; i < template->count; i++) {
		uint16_t id = template->fields[i].id;
		if (template->fields[i].enterprise)
			continue;
		if (id >= 40 && id <= 42)
			*places[id - 40] = nr_value_uint(&values[i]);
		else if (id >= 164 && id <= 168)
			*places_164[id - 164] = nr_value_uint(&values[i]);
		else
			continue;
		any = true;
	}
	if (!any)
		return;
	struct nr_flow_totals got = {
		.octets = loss->got_octets, .messages = loss->got_messages, .records = loss->got_records};
	bool anew = loss->totals_told == 0 || told.messages < loss->totals[1].messages ||
		    told.records < loss->totals[1].records || told.octets < loss->totals[1].octets;
	if (anew) {
		loss->totals[0] = told;
		loss->got[0] = got;
	}
	loss->totals[1] = told;
	loss->got[1] = got;
	loss->totals_told++;
}

/* ---- samples of sFlow ---- */

static void begin_source(struct nr_flow_source *source, const struct nr_sflow_sample *sample)
{
	source->lost_before += source->span - source->received;
	source->last = sample->sequence;
	source->span = source->received = 1;
}

void nr_flow_loss_sample(
	struct nr_flow_loss *loss, struct nr_flow_memory *memory, const struct nr_sflow_sample *sample)
{
	uint32_t kind = sample->format == NR_SFLOW_DISCARDED;
	uint64_t id = (uint64_t)sample->source_type << 32 | sample->source_index;
	struct nr_flow_source *source = nr_flow_table_add(&loss->sources, memory, sizeof *source, kind, id);
	if (!source)
		return;
	int32_t step = (int32_t)(sample->sequence - source->last);
	if (source->span == 0 || step >= FAR_AHEAD || step < -NR_FLOW_LOSS_WINDOW) {
		begin_source(source, sample);
	} else if (step > 0) {
		source->span += (uint32_t)step;
		source->received++;
		source->last = sample->sequence;
		source->steps += (uint32_t)step;
		source->pool_sum += sample->pool - source->pool;
		source->drop_sum += sample->drops - source->drops;
	} else {
		source->received += source->received < source->span;
		return;
	}
	source->rate = sample->rate;
	source->pool = sample->pool;
	source->drops = sample->drops;
}

float nr_flow_source_effective(const struct nr_flow_source *source)
{
	return source->steps && source->pool_sum >= source->steps
		       ? (float)((double)source->pool_sum / (double)source->steps)
		       : 0;
}

uint64_t nr_flow_source_lost(const struct nr_flow_source *source)
{
	return source->lost_before + source->span - source->received;
}

/* ---- the sum ---- */

struct nr_flow_lost nr_flow_loss_sum(const struct nr_flow_loss *loss, enum nr_flow_export export)
{
	enum nr_flow_counting counting =
		loss->decided ? (enum nr_flow_counting)loss->counting : best_of(loss, export);
	const struct nr_flow_sequence *s = &loss->sequences[counting];
	uint64_t unknown = NR_MIN(s->unknown, hole(s));
	struct nr_flow_lost sum = {.counting = counting,
		.standard = counting == standard_of(export),
		.received = s->received_before + s->received,
		.network = s->lost_before + hole(s) - unknown,
		.unknown = unknown,
		.duplicates = loss->duplicates,
		.late = s->late,
		.restarts = s->restarts,
		.strangers = s->strangers + s->strange};
	for (uint32_t i = 0; i < loss->sources.count; i++) {
		const struct nr_flow_source *source = nr_flow_table_at(&loss->sources, i);
		sum.samples += nr_flow_source_lost(source);
		sum.drops += source->drop_sum;
	}
	return sum;
}
