/* SPDX-License-Identifier: Apache-2.0 */
/* What the ledger says of a signature. Read from the structure that was signed: nobody has to be believed. */
#include "trust/signer/open.h"
#include "wire/tsp.h"

#include <openssl/evp.h>

static size_t hex_write(char *out, const uint8_t *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < length; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * length] = 0;
	return 2 * length;
}

static const char *digest_name(enum nr_oid digest)
{
	switch (digest) {
	case NR_OID_SHA256:
		return "sha256";
	case NR_OID_SHA384:
		return "sha384";
	case NR_OID_SHA512:
		return "sha512";
	case NR_OID_SHA3_256:
		return "sha3-256";
	case NR_OID_SHA3_384:
		return "sha3-384";
	default:
		return "sha3-512";
	}
}

struct said {
	const char *kind, *what, *digest; /* "imprint": "sha256:..." */
	char value[2 * 64 + 1];           /* hex */
	char serial[2 * 21 + 1];          /* of a token */
	nr_time time;
};

static void say_token(const struct nr_signer_item *item, struct said *said)
{
	struct nr_tst_info info;
	said->kind = "token";
	said->what = "imprint";
	if (nr_tst_read(item->structure, item->length, &info, NULL) || info.hash_length > 64 ||
		info.serial.length > 21)
		return; /* never: the signer has read it, too */
	said->time = info.time;
	said->digest = digest_name(info.digest);
	hex_write(said->value, info.hash, info.hash_length);
	hex_write(said->serial, info.serial.value, info.serial.length);
}

/* The message digest of signed attributes: what was sealed. */
static void say_seal(const struct nr_signer_item *item, struct said *said)
{
	struct nr_cursor c = nr_cursor_over(item->structure, item->length);
	struct nr_cursor set = nr_der_open(&c, NR_DER_SET);
	said->kind = "seal";
	said->what = "digest";
	while (!set.failed && nr_cursor_left(&set) > 0) {
		struct nr_cursor one = nr_der_open(&set, NR_DER_SEQUENCE);
		struct nr_der type = nr_der_take(&one, NR_DER_OID);
		struct nr_cursor values = nr_der_open(&one, NR_DER_SET);
		if (!nr_oid_is(&type, NR_OID_MESSAGE_DIGEST))
			continue;
		struct nr_der digest = nr_der_take(&values, NR_DER_OCTET_STRING);
		if (digest.length > 64)
			return;
		said->digest = digest.length == 32 ? "sha256" : digest.length == 48 ? "sha384" : "sha512";
		hex_write(said->value, digest.value, digest.length);
	}
}

static void say_whole(const struct nr_signer_item *item, const char *kind, struct said *said)
{
	uint8_t hash[32];
	said->kind = kind;
	said->what = "digest";
	if (EVP_Digest(item->structure, item->length, hash, NULL, EVP_sha256(), NULL) == 1)
		hex_write(said->value, hash, sizeof hash);
}

size_t nr_signature_entry(enum nr_signer_purpose purpose, const struct nr_signer_item *item,
	const struct nr_signed *made, const char *key_id, nr_time now,
	char ret_entry[static NR_SIGNATURE_ENTRY_MAX])
{
	struct said said = {.digest = "sha256", .time = now};
	char time[NR_TIME_TEXT], serial[64] = "";
	if (purpose == NR_SIGN_TIMESTAMP)
		say_token(item, &said);
	else if (purpose == NR_SIGN_SEAL)
		say_seal(item, &said);
	else
		say_whole(item, purpose == NR_SIGN_JWS ? "seal" : "key-use", &said);
	if (said.serial[0])
		snprintf(serial, sizeof serial, "\"serial\":\"%s\",", said.serial);
	int n = snprintf(ret_entry, NR_SIGNATURE_ENTRY_MAX,
		"{\"kind\":\"%s\",\"time\":\"%s\",%s\"%s\":\"%s:%s\",\"purpose\":\"%s\",\"key\":\"%s\","
		"\"counter\":%llu}",
		said.kind, nr_time_write(said.time, time), serial, said.what, said.digest, said.value,
		nr_signer_purpose_names[purpose], key_id, (unsigned long long)made->counter);
	return n > 0 ? NR_MIN((size_t)n, (size_t)NR_SIGNATURE_ENTRY_MAX - 1) : 0;
}
