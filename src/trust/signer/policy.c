/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/signer/policy.h"
#include "trust/ledger/checkpoint.h"
#include "trust/signer/attributes.h"
#include "wire/note.h"
#include "wire/tsp.h"

#include <errno.h>

static bool close_to(nr_time time, nr_time now)
{
	return time >= now - NR_POLICY_CLOCK && time <= now + NR_POLICY_CLOCK;
}

/* ---- TSTInfo (RFC 3161 section 2.4.2) ---- */

/* A positive number above the last one; as octets without sign. */
static bool serial_above(const struct nr_policy *policy, const struct nr_der *serial,
	const uint8_t **ret_octets, size_t *ret_length)
{
	const uint8_t *octets = serial->value;
	size_t length = serial->length;
	if (length == 0 || octets[0] & 0x80)
		return false;
	if (octets[0] == 0) {
		octets++;
		length--;
	}
	if (length == 0 || length > NR_POLICY_SERIAL_MAX || length < policy->serial_length)
		return false;
	*ret_octets = octets;
	*ret_length = length;
	return length > policy->serial_length || memcmp(octets, policy->serial, length) > 0;
}

static int timestamp_check(struct nr_policy *policy, const uint8_t *bytes, size_t length, nr_time now)
{
	struct nr_tst_info info;
	const uint8_t *octets;
	size_t octet_count;
	/* SHA-2 or SHA-3 from 256 bits; no extensions: we make none */
	if (!policy->certificate || nr_tst_read(bytes, length, &info, NULL) ||
		nr_oid_digest_bytes(info.digest) < 32 ||
		nr_oid_digest_bytes(info.digest) != info.hash_length || info.extensions ||
		!serial_above(policy, &info.serial, &octets, &octet_count))
		return -EPERM;
	if (!close_to(info.time, now))
		return -ETIME;
	memcpy(policy->serial, octets, octet_count);
	policy->serial_length = octet_count;
	return 0;
}

/* ---- signed attributes (RFC 5652 section 5.3; RFC 5035 section 5.4.1) ---- */

static bool certificate_named(const struct nr_policy *policy, struct nr_cursor *identifier)
{
	enum nr_oid digest = NR_OID_SHA256; /* the default, which DER does not write */
	if (nr_der_next_is(identifier, NR_DER_SEQUENCE)) {
		digest = nr_oid_algorithm(identifier);
		if (digest != NR_OID_SHA384 && digest != NR_OID_SHA512)
			return false;
	}
	struct nr_der hash = nr_der_take(identifier, NR_DER_OCTET_STRING);
	if (identifier->failed)
		return false;
	if (nr_cursor_left(identifier) > 0)
		nr_der_take(identifier, NR_DER_SEQUENCE); /* issuerSerial; the hash says enough */
	if (!nr_der_done(identifier))
		return false;
	switch (digest) {
	case NR_OID_SHA384:
		return nr_der_equal(&hash, policy->sha384, sizeof policy->sha384);
	case NR_OID_SHA512:
		return nr_der_equal(&hash, policy->sha512, sizeof policy->sha512);
	default:
		return nr_der_equal(&hash, policy->sha256, sizeof policy->sha256);
	}
}

/* SigningCertificateV2: the first identifier is the signer's. */
static bool signing_certificate_ok(const struct nr_policy *policy, struct nr_cursor *value)
{
	struct nr_cursor body = nr_der_open(value, NR_DER_SEQUENCE);
	struct nr_cursor identifiers = nr_der_open(&body, NR_DER_SEQUENCE);
	struct nr_cursor first = nr_der_open(&identifiers, NR_DER_SEQUENCE);
	return !first.failed && certificate_named(policy, &first);
}

static bool content_type_ok(struct nr_cursor *value)
{
	struct nr_der type = nr_der_take(value, NR_DER_OID);
	/* a seal must never become a time stamp */
	return nr_der_done(value) && !nr_oid_is(&type, NR_OID_TST_INFO);
}

static bool message_digest_ok(const struct nr_policy *policy, struct nr_cursor *value)
{
	struct nr_der digest = nr_der_take(value, NR_DER_OCTET_STRING);
	return nr_der_done(value) && digest.length == nr_oid_digest_bytes(nr_key_digest(policy->algorithm));
}

/* One attribute with its one value; counts what must be there once. */
static bool attribute_ok(const struct nr_policy *policy, struct nr_cursor *attributes, unsigned seen[3])
{
	struct nr_cursor one = nr_der_open(attributes, NR_DER_SEQUENCE);
	struct nr_der type = nr_der_take(&one, NR_DER_OID);
	struct nr_cursor values = nr_der_open(&one, NR_DER_SET);
	struct nr_cursor rest = values;
	nr_der_any(&rest);
	if (!nr_der_done(&one) || !nr_der_done(&rest))
		return false;
	switch (nr_oid_of(&type)) {
	case NR_OID_CONTENT_TYPE:
		seen[0]++;
		return content_type_ok(&values);
	case NR_OID_MESSAGE_DIGEST:
		seen[1]++;
		return message_digest_ok(policy, &values);
	case NR_OID_SIGNING_CERTIFICATE_V2:
		seen[2]++;
		return signing_certificate_ok(policy, &values);
	case NR_OID_SIGNING_CERTIFICATE:
		return false; /* SHA-1 */
	default:
		return true;
	}
}

