/* SPDX-License-Identifier: Apache-2.0 */
/* A4 pages by cairo and Pango: text stays text, pictures stay lines. Set twice: the first time counts the
 * pages. */
#include "base/document_pdf.h"
#include "base/document_pdf_text.h"
#include "base/document_picture.h"

#include <cairo-pdf.h>
#include <errno.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <string.h>

#define PAGE_WIDTH  595.28
#define PAGE_HEIGHT 841.89
#define SIDE        52.0
#define TOP         64.0
#define BOTTOM      60.0
#define WIDTH       (PAGE_WIDTH - 2 * SIDE)
#define INK         0x222a35
#define GREY        0x5a6675
#define RULE        0xd9dee6
#define ACCENT      NR_COLOUR_IOT
#define CELL_PAD    4.0
#define ROW_HIGH    14.5 /* about */
#define HEAD_MAX    70.0 /* of a column of numbers, where not everything fits */
#define KEPT_WHOLE  240.0
#define FIGURE_ROW  3
#define FIGURE_HIGH 50.0

struct pages {
	const struct nr_document *document;
	cairo_surface_t *surface;
	cairo_t *cr;
	PangoContext *text;
	double y;               /* where the next thing begins */
	unsigned number, total; /* total 0: they are being counted */
	unsigned unknown;       /* characters of our own texts that no font has */
};

/* ---- text ---- */

static void set_colour(struct pages *p, uint32_t rgb)
{
	cairo_set_source_rgb(p->cr, (rgb >> 16) / 255.0, (rgb >> 8 & 0xff) / 255.0, (rgb & 0xff) / 255.0);
}

static PangoLayout *set_text(struct pages *p, const char *text, double size, bool bold, double width)
{
	return nr_pdf_text(p->text, p->document->japanese, text, size, bold, width);
}

static void show_at(struct pages *p, PangoLayout *layout, double x, double y, uint32_t colour)
{
	set_colour(p, colour);
	cairo_move_to(p->cr, x, y);
	pango_cairo_show_layout(p->cr, layout);
}

/* One line of text at a height of the page; right: ends there. */
static void put_line(struct pages *p, const char *text, double size, double x, double y, bool right)
{
	PangoLayout *layout = set_text(p, text, size, false, 0);
	show_at(p, layout, right ? x - nr_pdf_text_width(layout) : x, y, GREY);
	g_object_unref(layout);
}

static void put_rule(struct pages *p, double y, double width, uint32_t colour)
{
	set_colour(p, colour);
	cairo_rectangle(p->cr, SIDE, y, WIDTH, width);
	cairo_fill(p->cr);
}

/* ---- pages ---- */

static void begin_page(struct pages *p)
{
	char text[64];
	p->number++;
	p->y = TOP;
	if (p->number > 1) {
		put_line(p, p->document->title, 8, SIDE, TOP - 30, false);
		put_rule(p, TOP - 15, 0.5, RULE);
	}
	put_rule(p, PAGE_HEIGHT - BOTTOM + 14, 0.5, RULE);
	put_line(p, p->document->footer, 7.5, SIDE, PAGE_HEIGHT - BOTTOM + 19, false);
	snprintf(text, sizeof text, "%u / %u", p->number, p->total);
	put_line(p, text, 7.5, SIDE + WIDTH, PAGE_HEIGHT - BOTTOM + 19, true);
}

/* A new page where less is left. */
static bool need(struct pages *p, double height)
{
	if (p->y + height <= PAGE_HEIGHT - BOTTOM)
		return false;
	cairo_show_page(p->cr);
	begin_page(p);
	return true;
}

/* A text of any length, line by line over as many pages as it takes. */
static void flow(struct pages *p, PangoLayout *layout, uint32_t colour)
{
	PangoLayoutIter *iter = pango_layout_get_iter(layout);
	do {
		PangoRectangle logical;
		pango_layout_iter_get_line_extents(iter, NULL, &logical);
		double height = (double)logical.height / PANGO_SCALE;
		need(p, height);
		set_colour(p, colour);
		double above = (double)(pango_layout_iter_get_baseline(iter) - logical.y) / PANGO_SCALE;
		cairo_move_to(p->cr, SIDE, p->y + above);
		pango_cairo_show_layout_line(p->cr, pango_layout_iter_get_line_readonly(iter));
		p->y += height;
	} while (pango_layout_iter_next_line(iter));
	pango_layout_iter_free(iter);
}

static void put_own_text(struct pages *p, const char *text, double size, bool bold, uint32_t colour)
{
	PangoLayout *layout = set_text(p, text, size, bold, WIDTH);
	pango_layout_set_line_spacing(layout, bold ? 0 : 1.12f);
	p->unknown += (unsigned)pango_layout_get_unknown_glyphs_count(layout);
	flow(p, layout, colour);
	g_object_unref(layout);
}

