/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/tls_hello.h"

#include <string.h>

enum {
	EXTENSION_GROUPS = 10,
	EXTENSION_POINT_FORMATS = 11,
	EXTENSION_SIGNATURES = 13,
	EXTENSION_ALPN = 16,
	EXTENSION_EXTENDED_MASTER_SECRET = 23,
	EXTENSION_VERSIONS = 43,
	EXTENSION_PSK_MODES = 45,
	EXTENSION_KEY_SHARE = 51,
	EXTENSION_RENEGOTIATION = 0xff01,
	GREASE_CIPHER = 0x5a5a,
	GREASE_EXTENSION = 0x7a7a,
	GROUP_P256 = 23,
	GROUP_X25519 = 29,
};

/* Public values: X25519 of the base point (RFC 7748 section 4.1), and the generator of P-256 (SEC 2). */
static const uint8_t share_x25519[32] = {9};
static const uint8_t share_p256[65] = {0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6,
	0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45,
	0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c,
	0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf,
	0x51, 0xf5};

struct writer {
	uint8_t *bytes;
	size_t length, room;
	bool failed;
};

static void put(struct writer *w, const void *bytes, size_t length)
{
	if (w->failed || length > w->room - w->length) {
		w->failed = true;
		return;
	}
	memcpy(w->bytes + w->length, bytes, length);
	w->length += length;
}

static void put_u8(struct writer *w, unsigned value)
{
	put(w, &(uint8_t){(uint8_t)value}, 1);
}

static void put_u16(struct writer *w, unsigned value)
{
	put(w, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

/* A length of `width` bytes is left open, and filled in when what it counts is there. */
static size_t open_length(struct writer *w, size_t width)
{
	static const uint8_t zeros[3];
	put(w, zeros, width);
	return w->length;
}

static void close_length(struct writer *w, size_t start, size_t width)
{
	size_t length = w->length - start;
	for (size_t i = 0; !w->failed && i < width; i++)
		w->bytes[start - 1 - i] = (uint8_t)(length >> 8 * i);
}

static void put_list(struct writer *w, const uint16_t *list, size_t width)
{
	size_t start = open_length(w, width);
	for (; list && *list; list++)
		put_u16(w, *list);
	close_length(w, start, width);
}

static void put_protocols(struct writer *w, const char *const *protocols)
{
	size_t start = open_length(w, 2);
	for (; *protocols; protocols++) {
		put_u8(w, (unsigned)strlen(*protocols));
		put(w, *protocols, strlen(*protocols));
	}
	close_length(w, start, 2);
}

static void put_shares(struct writer *w, unsigned shares)
{
	size_t start = open_length(w, 2);
	if (shares & NR_TLS_SHARE_X25519) {
		put_u16(w, GROUP_X25519);
		put_u16(w, sizeof share_x25519);
		put(w, share_x25519, sizeof share_x25519);
	}
	if (shares & NR_TLS_SHARE_P256) {
		put_u16(w, GROUP_P256);
		put_u16(w, sizeof share_p256);
		put(w, share_p256, sizeof share_p256);
	}
	close_length(w, start, 2);
}

static bool has_extension(const struct nr_tls_hello *h, unsigned type)
{
	switch (type) {
	case EXTENSION_GROUPS:
	case EXTENSION_POINT_FORMATS:
		return h->groups != NULL;
	case EXTENSION_SIGNATURES:
		return h->signatures != NULL;
	case EXTENSION_ALPN:
		return h->protocols != NULL;
	case EXTENSION_VERSIONS:
	case EXTENSION_PSK_MODES:
	case EXTENSION_KEY_SHARE:
		return h->versions != NULL;
	case GREASE_EXTENSION:
		return h->grease;
	default:
		return true;
	}
}

static void put_extension(struct writer *w, const struct nr_tls_hello *h, unsigned type)
{
	put_u16(w, type);
	size_t start = open_length(w, 2);
	switch (type) {
	case EXTENSION_GROUPS:
		put_list(w, h->groups, 2);
		break;
	case EXTENSION_POINT_FORMATS:
		put(w, "\x01\x00", 2); /* one: uncompressed */
		break;
	case EXTENSION_SIGNATURES:
		put_list(w, h->signatures, 2);
		break;
	case EXTENSION_ALPN:
		put_protocols(w, h->protocols);
		break;
	case EXTENSION_VERSIONS:
		put_list(w, h->versions, 1);
		break;
	case EXTENSION_PSK_MODES:
		put(w, "\x01\x01", 2); /* one: with (EC)DHE */
		break;
	case EXTENSION_KEY_SHARE:
		put_shares(w, h->shares);
		break;
	case EXTENSION_RENEGOTIATION:
		put_u8(w, 0);
		break;
	default: /* empty ones */
		break;
	}
	close_length(w, start, 2);
}

static void put_extensions(struct writer *w, const struct nr_tls_hello *h)
{
	static const uint16_t order[] = {GREASE_EXTENSION, EXTENSION_EXTENDED_MASTER_SECRET,
		EXTENSION_RENEGOTIATION, EXTENSION_GROUPS, EXTENSION_POINT_FORMATS, EXTENSION_ALPN,
		EXTENSION_SIGNATURES, EXTENSION_KEY_SHARE, EXTENSION_PSK_MODES, EXTENSION_VERSIONS};
	size_t start = open_length(w, 2);
	for (size_t i = 0; i < NR_COUNT(order); i++) {
		unsigned type = order[h->reversed ? NR_COUNT(order) - 1 - i : i];
		if (has_extension(h, type))
			put_extension(w, h, type);
	}
	close_length(w, start, 2);
}

static void put_ciphers(struct writer *w, const struct nr_tls_hello *h)
{
	size_t start = open_length(w, 2);
	if (h->grease)
		put_u16(w, GREASE_CIPHER);
	for (const uint16_t *cipher = h->ciphers; *cipher; cipher++)
		put_u16(w, *cipher);
	close_length(w, start, 2);
}

size_t nr_tls_hello_write(const struct nr_tls_hello *hello, const uint8_t random[static 32],
	uint8_t bytes[static NR_TLS_HELLO_MAX])
{
	struct writer w = {.bytes = bytes, .room = NR_TLS_HELLO_MAX};
	put_u8(&w, 22); /* handshake */
	put_u16(&w, hello->record_version);
	size_t record = open_length(&w, 2);
	put_u8(&w, 1); /* ClientHello */
	size_t message = open_length(&w, 3);
	put_u16(&w, hello->version);
	put(&w, random, 32);
	put_u8(&w, hello->versions ? 32 : 0);
	put(&w, random, hello->versions ? 32 : 0);
	put_ciphers(&w, hello);
	put(&w, "\x01\x00", 2); /* no compression */
	if (!hello->bare)
		put_extensions(&w, hello);
	close_length(&w, message, 3);
	close_length(&w, record, 2);
	return w.failed ? 0 : w.length;
}
