/* SPDX-License-Identifier: Apache-2.0 */
/* A relay's stream from a sense that is not one any more: refused, or rows that can be read to their ends. */
#include "model/gap.h"
#include "model/live.h"
#include "model/relay_frame.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STREAM_MAX (64 << 10) /* what a socket takes at once */

/* One table with every type of column beside those of the house. */
struct all {
	const char *sensor;
	struct nr_bytes bytes;
	struct nr_address address;
	nr_time time;
	double real;
	uint8_t small;
};

static const struct nr_column columns[] = {
	{"sensor", NR_TYPE_TEXT, offsetof(struct all, sensor), true, false, "", ""},
	{"time", NR_TYPE_TIME, offsetof(struct all, time), true, false, "", ""},
	{"bytes", NR_TYPE_BYTES, offsetof(struct all, bytes), false, false, "", ""},
	{"address", NR_TYPE_ADDRESS, offsetof(struct all, address), false, false, "", ""},
	{"real", NR_TYPE_REAL, offsetof(struct all, real), false, false, "", ""},
	{"small", NR_TYPE_UINT8, offsetof(struct all, small), false, false, "", ""},
};
static const struct nr_table all_table = {
	"all", columns, NR_COUNT(columns), sizeof(struct all), "time", "", ""};
static const struct nr_table *const tables[] = {
	&all_table, &nr_gap_table, &nr_finding_table, &nr_live_pulse_table};

static uint64_t touched; /* so that reading is not left out */

static void touch_row(const struct nr_table *table, const uint8_t *row)
{
	for (size_t i = 0; i < table->column_count; i++) {
		const void *field = row + table->columns[i].offset;
		if (table->columns[i].type == NR_TYPE_TEXT) {
			touched += strlen(*(const char *const *)field);
		} else if (table->columns[i].type == NR_TYPE_BYTES) {
			const struct nr_bytes *bytes = field;
			for (size_t k = 0; k < bytes->length; k++)
				touched += bytes->data[k];
		}
	}
	assert(strcmp(*(const char *const *)(row + table->columns[0].offset), "dark") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int ends[2];
	struct nr_relay_reader *reader;
	struct nr_relay_item item;
	struct nr_error error = {0};
	if (size > STREAM_MAX)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 ||
		send(ends[0], data, size, MSG_DONTWAIT) != (ssize_t)size)
		abort();
	close(ends[0]);
	if (nr_relay_reader_new(tables, NR_COUNT(tables), "dark", ends[1], &reader, NULL))
		abort();
	int rc;
	while ((rc = nr_relay_next(reader, &item, &error)) == 1) {
		for (size_t i = 0; item.kind == NR_RELAY_ROWS && i < item.count; i++)
			touch_row(item.table, (const uint8_t *)item.rows + i * item.table->row_size);
	}
	assert(rc == -EPIPE || (rc == -EBADMSG && error.code == rc && error.text[0]));
	nr_relay_reader_free(reader);
	return 0;
}
