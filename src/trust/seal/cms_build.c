/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/seal/cms_build.h"

#include <errno.h>

#define HEAD_MAX 6 /* identifier and length octets of what is shorter than 4 GiB */

/* ---- piles ---- */

void nr_pile_add(struct nr_pile *pile, const void *bytes, size_t length)
{
	if (pile->failed || length == 0)
		return;
	if (pile->length + length > pile->room) {
		size_t room = NR_MAX(2 * pile->room, pile->length + length);
		uint8_t *grown = realloc(pile->bytes, room);
		pile->failed = !grown;
		if (!grown)
			return;
		pile->bytes = grown;
		pile->room = room;
	}
	memcpy(pile->bytes + pile->length, bytes, length);
	pile->length += length;
}

void nr_pile_fini(struct nr_pile *pile)
{
	free(pile->bytes);
	*pile = (struct nr_pile){.bytes = NULL};
}

/* Identifier and length octets (X.690 section 8.1.3), of contents that lie elsewhere. */
static size_t write_head(uint8_t tag, size_t length, uint8_t ret_head[HEAD_MAX])
{
	size_t octets = 0;
	ret_head[0] = tag;
	if (length < 0x80) {
		ret_head[1] = (uint8_t)length;
		return 2;
	}
	while (length >> (8 * octets))
		octets++;
	ret_head[1] = (uint8_t)(0x80 | octets);
	for (size_t i = 0; i < octets; i++)
		ret_head[2 + i] = (uint8_t)(length >> (8 * (octets - 1 - i)));
	return 2 + octets;
}

void nr_pile_add_attribute(struct nr_pile *pile, enum nr_oid type, const uint8_t *value, size_t length)
{
	uint8_t name[HEAD_MAX], set[HEAD_MAX], whole[HEAD_MAX];
	size_t oid_length;
	const uint8_t *oid = nr_oid_bytes(type, &oid_length);
	size_t name_length = write_head(NR_DER_OID, oid_length, name),
	       set_length = write_head(NR_DER_SET, length, set);
	size_t whole_length =
		write_head(NR_DER_SEQUENCE, name_length + oid_length + set_length + length, whole);
	nr_pile_add(pile, whole, whole_length);
	nr_pile_add(pile, name, name_length);
	nr_pile_add(pile, oid, oid_length);
	nr_pile_add(pile, set, set_length);
	nr_pile_add(pile, value, length);
}

/* ---- parts ---- */

void nr_cms_parts_fini(struct nr_cms_parts *parts)
{
	nr_pile_fini(&parts->certificates);
	nr_pile_fini(&parts->lists);
	nr_pile_fini(&parts->signer);
	nr_pile_fini(&parts->unsigned_attributes);
}

static bool has_other_lists(const struct nr_der *lists)
{
	if (!lists->value)
		return false;
	struct nr_cursor c = nr_der_inside(lists);
	while (!c.failed && c.at < c.end) {
		struct nr_der list = nr_der_any(&c);
		if (list.tag == NR_DER_CONSTRUCTED(1))
			return true;
	}
	return false;
}

int nr_cms_parts_of(const struct nr_cms *cms, const struct nr_cms_signer *signer,
	struct nr_cms_parts *ret_parts, struct nr_error *error)
{
	struct nr_cms_parts parts = {
		.content_type = cms->content_type,
		.content = cms->content.value,
		.content_length = cms->content.length,
		.digest_algorithm = signer->digest_algorithm,
		.other_lists = has_other_lists(&cms->lists),
		.version = cms->version,
	};
	nr_pile_add(&parts.certificates, cms->certificates.value, cms->certificates.length);
	nr_pile_add(&parts.lists, cms->lists.value, cms->lists.length);
	const uint8_t *end = signer->signature.value + signer->signature.length;
	nr_pile_add(&parts.signer, signer->whole.value, (size_t)(end - signer->whole.value));
	nr_pile_add(&parts.unsigned_attributes, signer->unsigned_attributes.value,
		signer->unsigned_attributes.length);
	if (parts.certificates.failed || parts.lists.failed || parts.signer.failed ||
		parts.unsigned_attributes.failed) {
		nr_cms_parts_fini(&parts);
		return nr_fail(error, -ENOMEM, "out of memory");
	}
	*ret_parts = parts;
	return 0;
}

