/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noroshi key revoke, noroshi key crl: the demonstration authority's revocation list. The authority's key is
 * used here and not by the signer: it signs certificates and lists, seldom, and best on a machine of its own.
 */
#include "base/file.h"
#include "base/language.h"
#include "trust/certificate/asn1_time.h"
#include "trust/signer/authority.h"
#include "trust/signer/command.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#define CRL_MAX (64 * 1024 * 1024)

struct revoke_conf {
	const char *keys, *passphrase_file, *reason;
	uint64_t days;
	bool json;
};

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
	X509_CRL *crl; /* NULL: there is none yet */
	char path[4096];
};

static void authority_fini(struct authority *authority)
{
	EVP_PKEY_free(authority->key);
	X509_free(authority->certificate);
	X509_CRL_free(authority->crl);
}

static int crl_read(struct authority *authority, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	int rc = nr_file_read(authority->path, CRL_MAX, &bytes, &length, error);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	NR_AUTO(nr_bio_freep) BIO *bio = BIO_new_mem_buf(bytes, (int)length);
	authority->crl = bio ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
	if (!authority->crl || X509_CRL_verify(authority->crl, authority->key) != 1) {
		ERR_clear_error();
		return nr_fail(
			error, -EINVAL, "%s: not a revocation list of this authority", authority->path);
	}
	return 0;
}

static int authority_read(const struct revoke_conf *conf, struct authority *authority, struct nr_error *error)
{
	NR_AUTO(nr_secret_wipe) struct nr_secret passphrase = {.length = 0};
	char path[4096];
	if (!conf->keys)
		return nr_fail(error, -EINVAL, "name the folder of the authority's keys: --keys DIR");
	int rc = nr_secret_read(conf->passphrase_file, &passphrase, error);
	snprintf(path, sizeof path, "%s/ca.key", conf->keys);
	rc = rc ? rc : nr_key_read(path, &passphrase, &authority->key, error);
	snprintf(path, sizeof path, "%s/ca.pem", conf->keys);
	rc = rc ? rc : nr_certificate_read(path, &authority->certificate, error);
	if (rc)
		return rc;
	if (X509_check_private_key(authority->certificate, authority->key) != 1) {
		ERR_clear_error();
		return nr_fail(error, -EINVAL, "%s: its key is not ca.key beside it", path);
	}
	snprintf(authority->path, sizeof authority->path, "%s/ca.crl", conf->keys);
	return crl_read(authority, error);
}

static int crl_write(const struct authority *authority, X509_CRL *crl, struct nr_error *error)
{
	NR_AUTO(nr_bio_freep) BIO *pem = BIO_new(BIO_s_mem());
	char *bytes;
	if (!pem || PEM_write_bio_X509_CRL(pem, crl) != 1)
		return nr_fail(error, -ENOMEM, "writing a revocation list: %s", nr_openssl_reason());
	long length = BIO_get_mem_data(pem, &bytes);
	return nr_file_write(authority->path, bytes, (size_t)length, error);
}

static int renew(const struct revoke_conf *conf, const struct authority *authority, X509 *revoked,
	struct nr_error *error)
{
	nr_time now = nr_time_now(), end = nr_asn1_time(X509_get0_notAfter(authority->certificate));
	nr_time until = conf->days ? NR_MIN(now + (nr_time)conf->days * NR_DAY, end) : end;
	X509_CRL *crl = NULL;
	int rc = nr_crl_make(&(struct nr_crl_wish){.issuer = authority->certificate,
				     .issuer_key = authority->key,
				     .old = authority->crl,
				     .revoked = revoked,
				     .reason = conf->reason,
				     .from = now,
				     .until = until},
		&crl, error);
	rc = rc ? rc : crl_write(authority, crl, error);
	unsigned count = crl ? (unsigned)NR_MAX(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 0) : 0;
	X509_CRL_free(crl);
	if (rc)
		return rc;
	char time[NR_TIME_TEXT];
	if (!conf->json) {
		printf(nr_says("%s: %u revoked, good until %.10s\n", "%s: 失効%u件、%.10sまで有効\n"),
			authority->path, count, nr_time_write(until, time));
		return 0;
	}
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "file", authority->path);
	nr_json_uint(&json, "revoked", count);
	nr_json_time(&json, "until", until);
	nr_json_object_end(&json);
	rc = nr_json_finish(&json, error);
	if (!rc)
		puts(json.bytes);
	return rc;
}

