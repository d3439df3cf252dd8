/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What callers send the signer: structures for each purpose, whole requests, releases and URIs. The first
 * byte chooses. What a policy takes it takes once more as the same (time stamps: not again), and never for
 * another purpose.
 */
#include "trust/signer/inside.h"
#include "trust/signer/policy.h"
#include "trust/signer/release.h"
#include "trust/signer/signing_key.h"
#include "trust/signer/token.h"
#include <assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW (INT64_C(1795523696) * NR_SECOND)

static struct nr_policy policy_of(enum nr_signer_purpose purpose)
{
	struct nr_policy policy = {.purposes = 1u << purpose, .algorithm = NR_KEY_P256};
	policy.certificate = purpose <= NR_SIGN_JWS;
	if (!policy.certificate)
		strcpy(policy.name, "example.org/log");
	memset(policy.sha256, 0xc5, sizeof policy.sha256);
	return policy;
}

static void check_structure(enum nr_signer_purpose purpose, const uint8_t *data, size_t size)
{
	struct nr_policy policy = policy_of(purpose);
	int code = nr_policy_check(&policy, purpose, data, size, NOW);
	assert(code == 0 || code == -EPERM || code == -ETIME);
	if (code)
		return;
	assert((nr_policy_check(&policy, purpose, data, size, NOW) == 0) == (purpose != NR_SIGN_TIMESTAMP));
	for (enum nr_signer_purpose other = 0; other < NR_SIGN_PURPOSES; other++) {
		struct nr_policy another = policy_of(other);
		if (other != purpose)
			assert(nr_policy_check(&another, other, data, size, NOW) != 0);
	}
}

/* No key: every structure is refused, and the reply is whole. */
static void check_request(const uint8_t *data, size_t size)
{
	static uint8_t reply[NR_SIGNER_REPLY_MAX];
	static struct nr_signing_key keys[2];
	size_t length = 0;
	struct nr_signer_reply head;
	nr_signer_answer(keys, NR_COUNT(keys), data, size, reply, &length);
	memcpy(&head, reply, sizeof head);
	assert(head.code ? length == sizeof head
			 : length == sizeof head + head.count * sizeof(struct nr_signer_reply_item));
}

static void check_release(const uint8_t *data, size_t size)
{
	struct nr_release release, again;
	char text[NR_RELEASE_TEXT];
	if (nr_release_parse((const char *)data, size, &release, NULL))
		return;
	size_t length = nr_release_write(&release, text);
	assert(nr_release_parse(text, length, &again, NULL) == 0);
	assert(again.purposes == release.purposes && again.from == release.from &&
		again.until == release.until && strcmp(again.reason, release.reason) == 0);
}

static void check_uri(const uint8_t *data, size_t size)
{
	char text[512];
	struct nr_token_uri uri;
	size_t length = NR_MIN(size, sizeof text - 1);
	memcpy(text, data, length);
	text[length] = 0;
	if (nr_token_uri_parse(text, &uri, NULL) == 0)
		assert(uri.object[0] || uri.id_length > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	unsigned what = data[0] % (NR_SIGN_PURPOSES + 3);
	/* in memory of its own, so that a step beyond its end is seen */
	uint8_t *bytes = malloc(NR_MAX(size - 1, (size_t)1));
	if (!bytes)
		abort();
	memcpy(bytes, data + 1, size - 1);
	if (what < NR_SIGN_PURPOSES)
		check_structure(what, bytes, size - 1);
	else if (what == NR_SIGN_PURPOSES)
		check_request(bytes, size - 1);
	else if (what == NR_SIGN_PURPOSES + 1)
		check_release(bytes, size - 1);
	else
		check_uri(bytes, size - 1);
	free(bytes);
	return 0;
}