/* ---- blocks ---- */

static void add_outline(struct pages *p, const struct nr_block *b)
{
	char where[64];
	if (b->level != 1 || !p->total)
		return;
	snprintf(where, sizeof where, "page=%u pos=[0 %.1f]", p->number, p->y);
	cairo_pdf_surface_add_outline(p->surface, CAIRO_PDF_OUTLINE_ROOT, b->text, where, 0);
}

static void put_heading(struct pages *p, const struct nr_block *b)
{
	bool first = b->level == 1;
	p->y += first ? 20 : 12;
	need(p, first ? 110 : 80); /* never alone at the foot of a page */
	add_outline(p, b);
	put_own_text(p, b->text, first ? 15 : 11.5, true, INK);
	if (first) {
		put_rule(p, p->y + 2, 1, ACCENT);
		p->y += 4;
	}
	p->y += 4;
}

static void put_figures(struct pages *p, const struct nr_block *b)
{
	const double gap = 8, width = (WIDTH - gap * (FIGURE_ROW - 1)) / FIGURE_ROW;
	for (size_t r = 0; r < b->row_count; r++) {
		size_t column = r % FIGURE_ROW;
		if (column == 0)
			need(p, FIGURE_HIGH + gap);
		double x = SIDE + (width + gap) * (double)column;
		set_colour(p, RULE);
		cairo_set_line_width(p->cr, 0.7);
		cairo_rectangle(p->cr, x, p->y, width, FIGURE_HIGH);
		cairo_stroke(p->cr);
		PangoLayout *value = set_text(p, b->cells[2 * (r + 1)], 14, true, width - 16);
		pango_layout_set_ellipsize(value, PANGO_ELLIPSIZE_END);
		show_at(p, value, x + 8, p->y + 5, INK);
		g_object_unref(value);
		PangoLayout *label = set_text(p, b->cells[2 * (r + 1) + 1], 7.5, false, width - 16);
		pango_layout_set_height(label, -2);
		pango_layout_set_ellipsize(label, PANGO_ELLIPSIZE_END);
		show_at(p, label, x + 8, p->y + 26, GREY);
		g_object_unref(label);
		if (column == FIGURE_ROW - 1 || r + 1 == b->row_count)
			p->y += FIGURE_HIGH + gap;
	}
}

/* What a column would like to have; heads of numbers break their lines beyond head_max. */
static double natural_width(struct pages *p, const struct nr_block *b, size_t column, double head_max)
{
	double widest = 0;
	for (size_t r = 0; r <= NR_MIN(b->row_count, (size_t)400); r++) {
		PangoLayout *layout = set_text(p, b->cells[r * b->column_count + column], 8, r == 0, 0);
		double width = nr_pdf_text_width(layout) + 2 * CELL_PAD + 0.5;
		bool head = r == 0 && b->number[column];
		widest = NR_MAX(widest, head ? NR_MIN(width, head_max) : width);
		g_object_unref(layout);
	}
	return widest;
}

static bool all_fit(struct pages *p, const struct nr_block *b)
{
	double sum = 0;
	for (size_t i = 0; i < b->column_count; i++)
		sum += natural_width(p, b, i, INFINITY);
	return sum <= WIDTH;
}

/* Numbers get what they like. The texts share the rest fairly: who likes less than a fair share gets it, the
 * others divide what is left and break their lines. What nobody needs goes to all. */
static void measure_columns(struct pages *p, const struct nr_block *b, double *widths)
{
	bool settled[NR_DOCUMENT_COLUMNS_MAX] = {false};
	double left = WIDTH, head_max = all_fit(p, b) ? INFINITY : HEAD_MAX;
	size_t open = 0;
	for (size_t i = 0; i < b->column_count; i++) {
		widths[i] = natural_width(p, b, i, head_max);
		settled[i] = b->number[i];
		left -= b->number[i] ? widths[i] : 0;
		open += !b->number[i];
	}
	for (size_t before = open + 1; open > 0 && open < before;) {
		double fair = NR_MAX(left, 60) / (double)open;
		before = open;
		for (size_t i = 0; i < b->column_count; i++) {
			if (settled[i] || widths[i] > fair)
				continue;
			settled[i] = true;
			left -= widths[i];
			open--;
		}
	}
	for (size_t i = 0; i < b->column_count; i++) {
		if (open > 0 && !settled[i])
			widths[i] = NR_MAX(left, 60) / (double)open;
		else if (open == 0)
			widths[i] += left / (double)b->column_count;
	}
}

