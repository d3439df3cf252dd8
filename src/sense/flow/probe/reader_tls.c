/* SPDX-License-Identifier: Apache-2.0 */
/* HEAD inside TLS: OpenSSL makes the handshake, over memory; it verifies nothing, and has no certificate. */
#include "sense/flow/probe/reader_inside.h"

#include <string.h>

/* The server's certificate is noted when it comes, whatever becomes of the handshake. */
static int note_certificate(X509_STORE_CTX *store, void *context)
{
	struct nr_probe_reader *r = *(struct nr_probe_reader **)context;
	X509 *certificate = X509_STORE_CTX_get0_cert(store);
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(store);
	unsigned char *der = NULL;
	int length = r && certificate ? i2d_X509(certificate, &der) : -1;
	if (length > 0)
		nr_probe_certificate_take(
			der, (size_t)length, (size_t)NR_MAX(sk_X509_num(chain), 1), &r->answers.certificate);
	OPENSSL_free(der);
	return 1;
}

/* A process has one connection. */
static struct nr_probe_reader *connection;

static int note_request(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
	(void)ssl, (void)certificate, (void)key;
	if (connection)
		connection->answers.handshake.asks_certificate = 1;
	return 0; /* none: we have no name to give */
}

SSL_CTX *nr_probe_tls_new(void)
{
	/* without the system's configuration, which leaves out what old servers speak */
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	static const unsigned char protocols[] = "\x08http/1.1";
	if (!tls)
		return NULL;
	SSL_CTX_set_security_level(tls, 0);
	SSL_CTX_set_options(tls, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_cert_verify_callback(tls, note_certificate, &connection);
	SSL_CTX_set_client_cert_cb(tls, note_request);
	if (SSL_CTX_set_min_proto_version(tls, TLS1_VERSION) != 1 ||
		SSL_CTX_set_cipher_list(tls, "ALL:@SECLEVEL=0") != 1 ||
		SSL_CTX_set_alpn_protos(tls, protocols, sizeof protocols - 1) != 0) {
		SSL_CTX_free(tls);
		return NULL;
	}
	return tls;
}

/* What OpenSSL wants sent goes out. */
static bool flush(struct nr_probe_reader *r, BIO *out)
{
	char piece[4096];
	int length;
	while ((length = BIO_read(out, piece, sizeof piece)) > 0)
		if (!nr_probe_reader_send(r, piece, (size_t)length))
			return false;
	return true;
}

/* Hands what came since `*used` to OpenSSL; false: nothing more will come. */
static bool feed(struct nr_probe_reader *r, BIO *in, size_t *used, nr_time until)
{
	if (*used == r->length && nr_probe_reader_wait(r, until) != NR_PROBE_BYTES_CAME && *used == r->length)
		return false;
	int fed = BIO_write(in, r->bytes + *used, (int)(r->length - *used));
	*used += fed > 0 ? (size_t)fed : 0;
	return fed > 0;
}

static void note_handshake(struct nr_probe_reader *r, SSL *ssl)
{
	struct nr_probe_handshake *h = &r->answers.handshake;
	const unsigned char *protocol;
	unsigned length;
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	h->done = 1;
	h->version = (uint16_t)SSL_version(ssl);
	h->cipher = cipher ? SSL_CIPHER_get_protocol_id(cipher) : 0;
	SSL_get0_alpn_selected(ssl, &protocol, &length);
	/* only what we offered can be chosen */
	snprintf(h->protocol, sizeof h->protocol, "%.*s", (int)NR_MIN(length, 16u),
		protocol ? (char *)protocol : "");
}

static bool shake_hands(struct nr_probe_reader *r, SSL *ssl, BIO *in, BIO *out, size_t *used)
{
	nr_time until = nr_probe_reader_now() + NR_PROBE_ANSWER_TIME;
	r->answers.handshake.present = 1;
	for (;;) {
		int done = SSL_do_handshake(ssl);
		if (!flush(r, out))
			return false;
		if (done == 1)
			return true;
		if (SSL_get_error(ssl, done) != SSL_ERROR_WANT_READ || !feed(r, in, used, until))
			return false;
	}
}

static void ask_inside(struct nr_probe_reader *r, SSL *ssl, BIO *in, BIO *out, size_t *used)
{
	static uint8_t plain[NR_PROBE_TAKEN];
	char head[NR_PROBE_HEAD_MAX];
	size_t length = 0, wanted = nr_probe_head_write(&r->question->server, r->question->about, head);
	nr_time until = nr_probe_reader_now() + NR_PROBE_ANSWER_TIME;
	if (SSL_write(ssl, head, (int)wanted) <= 0 || !flush(r, out))
		return;
	r->answers.http.tls = 1;
	while (length < sizeof plain) {
		int got = SSL_read(ssl, plain + length, (int)(sizeof plain - length));
		bool over = false;
		if (got > 0)
			length += (size_t)got;
		else
			over = SSL_get_error(ssl, got) != SSL_ERROR_WANT_READ || !flush(r, out) ||
			       !feed(r, in, used, until);
		if (nr_probe_http_take(plain, length, over, &r->answers.http) || over)
			break;
	}
	if (SSL_shutdown(ssl) >= 0)
		flush(r, out);
}

void nr_probe_reader_head_tls(struct nr_probe_reader *reader)
{
	SSL *ssl = SSL_new(reader->tls);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	size_t used = 0;
	connection = reader;
	if (!ssl || !in || !out) {
		SSL_free(ssl);
		BIO_free(in);
		BIO_free(out);
		return;
	}
	SSL_set_bio(ssl, in, out); /* which own them now */
	SSL_set_connect_state(ssl);
	if (shake_hands(reader, ssl, in, out, &used)) {
		note_handshake(reader, ssl);
		ask_inside(reader, ssl, in, out, &used);
	}
	SSL_free(ssl);
	connection = NULL;
}
