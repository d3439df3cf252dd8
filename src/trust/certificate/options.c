/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/certificate/options.h"

#include <errno.h>

static int add_all(struct nr_material *material, const struct nr_texts *paths,
	int (*add)(struct nr_material *, const char *, struct nr_error *), struct nr_error *error)
{
	int e = 0;
	for (size_t i = 0; i < paths->count && !e; i++)
		e = add(material, paths->items[i], error);
	return e;
}

int nr_material_read(
	const struct nr_material_conf *conf, struct nr_material *ret_material, struct nr_error *error)
{
	if (!conf->ca.count)
		return nr_fail(error, -EINVAL, "whom to trust? name the authority's certificate: --ca PEM");
	struct nr_material material;
	int e = nr_material_init(&material, error);
	if (e)
		return e;
	e = add_all(&material, &conf->ca, nr_material_add_anchors, error);
	if (!e)
		e = add_all(&material, &conf->certificates, nr_material_add_certificates, error);
	if (!e)
		e = add_all(&material, &conf->crls, nr_material_add_crls, error);
	if (!e)
		e = add_all(&material, &conf->answers, nr_material_add_answers, error);
	if (e) {
		nr_material_fini(&material);
		return e;
	}
	*ret_material = material;
	return 0;
}
