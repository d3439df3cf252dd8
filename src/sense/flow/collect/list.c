/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured data (RFC 6313): lists of one element, of records of one template, of records of several. They
 * are walked within bounds; what they hold fills NR_FLOW_LIST_COLUMNS of the row where nothing else did.
 */
#include "sense/flow/collect/state.h"

#define DEPTH    4    /* lists in lists */
#define ELEMENTS 1024 /* of all lists of one record */

struct walk {
	const struct nr_flow_exporter *exporter;
	struct nr_flow_run *run;
	uint32_t row;
	unsigned elements;
};

static bool walk_list(struct walk *walk, uint16_t kind, const struct nr_value *value, unsigned depth);

/* IE 291 to 293. */
static bool is_list(uint32_t enterprise, uint16_t id)
{
	return enterprise == 0 && id >= 291 && id <= 293;
}
static uint16_t list_kind(uint16_t id)
{
	return (uint16_t)(NR_FLOW_PART_BASIC_LIST + (id - 291));
}

static bool walk_records(
	struct walk *walk, const struct nr_flow_template *template, struct nr_cursor *c, unsigned depth)
{
	struct nr_value values[NR_TEMPLATE_FIELDS];
	while (nr_flow_template_next(template, c, values)) {
		walk->elements += template->count;
		if (walk->elements > ELEMENTS)
			return false;
		if (template->plan)
			nr_flow_decode_missing(
				walk->run, template->plan, walk->row, values, NR_FLOW_LIST_COLUMNS);
		for (unsigned i = 0; i < template->count; i++) {
			const struct nr_element *field = &template->fields[i];
			if (is_list(field->enterprise, field->id) &&
				!walk_list(walk, list_kind(field->id), &values[i], depth + 1))
				return false;
		}
	}
	return !c->failed;
}

/* Records of a template that is not known are passed by. */
static bool walk_template(struct walk *walk, uint16_t id, struct nr_cursor *c, unsigned depth)
{
	const struct nr_flow_template *template =
		nr_flow_templates_find(&walk->exporter->templates, id, UINT32_MAX);
	return !template || template->options || walk_records(walk, template, c, depth);
}

/* All of one element: a template of one field. */
static bool walk_basic(struct walk *walk, struct nr_cursor *c, unsigned depth)
{
	struct nr_element field = {.id = nr_cursor_u16(c)};
	field.length = nr_cursor_u16(c);
	if (field.id & 0x8000) {
		field.id &= 0x7fff;
		field.enterprise = nr_cursor_u32(c);
	}
	if (c->failed || field.length == 0)
		return false;
	while (nr_cursor_left(c)) {
		uint16_t length = field.length;
		if (length == NR_ELEMENT_VARIABLE) {
			length = nr_cursor_u8(c);
			length = length < 255 ? length : nr_cursor_u16(c);
		}
		struct nr_value value = {nr_cursor_take(c, length), length};
		if (!value.bytes || ++walk->elements > ELEMENTS)
			return false;
		if (is_list(field.enterprise, field.id) &&
			!walk_list(walk, list_kind(field.id), &value, depth + 1))
			return false;
	}
	return true;
}

/* Each template id with the length of its part, which holds both. */
static bool walk_multi(struct walk *walk, struct nr_cursor *c, unsigned depth)
{
	while (nr_cursor_left(c)) {
		uint16_t id = nr_cursor_u16(c), length = nr_cursor_u16(c);
		if (c->failed || length < 4)
			return false;
		const uint8_t *bytes = nr_cursor_take(c, length - 4u);
		if (!bytes || ++walk->elements > ELEMENTS)
			return false;
		struct nr_cursor records = nr_cursor_over(bytes, length - 4u);
		if (!walk_template(walk, id, &records, depth))
			return false;
	}
	return true;
}

static bool walk_list(struct walk *walk, uint16_t kind, const struct nr_value *value, unsigned depth)
{
	struct nr_cursor c = nr_cursor_over(value->bytes, value->length);
	if (value->length == 0)
		return true;
	if (depth > DEPTH)
		return false;
	nr_cursor_skip(&c, 1); /* semantic */
	if (kind == NR_FLOW_PART_BASIC_LIST)
		return walk_basic(walk, &c, depth);
	if (kind == NR_FLOW_PART_MULTI_LIST)
		return walk_multi(walk, &c, depth);
	uint16_t id = nr_cursor_u16(&c);
	return !c.failed && walk_template(walk, id, &c, depth);
}

bool nr_flow_list_take(const struct nr_flow_exporter *exporter, struct nr_flow_run *run, uint16_t kind,
	uint32_t row, const struct nr_value *value)
{
	struct walk walk = {.exporter = exporter, .run = run, .row = row};
	return walk_list(&walk, kind, value, 1);
}
