/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of document_pdf.c: how a text is set, and the fonts. One thread. */
#ifndef NR_BASE_DOCUMENT_PDF_TEXT_H
#define NR_BASE_DOCUMENT_PDF_TEXT_H

#include "base/base.h"

#include <pango/pango.h>

/* size and width in points; width <= 0: one line, as long as it is. The layout is the caller's to unref. */
PangoLayout *nr_pdf_text(
	PangoContext *context, bool japanese, const char *text, double size, bool bold, double width);
/* In points. */
double nr_pdf_text_width(PangoLayout *layout);
double nr_pdf_text_height(PangoLayout *layout);

/* The libraries keep fonts for the next document, for ever; a process that writes one a year gives them back.
 */
void nr_pdf_release_fonts(void);

#endif
