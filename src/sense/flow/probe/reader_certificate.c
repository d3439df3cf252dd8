/* SPDX-License-Identifier: Apache-2.0 */
/* A stranger's certificate: what it says, bounded; nothing of it is believed. */
#include "sense/flow/probe/reader.h"
#include "trust/certificate/asn1_time.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define CERTIFICATE_MAX (64 * 1024) /* bytes; above it nothing of it is read but its hash */

static void name_write(const X509_NAME *name, char *text, size_t room)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *bytes = NULL;
	*text = 0;
	if (out && X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		long length = BIO_get_mem_data(out, &bytes);
		snprintf(text, room, "%.*s", (int)NR_MIN(length, (long)room), bytes ? bytes : "");
	}
	BIO_free(out);
}

static void serial_write(const X509 *x, char *text, size_t room)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	size_t at = 0;
	*text = 0;
	for (int i = 0; serial && i < serial->length && at + 3 < room; i++, at += 2)
		snprintf(text + at, room - at, "%02x", serial->data[i]);
}

static void key_write(X509 *x, struct nr_probe_certificate *c)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	X509_PUBKEY *info = X509_get_X509_PUBKEY(x);
	unsigned char *der = NULL;
	char group[16] = "";
	int length = info ? i2d_X509_PUBKEY(info, &der) : -1;
	if (length > 0)
		nr_probe_hash(der, (size_t)length, c->key_sha256);
	OPENSSL_free(der);
	if (!key) {
		snprintf(c->key, sizeof c->key, "unreadable");
		return;
	}
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
		EVP_PKEY_get_group_name(key, group, sizeof group, NULL);
	const char *type = EVP_PKEY_get0_type_name(key);
	snprintf(c->key, sizeof c->key, "%.7s%s%.15s", type ? type : "other", *group ? " " : "", group);
	c->key_bits = (uint32_t)NR_MAX(EVP_PKEY_get_bits(key), 0);
}

static void add_name(const GENERAL_NAME *name, struct nr_probe_certificate *c)
{
	char *text = c->names[c->name_count];
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
	if (type == GEN_IPADD && (value->length == 4 || value->length == 16)) {
		struct nr_address address = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
		char written[NR_ADDRESS_TEXT];
		memcpy(address.octets + 16 - value->length, value->data, (size_t)value->length);
		snprintf(text, sizeof c->names[0], "%s", nr_address_write(&address, written));
	} else if (type == GEN_DNS || type == GEN_URI || type == GEN_EMAIL) {
		int length = NR_MIN(value->length, (int)sizeof c->names[0] - 1);
		for (int i = 0; i < length; i++) /* IA5 as it should be */
			text[i] = value->data[i] > ' ' && value->data[i] < 0x7f ? (char)value->data[i] : '?';
		text[length] = 0;
	} else {
		return;
	}
	c->name_count++;
}

static void names_write(X509 *x, struct nr_probe_certificate *c)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		if (c->name_count == NR_PROBE_NAMES_MAX) {
			c->names_cut = 1;
			break;
		}
		add_name(sk_GENERAL_NAME_value(names, i), c);
	}
	GENERAL_NAMES_free(names);
}

static void certificate_write(X509 *x, struct nr_probe_certificate *c)
{
	char algorithm[80] = "";
	const X509_ALGOR *signature;
	X509_get0_signature(NULL, &signature, x);
	OBJ_obj2txt(algorithm, sizeof algorithm, signature->algorithm, 0);
	snprintf(c->algorithm, sizeof c->algorithm, "%.39s", algorithm);
	name_write(X509_get_subject_name(x), c->subject, sizeof c->subject);
	name_write(X509_get_issuer_name(x), c->issuer, sizeof c->issuer);
	serial_write(x, c->serial, sizeof c->serial);
	c->version = (uint8_t)(X509_get_version(x) + 1);
	c->from = nr_asn1_time(X509_get0_notBefore(x));
	c->until = nr_asn1_time(X509_get0_notAfter(x));
	key_write(x, c);
	names_write(x, c);
	c->ca = X509_check_ca(x) == 1;
	c->self_signed = X509_self_signed(x, 1) == 1; /* by its own key, not by its name alone */
}

void nr_probe_certificate_take(
	const uint8_t *der, size_t length, size_t chain, struct nr_probe_certificate *ret_certificate)
{
	struct nr_probe_certificate c = {.present = 1,
		.bytes = (uint32_t)NR_MIN(length, (size_t)UINT32_MAX),
		.chain = (uint8_t)NR_MIN(chain, (size_t)UINT8_MAX),
		.from = NR_TIME_MIN,
		.until = NR_TIME_MIN};
	const unsigned char *at = der;
	nr_probe_hash(der, length, c.sha256);
	X509 *x = length <= CERTIFICATE_MAX ? d2i_X509(NULL, &at, (long)length) : NULL;
	if (x)
		certificate_write(x, &c);
	else
		c.unreadable = 1;
	X509_free(x);
	ERR_clear_error();
	*ret_certificate = c;
}
