/* SPDX-License-Identifier: Apache-2.0 */
/* NetFlow v5, v9 and IPFIX messages; records by the last template that the message itself brought. */
#include "wire/netflow.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_values(
	const struct nr_template *template, const struct nr_value *values, const uint8_t *data, size_t size)
{
	for (unsigned i = 0; i < template->count; i++) {
		assert(values[i].bytes >= data && values[i].bytes + values[i].length <= data + size);
		(void)nr_value_uint(&values[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nr_template template, newest;
	struct nr_value values[NR_TEMPLATE_FIELDS];
	struct nr_export_header header;
	struct nr_cursor body;
	struct nr_export_set set;
	struct nr_error error;
	newest.count = 0;
	if (nr_export_open(data, size, &header, &body, &error) != 0)
		return 0;
	assert(header.length <= size && body.end <= data + header.length);
	while (header.version != 5 && nr_export_next_set(&header, &body, &set)) {
		bool templates = nr_set_is_template(&header, set.id) || nr_set_is_options(&header, set.id);
		while (templates && nr_template_next(&header, &set, &template)) {
			assert(template.count <= NR_TEMPLATE_FIELDS && template.scopes <= template.count);
			assert(template.withdrawal || template.minimum > 0);
			newest = template;
		}
		while (!templates && newest.count && nr_record_next(&newest, &set.body, values))
			check_values(&newest, values, data, size);
	}
	return 0;
}
