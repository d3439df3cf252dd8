/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink whose rows cross to another process: from a sandboxed sense, which is not trusted, to the keeper.
 *
 * Rows go as length-prefixed frames into an outbox in memory that outlives the process (base/area.h), and a
 * thread writes them from there to a stream socket. The keeper answers when it has made durable what came
 * before a commit; only then is it taken out. So the sense waits for no disk: commit() answers when the
 * outbox holds everything. When either process is killed, the next one sends again what was not answered; a
 * row with the key of an earlier one replaces it, so twice is once. Only when the outbox is full does rows()
 * wait: then the rings fill, and the kernel counts what it drops. Rows of tables that are not kept
 * (time_column NULL) never wait: they are left out while the outbox is half full, and counted.
 *
 * A frame: struct nr_relay_head, then the rows, column by column of the table's descriptor: numbers, times
 * and addresses as they are in memory, text as its length with the NUL (uint32_t) and its bytes, bytes
 * likewise. Both ends are the same program on the same machine. A block longer than a frame takes several.
 */
#ifndef NR_MODEL_RELAY_H
#define NR_MODEL_RELAY_H

#include "base/area.h"
#include "model/sink.h"

#define NR_RELAY_FRAME_MAX  ((size_t)1 << 20) /* bytes with its head */
#define NR_RELAY_TABLES_MAX 64
#define NR_RELAY_SESSIONS                                                                                    \
	64 /* of one stream; a sense has one, and those whose rows were left in its outbox */
#define NR_RELAY_OUTBOX ((size_t)32 << 20) /* default; a power of two */

enum nr_relay_kind {
	NR_RELAY_ROWS = 1,
	NR_RELAY_COMMIT,
	NR_RELAY_STATUS, /* struct nr_relay_status */
	NR_RELAY_BEGIN,  /* struct nr_relay_begin: what follows starts there */
};

struct nr_relay_head {
	uint32_t length; /* with this head */
	uint16_t kind, table;
	uint32_t rows, zero;
	int64_t session; /* of the rows (model/sink.h) */
};

#define NR_RELAY_INTERFACE 16 /* IFNAMSIZ */

/* How a sense is doing, about once a second. */
struct nr_relay_status {
	nr_time time, delay; /* delay: us, how far behind the clock it reads */
	uint64_t packets;    /* seen by this process */
	uint64_t lost;       /* by the kernel and by readers that died, since the rings were opened */
	uint32_t up;         /* the interface is */
	uint32_t layers;     /* enum nr_relay_layer: what confines the process */
	uint64_t left_out;   /* rows for listeners that the outbox had no room for */
	char interface[NR_RELAY_INTERFACE]; /* its name now */
	uint64_t state;                     /* enum nr_relay_state: what the process began with */
};
enum nr_relay_state {
	NR_RELAY_RESUMED = 1, /* its predecessor's state; else none */
	NR_RELAY_OTHER = 2,   /* there was one, of another build or of other settings */
	NR_RELAY_UNSOUND = 4, /* there was one that could not be made sound */
	NR_RELAY_CLEARED = 8, /* it was told to leave its predecessor's (child.h, discard) */
	NR_RELAY_LEFT = 16,   /* an outbox: its predecessor did not end in order */
};
enum nr_relay_layer { NR_RELAY_LANDLOCK = 1, NR_RELAY_SECCOMP = 2 };

/* from: the position in the outbox of the next frame; what lies before until was sent before, perhaps to
 * another keeper: rows for listeners are old there. */
struct nr_relay_begin {
	uint64_t from, until;
};

/* ---- the sense's end ---- */

struct nr_relay;

struct nr_relay_conf {
	const struct nr_table *const *tables;
	size_t table_count;
	int socket;           /* borrowed */
	struct nr_area *area; /* that holds the outbox and nothing else; NULL: it ends with the process */
	size_t outbox_bytes;  /* a power of two, at least 4 frames */
};
/* Bytes that an area for such an outbox must hold. */
size_t nr_relay_area_bytes(size_t outbox_bytes);

/* Starts its thread. Needs nothing of the system afterwards that a sandbox denies. */
int nr_relay_open(const struct nr_relay_conf *conf, struct nr_relay **ret_relay, struct nr_error *error);
void nr_relay_close(struct nr_relay *relay);
void nr_relay_closep(struct nr_relay **relay);
struct nr_sink *nr_relay_sink(struct nr_relay *relay);
/* left_out is filled in here. */
void nr_relay_tell(struct nr_relay *relay, const struct nr_relay_status *status);
/* Waits until everything is answered. -EPIPE: the keeper has gone; the outbox keeps the rest. */
int nr_relay_drain(struct nr_relay *relay, struct nr_error *error);

/* What outlives the process with the outbox: a number that was drawn when it was made, and when a process
 * last lived that had it open (NR_TIME_MIN: none before this one). */
uint64_t nr_relay_key(const struct nr_relay *relay);
/* The same without opening it; area's content stays. False: there is none. */
bool nr_relay_peek(struct nr_area *area, size_t outbox_bytes, uint64_t *ret_key, nr_time *ret_alive);

/* ---- the keeper's end ---- */

struct nr_relay_reader;

/* sensor: what the first key column of every row must say. socket: owned from here on. */
int nr_relay_reader_new(const struct nr_table *const *tables, size_t table_count, const char *sensor,
	int socket, struct nr_relay_reader **ret_reader, struct nr_error *error);
void nr_relay_reader_free(struct nr_relay_reader *reader);
void nr_relay_reader_freep(struct nr_relay_reader **reader);
int nr_relay_reader_socket(const struct nr_relay_reader *reader);

struct nr_relay_item {
	enum nr_relay_kind kind;      /* ROWS, COMMIT, STATUS */
	const struct nr_table *table; /* ROWS: count structs of table->row_size bytes, until the next call */
	const void *rows;
	size_t count;
	int64_t session;
	bool again;        /* it was handed out before, by this reader */
	uint64_t position; /* COMMIT: what to answer with */
	struct nr_relay_status status;
};
/* 1: an item; 0: nothing more for now; -EPIPE: the stream has ended; -EBADMSG: it is not what a sense sends:
 * end the process that sent it. */
int nr_relay_next(struct nr_relay_reader *reader, struct nr_relay_item *ret_item, struct nr_error *error);
/* Everything before that commit is durable. */
int nr_relay_answer(struct nr_relay_reader *reader, uint64_t position);
/* What was not answered is lost here: send it again. */
int nr_relay_ask_again(struct nr_relay_reader *reader);

#endif
