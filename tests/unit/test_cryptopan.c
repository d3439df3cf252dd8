/* SPDX-License-Identifier: Apache-2.0 */
/* Crypto-PAn against the sample of its authors' distribution, and its one promise. */
#include "base/cryptopan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Key and addresses of sample_trace_raw.dat and sample_trace_sanitized.dat. */
static const uint8_t sample_key[NR_CRYPTOPAN_KEY] = {21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73,
	144, 125, 16, 216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2};

static const struct {
	const char *from, *to;
} samples[] = {
	{"128.11.68.132", "135.242.180.132"},
	{"129.118.74.4", "134.136.186.123"},
	{"130.132.252.244", "133.68.164.234"},
	{"141.223.7.43", "141.167.8.160"},
	{"192.102.249.13", "252.138.62.131"},
	{"198.26.132.101", "249.36.123.202"},
	{"24.0.250.221", "100.15.198.226"},
	{"38.15.67.68", "64.3.66.187"},
	{"64.39.15.238", "0.219.7.41"},
	{"10.185.25.118", "117.161.29.118"},
	{"::1", "78ff:f001:9fc0:20df:8380:b1f1:704:ed"},
	{"::2", "78ff:f001:9fc0:20df:8380:b1f1:704:ef"},
	{"2001:db8::1", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e"},
	{"2001:db8::2", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c"},
};

static struct nr_cryptopan *make(const uint8_t *key)
{
	struct nr_cryptopan *c = NULL;
	assert_int_equal(nr_cryptopan_new(key, &c, NULL), 0);
	return c;
}

static void same_as_the_authors(void **state)
{
	(void)state;
	NR_AUTO(nr_cryptopan_freep) struct nr_cryptopan *c = make(sample_key);
	for (int round = 0; round < 2; round++) { /* the second time out of the cache */
		for (size_t i = 0; i < NR_COUNT(samples); i++) {
			struct nr_address from;
			char text[NR_ADDRESS_TEXT];
			assert_int_equal(nr_address_parse(samples[i].from, &from, NULL), 0);
			struct nr_address to = nr_cryptopan_map(c, &from);
			assert_string_equal(nr_address_write(&to, text), samples[i].to);
		}
	}
}

static unsigned common_bits(const struct nr_address *a, const struct nr_address *b)
{
	unsigned n = 0;
	while (n < 128 && !((a->octets[n / 8] ^ b->octets[n / 8]) >> (7 - n % 8) & 1))
		n++;
	return n;
}

static struct nr_address any_address(uint64_t *seed, bool ipv4)
{
	struct nr_address a = nr_address_from_ipv4(0);
	for (size_t i = ipv4 ? 12 : 0; i < 16; i++) {
		*seed = *seed * UINT64_C(6364136223846793005) + 1;
		a.octets[i] = (uint8_t)(*seed >> 40);
	}
	return a;
}

static void prefixes_are_kept_exactly(void **state)
{
	(void)state;
	NR_AUTO(nr_cryptopan_freep) struct nr_cryptopan *c = make(sample_key);
	uint64_t seed = 7;
	for (unsigned i = 0; i < 4000; i++) {
		bool ipv4 = i & 1;
		struct nr_address a = any_address(&seed, ipv4), b = a;
		unsigned bit = (ipv4 ? 96 : 0) + (unsigned)(seed >> 33) % (ipv4 ? 32 : 128);
		b.octets[bit / 8] ^= (uint8_t)(0x80 >> bit % 8); /* differs there, and anyhow behind it */
		struct nr_address x = nr_cryptopan_map(c, &a), y = nr_cryptopan_map(c, &b);
		assert_int_equal(common_bits(&x, &y), bit);
		assert_int_equal(nr_address_is_ipv4(&x), ipv4);
	}
}

static void another_key_another_mapping(void **state)
{
	(void)state;
	uint8_t key[NR_CRYPTOPAN_KEY];
	memcpy(key, sample_key, sizeof key);
	for (size_t i = 0; i < sizeof key; i += NR_CRYPTOPAN_KEY - 1) { /* the cipher's key, the padding's */
		key[i] ^= 1;
		NR_AUTO(nr_cryptopan_freep) struct nr_cryptopan *c = make(key);
		struct nr_address from = nr_address_from_ipv4(0x800b4484), to = nr_cryptopan_map(c, &from);
		assert_int_not_equal(nr_address_ipv4(&to), 0x87f2b484);
		key[i] ^= 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_the_authors),
		cmocka_unit_test(prefixes_are_kept_exactly),
		cmocka_unit_test(another_key_another_mapping),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
