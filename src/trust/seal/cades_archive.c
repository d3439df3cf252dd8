/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/certificate/signature.h"
#include "trust/seal/cades.h"

#include <errno.h>
#include <openssl/evp.h>

#define ENTRIES_MAX NR_CMS_CHOICES_MAX /* hashes in one list of an index */

/* ---- hashes of what is there ---- */

/* Hashes of `digest`, one after the other. */
struct hashes {
	struct nr_pile pile;
	size_t size; /* of one */
};

static size_t count_of(const struct hashes *hashes)
{
	return hashes->pile.length / hashes->size;
}

static bool add_hash(struct hashes *hashes, enum nr_oid digest, const void *bytes, size_t length)
{
	uint8_t hash[NR_DIGEST_MAX];
	if (!nr_digest(digest, bytes, length, hash))
		return false;
	nr_pile_add(&hashes->pile, hash, hashes->size);
	return !hashes->pile.failed;
}

/* One for each element of [0] certificates or [1] crls. */
static bool hash_elements(const struct nr_der *elements, enum nr_oid digest, struct hashes *hashes)
{
	if (!elements->value)
		return true;
	struct nr_cursor c = nr_der_inside(elements);
	while (!c.failed && c.at < c.end) {
		struct nr_der element = nr_der_any(&c);
		if (c.failed || !add_hash(hashes, digest, element.start, nr_der_size(&element)))
			return false;
	}
	return !c.failed;
}

/* H(type || value) for each value of each attribute (clause 5.5.2). */
static bool hash_values(const struct nr_cms_attribute *attribute, enum nr_oid digest, struct hashes *hashes)
{
	NR_AUTO(nr_pile_fini) struct nr_pile both = {.bytes = NULL};
	struct nr_cursor values = nr_der_inside(&attribute->values);
	while (!values.failed && values.at < values.end) {
		struct nr_der value = nr_der_any(&values);
		both.length = 0;
		nr_pile_add(&both, attribute->type.start, nr_der_size(&attribute->type));
		nr_pile_add(&both, value.start, values.failed ? 0 : nr_der_size(&value));
		if (values.failed || both.failed || !add_hash(hashes, digest, both.bytes, both.length))
			return false;
	}
	return !values.failed;
}

static bool hash_attributes(const struct nr_der *attributes, enum nr_oid digest, struct hashes *hashes)
{
	if (!attributes->value)
		return true;
	struct nr_cursor c = nr_der_inside(attributes);
	struct nr_cms_attribute attribute;
	while (nr_cms_next_attribute(&c, &attribute)) {
		if (!hash_values(&attribute, digest, hashes))
			return false;
	}
	return !c.failed;
}

enum { CERTIFICATES, LISTS, ATTRIBUTES, KINDS };

static bool hash_all(const struct nr_cms *cms, const struct nr_cms_signer *signer, enum nr_oid digest,
	struct hashes ret_hashes[KINDS])
{
	for (int i = 0; i < KINDS; i++)
		ret_hashes[i] = (struct hashes){.size = nr_oid_digest_bytes(digest)};
	return hash_elements(&cms->certificates, digest, &ret_hashes[CERTIFICATES]) &&
	       hash_elements(&cms->lists, digest, &ret_hashes[LISTS]) &&
	       hash_attributes(&signer->unsigned_attributes, digest, &ret_hashes[ATTRIBUTES]);
}

static void hashes_fini(struct hashes hashes[KINDS])
{
	for (int i = 0; i < KINDS; i++)
		nr_pile_fini(&hashes[i].pile);
}

/* ---- writing an index ---- */

static int compare32(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}
static int compare48(const void *a, const void *b)
{
	return memcmp(a, b, 48);
}
static int compare64(const void *a, const void *b)
{
	return memcmp(a, b, 64);
}

static void put_list(struct nr_der_writer *w, struct hashes *hashes)
{
	size_t mark = nr_der_mark(w), count = count_of(hashes);
	if (count)
		qsort(hashes->pile.bytes, count, hashes->size,
			hashes->size == 32   ? compare32
			: hashes->size == 48 ? compare48
					     : compare64);
	for (size_t i = count; i-- > 0;)
		nr_der_put_value(w, NR_DER_OCTET_STRING, hashes->pile.bytes + i * hashes->size, hashes->size);
	nr_der_wrap(w, NR_DER_SEQUENCE, mark);
}

int nr_archive_index_write(const struct nr_cms *cms, const struct nr_cms_signer *signer, enum nr_oid digest,
	struct nr_pile *ret_index, struct nr_error *error)
{
	struct hashes hashes[KINDS];
	size_t room = 256;
	if (!hash_all(cms, signer, digest, hashes)) {
		hashes_fini(hashes);
		return nr_fail(error, -ENOMEM, "the index of an archive token cannot be made");
	}
	for (int i = 0; i < KINDS; i++)
		room += count_of(&hashes[i]) * (hashes[i].size + 4);
	NR_AUTO(nr_freep) uint8_t *buffer = malloc(room);
	int e = buffer ? 0 : -ENOMEM;
	if (!e) {
		struct nr_der_writer w;
		nr_der_writer_init(&w, buffer, room);
		for (int i = KINDS; i-- > 0;)
			put_list(&w, &hashes[i]);
		nr_oid_put_algorithm(&w, digest, false); /* always written (clause 5.5.2) */
		nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
		nr_pile_add(ret_index, w.at, w.failed ? 0 : nr_der_mark(&w));
		e = w.failed || ret_index->failed ? -ENOMEM : 0;
	}
	hashes_fini(hashes);
	return e ? nr_fail(error, e, "out of memory") : 0;
}