static void put_row(struct pages *p, const struct nr_block *b, const double *widths, size_t row)
{
	PangoLayout *cells[NR_DOCUMENT_COLUMNS_MAX];
	double height = 0, x = SIDE;
	for (size_t i = 0; i < b->column_count; i++) {
		cells[i] = set_text(p, b->cells[row * b->column_count + i], 8, row == 0,
			NR_MAX(widths[i] - 2 * CELL_PAD, 8));
		pango_layout_set_alignment(cells[i], b->number[i] ? PANGO_ALIGN_RIGHT : PANGO_ALIGN_LEFT);
		height = NR_MAX(height, nr_pdf_text_height(cells[i]));
	}
	height += 5;
	if (need(p, height) && row > 0)
		put_row(p, b, widths, 0); /* the heads again */
	if (row == 0) {
		set_colour(p, 0xf1f4f8);
		cairo_rectangle(p->cr, SIDE, p->y, WIDTH, height);
		cairo_fill(p->cr);
	}
	for (size_t i = 0; i < b->column_count; i++) {
		show_at(p, cells[i], x + CELL_PAD, p->y + 2, INK);
		x += widths[i];
		g_object_unref(cells[i]);
	}
	p->y += height;
	put_rule(p, p->y, row == 0 ? 0.9 : 0.4, row == 0 ? 0xb9c2cf : RULE);
}

static void put_table(struct pages *p, const struct nr_block *b)
{
	double widths[NR_DOCUMENT_COLUMNS_MAX];
	measure_columns(p, b, widths);
	p->y += 6;
	need(p, NR_MIN(ROW_HIGH * (double)(b->row_count + 3), KEPT_WHOLE)); /* short ones are not torn */
	if (*b->text) {
		put_own_text(p, b->text, 9, true, INK);
		p->y += 2;
	}
	for (size_t r = 0; r <= b->row_count; r++)
		put_row(p, b, widths, r);
	p->y += 8;
}

/* ---- pictures: the pen stands at the picture's corner ---- */

static void draw_rectangle(void *context, double x, double y, double width, double height, uint32_t colour)
{
	struct pages *p = context;
	set_colour(p, colour);
	cairo_rectangle(p->cr, x, y, width, height);
	cairo_fill(p->cr);
}

static void draw_line(
	void *context, const double *x, const double *y, size_t count, double width, uint32_t colour)
{
	struct pages *p = context;
	bool down = false;
	set_colour(p, colour);
	cairo_set_line_width(p->cr, width);
	for (size_t i = 0; i < count; i++) {
		if (isfinite(y[i]) && down)
			cairo_line_to(p->cr, x[i], y[i]);
		else if (isfinite(y[i]))
			cairo_move_to(p->cr, x[i], y[i]);
		down = isfinite(y[i]);
	}
	cairo_stroke(p->cr);
}

static void draw_sector(void *context, double x, double y, double inner, double outer, double from, double to,
	uint32_t colour)
{
	struct pages *p = context;
	double a = 2 * M_PI * from - M_PI / 2, b = 2 * M_PI * to - M_PI / 2;
	cairo_new_path(p->cr);
	cairo_arc(p->cr, x, y, outer, a, b);
	cairo_arc_negative(p->cr, x, y, inner, b, a);
	cairo_close_path(p->cr);
	set_colour(p, colour);
	cairo_fill_preserve(p->cr);
	set_colour(p, 0xffffff);
	cairo_set_line_width(p->cr, 1);
	cairo_stroke(p->cr);
}

static void draw_text(void *context, double x, double y, enum nr_anchor anchor, bool bold, const char *text)
{
	struct pages *p = context;
	PangoLayout *layout = set_text(p, text, NR_PICTURE_TEXT, bold, 0);
	double width = nr_pdf_text_width(layout),
	       base = (double)pango_layout_get_baseline(layout) / PANGO_SCALE;
	show_at(p, layout, x - width * (double)anchor / 2, y - base, 0x333c49);
	g_object_unref(layout);
}

static void put_chart(struct pages *p, const struct nr_block *b)
{
	const struct nr_pen pen = {p, draw_rectangle, draw_line, draw_sector, draw_text};
	double scale = WIDTH / NR_PICTURE_WIDTH, height = nr_picture_height(b) * scale;
	p->y += 6;
	need(p, height + 20);
	put_own_text(p, b->text, 9, true, INK);
	p->y += 4;
	cairo_save(p->cr);
	cairo_translate(p->cr, SIDE, p->y);
	cairo_scale(p->cr, scale, scale);
	nr_picture_draw(b, &pen);
	cairo_restore(p->cr);
	p->y += height + 8;
}

