/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/certificate/revocation.h"
#include "trust/certificate/asn1_time.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

/* What the walk with lists found out. */
struct lists {
	const struct nr_chain_question *question;
	struct nr_revocation *states;
	int count;
};

/* ---- lists ---- */

static void note_revoked(struct nr_revocation *state, X509_CRL *list, X509 *certificate)
{
	X509_REVOKED *entry = NULL;
	*state = (struct nr_revocation){NR_REVOCATION_REVOKED, NR_TIME_MIN, -1, false};
	if (!list || X509_CRL_get0_by_cert(list, &entry, certificate) != 1)
		return;
	state->since = nr_asn1_time(X509_REVOKED_get0_revocationDate(entry));
	ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
	if (reason)
		state->reason = (int)ASN1_ENUMERATED_get(reason);
	ASN1_ENUMERATED_free(reason);
	/* since when the key may have been somebody else's (RFC 5280 section 5.3.2) */
	ASN1_GENERALIZEDTIME *lost = X509_REVOKED_get_ext_d2i(entry, NID_invalidity_date, NULL, NULL);
	if (lost)
		state->since = NR_MIN(state->since, nr_asn1_time(lost));
	ASN1_GENERALIZEDTIME_free(lost);
}

/* A list that ended before now is good enough when it had not ended at the time in question (EN 319 102-1
 * clause 5.2.5). */
static bool is_late_enough(const X509_CRL *list, nr_time time)
{
	return list && nr_asn1_time(X509_CRL_get0_nextUpdate(list)) >= time;
}

/*
 * OpenSSL reports each objection; this decides which are about revocation and goes on. The path itself has
 * been judged before, at another time, so that other objections (an end of validity by now) say nothing here.
 */
static int weigh(int ok, X509_STORE_CTX *context)
{
	if (ok)
		return 1;
	struct lists *lists = X509_STORE_CTX_get_ex_data(context, 0);
	if (!lists)
		return 0; /* OpenSSL's own walk from a list to its issuer: no objection is let pass */
	int depth = X509_STORE_CTX_get_error_depth(context);
	X509_CRL *list = X509_STORE_CTX_get0_current_crl(context);
	if (depth < 0 || depth >= lists->count)
		return 1;
	struct nr_revocation *state = &lists->states[depth];
	switch (X509_STORE_CTX_get_error(context)) {
	case X509_V_ERR_CERT_REVOKED:
		note_revoked(state, list, X509_STORE_CTX_get_current_cert(context));
		break;
	case X509_V_ERR_CRL_HAS_EXPIRED:
		if (is_late_enough(list, lists->question->time))
			break;
		if (state->state == NR_REVOCATION_GOOD)
			*state = (struct nr_revocation){.stale = true};
		break;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
	case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
	case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
	case X509_V_ERR_INVALID_EXTENSION:
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:
	case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
	case X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY:
		if (state->state == NR_REVOCATION_GOOD)
			*state = (struct nr_revocation){.state = NR_REVOCATION_UNKNOWN};
		break;
	default:
		break;
	}
	return 1;
}

static bool has_rival(const STACK_OF(X509_CRL) * lists, int which)
{
	X509_NAME *issuer = X509_CRL_get_issuer(sk_X509_CRL_value(lists, which));
	for (int i = 0; i < sk_X509_CRL_num(lists); i++) {
		if (i != which &&
			X509_NAME_cmp(X509_CRL_get_issuer(sk_X509_CRL_value(lists, i)), issuer) == 0)
			return true;
	}
	return false;
}

/* Whether a list says that a certificate of the path made it, and that is not so. */
static bool is_forged(X509_CRL *list, const STACK_OF(X509) * path)
{
	AUTHORITY_KEYID *said = X509_CRL_get_ext_d2i(list, NID_authority_key_identifier, NULL, NULL);
	bool forged = false;
	for (int i = 0; i < sk_X509_num(path) && !forged; i++) {
		X509 *issuer = sk_X509_value(path, i);
		EVP_PKEY *key = X509_get0_pubkey(issuer);
		forged = X509_NAME_cmp(X509_get_subject_name(issuer), X509_CRL_get_issuer(list)) == 0 &&
			 (!said || X509_check_akid(issuer, said) == X509_V_OK) &&
			 (!key || X509_CRL_verify(list, key) != 1);
	}
	AUTHORITY_KEYID_free(said);
	ERR_clear_error();
	return forged;
}

/*
 * OpenSSL takes the newest list of a name and looks at the signature afterwards: a list of somebody else,
 * which a seal brings along, would hide the genuine one, and with it that the certificate is revoked.
 * Borrowed lists.
 */
