/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ledgers of tests: a folder on a memory file system, a key of RFC 8032, entries that say their index. Only
 * here a key is used without the signer.
 */
#ifndef NR_TEST_LEDGER_RIG_H
#define NR_TEST_LEDGER_RIG_H

#include "trust/ledger/checkpoint.h"
#include "trust/ledger/ledger.h"
#include "trust/ledger/note.h"
#include "trust_vectors.h"

#include <errno.h>
#include <sys/stat.h>

#define RIG_ORIGIN "log.example/vectors"

struct rig_key {
	EVP_PKEY *key;
	uint8_t public[32];
	const char *name;
	unsigned long calls;
};

/* RFC 8032 section 7.1, TEST 1 and TEST 2 */
static inline void rig_key_init(struct rig_key *k, unsigned which, const char *name)
{
	static const char *const seeds[] = {
		"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"};
	uint8_t seed[32];
	size_t length = sizeof k->public;
	hex_parse(seeds[which], seed, sizeof seed);
	*k = (struct rig_key){.name = name};
	k->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
	if (!k->key || EVP_PKEY_get_raw_public_key(k->key, k->public, &length) != 1)
		abort();
}

static inline void rig_sign_bytes(
	const struct rig_key *k, const void *message, size_t length, uint8_t signature[static 64])
{
	size_t size = 64;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	if (EVP_DigestSignInit(md, NULL, NULL, NULL, k->key) != 1 ||
		EVP_DigestSign(md, signature, &size, message, length) != 1)
		abort();
	EVP_MD_CTX_free(md);
}

/* For struct nr_ledger_conf. */
static inline int rig_sign(void *context, const char *text, size_t text_length, char *note, size_t *length,
	struct nr_error *error)
{
	struct rig_key *k = context;
	uint8_t signature[64];
	size_t room = *length;
	k->calls++;
	rig_sign_bytes(k, text, text_length, signature);
	*length = (size_t)snprintf(note, room, "%.*s\n", (int)text_length, text);
	return nr_note_add_line(note, length, room, k->name,
		nr_note_id(k->name, NR_NOTE_ED25519, k->public, 32), signature, 64, error);
}

/* A new folder; its path is static. */
static inline const char *rig_folder(void)
{
	static char folder[64];
	snprintf(folder, sizeof folder, "%s/noroshi-ledger-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(folder))
		abort();
	return folder;
}

static inline void rig_remove(const char *folder)
{
	char command[256];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	if (system(command) != 0)
		abort();
}

static inline void rig_copy(const char *from, const char *to)
{
	char command[512];
	snprintf(command, sizeof command, "rm -rf '%s' && cp -a '%s' '%s'", to, from, to);
	if (system(command) != 0)
		abort();
}

static inline struct nr_ledger_conf rig_conf(const char *folder, struct rig_key *key)
{
	return (struct nr_ledger_conf){.folder = folder,
		.origin = key ? key->name : NULL,
		.sign = key ? rig_sign : NULL,
		.sign_context = key};
}

static inline size_t rig_entry(uint64_t index, char text[static 32])
{
	return (size_t)snprintf(text, 32, "entry %llu", (unsigned long long)index);
}

#define RIG_BATCH_MAX 1024
/* Appends the entries from first on, which must be their indices. */
static inline int rig_append(struct nr_ledger *ledger, uint64_t first, size_t count, struct nr_error *error)
{
	while (count) {
		static _Thread_local char texts[RIG_BATCH_MAX][32];
		struct nr_ledger_entry entries[RIG_BATCH_MAX];
		size_t part = NR_MIN(count, (size_t)RIG_BATCH_MAX);
		uint64_t got;
		for (size_t i = 0; i < part; i++)
			entries[i] = (struct nr_ledger_entry){texts[i], rig_entry(first + i, texts[i])};
		int e = nr_ledger_append(ledger, entries, part, &got, error);
		if (e)
			return e;
		if (got != first)
			return nr_fail(error, -EPROTO, "entry %llu became %llu", (unsigned long long)first,
				(unsigned long long)got);
		first += part;
		count -= part;
	}
	return 0;
}

static inline bool rig_holds(struct nr_ledger *ledger, uint64_t index)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	char wanted[32];
	size_t length, wanted_length = rig_entry(index, wanted);
	struct nr_error error;
	if (nr_ledger_read(ledger, index, &bytes, &length, &error)) {
		printf("# %s\n", error.text);
		return false;
	}
	return length == wanted_length && memcmp(bytes, wanted, length) == 0;
}

/* The entry is in the published tree, by its proof. */
static inline bool rig_proves(struct nr_ledger *ledger, uint64_t index)
{
	struct nr_hash root, leaf;
	struct nr_proof proof;
	char text[32];
	uint64_t size = nr_ledger_published(ledger, &root);
	nr_merkle_leaf(text, rig_entry(index, text), &leaf);
	return rig_holds(ledger, index) &&
	       nr_ledger_prove_inclusion(ledger, index, size, &proof, NULL) == 0 &&
	       nr_merkle_check_inclusion(index, size, &leaf, proof.hashes, proof.count, &root);
}

/* The published tree goes on from an earlier one. */
static inline bool rig_continues(struct nr_ledger *ledger, uint64_t old_size, const struct nr_hash *old_root)
{
	struct nr_hash root;
	struct nr_proof proof;
	uint64_t size = nr_ledger_published(ledger, &root);
	if (old_size == 0)
		return true;
	return nr_ledger_prove_consistency(ledger, old_size, size, &proof, NULL) == 0 &&
	       nr_merkle_check_consistency(old_size, size, proof.hashes, proof.count, old_root, &root);
}

#endif
