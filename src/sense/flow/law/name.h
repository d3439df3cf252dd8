/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients are called while a key lives: the way from an address to its pseudonym, for those who know the
 * address from elsewhere (a darknet that it knocked at). The way back is identify.h alone. Whoever asks
 * records the use first.
 */
#ifndef NR_SENSE_FLOW_LAW_NAME_H
#define NR_SENSE_FLOW_LAW_NAME_H

#include "base/address.h"
#include "base/error.h"
#include "base/time.h"

/* Replaces each address that is a client by its pseudonym of the period in which `received` lies; others
 * become all zero: they are nobody whose flows are kept under a name. Where the archive keeps clients as they
 * are, they stay. keys: folder of the keys; NULL: "ARCHIVE.keys". -ENOENT: no flow was kept in that period,
 * or its key is destroyed. */
int nr_flow_names(const char *archive, const char *keys, nr_time received, struct nr_address *addresses,
	size_t count, struct nr_error *error);

#endif
