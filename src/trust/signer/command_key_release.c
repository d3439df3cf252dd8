/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi key note, noroshi key release: persons' keys, and what two of them sign so that a key may seal. */
#include "base/file.h"
#include "base/language.h"
#include "trust/signer/command.h"
#include "trust/signer/person.h"
#include "trust/signer/release.h"

#include <errno.h>
#include <string.h>

struct note_conf {
	const char *out, *passphrase_file;
};

struct release_conf {
	const char *sign, *passphrase_file, *certificate, *reason;
	struct nr_texts purposes;
	nr_time from, lasts;
};

/* ---- a person's key ---- */

static int note_make(const struct note_conf *conf, const char *name, char vkey[static NR_NOTE_VKEY_TEXT],
	struct nr_error *error)
{
	NR_AUTO(nr_secret_wipe) struct nr_secret passphrase = {.length = 0};
	NR_AUTO(nr_pkey_freep) EVP_PKEY *key = NULL;
	NR_AUTO(nr_bio_freep) BIO *pem = NULL;
	NR_AUTO(nr_bio_freep) BIO *text = BIO_new(BIO_s_mem());
	char path[4096];
	int n = snprintf(path, sizeof path, "%s" NR_VKEY_SUFFIX, conf->out);
	if (n < 0 || (size_t)n >= sizeof path)
		return nr_fail(error, -ENAMETOOLONG, "--out: the name is too long");
	int rc = nr_secret_read(conf->passphrase_file, &passphrase, error);
	rc = rc ? rc : nr_key_generate("ed25519", &key, error);
	rc = rc ? rc : nr_key_vkey(name, key, vkey, error);
	rc = rc ? rc : nr_key_write(key, &passphrase, &pem, error);
	if (!rc && (!text || BIO_printf(text, "%s\n", vkey) <= 0))
		rc = nr_fail(error, -ENOMEM, "key note: out of memory");
	rc = rc ? rc : nr_key_file_write(conf->out, pem, true, error);
	if (rc)
		return rc;
	rc = nr_key_file_write(path, text, false, error);
	if (rc)
		unlink(conf->out);
	return rc;
}

static int note_run(
	const void *conf_, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	(void)operand_count;
	const struct note_conf *conf = conf_;
	char vkey[NR_NOTE_VKEY_TEXT];
	int rc = 0;
	if (!conf->out)
		rc = nr_fail(error, -EINVAL, "name the file for the key: --out FILE");
	else if (!nr_note_name_ok(operands[0], strlen(operands[0])))
		rc = nr_fail(error, -EINVAL,
			"%.80s: a name has 1 to %d bytes without space, \"+\" and control characters",
			operands[0], NR_NOTE_NAME_MAX);
	if (rc)
		return NR_EXIT_USAGE;
	rc = note_make(conf, operands[0], vkey, error);
	if (rc)
		return rc == -EEXIST ? NR_EXIT_USAGE : nr_exit_of_input(rc);
	puts(vkey);
	return NR_EXIT_OK;
}

/* ---- a release ---- */

static int purposes_of(const struct nr_texts *names, unsigned *ret_purposes, struct nr_error *error)
{
	unsigned purposes = 0;
	for (size_t i = 0; i < names->count; i++) {
		size_t p = 0;
		while (p < NR_SIGN_PURPOSES && strcmp(names->items[i], nr_signer_purpose_names[p]) != 0)
			p++;
		if (p == NR_SIGN_PURPOSES)
			return nr_fail(error, -EINVAL,
				"--purpose %.40s: seal, jws and timestamp can be released", names->items[i]);
		purposes |= 1u << p;
	}
	*ret_purposes = purposes;
	return 0;
}

/* The text of a new release from the options. */
static int text_make(const struct release_conf *conf, char text[static NR_RELEASE_TEXT], size_t *ret_length,
	struct nr_error *error)
{
	struct nr_release release = {.from = conf->from ? conf->from : nr_time_now()};
	NR_AUTO(nr_x509_freep) X509 *certificate = NULL;
	if (!conf->certificate || !conf->reason)
		return nr_fail(error, -EINVAL,
			"a new release needs the key's certificate and a reason: --certificate FILE --reason "
			"TEXT");
	if (strlen(conf->reason) > NR_RELEASE_REASON_MAX || strpbrk(conf->reason, "\r\n\t"))
		return nr_fail(
			error, -EINVAL, "--reason: one line of at most %d bytes", NR_RELEASE_REASON_MAX);
	if (conf->lasts <= 0 || conf->lasts > NR_RELEASE_MAX)
		return nr_fail(error, -ERANGE, "--for: from a second to 31 days");
	int rc = purposes_of(&conf->purposes, &release.purposes, error);
	rc = rc ? rc : nr_certificate_read(conf->certificate, &certificate, error);
	if (rc)
		return rc;
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	if (!key)
		return nr_fail(error, -EINVAL, "%s: public key: %s", conf->certificate, nr_openssl_reason());
	rc = nr_key_id(key, release.key, error);
	if (rc)
		return rc;
	release.until = release.from + conf->lasts;
	snprintf(release.reason, sizeof release.reason, "%s", conf->reason);
	*ret_length = nr_release_write(&release, text);
	return 0;
}

