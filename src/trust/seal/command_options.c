/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/seal/command_options.h"

#include <errno.h>
#include <string.h>

const char *const nr_seal_levels[] = {"B-B", "B-T", "B-LT", "B-LTA", NULL};

static enum nr_seal_level level_of(const char *name)
{
	enum nr_seal_level level = NR_SEAL_BB;
	while (strcmp(nr_seal_level_names[level], name) != 0) /* a choice: one of them */
		level++;
	return level;
}

/* A file of the folder of keys, where it is there. */
static int add_own(const struct nr_keys_conf *keys, const char *name, struct nr_material *material,
	int (*add)(struct nr_material *, const char *, struct nr_error *), struct nr_error *error)
{
	char path[4096];
	int e = nr_keys_path(keys, name, path, sizeof path, error);
	return e || access(path, F_OK) != 0 ? e : add(material, path, error);
}

static int read_material(const struct nr_seal_maker_conf *conf, const struct nr_keys_conf *keys,
	struct nr_material *material, struct nr_error *error)
{
	bool own = !conf->material.ca.count && keys && keys->folder;
	if (!own)
		return nr_material_read(&conf->material, material, error);
	int e = nr_material_init(material, error);
	if (!e)
		e = add_own(keys, "ca.pem", material, nr_material_add_anchors, error);
	if (!e)
		e = add_own(keys, "ca.crl", material, nr_material_add_crls, error);
	for (size_t i = 0; !e && i < conf->material.certificates.count; i++)
		e = nr_material_add_certificates(material, conf->material.certificates.items[i], error);
	for (size_t i = 0; !e && i < conf->material.crls.count; i++)
		e = nr_material_add_crls(material, conf->material.crls.items[i], error);
	for (size_t i = 0; !e && i < conf->material.answers.count; i++)
		e = nr_material_add_answers(material, conf->material.answers.items[i], error);
	return e;
}

int nr_seal_maker_read(const struct nr_seal_maker_conf *conf, const struct nr_keys_conf *keys,
	struct nr_material *ret_material, struct nr_seal_maker *ret_maker, struct nr_error *error)
{
	*ret_material = (struct nr_material){.anchors = NULL};
	ret_maker->level = level_of(conf->level);
	ret_maker->tsa = conf->tsa;
	ret_maker->tsa_ca = conf->tsa_ca;
	ret_maker->now = nr_time_now();
	if (ret_maker->level > NR_SEAL_BB && !conf->tsa)
		return nr_fail(error, -EINVAL, "a seal of level %s needs a time-stamp authority: --tsa URL",
			conf->level);
	if (ret_maker->level < NR_SEAL_BLT)
		return 0;
	ret_maker->material = ret_material;
	return read_material(conf, keys, ret_material, error);
}