static STACK_OF(X509_CRL) * genuine_lists(const struct nr_material *material, const STACK_OF(X509) * path)
{
	STACK_OF(X509_CRL) *lists = sk_X509_CRL_new_null();
	for (int i = 0; lists && i < sk_X509_CRL_num(material->crls); i++) {
		X509_CRL *list = sk_X509_CRL_value(material->crls, i);
		if (has_rival(material->crls, i) && is_forged(list, path))
			continue;
		if (!sk_X509_CRL_push(lists, list)) {
			sk_X509_CRL_free(lists);
			return NULL;
		}
	}
	return lists;
}

/* Signatures and times of the path have been judged before: this walk is about lists alone, and it must have
 * gone the same way to say anything. */
static int is_judged_before(X509_STORE_CTX *context)
{
	(void)context;
	return 1;
}

static int walk(const struct nr_material *material, const struct nr_chain_question *question,
	STACK_OF(X509) * path, STACK_OF(X509) * untrusted, struct lists *lists)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param =
		context && X509_STORE_CTX_init(context, material->store, sk_X509_value(path, 0), untrusted)
			? X509_STORE_CTX_get0_param(context)
			: NULL;
	STACK_OF(X509_CRL) *genuine = genuine_lists(material, path);
	if (!param || !genuine || !X509_STORE_CTX_set_ex_data(context, 0, lists)) {
		sk_X509_CRL_free(genuine);
		X509_STORE_CTX_free(context);
		return -ENOMEM;
	}
	X509_STORE_CTX_set0_crls(context, genuine);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
						   X509_V_FLAG_EXTENDED_CRL_SUPPORT | X509_V_FLAG_USE_DELTAS |
						   X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_time(param, (time_t)(question->now / NR_SECOND));
	X509_VERIFY_PARAM_set_auth_level(param, question->any_digest ? 0 : 1);
	X509_STORE_CTX_set_verify_cb(context, weigh);
	X509_STORE_CTX_set_verify(context, is_judged_before);
	for (int i = 0; i < lists->count; i++)
		lists->states[i].state = NR_REVOCATION_GOOD; /* until there is an objection */
	X509_verify_cert(context);
	/* it may have gone another way than the path in question: then it says nothing of it */
	STACK_OF(X509) *gone = X509_STORE_CTX_get0_chain(context);
	bool same = sk_X509_num(gone) == sk_X509_num(path);
	for (int i = 0; same && i < sk_X509_num(path); i++)
		same = X509_cmp(sk_X509_value(gone, i), sk_X509_value(path, i)) == 0;
	for (int i = 0; !same && i < lists->count; i++)
		lists->states[i] = (struct nr_revocation){.state = NR_REVOCATION_UNKNOWN};
	X509_STORE_CTX_free(context);
	sk_X509_CRL_free(genuine);
	ERR_clear_error();
	return 0;
}

/* Issuers of lists may be anywhere in the material. */
static STACK_OF(X509) * all_untrusted(const struct nr_material *material, STACK_OF(X509) * with)
{
	STACK_OF(X509) *all = sk_X509_dup(material->certificates);
	for (int i = 0; all && with && i < sk_X509_num(with); i++) {
		if (!sk_X509_push(all, sk_X509_value(with, i))) {
			sk_X509_free(all);
			return NULL;
		}
	}
	return all;
}

/* ---- OCSP ---- */

/* Whether what the answer says is about the time in question. */
static bool is_timely(ASN1_GENERALIZEDTIME *this_update, ASN1_GENERALIZEDTIME *next_update,
	const struct nr_chain_question *question)
{
	nr_time from = nr_asn1_time(this_update), to = next_update ? nr_asn1_time(next_update) : from;
	return from != NR_TIME_MIN && from <= question->now && to >= question->time;
}

/* A responder that the issuer authorised, and that says not to ask about itself (RFC 6960 section 4.2.2.2.1),
 * is not asked about; else it must not be on a list of the issuer. The issuer itself answers for itself. */
static bool is_revoked_responder(const struct nr_material *material, X509 *responder, X509 *issuer)
{
	if (X509_cmp(responder, issuer) == 0 ||
		X509_get_ext_by_NID(responder, NID_id_pkix_OCSP_noCheck, -1) >= 0)
		return false;
	EVP_PKEY *key = X509_get0_pubkey(issuer);
	for (int i = 0; i < sk_X509_CRL_num(material->crls); i++) {
		X509_CRL *list = sk_X509_CRL_value(material->crls, i);
		X509_REVOKED *entry = NULL;
		if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer)) == 0 &&
			X509_CRL_get0_by_cert(list, &entry, responder) == 1 && key &&
			X509_CRL_verify(list, key) == 1)
			return true;
	}
	return false;
}

/* The responder is the issuer itself, or one that it authorised by id-kp-OCSPSigning (RFC 6960 section
 * 4.2.2.2); its certificate counts when it answered, not now. */
