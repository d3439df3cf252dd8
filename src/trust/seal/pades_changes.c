/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was added to a PDF behind a seal. Objects are compared by number, as cross-references before and after
 * say, so that it does not matter how the later revisions were written. An object that both have may differ
 * only where a further seal or validation data must be entered; one that is new may not be what something
 * that was sealed already pointed at (a shadow, laid out before the sealing and filled in after it).
 */
#include "trust/seal/pades.h"

#include <errno.h>

struct changes {
	struct nr_pdf_reader *covered, *whole;
	struct nr_judgement *judgement;
	uint32_t form; /* number of the form's object; 0: none */
	bool *known;   /* by number: new, and part of something that may be added; owned */
	size_t added;
};

#define KNOWN_DEPTH_MAX 16

static void blame(struct changes *changes, uint32_t number, const char *en, const char *ja)
{
	char text[32];
	snprintf(text, sizeof text, "%u", number);
	nr_judge_with(changes->judgement, NR_INDETERMINATE, "SIG_CONSTRAINTS_FAILURE", en, ja, text);
}

static bool same_place(const struct nr_pdf_entry *a, const struct nr_pdf_entry *b)
{
	return a->where == b->where && a->place == b->place && a->generation == b->generation;
}

static bool is_new(const struct changes *changes, const struct nr_pdf *reference)
{
	return reference->kind == NR_PDF_REFERENCE &&
	       !nr_pdf_reader_entry(changes->covered, (uint32_t)reference->integer) &&
	       nr_pdf_reader_entry(changes->whole, (uint32_t)reference->integer);
}

/* New objects that a new part leads to belong to it. */
static void know(struct changes *changes, const struct nr_pdf *value, unsigned depth)
{
	struct nr_pdf_object object;
	struct nr_pdf item;
	if (value->kind == NR_PDF_REFERENCE) {
		bool again = !is_new(changes, value) || changes->known[value->integer];
		if (again || depth == KNOWN_DEPTH_MAX ||
			nr_pdf_reader_object(changes->whole, (uint32_t)value->integer, &object, NULL) != 0)
			return;
		changes->known[value->integer] = true;
		know(changes, &object.value, depth + 1);
		return;
	}
	struct nr_cursor c = nr_pdf_inside(value);
	while (nr_pdf_next(&c, &item))
		know(changes, &item, depth);
}

/* ---- further seals ---- */

static bool is_seal(struct changes *changes, const struct nr_pdf *reference)
{
	struct nr_pdf value;
	if (!is_new(changes, reference) ||
		nr_pdf_reader_resolve(changes->whole, reference, &value, NULL) != 0)
		return false;
	struct nr_pdf type = nr_pdf_get(&value, "Type"), range = nr_pdf_get(&value, "ByteRange");
	return range.kind == NR_PDF_ARRAY && (type.kind == NR_PDF_NONE || nr_pdf_name_is(&type, "Sig") ||
						     nr_pdf_name_is(&type, "DocTimeStamp"));
}

/* Nothing that a reader would draw: a rectangle without area, no appearance. */
static bool is_invisible(const struct nr_pdf *field)
{
	struct nr_pdf rectangle = nr_pdf_get(field, "Rect"), side[4];
	struct nr_cursor c = nr_pdf_inside(&rectangle);
	for (int i = 0; i < 4; i++) {
		if (!nr_pdf_next(&c, &side[i]))
			return false;
	}
	return nr_pdf_same(&side[0], &side[2]) && nr_pdf_same(&side[1], &side[3]);
}

