/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/certificate/material.h"

#include "base/file.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

int nr_material_init(struct nr_material *material, struct nr_error *error)
{
	*material = (struct nr_material){
		.anchors = sk_X509_new_null(),
		.certificates = sk_X509_new_null(),
		.crls = sk_X509_CRL_new_null(),
		.store = X509_STORE_new(),
	};
	if (material->anchors && material->certificates && material->crls && material->store)
		return 0;
	nr_material_fini(material);
	return nr_fail(error, -ENOMEM, "out of memory");
}

void nr_material_fini(struct nr_material *material)
{
	sk_X509_pop_free(material->anchors, X509_free);
	sk_X509_pop_free(material->certificates, X509_free);
	sk_X509_CRL_pop_free(material->crls, X509_CRL_free);
	for (size_t i = 0; i < material->ocsp_count; i++)
		OCSP_BASICRESP_free(material->ocsp[i]);
	X509_STORE_free(material->store);
	*material = (struct nr_material){.anchors = NULL};
}

/* ---- one object ---- */

enum kind { ANCHOR, CERTIFICATE, LIST };

static int add_x509(struct nr_material *material, enum kind kind, X509 *certificate, struct nr_error *error)
{
	STACK_OF(X509) *stack = kind == ANCHOR ? material->anchors : material->certificates;
	for (int i = 0; i < sk_X509_num(stack); i++) { /* each seal brings its own along */
		if (X509_cmp(sk_X509_value(stack, i), certificate) == 0) {
			X509_free(certificate);
			return 0;
		}
	}
	if (sk_X509_num(stack) >= NR_MATERIAL_CERTIFICATES_MAX) {
		X509_free(certificate);
		return nr_fail(error, -E2BIG, "more than %d certificates", NR_MATERIAL_CERTIFICATES_MAX);
	}
	if (!sk_X509_push(stack, certificate)) {
		X509_free(certificate);
		return nr_fail(error, -ENOMEM, "out of memory");
	}
	if (kind == ANCHOR && !X509_STORE_add_cert(material->store, certificate))
		return nr_fail(error, -EINVAL, "a certificate that cannot be an anchor");
	return 0;
}

static int add_list(struct nr_material *material, X509_CRL *list, struct nr_error *error)
{
	for (int i = 0; i < sk_X509_CRL_num(material->crls); i++) {
		if (X509_CRL_match(sk_X509_CRL_value(material->crls, i), list) == 0) {
			X509_CRL_free(list);
			return 0;
		}
	}
	if (sk_X509_CRL_num(material->crls) >= NR_MATERIAL_CRLS_MAX) {
		X509_CRL_free(list);
		return nr_fail(error, -E2BIG, "more than %d revocation lists", NR_MATERIAL_CRLS_MAX);
	}
	if (!sk_X509_CRL_push(material->crls, list)) {
		X509_CRL_free(list);
		return nr_fail(error, -ENOMEM, "out of memory");
	}
	return 0;
}

static bool has_bytes(X509 *certificate, const uint8_t *der, size_t length)
{
	uint8_t *own = NULL;
	if (i2d_X509(certificate, NULL) != (int)length)
		return false;
	bool same = i2d_X509(certificate, &own) == (int)length && memcmp(own, der, length) == 0;
	OPENSSL_free(own);
	return same;
}

/* Borrowed; NULL: not there. */
static X509 *find_certificate(STACK_OF(X509) * stack, const uint8_t *der, size_t length)
{
	for (int i = 0; i < sk_X509_num(stack); i++) {
		if (has_bytes(sk_X509_value(stack, i), der, length))
			return sk_X509_value(stack, i);
	}
	return NULL;
}

X509 *nr_material_certificate(const struct nr_material *material, const uint8_t *der, size_t length)
{
	const uint8_t *at = der;
	X509 *known = find_certificate(material->anchors, der, length);
	known = known ? known : find_certificate(material->certificates, der, length);
	if (known)
		return X509_up_ref(known) == 1 ? known : NULL;
	X509 *certificate = d2i_X509(NULL, &at, (long)length);
	ERR_clear_error();
	if (certificate && at != der + length) {
		X509_free(certificate);
		return NULL;
	}
	return certificate;
}

static int add_der(struct nr_material *material, enum kind kind, const uint8_t *der, size_t length,
	struct nr_error *error)
{
	const uint8_t *at = der;
	if (kind == CERTIFICATE && find_certificate(material->certificates, der, length))
		return 0;
	X509 *certificate = kind == LIST ? NULL : d2i_X509(NULL, &at, (long)length);
	X509_CRL *list = kind == LIST ? d2i_X509_CRL(NULL, &at, (long)length) : NULL;
	ERR_clear_error();
	if ((certificate || list) && at != der + length) {
		X509_free(certificate);
		X509_CRL_free(list);
		return nr_fail(error, -EINVAL, "%zu bytes follow the object", length - (size_t)(at - der));
	}
	if (certificate)
		return add_x509(material, kind, certificate, error);
	if (list)
		return add_list(material, list, error);
	return nr_fail(error, -EINVAL,
		kind == LIST ? "not a revocation list (RFC 5280 section 5)"
			     : "not a certificate (RFC 5280 section 4)");
}

