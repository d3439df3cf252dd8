/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first words of TLS: a ClientHello of a caller's making, and what a server answers to it in clear
 * (RFC 5246, RFC 8446): its choices, an alert, up to TLS 1.2 its certificates. Pure: no I/O, no allocation;
 * slices point into the caller's memory.
 */
#ifndef NR_WIRE_TLS_HELLO_H
#define NR_WIRE_TLS_HELLO_H

#include "base/base.h"

#include <sys/types.h>

/* ---- writing ---- */

#define NR_TLS_HELLO_MAX 1024 /* bytes that hold any hello that can be described */

enum nr_tls_share { /* key shares of TLS 1.3, bits; public values that nobody has the key of */
	NR_TLS_SHARE_X25519 = 1 << 0,
	NR_TLS_SHARE_P256 = 1 << 1,
};

/* Lists end with 0; NULL: the extension is left out. */
struct nr_tls_hello {
	uint16_t record_version, version; /* of the record, and legacy_version */
	const uint16_t *ciphers;
	const uint16_t *versions; /* supported_versions: TLS 1.3 */
	const uint16_t *groups, *signatures;
	const char *const *protocols; /* ALPN; ends with NULL */
	unsigned shares;              /* with versions; 0: an empty list, the server must ask */
	bool bare;                    /* no extension at all */
	bool reversed;                /* extensions the other way round */
	bool grease;                  /* values that nobody knows (RFC 8701), in ciphers and extensions */
};

/* One record with one ClientHello; answers its length, 0: a list is too long. random: 32 bytes, used as the
 * session id too where the hello speaks TLS 1.3 (RFC 8446 appendix D.4). */
size_t nr_tls_hello_write(const struct nr_tls_hello *hello, const uint8_t random[static 32],
	uint8_t bytes[static NR_TLS_HELLO_MAX]);

/* ---- reading ---- */

#define NR_TLS_ANSWER_MAX       (96 * 1024) /* bytes of an answer that are looked at */
#define NR_TLS_CERTIFICATES_MAX 8
#define NR_TLS_EXTENSIONS_MAX   32
#define NR_TLS_PROTOCOL_MAX     32

struct nr_tls_slice {
	const uint8_t *bytes; /* in the scratch */
	size_t length;
};

enum nr_tls_state {
	NR_TLS_MORE,    /* sound so far; there is more to come */
	NR_TLS_DONE,    /* all that is in clear was read */
	NR_TLS_FOREIGN, /* not TLS, or damaged from here on: what was read before stands */
};

struct nr_tls_answer {
	enum nr_tls_state state;
	bool hello;       /* a ServerHello was read */
	bool retry;       /* it was a HelloRetryRequest */
	uint16_t version; /* chosen: supported_versions, else legacy_version */
	uint16_t legacy;  /* legacy_version */
	uint16_t cipher;  /* chosen */
	uint8_t compression;
	uint8_t session_id;                         /* its length */
	uint16_t group;                             /* key_share's; 0: none */
	uint16_t extensions[NR_TLS_EXTENSIONS_MAX]; /* types, in the order of the server */
	size_t extension_count, extensions_cut;     /* cut: more than are held */
	char protocol[NR_TLS_PROTOCOL_MAX];         /* ALPN; printable, "" none */
	bool alert;
	uint8_t alert_level, alert_code;
	bool asks_certificate; /* CertificateRequest, in clear */
	struct nr_tls_slice certificates[NR_TLS_CERTIFICATES_MAX];
	size_t certificate_count, certificates_cut;
};

/* All that was received so far. scratch: NR_TLS_ANSWER_MAX bytes, which the certificates point into. What
 * lies beyond NR_TLS_ANSWER_MAX bytes makes the answer FOREIGN, or is not needed any more. */
void nr_tls_answer_read(
	const uint8_t *bytes, size_t length, uint8_t *scratch, struct nr_tls_answer *ret_answer);

#endif
