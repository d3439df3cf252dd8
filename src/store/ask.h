/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the store room: how a named query is written down and answered.
 *
 * A plan is a query's public face and how it is answered. What is kept in packs is answered in C (answer,
 * cells.h, rank.h); what is kept in rows by SQL, which is always constant text with bound :names. The base
 *selects the rows; ask.c puts the page around it:
 *
 *	WITH sensor(sensor),
 *	base AS (...),
 *	page AS (base after the cursor, in order, limited),
 *	wide AS (page and the details that are too dear for rows not shown)
 *	SELECT columns FROM wide
 *
 * Names that a base may use besides the query's parameters: :from, :last (inclusive, us), :day_from
 * (start of from's day).
 */
#ifndef NR_STORE_ASK_H
#define NR_STORE_ASK_H

#include "base/json.h"
#include "store/sqlite.h"

#define NR_ASK_PARAMETERS_MAX 16
#define NR_ASK_ORDER_MAX      4
#define NR_ASK_SECONDS        20   /* a question that takes longer is given up: -ETIMEDOUT */
#define NR_ASK_SENSORS_MAX    1000 /* sensors that one answer adds up */

/* How a query reads from and to. */
enum nr_span {
	NR_SPAN_NONE,    /* it has none */
	NR_SPAN_STEPS,   /* whole hours, or one 5-minute window; pieces are months, days, hours or windows */
	NR_SPAN_HOURS,   /* whole hours; pieces are months, days and hours */
	NR_SPAN_DAYS,    /* whole days; pieces are months and days */
	NR_SPAN_SERIES,  /* whole steps of the parameter "step" */
	NR_SPAN_OVERLAP, /* whole hours; rows whose [first, last] touches the range; pieces as of NR_SPAN_DAYS
			  */
};

/* One key of the order, a column of the base. All of them together are unique. */
struct nr_order {
	const char *column;
	bool descending;
};

struct nr_ask;
struct nr_reading;

struct nr_plan {
	struct nr_query query; /* first: a query is its plan */
	enum nr_span span;
	/* A table of rows that a store may lack (then the answer is empty) and whose sensors and times count;
	 * NULL: those of the telescope do. With a step (seconds) only its rows. */
	const char *table;
	uint32_t table_step;
	struct nr_order order[NR_ASK_ORDER_MAX + 1]; /* ends with a NULL column; empty: one row */
	/* Answers from packs; the SQL below is not used then. */
	int (*answer)(struct nr_reading *reading, struct nr_error *error);
	const char *base;
	const char *(*choose)(const struct nr_ask *ask); /* where base is NULL: one of several texts */
	const char *detail;                              /* further columns of a page's rows, or NULL */
	const char *detail_from; /* what they are joined from, with its GROUP BY; NULL: they stand alone */
	const char *columns;     /* the query's columns out of `wide`, in order */
};

/* A part of the range: packs of one sensor and step whose time is from low to high. */
struct nr_piece {
	uint32_t sensor; /* nr_ask_sensor() */
	uint32_t step;
	nr_time low, high;
};

struct nr_period {
	nr_time first, end; /* stored hours; first = NR_TIME_MAX where there are none */
	nr_time day_end;    /* end of the last day row; NR_TIME_MIN where there are none */
};

/* A value of the cursor. */
struct nr_key {
	enum nr_value_type type; /* INT, TEXT, ADDRESS (any BLOB) */
	int64_t integer;
	uint8_t bytes[64];
	size_t length;
};

struct nr_ask {
	const struct nr_plan *plan;
	struct nr_value values[NR_ASK_PARAMETERS_MAX]; /* typed; NULL where left out */
	bool has_from, has_to;
	nr_time from, to;             /* widened; NR_TIME_MIN and NR_TIME_MAX where not given */
	nr_time cover_from, cover_to; /* what the answer says: the stored period where not given */
	nr_time stored_end;           /* end of the last stored hour */
	bool nothing;                 /* the store lacks the table */
	nr_time step;                 /* NR_SPAN_SERIES */
	bool window;                  /* one 5-minute window */
	int64_t limit;
	struct nr_key after[NR_ASK_ORDER_MAX];
	size_t after_count;     /* 0: from the beginning */
	struct nr_json sensors; /* what json_each() reads */
	char **sensor_names;    /* owned, each owned */
	size_t sensor_count;
	struct nr_piece *pieces; /* owned */
	size_t piece_count, piece_room;
};

void nr_ask_fini(struct nr_ask *ask);
const char *nr_ask_sensor(const struct nr_ask *ask, uint32_t sensor);

/* The typed value of a parameter; NULL where it was left out or the query has no such one (parameters.c). */
const struct nr_value *nr_ask_value(const struct nr_ask *ask, const char *name);
bool nr_ask_has(const struct nr_ask *ask, const char *name);
bool nr_ask_is(const struct nr_ask *ask, const char *name, const char *text);

/* Types and checks the values (parameters.c); *ret_bad names the one at fault. */
int nr_ask_parse(struct nr_ask *ask, const struct nr_plan *plan, const char *const *values, size_t *ret_bad,
	struct nr_error *error);

#define NR_CURSOR_BYTES sizeof(((struct nr_answer *)0)->next)
/* The cursor (cursor.c): keys of the last row as text, and back. _write answers false where they do not fit.
 */
bool nr_cursor_write(const struct nr_key *keys, size_t count, char *text, size_t room);
/* How a value stands to a cursor's: below 0, 0, above 0. Types that differ have an order, too. */
int nr_key_compare_int(int64_t value, const struct nr_key *key);
int nr_key_compare_bytes(enum nr_value_type type, const void *bytes, size_t length, const struct nr_key *key);
struct nr_key nr_key_int(int64_t value);
/* type: TEXT or ADDRESS. Longer than a cursor's: its length says so, and no cursor is written. */
struct nr_key nr_key_bytes(enum nr_value_type type, const void *bytes, size_t length);
int nr_cursor_parse(const char *text, const struct nr_plan *plan, struct nr_key *ret_keys, size_t *ret_count,
	struct nr_error *error);

#define NR_ASK_SQL_BYTES 8192
/* The whole SQL of a question (ask.c); the bound names are not in it. */
int nr_ask_sql(const struct nr_ask *ask, char text[static NR_ASK_SQL_BYTES], struct nr_error *error);

/* Sensors, range and pieces (range.c), released by nr_ask_fini(). */
int nr_ask_range(struct nr_ask *ask, sqlite3 *database, const char *path, struct nr_error *error);

/* ---- pieces of SQL that the queries share; a table goes by the name t ---- */

/* Day rows of hosts whose own time touches the range. */
#define NR_SQL_TOUCH        " AND t.last >= :from AND t.first <= :last"
#define NR_SQL_IN_DAYS      " ON t.sensor = sensor.sensor AND t.time BETWEEN :day_from AND :last" NR_SQL_TOUCH
#define NR_SQL_FROM_SOURCES " FROM sensor CROSS JOIN telescope_source t" NR_SQL_IN_DAYS

/* ---- parameters that the queries share ---- */
extern const char *const nr_ask_research[];
#define NR_PARAMETER_RANGE                                                                                   \
	{"sensor", NR_VALUE_TEXT,                                                                            \
		.text_en = "name of one sensor; all of them are added up where it is left out"},             \
		{"from", NR_VALUE_TIME,                                                                      \
			.text_en = "start of the range; RFC 3339 or Unix seconds; default: all that is "     \
				   "stored"},                                                                \
		{"to", NR_VALUE_TIME,                                                                        \
			.text_en = "end of the range, not included; RFC 3339 or Unix seconds"},              \
	{                                                                                                    \
		"research", NR_VALUE_TEXT, "with",                                                           \
			.choices = nr_ask_research,                                                          \
			.text_en = "figures with research scanners, without them, or theirs only"            \
	}
#define NR_PARAMETER_PAGE                                                                                    \
	{"limit", NR_VALUE_INT, "100", .minimum = 1, .maximum = 1000, .text_en = "rows of one page"},        \
	{                                                                                                    \
		"after", NR_VALUE_TEXT, .text_en = "the page after this cursor (`next` of the page before)"  \
	}
#define NR_PARAMETER_PROTOCOL                                                                                \
	{                                                                                                    \
		"protocol", NR_VALUE_INT, .maximum = 255,                                                    \
					  .text_en = "IP protocol number: 6 TCP, 17 UDP, 1 ICMP"             \
	}
#define NR_PARAMETER_PORT                                                                                    \
	{                                                                                                    \
		"port", NR_VALUE_INT, .maximum = 65535, .text_en = "destination port"                        \
	}
#define NR_PARAMETER_ADDRESS                                                                                 \
	{                                                                                                    \
		"address", NR_VALUE_ADDRESS, .required = true, .text_en = "IPv4 or IPv6 address"             \
	}

/* The plans, by topic. */
extern const struct nr_plan nr_plan_coverage, nr_plan_gaps, nr_plan_runs, nr_plan_findings, nr_plan_warnings,
	nr_plan_events;
extern const struct nr_plan nr_plan_summary, nr_plan_ports, nr_plan_series, nr_plan_categories,
	nr_plan_classes, nr_plan_tools;
extern const struct nr_plan nr_plan_countries, nr_plan_networks, nr_plan_ipv6, nr_plan_ipv6_networks;
extern const struct nr_plan nr_plan_sources, nr_plan_source, nr_plan_source_ports, nr_plan_scanners,
	nr_plan_victims, nr_plan_campaigns;
extern const struct nr_plan nr_plan_flow_traffic, nr_plan_flow_exporters;
extern const struct nr_plan nr_plan_flow_servers, nr_plan_flow_server_days, nr_plan_flow_hosts,
	nr_plan_flow_beats, nr_plan_flow_meetings, nr_plan_flow_neighbours;

#endif