int nr_material_add_certificate(
	struct nr_material *material, const uint8_t *der, size_t length, struct nr_error *error)
{
	return add_der(material, CERTIFICATE, der, length, error);
}

int nr_material_add_crl(
	struct nr_material *material, const uint8_t *der, size_t length, struct nr_error *error)
{
	return add_der(material, LIST, der, length, error);
}

static OCSP_BASICRESP *read_ocsp(const uint8_t *der, size_t length)
{
	const uint8_t *at = der;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)length);
	if (response && at == der + length) {
		OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
		OCSP_RESPONSE_free(response);
		return basic;
	}
	OCSP_RESPONSE_free(response);
	at = der;
	OCSP_BASICRESP *basic = d2i_OCSP_BASICRESP(NULL, &at, (long)length);
	if (basic && at != der + length) {
		OCSP_BASICRESP_free(basic);
		return NULL;
	}
	return basic;
}

static bool has_ocsp(const struct nr_material *material, const OCSP_BASICRESP *basic)
{
	uint8_t *new = NULL;
	int length = i2d_OCSP_BASICRESP(basic, &new);
	bool same = false;
	for (size_t i = 0; length > 0 && i < material->ocsp_count && !same; i++) {
		uint8_t *old = NULL;
		same = i2d_OCSP_BASICRESP(material->ocsp[i], &old) == length &&
		       memcmp(old, new, (size_t)length) == 0;
		OPENSSL_free(old);
	}
	OPENSSL_free(new);
	return same;
}

int nr_material_add_ocsp(
	struct nr_material *material, const uint8_t *der, size_t length, struct nr_error *error)
{
	OCSP_BASICRESP *basic = read_ocsp(der, length);
	ERR_clear_error();
	if (!basic)
		return nr_fail(error, -EINVAL, "not an OCSP answer (RFC 6960 section 4.2)");
	if (has_ocsp(material, basic)) {
		OCSP_BASICRESP_free(basic);
		return 0;
	}
	if (material->ocsp_count == NR_MATERIAL_OCSP_MAX) {
		OCSP_BASICRESP_free(basic);
		return nr_fail(error, -E2BIG, "more than %d OCSP answers", NR_MATERIAL_OCSP_MAX);
	}
	material->ocsp[material->ocsp_count++] = basic;
	return 0;
}

/* ---- files ---- */

/* Whether a PEM block of that name is what is wanted. */
static bool is_wanted(enum kind kind, const char *name)
{
	if (kind == LIST)
		return strcmp(name, PEM_STRING_X509_CRL) == 0;
	return strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0;
}

static int add_pem(
	struct nr_material *material, enum kind kind, BIO *bio, unsigned *ret_found, struct nr_error *error)
{
	int e = 0;
	char *name, *header;
	uint8_t *der;
	long length;
	while (!e && PEM_read_bio(bio, &name, &header, &der, &length)) {
		if (is_wanted(kind, name)) {
			e = add_der(material, kind, der, (size_t)length, error);
			(*ret_found)++;
		}
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	ERR_clear_error();
	return e;
}

static int add_file(struct nr_material *material, enum kind kind, const char *path, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	int e = nr_file_read(path, NR_MATERIAL_FILE_MAX, &bytes, &length, error);
	if (e)
		return e;
	if (length > 0 && bytes[0] == 0x30) { /* SEQUENCE */
		e = add_der(material, kind, bytes, length, error);
		return e ? (nr_error_prefix(error, "%.100s", path), e) : 0;
	}
	BIO *bio = BIO_new_mem_buf(bytes, (int)length);
	if (!bio)
		return nr_fail(error, -ENOMEM, "out of memory");
	unsigned found = 0;
	e = add_pem(material, kind, bio, &found, error);
	BIO_free(bio);
	if (e)
		return nr_error_prefix(error, "%.100s: object %u", path, found);
	if (!found)
		return nr_fail(error, -EINVAL, "%.100s: holds no %s in PEM or DER", path,
			kind == LIST ? "revocation list" : "certificate");
	return 0;
}

int nr_material_add_anchors(struct nr_material *material, const char *path, struct nr_error *error)
{
	return add_file(material, ANCHOR, path, error);
}

int nr_material_add_certificates(struct nr_material *material, const char *path, struct nr_error *error)
{
	return add_file(material, CERTIFICATE, path, error);
}

int nr_material_add_crls(struct nr_material *material, const char *path, struct nr_error *error)
{
	return add_file(material, LIST, path, error);
}

int nr_material_add_answers(struct nr_material *material, const char *path, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	int e = nr_file_read(path, NR_MATERIAL_FILE_MAX, &bytes, &length, error);
	if (e)
		return e;
	e = nr_material_add_ocsp(material, bytes, length, error);
	return e ? nr_error_prefix(error, "%.100s", path) : 0;
}
