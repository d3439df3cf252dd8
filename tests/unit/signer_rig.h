/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and structures for tests of the signer: a folder of keys that is removed again, and what it signs. */
#ifndef NR_TEST_SIGNER_RIG_H
#define NR_TEST_SIGNER_RIG_H

#include "base/file.h"
#include "trust/signer/attributes.h"
#include "trust/signer/authority.h"

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <sys/stat.h>

struct rig {
	char folder[64];
	EVP_PKEY *ca_key;
	X509 *ca;
};

static inline const char *rig_path(const struct rig *rig, const char *name)
{
	static char paths[8][128];
	static unsigned turn;
	char *path = paths[turn++ % NR_COUNT(paths)];
	snprintf(path, sizeof paths[0], "%s/%s", rig->folder, name);
	return path;
}

static inline void rig_check(int rc, const struct nr_error *error)
{
	if (rc) {
		fprintf(stderr, "rig: %s\n", error->text);
		abort();
	}
}

static inline void rig_write(const struct rig *rig, const char *name, const void *bytes, size_t length)
{
	struct nr_error error = {0};
	rig_check(nr_file_write(rig_path(rig, name), bytes, length, &error), &error);
}

/* NAME.key and, with a certificate, NAME.pem. */
static inline void rig_write_pair(const struct rig *rig, const char *name, EVP_PKEY *key, X509 *certificate,
	const struct nr_secret *passphrase)
{
	static const struct nr_secret none = {.length = 0};
	struct nr_error error = {0};
	char file[64];
	NR_AUTO(nr_bio_freep) BIO *pem = NULL;
	rig_check(nr_key_write(key, passphrase ? passphrase : &none, &pem, &error), &error);
	snprintf(file, sizeof file, "%s.key", name);
	rig_check(nr_key_file_write(rig_path(rig, file), pem, true, &error), &error);
	if (!certificate)
		return;
	NR_AUTO(nr_bio_freep) BIO *text = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(text, certificate);
	snprintf(file, sizeof file, "%s.pem", name);
	rig_check(nr_key_file_write(rig_path(rig, file), text, false, &error), &error);
}

static inline void rig_make(struct rig *rig, const char *name, const char *algorithm,
	enum nr_certificate_kind kind, nr_time from, nr_time until, const struct nr_secret *passphrase)
{
	struct nr_error error = {0};
	NR_AUTO(nr_pkey_freep) EVP_PKEY *key = NULL;
	NR_AUTO(nr_x509_freep) X509 *certificate = NULL;
	const struct nr_certificate_wish wish = {.kind = kind, .country = "JP", .from = from, .until = until};
	rig_check(nr_key_generate(algorithm, &key, &error), &error);
	rig_check(nr_certificate_make(&wish, key, rig->ca, rig->ca_key, &certificate, &error), &error);
	rig_write_pair(rig, name, key, certificate, passphrase);
	if (kind == NR_CERTIFICATE_AUTHORITY) {
		rig->ca_key = nr_steal(&key);
		rig->ca = nr_steal(&certificate);
	}
}

static inline void rig_init(struct rig *rig)
{
	*rig = (struct rig){.folder = "/tmp/noroshi-signer-XXXXXX"};
	umask(077); /* keys */
	if (!mkdtemp(rig->folder))
		abort();
	nr_time now = nr_time_now();
	rig_make(rig, "ca", "p256", NR_CERTIFICATE_AUTHORITY, now - NR_DAY, now + NR_DAY, NULL);
}

static inline void rig_fini(struct rig *rig)
{
	char command[128];
	EVP_PKEY_free(rig->ca_key);
	X509_free(rig->ca);
	snprintf(command, sizeof command, "rm -r %s", rig->folder);
	if (system(command) != 0)
		abort();
}

/* TSTInfo (RFC 3161 section 2.4.2) over SHA-256 of nothing. */
struct tst_wish {
	uint64_t serial;
	nr_time time;
	enum nr_oid digest;
	size_t imprint; /* octets; 0: as the digest has */
	bool extension;
};
static inline size_t tst_write(const struct tst_wish *wish, uint8_t *buffer, size_t room)
{
	static const uint8_t policy[] = {0x88, 0x37, 0x01}, octets[64] = {0x5a};
	enum nr_oid digest = wish->digest ? wish->digest : NR_OID_SHA256;
	struct nr_der_writer w;
	nr_der_writer_init(&w, buffer, room);
	if (wish->extension) {
		size_t mark = nr_der_mark(&w);
		nr_der_put_value(&w, NR_DER_OCTET_STRING, "", 0);
		nr_oid_put(&w, NR_OID_DATA);
		nr_der_wrap(&w, NR_DER_SEQUENCE, mark);
		nr_der_wrap(&w, NR_DER_CONSTRUCTED(1), mark);
	}
	nr_der_put_time(&w, NR_DER_GENERALIZED_TIME, wish->time);
	nr_der_put_uint(&w, wish->serial);
	size_t mark = nr_der_mark(&w);
	nr_der_put_value(
		&w, NR_DER_OCTET_STRING, octets, wish->imprint ? wish->imprint : nr_oid_digest_bytes(digest));
	nr_oid_put_algorithm(&w, digest, false);
	nr_der_wrap(&w, NR_DER_SEQUENCE, mark);
	nr_der_put_value(&w, NR_DER_OID, policy, sizeof policy);
	nr_der_put_uint(&w, 1);
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	size_t length = nr_der_mark(&w);
	memmove(buffer, w.at, length);
	return length;
}

#endif
