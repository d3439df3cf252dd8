/* SPDX-License-Identifier: Apache-2.0 */
/* What a server answers to a ClientHello, read as a stranger's. */
#include "wire/cursor.h"
#include "wire/tls_hello.h"

enum {
	RECORD_CHANGE_CIPHER = 20,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	RECORD_DATA = 23,
	RECORD_MAX = (1 << 14) + 2048, /* RFC 5246 section 6.2.3 */
	SERVER_HELLO = 2,
	CERTIFICATE = 11,
	CERTIFICATE_REQUEST = 13,
	SERVER_HELLO_DONE = 14,
	TLS13 = 0x0304,
	EXTENSION_ALPN = 16,
	EXTENSION_VERSIONS = 43,
	EXTENSION_KEY_SHARE = 51,
};

/* SHA-256 of "HelloRetryRequest" (RFC 8446 section 4.1.3) */
static const uint8_t retry_random[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
	0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2,
	0xc8, 0xa8, 0x33, 0x9c};

static size_t read_u24(struct nr_cursor *c)
{
	size_t high = nr_cursor_u8(c);
	return high << 16 | nr_cursor_u16(c);
}

/* The next n bytes as a cursor of their own. */
static struct nr_cursor part(struct nr_cursor *c, size_t n)
{
	const uint8_t *bytes = nr_cursor_take(c, n);
	struct nr_cursor inner = nr_cursor_over(bytes ? bytes : c->end, bytes ? n : 0);
	inner.failed = bytes == NULL;
	return inner;
}

/* A chosen protocol is shown to people: what is not printable becomes "?". */
static void read_protocol(struct nr_cursor c, struct nr_tls_answer *answer)
{
	(void)nr_cursor_u16(&c);
	size_t length = nr_cursor_u8(&c);
	const uint8_t *name = nr_cursor_take(&c, length);
	size_t kept = NR_MIN(length, sizeof answer->protocol - 1);
	for (size_t i = 0; name && i < kept; i++)
		answer->protocol[i] = name[i] > ' ' && name[i] < 0x7f && name[i] != '"' && name[i] != '\\'
					      ? (char)name[i]
					      : '?';
	answer->protocol[name ? kept : 0] = 0;
}

static bool read_extensions(struct nr_cursor *c, struct nr_tls_answer *answer)
{
	struct nr_cursor list = part(c, nr_cursor_u16(c));
	while (!list.failed && nr_cursor_left(&list)) {
		uint16_t type = nr_cursor_u16(&list);
		struct nr_cursor value = part(&list, nr_cursor_u16(&list));
		if (value.failed)
			return false;
		if (answer->extension_count < NR_TLS_EXTENSIONS_MAX)
			answer->extensions[answer->extension_count++] = type;
		else
			answer->extensions_cut++;
		if (type == EXTENSION_VERSIONS && nr_cursor_left(&value) == 2)
			answer->version = nr_cursor_u16(&value);
		else if (type == EXTENSION_KEY_SHARE && nr_cursor_left(&value) >= 2)
			answer->group = nr_cursor_u16(&value);
		else if (type == EXTENSION_ALPN)
			read_protocol(value, answer);
	}
	return !list.failed;
}

static bool read_server_hello(struct nr_cursor c, struct nr_tls_answer *answer)
{
	if (answer->hello) /* a second one answers nothing that we sent */
		return false;
	uint16_t legacy = nr_cursor_u16(&c);
	const uint8_t *random = nr_cursor_take(&c, sizeof retry_random);
	uint8_t session_id = nr_cursor_u8(&c);
	if (session_id > 32)
		return false;
	nr_cursor_skip(&c, session_id);
	uint16_t cipher = nr_cursor_u16(&c);
	uint8_t compression = nr_cursor_u8(&c);
	if (c.failed || !random)
		return false;
	struct nr_tls_answer read = *answer; /* of a hello that is damaged nothing stands */
	read.version = read.legacy = legacy;
	read.cipher = cipher;
	read.compression = compression;
	read.session_id = session_id;
	if (nr_cursor_left(&c) && !read_extensions(&c, &read))
		return false;
	read.hello = true;
	read.retry = memcmp(random, retry_random, sizeof retry_random) == 0;
	*answer = read;
	return true;
}

static bool read_certificates(struct nr_cursor c, struct nr_tls_answer *answer)
{
	struct nr_cursor list = part(&c, read_u24(&c));
	while (!list.failed && nr_cursor_left(&list)) {
		size_t length = read_u24(&list);
		const uint8_t *bytes = nr_cursor_take(&list, length);
		if (!bytes)
			return false;
		if (answer->certificate_count < NR_TLS_CERTIFICATES_MAX)
			answer->certificates[answer->certificate_count++] =
				(struct nr_tls_slice){bytes, length};
		else
			answer->certificates_cut++;
	}
	return !list.failed;
}

