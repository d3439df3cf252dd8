/* SPDX-License-Identifier: Apache-2.0 */
/* What those who read a ledger share: where it is, and whose signatures count. */
#ifndef NR_TRUST_LEDGER_SOURCE_H
#define NR_TRUST_LEDGER_SOURCE_H

#include "base/option.h"
#include "trust/ledger/ledger.h"
#include "trust/ledger/policy.h"

struct nr_ledger_source_conf {
	const char *keys, *ledger, *vkey, *policy;
};

/* clang-format off */
#define NR_LEDGER_SOURCE_OPTIONS(OUTER, PREFIX) \
	{"keys", NR_OPTION_PATH, offsetof(OUTER, PREFIX keys), "DIR", NULL, 0, 0, NULL, "folder of keys: its ledger.vkey is trusted, and the ledger is the folder ledger in it", "鍵のフォルダー。その中のledger.vkeyを信頼し、台帳はその中のledger"}, \
	{"ledger", NR_OPTION_PATH, offsetof(OUTER, PREFIX ledger), "DIR", NULL, 0, 0, NULL, "folder of the ledger", "台帳のフォルダー"}, \
	{"vkey", NR_OPTION_TEXT, offsetof(OUTER, PREFIX vkey), "VKEY", NULL, 0, 0, NULL, "verifier key of the ledger, or a file that holds it", "台帳の検証鍵、またはそれを収めたファイル"}, \
	{"policy", NR_OPTION_PATH, offsetof(OUTER, PREFIX policy), "FILE", NULL, 0, 0, NULL, "policy (C2SP tlog-policy): which logs are trusted, and which witnesses must have cosigned", "ポリシー（C2SP tlog-policy）：信頼する台帳と、必要な証人"}
/* clang-format on */

/* Everything that is read before the sandbox. */
struct nr_ledger_source {
	char *folder;                  /* NULL: none is named */
	struct nr_tlog_policy *policy; /* NULL: no key is named */
};
/* -EINVAL: wrong usage. */
int nr_ledger_source_load(const struct nr_ledger_source_conf *conf, struct nr_ledger_source *ret_source,
	struct nr_error *error);
void nr_ledger_source_fini(struct nr_ledger_source *source);

/* The checkpoint of the folder, checked where a key is known: 0; -EKEYREJECTED, -ENOKEY: not signed as it
 * must be. note and what the verdict points to are in *ret_bytes, the caller's. */
int nr_ledger_source_checkpoint(const struct nr_ledger_source *source, uint8_t **ret_bytes,
	size_t *ret_length, struct nr_note *ret_note, struct nr_tlog_policy_verdict *ret_verdict,
	struct nr_error *error);

/* The exit status for this -errno of a reader. */
int nr_ledger_exit_of(int code);

/* "checked", "size", "root", "origin", "witnesses" of a checkpoint, into the object that is open. */
void nr_ledger_write_checkpoint_json(const struct nr_ledger_source *source,
	const struct nr_tlog_policy_verdict *verdict, struct nr_json *json);

#define NR_ROOT_TEXT 45
const char *nr_root_write(const struct nr_hash *root, char text[static NR_ROOT_TEXT]); /* base64 */

#endif
