/* SPDX-License-Identifier: Apache-2.0 */
/* Anonymised packets, shuffled within each unit of time: the order of a scan is the order of its targets. */
#include "net/pcap_writer.h"
#include "sense/telescope/command_export.h"

#include <errno.h>
#include <string.h>

#define BUCKET_BYTES   (64u << 20) /* a unit that holds more is shuffled in parts */
#define BUCKET_PACKETS (1u << 20)

/* One packet in the bucket; its bytes follow. */
struct held {
	nr_time time;
	uint32_t captured, wire;
};

struct bucket {
	struct nr_export *export;
	struct nr_pcap_writer pcap;
	struct nr_anonymous packet;
	uint8_t *bytes;   /* owned, BUCKET_BYTES */
	uint32_t *places; /* owned, BUCKET_PACKETS: offsets of held packets */
	size_t used, count;
	nr_time unit;   /* the bucket's */
	uint64_t split; /* units in more than one part */
};

static void bucket_fini(struct bucket *bucket)
{
	nr_pcap_writer_fini(&bucket->pcap);
	free(bucket->bytes);
	free(bucket->places);
}

static int bucket_init(struct bucket *bucket, struct nr_export *export, struct nr_error *error)
{
	bucket->export = export;
	bucket->bytes = malloc(BUCKET_BYTES);
	bucket->places = malloc(BUCKET_PACKETS * sizeof *bucket->places);
	if (!bucket->bytes || !bucket->places)
		return nr_fail(error, -ENOMEM, "out of memory");
	return nr_pcap_writer_open(&bucket->pcap, export->conf.out, NR_LINK_RAW, error);
}

/* Fisher and Yates, with the export's own dice. */
static void empty_bucket(struct bucket *bucket)
{
	for (size_t left = bucket->count; left > 0; left--) {
		size_t pick = nr_anonymise_random(bucket->export->anonymiser, left);
		uint32_t place = bucket->places[pick];
		struct held held;
		memcpy(&held, bucket->bytes + place, sizeof held);
		nr_pcap_write_frame(&bucket->pcap, held.time, bucket->bytes + place + sizeof held,
			held.captured, held.wire);
		bucket->places[pick] = bucket->places[left - 1];
	}
	bucket->used = bucket->count = 0;
}

static void hold(struct bucket *bucket)
{
	const struct nr_anonymous *p = &bucket->packet;
	const struct held held = {p->time, p->captured, p->wire};
	if (p->time > bucket->unit || !bucket->count) {
		empty_bucket(bucket);
		bucket->unit = p->time;
	} else if (bucket->count == BUCKET_PACKETS ||
		   bucket->used + sizeof held + p->captured > BUCKET_BYTES) {
		empty_bucket(bucket);
		bucket->split++;
	}
	bucket->places[bucket->count++] = (uint32_t)bucket->used;
	memcpy(bucket->bytes + bucket->used, &held, sizeof held);
	memcpy(bucket->bytes + bucket->used + sizeof held, p->bytes, p->captured);
	bucket->used += sizeof held + p->captured;
}

static int each(void *context, const struct nr_frame *frame, struct nr_error *error)
{
	struct bucket *bucket = context;
	if (nr_anonymise(bucket->export->anonymiser, frame, &bucket->packet))
		hold(bucket);
	return bucket->pcap.failure ? nr_pcap_writer_finish(&bucket->pcap, error) : 0;
}

static void add_drops(struct nr_export *export)
{
	const struct nr_anonymise_counts *counts = nr_anonymise_counts(export->anonymiser);
	for (size_t i = 0; i < NR_DROP_COUNT; i++)
		export->loss.dropped[i] += counts->dropped[i];
	export->written = counts->packets;
}

int nr_export_pcap(struct nr_export *export, const char *const *paths, size_t count, struct nr_json *note,
	struct nr_error *error)
{
	struct bucket *bucket = calloc(1, sizeof *bucket);
	if (!bucket)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = bucket_init(bucket, export, error);
	if (!e)
		e = nr_export_enter(error);
	if (!e)
		e = nr_export_read(export, paths, count, each, bucket, error);
	empty_bucket(bucket);
	if (!e && export->inputs)
		e = nr_pcap_writer_finish(&bucket->pcap, error);
	add_drops(export);
	nr_json_uint(note, "time_unit_seconds", (uint64_t)(export->conf.unit / NR_SECOND));
	nr_json_uint(note, "units_shuffled_in_parts", bucket->split);
	bucket_fini(bucket);
	free(bucket);
	return e;
}
