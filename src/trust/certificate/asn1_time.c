/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/certificate/asn1_time.h"
#include "wire/der.h"

#define TEXT_MAX 64

nr_time nr_asn1_time(const ASN1_TIME *time)
{
	uint8_t bytes[2 + TEXT_MAX];
	int length = time ? ASN1_STRING_length(time) : 0;
	if (length <= 0 || length > TEXT_MAX)
		return NR_TIME_MIN;
	/* the types are the universal tags */
	bytes[0] = (uint8_t)ASN1_STRING_type(time);
	bytes[1] = (uint8_t)length;
	memcpy(bytes + 2, ASN1_STRING_get0_data(time), (size_t)length);
	struct nr_cursor c = nr_cursor_over(bytes, 2 + (size_t)length);
	nr_time value = nr_der_time(&c);
	return nr_der_done(&c) ? value : NR_TIME_MIN;
}
