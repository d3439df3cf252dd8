/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/collect/options.h"

void nr_flow_options_fini(struct nr_flow_options *options, struct nr_flow_memory *memory)
{
	nr_flow_sampling_fini(&options->sampling, memory);
	nr_flow_loss_fini(&options->loss, memory);
	nr_flow_table_fini(&options->interfaces, memory);
}

static void copy_text(char *text, size_t room, const struct nr_value *value)
{
	memset(text, 0, room);
	memcpy(text, value->bytes, NR_MIN(room - 1, (size_t)value->length));
}

/* IE 82 and 83 of an interface: it is the scope, or an element beside a scope "system". */
static void learn_interface(struct nr_flow_table *interfaces, struct nr_flow_memory *memory,
	const struct nr_template *template, const struct nr_value *values)
{
	const struct nr_value *interface = NULL, *name = NULL, *description = NULL;
	for (unsigned i = 0; i < template->count; i++) {
		const struct nr_element *field = &template->fields[i];
		if (field->enterprise == NR_ENTERPRISE_SCOPE && field->id == 2)
			interface = &values[i];
		else if (field->enterprise)
			continue;
		else if (field->id == 10 || field->id == 14 || field->id == 252 || field->id == 253)
			interface = &values[i];
		else if (field->id == 82)
			name = &values[i];
		else if (field->id == 83)
			description = &values[i];
	}
	if (!interface || (!name && !description))
		return;
	struct nr_flow_interface *entry =
		nr_flow_table_add(interfaces, memory, sizeof *entry, 0, nr_value_uint(interface));
	if (entry && name)
		copy_text(entry->name, sizeof entry->name, name);
	if (entry && description)
		copy_text(entry->description, sizeof entry->description, description);
}

void nr_flow_options_learn(struct nr_flow_options *options, struct nr_flow_memory *memory,
	const struct nr_template *template, const struct nr_value *values, uint32_t exported)
{
	nr_flow_sampling_learn(&options->sampling, memory, template, values, exported);
	nr_flow_loss_learn(&options->loss, template, values);
	nr_flow_timers_learn(&options->timers, template, values);
	learn_interface(&options->interfaces, memory, template, values);
}
