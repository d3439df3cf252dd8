/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/probe/hellos.h"

#include <openssl/sha.h>
#include <string.h>

/* TLS 1.2 and before, the strong ones first: what servers of the last twenty years choose from. */
#define FORWARD                                                                                              \
	0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc02b, 0xc02f, 0x009f, 0xccaa, 0x009e, 0xc024, 0xc028, 0xc023,      \
		0xc027, 0xc00a, 0xc014, 0xc009, 0xc013, 0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f,      \
		0x000a, 0x0005
#define BACKWARD                                                                                             \
	0x0005, 0x000a, 0x002f, 0x0035, 0x003c, 0x003d, 0x009c, 0x009d, 0xc013, 0xc009, 0xc014, 0xc00a,      \
		0xc027, 0xc023, 0xc028, 0xc024, 0x009e, 0xccaa, 0x009f, 0xc02f, 0xc02b, 0xcca8, 0xcca9,      \
		0xc030, 0xc02c
static const uint16_t forward[] = {FORWARD, 0};
static const uint16_t backward[] = {BACKWARD, 0};
/* CBC and RC4 alone, the weakest in the middle */
static const uint16_t old[] = {0xc013, 0x002f, 0xc009, 0x000a, 0x0005, 0x0004, 0xc012, 0x0035, 0xc00a, 0xc014,
	0x0033, 0x0039, 0x0041, 0x0084, 0};
/* ECDHE with AEAD alone, in no order of strength */
static const uint16_t narrow[] = {0xc02f, 0xcca9, 0xc02c, 0xcca8, 0xc02b, 0xc030, 0};
static const uint16_t modern[] = {0x1301, 0x1302, 0x1303, FORWARD, 0};
static const uint16_t modern_backward[] = {0x1303, 0x1302, 0x1301, 0};
static const uint16_t modern_rare[] = {0x1305, 0x1304, 0x1302, 0x1301, 0};
static const uint16_t modern_mixed[] = {0xcca8, 0xc02f, 0x009c, 0x1304, 0x1303, 0};

static const uint16_t groups[] = {29, 23, 24, 25, 0};
static const uint16_t groups_backward[] = {25, 24, 23, 29, 0};
static const uint16_t signatures[] = {
	0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201, 0};
static const uint16_t signatures_backward[] = {
	0x0201, 0x0203, 0x0601, 0x0501, 0x0401, 0x0806, 0x0805, 0x0804, 0x0807, 0x0603, 0x0503, 0x0403, 0};
static const uint16_t both[] = {0x0304, 0x0303, 0};
static const uint16_t only13[] = {0x0304, 0};
static const char *const usual[] = {"h2", "http/1.1", NULL};
static const char *const unusual[] = {"http/1.0", "imap", "h2c", NULL};
static const char *const turned[] = {"http/1.1", "h2", NULL};

static const struct nr_tls_hello hellos[NR_PROBE_HELLOS] = {
	/* 0: up to TLS 1.2 a server shows its certificate in clear */
	{.record_version = 0x0301,
		.version = 0x0303,
		.ciphers = forward,
		.groups = groups,
		.signatures = signatures},
	{.record_version = 0x0301,
		.version = 0x0303,
		.ciphers = backward,
		.groups = groups,
		.signatures = signatures_backward,
		.protocols = usual,
		.reversed = true},
	{.record_version = 0x0301,
		.version = 0x0303,
		.ciphers = old,
		.groups = groups,
		.signatures = signatures,
		.protocols = turned},
	{.record_version = 0x0303,
		.version = 0x0303,
		.ciphers = narrow,
		.groups = groups_backward,
		.signatures = signatures,
		.protocols = unusual,
		.grease = true},
	{.record_version = 0x0301,
		.version = 0x0302,
		.ciphers = forward,
		.groups = groups,
		.protocols = usual},
	{.record_version = 0x0301, .version = 0x0301, .ciphers = backward, .bare = true},
	{.record_version = 0x0301,
		.version = 0x0303,
		.ciphers = modern,
		.versions = both,
		.groups = groups,
		.signatures = signatures,
		.protocols = usual,
		.shares = NR_TLS_SHARE_X25519 | NR_TLS_SHARE_P256},
	{.record_version = 0x0301,
		.version = 0x0303,
		.ciphers = modern_backward,
		.versions = only13,
		.groups = groups,
		.signatures = signatures_backward,
		.protocols = turned,
		.shares = NR_TLS_SHARE_P256,
		.reversed = true},
	{.record_version = 0x0303,
		.version = 0x0303,
		.ciphers = modern_rare,
		.versions = only13,
		.groups = groups_backward,
		.signatures = signatures,
		.grease = true},
	{.record_version = 0x0301,
		.version = 0x0303,
		.ciphers = modern_mixed,
		.versions = both,
		.groups = groups,
		.signatures = signatures,
		.shares = NR_TLS_SHARE_X25519,
		.grease = true,
		.reversed = true},
};