static int seal_check(const struct nr_policy *policy, const uint8_t *bytes, size_t length)
{
	/* order included: what is signed is what will be stored */
	if (!policy->certificate || !nr_der_check_whole(bytes, length, NULL))
		return -EPERM;
	struct nr_cursor c = nr_cursor_over(bytes, length);
	struct nr_cursor attributes = nr_der_open(&c, NR_DER_SET);
	unsigned seen[3] = {0};
	while (!nr_der_done(&attributes))
		if (attributes.failed || !attribute_ok(policy, &attributes, seen))
			return -EPERM;
	return !c.failed && seen[0] == 1 && seen[1] == 1 && seen[2] == 1 ? 0 : -EPERM;
}

/* ---- JWS (RFC 7515 section 5.1) ---- */

static int jws_check(const struct nr_policy *policy, const uint8_t *bytes, size_t length)
{
	const uint8_t *dot = length ? memchr(bytes, '.', length) : NULL;
	if (!policy->certificate || !dot ||
		!nr_policy_jws_header_ok(policy, (const char *)bytes, (size_t)(dot - bytes)))
		return -EPERM;
	return 0;
}

/* ---- checkpoints (C2SP tlog-checkpoint, tlog-cosignature) ---- */

/* Extension lines are nothing that we write. */
static bool checkpoint_read(const uint8_t *bytes, size_t length, struct nr_checkpoint *ret_checkpoint)
{
	return nr_checkpoint_parse((const char *)bytes, length, ret_checkpoint, NULL) == 0 &&
	       ret_checkpoint->extension_length == 0;
}

static int checkpoint_check(struct nr_policy *policy, const uint8_t *bytes, size_t length)
{
	struct nr_checkpoint checkpoint;
	if (!policy->name[0] || !checkpoint_read(bytes, length, &checkpoint) ||
		!nr_checkpoint_is_of(&checkpoint, policy->name))
		return -EPERM;
	bool same = memcmp(checkpoint.root.bytes, policy->root, NR_HASH_BYTES) == 0;
	if (policy->head && (checkpoint.size < policy->size || (checkpoint.size == policy->size && !same)))
		return -EPERM;
	policy->head = true;
	policy->size = checkpoint.size;
	memcpy(policy->root, checkpoint.root.bytes, NR_HASH_BYTES);
	return 0;
}

static int cosignature_check(const struct nr_policy *policy, const uint8_t *bytes, size_t length, nr_time now)
{
	static const char start[] = "cosignature/v1\ntime ";
	size_t head = strlen(start);
	if (!policy->name[0] || length < head || memcmp(bytes, start, head) != 0)
		return -EPERM;
	const uint8_t *end = memchr(bytes + head, '\n', length - head);
	uint64_t seconds;
	struct nr_checkpoint checkpoint;
	if (!end || nr_note_number((const char *)bytes + head, (size_t)(end - bytes) - head, &seconds) ||
		nr_checkpoint_parse(
			(const char *)end + 1, (size_t)(bytes + length - (end + 1)), &checkpoint, NULL))
		return -EPERM;
	if (seconds > INT64_MAX / NR_SECOND)
		return -ETIME;
	/* whole seconds: the one that has begun is now, too */
	nr_time time = (nr_time)seconds * NR_SECOND;
	return close_to(time, now) || close_to(time + NR_SECOND, now) ? 0 : -ETIME;
}

int nr_policy_check(struct nr_policy *policy, enum nr_signer_purpose purpose, const uint8_t *bytes,
	size_t length, nr_time now)
{
	if (purpose >= NR_SIGN_PURPOSES || !(policy->purposes & 1u << purpose) ||
		length > NR_SIGNER_STRUCTURE_MAX)
		return -EPERM;
	switch (purpose) {
	case NR_SIGN_TIMESTAMP:
		return timestamp_check(policy, bytes, length, now);
	case NR_SIGN_SEAL:
		return seal_check(policy, bytes, length);
	case NR_SIGN_JWS:
		return jws_check(policy, bytes, length);
	case NR_SIGN_CHECKPOINT:
		return checkpoint_check(policy, bytes, length);
	case NR_SIGN_COSIGNATURE:
		return cosignature_check(policy, bytes, length, now);
	case NR_SIGN_PURPOSES:
		break;
	}
	return -EPERM;
}
