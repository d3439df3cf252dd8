/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/seal/verify.h"

#include "trust/certificate/asn1_time.h"
#include "trust/signer/authority.h"

#include <string.h>

#define RENEW_MARGIN (180 * NR_DAY)

void nr_seal_checked(struct nr_seal_verdict *verdict, const char *check)
{
	if (verdict->check_count < NR_COUNT(verdict->checks))
		verdict->checks[verdict->check_count++] = check;
}

/* A text of the subject in UTF-8; "" where it has none, or it holds a zero byte. */
static void read_subject(X509 *certificate, int nid, char *ret_text, size_t room)
{
	const X509_NAME *name = X509_get_subject_name(certificate);
	int place = X509_NAME_get_index_by_NID(name, nid, -1);
	uint8_t *text = NULL;
	*ret_text = 0;
	if (place < 0)
		return;
	int length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, place)));
	if (length > 0 && strlen((char *)text) == (size_t)length)
		snprintf(ret_text, room, "%s", (char *)text);
	OPENSSL_free(text);
}

void nr_seal_describe_signer(struct nr_seal_verdict *verdict, X509 *certificate)
{
	char identifier[64];
	nr_certificate_name(certificate, verdict->signer, sizeof verdict->signer);
	read_subject(certificate, NID_organizationName, verdict->organisation, sizeof verdict->organisation);
	read_subject(certificate, NID_organizationIdentifier, identifier, sizeof identifier);
	if (strncmp(identifier, "NTRJP-", 6) != 0)
		return;
	snprintf(verdict->number, sizeof verdict->number, "%.15s", identifier + 6);
	verdict->number_wrong = nr_corporate_number_check(identifier + 6, NULL) != 0;
	if (verdict->number_wrong)
		nr_judge_note(&verdict->judgement, "CORPORATE_NUMBER",
			"the corporate number in the certificate is none, its check digit is wrong: %s",
			"証明書の法人番号は検査数字が誤っています: %s", verdict->number);
}

/* ---- tokens ---- */

static bool is_said(const struct nr_judgement *judgement, const char *en)
{
	for (size_t i = 0; i < judgement->count; i++) {
		if (strncmp(judgement->reasons[i].en, en, strlen(judgement->reasons[i].en)) == 0)
			return true;
	}
	return false;
}

/* What is said of a token, in the seal's own list: the first reason why it does not count, or else what the
 * reader must know (an authority's tokens say the same again and again: once will do). */
static void pass_on(struct nr_seal_verdict *verdict, const struct nr_judgement *judgement, const char *kind)
{
	for (size_t i = 0; i < judgement->count; i++) {
		const struct nr_reason *reason = &judgement->reasons[i];
		if (reason->fatal != (judgement->verdict != NR_PASSED))
			continue;
		char en[300], ja[300]; /* cut where a character ends by whoever keeps them */
		snprintf(en, sizeof en, "time stamp (%s): %s", kind, reason->en);
		snprintf(ja, sizeof ja, "タイムスタンプ（%s）: %s", kind, reason->ja);
		if (reason->fatal) {
			nr_judge(&verdict->judgement, NR_INDETERMINATE, reason->code, en, ja);
			return;
		}
		if (!is_said(&verdict->judgement, en))
			nr_judge_note(&verdict->judgement, reason->code, en, ja, NULL);
	}
}

int nr_seal_check_token(struct nr_seal_verdict *verdict, const struct nr_seal_question *question,
	const char *kind, const struct nr_der *token, bool (*digest)(void *, enum nr_oid, uint8_t *),
	void *context, STACK_OF(X509) * *ret_path, struct nr_error *error)
{
	struct nr_judgement judgement;
	struct nr_token_question asked = {
		.token = token->start,
		.length = nr_der_size(token),
		.digest = digest,
		.context = context,
		.material = question->material,
		.now = question->now,
		.require_revocation = question->require_revocation,
	};
	if (verdict->token_count == NR_SEAL_TOKENS_MAX) {
		nr_judge(&verdict->judgement, NR_INDETERMINATE, "FORMAT_FAILURE", "more than 16 time stamps",
			"タイムスタンプが16個を超えています");
		return 0;
	}
	struct nr_seal_token *kept = &verdict->tokens[verdict->token_count];
	int e = nr_token_verify(&asked, &kept->token, ret_path, &judgement, error);
	if (e)
		return e;
	kept->kind = kind;
	kept->verdict = judgement.verdict;
	kept->covers[0] = 0;
	verdict->token_count++;
	pass_on(verdict, &judgement, kind);
	if (judgement.verdict == NR_PASSED &&
		(verdict->proven == NR_TIME_MIN || kept->token.time < verdict->proven))
		verdict->proven = kept->token.time;
	return 0;
}

void nr_seal_note_renewal(struct nr_seal_verdict *verdict, STACK_OF(X509) * path)
{
	nr_time end = path ? nr_asn1_time(X509_get0_notAfter(sk_X509_value(path, 0))) : NR_TIME_MIN;
	if (end == NR_TIME_MIN)
		return;
	nr_time due = end - RENEW_MARGIN;
	verdict->renew = verdict->renew == NR_TIME_MAX ? due : NR_MAX(verdict->renew, due);
}

/* ---- path ---- */

static bool is_within(STACK_OF(X509) * within, X509 *certificate)
{
	for (int i = 0; within && i < sk_X509_num(within); i++) {
		if (X509_cmp(sk_X509_value(within, i), certificate) == 0)
			return true;
	}
	return false;
}

int nr_seal_check_path(struct nr_seal_verdict *verdict, const struct nr_seal_question *question,
	X509 *certificate, STACK_OF(X509) * within, bool *ret_complete, struct nr_error *error)
{
	struct nr_chain_question chain = {
		.subject = certificate,
		.with = within,
		.purpose = NR_CHAIN_SEAL,
		.time = verdict->proven != NR_TIME_MIN ? verdict->proven : question->now,
		.now = question->now,
		.require_revocation = question->require_revocation,
	};
	struct nr_chain_answer answer;
	int e = nr_chain_check(question->material, &chain, &answer, &verdict->judgement, error);
	if (e)
		return e;
	*ret_complete = answer.path && answer.revocation_checked;
	for (int i = 0; answer.path && i + 1 < sk_X509_num(answer.path); i++)
		*ret_complete = *ret_complete && is_within(within, sk_X509_value(answer.path, i));
	nr_seal_checked(verdict, "certificate");
	if (answer.revocation_checked)
		nr_seal_checked(verdict, "revocation");
	nr_chain_answer_fini(&answer);
	return 0;
}