static void put_block(struct pages *p, const struct nr_block *b)
{
	switch (b->kind) {
	case NR_BLOCK_HEADING:
		put_heading(p, b);
		break;
	case NR_BLOCK_PARAGRAPH:
		put_own_text(p, b->text, 9.5, false, INK);
		p->y += 6;
		break;
	case NR_BLOCK_NOTE:
		put_own_text(p, b->text, 7.8, false, GREY);
		p->y += 5;
		break;
	case NR_BLOCK_FIGURES:
		put_figures(p, b);
		break;
	case NR_BLOCK_TABLE:
		put_table(p, b);
		break;
	case NR_BLOCK_CHART:
		put_chart(p, b);
		break;
	}
}

/* ---- the whole ---- */

struct bytes {
	uint8_t *data;
	size_t length, room;
};

static cairo_status_t take_bytes(void *closure, const unsigned char *data, unsigned length)
{
	struct bytes *b = closure;
	if (b->length + length > b->room) {
		size_t room = (b->length + length) * 2;
		uint8_t *grown = realloc(b->data, room);
		if (!grown)
			return CAIRO_STATUS_WRITE_ERROR;
		b->data = grown;
		b->room = room;
	}
	memcpy(b->data + b->length, data, length);
	b->length += length;
	return CAIRO_STATUS_SUCCESS;
}

static cairo_status_t take_nothing(void *closure, const unsigned char *data, unsigned length)
{
	(void)closure;
	(void)data;
	(void)length;
	return CAIRO_STATUS_SUCCESS;
}

static void describe(cairo_surface_t *surface, const struct nr_document *d)
{
	char time[NR_TIME_TEXT];
	nr_time_write(nr_time_floor(d->made, NR_SECOND), time);
	memcpy(time + 19, "Z", 2);
	cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, d->title);
	cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_SUBJECT, d->subtitle);
	cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR, "noroshi " NR_VERSION);
	cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, time);
}

static void put_title(struct pages *p)
{
	p->y += 16;
	put_own_text(p, p->document->title, 22, true, INK);
	put_own_text(p, p->document->subtitle, 10, false, GREY);
	put_rule(p, p->y + 6, 2.5, ACCENT);
	p->y += 20;
}

/* Sets all pages. bytes NULL: only counts them. */
static int set_pages(const struct nr_document *d, PangoContext *text, unsigned total, struct bytes *bytes,
	unsigned *ret_pages, unsigned *ret_unknown, struct nr_error *error)
{
	struct pages p = {.document = d, .text = text, .total = total};
	p.surface = cairo_pdf_surface_create_for_stream(
		bytes ? take_bytes : take_nothing, bytes, PAGE_WIDTH, PAGE_HEIGHT);
	describe(p.surface, d);
	p.cr = cairo_create(p.surface);
	pango_cairo_update_context(p.cr, text);
	begin_page(&p);
	put_title(&p);
	for (size_t i = 0; i < d->count; i++)
		put_block(&p, &d->blocks[i]);
	cairo_show_page(p.cr);
	cairo_destroy(p.cr);
	cairo_surface_finish(p.surface);
	cairo_status_t status = cairo_surface_status(p.surface);
	cairo_surface_destroy(p.surface);
	*ret_pages = p.number;
	*ret_unknown = p.unknown;
	return status == CAIRO_STATUS_SUCCESS
		       ? 0
		       : nr_fail(error, -EIO, "PDF: %s", cairo_status_to_string(status));
}

static int set_twice(
	const struct nr_document *d, PangoContext *text, struct bytes *bytes, struct nr_error *error)
{
	unsigned pages, unknown;
	int e = set_pages(d, text, 0, NULL, &pages, &unknown, error);
	if (!e && unknown)
		e = nr_fail(error, -ENOENT,
			"PDF: no font here has %u of its characters; install a Japanese font (Debian: "
			"fonts-noto-cjk)",
			unknown);
	return e ? e : set_pages(d, text, pages, bytes, &pages, &unknown, error);
}

int nr_document_write_pdf(
	const struct nr_document *d, uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error)
{
	struct bytes bytes = {0};
	if (d->failed)
		return nr_fail(error, -ENOMEM, "document: out of memory");
	PangoFontMap *fonts = pango_cairo_font_map_new();
	PangoContext *text = pango_font_map_create_context(fonts);
	int e = set_twice(d, text, &bytes, error);
	g_object_unref(text);
	g_object_unref(fonts);
	nr_pdf_release_fonts();
	if (!e)
		e = nr_pdf_set_language(&bytes.data, &bytes.length, d->japanese ? "ja" : "en", error);
	if (e) {
		free(bytes.data);
		return e;
	}
	*ret_bytes = bytes.data;
	*ret_length = bytes.length;
	return 0;
}
