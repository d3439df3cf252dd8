/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charts as lines, areas and texts on a plane, for whoever draws them (SVG, cairo). Inside the document
 * writers. Units are points; y goes down.
 */
#ifndef NR_BASE_DOCUMENT_PICTURE_H
#define NR_BASE_DOCUMENT_PICTURE_H

#include "base/document.h"

#define NR_PICTURE_WIDTH 480.0 /* all charts; their height depends on the kind */
#define NR_PICTURE_TEXT  8.0   /* size of its texts */

enum nr_anchor { NR_ANCHOR_START, NR_ANCHOR_MIDDLE, NR_ANCHOR_END };

/* The pen of a writer. colour: RGB. */
struct nr_pen {
	void *context;
	void (*rectangle)(void *context, double x, double y, double width, double height, uint32_t colour);
	/* Through points; NAN in y lifts the pen. */
	void (*line)(
		void *context, const double *x, const double *y, size_t count, double width, uint32_t colour);
	/* Part of a ring; angles in turns from the top, clockwise. */
	void (*sector)(void *context, double x, double y, double inner, double outer, double from, double to,
		uint32_t colour);
	/* y is the base line. */
	void (*text)(void *context, double x, double y, enum nr_anchor anchor, bool bold, const char *text);
};

double nr_picture_height(const struct nr_block *chart);
/* What the picture says, for those who do not see it. */
void nr_picture_describe(const struct nr_block *chart, char *text, size_t room);
void nr_picture_draw(const struct nr_block *chart, const struct nr_pen *pen);

#endif
