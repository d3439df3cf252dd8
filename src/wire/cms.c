/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/cms.h"

#include <errno.h>

static int fail_at(struct nr_error *error, const char *what, const uint8_t *start, const struct nr_cursor *c)
{
	return nr_fail(
		error, -EBADMSG, "%s: wrong at byte %zu (RFC 5652 section 5)", what, (size_t)(c->at - start));
}

/* tag 0: of any kind. SIZE_MAX: what is none. */
static size_t count_elements(const struct nr_der *set, uint8_t tag)
{
	size_t count = 0;
	if (!set->value)
		return 0;
	struct nr_cursor c = nr_der_inside(set);
	for (; !c.failed && c.at < c.end; count++) {
		if (tag)
			nr_der_take(&c, tag);
		else
			nr_der_any(&c);
	}
	return c.failed ? SIZE_MAX : count;
}

int nr_cms_read(const uint8_t *bytes, size_t length, struct nr_cms *ret_cms, struct nr_error *error)
{
	size_t offset = 0;
	if (!nr_der_check_whole(bytes, length, &offset))
		return nr_fail(error, -EBADMSG, "signature: not DER at byte %zu (X.690)", offset);
	struct nr_cms cms = {.version = 0};
	struct nr_cursor c = nr_cursor_over(bytes, length);
	struct nr_cursor info = nr_der_open(&c, NR_DER_SEQUENCE);
	struct nr_der type = nr_der_take(&info, NR_DER_OID);
	if (info.failed || !nr_oid_is(&type, NR_OID_SIGNED_DATA))
		return nr_fail(error, -EBADMSG,
			"not a signature: the content is not SignedData (RFC 5652 section 5.1)");
	struct nr_cursor explicit = nr_der_open(&info, NR_DER_CONSTRUCTED(0));
	cms.signed_data = nr_der_take(&explicit, NR_DER_SEQUENCE);
	struct nr_cursor body = nr_der_inside(&cms.signed_data);
	cms.version = nr_der_uint(&body);
	nr_der_take(&body, NR_DER_SET); /* digestAlgorithms: each signer names its own */
	struct nr_cursor encapsulated = nr_der_open(&body, NR_DER_SEQUENCE);
	cms.content_type = nr_der_take(&encapsulated, NR_DER_OID);
	if (nr_der_next_is(&encapsulated, NR_DER_CONSTRUCTED(0))) {
		struct nr_cursor content = nr_der_open(&encapsulated, NR_DER_CONSTRUCTED(0));
		cms.content = nr_der_take(&content, NR_DER_OCTET_STRING);
		nr_der_close(&encapsulated, &content);
	}
	nr_der_close(&body, &encapsulated);
	nr_der_optional(&body, NR_DER_CONSTRUCTED(0), &cms.certificates);
	nr_der_optional(&body, NR_DER_CONSTRUCTED(1), &cms.lists);
	cms.signers = nr_der_take(&body, NR_DER_SET);
	nr_der_close(&explicit, &body);
	nr_der_close(&info, &explicit);
	nr_der_close(&c, &info);
	if (!nr_der_done(&c))
		return fail_at(error, "SignedData", bytes, &c);
	cms.signer_count = count_elements(&cms.signers, NR_DER_SEQUENCE);
	if (cms.signer_count > NR_CMS_SIGNERS_MAX)
		return nr_fail(error, -EBADMSG, "SignedData: more than %d signers, or what is none",
			NR_CMS_SIGNERS_MAX);
	if (count_elements(&cms.certificates, 0) > NR_CMS_CHOICES_MAX ||
		count_elements(&cms.lists, 0) > NR_CMS_CHOICES_MAX)
		return nr_fail(error, -EBADMSG,
			"SignedData: more than %d certificates, or as many revocation lists",
			NR_CMS_CHOICES_MAX);
	*ret_cms = cms;
	return 0;
}

/* AlgorithmIdentifier, whole and by name; parameters are absent or NULL for a name. */
static struct nr_der take_algorithm(struct nr_cursor *c, enum nr_oid *ret_oid)
{
	struct nr_der whole = nr_der_take(c, NR_DER_SEQUENCE);
	struct nr_cursor again = nr_cursor_over(
		whole.start ? whole.start : (const uint8_t *)"", whole.start ? nr_der_size(&whole) : 0);
	enum nr_oid oid = nr_oid_algorithm(&again);
	if (ret_oid)
		*ret_oid = oid;
	return whole;
}

/* The signature is over a SET OF in DER order: what is stored otherwise would be verified over other bytes
 * than those that are read. */
