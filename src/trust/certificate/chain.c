/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/certificate/chain.h"

#include "trust/certificate/revocation.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define PATH_MAX_CERTIFICATES 32

void nr_chain_answer_fini(struct nr_chain_answer *answer)
{
	sk_X509_pop_free(answer->path, X509_free);
	*answer = (struct nr_chain_answer){.path = NULL};
}

void nr_certificate_name(X509 *certificate, char *ret_text, size_t room)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long length = 0;
	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0,
			   (XN_FLAG_RFC2253 & ~(unsigned long)(ASN1_STRFLGS_ESC_MSB | XN_FLAG_SEP_MASK)) |
				   XN_FLAG_SEP_CPLUS_SPC) >= 0)
		length = BIO_get_mem_data(bio, &text);
	snprintf(ret_text, room, "%.*s", (int)NR_MAX(length, 0L), text ? text : "");
	BIO_free(bio);
	ERR_clear_error();
}

/* ---- the path ---- */

static bool set_policy(X509_VERIFY_PARAM *param, const struct nr_chain_policy *policy)
{
	unsigned long flags = X509_V_FLAG_POLICY_CHECK;
	flags |= policy->explicit_policy ? X509_V_FLAG_EXPLICIT_POLICY : 0;
	flags |= policy->inhibit_mapping ? X509_V_FLAG_INHIBIT_MAP : 0;
	flags |= policy->inhibit_any ? X509_V_FLAG_INHIBIT_ANY : 0;
	X509_VERIFY_PARAM_set_flags(param, flags);
	/* without a wanted policy OpenSSL finds none where one is required: any-policy has to be said */
	static const char *const any[] = {"2.5.29.32.0"};
	const char *const *wanted = policy->wanted ? policy->wanted : any;
	for (size_t i = 0; i < (policy->wanted ? policy->count : NR_COUNT(any)); i++) {
		ASN1_OBJECT *object = OBJ_txt2obj(wanted[i], 1);
		if (!object || !X509_VERIFY_PARAM_add0_policy(param, object)) {
			ASN1_OBJECT_free(object);
			return false;
		}
	}
	return true;
}

static X509_STORE_CTX *new_walk(const struct nr_material *material, const struct nr_chain_question *question,
	STACK_OF(X509) * untrusted)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	if (!context || !X509_STORE_CTX_init(context, material->store, question->subject, untrusted)) {
		X509_STORE_CTX_free(context);
		return NULL;
	}
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_time(param, (time_t)(question->time / NR_SECOND));
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN); /* an anchor need not be self-signed */
	X509_VERIFY_PARAM_set_depth(param, PATH_MAX_CERTIFICATES);
	X509_VERIFY_PARAM_set_auth_level(
		param, question->any_digest ? 0 : 1); /* 1: no SHA-1, no RSA < 1024 */
	if (question->policy && !set_policy(param, question->policy)) {
		X509_STORE_CTX_free(context);
		return NULL;
	}
	return context;
}

static void say(struct nr_judgement *judgement, enum nr_verdict verdict, const char *code, const char *en,
	const char *ja, X509 *certificate)
{
	char name[160];
	nr_certificate_name(certificate, name, sizeof name);
	nr_judge_with(judgement, verdict, code, en, ja, name);
}

static void say_path(struct nr_judgement *judgement, int code, X509 *certificate)
{
	switch (code) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		say(judgement, NR_INDETERMINATE, "OUT_OF_BOUNDS_NO_POE",
			"the certificate had ended at that time: %s (RFC 5280 section 6.1.3 a.2)",
			"証明書の有効期限がその時刻には切れていました: %s（RFC 5280 6.1.3 a.2）",
			certificate);
		return;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		say(judgement, NR_INDETERMINATE, "OUT_OF_BOUNDS_NO_POE",
			"the certificate was not valid yet at that time: %s (RFC 5280 section 6.1.3 a.2)",
			"証明書の有効期間がその時刻にはまだ始まっていませんでした: %s（RFC 5280 6.1.3 a.2）",
			certificate);
		return;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		say(judgement, NR_INDETERMINATE, "NO_CERTIFICATE_CHAIN_FOUND",
			"no path leads from this certificate to a trusted one: %s",
			"この証明書から信頼する証明書への経路がありません: %s", certificate);
		return;
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		say(judgement, NR_FAILED, "SIG_CRYPTO_FAILURE",
			"the signature on the certificate is not its issuer's: %s (RFC 5280 section 6.1.3 "
			"a.1)",
			"証明書の署名が発行者のものではありません: %s（RFC 5280 6.1.3 a.1）", certificate);
		return;
	case X509_V_ERR_CA_MD_TOO_WEAK:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_EE_KEY_TOO_SMALL:
		say(judgement, NR_INDETERMINATE, "CRYPTO_CONSTRAINTS_FAILURE",
			"a key or digest that is too weak: %s", "鍵またはハッシュが弱すぎます: %s",
			certificate);
		return;
	default: {
		char name[100], detail[200];
		nr_certificate_name(certificate, name, sizeof name);
		snprintf(detail, sizeof detail, "%s: %s", name, X509_verify_cert_error_string(code));
		nr_judge_with(judgement, NR_INDETERMINATE, "CHAIN_CONSTRAINTS_FAILURE",
			"the path is not allowed (RFC 5280 section 6.1): %s",
			"証明書の経路が規則に合いません（RFC 5280 6.1）: %s", detail);
	}
	}
}

