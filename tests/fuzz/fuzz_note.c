/* SPDX-License-Identifier: Apache-2.0 */
/* Notes, verifier keys and base64: what parses points into the input and is written as it was read. */
#include "wire/base64.h"
#include "wire/note.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const struct nr_note_line *line, const char *begin, const char *end)
{
	static uint8_t signature[NR_NOTE_SIGNATURE_MAX];
	assert(line->name >= begin && line->name + line->name_length <= line->base64);
	assert(line->base64 + line->base64_length < end);
	assert(nr_note_name_ok(line->name, line->name_length));
	assert(line->length > 0 && nr_note_signature(line, signature) == line->length);
}

static void check_note(const char *text, size_t size)
{
	struct nr_note note;
	struct nr_error error = {0};
	if (nr_note_parse(text, size, &note, &error)) {
		assert(error.code < 0 && error.text[0]);
		return;
	}
	assert(note.text == text && note.text_length < size && text[note.text_length - 1] == '\n');
	assert(note.count > 0 && note.count <= NR_NOTE_SIGNATURES_MAX);
	for (size_t i = 0; i < note.count; i++)
		check_line(&note.lines[i], text, text + size);
}

static void check_base64(const char *text, size_t size)
{
	NR_AUTO(nr_freep) uint8_t *bytes = malloc(size + 1);
	NR_AUTO(nr_freep) char *again = malloc(NR_BASE64_TEXT(size) + 1);
	if (!bytes || !again)
		abort();
	ssize_t length = nr_base64_read(text, size, bytes, size);
	assert(length == nr_base64_read(text, size, NULL, 0));
	if (length >= 0) /* one text for each byte string */
		assert(nr_base64_write(bytes, (size_t)length, again) == size && !memcmp(again, text, size));
	length = nr_base64url_read(text, size, bytes, size);
	if (length >= 0)
		assert(nr_base64url_write(bytes, (size_t)length, again) == size &&
			!memcmp(again, text, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct nr_vkey vkey;
	struct nr_note_line line;
	uint64_t number;
	check_note(text, size);
	if (nr_vkey_parse(text, size, &vkey, NULL) == 0)
		assert(vkey.name == text && vkey.key_length > 0 && vkey.key_length <= NR_NOTE_KEY_MAX);
	if (nr_note_line_parse(text, size, &line, NULL) == 0)
		check_line(&line, text, text + size);
	if (nr_note_number(text, size, &number) == 0) {
		char again[24];
		assert((size_t)snprintf(again, sizeof again, "%llu", (unsigned long long)number) == size);
		assert(!memcmp(again, text, size));
	}
	check_base64(text, size);
	return 0;
}
