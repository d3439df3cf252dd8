/* SPDX-License-Identifier: Apache-2.0 */
#include "base/document_picture.h"

#include <math.h>
#include <string.h>

#define LEFT        56.0 /* room for the numbers at the axis */
#define RIGHT       4.0
#define TOP         14.0
#define PLOT        130.0
#define AXIS_TEXT   12.0
#define LEGEND_LINE 14.0
#define GRID        0xd9dee6
#define INK         0x333c49
#define RING_HEIGHT 190.0
#define RING_OUTER  86.0
#define RING_INNER  50.0
#define RING_LINE   17.0
#define STEPS_MAX   5
#define LEGEND_ROW  3 /* names in a row */

static size_t legend_rows(const struct nr_block *c)
{
	return (c->series_count + LEGEND_ROW - 1) / LEGEND_ROW;
}

double nr_picture_height(const struct nr_block *c)
{
	if (c->chart == NR_CHART_RING)
		return NR_MAX(RING_HEIGHT, RING_LINE * (double)c->label_count + 8);
	return TOP + PLOT + AXIS_TEXT + 6 + LEGEND_LINE * (double)legend_rows(c);
}

void nr_picture_describe(const struct nr_block *c, char *text, size_t room)
{
	int at = snprintf(text, room, "%s", c->text);
	for (size_t i = 0; i < c->label_count && i < 12 && c->series_count && at > 0 && (size_t)at < room;
		i++)
		if (isfinite(c->series[0].values[i]))
			at += snprintf(text + at, room - (size_t)at, "%s %s: %.0f", i ? "," : ".",
				c->labels[i], c->series[0].values[i]);
}

/* 1, 2 or 5 times a power of ten, so that the axis has few steps. */
static double step_of(double highest)
{
	double step = pow(10, floor(log10(NR_MAX(highest, 1))));
	static const double finer[] = {0.1, 0.2, 0.5, 1, 2, 5};
	for (size_t i = 0; i < NR_COUNT(finer); i++)
		if (highest / (step * finer[i]) <= STEPS_MAX)
			return NR_MAX(step * finer[i], 1);
	return step * 10;
}

static double value_at(const struct nr_block *c, size_t label)
{
	double sum = 0;
	for (size_t s = 0; s < c->series_count; s++) {
		double v = c->series[s].values[label];
		if (!isfinite(v))
			continue;
		sum = c->chart == NR_CHART_BARS ? sum + v : NR_MAX(sum, v);
	}
	return sum;
}

