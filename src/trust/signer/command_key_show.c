/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi key show: what lies in a folder of keys, or in one file. Reads first, then parses in the sandbox.
 */
#include "base/file.h"
#include "base/language.h"
#include "base/sandbox.h"
#include "trust/certificate/asn1_time.h"
#include "trust/signer/authority.h"
#include "trust/signer/command.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX  (4 * 1024 * 1024) /* a long revocation list */
#define FILES_MAX 256
#define TEXT      512

struct key_show_conf {
	bool json;
};

struct shown_file {
	char *path; /* owned, as the contents */
	uint8_t *bytes;
	size_t length;
};
struct shown {
	struct shown_file files[FILES_MAX];
	size_t count;
	X509_CRL *crl; /* of the folder, to say who is revoked */
};

static void shown_fini(struct shown *shown)
{
	for (size_t i = 0; i < shown->count; i++) {
		free(shown->files[i].path);
		OPENSSL_clear_free(shown->files[i].bytes, shown->files[i].length);
	}
	X509_CRL_free(shown->crl);
}

/* ---- reading ---- */

static int file_add(struct shown *shown, const char *path, struct nr_error *error)
{
	struct shown_file *file = &shown->files[shown->count];
	uint8_t *bytes = NULL;
	size_t length;
	if (shown->count == FILES_MAX)
		return nr_fail(
			error, -E2BIG, "%s: more than %d files; name them one by one", path, FILES_MAX);
	int rc = nr_file_read(path, FILE_MAX, &bytes, &length, error);
	if (rc)
		return rc;
	file->path = strdup(path);
	file->bytes = OPENSSL_malloc(length + 1);
	if (file->bytes)
		memcpy(file->bytes, bytes, length);
	file->length = length;
	OPENSSL_cleanse(bytes, length);
	free(bytes);
	shown->count++;
	return file->path && file->bytes ? 0 : nr_fail(error, -ENOMEM, "key show: out of memory");
}

static int is_of_keys(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');
	return end && (strcmp(end, ".pem") == 0 || strcmp(end, ".key") == 0 || strcmp(end, ".crl") == 0 ||
			      strcmp(end, ".vkey") == 0);
}

static int folder_add(struct shown *shown, const char *folder, struct nr_error *error)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_of_keys, alphasort), rc = 0;
	if (count < 0)
		return nr_fail(error, -errno, "%s: %s", folder, strerror(errno));
	for (int i = 0; i < count; i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
		rc = rc ? rc : file_add(shown, path, error);
		free(entries[i]);
	}
	free(entries);
	if (!rc && count == 0)
		rc = nr_fail(error, -ENOENT, "%s: no .pem, .key, .crl or .vkey in it", folder);
	return rc;
}

static int read_all(struct shown *shown, const char *path, struct nr_error *error)
{
	struct stat status;
	if (stat(path, &status) < 0)
		return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
	return S_ISDIR(status.st_mode) ? folder_add(shown, path, error) : file_add(shown, path, error);
}

/* ---- what each is; for people a line or two, for programs an object ---- */

static void name_text(const X509_NAME *name, char *ret_text, size_t room)
{
	NR_AUTO(nr_bio_freep) BIO *out = BIO_new(BIO_s_mem());
	char *bytes = NULL;
	/* UTF-8 stays as it is, control characters do not */
	if (out)
		X509_NAME_print_ex(out, name, 0, (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB));
	long length = out ? BIO_get_mem_data(out, &bytes) : 0;
	snprintf(ret_text, room, "%.*s", (int)NR_MIN(length, (long)room - 1), bytes ? bytes : "");
}

static void serial_text(const ASN1_INTEGER *serial, char *ret_text, size_t room)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
	char *hex = number ? BN_bn2hex(number) : NULL;
	snprintf(ret_text, room, "%s", hex ? hex : "");
	OPENSSL_free(hex);
	BN_free(number);
}

static const struct state {
	const char *name, *ja;
} states[] = {
	{"valid", "有効"}, {"not-yet-valid", "有効期間前"}, {"expired", "期限切れ"}, {"revoked", "失効"}};

static const struct state *state_of(const struct shown *shown, X509 *certificate)
{
	X509_REVOKED *entry = NULL;
	nr_time now = nr_time_now();
	if (shown->crl &&
		X509_NAME_cmp(X509_CRL_get_issuer(shown->crl), X509_get_issuer_name(certificate)) == 0 &&
		X509_CRL_get0_by_cert(shown->crl, &entry, certificate) == 1)
		return &states[3];
	if (now > nr_asn1_time(X509_get0_notAfter(certificate)))
		return &states[2];
	return &states[now < nr_asn1_time(X509_get0_notBefore(certificate))];
}

