/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/stream.h"

#include <ctype.h>
#include <errno.h>

#define BLOCK_BYTES (32 * 1024) /* of one write */

static ssize_t read_block(void *context, uint64_t position, char *bytes, size_t room)
{
	(void)position;
	size_t length = nr_events_read(context, bytes, room);
	return length ? (ssize_t)length : MHD_CONTENT_READER_END_OF_STREAM;
}

static void close_stream(void *context)
{
	nr_events_leave(context);
}

static uint64_t read_id(const char *text)
{
	if (!text || !isdigit((unsigned char)*text))
		return 0;
	char *end;
	errno = 0;
	unsigned long long id = strtoull(text, &end, 10);
	return errno || *end ? 0 : id;
}

int nr_event_stream_open(struct nr_events *events, const char *sensor, const char *last_event_id,
	struct MHD_Response **ret_response, struct nr_error *error)
{
	struct nr_listener *listener;
	int status = nr_events_join(events, sensor, read_id(last_event_id), &listener, error);
	if (status)
		return status;
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_block, listener, close_stream);
	if (!response) {
		nr_events_leave(listener);
		return nr_fail(error, -ENOMEM, "out of memory");
	}
	MHD_add_response_header(response, "Content-Type", NR_STREAM_TYPE);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Accel-Buffering", "no"); /* nginx would hold events back */
	*ret_response = response;
	return 0;
}