/* A new field that holds a new seal, and nothing else. */
static bool is_seal_field(struct changes *changes, const struct nr_pdf *reference)
{
	static const char *const allowed[] = {
		"Type", "Subtype", "FT", "T", "F", "Ff", "Rect", "P", "V", "M", "Lock", "SV"};
	struct nr_pdf_object object;
	struct nr_pdf name, value;
	if (!is_new(changes, reference) ||
		nr_pdf_reader_object(changes->whole, (uint32_t)reference->integer, &object, NULL) != 0 ||
		object.value.kind != NR_PDF_DICTIONARY || object.stream)
		return false;
	struct nr_cursor c = nr_pdf_inside(&object.value);
	while (nr_pdf_next_member(&c, &name, &value)) {
		bool known = false;
		for (size_t i = 0; i < NR_COUNT(allowed); i++)
			known = known || nr_pdf_name_is(&name, allowed[i]);
		if (!known)
			return false;
	}
	struct nr_pdf type = nr_pdf_get(&object.value, "FT"), subtype = nr_pdf_get(&object.value, "Subtype"),
		      seal = nr_pdf_get(&object.value, "V");
	if (!nr_pdf_name_is(&type, "Sig") || !nr_pdf_name_is(&subtype, "Widget") ||
		!is_invisible(&object.value) || !is_seal(changes, &seal))
		return false;
	know(changes, reference, 0);
	return true;
}

/* What a list of fields or annotations holds: objects of their own that are such. */
static bool is_field(struct changes *changes, const struct nr_pdf *item)
{
	struct nr_pdf value, ignored;
	return item->kind == NR_PDF_REFERENCE &&
	       nr_pdf_reader_resolve(changes->covered, item, &value, NULL) == 0 &&
	       (nr_pdf_count(&value, "FT", &ignored) || nr_pdf_count(&value, "Rect", &ignored) ||
		       nr_pdf_count(&value, "T", &ignored));
}

/* The same list with fields of seals behind it. */
static bool is_longer(struct changes *changes, const struct nr_pdf *before, const struct nr_pdf *after)
{
	struct nr_cursor old = nr_pdf_inside(before), now = nr_pdf_inside(after);
	struct nr_pdf item, same;
	if ((before->kind != NR_PDF_ARRAY && before->kind != NR_PDF_NONE) || after->kind != NR_PDF_ARRAY)
		return false;
	while (nr_pdf_next(&old, &item)) {
		if (!nr_pdf_next(&now, &same) || !nr_pdf_same(&item, &same))
			return false;
	}
	while (nr_pdf_next(&now, &item)) {
		if (!is_seal_field(changes, &item))
			return false;
	}
	return !old.failed && !now.failed;
}

/* Either resolved: a list may have become an object of its own, or the other way round. */
static bool list_grew(
	struct changes *changes, const struct nr_pdf *before, const struct nr_pdf *after, const char *name)
{
	struct nr_pdf old, now, reference = nr_pdf_get(after, name);
	if (nr_pdf_reader_member(changes->covered, before, name, &old, NULL) != 0 ||
		nr_pdf_reader_member(changes->whole, after, name, &now, NULL) != 0 ||
		(!is_longer(changes, &old, &now) && !nr_pdf_same(&old, &now)))
		return false;
	if (is_new(changes, &reference))
		changes->known[reference.integer] = true;
	return true;
}

/* ---- dictionaries ---- */

/* Whether two dictionaries have the same members, but for the names given. */
static bool is_same_but(
	const struct nr_pdf *before, const struct nr_pdf *after, const char *const *but, size_t count)
{
	const struct nr_pdf *sides[] = {before, after};
	for (int s = 0; s < 2; s++) {
		struct nr_cursor c = nr_pdf_inside(sides[s]);
		struct nr_pdf name, value;
		while (nr_pdf_next_member(&c, &name, &value)) {
			bool left_out = false, found = false;
			for (size_t i = 0; i < count; i++)
				left_out = left_out || nr_pdf_name_is(&name, but[i]);
			struct nr_cursor other = nr_pdf_inside(sides[1 - s]);
			struct nr_pdf other_name, other_value;
			while (!left_out && !found && nr_pdf_next_member(&other, &other_name, &other_value))
				found = nr_pdf_names_equal(&name, &other_name) &&
					nr_pdf_same(&value, &other_value);
			if (!left_out && !found)
				return false;
		}
		if (c.failed)
			return false;
	}
	return before->kind == NR_PDF_DICTIONARY && after->kind == NR_PDF_DICTIONARY;
}

static bool form_grew(struct changes *changes, const struct nr_pdf *before, const struct nr_pdf *after)
{
	static const char *const names[] = {"Fields", "SigFlags"};
	static const struct nr_pdf empty = {
		.start = (const uint8_t *)"<<>>", .length = 4, .kind = NR_PDF_DICTIONARY};
	const struct nr_pdf *old = before->kind == NR_PDF_NONE ? &empty : before;
	return is_same_but(old, after, names, NR_COUNT(names)) && list_grew(changes, old, after, "Fields");
}

