/* SPDX-License-Identifier: Apache-2.0 */
#include "base/language.h"
#include "base/time.h"
#include "trust/signer/authority.h"
#include "trust/signer/command.h"

#include <errno.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>

/* So that a clock that is a little behind ours takes them too. */
#define BACKDATE (5 * NR_MINUTE)

struct key_new_conf {
	const char *out, *name, *origin, *algorithm, *number, *country, *passphrase_file;
	uint64_t days;
	bool json;
};

/* Everything is made before the first file is written. */
enum made_file {
	CA_PEM,
	CA_KEY,
	CA_CRL,
	TSA_PEM,
	TSA_KEY,
	SEAL_PEM,
	SEAL_KEY,
	LEDGER_KEY,
	LEDGER_VKEY,
	FILES
};
static const struct {
	const char *name;
	bool secret;
} files[FILES] = {
	[CA_PEM] = {"ca.pem", false},
	[CA_KEY] = {"ca.key", true},
	[CA_CRL] = {"ca.crl", false},
	[TSA_PEM] = {"tsa.pem", false},
	[TSA_KEY] = {"tsa.key", true},
	[SEAL_PEM] = {"seal.pem", false},
	[SEAL_KEY] = {"seal.key", true},
	[LEDGER_KEY] = {"ledger.key", true},
	[LEDGER_VKEY] = {"ledger.vkey", false},
};

struct made {
	BIO *contents[FILES];
	char origin[NR_NOTE_NAME_MAX + 1];
	char vkey[NR_NOTE_VKEY_TEXT];
};

static void made_fini(struct made *made)
{
	for (size_t i = 0; i < FILES; i++)
		BIO_free(made->contents[i]);
}

static int pem_of_certificate(X509 *certificate, BIO **ret_pem, struct nr_error *error)
{
	BIO *pem = BIO_new(BIO_s_mem());
	if (!pem || PEM_write_bio_X509(pem, certificate) != 1) {
		BIO_free(pem);
		return nr_fail(error, -ENOMEM, "writing a certificate: %s", nr_openssl_reason());
	}
	*ret_pem = pem;
	return 0;
}

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
};

/* A key and its certificate, as two of the files. */
static int make_pair(const struct key_new_conf *conf, const struct nr_secret *passphrase,
	enum nr_certificate_kind kind, const struct authority *issuer, struct authority *ret_made,
	struct made *made, struct nr_error *error)
{
	static const enum made_file places[] = {[NR_CERTIFICATE_AUTHORITY] = CA_PEM,
		[NR_CERTIFICATE_TIMESTAMP] = TSA_PEM,
		[NR_CERTIFICATE_SEAL] = SEAL_PEM};
	nr_time now = nr_time_now();
	const struct nr_certificate_wish wish = {.kind = kind,
		.organisation = conf->name,
		.country = conf->country,
		.number = conf->number,
		.from = now - BACKDATE,
		.until = now + (nr_time)conf->days * NR_DAY};
	NR_AUTO(nr_pkey_freep) EVP_PKEY *key = NULL;
	NR_AUTO(nr_x509_freep) X509 *certificate = NULL;
	int rc = nr_key_generate(conf->algorithm, &key, error);
	rc = rc ? rc
		: nr_certificate_make(&wish, key, issuer ? issuer->certificate : NULL,
			  issuer ? issuer->key : NULL, &certificate, error);
	rc = rc ? rc : pem_of_certificate(certificate, &made->contents[places[kind]], error);
	rc = rc ? rc : nr_key_write(key, passphrase, &made->contents[places[kind] + 1], error);
	if (!rc && ret_made) {
		ret_made->key = nr_steal(&key);
		ret_made->certificate = nr_steal(&certificate);
	}
	return rc;
}

static int make_crl(const struct key_new_conf *conf, const struct authority *authority, struct made *made,
	struct nr_error *error)
{
	nr_time now = nr_time_now();
	X509_CRL *crl = NULL;
	int rc = nr_crl_make(&(struct nr_crl_wish){.issuer = authority->certificate,
				     .issuer_key = authority->key,
				     .from = now - BACKDATE,
				     .until = now + (nr_time)conf->days * NR_DAY},
		&crl, error);
	if (rc)
		return rc;
	made->contents[CA_CRL] = BIO_new(BIO_s_mem());
	bool written = made->contents[CA_CRL] && PEM_write_bio_X509_CRL(made->contents[CA_CRL], crl) == 1;
	X509_CRL_free(crl);
	return written ? 0 : nr_fail(error, -ENOMEM, "writing a revocation list: %s", nr_openssl_reason());
}

