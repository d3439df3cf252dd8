/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrecy of communications by construction (flow reference 1.2): who asks must say for what; the client side
 * of a flow is a pseudonym from the moment at which it is kept; keys lie apart from the data and end with
 * them; what is kept stands in a readable policy beside the data; every use is recorded.
 *
 * Who keeps flows:
 *
 *	nr_flow_law_open(&options, folder, &law, error);         policy written or compared, keys at hand
 *	nr_flow_archive_open(folder, NR_FLOW_ARCHIVE_WRITE, &(struct nr_flow_archive_conf){
 *		.keep = nr_flow_law_policy(law)->keep, .keep_columns = nr_flow_law_policy(law)->columns,
 *...}); for each block: nr_flow_law_apply(law, block, error); nr_flow_archive_append(archive, block, error);
 *	once a minute: nr_flow_law_tick(law, now, error);        destroys keys that have ended
 *
 * Who asks: nr_flow_purpose_parse(), nr_flow_use_record() before the answer is given.
 */
#ifndef NR_SENSE_FLOW_LAW_LAW_H
#define NR_SENSE_FLOW_LAW_LAW_H

#include "base/option.h"
#include "model/flow.h"

enum nr_flow_purpose {
	NR_FLOW_PURPOSE_NONE, /* refused */
	NR_FLOW_PURPOSE_C2_DETECTION,
	NR_FLOW_PURPOSE_NOTIFICATION,
	NR_FLOW_PURPOSE_OWN_OPERATION,
};
extern const char *const nr_flow_purposes[]; /* "c2-detection", "notification", "own-operation", NULL */
/* -EPERM: none or another one; the text lists those that are allowed. */
int nr_flow_purpose_parse(const char *text, enum nr_flow_purpose *ret_purpose, struct nr_error *error);

/* ---- keeping ---- */

struct nr_flow_law_options {
	struct nr_prefixes own;  /* networks whose addresses are clients */
	const char *keys;        /* folder of the keys, outside of the archive; NULL: "ARCHIVE.keys" */
	bool plain_clients;      /* own addresses stay as they are, for a reason */
	bool nat_events;         /* events of NATs are kept, too, for a reason */
	struct nr_texts columns; /* columns that are kept besides NR_FLOW_ARCHIVE_COLUMNS, for a reason */
	const char *reason;      /* of all that goes beyond the minimum */
	nr_time keep;            /* flows and keys are destroyed so long after they were received */
	nr_time rotate;          /* a key's life: hours that divide a day */
	struct nr_texts
		persons; /* verifier keys (text, or files) of those who may let a client be identified */
};
/* Where `type` has a member `member` of that struct ("" for the struct itself): entries of an option table.
 */
/* clang-format off */
/* PREFIX: of their names, where other senses' options stand beside them. */
#define NR_FLOW_LAW_OPTIONS_AS(PREFIX, type, member) \
	{PREFIX "own", NR_OPTION_PREFIXES, offsetof(type, member own), "CIDR", NULL, 0, 0, NULL, "own networks: their addresses are clients and kept as pseudonyms", "自網のアドレス範囲。契約者として仮名で保存する"}, \
	{"flow-keys", NR_OPTION_PATH, offsetof(type, member keys), "DIR", NULL, 0, 0, NULL, "folder of the pseudonyms' keys, apart from the archive (default: ARCHIVE.keys)", "仮名の鍵のフォルダー。アーカイブの外に置く（省略時はARCHIVE.keys）"}, \
	{PREFIX "plain-clients", NR_OPTION_FLAG, offsetof(type, member plain_clients), NULL, NULL, 0, 0, NULL, "keep addresses of own networks as they are; needs --" PREFIX "own and --" PREFIX "reason", "自網のアドレスを仮名にせず保存する（--" PREFIX "ownと--" PREFIX "reasonが必要）"}, \
	{PREFIX "nat-events", NR_OPTION_FLAG, offsetof(type, member nat_events), NULL, NULL, 0, 0, NULL, "keep events of NATs, too; needs --" PREFIX "reason", "NATのイベントも保存する（--" PREFIX "reasonが必要）"}, \
	{PREFIX "keep-field", NR_OPTION_TEXTS, offsetof(type, member columns), "NAME", NULL, 0, 0, NULL, "keep this field, too; needs --" PREFIX "reason", "この項目も保存する（--" PREFIX "reasonが必要）"}, \
	{PREFIX "reason", NR_OPTION_TEXT, offsetof(type, member reason), "TEXT", NULL, 0, 0, NULL, "why more than the minimum is kept; recorded", "最小限を超えて保存する理由（記録される）"}, \
	{PREFIX "keep", NR_OPTION_DURATION, offsetof(type, member keep), "DURATION", "7d", 0, 0, NULL, "flows and their keys are destroyed at this age", "この期間を過ぎたフローと鍵を消去する"}, \
	{PREFIX "rotate", NR_OPTION_DURATION, offsetof(type, member rotate), "DURATION", "1d", 0, 0, NULL, "a pseudonym's life from midnight UTC: hours that divide a day", "仮名の鍵の有効期間（UTC 0時起点、1日を割り切る時間数）"}, \
	{PREFIX "person", NR_OPTION_TEXTS, offsetof(type, member persons), "FILE", NULL, 0, 0, NULL, "verifier key of a person who may let a client be identified; two of them must", "契約者の特定を許可できる人の検証鍵。2人の署名が必要"}
