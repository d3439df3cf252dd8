/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of pseudonyms: one file for each period in a folder of their own, which is their owner's alone and
 * lies outside of the archive, so that a copy of the one is not a copy of the other. Destroying a key makes
 * all pseudonyms of its period noise, in every copy of the archive, too: that is what erasure rests on where
 * a backup cannot be reached. Keys are 32 random octets of the kernel.
 *
 * A handle may be used by one thread; processes that share a folder agree on each period's key.
 */
#ifndef NR_SENSE_FLOW_LAW_KEYS_H
#define NR_SENSE_FLOW_LAW_KEYS_H

#include "base/time.h"

#include <limits.h>

#define NR_FLOW_KEY_BYTES 32

struct nr_flow_key {
	nr_time from, until; /* flows received in [from, until) */
	uint8_t secret[NR_FLOW_KEY_BYTES];
};
void nr_flow_key_wipe(struct nr_flow_key *key); /* NR_AUTO(nr_flow_key_wipe) */

/* Where the keys of an archive are unless somebody says otherwise: "ARCHIVE.keys". */
void nr_flow_keys_folder(const char *archive, char ret_folder[static PATH_MAX]);

struct nr_flow_keys;
/* The archive's folder is there. make: the keys' folder is made where it is not there, mode 0700. -EINVAL: it
 * lies in the archive, or the archive in it. -EPERM: it is not this user's alone. */
int nr_flow_keys_open(const char *folder, const char *archive, bool make, struct nr_flow_keys **ret_keys,
	struct nr_error *error);
void nr_flow_keys_close(struct nr_flow_keys *keys); /* NULL allowed */
void nr_flow_keys_closep(struct nr_flow_keys **keys);

/* The key of a moment; -ENOENT: there is none, or no longer. -EBADMSG: a file that is no key. */
int nr_flow_keys_find(
	struct nr_flow_keys *keys, nr_time at, struct nr_flow_key *ret_key, struct nr_error *error);
/* The same, made where there is none: durable before it is used. rotate: its life, from midnight UTC. */
int nr_flow_keys_take(struct nr_flow_keys *keys, nr_time at, nr_time rotate, struct nr_flow_key *ret_key,
	bool *ret_made, struct nr_error *error);

/* Destroys every key whose period ended at or before `before`: overwritten, synced, unlinked, the folder
 * synced. *ret_destroyed: how many, also on failure. */
int nr_flow_keys_destroy(
	struct nr_flow_keys *keys, nr_time before, uint64_t *ret_destroyed, struct nr_error *error);

#endif
