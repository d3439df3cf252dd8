/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/signer/keyfile.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <string.h>
#include <sys/stat.h>

#define KEY_FILE_MAX (64 * 1024)
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096

void nr_secret_wipe(struct nr_secret *secret)
{
	OPENSSL_cleanse(secret, sizeof *secret);
}

void nr_pkey_freep(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

void nr_x509_freep(X509 **certificate)
{
	X509_free(*certificate);
}

void nr_bio_freep(BIO **bio)
{
	BIO_free(*bio);
}

const char *nr_openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	ERR_clear_error();
	return reason ? reason : "no reason given";
}

/* A file that may hold a secret. */
static int file_read_secret(const char *path, size_t limit, BIO **ret_bio, struct nr_error *error)
{
	uint8_t *bytes = NULL;
	size_t length = 0;
	int rc = nr_file_read(path, limit, &bytes, &length, error);
	if (rc)
		return rc;
	BIO *bio = BIO_new(BIO_s_secmem());
	bool written = bio && (length == 0 || BIO_write(bio, bytes, (int)length) == (int)length);
	OPENSSL_cleanse(bytes, length);
	free(bytes);
	if (!written) {
		BIO_free(bio);
		return nr_fail(error, -ENOMEM, "%s: out of memory", path);
	}
	*ret_bio = bio;
	return 0;
}

int nr_secret_read(const char *path, struct nr_secret *ret_secret, struct nr_error *error)
{
	if (!path) {
		*ret_secret = (struct nr_secret){.length = 0};
		return 0;
	}
	NR_AUTO(nr_bio_freep) BIO *bio = NULL;
	int rc = file_read_secret(path, KEY_FILE_MAX, &bio, error);
	if (rc)
		return rc;
	char *bytes;
	size_t length = (size_t)BIO_get_mem_data(bio, &bytes), line = 0;
	while (line < length && bytes[line] != '\n' && bytes[line] != '\r')
		line++;
	if (line == 0)
		return nr_fail(error, -EINVAL, "%s: the first line, which is the passphrase, is empty", path);
	if (line > NR_PASSPHRASE_MAX)
		return nr_fail(error, -EINVAL, "%s: the passphrase is longer than %d bytes", path,
			NR_PASSPHRASE_MAX);
	memcpy(ret_secret->text, bytes, line);
	ret_secret->text[line] = 0;
	ret_secret->length = line;
	return 0;
}

/* ---- making ---- */

const char *const nr_key_algorithm_names[] = {"p256", "p384", "rsa2048", "rsa3072", "ed25519", NULL};

int nr_key_generate(const char *algorithm, EVP_PKEY **ret_key, struct nr_error *error)
{
	EVP_PKEY *key = NULL;
	if (strcmp(algorithm, "p256") == 0)
		key = EVP_EC_gen("P-256");
	else if (strcmp(algorithm, "p384") == 0)
		key = EVP_EC_gen("P-384");
	else if (strcmp(algorithm, "rsa2048") == 0)
		key = EVP_RSA_gen(2048);
	else if (strcmp(algorithm, "rsa3072") == 0)
		key = EVP_RSA_gen(3072);
	else if (strcmp(algorithm, "ed25519") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else
		return nr_fail(error, -EINVAL, "there is no key algorithm \"%.40s\"", algorithm);
	if (!key)
		return nr_fail(error, -EIO, "making a key (%s): %s", algorithm, nr_openssl_reason());
	*ret_key = key;
	return 0;
}

/* scrypt and AES-256-CBC around the key (RFC 7914 section 7, RFC 8018 section 6.2). */
static X509_SIG *encrypt(PKCS8_PRIV_KEY_INFO *plain, const struct nr_secret *passphrase)
{
	X509_ALGOR *scheme = PKCS5_pbe2_set_scrypt(
		EVP_aes_256_cbc(), NULL, 16, NULL, NR_SCRYPT_N, NR_SCRYPT_R, NR_SCRYPT_P);
	if (!scheme)
		return NULL;
	X509_SIG *sealed = PKCS8_set0_pbe(passphrase->text, (int)passphrase->length, plain, scheme);
	if (!sealed)
		X509_ALGOR_free(scheme);
	return sealed;
}

int nr_key_write(EVP_PKEY *key, const struct nr_secret *passphrase, BIO **ret_pem, struct nr_error *error)
{
	BIO *pem = BIO_new(BIO_s_secmem());
	PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key);
	X509_SIG *sealed = NULL;
	bool done = false;
	if (pem && plain && passphrase->length > 0) {
		sealed = encrypt(plain, passphrase);
		done = sealed && PEM_write_bio_PKCS8(pem, sealed) == 1;
	} else if (pem && plain) {
		done = PEM_write_bio_PKCS8_PRIV_KEY_INFO(pem, plain) == 1;
	}
	X509_SIG_free(sealed);
	PKCS8_PRIV_KEY_INFO_free(plain);
	if (!done) {
		BIO_free(pem);
		return nr_fail(error, -EIO, "writing a private key: %s", nr_openssl_reason());
	}
	*ret_pem = pem;
	return 0;
}

