/* SPDX-License-Identifier: Apache-2.0 */
#include "base/document_pdf.h"

#include <errno.h>
#include <string.h>

/* The last place of a word; NULL: it is not there. */
static const char *find_last(const char *text, size_t length, const char *word)
{
	size_t n = strlen(word);
	for (const char *at = text + length - NR_MIN(length, n); at >= text && length >= n; at--)
		if (memcmp(at, word, n) == 0)
			return at;
	return NULL;
}

/* The number behind a word at or after `from`; 0: there is none. */
static unsigned long number_after(const char *from, const char *end, const char *word)
{
	size_t n = strlen(word);
	for (const char *at = from; at + n < end; at++)
		if (memcmp(at, word, n) == 0)
			return strtoul(at + n, NULL, 10); /* ends inside the file: "%%EOF" is behind it */
	return 0;
}

int nr_pdf_set_language(uint8_t **bytes, size_t *length, const char *language, struct nr_error *error)
{
	const char *text = (const char *)*bytes, *end = text + *length;
	const char *trailer = find_last(text, *length, "trailer");
	if (!trailer)
		return 0;
	unsigned long size = number_after(trailer, end, "/Size"), root = number_after(trailer, end, "/Root"),
		      info = number_after(trailer, end, "/Info"),
		      previous = number_after(trailer, end, "startxref");
	char head[48];
	snprintf(head, sizeof head, "\n%lu 0 obj\n<<", root);
	const char *catalog = root ? find_last(text, *length, head) : NULL;
	const char *body = catalog ? catalog + strlen(head) : NULL;
	const char *close = body ? memmem(body, (size_t)(end - body), "endobj", 6) : NULL;
	if (!close || !size || !info || !previous)
		return 0;
	char *update = NULL;
	int n = asprintf(&update,
		"%lu 0 obj\n<< /Lang (%s) /ViewerPreferences << /DisplayDocTitle true >>%.*sendobj\n"
		"xref\n%lu 1\n%010zu 00000 n \ntrailer\n<< /Size %lu /Root %lu 0 R /Info %lu 0 R /Prev %lu "
		">>\n",
		root, language, (int)(close - body), body, root, *length, size, root, info, previous);
	const char *xref = n > 0 ? memmem(update, (size_t)n, "\nxref\n", 6) : NULL;
	uint8_t *grown = xref ? realloc(*bytes, *length + (size_t)n + 64) : NULL;
	if (grown) {
		memcpy(grown + *length, update, (size_t)n);
		size_t at = *length + (size_t)(xref + 1 - update);
		int tail = snprintf((char *)grown + *length + n, 64, "startxref\n%zu\n%%%%EOF\n", at);
		*bytes = grown;
		*length += (size_t)n + (size_t)tail;
	}
	free(update);
	return grown ? 0 : nr_fail(error, -ENOMEM, "PDF: out of memory");
}