static bool is_sorted(const struct nr_der *attributes)
{
	struct nr_cursor c = nr_der_inside(attributes);
	struct nr_der before = {0};
	while (!c.failed && c.at < c.end) {
		struct nr_der next = nr_der_any(&c);
		if (c.failed)
			return false;
		size_t common = before.value ? NR_MIN(nr_der_size(&before), nr_der_size(&next)) : 0;
		int order = common ? memcmp(before.start, next.start, common) : 0;
		if (order > 0 || (order == 0 && before.value && nr_der_size(&before) >= nr_der_size(&next)))
			return false;
		before = next;
	}
	return !c.failed;
}

/* Attributes are what they should be, and few. */
static bool attributes_are_bounded(const struct nr_der *attributes)
{
	size_t count = 0;
	struct nr_cms_attribute attribute;
	if (!attributes->value)
		return true;
	struct nr_cursor c = nr_der_inside(attributes);
	while (nr_cms_next_attribute(&c, &attribute)) {
		size_t values = count_elements(&attribute.values, 0);
		if (values > NR_CMS_ATTRIBUTES_MAX ||
			(count += NR_MAX(values, (size_t)1)) > NR_CMS_ATTRIBUTES_MAX)
			return false;
	}
	return !c.failed;
}

int nr_cms_signer(
	const struct nr_cms *cms, size_t index, struct nr_cms_signer *ret_signer, struct nr_error *error)
{
	struct nr_cms_signer signer = {.digest = NR_OID_UNKNOWN};
	struct nr_cursor all = nr_der_inside(&cms->signers);
	for (size_t i = 0; i <= index; i++)
		signer.whole = nr_der_take(&all, NR_DER_SEQUENCE);
	struct nr_cursor body = nr_der_inside(&signer.whole);
	signer.version = nr_der_take(&body, NR_DER_INTEGER);
	signer.sid = nr_der_any(&body);
	if (!body.failed && signer.sid.tag != NR_DER_SEQUENCE && signer.sid.tag != NR_DER_CONTEXT(0))
		body.failed = true;
	signer.digest_algorithm = take_algorithm(&body, &signer.digest);
	nr_der_optional(&body, NR_DER_CONSTRUCTED(0), &signer.signed_attributes);
	signer.signature_algorithm = take_algorithm(&body, NULL);
	signer.signature = nr_der_take(&body, NR_DER_OCTET_STRING);
	nr_der_optional(&body, NR_DER_CONSTRUCTED(1), &signer.unsigned_attributes);
	bool by_key = signer.sid.tag == NR_DER_CONTEXT(0);
	if (!nr_der_done(&body) || !nr_der_equal(&signer.version, by_key ? "\3" : "\1", 1))
		return fail_at(error, "SignerInfo", cms->signers.start, &body);
	if (signer.signed_attributes.value && !is_sorted(&signer.signed_attributes))
		return nr_fail(error, -EBADMSG,
			"SignerInfo: the signed attributes are not in the order of DER, or one comes twice "
			"(RFC 5652 section 5.3)");
	if (!attributes_are_bounded(&signer.signed_attributes) ||
		!attributes_are_bounded(&signer.unsigned_attributes))
		return nr_fail(error, -EBADMSG,
			"SignerInfo: what is no attribute, or more than %d of them (RFC 5652 section 5.3)",
			NR_CMS_ATTRIBUTES_MAX);
	*ret_signer = signer;
	return 0;
}

bool nr_cms_next_attribute(struct nr_cursor *c, struct nr_cms_attribute *ret_attribute)
{
	if (c->failed || c->at == c->end)
		return false;
	struct nr_cursor attribute = nr_der_open(c, NR_DER_SEQUENCE);
	ret_attribute->type = nr_der_take(&attribute, NR_DER_OID);
	ret_attribute->values = nr_der_take(&attribute, NR_DER_SET);
	nr_der_close(c, &attribute);
	return !c->failed;
}

size_t nr_cms_find(const struct nr_der *attributes, enum nr_oid type, struct nr_der *ret_value)
{
	size_t count = 0;
	*ret_value = (struct nr_der){0};
	if (!attributes->value)
		return 0;
	struct nr_cursor c = nr_der_inside(attributes);
	struct nr_cms_attribute attribute;
	while (nr_cms_next_attribute(&c, &attribute)) {
		if (!nr_oid_is(&attribute.type, type))
			continue;
		struct nr_cursor values = nr_der_inside(&attribute.values);
		while (!values.failed && values.at < values.end) {
			struct nr_der value = nr_der_any(&values);
			if (count++ == 0)
				*ret_value = value;
		}
		if (attribute.values.length == 0)
			count += 2; /* an attribute without a value is none that one could rely on */
	}
	return count;
}
