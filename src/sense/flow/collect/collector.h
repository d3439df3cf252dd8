/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow collector: datagrams and streams of NetFlow v5, v9 (RFC 3954), IPFIX (RFC 7011) and sFlow v5 in,
 * blocks of flows out (model/flow.h). It remembers for each exporter and observation domain what the protocol
 * leaves to the collector: templates, options (sampling, timers, names), when the exporter booted, which
 * sequence number comes next; and it counts what did not arrive and what could not be read, by cause.
 *
 * It reads hostile bytes and does no I/O of its own: whoever owns sockets or files feeds it. All memory is
 * bounded (flow reference 11); one thread.
 *
 *	nr_flow_collector_new(&conf, &sink, &collector, error);
 *	for each datagram: nr_flow_collector_take(collector, &datagram, error);
 *	nr_flow_collector_flush(collector, error);     hands over what is begun; live: at least once a second
 *	nr_flow_collector_report(collector, &json);    counts, loss, sampling, timers of each exporter
 */
#ifndef NR_SENSE_FLOW_COLLECT_COLLECTOR_H
#define NR_SENSE_FLOW_COLLECT_COLLECTOR_H

#include "base/json.h"
#include "base/option.h"
#include "model/flow.h"
#include "sense/flow/collect/cause.h"

/* ---- configuration: options of every command that collects or reads exports ---- */

struct nr_flow_collector_conf {
	struct nr_prefixes exporters; /* who may export; empty: anybody, within the bounds */
	struct nr_texts sampling;     /* "192.0.2.1=1000", "192.0.2.0/24=1": where an exporter does not say */
	struct nr_texts fields;       /* "29305/1=name", "9/12235=app:text": elements that are named here */
	struct nr_texts nat_draft;    /* exporters (prefixes) that number NAT events by draft-02 */
	uint64_t exporters_max;       /* domains of exporters that are remembered */
	uint64_t memory;              /* bytes for all of them together */
	bool inner;                   /* of tunnels in sampled packets: the inner addresses */
};
/* Where `type` has a member `member` of that struct ("" for the struct itself): entries of an option table.
 */
/* clang-format off */
/* PREFIX: of their names, where other senses' options stand beside them. */
#define NR_FLOW_COLLECTOR_OPTIONS_AS(PREFIX, type, member) \
	{PREFIX "exporter", NR_OPTION_PREFIXES, offsetof(type, member exporters), "CIDR", NULL, 0, 0, NULL, "believe exports from these addresses only (default: anybody, within bounds)", "このアドレスからのエクスポートだけを受け入れる（既定は制限なし、上限あり）"}, \
	{PREFIX "sampling", NR_OPTION_TEXTS, offsetof(type, member sampling), "CIDR=N", NULL, 0, 0, NULL, "sampling rate 1:N of exporters that do not say theirs", "自分のサンプリング率を通知しないエクスポーターの率 1:N"}, \
	{PREFIX "field", NR_OPTION_TEXTS, offsetof(type, member fields), "PEN/ID=NAME[:TYPE]", NULL, 0, 0, NULL, "name an element of a vendor; TYPE is uint, text, octets, address or mac", "ベンダー固有の要素に名前を付ける（型は uint・text・octets・address・mac）"}, \
	{PREFIX "nat-draft", NR_OPTION_TEXTS, offsetof(type, member nat_draft), "CIDR", NULL, 0, 0, NULL, "exporters that number NAT events by the older draft (Juniper)", "NATイベントを旧ドラフトの番号で送るエクスポーター（Juniper）"}, \
	{PREFIX "exporters-max", NR_OPTION_UINT, offsetof(type, member exporters_max), "N", "10000", 1, 1000000, NULL, "exporters and domains that are remembered", "記憶するエクスポーターとドメインの上限"}, \
	{PREFIX "exporters-memory", NR_OPTION_SIZE, offsetof(type, member memory), "BYTES", "512M", 1048576, 0, NULL, "memory for templates, options and waiting data of all exporters", "全エクスポーターのテンプレート・オプション・待機データ用のメモリー"}, \
	{PREFIX "inner", NR_OPTION_FLAG, offsetof(type, member inner), NULL, NULL, 0, 0, NULL, "sampled packets of tunnels: the inner addresses", "トンネルのサンプルパケットでは内側のアドレスを使う"}
/* clang-format on */
#define NR_FLOW_COLLECTOR_OPTIONS(type, member) NR_FLOW_COLLECTOR_OPTIONS_AS("", type, member)

/* ---- feeding ---- */

struct nr_flow_collector;

/* conf's texts and lists, and the sink, where blocks go: the caller's, for as long as the collector lives. */
int nr_flow_collector_new(const struct nr_flow_collector_conf *conf, struct nr_flow_sink *sink,
	struct nr_flow_collector **ret_collector, struct nr_error *error);
