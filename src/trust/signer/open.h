/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command that signs has in common: the options that name keys, the signer's process, and the
 * ledger that has each signature before it is handed on.
 *
 *	struct sign_conf { struct nr_keys_conf keys; ... };
 *	static const struct nr_option options[] = {NR_KEYS_OPTIONS(struct sign_conf, keys.), ...};
 *	...
 *	NR_AUTO(nr_keys_closep) struct nr_keys *keys = NULL;
 *	int rc = nr_keys_open(&conf->keys, 1u << NR_SIGN_SEAL, &keys, error);
 *	rc = rc ? rc : nr_keys_sign(keys, NR_SIGN_SEAL, items, count, made, NULL, error);
 *
 * A folder of keys is what "noroshi key new" makes: tsa.key and tsa.pem, seal.key and seal.pem, ledger.key
 *and ledger.vkey, ca.pem.
 */
#ifndef NR_TRUST_SIGNER_OPEN_H
#define NR_TRUST_SIGNER_OPEN_H

#include "base/option.h"
#include "base/rights.h"
#include "trust/ledger/ledger.h"
#include "trust/signer/signer.h"

struct nr_keys_conf {
	const char *folder, *passphrase_file;
	const char *ledger; /* folder; NULL: FOLDER/ledger */
	const char *pkcs11_module, *pin_file;
	const char *timestamp_key, *seal_key; /* "pkcs11:..." or a file; NULL: of the folder */
	double rate;
	struct nr_texts releasers;
	const char *release;
	struct nr_texts witnesses; /* of the ledger: cosign.h */
	uint64_t quorum;
	/* no options: */
	const struct nr_rights *rights; /* what to become once the signer has its keys; NULL: stay */
	bool quiet;                     /* no thread before nr_keys_start(): for those who enter a sandbox */
};

/* clang-format off */
/* Who cosigns the ledger's checkpoints. */
#define NR_WITNESS_OPTIONS(OUTER, PREFIX) \
	{"witness", NR_OPTION_TEXTS, offsetof(OUTER, PREFIX witnesses), "\"VKEY URL\"", NULL, 0, 0, NULL, "a witness that cosigns the ledger: the verifier key of its cosignatures, a space, its address; may be given several times", "台帳に連署する証人：連署の検証鍵、空白、アドレス。複数指定可"}, \
	{"quorum", NR_OPTION_UINT, offsetof(OUTER, PREFIX quorum), "N", "0", 0, 64, NULL, "so many witnesses must cosign before a checkpoint is published", "チェックポイントの公開に必要な連署の数"}
/* The options, once, for every struct that holds a struct nr_keys_conf: PREFIX is the way to it, "keys." or nothing. */
#define NR_KEYS_OPTIONS(OUTER, PREFIX) \
	{"keys", NR_OPTION_PATH, offsetof(OUTER, PREFIX folder), "DIR", NULL, 0, 0, NULL, "folder of keys, as \"noroshi key new\" makes it", "鍵のフォルダー（noroshi key newが作るもの）"}, \
	{"passphrase-file", NR_OPTION_PATH, offsetof(OUTER, PREFIX passphrase_file), "FILE", NULL, 0, 0, NULL, "file whose first line opens the encrypted keys", "暗号化された鍵を開くパスフレーズ（1行目）のファイル"}, \
	{"ledger", NR_OPTION_PATH, offsetof(OUTER, PREFIX ledger), "DIR", NULL, 0, 0, NULL, "folder of the ledger (default: ledger in the folder of keys)", "台帳のフォルダー（省略時は鍵のフォルダー内のledger）"}, \
	{"timestamp-key", NR_OPTION_TEXT, offsetof(OUTER, PREFIX timestamp_key), "KEY", NULL, 0, 0, NULL, "key for time stamps: a file or a pkcs11: URI; its certificate stays tsa.pem of the folder", "タイムスタンプの鍵（ファイルまたはpkcs11: URI）。証明書はフォルダーのtsa.pem"}, \
	{"seal-key", NR_OPTION_TEXT, offsetof(OUTER, PREFIX seal_key), "KEY", NULL, 0, 0, NULL, "key for seals: a file or a pkcs11: URI; its certificate stays seal.pem of the folder", "eシールの鍵（ファイルまたはpkcs11: URI）。証明書はフォルダーのseal.pem"}, \
	{"pkcs11-module", NR_OPTION_PATH, offsetof(OUTER, PREFIX pkcs11_module), "FILE", NULL, 0, 0, NULL, "PKCS#11 library that reaches the token; the signer alone loads it", "トークンに接続するPKCS#11ライブラリー。署名プロセスだけが読み込む"}, \
	{"pin-file", NR_OPTION_PATH, offsetof(OUTER, PREFIX pin_file), "FILE", NULL, 0, 0, NULL, "file whose first line is the token's PIN", "トークンのPIN（1行目）のファイル"}, \
	{"rate", NR_OPTION_REAL, offsetof(OUTER, PREFIX rate), "N", "0", 0, 1e9, NULL, "signatures a second that each key may make (0: without limit)", "1つの鍵が1秒間に行える署名の数（0は無制限）"}, \
	{"releaser", NR_OPTION_TEXTS, offsetof(OUTER, PREFIX releasers), "FILE", NULL, 0, 0, NULL, "verifier key of a person who may release the seal's key; given once or more, two of them must have signed --release", "eシールの鍵の使用を許可できる人の検証鍵。指定すると2人の署名した--releaseが必要になる"}, \
	{"release", NR_OPTION_PATH, offsetof(OUTER, PREFIX release), "FILE", NULL, 0, 0, NULL, "the release that two persons have signed (noroshi key release)", "2人が署名した使用許可（noroshi key release）"}, \
	NR_WITNESS_OPTIONS(OUTER, PREFIX)
