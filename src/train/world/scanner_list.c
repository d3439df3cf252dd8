/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/darknet.h"

static const char *const matching[] = {"ip-src", "ip-dst", "domain|ip"};

int nr_scanner_list_write(const char *path, const struct nr_prefix *listed, struct nr_error *error)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	char text[NR_ADDRESS_TEXT];
	nr_json_init(&json);
	json.pretty = true;
	nr_json_object(&json, NULL);
	nr_json_text(&json, "name", NR_LIST_NAME);
	nr_json_text(&json, "description",
		"Research scanners of a synthetic world, as their owners would publish them");
	nr_json_uint(&json, "version", 1);
	nr_json_text(&json, "type", "cidr");
	nr_json_array(&json, "matching_attributes");
	for (size_t i = 0; i < NR_COUNT(matching); i++)
		nr_json_text(&json, NULL, matching[i]);
	nr_json_array_end(&json);
	nr_json_array(&json, "list");
	if (listed->length)
		nr_json_text(&json, NULL, nr_prefix_write(listed, text));
	nr_json_array_end(&json);
	nr_json_object_end(&json);
	return nr_darknet_write_json(path, &json, error);
}
