/* SPDX-License-Identifier: Apache-2.0 */
/* What a verifier will need, put into the message itself (EN 319 122-1 clauses 5.4.2 and 5.4.3). */
#include "trust/seal/cades.h"

#include <errno.h>
#include <openssl/err.h>

/* Whether the pile has an element with these bytes. */
static bool has_element(const struct nr_pile *pile, const uint8_t *bytes, size_t length)
{
	struct nr_cursor c = nr_cursor_over(pile->bytes ? pile->bytes : (const uint8_t *)"", pile->length);
	while (!c.failed && c.at < c.end) {
		struct nr_der element = nr_der_any(&c);
		if (!c.failed && nr_der_size(&element) == length && memcmp(element.start, bytes, length) == 0)
			return true;
	}
	return false;
}

static int add_element(struct nr_pile *pile, uint8_t *bytes, int length, struct nr_error *error)
{
	if (length <= 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (!has_element(pile, bytes, (size_t)length))
		nr_pile_add(pile, bytes, (size_t)length);
	OPENSSL_free(bytes);
	return pile->failed ? nr_fail(error, -ENOMEM, "out of memory") : 0;
}

static int add_certificate(struct nr_cms_parts *parts, X509 *certificate, struct nr_error *error)
{
	uint8_t *der = NULL;
	int length = i2d_X509(certificate, &der);
	return add_element(&parts->certificates, der, length, error);
}

/* Lists of those who issued the certificates of the paths. */
static bool is_of_path(X509_CRL *list, STACK_OF(X509) *const *paths, size_t count)
{
	for (size_t p = 0; p < count; p++) {
		for (int i = 1; i < sk_X509_num(paths[p]); i++) {
			if (X509_NAME_cmp(X509_CRL_get_issuer(list),
				    X509_get_subject_name(sk_X509_value(paths[p], i))) == 0)
				return true;
		}
	}
	return false;
}

static int add_list(struct nr_cms_parts *parts, X509_CRL *list, struct nr_error *error)
{
	uint8_t *der = NULL;
	int length = i2d_X509_CRL(list, &der);
	return add_element(&parts->lists, der, length, error);
}

/* Whether the answer says something of a certificate of a path. */
static bool answers_path(OCSP_BASICRESP *answer, STACK_OF(X509) *const *paths, size_t count)
{
	static const char *const digests[] = {"SHA1", "SHA256"};
	bool found = false;
	for (size_t p = 0; p < count && !found; p++) {
		for (int i = 0; i + 1 < sk_X509_num(paths[p]) && !found; i++) {
			for (size_t d = 0; d < NR_COUNT(digests) && !found; d++) {
				OCSP_CERTID *id = OCSP_cert_to_id(EVP_get_digestbyname(digests[d]),
					sk_X509_value(paths[p], i), sk_X509_value(paths[p], i + 1));
				found = id && OCSP_resp_find(answer, id, -1) >= 0;
				OCSP_CERTID_free(id);
			}
		}
	}
	ERR_clear_error();
	return found;
}

/* RevocationInfoChoice other [1]: id-ri-ocsp-response and an OCSPResponse (RFC 5940 section 2.1). */
static int add_answer(struct nr_cms_parts *parts, OCSP_BASICRESP *answer, struct nr_error *error)
{
	OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, answer);
	uint8_t *der = NULL;
	int length = response ? i2d_OCSP_RESPONSE(response, &der) : -1;
	OCSP_RESPONSE_free(response);
	if (length <= 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	size_t room = (size_t)length + 64;
	uint8_t *buffer = malloc(room);
	struct nr_der_writer w;
	nr_der_writer_init(&w, buffer, buffer ? room : 0);
	nr_der_put(&w, der, (size_t)length);
	nr_oid_put(&w, NR_OID_OCSP_RESPONSE_INFO);
	nr_der_wrap(&w, NR_DER_CONSTRUCTED(1), 0);
	OPENSSL_free(der);
	if (!w.failed && !has_element(&parts->lists, w.at, nr_der_mark(&w)))
		nr_pile_add(&parts->lists, w.at, nr_der_mark(&w));
	bool failed = w.failed || parts->lists.failed;
	free(buffer);
	parts->other_lists = true;
	return failed ? nr_fail(error, -ENOMEM, "out of memory") : 0;
}

int nr_cades_add_validation(struct nr_cms_parts *parts, const struct nr_material *material,
	STACK_OF(X509) *const *paths, size_t count, struct nr_error *error)
{
	int e = 0;
	for (size_t p = 0; p < count; p++) {
		for (int i = 0; !e && i < sk_X509_num(paths[p]); i++)
			e = add_certificate(parts, sk_X509_value(paths[p], i), error);
	}
	for (int i = 0; !e && i < sk_X509_CRL_num(material->crls); i++) {
		X509_CRL *list = sk_X509_CRL_value(material->crls, i);
		if (is_of_path(list, paths, count))
			e = add_list(parts, list, error);
	}
	for (size_t i = 0; !e && i < material->ocsp_count; i++) {
		if (answers_path(material->ocsp[i], paths, count))
			e = add_answer(parts, material->ocsp[i], error);
	}
	return e;
}
