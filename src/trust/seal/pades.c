/* SPDX-License-Identifier: Apache-2.0 */
/* PAdES as a form of seal: where its parts are in a PDF, and making B-B and B-T. */
#include "trust/seal/pades.h"

#include "trust/certificate/signature.h"

#include <errno.h>
#include <string.h>

#define FIELD_DEPTH_MAX 8
#define FIELDS_MAX      4096

/* ---- seals in a PDF ---- */

struct search {
	struct nr_pdf_reader *reader;
	struct nr_pades_seal *seals;
	size_t room, count, fields;
};

static int search_fields(struct search *search, const struct nr_pdf *array, bool signature, unsigned depth,
	struct nr_error *error);

/* The type is inherited from the field above (section 12.7.3.1). */
static int search_field(struct search *search, const struct nr_pdf *reference, bool signature, unsigned depth,
	struct nr_error *error)
{
	struct nr_pdf field, type, kids;
	if (search->fields++ == FIELDS_MAX || depth == FIELD_DEPTH_MAX)
		return nr_fail(error, -EBADMSG,
			"the PDF's form has more than %d fields, or they are nested deeply", FIELDS_MAX);
	int e = nr_pdf_reader_resolve(search->reader, reference, &field, error);
	if (!e)
		e = nr_pdf_reader_member(search->reader, &field, "FT", &type, error);
	if (!e)
		e = nr_pdf_reader_member(search->reader, &field, "Kids", &kids, error);
	if (e)
		return e;
	if (type.kind != NR_PDF_NONE)
		signature = nr_pdf_name_is(&type, "Sig");
	struct nr_pdf value = nr_pdf_get(&field, "V");
	if (signature && value.kind != NR_PDF_NONE && value.kind != NR_PDF_NULL) {
		struct nr_pades_seal seal = {.number = (uint32_t)value.integer};
		if (value.kind != NR_PDF_REFERENCE)
			return nr_fail(error, -EBADMSG, "a signature that is not an object of its own");
		if (search->count == search->room)
			return nr_fail(error, -EBADMSG, "more than %zu signatures", search->room);
		e = nr_pdf_reader_resolve(search->reader, &value, &seal.dictionary, error);
		search->seals[search->count++] = seal;
	}
	return e || kids.kind != NR_PDF_ARRAY ? e : search_fields(search, &kids, signature, depth + 1, error);
}

static int search_fields(struct search *search, const struct nr_pdf *array, bool signature, unsigned depth,
	struct nr_error *error)
{
	struct nr_cursor c = nr_pdf_inside(array);
	struct nr_pdf reference;
	int e = 0;
	while (!e && nr_pdf_next(&c, &reference))
		e = search_field(search, &reference, signature, depth, error);
	return e;
}

int nr_pades_find(struct nr_pdf_reader *reader, struct nr_pades_seal *ret_seals, size_t room,
	size_t *ret_count, struct nr_error *error)
{
	struct search search = {.reader = reader, .seals = ret_seals, .room = room};
	struct nr_pdf root, form = {.kind = NR_PDF_NONE}, fields = {.kind = NR_PDF_NONE};
	int e = nr_pdf_reader_member(reader, &reader->trailer, "Root", &root, error);
	if (!e)
		e = nr_pdf_reader_member(reader, &root, "AcroForm", &form, error);
	if (!e)
		e = nr_pdf_reader_member(reader, &form, "Fields", &fields, error);
	if (!e)
		e = search_fields(&search, &fields, false, 0, error);
	*ret_count = search.count;
	return e;
}

/* ---- ranges ---- */

