/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the world's address plan as a MaxMind DB file, format 2.0 (maxmind.github.io/MaxMind-DB): what a
 * telescope needs to name countries and networks of the world's sources, IPv4 and IPv6. Records:
 * country.iso_code, country.names.en, autonomous_system_number, autonomous_system_organization.
 */
#ifndef NR_TRAIN_WORLD_MMDB_H
#define NR_TRAIN_WORLD_MMDB_H

#include "base/time.h"
#include "train/world/geography.h"

/* The same plan and build time give the same bytes. */
int nr_mmdb_write(
	const char *path, const struct nr_geography *geography, nr_time build, struct nr_error *error);

#endif