static bool is_genuine(
	const struct nr_material *material, OCSP_BASICRESP *answer, X509 *issuer, STACK_OF(X509) * untrusted)
{
	X509 *responder = NULL;
	nr_time produced = nr_asn1_time(OCSP_resp_get0_produced_at(answer));
	if (produced == NR_TIME_MIN || OCSP_resp_get0_signer(answer, &responder, untrusted) != 1)
		return false;
	X509_VERIFY_PARAM *param = X509_STORE_get0_param(material->store);
	X509_VERIFY_PARAM_set_time(param, (time_t)(produced / NR_SECOND));
	bool genuine = OCSP_basic_verify(answer, untrusted, material->store, OCSP_PARTIAL_CHAIN) == 1;
	X509_VERIFY_PARAM_clear_flags(param, X509_V_FLAG_USE_CHECK_TIME);
	return genuine && !is_revoked_responder(material, responder, issuer);
}

/* What one answer says of the certificate, where it is genuine and about that time. */
static struct nr_revocation read_answer(const struct nr_material *material,
	const struct nr_chain_question *question, OCSP_BASICRESP *answer, OCSP_CERTID *id, X509 *issuer,
	STACK_OF(X509) * untrusted)
{
	struct nr_revocation said = {.state = NR_REVOCATION_UNKNOWN};
	int status, reason = -1;
	ASN1_GENERALIZEDTIME *revoked = NULL, *this_update = NULL, *next_update = NULL;
	if (OCSP_resp_find_status(answer, id, &status, &reason, &revoked, &this_update, &next_update) != 1 ||
		!is_genuine(material, answer, issuer, untrusted))
		return said;
	if (status == V_OCSP_CERTSTATUS_REVOKED) /* however old: it does not become good again */
		said = (struct nr_revocation){NR_REVOCATION_REVOKED, nr_asn1_time(revoked), reason, false};
	else if (status == V_OCSP_CERTSTATUS_GOOD && is_timely(this_update, next_update, question))
		said.state = NR_REVOCATION_GOOD;
	else
		said.stale = status == V_OCSP_CERTSTATUS_GOOD;
	return said;
}

/* All answers are asked: one that says "revoked" counts before any that says "good". */
static int ask_ocsp(const struct nr_material *material, const struct nr_chain_question *question,
	X509 *subject, X509 *issuer, STACK_OF(X509) * untrusted, struct nr_revocation *ret)
{
	static const char *const digests[] = {"SHA1", "SHA256"}; /* that responders name certificates with */
	for (size_t d = 0; d < NR_COUNT(digests); d++) {
		OCSP_CERTID *id = OCSP_cert_to_id(EVP_get_digestbyname(digests[d]), subject, issuer);
		if (!id)
			return -ENOMEM;
		for (size_t i = 0; i < material->ocsp_count; i++) {
			struct nr_revocation said =
				read_answer(material, question, material->ocsp[i], id, issuer, untrusted);
			if (said.state > ret->state || (said.stale && ret->state == NR_REVOCATION_UNKNOWN))
				*ret = said;
		}
		OCSP_CERTID_free(id);
	}
	ERR_clear_error();
	return 0;
}

int nr_revocation_check(const struct nr_material *material, const struct nr_chain_question *question,
	STACK_OF(X509) * path, struct nr_revocation *ret, struct nr_error *error)
{
	struct lists lists = {question, ret, sk_X509_num(path) - 1};
	memset(ret, 0, sizeof *ret * (size_t)sk_X509_num(path));
	STACK_OF(X509) *untrusted = all_untrusted(material, question->with);
	int e = untrusted ? 0 : -ENOMEM;
	if (!e && sk_X509_CRL_num(material->crls) > 0)
		e = walk(material, question, path, untrusted, &lists);
	for (int i = 0; !e && i < lists.count; i++) /* the issuer may answer itself */
		e = sk_X509_push(untrusted, sk_X509_value(path, i + 1)) > 0 ? 0 : -ENOMEM;
	for (int i = 0; !e && material->ocsp_count && i < lists.count; i++) {
		if (ret[i].state != NR_REVOCATION_REVOKED)
			e = ask_ocsp(material, question, sk_X509_value(path, i), sk_X509_value(path, i + 1),
				untrusted, &ret[i]);
	}
	sk_X509_free(untrusted);
	return e ? nr_fail(error, e, "out of memory") : 0;
}

bool nr_revocation_allows(const struct nr_revocation *revocation, nr_time time, bool is_time_stamp)
{
	if (revocation->state != NR_REVOCATION_REVOKED)
		return true;
	if (revocation->since <= time)
		return false;
	if (!is_time_stamp)
		return true;
	switch (revocation->reason) {
	case CRL_REASON_UNSPECIFIED:
	case CRL_REASON_AFFILIATION_CHANGED:
	case CRL_REASON_SUPERSEDED:
	case CRL_REASON_CESSATION_OF_OPERATION:
		return true;
	default:
		return false; /* nobody knows since when the key was somebody else's */
	}
}
