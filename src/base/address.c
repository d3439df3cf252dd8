/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static char *decimal_write(char *out, unsigned value)
{
	if (value >= 100)
		*out++ = (char)('0' + value / 100);
	if (value >= 10)
		*out++ = (char)('0' + value / 10 % 10);
	*out++ = (char)('0' + value % 10);
	return out;
}

static char *hex_write(char *out, unsigned value)
{
	int shift = 12;
	while (shift > 0 && value >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*out++ = "0123456789abcdef"[value >> shift & 15];
	return out;
}

static char *ipv4_write(char *out, const uint8_t octets[static 4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*out++ = '.';
		out = decimal_write(out, octets[i]);
	}
	return out;
}

/* RFC 5952, section 4: lower case, no leading zeros, "::" for the longest run of two or more zero groups, the
 * first of equals. */
static char *ipv6_write(char *out, const uint8_t octets[static 16])
{
	unsigned groups[8];
	int best = -1, best_length = 1;
	for (size_t i = 0; i < 8; i++)
		groups[i] = (unsigned)octets[2 * i] << 8 | octets[2 * i + 1];
	for (int i = 0; i < 8;) {
		int end = i;
		while (end < 8 && groups[end] == 0)
			end++;
		if (end - i > best_length) {
			best = i;
			best_length = end - i;
		}
		i = end + 1;
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			*out++ = ':';
			*out++ = ':';
			i += best_length - 1;
			continue;
		}
		if (i > 0 && out[-1] != ':')
			*out++ = ':';
		out = hex_write(out, groups[i]);
	}
	return out;
}

static char *address_write(const struct nr_address *a, char *out)
{
	return nr_address_is_ipv4(a) ? ipv4_write(out, a->octets + 12) : ipv6_write(out, a->octets);
}

const char *nr_address_write(const struct nr_address *a, char text[static NR_ADDRESS_TEXT])
{
	*address_write(a, text) = '\0';
	return text;
}

int nr_address_parse(const char *text, struct nr_address *ret_address, struct nr_error *error)
{
	uint8_t octets[16];
	if (inet_pton(AF_INET, text, octets) == 1) {
		uint32_t n;
		memcpy(&n, octets, 4);
		*ret_address = nr_address_from_ipv4(__builtin_bswap32(n));
		return 0;
	}
	if (inet_pton(AF_INET6, text, octets) == 1) {
		memcpy(ret_address->octets, octets, 16);
		return 0;
	}
	return nr_fail(error, -EINVAL, "%.60s: not an IPv4 or IPv6 address", text);
}

/* Keeps the first length bits. */
static struct nr_address address_mask(const struct nr_address *a, unsigned length)
{
	struct nr_address masked = {{0}};
	memcpy(masked.octets, a->octets, length / 8);
	if (length % 8)
		masked.octets[length / 8] = (uint8_t)(a->octets[length / 8] & 0xff00 >> length % 8);
	return masked;
}

/* "24" with at most limit; -1 when it is not such a number. */
static int prefix_length_parse(const char *text, int limit)
{
	int length = 0;
	if (*text == '\0' || strlen(text) > 3)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		length = length * 10 + (*text - '0');
	}
	return length <= limit ? length : -1;
}

int nr_prefix_parse(const char *text, struct nr_prefix *ret_prefix, struct nr_error *error)
{
	char host[NR_ADDRESS_TEXT];
	const char *slash = strchr(text, '/');
	size_t host_length = slash ? (size_t)(slash - text) : strlen(text);
	if (host_length >= sizeof host)
		return nr_fail(error, -EINVAL, "%.60s: not an IPv4 or IPv6 prefix", text);
	memcpy(host, text, host_length);
	host[host_length] = '\0';

	struct nr_prefix prefix;
	int rc = nr_address_parse(host, &prefix.address, error);
	if (rc < 0)
		return rc;
	int bits = strchr(host, ':') ? 128 : 32;
	int length = slash ? prefix_length_parse(slash + 1, bits) : bits;
	if (length < 0)
		return nr_fail(
			error, -EINVAL, "%.60s: the prefix length is a number from 0 to %d", text, bits);
	prefix.length = (uint8_t)(length + 128 - bits);

	struct nr_prefix fixed = {address_mask(&prefix.address, prefix.length), prefix.length};
	if (!nr_address_equal(&fixed.address, &prefix.address)) {
		char fix[NR_ADDRESS_TEXT];
		return nr_fail(error, -EINVAL, "%.60s: address bits are set beyond /%d; write %s", text,
			length, nr_prefix_write(&fixed, fix));
	}
	*ret_prefix = prefix;
	return 0;
}

const char *nr_prefix_write(const struct nr_prefix *p, char text[static NR_ADDRESS_TEXT])
{
	char *out = address_write(&p->address, text);
	bool ipv4 = p->length >= 96 && nr_address_is_ipv4(&p->address);
	*out++ = '/';
	out = decimal_write(out, ipv4 ? p->length - 96u : p->length);
	*out = '\0';
	return text;
}

bool nr_prefix_contains(const struct nr_prefix *p, const struct nr_address *a)
{
	unsigned whole = p->length / 8, rest = p->length % 8;
	if (memcmp(p->address.octets, a->octets, whole) != 0)
		return false;
	return rest == 0 || ((p->address.octets[whole] ^ a->octets[whole]) & 0xff00 >> rest & 0xff) == 0;
}
