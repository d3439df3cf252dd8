/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/probe/gate.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

/* ---- record and ledger ---- */

static void write_law(struct nr_json *json, const struct nr_probe_allow *allow)
{
	nr_json_text(json, "allow", allow->hash);
	nr_json_array(json, "signers");
	for (size_t i = 0; i < allow->signer_count; i++)
		nr_json_text(json, NULL, allow->signers[i]);
	nr_json_array_end(json);
	nr_json_text(json, "who", allow->who);
	nr_json_text(json, "purpose", allow->purpose);
}

/* {"kind":"flow-probe",...}: the server, never a client. */
static int note_entry(const struct nr_probe_gate *gate, struct nr_json *json, struct nr_error *error)
{
	nr_json_object_end(json);
	int e = nr_json_finish(json, error);
	e = e ? e : gate->note(gate->context, json->bytes, json->length, error);
	nr_json_fini(json);
	return e;
}

static void begin_entry(struct nr_json *json, nr_time now, const char *act)
{
	nr_json_init(json);
	nr_json_object(json, NULL);
	nr_json_text(json, "kind", "flow-probe");
	nr_json_time(json, "time", now);
	nr_json_text(json, "act", act);
}

static int write_connect(const struct nr_probe_gate *gate, const struct nr_probe_allow *allow,
	const struct nr_probe_series *series, const char *id, nr_time now, struct nr_error *error)
{
	struct nr_json json;
	char server[NR_PROBE_SERVER_TEXT];
	nr_probe_server_write(&series->server, server);
	nr_probe_record_begin(&json, now, "connect");
	nr_json_text(&json, "connection", id);
	nr_json_text(&json, "server", server);
	nr_json_text(&json, "step", nr_probe_step_name(series->step));
	nr_json_uint(&json, "round", series->round);
	if (gate->vantage_count)
		nr_json_address(&json, "from", &gate->vantage[series->vantage % gate->vantage_count]);
	write_law(&json, allow);
	int e = nr_probe_record_end(gate->record, &json, now, true, error);
	if (e || !gate->note)
		return e;
	begin_entry(&json, now, "connect");
	nr_json_text(&json, "server", server);
	nr_json_text(&json, "step", nr_probe_step_name(series->step));
	write_law(&json, allow);
	return note_entry(gate, &json, error);
}

int nr_probe_gate_refuse(const struct nr_probe_gate *gate, const struct nr_flow_server *server,
	const char *code, const char *why, nr_time now, struct nr_error *error)
{
	struct nr_json json;
	char text[NR_PROBE_SERVER_TEXT];
	if (server)
		nr_probe_server_write(server, text);
	nr_probe_record_begin(&json, now, "refused");
	nr_json_text(&json, "server", server ? text : NULL);
	nr_json_text(&json, "code", code);
	nr_json_text(&json, "why", why);
	int e = nr_probe_record_end(gate->record, &json, now, true, error);
	if (e || !gate->note)
		return e;
	begin_entry(&json, now, "refused");
	nr_json_text(&json, "server", server ? text : NULL);
	nr_json_text(&json, "code", code);
	return note_entry(gate, &json, error);
}

/* ---- connecting ---- */

static socklen_t socket_address(
	const struct nr_address *address, uint16_t port, struct sockaddr_storage *ret_storage)
{
	memset(ret_storage, 0, sizeof *ret_storage);
	if (nr_address_is_ipv4(address)) {
		struct sockaddr_in *in = (struct sockaddr_in *)ret_storage;
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		in->sin_addr.s_addr = htonl(nr_address_ipv4(address));
		return sizeof *in;
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_storage;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, address->octets, sizeof in6->sin6_addr);
	return sizeof *in6;
}

enum nr_probe_end nr_probe_end_of(int code)
{
	return code == ECONNREFUSED ? NR_PROBE_REFUSED : NR_PROBE_UNREACHABLE;
}

static int leave_from(const struct nr_probe_gate *gate, const struct nr_probe_series *series, int fd,
	struct nr_error *error)
{
	struct sockaddr_storage own;
	char text[NR_ADDRESS_TEXT];
	const struct nr_address *from = &gate->vantage[series->vantage % gate->vantage_count];
	socklen_t length = socket_address(from, 0, &own);
	if (bind(fd, (struct sockaddr *)&own, length) < 0)
		return nr_fail(error, -errno, "--from %s: %s", nr_address_write(from, text), strerror(errno));
	return 0;
}

static int open_socket(const struct nr_probe_gate *gate, const struct nr_probe_series *series,
	int *ret_socket, enum nr_probe_end *ret_end, struct nr_error *error)
{
	struct sockaddr_storage to;
	socklen_t length = socket_address(&series->server.address, series->server.port, &to);
	NR_AUTO(nr_close_fd)
	int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return nr_fail(error, -errno, "socket: %s", strerror(errno));
	int e = gate->vantage_count ? leave_from(gate, series, fd, error) : 0;
	if (e)
		return e;
	*ret_end = NR_PROBE_NOT_MADE;
	if (connect(fd, (struct sockaddr *)&to, length) < 0 && errno != EINPROGRESS) {
		*ret_end = nr_probe_end_of(errno);
		*ret_socket = -1;
		return 0;
	}
	*ret_socket = fd;
	fd = -1;
	return 0;
}

static int ask_law(const struct nr_probe_gate *gate, const struct nr_probe_series *series, nr_time now,
	const struct nr_probe_allow **ret_allow, enum nr_probe_refusal *ret_refusal, struct nr_error *error)
{
	struct nr_error why = {0};
	*ret_refusal = NR_PROBE_NOT_VALID;
	int e = gate->law(gate->context, now, ret_allow, &why);
	if (!e) {
		*ret_refusal = nr_probe_allow_check(*ret_allow, &series->server, now);
		if (*ret_refusal == NR_PROBE_ALLOWED)
			return 0;
		e = nr_fail(&why, -EACCES, "%s", nr_probe_refusal_words[*ret_refusal].text_en);
	}
	int r = nr_probe_gate_refuse(
		gate, &series->server, nr_probe_refusal_words[*ret_refusal].code, why.text, now, error);
	if (r)
		return r;
	return nr_fail(error, e, "%s", why.text);
}

int nr_probe_gate_connect(const struct nr_probe_gate *gate, struct nr_probe_series *series, nr_time now,
	char ret_id[static NR_PROBE_ID_TEXT], int *ret_socket, enum nr_probe_end *ret_end,
	enum nr_probe_refusal *ret_refusal, struct nr_error *error)
{
	const struct nr_probe_allow *allow = NULL;
	uint64_t id = 0;
	int e = ask_law(gate, series, now, &allow, ret_refusal, error);
	if (e)
		return e;
	nr_time due = NR_MAX(nr_probe_state_host_due(gate->state, &series->server.address, now), series->due);
	if (due > now) {
		series->due = due;
		return -EAGAIN;
	}
	if (getrandom(&id, sizeof id, 0) != sizeof id)
		return nr_fail(error, -errno, "random: %s", strerror(errno));
	snprintf(ret_id, NR_PROBE_ID_TEXT, "%016llx", (unsigned long long)id);
	series->begun = series->begun == NR_TIME_MIN ? now : series->begun;
	series->last = now;
	series->due = now + NR_PROBE_GAP;
	series->connections++;
	e = nr_probe_state_mark(gate->state, &series->server.address, now, error);
	e = e ? e : nr_probe_state_put(gate->state, series, error);
	e = e ? e : write_connect(gate, allow, series, ret_id, now, error);
	e = e ? e : open_socket(gate, series, ret_socket, ret_end, error);
	series->vantage++;
	return e;
}