void nr_probe_hash(const void *bytes, size_t length, char ret_text[static NR_PROBE_HASH_TEXT])
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	SHA256(bytes, length, hash);
	for (size_t i = 0; i < sizeof hash; i++)
		snprintf(ret_text + 2 * i, 3, "%02x", hash[i]);
}

size_t nr_probe_hello_write(unsigned number, uint8_t bytes[static NR_TLS_HELLO_MAX])
{
	char label[64];
	uint8_t random[SHA256_DIGEST_LENGTH];
	/* Nothing secret hangs on it, no handshake is finished: a fixed value makes "what would be sent"
	 * exact. */
	int n = snprintf(
		label, sizeof label, "noroshi flow probe " NR_PROBE_PRINT_VERSION " hello %u", number);
	SHA256((uint8_t *)label, (size_t)n, random);
	return nr_tls_hello_write(&hellos[number % NR_PROBE_HELLOS], random, bytes);
}

void nr_probe_hello_take(const struct nr_tls_answer *answer, struct nr_probe_hello *ret_hello)
{
	struct nr_probe_hello h = {.hello = answer->hello,
		.alert = answer->alert,
		.retry = answer->retry,
		.foreign = answer->state == NR_TLS_FOREIGN && !answer->hello && !answer->alert,
		.alert_code = answer->alert_code,
		.compression = answer->compression,
		.session_id = answer->session_id,
		.version = answer->version,
		.cipher = answer->cipher,
		.group = answer->group,
		.extension_count = (uint8_t)NR_MIN(answer->extension_count, NR_COUNT(h.extensions)),
		.extensions_cut = (uint16_t)NR_MIN(answer->extensions_cut, (size_t)UINT16_MAX)};
	memcpy(h.extensions, answer->extensions, h.extension_count * sizeof h.extensions[0]);
	snprintf(h.protocol, sizeof h.protocol, "%s", answer->protocol);
	*ret_hello = h;
}

size_t nr_probe_choice_write(const struct nr_probe_hello *h, char text[static NR_PROBE_CHOICE_TEXT])
{
	if (!h->hello && !h->alert)
		return (size_t)snprintf(text, NR_PROBE_CHOICE_TEXT, "-");
	if (!h->hello)
		return (size_t)snprintf(text, NR_PROBE_CHOICE_TEXT, "alert:%u", h->alert_code);
	int n = snprintf(text, NR_PROBE_CHOICE_TEXT, "%04x:%04x:%u:%u:%04x:%u:%s:", h->version, h->cipher,
		h->compression, h->session_id != 0, h->group, h->retry, h->protocol);
	for (size_t i = 0; i < h->extension_count && n < NR_PROBE_CHOICE_TEXT; i++)
		n += snprintf(text + n, (size_t)(NR_PROBE_CHOICE_TEXT - n), "%s%04x", i ? "," : "",
			h->extensions[i]);
	return NR_MIN((size_t)n, (size_t)NR_PROBE_CHOICE_TEXT - 1);
}

bool nr_probe_print_write(const struct nr_probe_hello answers[static NR_PROBE_HELLOS],
	char ret_text[static NR_PROBE_PRINT_TEXT])
{
	char all[NR_PROBE_HELLOS * NR_PROBE_CHOICE_TEXT], hash[NR_PROBE_HASH_TEXT],
		marks[2 * NR_PROBE_HELLOS + 1];
	size_t length = 0;
	bool any = false;
	for (unsigned i = 0; i < NR_PROBE_HELLOS; i++) {
		char text[NR_PROBE_CHOICE_TEXT];
		size_t n = nr_probe_choice_write(&answers[i], text);
		any = any || answers[i].hello || answers[i].alert;
		nr_probe_hash(text, n, hash);
		snprintf(marks + 2 * i, 3, "%.2s", n == 1 ? "00" : hash);
		memcpy(all + length, text, n);
		length += n;
		all[length++] = '\n';
	}
	if (!any)
		return false;
	nr_probe_hash(all, length, hash);
	snprintf(ret_text, NR_PROBE_PRINT_TEXT, NR_PROBE_PRINT_VERSION "-%s-%.32s", marks, hash);
	return true;
}

bool nr_probe_print_is_one(const char *text)
{
	static const char version[] = NR_PROBE_PRINT_VERSION "-";
	const size_t head = sizeof version - 1, marks = 2 * NR_PROBE_HELLOS;
	return strlen(text) == head + marks + 1 + 32 && !strncmp(text, version, head) &&
	       strspn(text + head, "0123456789abcdef") == marks && text[head + marks] == '-' &&
	       strspn(text + head + marks + 1, "0123456789abcdef") == 32;
}
