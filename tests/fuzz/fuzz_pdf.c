/* SPDX-License-Identifier: Apache-2.0 */
/* PDF files of strangers: values, then whole files with all their objects, signatures and their ranges. */
#include "trust/seal/pades.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken lies in the input and is taken again alike. */
static void read_values(const uint8_t *data, size_t size)
{
	struct nr_cursor c = nr_cursor_over(data, size);
	while (!c.failed && c.at < c.end) {
		struct nr_pdf value = nr_pdf_take(&c), item;
		if (c.failed)
			break;
		assert(value.start >= data && value.start + value.length == c.at && value.length > 0);
		struct nr_cursor again = nr_cursor_over(value.start, value.length);
		item = nr_pdf_take(&again);
		assert(!again.failed && (item.kind == value.kind || value.kind == NR_PDF_INTEGER));
		struct nr_cursor inside = nr_pdf_inside(&value);
		while (nr_pdf_next(&inside, &item))
			assert(item.start >= value.start &&
				item.start + item.length <= value.start + value.length);
		assert(!inside.failed);
	}
}

static void read_seals(struct nr_pdf_reader *reader)
{
	struct nr_pades_seal seals[NR_PADES_SEALS_MAX];
	size_t count = 0, length;
	if (nr_pades_find(reader, seals, NR_PADES_SEALS_MAX, &count, NULL) != 0)
		return;
	for (size_t i = 0; i < count; i++) {
		uint8_t *message;
		if (nr_pades_ranges(reader, &seals[i], NULL) != 0)
			continue;
		assert(seals[i].before < seals[i].after && seals[i].after <= seals[i].end &&
			seals[i].end <= reader->length);
		if (nr_pades_message(reader->bytes, &seals[i], &message, &length, NULL) == 0)
			free(message);
		struct nr_pdf_reader covered;
		struct nr_judgement judgement = {.count = 0};
		size_t added;
		if (nr_pdf_reader_open(reader->bytes, seals[i].end, &covered, NULL) != 0)
			continue;
		assert(nr_pades_judge_changes(&covered, reader, &judgement, &added, NULL) == 0);
		nr_pdf_reader_fini(&covered);
	}
}

/* What can be sealed can be read again, and has one seal more. */
static void seal(const uint8_t *data, size_t size, size_t before)
{
	struct nr_pile pdf = {.bytes = NULL};
	struct nr_pdf_reader reader;
	struct nr_pades_seal seals[NR_PADES_SEALS_MAX];
	size_t place, count = 0;
	if (nr_pades_prepare(data, size, 0, &pdf, &place, NULL) == 0) {
		assert(nr_pdf_reader_open(pdf.bytes, pdf.length, &reader, NULL) == 0);
		if (nr_pades_find(&reader, seals, NR_PADES_SEALS_MAX, &count, NULL) == 0)
			assert(count == before + 1 && nr_pades_ranges(&reader, &seals[before], NULL) == 0 &&
				seals[before].before == place && seals[before].end == pdf.length);
		nr_pdf_reader_fini(&reader);
	}
	nr_pile_fini(&pdf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nr_pdf_reader reader;
	struct nr_pdf_object object;
	struct nr_pades_seal seals[NR_PADES_SEALS_MAX];
	size_t count = 0;
	read_values(data, size);
	if (nr_pdf_reader_open(data, size, &reader, NULL) != 0)
		return 0;
	for (uint32_t number = 0; number < reader.count && number < 1000; number++)
		nr_pdf_reader_object(&reader, number, &object, NULL);
	read_seals(&reader);
	bool known = nr_pades_find(&reader, seals, NR_PADES_SEALS_MAX - 1, &count, NULL) == 0;
	nr_pdf_reader_fini(&reader);
	if (known)
		seal(data, size, count);
	return 0;
}