int nr_pades_ranges(const struct nr_pdf_reader *reader, struct nr_pades_seal *seal, struct nr_error *error)
{
	struct nr_pdf range, contents, number;
	const struct nr_pdf_entry *entry = nr_pdf_reader_entry(reader, seal->number);
	uint64_t numbers[4] = {0};
	size_t count = 0;
	if (!entry || entry->where != NR_PDF_AT)
		return nr_fail(error, -EBADMSG, "the signature lies in a compressed stream");
	if (nr_pdf_count(&seal->dictionary, "ByteRange", &range) != 1 ||
		nr_pdf_count(&seal->dictionary, "Contents", &contents) != 1 || range.kind != NR_PDF_ARRAY ||
		contents.kind != NR_PDF_HEX)
		return nr_fail(error, -EBADMSG, "a signature without one /ByteRange and one /Contents");
	struct nr_cursor c = nr_pdf_inside(&range);
	for (; nr_pdf_next(&c, &number); count++) {
		if (count == 4 || number.kind != NR_PDF_INTEGER || number.integer < 0)
			return nr_fail(error, -EBADMSG, "/ByteRange is not two ranges");
		numbers[count] = (uint64_t)number.integer;
	}
	size_t before = (size_t)(contents.start - reader->bytes), after = before + contents.length;
	if (count != 4 || c.failed)
		return nr_fail(error, -EBADMSG, "/ByteRange is not two ranges");
	if (numbers[0] != 0 || numbers[1] != before || numbers[2] != after)
		return nr_fail(error, -EBADMSG,
			"/ByteRange leaves out other than exactly /Contents (gap, overlap or another place)");
	if (numbers[3] > reader->length - after)
		return nr_fail(error, -EBADMSG, "/ByteRange goes beyond the end of the file");
	seal->before = before;
	seal->after = after;
	seal->end = after + (size_t)numbers[3];
	return 0;
}

bool nr_pades_digest(
	const uint8_t *pdf, const struct nr_pades_seal *seal, enum nr_oid digest, uint8_t ret_hash[64])
{
	const EVP_MD *md = nr_digest_of(digest);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = md && context && EVP_DigestInit_ex(context, md, NULL) == 1 &&
		    EVP_DigestUpdate(context, pdf, seal->before) == 1 &&
		    EVP_DigestUpdate(context, pdf + seal->after, seal->end - seal->after) == 1 &&
		    EVP_DigestFinal_ex(context, ret_hash, NULL) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

int nr_pades_message(const uint8_t *pdf, const struct nr_pades_seal *seal, uint8_t **ret_bytes,
	size_t *ret_length, struct nr_error *error)
{
	struct nr_pdf contents = {
		.start = pdf + seal->before, .length = seal->after - seal->before, .kind = NR_PDF_HEX};
	NR_AUTO(nr_freep) uint8_t *bytes = malloc(contents.length);
	if (!bytes)
		return nr_fail(error, -ENOMEM, "out of memory");
	ssize_t length = nr_pdf_hex(&contents, bytes, contents.length);
	struct nr_cursor c = nr_cursor_over(bytes, length > 0 ? (size_t)length : 0);
	struct nr_der message = nr_der_any(&c);
	if (length <= 0 || c.failed || message.tag != NR_DER_SEQUENCE)
		return nr_fail(error, -EBADMSG, "/Contents does not hold a signature");
	for (; c.at < c.end; c.at++) {
		if (*c.at)
			return nr_fail(error, -EBADMSG,
				"/Contents holds something behind the signature: zeros alone may be there");
	}
	*ret_length = nr_der_size(&message);
	*ret_bytes = nr_steal(&bytes);
	return 0;
}

/* ---- making ---- */

/* The message into its place, over zeros or an older one. */
static int put_message(uint8_t *pdf, const struct nr_pades_seal *seal, const uint8_t *message, size_t length,
	struct nr_error *error)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *hex = pdf + seal->before + 1;
	size_t room = (seal->after - seal->before - 2) / 2;
	if (length > room)
		return nr_fail(error, -E2BIG,
			"the PDF has room for a signature of %zu bytes, and this one has %zu: seal it anew",
			room, length);
	memset(hex, '0', 2 * room);
	for (size_t i = 0; i < length; i++) {
		hex[2 * i] = (uint8_t)digits[message[i] >> 4];
		hex[2 * i + 1] = (uint8_t)digits[message[i] & 15];
	}
	return 0;
}

static struct nr_pades_seal reserved_at(size_t place, size_t length)
{
	return (struct nr_pades_seal){
		.before = place, .after = place + 2 * (size_t)NR_PADES_RESERVED + 2, .end = length};
}

