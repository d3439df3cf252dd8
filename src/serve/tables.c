/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/tables.h"

#include <assert.h>

#include "sense/flow/c2_tables.h"
#include "sense/flow/traffic.h"
#include "sense/telescope/tables.h"

size_t nr_serve_tables(const struct nr_table *ret_tables[static NR_SERVE_TABLES])
{
	size_t count = 0;
	assert(nr_telescope_table_count + nr_flow_table_count + nr_flow_c2_table_count <= NR_SERVE_TABLES);
	for (size_t i = 0; i < nr_telescope_table_count; i++)
		ret_tables[count++] = nr_telescope_tables[i];
	for (size_t i = 0; i < nr_flow_table_count; i++)
		ret_tables[count++] = nr_flow_tables[i];
	for (size_t i = 0; i < nr_flow_c2_table_count; i++)
		ret_tables[count++] = nr_flow_c2_tables[i];
	return count;
}
