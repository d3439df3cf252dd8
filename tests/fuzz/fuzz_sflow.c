/* SPDX-License-Identifier: Apache-2.0 */
/* sFlow datagrams. */
#include "wire/sflow.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nr_sflow_header header;
	struct nr_cursor body;
	struct nr_sflow_sample sample;
	struct nr_sflow_item item;
	struct nr_sflow_packet packet;
	struct nr_error error;
	if (nr_sflow_open(data, size, &header, &body, &error) != 0)
		return 0;
	for (uint32_t left = header.samples; nr_sflow_next_sample(&body, &left, &sample);) {
		while (nr_sflow_next_item(&sample, &item)) {
			assert(item.bytes >= data && item.bytes + item.length <= data + size);
			if (nr_sflow_packet_read(&item, &packet))
				assert(packet.bytes >= item.bytes &&
					packet.bytes + packet.length <= item.bytes + item.length);
		}
	}
	return 0;
}
