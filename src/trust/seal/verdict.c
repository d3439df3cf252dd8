/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/seal/verdict.h"

bool nr_seal_all_passed(const struct nr_seal_verdict *verdicts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (verdicts[i].judgement.verdict != NR_PASSED)
			return false;
	}
	return count > 0;
}

void nr_seal_verdict_of_none(struct nr_seal_verdict *ret_verdict, const char *why)
{
	*ret_verdict =
		(struct nr_seal_verdict){.claimed = NR_TIME_MIN, .proven = NR_TIME_MIN, .renew = NR_TIME_MAX};
	nr_judge_with(&ret_verdict->judgement, NR_FAILED, "FORMAT_FAILURE", "%s",
		"形式が正しくありません: %s", why);
}

/* ---- JSON ---- */

static void write_time(struct nr_json *json, const char *key, nr_time time, nr_time none)
{
	if (time == none)
		nr_json_null(json, key);
	else
		nr_json_time(json, key, time);
}

static void write_tokens(struct nr_json *json, const struct nr_seal_verdict *verdict)
{
	nr_json_array(json, "time_stamps");
	for (size_t i = 0; i < verdict->token_count; i++) {
		const struct nr_seal_token *token = &verdict->tokens[i];
		nr_json_object(json, NULL);
		nr_json_text(json, "kind", token->kind);
		nr_json_text(json, "indication", nr_verdict_name(token->verdict));
		nr_json_time(json, "time", token->token.time);
		nr_json_text(json, "authority", *token->token.authority ? token->token.authority : NULL);
		nr_json_text(json, "serial", token->token.serial);
		if (*token->covers)
			nr_json_text(json, "uncovered", token->covers);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_verdict(struct nr_json *json, const struct nr_seal_verdict *verdict)
{
	static const char *const forms[] = {"cades", "jades", "jades-json", "pades"};
	nr_json_object(json, NULL);
	nr_json_text(json, "form", forms[verdict->form]);
	nr_json_text(json, "level", nr_seal_level_names[verdict->level]);
	nr_json_text(json, "signer", *verdict->signer ? verdict->signer : NULL);
	nr_json_text(json, "organisation", *verdict->organisation ? verdict->organisation : NULL);
	if (*verdict->number) {
		nr_json_text(json, "corporate_number", verdict->number);
		nr_json_bool(json, "corporate_number_valid", !verdict->number_wrong);
	}
	write_time(json, "claimed_time", verdict->claimed, NR_TIME_MIN);
	write_time(json, "proven_time", verdict->proven, NR_TIME_MIN);
	write_time(json, "renew_by", verdict->renew, NR_TIME_MAX);
	nr_json_bool(json, "later_changes", verdict->later_changes);
	if (verdict->revisions) {
		nr_json_uint(json, "revision", verdict->revision);
		nr_json_uint(json, "revisions", verdict->revisions);
	}
	nr_judgement_write_json(&verdict->judgement, json);
	nr_json_array(json, "checked");
	for (size_t i = 0; i < verdict->check_count; i++)
		nr_json_text(json, NULL, verdict->checks[i]);
	nr_json_array_end(json);
	write_tokens(json, verdict);
	nr_json_object_end(json);
}

void nr_seal_verdicts_write_json(const struct nr_seal_verdict *verdicts, size_t count, struct nr_json *json)
{
	nr_json_bool(json, "valid", nr_seal_all_passed(verdicts, count));
	nr_json_array(json, "signatures");
	for (size_t i = 0; i < count; i++)
		write_verdict(json, &verdicts[i]);
	nr_json_array_end(json);
}
