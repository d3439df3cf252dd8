/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/probe/record.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

int nr_probe_record_open(struct nr_probe_record *record, const char *state_folder, struct nr_error *error)
{
	*record = (struct nr_probe_record){.folder = NULL};
	if (asprintf(&record->folder, "%s/record", state_folder) < 0) {
		record->folder = NULL;
		return nr_fail(error, -ENOMEM, "out of memory");
	}
	return 0;
}

void nr_probe_record_close(struct nr_probe_record *record)
{
	if (record->stream)
		fclose(record->stream);
	free(record->folder);
	*record = (struct nr_probe_record){.folder = NULL};
}

static int file_of_day(struct nr_probe_record *r, nr_time now, struct nr_error *error)
{
	char path[PATH_MAX], text[NR_TIME_TEXT];
	int64_t day = nr_time_floor(now, NR_DAY) / NR_DAY;
	if (r->stream && r->day == day)
		return 0;
	if (r->stream)
		fclose(r->stream);
	nr_time_write(now, text);
	snprintf(path, sizeof path, "%.4000s/%.10s.jsonl", r->folder, text);
	r->stream = fopen(path, "ae");
	r->day = day;
	return r->stream ? 0 : nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
}

void nr_probe_record_begin(struct nr_json *json, nr_time now, const char *event)
{
	nr_json_init(json);
	nr_json_object(json, NULL);
	nr_json_time(json, "time", now);
	nr_json_text(json, "event", event);
}

int nr_probe_record_end(
	struct nr_probe_record *record, struct nr_json *json, nr_time now, bool sync, struct nr_error *error)
{
	nr_json_object_end(json);
	int e = nr_json_finish(json, error);
	e = e ? e : file_of_day(record, now, error);
	if (!e && (fwrite(json->bytes, 1, json->length, record->stream) != json->length ||
			  putc('\n', record->stream) == EOF || fflush(record->stream) != 0 ||
			  (sync && fdatasync(fileno(record->stream)) != 0)))
		e = nr_fail(error, -errno, "%.150s: %s", record->folder, strerror(errno));
	nr_json_fini(json);
	return e;
}

void nr_probe_record_bytes(struct nr_json *json, const char *key, const uint8_t *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	NR_AUTO(nr_freep) char *hex = malloc(2 * length + 1);
	if (!hex) {
		nr_json_null(json, key);
		return;
	}
	for (size_t i = 0; i < length; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	nr_json_text_n(json, key, hex, 2 * length);
}
