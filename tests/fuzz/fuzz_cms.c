/* SPDX-License-Identifier: Apache-2.0 */
/* CMS SignedData: every part that is pointed at lies in the input, and the limits hold. */
#include "wire/cms.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(const struct nr_der *element, const uint8_t *data, size_t size)
{
	return !element->value || (element->start >= data && element->value + element->length <= data + size);
}

static void go_through(const struct nr_der *attributes, const uint8_t *data, size_t size)
{
	struct nr_cms_attribute attribute;
	struct nr_der value;
	unsigned count = 0;
	if (!attributes->value)
		return;
	struct nr_cursor c = nr_der_inside(attributes);
	while (nr_cms_next_attribute(&c, &attribute)) {
		assert(inside(&attribute.type, data, size) && inside(&attribute.values, data, size));
		count++;
	}
	assert(!c.failed && count <= NR_CMS_ATTRIBUTES_MAX);
	size_t found = nr_cms_find(attributes, NR_OID_MESSAGE_DIGEST, &value);
	assert(inside(&value, data, size) && (found > 0 || !value.value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nr_cms cms;
	struct nr_error error;
	if (nr_cms_read(data, size, &cms, &error) != 0)
		return 0;
	assert(cms.signer_count <= NR_CMS_SIGNERS_MAX && inside(&cms.content, data, size) &&
		inside(&cms.certificates, data, size) && inside(&cms.lists, data, size));
	for (size_t i = 0; i < cms.signer_count; i++) {
		struct nr_cms_signer signer;
		if (nr_cms_signer(&cms, i, &signer, &error) != 0)
			continue;
		assert(inside(&signer.whole, data, size) && inside(&signer.signature, data, size));
		go_through(&signer.signed_attributes, data, size);
		go_through(&signer.unsigned_attributes, data, size);
	}
	return 0;
}
