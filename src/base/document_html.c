/* SPDX-License-Identifier: Apache-2.0 */
/* One HTML file: no script, nothing loaded from elsewhere (a policy in its head says so), pictures as SVG. */
#include "base/document_picture.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const char style[] =
	"@page{size:A4;margin:18mm 16mm}"
	":root{color-scheme:light}"
	"body{font:15px/1.65 \"Noto Sans\",\"Noto Sans JP\",\"Noto Sans CJK JP\",\"Hiragino Sans\",\"Yu "
	"Gothic\","
	"system-ui,sans-serif;color:#222a35;background:#fff;margin:0 auto;padding:2rem 1.25rem 4rem;"
	"max-width:50rem}"
	"header{border-bottom:3px solid #2b6cb0;margin-bottom:1.5rem;padding-bottom:.75rem}"
	"h1{font-size:1.9rem;line-height:1.25;margin:0}header p{margin:.4rem 0 0;color:#5a6675}"
	"h2{font-size:1.35rem;margin:2.4rem 0 .6rem;padding-bottom:.2rem;border-bottom:1px solid #d9dee6;"
	"break-after:avoid}"
	"h3{font-size:1.08rem;margin:1.6rem 0 .4rem;break-after:avoid}"
	"p{margin:.6rem 0}.note{font-size:.84rem;color:#5a6675;line-height:1.5}"
	"dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.75rem;margin:1rem 0}"
	"dl div{border:1px solid #d9dee6;border-radius:6px;padding:.6rem .8rem;break-inside:avoid;"
	"display:flex;flex-direction:column-reverse;justify-content:flex-end}"
	"dt{font-size:.8rem;color:#5a6675;line-height:1.35}dd{margin:0;font-size:1.3rem;font-weight:600;"
	"line-height:1.3}"
	".wide{overflow-x:auto;margin:1rem 0}"
	"table{border-collapse:collapse;width:100%;font-size:.86rem;line-height:1.4;"
	"font-variant-numeric:tabular-nums}"
	"caption{text-align:left;font-weight:600;padding:.3rem 0;caption-side:top}"
	"th{text-align:left;background:#f1f4f8;border-bottom:2px solid #b9c2cf;padding:.35rem .5rem;"
	"vertical-align:bottom}"
	"td{border-bottom:1px solid #e6eaf0;padding:.28rem .5rem;vertical-align:top;overflow-wrap:anywhere}"
	".n{text-align:right;white-space:nowrap}tr{break-inside:avoid}thead{display:table-header-group}"
	"figure{margin:1.2rem 0;break-inside:avoid}figcaption{font-weight:600;font-size:.92rem;"
	"margin-bottom:.4rem}"
	"svg{width:100%;height:auto;display:block}svg text{font:8px \"Noto Sans\",\"Noto Sans CJK JP\","
	"\"Hiragino Sans\",system-ui,sans-serif;fill:#333c49}"
	"footer{margin-top:3rem;border-top:1px solid #d9dee6;padding-top:.5rem;font-size:.8rem;color:#5a6675}"
	"@media print{body{font-size:10pt;padding:0;max-width:none}.wide{overflow:visible}}";

static void put_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		const char *escaped = *text == '&'   ? "&amp;"
				      : *text == '<' ? "&lt;"
				      : *text == '>' ? "&gt;"
				      : *text == '"' ? "&quot;"
						     : NULL;
		bool control = (unsigned char)*text < ' ' && *text != '\n' && *text != '\t';
		if (escaped)
			fputs(escaped, out);
		else
			fputc(control ? '?' : *text, out);
	}
}

static void put_element(FILE *out, const char *open, const char *text, const char *close)
{
	fputs(open, out);
	put_text(out, text);
	fputs(close, out);
}

/* ---- pictures ---- */

static void svg_rectangle(void *context, double x, double y, double width, double height, uint32_t colour)
{
	fprintf(context, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"#%06x\"/>\n", x,
		y, width, height, colour);
}

static void svg_line(
	void *context, const double *x, const double *y, size_t count, double width, uint32_t colour)
{
	bool down = false;
	fprintf(context, "<path fill=\"none\" stroke=\"#%06x\" stroke-width=\"%.2f\" d=\"", colour, width);
	for (size_t i = 0; i < count; i++) {
		if (isfinite(y[i]))
			fprintf(context, "%c%.2f %.2f", down ? 'L' : 'M', x[i], y[i]);
		down = isfinite(y[i]);
	}
	fprintf(context, "\"/>\n");
}

