/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows as they arrive: processes that parse, and what they and the keeper share.
 *
 *	keeper --+-- nursery (base/child.h) --+-- parser 0: its UDP sockets, TCP, a collector
 *	         |                            +-- parser 1 ...
 *	         +== ring of flows, board ====+
 *
 * The nursery opens the sockets and holds them, so that the kernel goes on collecting while a parser that
 * died is started again. A parser has its sockets, its ring and its board; after its start it can open
 * nothing, neither a file nor a socket. Its successor begins with the memory of exporters that it left on the
 * board, and hands over the rows that it had decoded.
 */
#ifndef NR_SENSE_FLOW_LIVE_LIVE_H
#define NR_SENSE_FLOW_LIVE_LIVE_H

#include "base/child.h"
#include "model/flow_ring.h"
#include "sense/flow/collect/collector.h"
#include "sense/flow/live/board.h"

#define NR_FLOW_WORKERS_MAX 8
#define NR_FLOW_LISTEN_MAX  16

struct nr_flow_listen_conf {
	struct nr_texts listen; /* "udp:192.0.2.1:2055", "tcp:[::1]:4739" */
	uint64_t workers;
	uint64_t buffer;      /* bytes that the kernel may hold for each UDP socket */
	uint64_t queue;       /* bytes of the ring of each worker */
	uint64_t connections; /* over TCP at once */
	bool gro;             /* net/datagrams.h: joined */
};
/* clang-format off */
#define NR_FLOW_LISTEN_OPTIONS(PREFIX, OUTER, MEMBER) \
	{PREFIX "workers", NR_OPTION_UINT, offsetof(OUTER, MEMBER workers), "N", "1", 1, NR_FLOW_WORKERS_MAX, NULL, "processes that receive and decode; an exporter stays with one of them", "受信と復号を行うプロセスの数（エクスポーターごとに担当が決まる）"}, \
	{PREFIX "buffer", NR_OPTION_SIZE, offsetof(OUTER, MEMBER buffer), "SIZE", "64M", 65536, 1073741824, NULL, "what the kernel may hold for each UDP socket while nobody reads", "読み出されるまでカーネルがUDPソケットごとに保持できる量"}, \
	{PREFIX "gro", NR_OPTION_FLAG, offsetof(OUTER, MEMBER gro), NULL, NULL, 0, 0, NULL, "take datagrams joined, where the network card joins them (UDP GRO): cheaper, but losses of the kernel are then counted by joined ones", "ネットワークカードが結合したデータグラムをまとめて受け取る（UDP GRO）。軽くなるが、カーネルでの破棄数は結合単位になる"}, \
	{PREFIX "queue", NR_OPTION_SIZE, offsetof(OUTER, MEMBER queue), "SIZE", "512M", 8388608, 17179869184.0, NULL, "flows that wait to be written, for each worker", "書き込みを待つフローの待ち行列の大きさ（ワーカーごと）"}, \
	{PREFIX "connections", NR_OPTION_UINT, offsetof(OUTER, MEMBER connections), "N", "256", 1, 4096, NULL, "exporters over TCP at once", "TCPで同時に接続できるエクスポーターの数"}
/* clang-format on */

struct nr_flow_live;

/* Makes rings and boards, and hides this process's memory (base/rights.h); call before the nursery is forked.
 * The confs must outlive the nursery. -EINVAL: what is to be listened on cannot be. relay: the parsers say
 * how they are over the nursery's sockets, too (model/relay.h), under this sensor's name; NULL: they do not.
 */
int nr_flow_live_new(const struct nr_flow_listen_conf *listen, const struct nr_flow_collector_conf *collector,
	const char *relay, struct nr_flow_live **ret_live, struct nr_error *error);
void nr_flow_live_free(struct nr_flow_live *live);
void nr_flow_live_freep(struct nr_flow_live **live);

/* For struct nr_nursery_conf: one for each worker; answers how many. */
size_t nr_flow_live_children(
	struct nr_flow_live *live, struct nr_child ret_children[static NR_FLOW_WORKERS_MAX]);

unsigned nr_flow_live_workers(const struct nr_flow_live *live);
struct nr_flow_ring *nr_flow_live_ring(struct nr_flow_live *live, unsigned worker);
struct nr_flow_board *nr_flow_live_board(struct nr_flow_live *live, unsigned worker);

/* What the sockets are, as the nursery opened them: "udp:127.0.0.1:2055", and the bytes the kernel granted.
 * Of the i-th socket; NULL: there is no such one. Known to the keeper too. */
const char *nr_flow_live_socket(const struct nr_flow_live *live, size_t i, uint64_t *ret_granted);

#endif