static int make_ledger_key(const struct key_new_conf *conf, const struct nr_secret *passphrase,
	struct made *made, struct nr_error *error)
{
	NR_AUTO(nr_pkey_freep) EVP_PKEY *key = NULL;
	int rc = nr_key_generate("ed25519", &key, error);
	if (rc)
		return rc;
	char id[NR_KEY_ID_TEXT];
	rc = nr_key_id(key, id, error);
	if (rc)
		return rc;
	if (conf->origin)
		snprintf(made->origin, sizeof made->origin, "%s", conf->origin);
	else
		snprintf(made->origin, sizeof made->origin, "noroshi-demonstration-%.8s", id);
	rc = nr_key_vkey(made->origin, key, made->vkey, error);
	rc = rc ? rc : nr_key_write(key, passphrase, &made->contents[LEDGER_KEY], error);
	if (rc)
		return rc;
	made->contents[LEDGER_VKEY] = BIO_new(BIO_s_mem());
	if (!made->contents[LEDGER_VKEY] || BIO_printf(made->contents[LEDGER_VKEY], "%s\n", made->vkey) <= 0)
		return nr_fail(error, -ENOMEM, "key new: out of memory");
	return 0;
}

static int make_all(const struct key_new_conf *conf, struct made *made, struct nr_error *error)
{
	NR_AUTO(nr_secret_wipe) struct nr_secret passphrase = {.length = 0};
	int rc = nr_secret_read(conf->passphrase_file, &passphrase, error);
	if (rc)
		return rc;
	struct authority authority = {NULL, NULL};
	rc = make_pair(conf, &passphrase, NR_CERTIFICATE_AUTHORITY, NULL, &authority, made, error);
	rc = rc ? rc : make_pair(conf, &passphrase, NR_CERTIFICATE_TIMESTAMP, &authority, NULL, made, error);
	rc = rc ? rc : make_pair(conf, &passphrase, NR_CERTIFICATE_SEAL, &authority, NULL, made, error);
	rc = rc ? rc : make_crl(conf, &authority, made, error);
	rc = rc ? rc : make_ledger_key(conf, &passphrase, made, error);
	EVP_PKEY_free(authority.key);
	X509_free(authority.certificate);
	return rc;
}

/* ---- files ---- */

