/* SPDX-License-Identifier: Apache-2.0 */
/* Exporters of a collector's report as rows of the house's store. */
#include <errno.h>
#include <json-c/json.h>

#include "sense/flow/traffic_inside.h"

#define EXPORTERS_MAX 10000 /* of one report */

static const char *text_at(json_object *object, const char *key)
{
	json_object *value = NULL;
	return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : "";
}

static int64_t number_at(json_object *object, const char *key)
{
	json_object *value = NULL;
	return json_object_object_get_ex(object, key, &value) ? json_object_get_int64(value) : 0;
}

static uint64_t count_at(json_object *object, const char *key)
{
	return (uint64_t)NR_MAX(number_at(object, key), 0);
}

static nr_time time_at(json_object *object, const char *key)
{
	nr_time time;
	return nr_time_parse(text_at(object, key), &time, NULL) == 0 ? time : 0;
}

static void take_sampling(json_object *exporter, struct nr_flow_exporter_row *row)
{
	json_object *list = NULL, *rate = NULL;
	if (!json_object_object_get_ex(exporter, "sampling", &list) ||
		!json_object_is_type(list, json_type_array) || json_object_array_length(list) == 0)
		return;
	json_object *first = json_object_array_get_idx(list, 0);
	if (json_object_object_get_ex(first, "rate", &rate))
		row->sampling = json_object_get_double(rate);
	row->sampling_from = text_at(first, "from");
}

/* Texts of the row are the object's. */
static int take_exporter(json_object *exporter, struct nr_flow_exporter_row *row, struct nr_error *error)
{
	json_object *lost = NULL;
	if (nr_address_parse(text_at(exporter, "exporter"), &row->exporter, NULL) != 0)
		return nr_fail(error, -EBADMSG, "a report's exporter has no address");
	row->domain = (uint32_t)number_at(exporter, "domain");
	row->export = text_at(exporter, "export");
	row->first = time_at(exporter, "first_seen");
	row->last = time_at(exporter, "last_seen");
	row->datagrams = count_at(exporter, "datagrams");
	row->records = count_at(exporter, "records");
	row->options_records = count_at(exporter, "options_records");
	row->templates = count_at(exporter, "templates");
	row->loss_unit = row->sampling_from = "";
	if (json_object_object_get_ex(exporter, "lost", &lost)) {
		row->loss_unit = text_at(lost, "unit");
		row->received = count_at(lost, "received");
		row->lost = count_at(lost, "network");
		row->lost_unknown = count_at(lost, "unknown");
	}
	take_sampling(exporter, row);
	row->active_timeout = (uint32_t)number_at(exporter, "active_timeout");
	row->inactive_timeout = (uint32_t)number_at(exporter, "inactive_timeout");
	row->clock_offset = (double)number_at(exporter, "clock_offset_ms") / 1000;
	row->detail = json_object_to_json_string_ext(exporter, JSON_C_TO_STRING_PLAIN);
	return row->detail ? 0 : nr_fail(error, -ENOMEM, "out of memory");
}

int nr_flow_traffic_exporters(
	struct nr_flow_traffic *traffic, const char *report, struct nr_sink *sink, struct nr_error *error)
{
	json_object *parsed = json_tokener_parse(report), *list = NULL;
	size_t count = 0;
	if (json_object_object_get_ex(parsed, "exporters", &list) &&
		json_object_is_type(list, json_type_array))
		count = NR_MIN(json_object_array_length(list), (size_t)EXPORTERS_MAX);
	else
		list = NULL;
	struct nr_flow_exporter_row *rows = calloc(count + 1, sizeof *rows);
	int e = !list  ? nr_fail(error, -EBADMSG, "what a collector reports has no list of exporters")
		: rows ? 0
		       : nr_fail(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count && !e; i++) {
		rows[i].sensor = traffic->sensor;
		e = take_exporter(json_object_array_get_idx(list, i), &rows[i], error);
	}
	if (!e && count)
		e = sink->rows(sink, &nr_flow_exporter_table, rows, count, error);
	free(rows);
	json_object_put(parsed);
	return e;
}
