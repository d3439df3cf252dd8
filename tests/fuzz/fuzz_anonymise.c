/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewriting of one frame; input as in fuzz_packet.c. What is given away must be decodable, must be of the
 * right size, and its addresses must be the new ones. Everything is dark and all sources are hidden.
 */
#include "sense/telescope/anonymise.h"
#include "wire/link.h"
#include "wire/locate.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_HEADER 4

static struct nr_prefix_table *everything(void)
{
	struct nr_prefix_table *table = NULL;
	struct nr_prefix all = {0};
	if (nr_prefix_table_new(&table, NULL) < 0 || nr_prefix_table_add(table, &all, 1, NULL) < 0 ||
		nr_prefix_table_seal(table, NULL) < 0)
		abort();
	return table;
}

static struct nr_anonymiser *anonymiser(void)
{
	static struct nr_anonymiser *a;
	static const uint8_t key[NR_ANONYMISE_KEY] = "the same in every run";
	if (!a) {
		struct nr_anonymise_conf conf = {
			.key = key, .dark = everything(), .sources = true, .unit = NR_SECOND};
		if (nr_anonymiser_new(&conf, &a, NULL) < 0)
			abort();
		nr_anonymiser_keep_payload(a, 17, 53);
	}
	return a;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nr_anonymous out;
	if (size < INPUT_HEADER || size > 65536)
		return 0;
	struct nr_frame frame = {
		.data = data + INPUT_HEADER,
		.captured = (uint32_t)(size - INPUT_HEADER),
		.wire = (uint32_t)(size - INPUT_HEADER) + data[3],
		.time = INT64_C(1700000000) * NR_SECOND,
		.link = (uint16_t)(data[0] << 8 | data[1]),
	};
	if (!nr_anonymise(anonymiser(), &frame, &out))
		return 0;
	struct nr_located before, after;
	struct nr_frame raw = {out.bytes, out.captured, out.wire, out.time, NR_LINK_RAW, false};
	assert(out.captured <= sizeof out.bytes && out.captured <= out.wire);
	assert(nr_packet_locate(&frame, NULL, &before) == NR_DROP_NONE);
	assert(nr_packet_locate(&raw, NULL, &after) == NR_DROP_NONE);
	struct nr_address source = nr_anonymise_address(anonymiser(), &before.packet.source);
	struct nr_address destination = nr_anonymise_address(anonymiser(), &before.packet.destination);
	assert(nr_address_equal(&source, &after.packet.source));
	assert(nr_address_equal(&destination, &after.packet.destination));
	assert(before.packet.protocol == after.packet.protocol);
	return 0;
}
