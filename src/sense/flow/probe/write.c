/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON lines of a probe. */
#include "sense/flow/probe/hellos.h"
#include "sense/flow/probe/print.h"
#include "sense/flow/probe/reader.h"
#include "sense/flow/probe/record.h"

#include <netinet/in.h>
#include <string.h>

static void write_server(const struct nr_flow_server *server, struct nr_json *json)
{
	nr_json_address(json, "address", &server->address);
	nr_json_uint(json, "port", server->port);
	nr_json_text(json, "protocol", server->protocol == IPPROTO_UDP ? "udp" : "tcp");
}

static void write_connections(const struct nr_probe_answers *a, struct nr_json *json)
{
	nr_json_array(json, "connections");
	for (unsigned step = 0; step < NR_PROBE_STEPS; step++) {
		const struct nr_probe_connection *c = &a->connections[step];
		if (c->end == NR_PROBE_NOT_MADE)
			continue;
		nr_json_object(json, NULL);
		nr_json_text(json, "step", nr_probe_step_name(step));
		nr_json_time(json, "time", c->time);
		nr_json_text(json, "end", nr_probe_end_names[c->end]);
		nr_json_uint(json, "sent", c->sent);
		nr_json_uint(json, "received", c->received);
		nr_json_real(json, "seconds", c->lasted_ms / 1000.0);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_banner(const struct nr_probe_banner *b, struct nr_json *json)
{
	char hash[NR_PROBE_HASH_TEXT];
	if (!b->length && !b->closed_ms)
		return;
	nr_json_object(json, "banner");
	nr_json_uint(json, "length", b->length);
	if (b->length) {
		nr_probe_hash(b->bytes, b->kept, hash);
		nr_json_real(json, "after", b->after_ms / 1000.0);
		nr_json_text_n(json, "text", (const char *)b->bytes, b->kept);
		nr_probe_record_bytes(json, "bytes", b->bytes, b->kept);
		nr_json_text(json, "sha256", hash);
	} else {
		nr_json_real(json, "closed_after", b->closed_ms / 1000.0);
	}
	nr_json_object_end(json);
}

static void write_tls(const struct nr_probe_series *series, struct nr_json *json)
{
	const struct nr_probe_answers *a = &series->answers;
	char print[NR_PROBE_PRINT_TEXT], choice[NR_PROBE_CHOICE_TEXT];
	if (!nr_probe_speaks_tls(a))
		return;
	nr_json_object(json, "tls");
	nr_json_text(json, "print", nr_probe_series_print(series, print) ? print : NULL);
	nr_json_array(json, "choices");
	for (unsigned i = 0; i < NR_PROBE_HELLOS; i++) {
		nr_probe_choice_write(&a->hellos[i], choice);
		nr_json_text(json, NULL, choice);
	}
	nr_json_array_end(json);
	if (a->handshake.present) {
		char number[8];
		nr_json_bool(json, "handshake", a->handshake.done);
		nr_json_bool(json, "asks_certificate", a->handshake.asks_certificate);
		if (a->handshake.done) {
			snprintf(number, sizeof number, "%04x", a->handshake.version);
			nr_json_text(json, "version", number);
			snprintf(number, sizeof number, "%04x", a->handshake.cipher);
			nr_json_text(json, "cipher", number);
			nr_json_text(json, "alpn", a->handshake.protocol[0] ? a->handshake.protocol : NULL);
		}
	}
	nr_json_object_end(json);
}

static void write_certificate(const struct nr_probe_certificate *c, struct nr_json *json)
{
	if (!c->present)
		return;
	nr_json_object(json, "certificate");
	nr_json_text(json, "sha256", c->sha256);
	nr_json_uint(json, "bytes", c->bytes);
	nr_json_uint(json, "chain", c->chain);
	nr_json_bool(json, "readable", !c->unreadable);
	if (!c->unreadable) {
		nr_json_text(json, "subject", c->subject);
		nr_json_text(json, "issuer", c->issuer);
		nr_json_text(json, "serial", c->serial);
		nr_json_uint(json, "version", c->version);
		nr_json_time(json, "from", c->from);
		nr_json_time(json, "until", c->until);
		nr_json_bool(json, "self_signed", c->self_signed);
		nr_json_bool(json, "ca", c->ca);
		nr_json_text(json, "key", c->key);
		nr_json_uint(json, "key_bits", c->key_bits);
		nr_json_text(json, "key_sha256", c->key_sha256);
		nr_json_text(json, "algorithm", c->algorithm);
		nr_json_array(json, "names");
		for (size_t i = 0; i < c->name_count; i++)
			nr_json_text(json, NULL, c->names[i]);
		nr_json_array_end(json);
		nr_json_bool(json, "names_cut", c->names_cut);
	}
	nr_json_object_end(json);
}

static void write_http(const struct nr_probe_http *h, struct nr_json *json)
{
	if (!h->present)
		return;
	nr_json_object(json, "http");
	nr_json_bool(json, "tls", h->tls);
	nr_json_bool(json, "speaks_http", !h->foreign);
	if (!h->foreign) {
		nr_json_uint(json, "status", h->status);
		nr_json_text(json, "server", h->server[0] ? h->server : NULL);
		nr_json_text(json, "location", h->location[0] ? h->location : NULL);
		nr_json_text(json, "type", h->type[0] ? h->type : NULL);
		nr_json_uint(json, "headers", h->header_count);
		nr_json_text(json, "headers_sha256", h->headers_sha256);
	}
	nr_json_object_end(json);
}

static void write_evidence(const struct nr_probe_evidence *evidence, struct nr_json *json)
{
	nr_json_real(json, "weight", evidence->weight);
	nr_json_array(json, "reasons");
	for (size_t i = 0; i < evidence->count; i++) {
		const struct nr_probe_reason *r = &evidence->reasons[i];
		nr_json_object(json, NULL);
		nr_json_text(json, "code", r->code);
		nr_json_text(json, "text_en", r->text_en);
		nr_json_text(json, "text_ja", r->text_ja);
		nr_json_real(json, "value", r->value);
		nr_json_real(json, "weight", r->weight);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

void nr_probe_write(
	const struct nr_probe_series *series, const struct nr_probe_evidence *evidence, struct nr_json *json)
{
	bool complete = series->step == NR_PROBE_STEPS;
	nr_json_object(json, NULL);
	nr_json_object(json, "probe");
	write_server(&series->server, json);
	write_evidence(evidence, json);
	nr_json_bool(json, "complete", complete);
	nr_json_uint(json, "round", series->round);
	nr_json_time(json, "first_seen", series->begun);
	nr_json_time(json, "last_seen", series->last);
	if (!complete) {
		nr_json_text(json, "next", nr_probe_step_name(series->step));
		nr_json_time(json, "due", series->due);
	}
	write_connections(&series->answers, json);
	write_banner(&series->answers.banner, json);
	write_tls(series, json);
	write_certificate(&series->answers.certificate, json);
	write_http(&series->answers.http, json);
	nr_json_object_end(json);
	nr_json_object_end(json);
}

/* ---- what would be sent ---- */

static void write_steps(const struct nr_flow_server *server, const char *about, struct nr_json *json)
{
	uint8_t hello[NR_TLS_HELLO_MAX];
	char head[NR_PROBE_HEAD_MAX];
	nr_json_array(json, "steps");
	for (unsigned step = 0; step < NR_PROBE_STEPS; step++) {
		nr_json_object(json, NULL);
		nr_json_text(json, "step", nr_probe_step_name(step));
		if (step == NR_PROBE_LISTEN)
			nr_json_uint(json, "silent_seconds", NR_PROBE_SILENCE / NR_SECOND);
		if (step < NR_PROBE_HEAD) {
			nr_probe_record_bytes(json, "bytes", hello, nr_probe_hello_write(step, hello));
		} else {
			nr_probe_head_write(server, about, head);
			nr_json_text(json, "text", head);
			nr_json_text(json, "tls",
				"where hello 0 was answered: a handshake of OpenSSL first, "
				"without name, without certificate, ALPN http/1.1");
		}
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

void nr_probe_write_plan(const struct nr_flow_server *server, enum nr_probe_refusal refusal,
	const char *about, struct nr_json *json)
{
	nr_json_object(json, NULL);
	nr_json_object(json, "plan");
	write_server(server, json);
	nr_json_bool(json, "allowed", refusal == NR_PROBE_ALLOWED);
	if (refusal == NR_PROBE_ALLOWED) {
		nr_json_uint(json, "seconds_between", NR_PROBE_GAP / NR_SECOND);
		write_steps(server, about, json);
	} else {
		nr_json_text(json, "code", nr_probe_refusal_words[refusal].code);
		nr_json_text(json, "text_en", nr_probe_refusal_words[refusal].text_en);
		nr_json_text(json, "text_ja", nr_probe_refusal_words[refusal].text_ja);
	}
	nr_json_object_end(json);
	nr_json_object_end(json);
}
