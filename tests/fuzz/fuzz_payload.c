/* SPDX-License-Identifier: Apache-2.0 */
/* UDP payloads. Input: source port, destination port, IPv4 length (2 bytes each, big-endian), then the
 * payload. */
#include "wire/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_HEADER 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t ports[] = {53, 123, 161, 389, 443, 1900, 11211};
	if (size < INPUT_HEADER)
		return 0;
	uint16_t source = (uint16_t)(data[0] << 8 | data[1]);
	uint16_t destination = (uint16_t)(data[2] << 8 | data[3]);
	size_t ip_length = (size_t)(data[4] << 8 | data[5]);
	const uint8_t *payload = data + INPUT_HEADER;
	size_t length = size - INPUT_HEADER;
	for (size_t i = 0; i < NR_COUNT(ports); i++)
		(void)nr_payload_is_answer(ports[i], payload, length);
	(void)nr_payload_is_misconfigured(source, destination, ip_length, payload, length);
	(void)nr_payload_is_misconfigured(source, destination, length + 28, payload, length);
	return 0;
}