static bool catalog_grew(struct changes *changes, const struct nr_pdf *before, const struct nr_pdf *after)
{
	static const char *const names[] = {"AcroForm", "DSS", "Extensions"};
	struct nr_pdf old, now;
	if (!is_same_but(before, after, names, NR_COUNT(names)) ||
		nr_pdf_reader_member(changes->covered, before, "AcroForm", &old, NULL) != 0 ||
		nr_pdf_reader_member(changes->whole, after, "AcroForm", &now, NULL) != 0)
		return false;
	struct nr_pdf validation = nr_pdf_get(after, "DSS"), form = nr_pdf_get(after, "AcroForm");
	know(changes, &validation, 0);
	if (is_new(changes, &form))
		changes->known[form.integer] = true; /* its fields are looked at below */
	return (old.kind == NR_PDF_NONE && now.kind == NR_PDF_NONE) || form_grew(changes, &old, &now);
}

static bool page_grew(struct changes *changes, const struct nr_pdf *before, const struct nr_pdf *after)
{
	static const char *const names[] = {"Annots"};
	struct nr_pdf type = nr_pdf_get(before, "Type");
	return nr_pdf_name_is(&type, "Page") && is_same_but(before, after, names, NR_COUNT(names)) &&
	       list_grew(changes, before, after, "Annots");
}

/* A field for a signature that was empty when it was sealed. */
static bool field_was_filled(struct changes *changes, const struct nr_pdf *before, const struct nr_pdf *after)
{
	static const char *const names[] = {"V"};
	struct nr_pdf type = nr_pdf_get(before, "FT"), old, now = nr_pdf_get(after, "V");
	if (!nr_pdf_name_is(&type, "Sig") || nr_pdf_count(before, "V", &old) != 0 ||
		!is_same_but(before, after, names, NR_COUNT(names)) || !is_seal(changes, &now))
		return false;
	know(changes, &now, 0);
	return true;
}

/* A list of fields or annotations that is an object of its own. */
static bool array_grew(struct changes *changes, const struct nr_pdf *before, const struct nr_pdf *after)
{
	struct nr_cursor c = nr_pdf_inside(before);
	struct nr_pdf item;
	while (nr_pdf_next(&c, &item)) {
		if (!is_field(changes, &item))
			return false;
	}
	return before->kind == NR_PDF_ARRAY && is_longer(changes, before, after);
}

static bool is_allowed(struct changes *changes, uint32_t number)
{
	struct nr_pdf_object before, after;
	struct nr_pdf root = nr_pdf_get(&changes->covered->trailer, "Root"), catalog;
	if (!nr_pdf_reader_entry(changes->whole, number) ||
		nr_pdf_reader_object(changes->covered, number, &before, NULL) != 0 ||
		nr_pdf_reader_object(changes->whole, number, &after, NULL) != 0 || before.stream ||
		after.stream)
		return false;
	if (number == root.integer)
		return catalog_grew(changes, &before.value, &after.value);
	if (number == changes->form)
		return form_grew(changes, &before.value, &after.value);
	if (nr_pdf_reader_resolve(changes->covered, &root, &catalog, NULL) == 0) {
		struct nr_pdf dss = nr_pdf_get(&catalog, "DSS");
		if (dss.kind == NR_PDF_REFERENCE && dss.integer == number) {
			know(changes, &after.value, 0);
			return true;
		}
	}
	return nr_pdf_same(&before.value, &after.value) || page_grew(changes, &before.value, &after.value) ||
	       field_was_filled(changes, &before.value, &after.value) ||
	       array_grew(changes, &before.value, &after.value);
}

/* ---- shadows ---- */

/* The first reference to an object that is new; 0: none. */
static uint32_t find_shadow(const struct changes *changes, const struct nr_pdf *value)
{
	if (value->kind == NR_PDF_REFERENCE)
		return is_new(changes, value) ? (uint32_t)value->integer : 0;
	struct nr_cursor c = nr_pdf_inside(value);
	struct nr_pdf item;
	uint32_t found = 0;
	while (!found && nr_pdf_next(&c, &item))
		found = find_shadow(changes, &item);
	return found;
}