/* *ret_path is the caller's; NULL with a reason in *judgement. */
static int find_path(const struct nr_material *material, const struct nr_chain_question *question,
	STACK_OF(X509) * *ret_path, struct nr_judgement *judgement)
{
	STACK_OF(X509) *untrusted = sk_X509_dup(material->certificates);
	bool fine = untrusted != NULL;
	for (int i = 0; fine && question->with && i < sk_X509_num(question->with); i++)
		fine = sk_X509_push(untrusted, sk_X509_value(question->with, i)) > 0;
	X509_STORE_CTX *context = fine ? new_walk(material, question, untrusted) : NULL;
	if (!context) {
		sk_X509_free(untrusted);
		return -ENOMEM;
	}
	int e = 0;
	if (X509_verify_cert(context) == 1) {
		*ret_path = X509_STORE_CTX_get1_chain(context);
		e = *ret_path ? 0 : -ENOMEM;
	} else {
		X509 *at = X509_STORE_CTX_get_current_cert(context);
		say_path(judgement, X509_STORE_CTX_get_error(context), at ? at : question->subject);
	}
	X509_STORE_CTX_free(context);
	sk_X509_free(untrusted);
	ERR_clear_error();
	return e;
}

/* ---- what the subject may be used for ---- */

static bool is_time_stamping_alone(X509 *certificate)
{
	int critical = -1;
	EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(certificate, NID_ext_key_usage, &critical, NULL);
	bool alone = usage && critical == 1 && sk_ASN1_OBJECT_num(usage) == 1 &&
		     OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, 0)) == NID_time_stamp;
	sk_ASN1_OBJECT_pop_free(usage, ASN1_OBJECT_free);
	return alone;
}

/* Extended key usage, where there is any, names what else the key may do (RFC 5280 section 4.2.1.12): these
 * purposes are no sealing. */
static bool is_for_others_alone(X509 *certificate)
{
	static const int others[] = {NID_server_auth, NID_code_sign, NID_time_stamp, NID_OCSP_sign};
	EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
	int count = usage ? sk_ASN1_OBJECT_num(usage) : 0, other = 0;
	for (int i = 0; i < count; i++) {
		int purpose = OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, i));
		for (size_t k = 0; k < NR_COUNT(others); k++)
			other += purpose == others[k];
	}
	sk_ASN1_OBJECT_pop_free(usage, ASN1_OBJECT_free);
	return count > 0 && other == count;
}