void nr_flow_collector_free(struct nr_flow_collector *collector);
void nr_flow_collector_freep(struct nr_flow_collector **collector);

struct nr_flow_datagram {
	const uint8_t *bytes;
	size_t length;
	struct nr_address exporter, collector; /* source and destination */
	uint16_t exporter_port, collector_port;
	nr_time received;
};
/* Never fails for what the datagram holds: that is counted. The error is the sink's. */
int nr_flow_collector_take(
	struct nr_flow_collector *collector, const struct nr_flow_datagram *datagram, struct nr_error *error);

/* A byte stream: IPFIX over TCP (RFC 7011 10.4), a file of IPFIX messages (RFC 5655) or of recorded datagrams
 * back to back. State is the stream's own and ends with it. */
struct nr_flow_stream_in;
int nr_flow_stream_open(struct nr_flow_collector *collector, const struct nr_address *exporter, uint16_t port,
	struct nr_flow_stream_in **ret_stream, struct nr_error *error);
/* Any number of bytes. -EBADMSG: what stands there is no message (offset in the text): the stream cannot be
 * read on, close it. Other errors are the sink's. */
int nr_flow_stream_feed(struct nr_flow_stream_in *stream, const uint8_t *bytes, size_t length,
	nr_time received, struct nr_error *error);
/* Ends; what is left of a message is counted as truncated. */
void nr_flow_stream_close(struct nr_flow_stream_in *stream);

int nr_flow_collector_flush(struct nr_flow_collector *collector, struct nr_error *error);

/* The kernel dropped so many datagrams of a socket (SO_RXQ_OVFL), or our own queue so many flows: told by
 * whoever saw it, shown with the rest. */
enum nr_flow_loss_place { NR_FLOW_LOST_KERNEL, NR_FLOW_LOST_QUEUE };
void nr_flow_collector_lost(
	struct nr_flow_collector *collector, enum nr_flow_loss_place place, uint64_t count);

/* What files held beside exports: flows that did not come through the collector, and what was dropped, under
 * the caller's names. Shown with the rest; both arrays stay the caller's. */
void nr_flow_collector_note(struct nr_flow_collector *collector, uint64_t records, const char *const *names,
	const uint64_t *dropped, size_t count);

/* ---- what it knows ---- */

struct nr_flow_counts {
	uint64_t datagrams, messages, records, options_records; /* records: flows handed over */
};
struct nr_flow_counts nr_flow_collector_counts(const struct nr_flow_collector *collector);
uint64_t nr_flow_collector_dropped(const struct nr_flow_collector *collector, enum nr_flow_cause cause);
/* Sets that wait for their template. */
uint64_t nr_flow_collector_waiting(const struct nr_flow_collector *collector);
/* Members of the open object: "records", "options_records", "datagrams", "messages", "dropped": {cause: n},
 * "pending": {...}, "exporters": [{...}]. Schema: docs/guide/flow.md. */
void nr_flow_collector_report(const struct nr_flow_collector *collector, struct nr_json *json);

/* Templates, options, sampling and sequence state of exporters over UDP, so that a restart loses nothing:
 * written to a temporary file beside path, synced and renamed. Reading is of hostile bytes: what is damaged
 * is left out and counted; -ENOENT where there is none. */
int nr_flow_collector_save(
	const struct nr_flow_collector *collector, const char *path, struct nr_error *error);
int nr_flow_collector_load(struct nr_flow_collector *collector, const char *path, struct nr_error *error);
/* The same as bytes, for a process that has no files. *ret_bytes is the caller's, by free(). */
int nr_flow_collector_remember(const struct nr_flow_collector *collector, uint8_t **ret_bytes,
	size_t *ret_length, struct nr_error *error);
/* What is damaged is left out and counted; -EBADMSG: it is no such state at all. */
int nr_flow_collector_recall(
	struct nr_flow_collector *collector, const uint8_t *bytes, size_t length, struct nr_error *error);

/* Values of named elements (conf.fields): of the block that the sink is taking at this moment. Calls for each
 * value, by row. */
struct nr_flow_named {
	uint32_t row;
	const char *name;
	enum {
		NR_FLOW_NAMED_UINT,
		NR_FLOW_NAMED_TEXT,
		NR_FLOW_NAMED_OCTETS,
		NR_FLOW_NAMED_ADDRESS,
		NR_FLOW_NAMED_MAC
	} type;
	const uint8_t *bytes;
	uint16_t length;
};
size_t nr_flow_collector_named(
	const struct nr_flow_collector *collector, const struct nr_flow_named **ret_values);

#endif