/* ---- reading one ---- */

/* What is there and not in the index, is uncovered; what the index has and is nowhere, missing. */
static bool check_list(struct nr_cursor *c, const struct hashes *hashes, struct nr_archive_cover *cover)
{
	bool indexed[NR_CMS_CHOICES_MAX] = {false};
	struct nr_cursor list = nr_der_open(c, NR_DER_SEQUENCE);
	size_t count = count_of(hashes), entries = 0;
	if (count > NR_COUNT(indexed))
		return false;
	while (!list.failed && list.at < list.end) {
		struct nr_der hash = nr_der_take(&list, NR_DER_OCTET_STRING);
		bool there = false;
		if (list.failed || ++entries > ENTRIES_MAX || hash.length > NR_DIGEST_MAX)
			return false;
		for (size_t i = 0; i < count; i++) { /* the same may be there twice */
			bool same = nr_der_equal(&hash, hashes->pile.bytes + i * hashes->size, hashes->size);
			indexed[i] = indexed[i] || same;
			there = there || same;
		}
		cover->missing += !there;
	}
	cover->indexed += entries;
	for (size_t i = 0; i < count; i++)
		cover->uncovered += !indexed[i];
	nr_der_close(c, &list);
	return !c->failed;
}

int nr_archive_index_check(const struct nr_cms *cms, const struct nr_cms_signer *signer,
	const struct nr_der *index, enum nr_oid digest, struct nr_archive_cover *ret_cover,
	struct nr_error *error)
{
	struct nr_archive_cover cover = {0};
	struct hashes hashes[KINDS];
	bool good = hash_all(cms, signer, digest, hashes);
	struct nr_cursor c = nr_der_inside(index);
	good = good && index->tag == NR_DER_SEQUENCE && nr_oid_algorithm(&c) == digest && !c.failed;
	for (int i = 0; good && i < KINDS; i++)
		good = check_list(&c, &hashes[i], &cover);
	good = good && nr_der_done(&c);
	hashes_fini(hashes);
	if (!good)
		return nr_fail(error, -EBADMSG,
			"not an index of what an archive token covers, or of another digest (EN 319 122-1 "
			"clause 5.5.2)");
	*ret_cover = cover;
	return 0;
}

/* ---- the imprint ---- */

bool nr_archive_imprint(const struct nr_cms *cms, const struct nr_cms_signer *signer,
	const uint8_t *content_hash, const uint8_t *index, size_t index_length, enum nr_oid digest,
	uint8_t ret_imprint[64])
{
	const EVP_MD *md = nr_digest_of(digest);
	EVP_MD_CTX *context = md ? EVP_MD_CTX_new() : NULL;
	const struct nr_der *parts[] = {&signer->version, &signer->sid, &signer->digest_algorithm,
		&signer->signed_attributes, &signer->signature_algorithm, &signer->signature};
	bool good = context && EVP_DigestInit_ex(context, md, NULL) == 1;
	good = good &&
	       EVP_DigestUpdate(context, cms->content_type.start, nr_der_size(&cms->content_type)) == 1 &&
	       EVP_DigestUpdate(context, content_hash, nr_oid_digest_bytes(digest)) == 1;
	for (size_t i = 0; good && i < NR_COUNT(parts); i++)
		good = parts[i]->start &&
		       EVP_DigestUpdate(context, parts[i]->start, nr_der_size(parts[i])) == 1;
	good = good && EVP_DigestUpdate(context, index, index_length) == 1 &&
	       EVP_DigestFinal_ex(context, ret_imprint, NULL) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

int nr_archive_token_write(const uint8_t *token, size_t length, const struct nr_pile *index,
	uint8_t **ret_token, size_t *ret_length, struct nr_error *error)
{
	struct nr_cms cms;
	struct nr_cms_signer signer;
	struct nr_cms_parts parts;
	int e = nr_cms_read(token, length, &cms, error);
	if (!e)
		e = nr_cms_signer(&cms, 0, &signer, error);
	if (!e)
		e = nr_cms_parts_of(&cms, &signer, &parts, error);
	if (e)
		return e;
	nr_pile_add_attribute(
		&parts.unsigned_attributes, NR_OID_ATS_HASH_INDEX_V3, index->bytes, index->length);
	e = parts.unsigned_attributes.failed ? nr_fail(error, -ENOMEM, "out of memory")
					     : nr_cms_write(&parts, ret_token, ret_length, error);
	nr_cms_parts_fini(&parts);
	return e;
}
