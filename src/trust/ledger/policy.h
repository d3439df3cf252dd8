/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which logs are trusted, and how many of which witnesses must have seen what a log says (C2SP tlog-policy):
 *
 *	log VKEY [URL]
 *	witness NAME VKEY [URL]
 *	group NAME all|any|K MEMBER...
 *	quorum NAME|none
 */
#ifndef NR_TRUST_LEDGER_POLICY_H
#define NR_TRUST_LEDGER_POLICY_H

#include "trust/ledger/checkpoint.h"
#include "trust/ledger/note.h"

#define NR_TLOG_POLICY_MAX      64 /* of logs, of witnesses, of groups */
#define NR_TLOG_POLICY_NAME_MAX 63
#define NR_TLOG_POLICY_BYTES    (256 * 1024) /* of a file */

struct nr_tlog_policy_name {
	char text[NR_TLOG_POLICY_NAME_MAX + 1];
};

struct nr_tlog_policy {
	struct nr_note_key logs[NR_TLOG_POLICY_MAX], witnesses[NR_TLOG_POLICY_MAX];
	struct nr_tlog_policy_name witness_names[NR_TLOG_POLICY_MAX];
	char *urls[NR_TLOG_POLICY_MAX]; /* of witnesses; owned; NULL: none was given */
	struct nr_tlog_policy_group {
		struct nr_tlog_policy_name name;
		uint64_t witnesses, groups; /* members, by their numbers; groups before it only */
		unsigned threshold;
	} groups[NR_TLOG_POLICY_MAX];
	size_t log_count, witness_count, group_count;
	enum { NR_QUORUM_UNSET, NR_QUORUM_NONE, NR_QUORUM_WITNESS, NR_QUORUM_GROUP } quorum;
	size_t quorum_index;
};

/* name: for messages. A policy has a quorum line and, where log_wanted, at least one log. */
int nr_tlog_policy_parse(const char *name, const void *bytes, size_t length, bool log_wanted,
	struct nr_tlog_policy **ret_policy, struct nr_error *error);
/* A policy of one log without witnesses. */
int nr_tlog_policy_of_log(const char *vkey, struct nr_tlog_policy **ret_policy, struct nr_error *error);
void nr_tlog_policy_free(struct nr_tlog_policy *policy);
void nr_tlog_policy_freep(struct nr_tlog_policy **policy);

struct nr_tlog_policy_verdict {
	size_t log;                         /* who signed */
	uint64_t witnesses;                 /* bits: who cosigned */
	uint64_t times[NR_TLOG_POLICY_MAX]; /* when, s */
	bool quorum;                        /* enough of them */
	struct nr_checkpoint checkpoint;    /* in the note */
};

/* 0: a log of the policy signed it as its own. -EKEYREJECTED, -ENOKEY: not. -EBADMSG: no checkpoint. Whether
 * the quorum is met is for the caller to see. */
int nr_tlog_policy_check(const struct nr_tlog_policy *policy, const struct nr_note *note,
	struct nr_tlog_policy_verdict *ret_verdict, struct nr_error *error);
bool nr_tlog_policy_is_met(const struct nr_tlog_policy *policy, uint64_t witnesses);

#endif
