/* SPDX-License-Identifier: Apache-2.0 */
/* A stranger's answer to a ClientHello: nothing points outside, and a cut one is never worse than unfinished.
 */
#include "wire/tls_hello.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct nr_tls_answer *a, const uint8_t *scratch)
{
	assert(a->state <= NR_TLS_FOREIGN);
	assert(a->extension_count <= NR_TLS_EXTENSIONS_MAX &&
		a->certificate_count <= NR_TLS_CERTIFICATES_MAX);
	assert(memchr(a->protocol, 0, sizeof a->protocol));
	for (const char *p = a->protocol; *p; p++)
		assert(*p > ' ' && *p < 0x7f);
	assert(!a->alert || a->alert_level == 1 || a->alert_level == 2);
	assert(a->hello || (!a->certificate_count && !a->version));
	for (size_t i = 0; i < a->certificate_count; i++) {
		const struct nr_tls_slice *c = &a->certificates[i];
		assert(c->bytes >= scratch && c->bytes + c->length <= scratch + NR_TLS_ANSWER_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t scratch[NR_TLS_ANSWER_MAX];
	struct nr_tls_answer whole, half;
	nr_tls_answer_read(data, size, scratch, &whole);
	check(&whole, scratch);
	nr_tls_answer_read(data, size / 2, scratch, &half);
	check(&half, scratch);
	/* what was read of a part stands */
	assert(!half.hello || (whole.hello && whole.cipher == half.cipher && whole.version == half.version));
	assert(!half.alert || whole.alert);
	if (half.state == NR_TLS_DONE)
		assert(whole.state == NR_TLS_DONE);
	return 0;
}
