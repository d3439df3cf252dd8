/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/flowtuple_avro.h"

#include <avro.h>
#include <errno.h>

#define BLOCK_BYTES (256 * 1024) /* before compression */

enum field_type { FIELD_LONG, FIELD_INT, FIELD_STRING };

/* Order, names and types: corsaro3, plugins/corsaro_flowtuple.c. */
static const struct {
	const char *name;
	enum field_type type;
} fields[] = {
	{"time", FIELD_LONG},
	{"src_ip", FIELD_LONG},
	{"dst_ip", FIELD_LONG},
	{"src_port", FIELD_INT},
	{"dst_port", FIELD_INT},
	{"protocol", FIELD_INT},
	{"ttl", FIELD_INT},
	{"tcp_flags", FIELD_INT},
	{"ip_len", FIELD_INT},
	{"tcp_synlen", FIELD_INT},
	{"tcp_synwinlen", FIELD_INT},
	{"packet_cnt", FIELD_LONG},
	{"is_spoofed", FIELD_INT},
	{"is_masscan", FIELD_INT},
	{"maxmind_continent", FIELD_STRING},
	{"maxmind_country", FIELD_STRING},
	{"netacq_continent", FIELD_STRING},
	{"netacq_country", FIELD_STRING},
	{"prefix2asn", FIELD_LONG},
};

#define UNKNOWN "??" /* what corsaro3 writes where a database knows nothing */

struct nr_flowtuple_avro {
	avro_file_writer_t writer;
	avro_schema_t schema;
	avro_value_iface_t *class;
	avro_value_t record;
	bool has_writer, has_record;
};

static int avro_fail(struct nr_error *error, const char *what)
{
	return nr_fail(error, -EIO, "Avro: %s: %s", what, avro_strerror());
}

static avro_schema_t make_schema(void)
{
	avro_schema_t record = avro_schema_record("flowtuple", "org.caida.corsaro");
	for (size_t i = 0; record && i < NR_COUNT(fields); i++) {
		avro_schema_t type = fields[i].type == FIELD_LONG  ? avro_schema_long()
				     : fields[i].type == FIELD_INT ? avro_schema_int()
								   : avro_schema_string();
		int failed = avro_schema_record_field_append(record, fields[i].name, type);
		avro_schema_decref(type);
		if (failed) {
			avro_schema_decref(record);
			return NULL;
		}
	}
	return record;
}

int nr_flowtuple_avro_open(
	FILE *stream, const char *codec, struct nr_flowtuple_avro **ret_avro, struct nr_error *error)
{
	struct nr_flowtuple_avro *avro = calloc(1, sizeof *avro);
	if (!avro)
		return nr_fail(error, -ENOMEM, "out of memory");
	avro->schema = make_schema();
	avro->class = avro->schema ? avro_generic_class_from_schema(avro->schema) : NULL;
	avro->has_record = avro->class && avro_generic_value_new(avro->class, &avro->record) == 0;
	avro->has_writer = avro->has_record && avro_file_writer_create_with_codec_fp(stream, "flow tuples", 0,
						       avro->schema, &avro->writer, codec, BLOCK_BYTES) == 0;
	if (!avro->has_writer) {
		int e = avro_fail(error, codec);
		nr_flowtuple_avro_close(avro, NULL);
		return e;
	}
	*ret_avro = avro;
	return 0;
}

static int set_field(avro_value_t *record, size_t index, int64_t number, const char *text)
{
	avro_value_t field;
	int failed = avro_value_get_by_index(record, index, &field, NULL);
	if (failed)
		return failed;
	switch (fields[index].type) {
	case FIELD_LONG:
		return avro_value_set_long(&field, number);
	case FIELD_INT:
		return avro_value_set_int(&field, (int32_t)number);
	default:
		return avro_value_set_string(&field, text);
	}
}

int nr_flowtuple_avro_write(struct nr_flowtuple_avro *avro, nr_time interval, const struct nr_flowtuple *t,
	const struct nr_place *place, struct nr_error *error)
{
	const int64_t numbers[NR_COUNT(fields)] = {interval / NR_SECOND, t->source, t->destination,
		t->source_port, t->destination_port, t->protocol, t->ttl, t->tcp_flags, t->ip_length,
		t->syn_length, t->syn_window, (int64_t)t->packets, t->spoofed, t->masscan, 0, 0, 0, 0,
		place->asn};
	const char *texts[NR_COUNT(fields)] = {[14] = *place->continent ? place->continent : UNKNOWN,
		[15] = *place->country ? place->country : UNKNOWN,
		[16] = UNKNOWN,
		[17] = UNKNOWN};
	int failed = 0;
	for (size_t i = 0; !failed && i < NR_COUNT(fields); i++)
		failed = set_field(&avro->record, i, numbers[i], texts[i]);
	if (!failed)
		failed = avro_file_writer_append_value(avro->writer, &avro->record);
	return failed ? avro_fail(error, "cannot write a record") : 0;
}

int nr_flowtuple_avro_close(struct nr_flowtuple_avro *avro, struct nr_error *error)
{
	int e = 0;
	if (!avro)
		return 0;
	if (avro->has_writer && avro_file_writer_close(avro->writer))
		e = avro_fail(error, "cannot write the last block");
	if (avro->has_record)
		avro_value_decref(&avro->record);
	if (avro->class)
		avro_value_iface_decref(avro->class);
	if (avro->schema)
		avro_schema_decref(avro->schema);
	free(avro);
	return e;
}