/* clang-format on */

struct nr_keys;

/* purposes: bits 1u << NR_SIGN_TIMESTAMP, _SEAL, _JWS that are wanted; none: only the ledger. Starts the
 * signer (before the first thread), opens the ledger for writing, and writes into it that the keys are in
 * use. Where another process writes that ledger already (an authority that runs), whoever only seals or
 * appends hands it the entries (share.h). */
int nr_keys_open(const struct nr_keys_conf *conf, unsigned purposes, struct nr_keys **ret_keys,
	struct nr_error *error);
int nr_keys_start(struct nr_keys *keys, struct nr_error *error);
void nr_keys_close(struct nr_keys *keys); /* publishes the ledger; NULL allowed */
void nr_keys_closep(struct nr_keys **keys);

struct nr_signer *nr_keys_signer(const struct nr_keys *keys);
/* NULL: another process writes it. Never for those who asked for time stamps. */
struct nr_ledger *nr_keys_ledger(const struct nr_keys *keys);
/* nr_ledger_append(), wherever the ledger is written; where that is another process, at most
 * NR_SHARE_ENTRIES_MAX entries and NR_SHARE_BYTES_MAX bytes. Any thread. */
int nr_keys_append(struct nr_keys *keys, const struct nr_ledger_entry *entries, size_t count,
	uint64_t *ret_first, struct nr_error *error);
const char *nr_keys_origin(const struct nr_keys *keys); /* of the ledger */
/* Index of the key for a purpose that was asked for. */
unsigned nr_keys_index(const struct nr_keys *keys, enum nr_signer_purpose purpose);
const uint8_t *nr_keys_certificate(
	const struct nr_keys *keys, enum nr_signer_purpose purpose, size_t *ret_length); /* DER */
/* Whether the certificate for a purpose was made for demonstration (authority.h). */
bool nr_keys_are_demonstration(const struct nr_keys *keys, enum nr_signer_purpose purpose);
/* "FOLDER/NAME", for ca.pem and its like; -ENAMETOOLONG. */
int nr_keys_path(const struct nr_keys_conf *conf, const char *name, char *ret_path, size_t room,
	struct nr_error *error);

/* Signs, and writes an entry for each signature into the ledger before it answers; where that fails no
 * signature is handed out. ret_entries (NULL allowed): index of each one's entry, NR_NO_ENTRY where there is
 * no signature. Any thread. */
#define NR_NO_ENTRY UINT64_MAX
int nr_keys_sign(struct nr_keys *keys, enum nr_signer_purpose purpose, const struct nr_signer_item *items,
	size_t count, struct nr_signed *ret_signed, uint64_t *ret_entries, struct nr_error *error);

/* The entry of one signature: one line of JSON, NUL behind it. Answers its length. For those who write
 * entries of their own beside it. */
#define NR_SIGNATURE_ENTRY_MAX 640
size_t nr_signature_entry(enum nr_signer_purpose purpose, const struct nr_signer_item *item,
	const struct nr_signed *made, const char *key_id, nr_time now,
	char ret_entry[static NR_SIGNATURE_ENTRY_MAX]);

#endif