static void check_purpose(const struct nr_chain_question *question, struct nr_judgement *judgement)
{
	X509 *subject = question->subject;
	if (question->purpose == NR_CHAIN_ANY)
		return;
	uint32_t usage = X509_get_key_usage(subject); /* UINT32_MAX: no such extension */
	if (!(usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
		say(judgement, NR_INDETERMINATE, "CHAIN_CONSTRAINTS_FAILURE",
			"the key may not sign (key usage, RFC 5280 section 4.2.1.3): %s",
			"署名に使えない鍵です（鍵用途、RFC 5280 4.2.1.3）: %s", subject);
	if (question->purpose == NR_CHAIN_SEAL && X509_check_ca(subject) == 1)
		say(judgement, NR_INDETERMINATE, "CHAIN_CONSTRAINTS_FAILURE",
			"an authority's certificate (CA) does not seal: %s",
			"認証局（CA）の証明書は文書へのシールに使えません: %s", subject);
	if (question->purpose == NR_CHAIN_SEAL && is_for_others_alone(subject))
		say(judgement, NR_INDETERMINATE, "CHAIN_CONSTRAINTS_FAILURE",
			"a certificate for time stamps, servers, code or OCSP does not seal (extended key "
			"usage, RFC 5280 section 4.2.1.12): %s",
			"タイムスタンプ、サーバ、コード署名、OCSPのための証明書は文書へのシールに使えません（"
			"拡張鍵"
			"用途、RFC 5280 4.2.1.12）: %s",
			subject);
	if (question->purpose == NR_CHAIN_TIMESTAMP && !is_time_stamping_alone(subject))
		say(judgement, NR_INDETERMINATE, "CHAIN_CONSTRAINTS_FAILURE",
			"not a time-stamping authority's: the extended key usage must be critical and "
			"timeStamping alone (RFC 3161 section 2.3): %s",
			"タイムスタンプ局の証明書ではありません。拡張鍵用途は critical で timeStamping "
			"のみでなければなりません（RFC 3161 2.3）: %s",
			subject);
}

/* ---- revocation ---- */

static void judge_revoked(const struct nr_chain_question *question, const struct nr_revocation *revocation,
	X509 *certificate, struct nr_judgement *judgement)
{
	char name[100], since[NR_TIME_TEXT], detail[200];
	nr_certificate_name(certificate, name, sizeof name);
	nr_time_write(revocation->since, since);
	snprintf(detail, sizeof detail, "%s, %s, %s", name, since,
		revocation->reason < 0 ? "no reason given" : OCSP_crl_reason_str(revocation->reason));
	bool is_time_stamp = question->purpose == NR_CHAIN_TIMESTAMP;
	if (nr_revocation_allows(revocation, question->time, is_time_stamp))
		nr_judge_note(judgement, "REVOKED_LATER", "revoked, but only after that time: %s",
			"失効していますが、その時刻より後です: %s", detail);
	else
		nr_judge_with(judgement, NR_FAILED, "REVOKED",
			is_time_stamp ? "revoked; nothing proves that the token is older than the key's loss "
					"(RFC 3161 section 4): %s"
				      : "revoked at that time (RFC 5280 section 6.3): %s",
			is_time_stamp ? "失効しています。鍵の危殆化より前のトークンだと証明できません（RFC "
					"3161 4）: %s"
				      : "その時刻には失効していました（RFC 5280 6.3）: %s",
			detail);
}

static void judge_unknown(const struct nr_chain_question *question, const struct nr_revocation *revocation,
	X509 *certificate, struct nr_judgement *judgement)
{
	const char *en = revocation->stale
				 ? "what says whether it is revoked is older than the signature: %s"
				 : "whether it is revoked is not known, no list or answer is at hand: %s";
	const char *ja = revocation->stale ? "失効情報が署名より古いものです: %s"
					   : "失効の有無は不明です（失効リストもOCSP応答もありません）: %s";
	if (question->require_revocation) {
		say(judgement, NR_INDETERMINATE, "TRY_LATER", en, ja, certificate);
		return;
	}
	char name[160];
	nr_certificate_name(certificate, name, sizeof name);
	nr_judge_note(judgement, "REVOCATION_UNKNOWN", en, ja, name);
}

static int check_revocation(const struct nr_material *material, const struct nr_chain_question *question,
	struct nr_chain_answer *answer, struct nr_judgement *judgement, struct nr_error *error)
{
	struct nr_revocation states[PATH_MAX_CERTIFICATES + 2];
	int count = sk_X509_num(answer->path);
	if (count > (int)NR_COUNT(states))
		return nr_fail(error, -E2BIG, "a path of %d certificates", count);
	int e = nr_revocation_check(material, question, answer->path, states, error);
	if (e)
		return e;
	answer->revocation_checked = true;
	for (int i = 0; i + 1 < count; i++) {
		X509 *certificate = sk_X509_value(answer->path, i);
		if (states[i].state == NR_REVOCATION_REVOKED)
			judge_revoked(question, &states[i], certificate, judgement);
		if (states[i].state == NR_REVOCATION_UNKNOWN) {
			judge_unknown(question, &states[i], certificate, judgement);
			answer->revocation_checked = false;
		}
	}
	return 0;
}

int nr_chain_check(const struct nr_material *material, const struct nr_chain_question *question,
	struct nr_chain_answer *ret_answer, struct nr_judgement *judgement, struct nr_error *error)
{
	struct nr_chain_answer answer = {.path = NULL};
	check_purpose(question, judgement);
	int e = find_path(material, question, &answer.path, judgement);
	if (e)
		return nr_fail(error, e, "out of memory");
	if (answer.path)
		e = check_revocation(material, question, &answer, judgement, error);
	if (e) {
		nr_chain_answer_fini(&answer);
		return e;
	}
	*ret_answer = answer;
	return 0;
}