static void svg_sector(void *context, double x, double y, double inner, double outer, double from, double to,
	uint32_t colour)
{
	/* a whole turn has no end to draw to: it stops a little earlier */
	double a = 2 * M_PI * from, b = 2 * M_PI * NR_MIN(to, from + 0.9999);
	int large = b - a > M_PI;
	fprintf(context,
		"<path fill=\"#%06x\" stroke=\"#fff\" d=\"M%.2f %.2fA%.2f %.2f 0 %d 1 %.2f %.2fL%.2f "
		"%.2fA%.2f %.2f 0 "
		"%d 0 %.2f %.2fZ\"/>\n",
		colour, x + outer * sin(a), y - outer * cos(a), outer, outer, large, x + outer * sin(b),
		y - outer * cos(b), x + inner * sin(b), y - inner * cos(b), inner, inner, large,
		x + inner * sin(a), y - inner * cos(a));
}

static void svg_text(void *context, double x, double y, enum nr_anchor anchor, bool bold, const char *text)
{
	static const char *const anchors[] = {"start", "middle", "end"};
	fprintf(context, "<text x=\"%.2f\" y=\"%.2f\" text-anchor=\"%s\"%s>", x, y, anchors[anchor],
		bold ? " font-weight=\"700\"" : "");
	put_text(context, text);
	fprintf(context, "</text>\n");
}

static void put_chart(FILE *out, const struct nr_block *b)
{
	const struct nr_pen pen = {out, svg_rectangle, svg_line, svg_sector, svg_text};
	char words[1024];
	nr_picture_describe(b, words, sizeof words);
	put_element(out, "<figure>\n<figcaption>", b->text, "</figcaption>\n");
	fprintf(out, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", NR_PICTURE_WIDTH,
		nr_picture_height(b));
	put_text(out, words);
	fputs("\">\n", out);
	nr_picture_draw(b, &pen);
	fputs("</svg>\n</figure>\n", out);
}

/* ---- blocks ---- */

static void put_table(FILE *out, const struct nr_block *b)
{
	fputs("<div class=\"wide\"><table>\n", out);
	if (*b->text)
		put_element(out, "<caption>", b->text, "</caption>\n");
	fputs("<thead><tr>", out);
	for (size_t i = 0; i < b->column_count; i++)
		put_element(out, b->number[i] ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">",
			b->cells[i], "</th>");
	fputs("</tr></thead>\n<tbody>\n", out);
	for (size_t r = 1; r <= b->row_count; r++) {
		fputs("<tr>", out);
		for (size_t i = 0; i < b->column_count; i++)
			put_element(out, b->number[i] ? "<td class=\"n\">" : "<td>",
				b->cells[r * b->column_count + i], "</td>");
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table></div>\n", out);
}

static void put_figures(FILE *out, const struct nr_block *b)
{
	fputs("<dl>\n", out);
	for (size_t r = 1; r <= b->row_count; r++) {
		put_element(out, "<div><dt>", b->cells[2 * r + 1], "</dt>");
		put_element(out, "<dd>", b->cells[2 * r], "</dd></div>\n");
	}
	fputs("</dl>\n", out);
}

static void put_block(FILE *out, const struct nr_block *b)
{
	switch (b->kind) {
	case NR_BLOCK_HEADING:
		put_element(
			out, b->level == 1 ? "<h2>" : "<h3>", b->text, b->level == 1 ? "</h2>\n" : "</h3>\n");
		break;
	case NR_BLOCK_PARAGRAPH:
		put_element(out, "<p>", b->text, "</p>\n");
		break;
	case NR_BLOCK_NOTE:
		put_element(out, "<p class=\"note\">", b->text, "</p>\n");
		break;
	case NR_BLOCK_FIGURES:
		put_figures(out, b);
		break;
	case NR_BLOCK_TABLE:
		put_table(out, b);
		break;
	case NR_BLOCK_CHART:
		put_chart(out, b);
		break;
	}
}

int nr_document_write_html(
	const struct nr_document *d, char **ret_bytes, size_t *ret_length, struct nr_error *error)
{
	char *bytes = NULL;
	size_t length = 0;
	FILE *out = d->failed ? NULL : open_memstream(&bytes, &length);
	if (!out)
		return nr_fail(error, -ENOMEM, "document: out of memory");
	fprintf(out, "<!doctype html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n",
		d->japanese ? "ja" : "en");
	fputs("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
	      "'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width, "
	      "initial-scale=1\">\n",
		out);
	put_element(out, "<title>", d->title, "</title>\n");
	fprintf(out, "<style>%s</style>\n</head>\n<body>\n", style);
	put_element(out, "<header>\n<h1>", d->title, "</h1>\n");
	put_element(out, "<p>", d->subtitle, "</p>\n</header>\n<main>\n");
	for (size_t i = 0; i < d->count; i++)
		put_block(out, &d->blocks[i]);
	put_element(out, "</main>\n<footer>", d->footer, "</footer>\n</body>\n</html>\n");
	if (fclose(out) != 0) {
		free(bytes);
		return nr_fail(error, -ENOMEM, "document: out of memory");
	}
	*ret_bytes = bytes;
	*ret_length = length;
	return 0;
}
