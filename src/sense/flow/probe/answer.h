/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server answered to the connections of a probe: plain structs of fixed size, so that the process that
 * reads the answers can hand them to the one that keeps them, and a state file can hold them between runs.
 * Texts are of strangers: NUL-terminated within their room, and only that is promised.
 */
#ifndef NR_SENSE_FLOW_PROBE_ANSWER_H
#define NR_SENSE_FLOW_PROBE_ANSWER_H

#include "base/time.h"

#define NR_PROBE_HELLOS     10
#define NR_PROBE_PRINT_TEXT 64 /* bytes that hold a fingerprint */
#define NR_PROBE_BANNER_MAX 256
#define NR_PROBE_NAMES_MAX  16
#define NR_PROBE_HASH_TEXT  65               /* hex of a SHA-256 */
#define NR_PROBE_SILENCE    (12 * NR_SECOND) /* how long nothing is sent (flow reference 20) */

/* The connections of one probe, in their order. Which of them are made depends on what came before. */
enum nr_probe_step {
	NR_PROBE_LISTEN,  /* send nothing; then, where nothing came, hello 0 */
	NR_PROBE_HELLO_1, /* .. hello 9 */
	NR_PROBE_HEAD = NR_PROBE_HELLO_1 + NR_PROBE_HELLOS - 1, /* HTTP HEAD, inside TLS where it speaks it */
	NR_PROBE_STEPS
};
const char *nr_probe_step_name(unsigned step); /* "listen", "hello-1" ..., "head" */

enum nr_probe_end { /* how a connection ended */
	NR_PROBE_NOT_MADE,
	NR_PROBE_REFUSED,     /* RST to our SYN */
	NR_PROBE_UNREACHABLE, /* no answer in time, or an ICMP error */
	NR_PROBE_BY_US,       /* we had what we asked for */
	NR_PROBE_BY_SERVER,   /* it closed */
	NR_PROBE_RESET,       /* it reset */
	NR_PROBE_TIME,        /* our time for a connection was over */
	NR_PROBE_BYTES,       /* it sent more than we take */
	NR_PROBE_STOPPED,     /* the kill switch */
	NR_PROBE_BROKEN,      /* the process that read its answers died of them */
	NR_PROBE_ENDS
};
extern const char *const nr_probe_end_names[NR_PROBE_ENDS];

struct nr_probe_connection {     /* of every step */
	nr_time time;            /* when it was begun; 0: not yet */
	uint32_t sent, received; /* bytes */
	uint32_t lasted_ms;
	uint8_t end; /* enum nr_probe_end */
	uint8_t reserved[3];
};

struct nr_probe_banner {    /* what it said while we were silent */
	uint32_t length;    /* bytes that came */
	uint32_t after_ms;  /* until the first */
	uint32_t closed_ms; /* it closed after so long without having said anything; 0: it did not */
	uint32_t kept;
	uint8_t bytes[NR_PROBE_BANNER_MAX];
};

struct nr_probe_hello {                       /* the server's choices */
	uint8_t hello, alert, retry, foreign; /* a ServerHello; an alert; HelloRetryRequest; no TLS at all */
	uint8_t alert_code, compression, session_id, extension_count;
	uint16_t version, cipher, group, extensions_cut;
	uint16_t extensions[32];
	char protocol[32];
};

struct nr_probe_certificate {
	uint8_t present, unreadable, self_signed, ca, version, chain, names_cut, reserved;
	uint32_t key_bits, bytes;
	nr_time from, until; /* NR_TIME_MIN: not readable */
	char sha256[NR_PROBE_HASH_TEXT], key_sha256[NR_PROBE_HASH_TEXT];
	char serial[48]; /* hex */
	char key[24];    /* "RSA", "EC prime256v1" */
	char algorithm[40];
	char subject[256], issuer[256];
	uint32_t name_count;
	char names[NR_PROBE_NAMES_MAX][64]; /* subjectAltName: DNS names and addresses */
};

struct nr_probe_http {
	uint8_t present, tls, version_minor, foreign; /* foreign: it answered, not in HTTP */
	uint16_t status, header_count;
	char server[96], location[160], type[64];
	char headers_sha256[NR_PROBE_HASH_TEXT]; /* of the headers' names in their order */
};

struct nr_probe_handshake { /* of the HEAD step, where it speaks TLS */
	uint8_t present, done, asks_certificate, reserved;
	uint16_t version, cipher;
	char protocol[32];
};

struct nr_probe_answers {
	struct nr_probe_connection connections[NR_PROBE_STEPS];
	struct nr_probe_banner banner;
	struct nr_probe_hello hellos[NR_PROBE_HELLOS];
	struct nr_probe_certificate certificate;
	struct nr_probe_handshake handshake;
	struct nr_probe_http http;
};

/* Whether what came from another process, or a file, is what such a struct can be: texts end, counts fit. */
bool nr_probe_answers_are_sound(const struct nr_probe_answers *answers);
/* The step that follows `step` after these answers; NR_PROBE_STEPS: none. */
unsigned nr_probe_next_step(const struct nr_probe_answers *answers, unsigned step);
bool nr_probe_speaks_tls(const struct nr_probe_answers *answers);

#endif
