/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/file/inside.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define INPUT_FIRST ((size_t)256 * 1024)

int nr_flow_input_open(struct nr_flow_input *input, const char *path, struct nr_error *error)
{
	*input = (struct nr_flow_input){.name = strcmp(path, "-") ? path : "standard input"};
	int e = nr_stream_open(path, &input->stream, error);
	if (e)
		return e;
	input->bytes = malloc(INPUT_FIRST);
	input->room = INPUT_FIRST;
	return input->bytes ? 0 : nr_fail(error, -ENOMEM, "%s: out of memory", input->name);
}

void nr_flow_input_fini(struct nr_flow_input *input)
{
	nr_stream_close(input->stream);
	free(input->bytes);
	*input = (struct nr_flow_input){0};
}

/* Room for n bytes from `begin` on. */
static bool make_room(struct nr_flow_input *input, size_t n)
{
	memmove(input->bytes, input->bytes + input->begin, nr_flow_input_left(input));
	input->end -= input->begin;
	input->begin = 0;
	if (n <= input->room)
		return true;
	uint8_t *bytes = realloc(input->bytes, n);
	if (!bytes)
		return false;
	input->bytes = bytes;
	input->room = n;
	return true;
}

size_t nr_flow_input_gather(struct nr_flow_input *input, size_t n)
{
	if (nr_flow_input_left(input) >= n || input->ended)
		return nr_flow_input_left(input);
	if (input->begin + n > input->room && !make_room(input, n))
		return 0;
	while (nr_flow_input_left(input) < n && !input->ended) {
		size_t got =
			nr_stream_read(input->stream, input->bytes + input->end, input->room - input->end);
		input->end += got;
		input->ended = got == 0;
	}
	return nr_flow_input_left(input);
}

void nr_flow_input_skip(struct nr_flow_input *input, size_t n)
{
	input->begin += n;
	input->offset += n;
}

void nr_flow_damage(struct nr_flow_reading *reading, uint64_t offset, const char *format, ...)
{
	char *damage = reading->report.damage;
	if (damage[0])
		return;
	size_t room = sizeof reading->report.damage;
	bool packed = nr_stream_compression(reading->input.stream) != NULL;
	int n = snprintf(damage, room, "%.120s: offset %llu%s: ", reading->input.name,
		(unsigned long long)offset, packed ? " (decompressed)" : "");
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(damage + n, room - (size_t)n, format, arguments);
	va_end(arguments);
}

void nr_flow_end(struct nr_flow_reading *reading)
{
	const struct nr_error *error = nr_stream_error(reading->input.stream);
	if (error)
		nr_flow_damage(reading, reading->input.offset + nr_flow_input_left(&reading->input),
			"%s; what stands before it was read", error->text);
}

static void count_rest(struct nr_flow_reading *reading)
{
	struct nr_flow_input *input = &reading->input;
	size_t left;
	while ((left = nr_flow_input_gather(input, 1))) {
		reading->report.dropped[NR_FLOW_FILE_BYTES] += left;
		nr_flow_input_skip(input, left);
	}
}

void nr_flow_give_up(struct nr_flow_reading *reading, const char *reason)
{
	nr_flow_damage(reading, reading->input.offset, "%s; the rest was not read", reason);
	count_rest(reading);
}

void nr_flow_give_up_at(struct nr_flow_reading *reading, const char *reason)
{
	char *damage = reading->report.damage;
	if (!damage[0])
		snprintf(damage, sizeof reading->report.damage, "%.80s: %.140s", reading->input.name, reason);
	count_rest(reading);
}
