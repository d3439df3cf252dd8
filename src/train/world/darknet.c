/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/darknet.h"

#include "base/file.h"

#include <errno.h>
#include <string.h>

static uint64_t prefix_addresses(const struct nr_prefix *p)
{
	return UINT64_C(1) << (128 - p->length);
}

static int overlap(const struct nr_prefixes *list, size_t i, struct nr_error *error)
{
	for (size_t k = 0; k < i; k++) {
		const struct nr_prefix *a = &list->items[k], *b = &list->items[i];
		if (!nr_prefix_contains(a, &b->address) && !nr_prefix_contains(b, &a->address))
			continue;
		char one[NR_ADDRESS_TEXT], other[NR_ADDRESS_TEXT];
		return nr_fail(error, -EINVAL, "--dark: %s and %s overlap; give each range once",
			nr_prefix_write(a, one), nr_prefix_write(b, other));
	}
	return 0;
}

int nr_dark_init(struct nr_dark *dark, const struct nr_prefixes *prefixes, struct nr_error *error)
{
	*dark = (struct nr_dark){0};
	for (size_t i = 0; i < prefixes->count; i++) {
		const struct nr_prefix *p = &prefixes->items[i];
		int rc = overlap(prefixes, i, error);
		if (rc)
			return rc;
		if (!nr_address_is_ipv4(&p->address) || p->length < 96) {
			dark->ipv6 = dark->has_ipv6 ? dark->ipv6 : *p;
			dark->has_ipv6 = true;
			continue;
		}
		if (dark->count == NR_DARK_MAX)
			return nr_fail(
				error, -EINVAL, "--dark: more than %d IPv4 ranges; give fewer", NR_DARK_MAX);
		dark->base[dark->count] = nr_address_ipv4(&p->address);
		dark->before[dark->count + 1] = dark->before[dark->count] + prefix_addresses(p);
		dark->count++;
	}
	if (!dark->count)
		return nr_fail(
			error, -EINVAL, "--dark: no IPv4 range; give one, for example --dark 198.18.0.0/18");
	return 0;
}

static void write_prefixes(struct nr_json *json, const char *key, const struct nr_prefixes *list)
{
	char text[NR_ADDRESS_TEXT];
	nr_json_array(json, key);
	for (size_t i = 0; i < list->count; i++)
		nr_json_text(json, NULL, nr_prefix_write(&list->items[i], text));
	nr_json_array_end(json);
}

void nr_darknet_truth_head(const struct nr_darknet *world, const struct nr_darknet_totals *totals,
	nr_time first, nr_time last, struct nr_json *json)
{
	nr_json_text(json, "world", "darknet");
	nr_json_text(json, "profile", world->conf->profile);
	nr_json_uint(json, "seed", world->conf->seed);
	nr_json_uint(json, "packets", totals->packets);
	nr_json_uint(json, "frames", totals->frames);
	nr_json_uint(json, "bytes", totals->bytes);
	write_prefixes(json, "dark", &world->conf->dark);
	write_prefixes(json, "own", &world->conf->own);
	nr_json_uint(json, "dark_addresses", nr_dark_addresses(&world->dark));
	nr_json_time(json, "first", first);
	nr_json_time(json, "last", last);
	nr_json_object(json, "sources");
	nr_json_uint(json, "count", totals->sources);
	nr_json_object_end(json);
}

int nr_darknet_write_json(const char *path, struct nr_json *json, struct nr_error *error)
{
	NR_AUTO(nr_file_fini) struct nr_file file = {0};
	int rc = nr_json_finish(json, error);
	if (!rc)
		rc = nr_file_create(&file, path, error);
	if (rc)
		return rc;
	fwrite(json->bytes, 1, json->length, file.stream); /* _commit finds a failure */
	fputc('\n', file.stream);
	return nr_file_commit(&file, error);
}
