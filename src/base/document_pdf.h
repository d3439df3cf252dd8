/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the PDF writer: what cairo 1.16 does not say of a file. */
#ifndef NR_BASE_DOCUMENT_PDF_H
#define NR_BASE_DOCUMENT_PDF_H

#include "base/error.h"

/*
 * Adds the language of the text, which screen readers ask for, and that a window shows the title and not the
 * file's name, as an incremental update (ISO 32000-1, 7.5.6): the catalog once more, and a cross-reference to
 * it. A file of another make than cairo's classic one stays as it is. *bytes is owned by the caller and may
 * move.
 */
int nr_pdf_set_language(uint8_t **bytes, size_t *length, const char *language, struct nr_error *error);

#endif
