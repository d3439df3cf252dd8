/* SPDX-License-Identifier: Apache-2.0 */
/* The hot part: patterns of destinations, and what is counted of them. */
#include "sense/telescope/ipv6.h"
#include "base/hash.h"
#include "base/pages.h"
#include "wire/packet.h"

#include <string.h>

const char *const nr_ipv6_pattern_names[NR_IPV6_PATTERNS] = {
	"low-byte", "embedded-ipv4", "eui-64", "sequential", "random"};
const uint8_t nr_ipv6_lengths[NR_IPV6_LENGTHS] = {128, 64, 48, 32};

/* A 16-bit word that reads, in hexadecimal, as a decimal octet: 0x192 for 192. */
static bool spells_octet(unsigned word)
{
	unsigned hundreds = word >> 8, tens = word >> 4 & 15, ones = word & 15;
	return word <= 0x255 && tens <= 9 && ones <= 9 && hundreds * 100 + tens * 10 + ones <= 255;
}

static bool is_embedded_ipv4(const uint8_t identifier[static 8], const unsigned words[static 4])
{
	if (!words[0] && !words[1]) /* ::192.0.2.33; the low bytes alone were asked for before */
		return identifier[4] != 0;
	return words[0] > 9 && spells_octet(words[0]) && spells_octet(words[1]) && spells_octet(words[2]) &&
	       spells_octet(words[3]);
}

/* All steps between neighbouring nibbles are the same: 0 (repeats), 1 or -1 modulo 16 (counts). */
static bool is_sequential(const uint8_t identifier[static 8])
{
	uint8_t nibbles[16];
	for (size_t i = 0; i < 8; i++) {
		nibbles[2 * i] = identifier[i] >> 4;
		nibbles[2 * i + 1] = identifier[i] & 15;
	}
	unsigned step = (nibbles[1] - nibbles[0]) & 15u;
	if (step != 0 && step != 1 && step != 15)
		return false;
	for (size_t i = 2; i < 16; i++)
		if (((nibbles[i] - nibbles[i - 1]) & 15u) != step)
			return false;
	return true;
}

enum nr_ipv6_pattern nr_ipv6_pattern_of(const struct nr_address *address)
{
	const uint8_t *identifier = address->octets + 8;
	unsigned words[4];
	for (size_t i = 0; i < 4; i++)
		words[i] = (unsigned)identifier[2 * i] << 8 | identifier[2 * i + 1];
	if (!words[0] && !words[1] && !words[2])
		return NR_IPV6_LOW_BYTE;
	if (identifier[3] == 0xff && identifier[4] == 0xfe)
		return NR_IPV6_EUI_64;
	if (is_embedded_ipv4(identifier, words))
		return NR_IPV6_EMBEDDED_IPV4;
	return is_sequential(identifier) ? NR_IPV6_SEQUENTIAL : NR_IPV6_RANDOM;
}

void nr_ipv6_observe(struct nr_ipv6_day *day, const struct nr_packet *packet, uint64_t member)
{
	enum nr_ipv6_pattern pattern = nr_ipv6_pattern_of(&packet->destination);
	day->packets[pattern]++;
	if (NR_UNLIKELY(!day->sketches) &&
		nr_pages_resize(day->area, (void **)&day->sketches, 0, sizeof *day->sketches, NULL)) {
		day->uncounted++;
		return;
	}
	const struct nr_address *to = &packet->destination;
	nr_hll_add(&day->sketches->sources[pattern], nr_hll_hash(member));
	nr_hll_add(&day->sketches->destinations[pattern],
		nr_hll_hash(nr_siphash(to->octets, sizeof to->octets, 0, 0)));
}

void nr_ipv6_day_fini(struct nr_ipv6_day *day)
{
	nr_pages_unmap(day->area, day->sketches, sizeof *day->sketches);
	*day = (struct nr_ipv6_day){0};
}
