/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/ask/filter_parse.h"

#include <string.h>
#include <strings.h>

static bool digits_read(const char **text, uint64_t *ret_value)
{
	const char *at = *text;
	unsigned base = 10;
	if (at[0] == '0' && (at[1] | 0x20) == 'x') {
		base = 16;
		at += 2;
	}
	const char *begin = at;
	uint64_t value = 0;
	for (;; at++) {
		unsigned digit = *at >= '0' && *at <= '9' ? (unsigned)(*at - '0')
				 : base == 16 && (*at | 0x20) >= 'a' && (*at | 0x20) <= 'f'
					 ? (unsigned)((*at | 0x20) - 'a') + 10
					 : base;
		if (digit == base)
			break;
		if (__builtin_mul_overflow(value, base, &value) ||
			__builtin_add_overflow(value, digit, &value))
			return false;
	}
	if (at == begin)
		return false;
	*text = at;
	*ret_value = value;
	return true;
}

static bool scale(const char *suffix, uint64_t *value)
{
	static const char letters[] = "kmgt";
	const char *letter = suffix[0] && !suffix[1] ? strchr(letters, suffix[0] | 0x20) : NULL;
	for (const char *at = letters; letter && at <= letter; at++)
		if (__builtin_mul_overflow(*value, UINT64_C(1000), value))
			return false;
	return letter != NULL;
}

bool filter_number_read(const char *text, bool scaled, uint64_t *ret_value)
{
	uint64_t value;
	if (!digits_read(&text, &value) || (*text && !(scaled && scale(text, &value))))
		return false;
	*ret_value = value;
	return true;
}

bool filter_duration_read(const char *text, uint64_t *ret_ms)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
	uint64_t value;
	if (!digits_read(&text, &value))
		return false;
	bool known = !*text || (strcasecmp(text, "m") != 0 && scale(text, &value));
	for (size_t i = 0; !known && i < NR_COUNT(units); i++)
		if (!strcasecmp(text, units[i].unit)) {
			if (__builtin_mul_overflow(value, units[i].ms, &value))
				return false;
			known = true;
		}
	if (known)
		*ret_ms = value;
	return known;
}

/* "10" and "172.16" before a length mean "10.0.0.0" and "172.16.0.0". */
static bool short_ipv4(char *text, size_t room)
{
	unsigned dots = 0;
	for (const char *at = text; *at; at++) {
		if ((*at < '0' || *at > '9') && *at != '.')
			return false;
		dots += *at == '.';
	}
	while (dots++ < 3) {
		size_t length = strlen(text);
		if (length + 3 > room || !length || text[length - 1] == '.')
			return false;
		memcpy(text + length, ".0", 3);
	}
	return true;
}

bool filter_prefix_read(const char *text, struct nr_prefix *ret_prefix)
{
	char address[NR_ADDRESS_TEXT];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	if (length + 1 > sizeof address)
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	if (slash && !strchr(address, ':') && !short_ipv4(address, sizeof address))
		return false;
	struct nr_prefix prefix = {.length = 128};
	if (nr_address_parse(address, &prefix.address, NULL) != 0)
		return false;
	uint64_t bits = 0, most = nr_address_is_ipv4(&prefix.address) && !strchr(address, ':') ? 32 : 128;
	if (slash) {
		if (!filter_number_read(slash + 1, false, &bits) || bits > most)
			return false;
		prefix.length = (uint8_t)(128 - most + bits);
	}
	for (unsigned i = prefix.length; i < 128; i++)
		prefix.address.octets[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	*ret_prefix = prefix;
	return true;
}

bool filter_mac_read(const char *text, uint64_t *ret_mac)
{
	uint64_t mac = 0;
	for (unsigned i = 0; i < 6; i++) {
		unsigned octet = 0, digits = 0;
		for (; digits < 2; digits++, text++) {
			char c = *text;
			if (c >= '0' && c <= '9')
				octet = octet * 16 + (unsigned)(c - '0');
			else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
				octet = octet * 16 + (unsigned)((c | 0x20) - 'a') + 10;
			else
				break;
		}
		if (!digits || (i < 5 && *text != ':' && *text != '-'))
			return false;
		text += i < 5;
		mac = mac << 8 | octet;
	}
	if (*text)
		return false;
	*ret_mac = mac;
	return true;
}

bool filter_flags_read(const char *text, uint16_t *ret_flags)
{
	static const char letters[] = "FSRPAUECN"; /* bits 0 to 8: the last three of RFC 3168 and 3540 */
	uint64_t number;
	if (filter_number_read(text, false, &number) && number < 4096) {
		*ret_flags = (uint16_t)number;
		return true;
	}
	uint16_t flags = 0;
	for (const char *at = text; *at; at++) {
		char letter = (char)(*at & ~0x20);
		const char *found = strchr(letters, letter);
		if (letter == 'X')
			flags |= 0x3f;
		else if (found && *found)
			flags |= (uint16_t)(1 << (found - letters));
		else
			return false;
	}
	*ret_flags = flags;
	return *text != '\0';
}