static int put_unsigned(struct nr_der_writer *w, const struct nr_cms_parts *parts, struct nr_error *error)
{
	const struct nr_pile *attributes = &parts->unsigned_attributes;
	if (!attributes->length)
		return 0;
	size_t mark = nr_der_mark(w);
	nr_der_put(w, attributes->bytes, attributes->length);
	if (w->failed)
		return 0;
	NR_AUTO(nr_freep) uint8_t *scratch = malloc(attributes->length);
	if (!scratch)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (!nr_der_sort(w->at, attributes->length, scratch, attributes->length))
		return nr_fail(error, -E2BIG, "a seal with %zu bytes of unsigned attributes: too many",
			attributes->length);
	nr_der_wrap(w, NR_DER_CONSTRUCTED(1), mark);
	return 0;
}

/* RFC 5652 section 5.1. */
static uint64_t version_of(const struct nr_cms_parts *parts)
{
	uint64_t least = parts->other_lists ? 5 : nr_oid_is(&parts->content_type, NR_OID_DATA) ? 1 : 3;
	return NR_MAX(least, NR_MIN(parts->version, (uint64_t)5));
}

static int put_message(struct nr_der_writer *w, const struct nr_cms_parts *parts, struct nr_error *error)
{
	int e = put_unsigned(w, parts, error);
	if (e)
		return e;
	nr_der_put(w, parts->signer.bytes, parts->signer.length);
	nr_der_wrap(w, NR_DER_SEQUENCE, 0);
	nr_der_wrap(w, NR_DER_SET, 0);
	size_t mark = nr_der_mark(w);
	if (parts->lists.length) {
		nr_der_put(w, parts->lists.bytes, parts->lists.length);
		nr_der_wrap(w, NR_DER_CONSTRUCTED(1), mark);
	}
	mark = nr_der_mark(w);
	if (parts->certificates.length) {
		nr_der_put(w, parts->certificates.bytes, parts->certificates.length);
		nr_der_wrap(w, NR_DER_CONSTRUCTED(0), mark);
	}
	mark = nr_der_mark(w);
	if (parts->content) {
		nr_der_put_value(w, NR_DER_OCTET_STRING, parts->content, parts->content_length);
		nr_der_wrap(w, NR_DER_CONSTRUCTED(0), mark);
	}
	nr_der_put_value(w, NR_DER_OID, parts->content_type.value, parts->content_type.length);
	nr_der_wrap(w, NR_DER_SEQUENCE, mark);
	mark = nr_der_mark(w);
	nr_der_put(w, parts->digest_algorithm.start, nr_der_size(&parts->digest_algorithm));
	nr_der_wrap(w, NR_DER_SET, mark);
	nr_der_put_uint(w, version_of(parts));
	nr_der_wrap(w, NR_DER_SEQUENCE, 0);
	nr_der_wrap(w, NR_DER_CONSTRUCTED(0), 0);
	nr_oid_put(w, NR_OID_SIGNED_DATA);
	nr_der_wrap(w, NR_DER_SEQUENCE, 0);
	return 0;
}

int nr_cms_write(
	const struct nr_cms_parts *parts, uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error)
{
	size_t room = parts->content_length + parts->certificates.length + parts->lists.length +
		      parts->signer.length + parts->unsigned_attributes.length + 512;
	uint8_t *buffer = malloc(room);
	if (!buffer)
		return nr_fail(error, -ENOMEM, "out of memory");
	struct nr_der_writer w;
	nr_der_writer_init(&w, buffer, room);
	int e = put_message(&w, parts, error);
	if (!e && w.failed)
		e = nr_fail(error, -E2BIG, "a seal that does not fit into %zu bytes", room);
	if (e) {
		free(buffer);
		return e;
	}
	size_t length = nr_der_mark(&w);
	memmove(buffer, w.at, length);
	*ret_bytes = buffer;
	*ret_length = length;
	return 0;
}
