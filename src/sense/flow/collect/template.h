/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates of one domain: bounded, replaced, refreshed, withdrawn; each compiled once into operations on
 * columns (map.h).
 */
#ifndef NR_SENSE_FLOW_COLLECT_TEMPLATE_H
#define NR_SENSE_FLOW_COLLECT_TEMPLATE_H

#include "sense/flow/collect/sampling.h"
#include "wire/netflow.h"

#define NR_FLOW_TEMPLATES       4096              /* of one domain */
#define NR_FLOW_TEMPLATE_MEMORY ((size_t)1 << 20) /* of one domain, bytes */

struct nr_flow_plan;
struct nr_flow_template {
	uint16_t id, count, scopes;
	bool options, variable;
	uint32_t minimum;                /* bytes of the shortest record; without variable fields of each */
	uint32_t since;                  /* export time of this definition, seconds */
	uint32_t refreshed;              /* export time when it was last said */
	uint32_t bytes;                  /* that it takes, with its plan */
	struct nr_flow_template *before; /* the definition that it replaced, for datagrams that were
					    overtaken; NULL: none */
	struct nr_flow_plan *plan;       /* owned; options: NULL */
	struct nr_flow_sampling_plan sampling;
	struct nr_element fields[];
};

struct nr_flow_templates {
	struct nr_flow_template **slots; /* open addressing by id */
	uint32_t room, count;            /* room: 0 or a power of two */
	size_t bytes;
};

struct nr_flow_compiler; /* map.h: what is named, by configuration */

/* Enters or refreshes a definition, said at export time `seconds`. -ENOSPC: bounds; the old definition stays.
 * ret_new: it is not what was known before. sampling: of the same domain. */
int nr_flow_templates_enter(struct nr_flow_templates *templates, struct nr_flow_memory *memory,
	const struct nr_flow_compiler *compiler, struct nr_flow_sampling *sampling,
	const struct nr_template *template, uint32_t seconds, bool *ret_new);
void nr_flow_templates_withdraw(
	struct nr_flow_templates *templates, struct nr_flow_memory *memory, uint16_t id);
void nr_flow_templates_withdraw_all(
	struct nr_flow_templates *templates, struct nr_flow_memory *memory, bool options);
void nr_flow_templates_fini(struct nr_flow_templates *templates, struct nr_flow_memory *memory);

/* What data of that set id, exported at that time, is read by; NULL: not known. */
const struct nr_flow_template *nr_flow_templates_find(
	const struct nr_flow_templates *templates, uint16_t id, uint32_t seconds);

/* As the wire says it, for whoever reads options. */
void nr_flow_template_open(const struct nr_flow_template *template, struct nr_template *ret_template);

/* The next record: one value for each field. */
NR_INLINE bool nr_flow_template_next(
	const struct nr_flow_template *template, struct nr_cursor *body, struct nr_value *ret_values)
{
	return nr_record_read(template->fields, template->count, template->minimum, body, ret_values);
}

#endif