static int write_whole(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, bytes, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		length -= (size_t)n;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

int nr_key_file_write(const char *path, BIO *contents, bool secret, struct nr_error *error)
{
	char *bytes;
	size_t length = (size_t)BIO_get_mem_data(contents, &bytes);
	NR_AUTO(nr_close_fd)
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, secret ? 0600 : 0644);
	if (fd < 0)
		return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
	int rc = write_whole(fd, bytes, length);
	if (!rc)
		return 0;
	unlink(path);
	return nr_fail(error, rc, "%s: %s", path, strerror(-rc));
}

/* ---- reading ---- */

static int no_pkcs8(const char *path, const char *label, struct nr_error *error)
{
	if (strstr(label, "CERTIFICATE"))
		return nr_fail(error, -EINVAL, "%s: a certificate and no private key", path);
	if (strstr(label, "PUBLIC KEY"))
		return nr_fail(error, -EINVAL, "%s: a public key and no private one", path);
	return nr_fail(error, -EINVAL, "%s: \"%.40s\" is not PKCS#8; convert it: openssl pkcs8 -topk8 -in %s",
		path, label, path);
}

static int key_decrypt(const char *path, const struct nr_secret *passphrase, const uint8_t *der, long length,
	PKCS8_PRIV_KEY_INFO **ret_plain, struct nr_error *error)
{
	if (passphrase->length == 0)
		return nr_fail(error, -EACCES,
			"%s: the key is encrypted; name the file that holds its passphrase", path);
	X509_SIG *sealed = d2i_X509_SIG(NULL, &der, length);
	if (!sealed)
		return nr_fail(error, -EINVAL, "%s: damaged: %s", path, nr_openssl_reason());
	*ret_plain = PKCS8_decrypt(sealed, passphrase->text, (int)passphrase->length);
	X509_SIG_free(sealed);
	if (*ret_plain)
		return 0;
	unsigned long code = ERR_peek_error();
	bool unknown = ERR_GET_LIB(code) == ERR_LIB_EVP && ERR_GET_REASON(code) != EVP_R_BAD_DECRYPT;
	if (unknown)
		return nr_fail(error, -EINVAL, "%s: cannot be decrypted: %s", path, nr_openssl_reason());
	ERR_clear_error();
	return nr_fail(error, -EACCES, "%s: the passphrase is not the right one for this key", path);
}

static int key_parse(const char *path, const struct nr_secret *passphrase, const char *label,
	const uint8_t *der, long length, EVP_PKEY **ret_key, struct nr_error *error)
{
	PKCS8_PRIV_KEY_INFO *plain = NULL;
	int rc = 0;
	if (strcmp(label, PEM_STRING_PKCS8) == 0)
		rc = key_decrypt(path, passphrase, der, length, &plain, error);
	else if (strcmp(label, PEM_STRING_PKCS8INF) == 0)
		plain = d2i_PKCS8_PRIV_KEY_INFO(NULL, &der, length);
	else
		rc = no_pkcs8(path, label, error);
	if (rc)
		return rc;
	*ret_key = plain ? EVP_PKCS82PKEY(plain) : NULL;
	PKCS8_PRIV_KEY_INFO_free(plain);
	if (!*ret_key)
		return nr_fail(error, -EINVAL, "%s: not a private key: %s", path, nr_openssl_reason());
	return 0;
}

/* Whoever can read a key that nothing encrypts has it. Pipes and the like are the caller's affair. */
static int check_private(const char *path, const char *label, struct nr_error *error)
{
	struct stat status;
	if (strcmp(label, PEM_STRING_PKCS8) == 0 || stat(path, &status) < 0 || !S_ISREG(status.st_mode) ||
		!(status.st_mode & (S_IROTH | S_IWOTH)))
		return 0;
	return nr_fail(error, -EACCES,
		"%s: every user of this machine can read this key, and nothing encrypts it: chmod 600, and "
		"if "
		"others were there, make a new one",
		path);
}