static int folder_make(const char *path, struct nr_error *error)
{
	if (mkdir(path, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
	for (size_t i = 0; i < FILES; i++) {
		char name[4096];
		struct stat status;
		snprintf(name, sizeof name, "%s/%s", path, files[i].name);
		if (lstat(name, &status) == 0)
			return nr_fail(error, -EEXIST,
				"%s is there already, and keys are never overwritten; name another folder",
				name);
	}
	return 0;
}

/* What was written before a failure is taken away again. */
static int write_all(const char *folder, const struct made *made, struct nr_error *error)
{
	char path[FILES][4096];
	for (size_t i = 0; i < FILES; i++) {
		snprintf(path[i], sizeof path[i], "%s/%s", folder, files[i].name);
		int rc = nr_key_file_write(path[i], made->contents[i], files[i].secret, error);
		if (!rc)
			continue;
		while (i-- > 0)
			unlink(path[i]);
		return rc;
	}
	return 0;
}

static int report(const struct key_new_conf *conf, const struct made *made, struct nr_error *error)
{
	if (!conf->json) {
		printf(nr_says("%s: keys and certificates for demonstration: ca, tsa, seal (%s, %llu days), "
			       "ledger\nledger: %s\n",
			       "%s: デモ用の鍵と証明書: ca, tsa, seal（%s、%llu日間）, ledger\n台帳: %s\n"),
			conf->out, conf->algorithm, (unsigned long long)conf->days, made->vkey);
		return 0;
	}
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "folder", conf->out);
	nr_json_text(&json, "algorithm", conf->algorithm);
	nr_json_uint(&json, "days", conf->days);
	nr_json_bool(&json, "encrypted", conf->passphrase_file != NULL);
	nr_json_text(&json, "ledger_origin", made->origin);
	nr_json_text(&json, "ledger_vkey", made->vkey);
	nr_json_object_end(&json);
	int rc = nr_json_finish(&json, error);
	if (!rc)
		puts(json.bytes);
	return rc;
}

static int check(const struct key_new_conf *conf, struct nr_error *error)
{
	if (!conf->out)
		return nr_fail(error, -EINVAL, "name the folder for the keys: --out DIR");
	if (strlen(conf->country) != 2 || conf->country[0] < 'A' || conf->country[0] > 'Z' ||
		conf->country[1] < 'A' || conf->country[1] > 'Z')
		return nr_fail(
			error, -EINVAL, "--country %.40s: two capital letters (ISO 3166)", conf->country);
	/* upper bounds of X.520 */
	if (conf->name && (!*conf->name || strlen(conf->name) > 64))
		return nr_fail(error, -EINVAL, "--name: 1 to 64 bytes");
	if (conf->origin && !nr_note_name_ok(conf->origin, strlen(conf->origin)))
		return nr_fail(error, -EINVAL,
			"--origin %.80s: 1 to %d bytes without space, \"+\" and control characters",
			conf->origin, NR_NOTE_NAME_MAX);
	return conf->number ? nr_corporate_number_check(conf->number, error) : 0;
}

static int run(const void *conf_, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	(void)operands, (void)operand_count;
	const struct key_new_conf *conf = conf_;
	int rc = check(conf, error);
	if (rc)
		return NR_EXIT_USAGE;
	NR_AUTO(made_fini) struct made made = {.origin = ""};
	rc = make_all(conf, &made, error);
	if (rc)
		return nr_exit_of_input(rc);
	rc = folder_make(conf->out, error);
	rc = rc ? rc : write_all(conf->out, &made, error);
	rc = rc ? rc : report(conf, &made, error);
	if (rc == -EEXIST)
		return NR_EXIT_USAGE;
	return rc ? NR_EXIT_ENVIRONMENT : NR_EXIT_OK;
}

/* clang-format off */
#define AT(field) offsetof(struct key_new_conf, field)
static const struct nr_option options[] = {
	{"out", NR_OPTION_PATH, AT(out), "DIR", NULL, 0, 0, NULL, "folder to make (mode 0700); nothing in it is overwritten", "作成するフォルダー（モード0700）。既存のファイルは上書きしない"},
	{"name", NR_OPTION_TEXT, AT(name), "ORGANISATION", NULL, 0, 0, NULL, "organisation in the certificates", "証明書に記す組織名"},
	{"country", NR_OPTION_TEXT, AT(country), "CC", "JP", 0, 0, NULL, "country in the certificates", "証明書に記す国"},
	{"number", NR_OPTION_TEXT, AT(number), "DIGITS", NULL, 0, 0, NULL, "corporate number (13 digits) in the seal's certificate, as organizationIdentifier NTRJP-...", "eシール証明書に記す法人番号（13桁）。organizationIdentifierのNTRJP-…になる"},
	{"origin", NR_OPTION_TEXT, AT(origin), "NAME", NULL, 0, 0, NULL, "name of the ledger and of its key (default: noroshi-demonstration- and part of the key's hash)", "台帳とその鍵の名前（省略時はnoroshi-demonstration-と鍵のハッシュの一部）"},
	{"algorithm", NR_OPTION_CHOICE, AT(algorithm), "NAME", "p256", 0, 0, nr_key_algorithm_names, "of the three certificates' keys; the ledger's is Ed25519", "3つの証明書の鍵のアルゴリズム。台帳の鍵はEd25519"},
	{"days", NR_OPTION_UINT, AT(days), "N", "3650", 1, 36500, NULL, "how long certificates and revocation list are good", "証明書と失効リストの有効日数"},
	{"passphrase-file", NR_OPTION_PATH, AT(passphrase_file), "FILE", NULL, 0, 0, NULL, "encrypt the keys under the passphrase in the first line of this file", "このファイルの1行目のパスフレーズで鍵を暗号化する"},
	{"json", NR_OPTION_FLAG, AT(json), NULL, NULL, 0, 0, NULL, "one JSON document", "JSONで出力する"},
};
/* clang-format on */

const struct nr_command nr_key_new_command = {
	.area = "key",
	.verb = "new",
	.text_en = "make a demonstration authority, its time-stamp and seal certificates, and a ledger key",
	.text_ja = "デモ用の認証局、タイムスタンプとeシールの証明書、台帳の鍵を作る",
	.example = "noroshi key new --out keys --name \"Example Networks\"",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct key_new_conf),
	.run = run,
};
