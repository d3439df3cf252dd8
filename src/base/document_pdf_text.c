/* SPDX-License-Identifier: Apache-2.0 */
#include "base/document_pdf_text.h"

#include <cairo.h>
#include <fontconfig/fontconfig.h>

#define FAMILIES "Noto Sans CJK JP,Noto Sans,DejaVu Sans,sans-serif"

/* A line may end between any two Japanese characters, but a word in katakana (パケット) is read as one: it is
 * torn only where a line has no room for it. */
static bool is_katakana(gunichar c)
{
	return (c >= 0x30a1 && c <= 0x30fa) || c == 0x30fc;
}

static void keep_words(PangoAttrList *attributes, const char *text)
{
	const char *start = NULL;
	for (const char *at = text;; at = g_utf8_next_char(at)) {
		bool inside = *at && is_katakana(g_utf8_get_char(at));
		if (inside && !start)
			start = at;
		if (!inside && start) {
			PangoAttribute *keep = pango_attr_allow_breaks_new(FALSE);
			keep->start_index = (guint)(start - text);
			keep->end_index = (guint)(at - text);
			pango_attr_list_insert(attributes, keep);
			start = NULL;
		}
		if (!*at)
			return;
	}
}

PangoLayout *nr_pdf_text(
	PangoContext *context, bool japanese, const char *text, double size, bool bold, double width)
{
	PangoLayout *layout = pango_layout_new(context);
	PangoFontDescription *font = pango_font_description_new();
	PangoAttrList *attributes = pango_attr_list_new();
	pango_font_description_set_family_static(font, FAMILIES);
	pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
	pango_font_description_set_weight(font, bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
	pango_layout_set_font_description(layout, font);
	pango_font_description_free(font);
	pango_attr_list_insert(
		attributes, pango_attr_language_new(pango_language_from_string(japanese ? "ja" : "en")));
	if (width > 0)
		keep_words(attributes, text);
	pango_layout_set_attributes(layout, attributes);
	pango_attr_list_unref(attributes);
	if (width > 0) {
		pango_layout_set_width(layout, (int)(width * PANGO_SCALE));
		pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
	}
	pango_layout_set_text(layout, text, -1);
	return layout;
}

double nr_pdf_text_width(PangoLayout *layout)
{
	PangoRectangle logical;
	pango_layout_get_extents(layout, NULL, &logical);
	return (double)logical.width / PANGO_SCALE;
}

double nr_pdf_text_height(PangoLayout *layout)
{
	PangoRectangle logical;
	pango_layout_get_extents(layout, NULL, &logical);
	return (double)logical.height / PANGO_SCALE;
}

void nr_pdf_release_fonts(void)
{
	cairo_debug_reset_static_data();
	FcFini();
}

/* cairo 1.16 loses 768 bytes with each embedded font; the sanitizer is to find ours. */
#if defined(__SANITIZE_ADDRESS__)
#define DOCUMENT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DOCUMENT_ASAN 1
#endif
#endif
#ifdef DOCUMENT_ASAN
const char *__lsan_default_suppressions(void), *__lsan_default_options(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libcairo.so\n";
}
const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}
#endif