#define NR_FLOW_LAW_OPTIONS(type, member) NR_FLOW_LAW_OPTIONS_AS("", type, member)
/* clang-format on */

/* What an archive keeps and why: policy.json in its folder. */
#define NR_FLOW_REASON_MAX  200 /* bytes, one line */
#define NR_FLOW_PERSONS_MAX 16
#define NR_FLOW_OWN_MAX     65536
struct nr_flow_policy {
	struct nr_prefixes own; /* owned */
	bool plain_clients, nat_events;
	uint64_t columns; /* bits of all that are kept */
	char reason[NR_FLOW_REASON_MAX + 1];
	nr_time keep, rotate;
	char *persons[NR_FLOW_PERSONS_MAX]; /* owned: verifier keys */
	size_t person_count;
};
/* -EINVAL: what contradicts itself or lacks its reason. */
int nr_flow_policy_of(
	const struct nr_flow_law_options *options, struct nr_flow_policy *ret_policy, struct nr_error *error);
/* -ENOENT: the folder has none; -EBADMSG: not one. */
int nr_flow_policy_read(const char *archive, struct nr_flow_policy *ret_policy, struct nr_error *error);
/* Writes it where there is none or another one, which is recorded as a use; makes the folder. */
int nr_flow_policy_settle(const char *archive, const struct nr_flow_policy *policy, struct nr_error *error);
void nr_flow_policy_write(const struct nr_flow_policy *policy, struct nr_json *json); /* for people, too */
void nr_flow_policy_fini(struct nr_flow_policy *policy);

/* Policy, keys and pseudonyms of one archive; one thread. */
struct nr_flow_law;
/* Makes the folders. The policy is written by nr_flow_policy_settle(), which is for the one who holds the
 * archive (nr_flow_archive_open): who is refused has changed nothing. -EINVAL as nr_flow_policy_of(); keys
 * inside the archive. -EPERM: the folder of keys is open to others. */
int nr_flow_law_open(const struct nr_flow_law_options *options, const char *archive,
	struct nr_flow_law **ret_law, struct nr_error *error);
void nr_flow_law_close(struct nr_flow_law *law); /* NULL allowed */
void nr_flow_law_closep(struct nr_flow_law **law);
const struct nr_flow_policy *nr_flow_law_policy(const struct nr_flow_law *law);

/* Makes the block what may be kept: takes out events of NATs and columns that are not kept; replaces
 * addresses of clients (own networks, and addresses for private use, which are nobody's server) in every
 * address column by pseudonyms in 100::/64 (the discard-only prefix of RFC 6666), and marks source and
 * destination. IPv6: the /64 is the client. The key is that of the moment at which the block's first row was
 * received: one row has one key, whatever time the flow spans. An error means that the block must not be
 * kept. */
int nr_flow_law_apply(struct nr_flow_law *law, struct nr_flow_block *block, struct nr_error *error);
/* Destroys the keys that have ended `keep` ago. */
int nr_flow_law_tick(struct nr_flow_law *law, nr_time now, struct nr_error *error);

struct nr_flow_law_counts {
	uint64_t flows, clients; /* kept; addresses replaced */
	uint64_t events;         /* of NATs, left out */
	uint64_t transit;        /* flows without any client: both ends plain */
	uint64_t keys_made, keys_destroyed;
};
struct nr_flow_law_counts nr_flow_law_counts(const struct nr_flow_law *law);

/* ---- uses ---- */

/* One line for each use of an archive, chained by hashes, durable when this answers: when, who (the user who
 * logged in), act ("query", "export", "erase", "policy", ...), purpose, what was asked, how many flows were
 * answered; refusals too (act "refused"). Addresses of the archive's own networks in the question are not
 * written. Any process; it needs to write into the archive's folder. */
#define NR_FLOW_USE_ASKED UINT64_MAX /* flows: not known yet, recorded before the answer */
int nr_flow_use_record(const char *archive, const char *act, const char *purpose, const char *question,
	uint64_t flows, struct nr_error *error);

/* An expression (NULL: none was given) as it is recorded: whole, or its beginning, length and SHA-256, so
 * that nothing can be asked behind padding. Answers ret_text. */
#define NR_FLOW_USE_EXPRESSION 1000
const char *nr_flow_use_expression(const char *expression, char ret_text[static NR_FLOW_USE_EXPRESSION]);

/* For those who enter a sandbox between asking and answering: opened before, written within it. */
struct nr_flow_uses;
int nr_flow_uses_open(const char *archive, struct nr_flow_uses **ret_uses, struct nr_error *error);
int nr_flow_uses_add(struct nr_flow_uses *uses, const char *act, const char *purpose, const char *question,
	uint64_t flows, struct nr_error *error);
void nr_flow_uses_close(struct nr_flow_uses *uses); /* NULL allowed */
void nr_flow_uses_closep(struct nr_flow_uses **uses);

#endif
