/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/collect/template.h"
#include "sense/flow/collect/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 8
#define OVERTAKEN  60 /* seconds that a datagram may come late; more is a clock that was set back */

static uint32_t slot_of(const struct nr_flow_templates *templates, uint16_t id)
{
	uint32_t mask = templates->room - 1;
	uint32_t at = (uint32_t)id * UINT32_C(2654435761) >> 16 & mask;
	while (templates->slots[at] && templates->slots[at]->id != id)
		at = (at + 1) & mask;
	return at;
}

static void free_one(
	struct nr_flow_templates *templates, struct nr_flow_memory *memory, struct nr_flow_template *template)
{
	if (!template)
		return;
	templates->bytes -= template->bytes;
	nr_flow_memory_give(memory, template->bytes);
	free(template->plan);
	free(template);
}

static void free_all(
	struct nr_flow_templates *templates, struct nr_flow_memory *memory, struct nr_flow_template *template)
{
	if (template)
		free_one(templates, memory, template->before);
	free_one(templates, memory, template);
}

static bool is_same(const struct nr_flow_template *a, const struct nr_template *b)
{
	return a->options == b->options && a->scopes == b->scopes && a->count == b->count &&
	       !memcmp(a->fields, b->fields, b->count * sizeof *b->fields);
}

/* Does what was exported then belong to the definition before this one? */
static bool is_overtaken(const struct nr_flow_template *template, uint32_t seconds)
{
	return template->before && seconds < template->since && template->since - seconds <= OVERTAKEN &&
	       seconds >= template->before->since;
}

/* At most half of the slots are taken. */
static int grow(struct nr_flow_templates *templates, struct nr_flow_memory *memory)
{
	if (templates->count * 2 < templates->room)
		return 0;
	uint32_t room = templates->room ? templates->room * 2 : FIRST_ROOM;
	size_t more = (room - templates->room) * sizeof(struct nr_flow_template *);
	if (!nr_flow_memory_take(memory, more))
		return -ENOSPC;
	struct nr_flow_template **slots = calloc(room, sizeof(struct nr_flow_template *));
	if (!slots) {
		nr_flow_memory_give(memory, more);
		return -ENOMEM;
	}
	struct nr_flow_templates grown = {slots, room, templates->count, templates->bytes};
	for (uint32_t i = 0; i < templates->room; i++)
		if (templates->slots[i])
			slots[slot_of(&grown, templates->slots[i]->id)] = templates->slots[i];
	free(templates->slots);
	*templates = grown;
	return 0;
}

static int make(struct nr_flow_templates *templates, struct nr_flow_memory *memory,
	const struct nr_flow_compiler *compiler, const struct nr_template *template,
	struct nr_flow_template **ret_template)
{
	struct nr_flow_plan *plan =
		template->options ? NULL : nr_flow_plan_new(compiler, template->fields, template->count);
	size_t fields = template->count * sizeof *template->fields;
	size_t bytes = sizeof(struct nr_flow_template) + fields + (plan ? plan->bytes : 0);
	struct nr_flow_template *made = NULL;
	if ((!plan && !template->options) || templates->bytes + bytes > NR_FLOW_TEMPLATE_MEMORY ||
		!nr_flow_memory_take(memory, bytes) ||
		!(made = calloc(1, sizeof(struct nr_flow_template) + fields))) {
		free(plan);
		return -ENOSPC;
	}
	made->id = template->id;
	made->count = template->count;
	made->scopes = template->scopes;
	made->options = template->options;
	made->variable = template->variable;
	made->minimum = template->minimum;
	made->bytes = (uint32_t)bytes;
	made->plan = plan;
	memcpy(made->fields, template->fields, fields);
	templates->bytes += bytes;
	*ret_template = made;
	return 0;
}

int nr_flow_templates_enter(struct nr_flow_templates *templates, struct nr_flow_memory *memory,
	const struct nr_flow_compiler *compiler, struct nr_flow_sampling *sampling,
	const struct nr_template *template, uint32_t seconds, bool *ret_new)
{
	struct nr_flow_template *made;
	int e = grow(templates, memory);
	if (e)
		return e;
	uint32_t at = slot_of(templates, template->id);
	struct nr_flow_template *old = templates->slots[at];
	*ret_new = false;
	if (old && is_same(old, template)) {
		old->refreshed = seconds;
		old->since = NR_MIN(old->since, seconds);
		return 0;
	}
	if (old && is_overtaken(old, seconds) && is_same(old->before, template))
		return 0;
	if (!old && templates->count == NR_FLOW_TEMPLATES)
		return -ENOSPC;
	e = make(templates, memory, compiler, template, &made);
	if (e)
		return e;
	if (!made->options)
		nr_flow_sampling_plan(sampling, template, &made->sampling);
	made->since = made->refreshed = seconds;
	if (old) { /* the one before it has had its time */
		free_one(templates, memory, old->before);
		old->before = NULL;
		made->before = old;
	} else {
		templates->count++;
	}
	templates->slots[at] = made;
	*ret_new = true;
	return 0;
}

/* Open addressing: what stands behind the gap and belongs before it moves up. */
static void close_gap(struct nr_flow_templates *templates, uint32_t at)
{
	uint32_t mask = templates->room - 1;
	for (uint32_t next = (at + 1) & mask; templates->slots[next]; next = (next + 1) & mask) {
		struct nr_flow_template *moved = templates->slots[next];
		templates->slots[next] = NULL;
		templates->slots[slot_of(templates, moved->id)] = moved;
	}
}

void nr_flow_templates_withdraw(
	struct nr_flow_templates *templates, struct nr_flow_memory *memory, uint16_t id)
{
	if (!templates->room)
		return;
	uint32_t at = slot_of(templates, id);
	if (!templates->slots[at])
		return;
	free_all(templates, memory, templates->slots[at]);
	templates->slots[at] = NULL;
	templates->count--;
	close_gap(templates, at);
}

void nr_flow_templates_withdraw_all(
	struct nr_flow_templates *templates, struct nr_flow_memory *memory, bool options)
{
	for (uint32_t i = 0; i < templates->room;) {
		const struct nr_flow_template *template = templates->slots[i];
		if (template && template->options == options)
			nr_flow_templates_withdraw(
				templates, memory, template->id); /* another may stand here now */
		else
			i++;
	}
}

void nr_flow_templates_fini(struct nr_flow_templates *templates, struct nr_flow_memory *memory)
{
	for (uint32_t i = 0; i < templates->room; i++)
		free_all(templates, memory, templates->slots[i]);
	nr_flow_memory_give(memory, templates->room * sizeof(struct nr_flow_template *));
	free(templates->slots);
	*templates = (struct nr_flow_templates){.slots = NULL};
}

const struct nr_flow_template *nr_flow_templates_find(
	const struct nr_flow_templates *templates, uint16_t id, uint32_t seconds)
{
	if (!templates->room)
		return NULL;
	const struct nr_flow_template *template = templates->slots[slot_of(templates, id)];
	return template && is_overtaken(template, seconds) ? template->before : template;
}

void nr_flow_template_open(const struct nr_flow_template *template, struct nr_template *ret_template)
{
	ret_template->id = template->id;
	ret_template->options = template->options;
	ret_template->withdrawal = false;
	ret_template->variable = template->variable;
	ret_template->scopes = template->scopes;
	ret_template->count = template->count;
	ret_template->minimum = template->minimum;
	memcpy(ret_template->fields, template->fields, template->count * sizeof *template->fields);
}