/* The note as it is, or a new one without signatures. */
static int note_begin(const struct release_conf *conf, const char *path, char note[static NR_NOTE_MAX],
	size_t *ret_length, size_t *ret_text_length, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	struct nr_note parsed;
	struct nr_release release;
	int rc = nr_file_read(path, NR_NOTE_MAX / 2, &bytes, ret_length, error);
	if (rc == -ENOENT) {
		rc = text_make(conf, note, ret_text_length, error);
		if (rc)
			return rc;
		note[*ret_text_length] = '\n';
		*ret_length = *ret_text_length + 1;
		return 0;
	}
	if (rc)
		return rc;
	if (conf->certificate || conf->reason)
		return nr_fail(error, -EEXIST,
			"%s is there: what it says is signed as it is; leave --certificate and --reason out",
			path);
	rc = nr_note_parse(bytes, *ret_length, &parsed, error);
	rc = rc ? rc : nr_release_parse(parsed.text, parsed.text_length, &release, error);
	if (rc)
		return nr_error_prefix(error, "%.100s", path);
	memcpy(note, bytes, *ret_length);
	*ret_text_length = parsed.text_length;
	return 0;
}

static int release_run(
	const void *conf_, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	(void)operand_count;
	const struct release_conf *conf = conf_;
	NR_AUTO(nr_person_fini) struct nr_person person = {.key = NULL};
	NR_AUTO(nr_freep) char *note = calloc(1, NR_NOTE_MAX);
	size_t length, text_length;
	if (!conf->sign) {
		nr_fail(error, -EINVAL,
			"name the key of the person who signs: --sign FILE (noroshi key note)");
		return NR_EXIT_USAGE;
	}
	if (!note) {
		nr_fail(error, -ENOMEM, "key release: out of memory");
		return NR_EXIT_ENVIRONMENT;
	}
	int rc = nr_person_read(conf->sign, conf->passphrase_file, &person, error);
	rc = rc ? rc : note_begin(conf, operands[0], note, &length, &text_length, error);
	rc = rc ? rc : nr_person_sign(&person, note, &length, text_length, error);
	if (rc)
		return nr_exit_of_input(rc);
	rc = nr_file_write(operands[0], note, length, error);
	if (rc)
		return NR_EXIT_ENVIRONMENT;
	/* what was signed is shown to who signed it */
	printf("%.*s", (int)text_length, note);
	return NR_EXIT_OK;
}

/* clang-format off */
static const struct nr_option note_options[] = {
	{"out", NR_OPTION_PATH, offsetof(struct note_conf, out), "FILE", NULL, 0, 0, NULL, "private key to make; its verifier key goes to FILE.vkey", "作成する秘密鍵。検証鍵はFILE.vkeyに書く"},
	{"passphrase-file", NR_OPTION_PATH, offsetof(struct note_conf, passphrase_file), "FILE", NULL, 0, 0, NULL, "encrypt the key under the passphrase in the first line of this file", "このファイルの1行目のパスフレーズで鍵を暗号化する"},
};
#define AT(field) offsetof(struct release_conf, field)
static const struct nr_option release_options[] = {
	{"sign", NR_OPTION_PATH, AT(sign), "FILE", NULL, 0, 0, NULL, "key of the person who signs; FILE.vkey is beside it", "署名する人の鍵。FILE.vkeyが同じ場所に必要"},
	{"passphrase-file", NR_OPTION_PATH, AT(passphrase_file), "FILE", NULL, 0, 0, NULL, "file whose first line opens that key", "その鍵を開くパスフレーズ（1行目）のファイル"},
	{"certificate", NR_OPTION_PATH, AT(certificate), "FILE", NULL, 0, 0, NULL, "new release: certificate of the key that may be used", "新しい許可: 使用を許可する鍵の証明書"},
	{"purpose", NR_OPTION_TEXTS, AT(purposes), "NAME", "seal,jws", 0, 0, NULL, "new release: for what", "新しい許可: 用途"},
	{"from", NR_OPTION_TIME, AT(from), "TIME", NULL, 0, 0, NULL, "new release: when it begins (default: now)", "新しい許可: 開始日時（省略時は現在）"},
	{"for", NR_OPTION_DURATION, AT(lasts), "DURATION", "1d", 0, 0, NULL, "new release: how long it lasts, at most 31 days", "新しい許可: 有効期間（最長31日）"},
	{"reason", NR_OPTION_TEXT, AT(reason), "TEXT", NULL, 0, 0, NULL, "new release: why; everyone who signs reads it", "新しい許可: 理由。署名する人全員が読む"},
};
/* clang-format on */

const struct nr_command nr_key_note_command = {
	.area = "key",
	.verb = "note",
	.operands = "NAME",
	.operand_min = 1,
	.operand_max = 1,
	.text_en = "make a key that signs notes: a person's for releases, or a witness's",
	.text_ja = "ノートに署名する鍵を作る（使用を許可する人、または立会人の鍵）",
	.example = "noroshi key note alice --out alice.key",
	.options = note_options,
	.option_count = NR_COUNT(note_options),
	.conf_size = sizeof(struct note_conf),
	.run = note_run,
};

const struct nr_command nr_key_release_command = {
	.area = "key",
	.verb = "release",
	.operands = "RELEASE",
	.operand_min = 1,
	.operand_max = 1,
	.text_en = "sign that a key may seal for a time; two persons must, the first one makes the file",
	.text_ja = "鍵の期間限定の使用許可に署名する。2人の署名が必要で、1人目がファイルを作る",
	.example = "noroshi key release july.release --sign alice.key --certificate keys/seal.pem --reason "
		   "\"July invoices\"",
	.options = release_options,
	.option_count = NR_COUNT(release_options),
	.conf_size = sizeof(struct release_conf),
	.run = release_run,
};
