/* SPDX-License-Identifier: Apache-2.0 */
/* Flow tuples per interval, as CAIDA's tools read them. */
#include "base/file.h"
#include "sense/telescope/command_export.h"
#include "sense/telescope/flowtuple_avro.h"

#include <errno.h>

struct run {
	struct nr_export *export;
	struct nr_file file;
	struct nr_flowtuples tuples;
	struct nr_flowtuple_avro *avro;
	nr_time interval; /* start of the open one; NR_TIME_MIN: none is */
	uint64_t not_ipv4, late, split, own;
	uint64_t dropped[NR_DROP_COUNT];
};

static void run_fini(struct run *run)
{
	nr_flowtuple_avro_close(run->avro, NULL);
	nr_flowtuples_fini(&run->tuples);
	nr_file_fini(&run->file);
}

static int write_interval(struct run *run, struct nr_error *error)
{
	struct nr_flowtuple *tuples;
	size_t count = nr_flowtuples_sort(&run->tuples, &tuples);
	int e = 0;
	for (size_t i = 0; !e && i < count; i++) {
		struct nr_address source = nr_address_from_ipv4(tuples[i].source);
		struct nr_place place;
		nr_origin_find(&run->export->refs.origin, &source, &place);
		e = nr_flowtuple_avro_write(run->avro, run->interval, &tuples[i], &place, error);
	}
	run->export->written += count;
	nr_flowtuples_clear(&run->tuples);
	return e;
}

static int add(struct run *run, const struct nr_flowtuple *tuple, struct nr_error *error)
{
	int e = nr_flowtuples_add(&run->tuples, tuple, error);
	if (e != -ENOSPC)
		return e;
	run->split++; /* equal tuples of this interval may now come twice */
	e = write_interval(run, error);
	return e ? e : nr_flowtuples_add(&run->tuples, tuple, error);
}

/* The anonymised source, too: an own host's, by the policy. False: it stays out. */
static bool hide_addresses(struct run *run, const struct nr_packet *p, struct nr_flowtuple *tuple)
{
	struct nr_export *export = run->export;
	if (!export->anonymiser)
		return true;
	bool own = export->refs.own && nr_prefix_table_find(export->refs.own, &p->source) != NR_PREFIX_NONE;
	if (own && export->conf.own_hosts[0] == 'd') {
		run->own++;
		return false;
	}
	struct nr_address source = nr_anonymise_address(export->anonymiser, &p->source);
	struct nr_address destination = nr_anonymise_address(export->anonymiser, &p->destination);
	tuple->source = nr_address_ipv4(&source);
	tuple->destination = nr_address_ipv4(&destination);
	return true;
}

static int each(void *context, const struct nr_frame *frame, struct nr_error *error)
{
	struct run *run = context;
	const struct nr_telescope_refs *refs = &run->export->refs;
	struct nr_located in;
	struct nr_flowtuple tuple;
	enum nr_drop drop = nr_packet_locate(frame, refs->tunnel_ends, &in);
	if (drop == NR_DROP_NONE && refs->dark &&
		nr_prefix_table_find(refs->dark, &in.packet.destination) == NR_PREFIX_NONE)
		drop = NR_DROP_NOT_DARK;
	run->dropped[drop] += drop != NR_DROP_NONE;
	if (drop != NR_DROP_NONE)
		return 0;
	if (!nr_flowtuple_of(&in, &tuple)) {
		run->not_ipv4++;
		return 0;
	}
	if (!hide_addresses(run, &in.packet, &tuple))
		return 0;
	nr_time interval = nr_time_floor(frame->time, run->export->conf.interval);
	if (interval < run->interval) {
		run->late++; /* counts in the open interval, as nothing is thrown away */
	} else if (interval > run->interval) {
		int e = run->interval == NR_TIME_MIN ? 0 : write_interval(run, error);
		if (e)
			return e;
		run->interval = interval;
	}
	return add(run, &tuple, error);
}

static int start(struct run *run, struct nr_error *error)
{
	const struct nr_export_conf *conf = &run->export->conf;
	int e = nr_flowtuples_init(&run->tuples, conf->sense.memory_bytes, error);
	if (!e)
		e = nr_file_create(&run->file, conf->out, error);
	if (!e)
		e = nr_flowtuple_avro_open(run->file.stream, conf->codec, &run->avro, error);
	return e ? e : nr_export_enter(error);
}

static int finish(struct run *run, struct nr_error *error)
{
	int e = write_interval(run, error);
	if (!e)
		e = nr_flowtuple_avro_close(nr_steal(&run->avro), error);
	if (!e && run->export->inputs)
		e = nr_file_commit(&run->file, error);
	return e;
}

int nr_export_flowtuple(struct nr_export *export, const char *const *paths, size_t count,
	struct nr_json *note, struct nr_error *error)
{
	NR_AUTO(run_fini) struct run run = {.export = export, .interval = NR_TIME_MIN};
	int e = start(&run, error);
	if (!e)
		e = nr_export_read(export, paths, count, each, &run, error);
	if (!e)
		e = finish(&run, error);
	for (size_t i = 0; i < NR_DROP_COUNT; i++)
		export->loss.dropped[i] += run.dropped[i];
	nr_json_uint(note, "interval_seconds", (uint64_t)(export->conf.interval / NR_SECOND));
	nr_json_text(note, "codec", export->conf.codec);
	nr_json_text(note, "destinations", export->anonymiser ? "anonymised" : "raw");
	nr_json_uint(note, "not_ipv4", run.not_ipv4);
	nr_json_uint(note, "late", run.late);
	nr_json_uint(note, "own_hosts_left_out", run.own);
	nr_json_uint(note, "intervals_written_in_parts", run.split);
	return e;
}
