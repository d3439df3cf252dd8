/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noroshi world darknet: what the user asked for, and the two profiles that answer.
 */
#ifndef NR_TRAIN_WORLD_DARKNET_H
#define NR_TRAIN_WORLD_DARKNET_H

#include "base/option.h"
#include "base/progress.h"
#include "net/pcap_writer.h"
#include "train/world/geography.h"
#include "train/world/packet.h"

struct nr_darknet_conf {
	uint64_t seed, packets, sources;
	const char *out, *truth, *mmdb, *lists, *profile;
	struct nr_prefixes dark, own;
	struct nr_texts campaigns; /* to be injected, day_injected.c */
	nr_time start, duration;
	bool json;
};

#define NR_DARK_MAX 64 /* prefixes of a world's dark range */

/* The dark IPv4 ranges as one array of addresses, and the dark IPv6 prefix where there is one. */
struct nr_dark {
	uint32_t base[NR_DARK_MAX];
	uint64_t before[NR_DARK_MAX + 1]; /* addresses in the ranges before this one */
	size_t count;
	bool has_ipv6;
	struct nr_prefix ipv6; /* the first one */
};

/* -EINVAL: no IPv4 range, too many, overlapping. */
int nr_dark_init(struct nr_dark *dark, const struct nr_prefixes *prefixes, struct nr_error *error);

NR_INLINE uint64_t nr_dark_addresses(const struct nr_dark *dark)
{
	return dark->before[dark->count];
}

/* The dark address with this number, 0 .. nr_dark_addresses() - 1. */
NR_INLINE uint32_t nr_dark_address(const struct nr_dark *dark, uint64_t number)
{
	size_t i = 0;
	while (NR_UNLIKELY(number >= dark->before[i + 1]))
		i++;
	return dark->base[i] + (uint32_t)(number - dark->before[i]);
}

NR_INLINE uint32_t nr_dark_draw(const struct nr_dark *dark, struct nr_random *random)
{
	return nr_dark_address(dark, nr_random_below(random, nr_dark_addresses(dark)));
}

/* What --campaign takes; NULL-terminated. */
extern const char *const nr_day_campaigns[];
bool nr_day_is_campaign(const char *name);

/* One world in the making. Everything is owned by the command. */
struct nr_darknet {
	const struct nr_darknet_conf *conf;
	struct nr_dark dark;
	struct nr_geography *geography;
	struct nr_pcap_writer *pcap;
	struct nr_progress *progress; /* NULL: silent */
};

struct nr_darknet_totals {
	uint64_t packets, frames, bytes, sources;
	struct nr_prefix listed; /* the research scanners that only the list knows; length 0: none */
};

#define NR_LIST_NAME "world-research-scanners"

/* Finishes the JSON and writes it to a file of its own, with a newline at the end. */
int nr_darknet_write_json(const char *path, struct nr_json *json, struct nr_error *error);

/* The list of research scanners in the form of a MISP warning list (github.com/MISP/misp-warninglists). */
int nr_scanner_list_write(const char *path, const struct nr_prefix *listed, struct nr_error *error);

/* Write all frames to world->pcap and the truth (one JSON object) to truth. */
int nr_darknet_flat(struct nr_darknet *world, struct nr_json *truth, struct nr_darknet_totals *ret_totals,
	struct nr_error *error);
int nr_darknet_day(struct nr_darknet *world, struct nr_json *truth, struct nr_darknet_totals *ret_totals,
	struct nr_error *error);

/* The members that both truths begin with: world, profile, seed, packets ... last. */
void nr_darknet_truth_head(const struct nr_darknet *world, const struct nr_darknet_totals *totals,
	nr_time first, nr_time last, struct nr_json *json);

#endif
