/* SPDX-License-Identifier: Apache-2.0 */
/* CAdES as a form of seal. */
#include "trust/certificate/signature.h"
#include "trust/seal/form.h"

#include <errno.h>

static int draft(const struct nr_seal_maker *maker, enum nr_seal_form form, const struct nr_seal_data *data,
	struct nr_seal_draft *draft, struct nr_error *error)
{
	(void)form;
	uint8_t hash[NR_DIGEST_MAX];
	enum nr_oid digest = nr_cades_digest(maker->keys);
	bool known = data->bytes ? nr_digest(digest, data->bytes, data->length, hash)
				 : data->digest(data->context, digest, hash);
	if (!known)
		return nr_fail(error, -EIO, "the data cannot be hashed");
	struct nr_cades_attributes attributes = {
		.claimed = maker->now,
		.type = maker->attached ? NULL : "application/octet-stream",
	};
	return nr_cades_attributes_write(maker->keys, &attributes, hash, &draft->to_sign, error);
}

static int finish(const struct nr_seal_maker *maker, enum nr_seal_form form, const struct nr_seal_data *data,
	const struct nr_seal_draft *draft, uint8_t **ret_seal, size_t *ret_length, struct nr_error *error)
{
	(void)form;
	struct nr_cms_parts parts;
	int e = nr_cades_assemble(maker->keys, &draft->to_sign, &draft->signature,
		maker->attached ? data : NULL, &parts, error);
	if (e)
		return e;
	e = nr_cms_write(&parts, ret_seal, ret_length, error);
	nr_cms_parts_fini(&parts);
	return e;
}

const struct nr_seal_format nr_cades_format = {
	.purpose = NR_SIGN_SEAL,
	.draft = draft,
	.finish = finish,
	.lift = nr_cades_lift,
	.verify = nr_cades_verify,
};