static int draft(const struct nr_seal_maker *maker, enum nr_seal_form form, const struct nr_seal_data *data,
	struct nr_seal_draft *draft, struct nr_error *error)
{
	(void)form;
	uint8_t hash[NR_DIGEST_MAX];
	if (maker->level > NR_SEAL_BT)
		return nr_fail(error, -EINVAL, "PAdES seals are made up to B-T: --level B-T");
	int e = nr_pades_prepare(data->bytes, data->length, maker->now, &draft->rest, &draft->place, error);
	if (e)
		return e;
	struct nr_pades_seal seal = reserved_at(draft->place, draft->rest.length);
	if (!nr_pades_digest(draft->rest.bytes, &seal, nr_cades_digest(maker->keys), hash))
		return nr_fail(error, -EIO, "the PDF cannot be hashed");
	/* the time is /M; the attribute must not be there (EN 319 142-1 clause 6.3) */
	struct nr_cades_attributes attributes = {.claimed = NR_TIME_MIN};
	return nr_cades_attributes_write(maker->keys, &attributes, hash, &draft->to_sign, error);
}

static int finish(const struct nr_seal_maker *maker, enum nr_seal_form form, const struct nr_seal_data *data,
	const struct nr_seal_draft *draft, uint8_t **ret_seal, size_t *ret_length, struct nr_error *error)
{
	(void)form;
	(void)data;
	struct nr_cms_parts parts;
	NR_AUTO(nr_freep) uint8_t *message = NULL, *pdf = malloc(draft->rest.length);
	size_t length;
	if (!pdf)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_cades_assemble(maker->keys, &draft->to_sign, &draft->signature, NULL, &parts, error);
	if (e)
		return e;
	e = nr_cms_write(&parts, &message, &length, error);
	nr_cms_parts_fini(&parts);
	memcpy(pdf, draft->rest.bytes, draft->rest.length);
	struct nr_pades_seal seal = reserved_at(draft->place, draft->rest.length);
	if (!e)
		e = put_message(pdf, &seal, message, length, error);
	if (e)
		return e;
	*ret_seal = nr_steal(&pdf);
	*ret_length = draft->rest.length;
	return 0;
}

/* The seal that covers the file's last revision: of another the message may not change any more, because
 * later seals cover it. */
static int find_last(struct nr_pdf_reader *reader, struct nr_pades_seal *ret_seal, struct nr_error *error)
{
	struct nr_pades_seal seals[NR_PADES_SEALS_MAX];
	size_t count;
	int e = nr_pades_find(reader, seals, NR_COUNT(seals), &count, error);
	for (size_t i = 0; !e && i < count; i++) {
		size_t at;
		if (nr_pades_ranges(reader, &seals[i], error) == 0 &&
			nr_pdf_startxref(reader->bytes, seals[i].end, &at) && at == reader->newest) {
			*ret_seal = seals[i];
			return 0;
		}
	}
	return e ? e
		 : nr_fail(error, -EINVAL,
			   "no seal covers the PDF as it is now: something was added later; seal it anew");
}

/* The message lies outside of what is signed: a token can be added to it as long as there is room. */
static int lift(const struct nr_seal_maker *maker, const uint8_t *seal, size_t length,
	const struct nr_seal_data *data, uint8_t **ret_seal, size_t *ret_length, struct nr_error *error)
{
	(void)data;
	struct nr_pdf_reader reader;
	struct nr_pades_seal last;
	NR_AUTO(nr_freep) uint8_t *message = NULL, *lifted = NULL, *pdf = NULL;
	size_t message_length, lifted_length;
	if (maker->level > NR_SEAL_BT)
		return nr_fail(error, -EINVAL, "PAdES seals are made up to B-T: --level B-T");
	int e = nr_pdf_reader_open(seal, length, &reader, error);
	if (e)
		return e;
	e = find_last(&reader, &last, error);
	nr_pdf_reader_fini(&reader);
	if (!e)
		e = nr_pades_message(seal, &last, &message, &message_length, error);
	if (!e)
		e = nr_cades_lift(maker, message, message_length, NULL, &lifted, &lifted_length, error);
	if (e)
		return e;
	pdf = malloc(length);
	if (!pdf)
		return nr_fail(error, -ENOMEM, "out of memory");
	memcpy(pdf, seal, length);
	e = put_message(pdf, &last, lifted, lifted_length, error);
	if (e)
		return e;
	*ret_seal = nr_steal(&pdf);
	*ret_length = length;
	return 0;
}

const struct nr_seal_format nr_pades_format = {
	.purpose = NR_SIGN_SEAL,
	.draft = draft,
	.finish = finish,
	.lift = lift,
	.verify = nr_pades_verify,
};