static void usages_text(X509 *certificate, char *ret_text, size_t room)
{
	uint32_t usage = X509_get_key_usage(certificate), extended = X509_get_extended_key_usage(certificate);
	bool any = usage != UINT32_MAX;
	snprintf(ret_text, room, "%s%s%s%s%s", any && usage & KU_DIGITAL_SIGNATURE ? "digitalSignature " : "",
		any && usage & KU_NON_REPUDIATION ? "nonRepudiation " : "",
		any && usage & KU_KEY_CERT_SIGN ? "keyCertSign " : "",
		any && usage & KU_CRL_SIGN ? "cRLSign " : "",
		extended != UINT32_MAX && extended & XKU_TIMESTAMP ? "timeStamping " : "");
	size_t length = strlen(ret_text);
	if (length)
		ret_text[length - 1] = 0;
}

static int show_certificate(
	const struct shown *shown, const char *path, X509 *certificate, struct nr_json *json)
{
	char subject[TEXT], issuer[TEXT], serial[TEXT], algorithm[64], usages[128], id[NR_KEY_ID_TEXT] = "";
	char from[NR_TIME_TEXT], until[NR_TIME_TEXT];
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	if (!key)
		return -EINVAL;
	nr_key_id(key, id, NULL);
	nr_key_algorithm_text(key, algorithm, sizeof algorithm);
	name_text(X509_get_subject_name(certificate), subject, sizeof subject);
	name_text(X509_get_issuer_name(certificate), issuer, sizeof issuer);
	serial_text(X509_get0_serialNumber(certificate), serial, sizeof serial);
	usages_text(certificate, usages, sizeof usages);
	nr_time begins = nr_asn1_time(X509_get0_notBefore(certificate)),
		ends = nr_asn1_time(X509_get0_notAfter(certificate));
	const struct state *state = state_of(shown, certificate);
	bool demonstration = nr_certificate_is_demonstration(certificate);
	if (!json) {
		printf(nr_says("%s: certificate, %s%s\n  %s\n  %s, %.10s to %.10s\n  key %s\n",
			       "%s: 証明書、%s%s\n  %s\n  %s、%.10sから%.10sまで\n  鍵 %s\n"),
			path, nr_says(state->name, state->ja),
			demonstration ? nr_says(", for demonstration", "、デモ用") : "", subject, algorithm,
			nr_time_write(begins, from), nr_time_write(ends, until), id);
		return 0;
	}
	nr_json_text(json, "kind", "certificate");
	nr_json_text(json, "state", state->name);
	nr_json_text(json, "subject", subject);
	nr_json_text(json, "issuer", issuer);
	nr_json_text(json, "serial", serial);
	nr_json_time(json, "from", begins);
	nr_json_time(json, "until", ends);
	nr_json_text(json, "algorithm", algorithm);
	nr_json_text(json, "usages", usages);
	nr_json_bool(json, "demonstration", demonstration);
	nr_json_text(json, "key", id);
	return 0;
}

static int show_crl(const char *path, X509_CRL *crl, struct nr_json *json)
{
	char issuer[TEXT], number[TEXT] = "", from[NR_TIME_TEXT], until[NR_TIME_TEXT];
	STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);
	ASN1_INTEGER *value = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	unsigned count = (unsigned)NR_MAX(sk_X509_REVOKED_num(entries), 0);
	if (value)
		serial_text(value, number, sizeof number);
	ASN1_INTEGER_free(value);
	name_text(X509_CRL_get_issuer(crl), issuer, sizeof issuer);
	nr_time begins = nr_asn1_time(X509_CRL_get0_lastUpdate(crl)),
		ends = nr_asn1_time(X509_CRL_get0_nextUpdate(crl));
	if (!json) {
		printf(nr_says("%s: revocation list %s, %u revoked, %.10s to %.10s\n",
			       "%s: 失効リスト %s、失効%u件、%.10sから%.10sまで\n"),
			path, number, count, nr_time_write(begins, from), nr_time_write(ends, until));
		return 0;
	}
	nr_json_text(json, "kind", "revocation-list");
	nr_json_text(json, "issuer", issuer);
	nr_json_text(json, "number", number);
	nr_json_time(json, "from", begins);
	nr_json_time(json, "until", ends);
	nr_json_uint(json, "revoked", count);
	return 0;
}

static int show_key(const char *path, const char *label, struct nr_json *json)
{
	bool encrypted = strcmp(label, PEM_STRING_PKCS8) == 0;
	if (!json)
		printf(encrypted ? nr_says("%s: private key, encrypted\n", "%s: 秘密鍵（暗号化あり）\n")
				 : nr_says("%s: private key, not encrypted\n", "%s: 秘密鍵（暗号化なし）\n"),
			path);
	else
		nr_json_text(json, "kind", "private-key");
	if (json)
		nr_json_bool(json, "encrypted", encrypted);
	return 0;
}