static const char *axis_text(double value, char text[static 32])
{
	static const struct {
		double size;
		const char *letter;
	} units[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
	for (size_t i = 0; i < NR_COUNT(units); i++)
		if (value >= units[i].size) {
			snprintf(text, 32, "%g %s", value / units[i].size, units[i].letter);
			return text;
		}
	snprintf(text, 32, "%g", value);
	return text;
}

/* The grid; answers the value at the top. */
static double draw_axis(const struct nr_block *c, const struct nr_pen *pen)
{
	double highest = 0;
	for (size_t i = 0; i < c->label_count; i++)
		highest = NR_MAX(highest, value_at(c, i));
	double step = step_of(highest), top = NR_MAX(ceil(highest / step), 1) * step;
	for (double v = 0; v <= top + step / 2; v += step) {
		char text[32];
		double y = TOP + PLOT * (1 - v / top);
		const double xs[] = {LEFT, NR_PICTURE_WIDTH - RIGHT}, ys[] = {y, y};
		pen->line(pen->context, xs, ys, 2, 0.5, v == 0 ? INK : GRID);
		pen->text(pen->context, LEFT - 5, y + 3, NR_ANCHOR_END, false, axis_text(v, text));
	}
	pen->text(pen->context, LEFT, TOP - 5, NR_ANCHOR_START, false, c->unit);
	return top;
}

/* Empty labels are left out: who fills the chart says which of many are worth a text. */
static void draw_labels(const struct nr_block *c, const struct nr_pen *pen, double width)
{
	for (size_t i = 0; i < c->label_count; i++)
		if (*c->labels[i])
			pen->text(pen->context, LEFT + width * ((double)i + 0.5), TOP + PLOT + AXIS_TEXT,
				NR_ANCHOR_MIDDLE, false, c->labels[i]);
}

static void draw_legend(const struct nr_block *c, const struct nr_pen *pen)
{
	double column = (NR_PICTURE_WIDTH - LEFT - RIGHT) / LEGEND_ROW;
	for (size_t s = 0; s < c->series_count; s++) {
		double x = LEFT + column * (double)(s % LEGEND_ROW);
		double y = TOP + PLOT + AXIS_TEXT + LEGEND_LINE * (double)(s / LEGEND_ROW + 1);
		pen->rectangle(pen->context, x, y - 7, 9, 8, c->series[s].colour);
		pen->text(pen->context, x + 13, y, NR_ANCHOR_START, false, c->series[s].name);
	}
}

static void draw_bars(const struct nr_block *c, const struct nr_pen *pen)
{
	double top = draw_axis(c, pen), width = (NR_PICTURE_WIDTH - LEFT - RIGHT) / (double)c->label_count;
	for (size_t i = 0; i < c->label_count; i++) {
		double y = TOP + PLOT;
		for (size_t s = 0; s < c->series_count; s++) {
			double v = c->series[s].values[i], height = isfinite(v) ? PLOT * v / top : 0;
			if (height <= 0)
				continue;
			y -= height;
			pen->rectangle(pen->context, LEFT + width * ((double)i + 0.18), y, width * 0.64,
				height, c->series[s].colour);
		}
	}
	draw_labels(c, pen, width);
	draw_legend(c, pen);
}

static void draw_lines(const struct nr_block *c, const struct nr_pen *pen)
{
	double top = draw_axis(c, pen), width = (NR_PICTURE_WIDTH - LEFT - RIGHT) / (double)c->label_count;
	double *xs = malloc(2 * c->label_count * sizeof *xs), *ys = xs + c->label_count;
	for (size_t s = 0; xs && s < c->series_count; s++) {
		for (size_t i = 0; i < c->label_count; i++) {
			double v = c->series[s].values[i];
			xs[i] = LEFT + width * ((double)i + 0.5);
			ys[i] = isfinite(v) ? TOP + PLOT * (1 - v / top) : NAN;
			bool alone = isfinite(v) && (i == 0 || !isfinite(ys[i - 1])) &&
				     (i + 1 == c->label_count || !isfinite(c->series[s].values[i + 1]));
			if (alone) /* a line of one point would not be seen */
				pen->rectangle(pen->context, xs[i] - 1, ys[i] - 1, 2, 2, c->series[s].colour);
		}
		pen->line(pen->context, xs, ys, c->label_count, 1.2, c->series[s].colour);
	}
	free(xs);
	draw_labels(c, pen, width);
	draw_legend(c, pen);
}

static void draw_ring(const struct nr_block *c, const struct nr_pen *pen)
{
	const double *values = c->series[0].values, x = RING_OUTER + 20, y = nr_picture_height(c) / 2;
	double total = 0, done = 0;
	for (size_t i = 0; i < c->label_count; i++)
		total += values[i];
	double line = y - RING_LINE * (double)c->label_count / 2 + RING_LINE * 0.7;
	for (size_t i = 0; i < c->label_count; i++, line += RING_LINE) {
		char number[32], share[32];
		double from = total > 0 ? done / total : 0, to = total > 0 ? (done + values[i]) / total : 0;
		done += values[i];
		if (to > from)
			pen->sector(
				pen->context, x, y, RING_INNER, RING_OUTER, from, to, c->label_colours[i]);
		pen->rectangle(pen->context, 230, line - 8, 9, 9, c->label_colours[i]);
		pen->text(pen->context, 245, line, NR_ANCHOR_START, false, c->labels[i]);
		pen->text(pen->context, 405, line, NR_ANCHOR_END, true,
			nr_document_share(values[i], total, share));
		pen->text(pen->context, NR_PICTURE_WIDTH, line, NR_ANCHOR_END, false,
			nr_document_number((uint64_t)values[i], number));
	}
	pen->text(pen->context, x, y + 3, NR_ANCHOR_MIDDLE, true, c->unit);
}

void nr_picture_draw(const struct nr_block *c, const struct nr_pen *pen)
{
	if (!c->label_count || !c->series_count)
		return;
	if (c->chart == NR_CHART_BARS)
		draw_bars(c, pen);
	else if (c->chart == NR_CHART_LINES)
		draw_lines(c, pen);
	else
		draw_ring(c, pen);
}