int nr_key_read(
	const char *path, const struct nr_secret *passphrase, EVP_PKEY **ret_key, struct nr_error *error)
{
	NR_AUTO(nr_bio_freep) BIO *bio = NULL;
	int rc = file_read_secret(path, KEY_FILE_MAX, &bio, error);
	if (rc)
		return rc;
	char *label = NULL, *header = NULL;
	uint8_t *der = NULL;
	long length = 0;
	EVP_PKEY *key = NULL;
	if (PEM_read_bio(bio, &label, &header, &der, &length) != 1) {
		ERR_clear_error();
		return nr_fail(error, -EINVAL, "%s: not a PEM file with a private key", path);
	}
	rc = check_private(path, label, error);
	rc = rc ? rc : key_parse(path, passphrase, label, der, length, &key, error);
	OPENSSL_clear_free(der, (size_t)length);
	OPENSSL_free(label);
	OPENSSL_free(header);
	if (!rc)
		*ret_key = key;
	return rc;
}

int nr_certificate_read(const char *path, X509 **ret_certificate, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	int rc = nr_file_read(path, KEY_FILE_MAX, &bytes, &length, error);
	if (rc)
		return rc;
	NR_AUTO(nr_bio_freep) BIO *bio = BIO_new_mem_buf(bytes, (int)length);
	X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	if (!certificate) {
		ERR_clear_error();
		return nr_fail(error, -EINVAL, "%s: not a PEM file with a certificate", path);
	}
	*ret_certificate = certificate;
	return 0;
}

/* ---- what a key is ---- */

int nr_key_classify(
	const EVP_PKEY *key, const char *name, enum nr_key_algorithm *ret_algorithm, struct nr_error *error)
{
	char group[32] = "";
	int bits = EVP_PKEY_get_bits(key);
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
			return nr_fail(error, -EKEYREJECTED,
				"%s: RSA with %d bits; %d to %d are taken: make a new key", name, bits,
				RSA_BITS_MIN, RSA_BITS_MAX);
		*ret_algorithm = NR_KEY_RSA;
		return 0;
	case EVP_PKEY_ED25519:
		*ret_algorithm = NR_KEY_ED25519;
		return 0;
	case EVP_PKEY_EC:
		EVP_PKEY_get_group_name(key, group, sizeof group, NULL);
		if (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0) {
			*ret_algorithm = NR_KEY_P256;
			return 0;
		}
		if (strcmp(group, "secp384r1") == 0 || strcmp(group, "P-384") == 0) {
			*ret_algorithm = NR_KEY_P384;
			return 0;
		}
		break;
	default:
		break;
	}
	return nr_fail(error, -EKEYREJECTED,
		"%s: keys of type %s are not taken; RSA, P-256, P-384 and Ed25519 are", name,
		group[0] ? group : EVP_PKEY_get0_type_name(key));
}

const char *nr_key_algorithm_text(const EVP_PKEY *key, char *text, size_t room)
{
	enum nr_key_algorithm algorithm;
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		snprintf(text, room, "RSA %d", EVP_PKEY_get_bits(key));
	else if (nr_key_classify(key, "", &algorithm, NULL))
		snprintf(text, room, "%s", EVP_PKEY_get0_type_name(key));
	else
		snprintf(text, room, "%s",
			algorithm == NR_KEY_P256   ? "P-256"
			: algorithm == NR_KEY_P384 ? "P-384"
						   : "Ed25519");
	return text;
}

int nr_key_id(const EVP_PKEY *key, char ret_text[static NR_KEY_ID_TEXT], struct nr_error *error)
{
	uint8_t *spki = NULL, hash[32];
	int length = i2d_PUBKEY(key, &spki);
	bool hashed = length > 0 && EVP_Digest(spki, (size_t)length, hash, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(spki);
	if (!hashed)
		return nr_fail(error, -EIO, "hashing a public key: %s", nr_openssl_reason());
	for (size_t i = 0; i < sizeof hash; i++)
		snprintf(ret_text + 2 * i, 3, "%02x", hash[i]);
	return 0;
}

int nr_key_vkey(const char *name, const EVP_PKEY *key, char ret_text[static NR_NOTE_VKEY_TEXT],
	struct nr_error *error)
{
	uint8_t bytes[32];
	size_t length = sizeof bytes;
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519 ||
		EVP_PKEY_get_raw_public_key(key, bytes, &length) != 1 || length != sizeof bytes)
		return nr_fail(error, -EKEYREJECTED, "%s: notes are signed with Ed25519 keys", name);
	return nr_note_vkey_write(name, NR_NOTE_ED25519, bytes, ret_text, error);
}