static int show_vkey(const char *path, const struct shown_file *file, struct nr_json *json)
{
	struct nr_note_key key;
	size_t length = file->length;
	while (length > 0 && (file->bytes[length - 1] == '\n' || file->bytes[length - 1] == '\r'))
		length--;
	if (nr_note_key_parse((const char *)file->bytes, length, &key, NULL))
		return -EINVAL;
	if (json) {
		nr_json_text(json, "kind", "verifier-key");
		nr_json_text(json, "name", key.name);
		nr_json_text_n(json, "vkey", (const char *)file->bytes, length);
	} else {
		printf(nr_says("%s: verifier key of %s\n", "%s: %sの検証鍵\n"), path, key.name);
	}
	nr_note_key_fini(&key);
	return 0;
}

static int show_pem(const struct shown *shown, const struct shown_file *file, struct nr_json *json)
{
	NR_AUTO(nr_bio_freep) BIO *bio = BIO_new_mem_buf(file->bytes, (int)file->length);
	char *label = NULL, *header = NULL;
	uint8_t *der = NULL;
	long length = 0;
	int rc = -EINVAL;
	if (!bio || PEM_read_bio(bio, &label, &header, &der, &length) != 1)
		return -EINVAL;
	const uint8_t *at = der;
	if (strcmp(label, PEM_STRING_X509) == 0) {
		NR_AUTO(nr_x509_freep) X509 *certificate = d2i_X509(NULL, &at, length);
		rc = certificate ? show_certificate(shown, file->path, certificate, json) : -EINVAL;
	} else if (strcmp(label, PEM_STRING_X509_CRL) == 0) {
		X509_CRL *crl = d2i_X509_CRL(NULL, &at, length);
		rc = crl ? show_crl(file->path, crl, json) : -EINVAL;
		X509_CRL_free(crl);
	} else if (strstr(label, "PRIVATE KEY")) {
		rc = show_key(file->path, label, json);
	}
	OPENSSL_clear_free(der, (size_t)length);
	OPENSSL_free(label);
	OPENSSL_free(header);
	return rc;
}

static int show(const struct shown *shown, const struct shown_file *file, struct nr_json *json,
	struct nr_error *error)
{
	if (json) {
		nr_json_object(json, NULL);
		nr_json_text(json, "file", file->path);
	}
	int rc = show_pem(shown, file, json);
	if (rc)
		rc = show_vkey(file->path, file, json);
	ERR_clear_error();
	if (rc) /* said in the list, so that the others are shown */
		nr_fail(error, rc, "%s: neither certificate, revocation list, private key nor verifier key",
			file->path);
	if (rc && json)
		nr_json_text(json, "kind", "unknown");
	if (json)
		nr_json_object_end(json);
	return rc;
}

/* The folder's list, so that state_of() can ask it. */
static void crl_find(struct shown *shown)
{
	for (size_t i = 0; i < shown->count && !shown->crl; i++) {
		NR_AUTO(nr_bio_freep)
		BIO *bio = BIO_new_mem_buf(shown->files[i].bytes, (int)shown->files[i].length);
		shown->crl = bio ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
	}
	ERR_clear_error();
}

static int run(const void *conf_, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	(void)operand_count;
	const struct key_show_conf *conf = conf_;
	NR_AUTO(shown_fini) struct shown shown = {.count = 0};
	int rc = read_all(&shown, operands[0], error);
	if (rc)
		return NR_EXIT_INPUT;
	nr_time_now();
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL); /* it reads a file when it is used first */
	rc = nr_sandbox_enter(0, NULL, error);
	if (rc)
		return NR_EXIT_ENVIRONMENT;
	crl_find(&shown);
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	if (conf->json)
		nr_json_array(&json, NULL);
	for (size_t i = 0; i < shown.count; i++)
		rc = show(&shown, &shown.files[i], conf->json ? &json : NULL, error) ? -EINVAL : rc;
	if (conf->json) {
		nr_json_array_end(&json);
		if (nr_json_finish(&json, error))
			return NR_EXIT_ENVIRONMENT;
		puts(json.bytes);
	}
	return rc ? NR_EXIT_INPUT : NR_EXIT_OK;
}

/* clang-format off */
static const struct nr_option options[] = {
	{"json", NR_OPTION_FLAG, offsetof(struct key_show_conf, json), NULL, NULL, 0, 0, NULL, "one JSON document", "JSONで出力する"},
};
/* clang-format on */

const struct nr_command nr_key_show_command = {
	.area = "key",
	.verb = "show",
	.operands = "DIR|FILE",
	.operand_min = 1,
	.operand_max = 1,
	.text_en = "show certificates, revocation lists and keys: whose, for what, until when",
	.text_ja = "証明書、失効リスト、鍵の内容（所有者、用途、期限）を表示する",
	.example = "noroshi key show keys",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct key_show_conf),
	.run = run,
};