/* One handshake message. */
static enum nr_tls_state read_message(uint8_t type, struct nr_cursor body, struct nr_tls_answer *answer)
{
	bool sound = true;
	switch (type) {
	case SERVER_HELLO:
		sound = read_server_hello(body, answer);
		/* what follows a ServerHello of TLS 1.3 is not in clear */
		return !sound ? NR_TLS_FOREIGN : answer->version >= TLS13 ? NR_TLS_DONE : NR_TLS_MORE;
	case CERTIFICATE:
		sound = answer->hello && !answer->certificate_count && read_certificates(body, answer);
		return sound ? NR_TLS_MORE : NR_TLS_FOREIGN;
	case CERTIFICATE_REQUEST:
		answer->asks_certificate = answer->hello;
		return answer->hello ? NR_TLS_MORE : NR_TLS_FOREIGN;
	case SERVER_HELLO_DONE:
		return answer->hello ? NR_TLS_DONE : NR_TLS_FOREIGN;
	default: /* key exchange, status, tickets: nothing that is kept; before a ServerHello there is none */
		return answer->hello ? NR_TLS_MORE : NR_TLS_FOREIGN;
	}
}

/* The handshake messages that lie whole in the stream of handshake bytes. */
static enum nr_tls_state read_messages(const uint8_t *stream, size_t length, struct nr_tls_answer *answer)
{
	struct nr_cursor c = nr_cursor_over(stream, length);
	while (nr_cursor_left(&c) >= 4) {
		uint8_t type = nr_cursor_u8(&c);
		size_t size = read_u24(&c);
		if (size > NR_TLS_ANSWER_MAX)
			return NR_TLS_FOREIGN;
		if (size > nr_cursor_left(&c))
			return NR_TLS_MORE;
		enum nr_tls_state state = read_message(type, part(&c, size), answer);
		if (state != NR_TLS_MORE)
			return state;
	}
	return NR_TLS_MORE;
}

static enum nr_tls_state read_alert(struct nr_cursor c, struct nr_tls_answer *answer)
{
	uint8_t level = nr_cursor_u8(&c), code = nr_cursor_u8(&c);
	if (c.failed || level < 1 || level > 2)
		return NR_TLS_FOREIGN;
	if (!answer->alert) { /* the first says it; a storm of them adds nothing */
		answer->alert = true;
		answer->alert_level = level;
		answer->alert_code = code;
	}
	return level == 2 ? NR_TLS_DONE : NR_TLS_MORE;
}

void nr_tls_answer_read(
	const uint8_t *bytes, size_t length, uint8_t *scratch, struct nr_tls_answer *ret_answer)
{
	struct nr_tls_answer answer = {.state = NR_TLS_MORE};
	struct nr_cursor c = nr_cursor_over(bytes, NR_MIN(length, (size_t)NR_TLS_ANSWER_MAX));
	enum nr_tls_state end = NR_TLS_MORE; /* what the records after the handshake's bytes come to */
	size_t stream = 0;
	while (end == NR_TLS_MORE && nr_cursor_left(&c)) {
		const uint8_t *head = c.at;
		size_t left = nr_cursor_left(&c);
		if (head[0] < RECORD_CHANGE_CIPHER || head[0] > RECORD_DATA || (left > 1 && head[1] != 3) ||
			(left > 2 && head[2] > 4)) {
			end = NR_TLS_FOREIGN; /* said as soon as it can be */
			break;
		}
		uint8_t type = nr_cursor_u8(&c);
		nr_cursor_skip(&c, 2);
		uint16_t size = nr_cursor_u16(&c);
		if (!c.failed && size > RECORD_MAX) {
			end = NR_TLS_FOREIGN;
			break;
		}
		if (c.failed || size > nr_cursor_left(&c))
			break; /* the rest of this record is still to come */
		struct nr_cursor record = part(&c, size);
		if (type == RECORD_HANDSHAKE) {
			memcpy(scratch + stream, record.at, size);
			stream += size;
		} else {
			end = type == RECORD_ALERT ? read_alert(record, &answer) : NR_TLS_DONE;
		}
	}
	answer.state = read_messages(scratch, stream, &answer);
	if (answer.state == NR_TLS_MORE)
		answer.state = end == NR_TLS_MORE && length >= NR_TLS_ANSWER_MAX ? NR_TLS_FOREIGN : end;
	*ret_answer = answer;
}