/* Its own, not itself, and not revoked already. */
static int certificate_check(
	const struct authority *authority, const char *path, X509 *certificate, struct nr_error *error)
{
	X509_REVOKED *entry = NULL;
	if (X509_check_issued(authority->certificate, certificate) != X509_V_OK ||
		X509_verify(certificate, authority->key) != 1) {
		ERR_clear_error();
		return nr_fail(error, -EINVAL, "%s: not a certificate of this authority", path);
	}
	if (X509_cmp(certificate, authority->certificate) == 0)
		return nr_fail(error, -EINVAL, "%s: an authority does not revoke itself", path);
	if (authority->crl && X509_CRL_get0_by_cert(authority->crl, &entry, certificate) == 1)
		return nr_fail(error, -EALREADY, "%s: is revoked already", path);
	return 0;
}

static int revoke_run(
	const void *conf_, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	(void)operand_count;
	const struct revoke_conf *conf = conf_;
	NR_AUTO(authority_fini) struct authority authority = {.key = NULL};
	NR_AUTO(nr_x509_freep) X509 *certificate = NULL;
	int rc = authority_read(conf, &authority, error);
	if (rc)
		return nr_exit_of_input(rc);
	rc = nr_certificate_read(operands[0], &certificate, error);
	if (rc)
		return NR_EXIT_INPUT;
	rc = certificate_check(&authority, operands[0], certificate, error);
	if (rc)
		return rc == -EALREADY ? NR_EXIT_NO : NR_EXIT_USAGE;
	return renew(conf, &authority, certificate, error) ? NR_EXIT_ENVIRONMENT : NR_EXIT_OK;
}

static int crl_run(
	const void *conf_, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	(void)operands, (void)operand_count;
	const struct revoke_conf *conf = conf_;
	NR_AUTO(authority_fini) struct authority authority = {.key = NULL};
	int rc = authority_read(conf, &authority, error);
	if (rc)
		return nr_exit_of_input(rc);
	return renew(conf, &authority, NULL, error) ? NR_EXIT_ENVIRONMENT : NR_EXIT_OK;
}

/* clang-format off */
#define AT(field) offsetof(struct revoke_conf, field)
#define SHARED \
	{"keys", NR_OPTION_PATH, AT(keys), "DIR", NULL, 0, 0, NULL, "folder with the authority's ca.key, ca.pem and ca.crl", "認証局のca.key、ca.pem、ca.crlのあるフォルダー"}, \
	{"passphrase-file", NR_OPTION_PATH, AT(passphrase_file), "FILE", NULL, 0, 0, NULL, "file whose first line opens the encrypted key", "暗号化された鍵を開くパスフレーズ（1行目）のファイル"}, \
	{"days", NR_OPTION_UINT, AT(days), "N", "0", 0, 36500, NULL, "how long the list is good (0: as long as the authority)", "リストの有効日数（0は認証局の期限まで）"}, \
	{"json", NR_OPTION_FLAG, AT(json), NULL, NULL, 0, 0, NULL, "one JSON document", "JSONで出力する"}
static const struct nr_option revoke_options[] = {
	SHARED,
	{"reason", NR_OPTION_CHOICE, AT(reason), "REASON", "unspecified", 0, 0, nr_crl_reason_names, "why (RFC 5280 section 5.3.1); without one, and with keyCompromise, older time stamps of the key fall with it (RFC 3161 section 4)", "失効理由（RFC 5280 5.3.1節）。理由なしとkeyCompromiseでは、その鍵の過去のタイムスタンプも無効になる（RFC 3161 4章）"},
};
static const struct nr_option crl_options[] = {SHARED};
/* clang-format on */

const struct nr_command nr_key_revoke_command = {
	.area = "key",
	.verb = "revoke",
	.operands = "CERTIFICATE",
	.operand_min = 1,
	.operand_max = 1,
	.text_en = "revoke a certificate of the demonstration authority and write its new list",
	.text_ja = "デモ用認証局の証明書を失効させ、新しい失効リストを書く",
	.example = "noroshi key revoke --keys keys --reason superseded keys/tsa.pem",
	.options = revoke_options,
	.option_count = NR_COUNT(revoke_options),
	.conf_size = sizeof(struct revoke_conf),
	.run = revoke_run,
};

const struct nr_command nr_key_crl_command = {
	.area = "key",
	.verb = "crl",
	.text_en = "write the demonstration authority's revocation list anew, with a later end",
	.text_ja = "デモ用認証局の失効リストを、期限を延ばして書き直す",
	.example = "noroshi key crl --keys keys --days 30",
	.options = crl_options,
	.option_count = NR_COUNT(crl_options),
	.conf_size = sizeof(struct revoke_conf),
	.run = crl_run,
};