static void check_shadows(struct changes *changes)
{
	for (uint32_t number = 0; number < changes->covered->count; number++) {
		struct nr_pdf_object object;
		if (!nr_pdf_reader_entry(changes->covered, number))
			continue;
		if (nr_pdf_reader_object(changes->covered, number, &object, NULL) != 0)
			continue; /* what no reader finds nobody draws */
		uint32_t shadow = find_shadow(changes, &object.value);
		if (!shadow)
			continue;
		blame(changes, shadow,
			"object %s came after the seal, and what was sealed pointed at it already: its "
			"content could "
			"be exchanged",
			"オブジェクト%"
			"sはシールの後に追加され、シール済みの部分から参照されています。内容を差し替えられま"
			"す");
		return;
	}
}

/* ---- all of it ---- */

static void find_form(struct changes *changes)
{
	struct nr_pdf root = nr_pdf_get(&changes->covered->trailer, "Root"), catalog;
	if (nr_pdf_reader_resolve(changes->covered, &root, &catalog, NULL) != 0)
		return;
	struct nr_pdf form = nr_pdf_get(&catalog, "AcroForm");
	changes->form = form.kind == NR_PDF_REFERENCE ? (uint32_t)form.integer : 0;
}

/* A new object must be part of a seal or of validation data, or hold objects or cross-references. */
static bool is_known(struct changes *changes, uint32_t number)
{
	struct nr_pdf_object object;
	if (changes->known[number])
		return true;
	if (nr_pdf_reader_object(changes->whole, number, &object, NULL) != 0 || !object.stream)
		return false;
	struct nr_pdf type = nr_pdf_get(&object.value, "Type");
	return nr_pdf_name_is(&type, "XRef") || nr_pdf_name_is(&type, "ObjStm");
}

static void check_old_objects(struct changes *changes)
{
	for (uint32_t number = 1; number < changes->covered->count; number++) {
		const struct nr_pdf_entry *old = nr_pdf_reader_entry(changes->covered, number),
					  *now = nr_pdf_reader_entry(changes->whole, number);
		if (!old || (now && same_place(old, now)) || is_allowed(changes, number))
			continue;
		blame(changes, number,
			"object %s was changed or removed after the seal: more than a further seal or "
			"validation data",
			"オブジェクト%"
			"sがシールの後に変更または削除されています（追加のシールや検証情報ではありません）");
		return;
	}
}

static void check_new_objects(struct changes *changes)
{
	bool blamed = false;
	for (uint32_t number = 1; number < changes->whole->count; number++) {
		if (nr_pdf_reader_entry(changes->covered, number) ||
			!nr_pdf_reader_entry(changes->whole, number))
			continue;
		changes->added++;
		if (blamed || is_known(changes, number))
			continue;
		blamed = true;
		blame(changes, number,
			"object %s was added after the seal, and is part neither of a further seal nor of "
			"validation "
			"data",
			"オブジェクト%"
			"sがシールの後に追加されています（追加のシールや検証情報ではありません）");
	}
}

int nr_pades_judge_changes(struct nr_pdf_reader *covered, struct nr_pdf_reader *whole,
	struct nr_judgement *judgement, size_t *ret_added, struct nr_error *error)
{
	struct changes changes = {.covered = covered, .whole = whole, .judgement = judgement};
	struct nr_pdf before = nr_pdf_get(&covered->trailer, "Root"),
		      after = nr_pdf_get(&whole->trailer, "Root");
	changes.known = calloc(whole->count, sizeof *changes.known);
	if (!changes.known)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (before.integer != after.integer || before.generation != after.generation)
		blame(&changes, (uint32_t)after.integer, "a later revision has another catalog: object %s",
			"後の版でカタログが別のオブジェクト（%s）に替わっています");
	find_form(&changes);
	check_old_objects(&changes);
	check_new_objects(&changes);
	if (changes.added)
		check_shadows(&changes);
	free(changes.known);
	*ret_added = changes.added;
	return 0;
}
