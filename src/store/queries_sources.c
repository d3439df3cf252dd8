/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The telescope's sources, busiest first: all of them, those of a port, research scanners. Packs of days and
 * months say who sent how much; what else is known of a source is read for the page's alone.
 */
#include "store/hosts.h"
#include "store/packs.h"
#include "store/ranking.h"

#define CHUNK 1024 /* rows that are decoded at once */
#define AHEAD 16   /* rows between a look ahead and the work */

struct hosts {
	struct nr_reading *reading;
	/* which rows count */
	const char *tool;
	uint64_t country;
	bool with_research, without_research, has_country;
	bool has_address;
	uint64_t address[2];
	struct nr_texts_by_word texts;
	struct nr_sums sums, allowed; /* allowed: sources of the day under way that count */
	bool join;                    /* only allowed ones count */
	bool seen;                    /* a pack by protocol */
	int64_t port_low, port_high;  /* protocol << 16 | port */
	struct known_tools {
		uint64_t word; /* 0: none */
		bool has;      /* the tool that is asked for */
	} known[64];
	struct nr_page page;
	struct facts *facts; /* owned; per row of the page */
};

/* What is known of one source of the page. */
struct facts {
	int64_t scan_packets, ports;
	nr_time first, last;
	uint64_t latest[4], country, asn, as_name;
	char words[4][NR_WORDS_BYTES + 1]; /* categories, tools, research, marks */
};

static const uint8_t word_lanes[4] = {
	NR_SOURCE_CATEGORIES, NR_SOURCE_TOOLS, NR_SOURCE_RESEARCH, NR_SOURCE_MARKS};

static void hosts_fini(struct hosts *hosts)
{
	nr_sums_fini(&hosts->sums);
	nr_sums_fini(&hosts->allowed);
	nr_page_fini(&hosts->page);
	nr_texts_by_word_fini(&hosts->texts);
	free(hosts->facts);
}

static int hosts_init(struct hosts *hosts, struct nr_reading *reading, struct nr_error *error)
{
	const struct nr_ask *ask = reading->ask;
	const struct nr_value *tool = nr_ask_value(ask, "tool"), *country = nr_ask_value(ask, "country"),
			      *address = nr_ask_value(ask, "address");
	*hosts = (struct hosts){.reading = reading, .texts = {.reading = reading}};
	hosts->tool = tool->type == NR_VALUE_TEXT ? tool->text : NULL;
	hosts->with_research = !nr_ask_is(ask, "research", "without");
	hosts->without_research = !nr_ask_is(ask, "research", "only");
	hosts->has_country = country->type == NR_VALUE_TEXT;
	hosts->has_address = address->type == NR_VALUE_ADDRESS;
	nr_pack_address(&address->address, &hosts->address[0], &hosts->address[1]);
	return hosts->has_country ? nr_reading_word(reading, country->text, &hosts->country, error) : 0;
}

/* ---- which rows count ---- */

/* Few words come again and again. */
static int has_tool(struct hosts *hosts, uint64_t word, bool *ret_has, struct nr_error *error)
{
	struct known_tools *known = &hosts->known[word % NR_COUNT(hosts->known)];
	const char *text;
	if (known->word == word && word) {
		*ret_has = known->has;
		return 0;
	}
	int status = nr_texts_load(&hosts->texts, word, &text, error);
	*ret_has = false;
	size_t length = strlen(hosts->tool);
	for (; !status && *text && !*ret_has; text += strcspn(text, ","), text += *text == ',')
		*ret_has = strcspn(text, ",") == length && memcmp(text, hosts->tool, length) == 0;
	*known = (struct known_tools){word, *ret_has};
	return status;
}

/* lane: where country, tools and research stand one behind the other. */
static int counts(struct hosts *hosts, const struct nr_cell *cell, size_t lane, uint32_t row,
	bool *ret_counts, struct nr_error *error)
{
	*ret_counts = true;
	if (hosts->has_country)
		*ret_counts = nr_pack_get(&cell->pack, lane, row) == hosts->country;
	if (*ret_counts && !(hosts->with_research && hosts->without_research))
		*ret_counts = nr_pack_get(&cell->pack, lane + 2, row) ? hosts->with_research
								      : hosts->without_research;
	if (!*ret_counts || !hosts->tool)
		return 0;
	return has_tool(hosts, nr_pack_get(&cell->pack, lane + 1, row), ret_counts, error);
}

/* A source is in a range when its own first and last touch it: a question at the range's first and last day.
 */
static bool is_at_an_end(const struct nr_ask *ask, const struct nr_cell *cell)
{
	return cell->piece->step == NR_STEP_DAY && (cell->time < ask->from || cell->time > ask->to - NR_DAY);
}

static bool touches(const struct nr_ask *ask, const struct nr_cell *cell, uint32_t row)
{
	return (nr_time)nr_pack_get(&cell->pack, NR_SOURCE_LAST, row) >= ask->from &&
	       (nr_time)nr_pack_get(&cell->pack, NR_SOURCE_FIRST, row) < ask->to;
}

static int source_counts(struct hosts *hosts, const struct nr_cell *cell, uint32_t row, bool *ret_counts,
	struct nr_error *error)
{
	*ret_counts = !is_at_an_end(hosts->reading->ask, cell) || touches(hosts->reading->ask, cell, row);
	return *ret_counts ? counts(hosts, cell, NR_SOURCE_COUNTRY, row, ret_counts, error) : 0;
}

static bool filters(const struct hosts *hosts)
{
	return hosts->tool || hosts->has_country || !hosts->with_research || !hosts->without_research;
}

/* ---- adding up ---- */

static int add(struct nr_sums *sums, uint64_t high, uint64_t low, uint64_t packets, struct nr_error *error)
{
	struct nr_sum *sum = nr_sums_at(sums, high, low);
	if (!sum)
		return nr_sums_fail(error);
	sum->packets = (int64_t)((uint64_t)sum->packets + packets);
	return 0;
}

/* Address and packets of rows, decoded lane by lane, and which of them count. */
struct chunk {
	uint64_t high[CHUNK], low[CHUNK], packets[CHUNK], filtered[CHUNK];
	bool in[CHUNK];
};

static void read_chunk(const struct nr_pack *pack, size_t high, size_t packets, uint32_t first, uint32_t rows,
	struct chunk *chunk)
{
	nr_pack_read(pack, high, first, rows, chunk->high);
	nr_pack_read(pack, high + 1, first, rows, chunk->low);
	nr_pack_read(pack, packets, first, rows, chunk->packets);
}

/* counts(), for all rows of the chunk. */
static int filter_chunk(struct hosts *hosts, const struct nr_pack *pack, size_t lane, uint32_t first,
	uint32_t rows, struct chunk *chunk, struct nr_error *error)
{
	uint64_t *filtered = chunk->filtered;
	int status = 0;
	memset(chunk->in, true, rows);
	if (hosts->has_country) {
		nr_pack_read(pack, lane, first, rows, filtered);
		for (uint32_t row = 0; row < rows; row++)
			chunk->in[row] = filtered[row] == hosts->country;
	}
	if (!(hosts->with_research && hosts->without_research)) {
		nr_pack_read(pack, lane + 2, first, rows, filtered);
		for (uint32_t row = 0; row < rows; row++)
			chunk->in[row] &= filtered[row] ? hosts->with_research : hosts->without_research;
	}
	if (!hosts->tool)
		return 0;
	nr_pack_read(pack, lane + 1, first, rows, filtered);
	for (uint32_t row = 0; row < rows && !status; row++) {
		if (chunk->in[row])
			status = has_tool(hosts, filtered[row], &chunk->in[row], error);
	}
	return status;
}

static void look_ahead(const struct nr_sums *sums, const struct chunk *chunk, uint32_t row, uint32_t rows)
{
	if (row + 2 * AHEAD < rows)
		nr_sums_prefetch(sums, chunk->high[row + 2 * AHEAD], chunk->low[row + 2 * AHEAD]);
	if (row + AHEAD < rows)
		nr_sums_prefetch_sum(sums, chunk->high[row + AHEAD], chunk->low[row + AHEAD]);
}

/* All sources of a pack, or the rows of the one that is asked for. */
static int add_sources_to(
	struct hosts *hosts, struct nr_sums *sums, const struct nr_cell *cell, struct nr_error *error)
{
	const struct nr_pack *pack = &cell->pack;
	struct chunk chunk;
	uint32_t first = 0, end = pack->rows;
	bool at_an_end = is_at_an_end(hosts->reading->ask, cell);
	int status = 0;
	if (!at_an_end && !filters(hosts) && !nr_sums_reserve(sums, pack->rows))
		return nr_sums_fail(error);
	if (hosts->has_address) {
		first = end = nr_pack_find(pack, hosts->address, 2);
		while (nr_pack_is(pack, end, hosts->address, 2))
			end++;
	}
	for (; first < end && !status; first += CHUNK) {
		uint32_t rows = NR_MIN((uint32_t)CHUNK, end - first);
		read_chunk(pack, NR_SOURCE_HIGH, NR_SOURCE_PACKETS, first, rows, &chunk);
		status = filter_chunk(hosts, pack, NR_SOURCE_COUNTRY, first, rows, &chunk, error);
		for (uint32_t row = 0; row < rows && !status; row++) {
			look_ahead(sums, &chunk, row, rows);
			if (chunk.in[row] && (!at_an_end || touches(hosts->reading->ask, cell, first + row)))
				status =
					add(sums, chunk.high[row], chunk.low[row], chunk.packets[row], error);
		}
	}
	return status;
}

static int add_sources(void *context, const struct nr_cell *cell, struct nr_error *error)
{
	struct hosts *hosts = context;
	return add_sources_to(hosts, &hosts->sums, cell, error);
}

static int allow_sources(void *context, const struct nr_cell *cell, struct nr_error *error)
{
	struct hosts *hosts = context;
	return add_sources_to(hosts, &hosts->allowed, cell, error);
}

/* Where packs of sources by port, and those by protocol, have what is added up. */
struct port_lanes {
	uint8_t keys, high, country, packets;
};
static const struct port_lanes by_port = {
	2, NR_SOURCE_PORT_HIGH, NR_SOURCE_PORT_COUNTRY, NR_SOURCE_PORT_PACKETS};
static const struct port_lanes by_protocol = {1, NR_PROTOCOL_HIGH, NR_PROTOCOL_COUNTRY, NR_PROTOCOL_PACKETS};

/* Of a month each row says what the source was (filter_chunk); of a day the sources' own rows have been
 * asked. */
static bool port_row_counts(const struct hosts *hosts, uint64_t high, uint64_t low)
{
	if (hosts->has_address && (high != hosts->address[0] || low != hosts->address[1]))
		return false;
	return !hosts->join || nr_sums_has(&hosts->allowed, high, low);
}

/* Rows first to end, which are of the ports that are asked for. */
static int add_rows(struct hosts *hosts, const struct nr_cell *cell, const struct port_lanes *lanes,
	uint32_t first, uint32_t end, struct nr_error *error)
{
	bool of_month = cell->piece->step > NR_STEP_DAY;
	struct chunk chunk;
	int status = 0;
	for (; first < end && !status; first += CHUNK) {
		uint32_t rows = NR_MIN((uint32_t)CHUNK, end - first);
		read_chunk(&cell->pack, lanes->high, lanes->packets, first, rows, &chunk);
		if (of_month)
			status = filter_chunk(hosts, &cell->pack, lanes->country, first, rows, &chunk, error);
		for (uint32_t row = 0; row < rows && !status; row++) {
			look_ahead(&hosts->sums, &chunk, row, rows);
			if ((!of_month || chunk.in[row]) &&
				port_row_counts(hosts, chunk.high[row], chunk.low[row]))
				status = add(&hosts->sums, chunk.high[row], chunk.low[row],
					chunk.packets[row], error);
		}
	}
	return status;
}

static int add_port_rows(void *context, const struct nr_cell *cell, struct nr_error *error)
{
	struct hosts *hosts = context;
	uint64_t low[2] = {(uint64_t)hosts->port_low >> 16, (uint64_t)hosts->port_low & 0xffff};
	uint64_t high[2] = {(uint64_t)hosts->port_high >> 16, ((uint64_t)hosts->port_high & 0xffff) + 1};
	return add_rows(hosts, cell, &by_port, nr_pack_find(&cell->pack, low, by_port.keys),
		nr_pack_find(&cell->pack, high, by_port.keys), error);
}

static int add_protocol_rows(void *context, const struct nr_cell *cell, struct nr_error *error)
{
	struct hosts *hosts = context;
	uint64_t protocol = (uint64_t)hosts->port_low >> 16, next = protocol + 1;
	hosts->seen = true;
	return add_rows(hosts, cell, &by_protocol, nr_pack_find(&cell->pack, &protocol, by_protocol.keys),
		nr_pack_find(&cell->pack, &next, by_protocol.keys), error);
}

/* Months that an earlier version added up have no packs by protocol: *ret_done is false. */
static int add_up_protocol(
	struct hosts *hosts, const struct nr_piece *piece, bool *ret_done, struct nr_error *error)
{
	hosts->seen = false;
	int status = nr_cells_visit_piece(
		hosts->reading, NR_PACK_PROTOCOL, piece, 0, false, add_protocol_rows, hosts, error);
	*ret_done = hosts->seen;
	return status;
}

static int add_up_ports_of(struct hosts *hosts, const struct nr_piece *piece, struct nr_error *error)
{
	const struct nr_ask *ask = hosts->reading->ask;
	bool at_an_end = piece->step == NR_STEP_DAY && (piece->low < ask->from || piece->high > ask->to);
	bool all_ports = (hosts->port_low & 0xffff) == 0 && (hosts->port_high & 0xffff) == 0xffff,
	     done = false;
	hosts->join = piece->step == NR_STEP_DAY && (filters(hosts) || at_an_end);
	nr_sums_fini(&hosts->allowed);
	int status = 0;
	if (all_ports && piece->step > NR_STEP_DAY)
		status = add_up_protocol(hosts, piece, &done, error);
	if (status || done)
		return status;
	if (hosts->join)
		status = nr_cells_visit_piece(
			hosts->reading, NR_PACK_SOURCE, piece, 0, false, allow_sources, hosts, error);
	return status ? status
		      : nr_cells_visit_parts(hosts->reading, NR_PACK_SOURCE_PORT, piece, hosts->port_low,
				hosts->port_high, add_port_rows, hosts, error);
}

/* Day by day where the sources of the day must be known. */
static int add_up_range(struct hosts *hosts, int64_t low, int64_t high, struct nr_error *error)
{
	const struct nr_ask *ask = hosts->reading->ask;
	int status = 0;
	hosts->port_low = low;
	hosts->port_high = high;
	for (size_t i = 0; i < ask->piece_count && !status; i++) {
		struct nr_piece piece = ask->pieces[i];
		bool whole = piece.step != NR_STEP_DAY ||
			     (!filters(hosts) && piece.low >= ask->from && piece.high <= ask->to);
		if (whole) {
			status = add_up_ports_of(hosts, &piece, error);
			continue;
		}
		for (nr_time day = piece.low; day < piece.high && !status; day += NR_DAY)
			status = add_up_ports_of(hosts,
				&(struct nr_piece){piece.sensor, piece.step, day, day + NR_DAY}, error);
	}
	return status;
}

/* Sources have no packs of research scanners alone: each row says whether it is one. */
static int visit_sources(struct hosts *hosts, nr_visit *visit, struct nr_error *error)
{
	const struct nr_ask *ask = hosts->reading->ask;
	int status = 0;
	for (size_t i = 0; i < ask->piece_count && !status; i++)
		status = nr_cells_visit_piece(
			hosts->reading, NR_PACK_SOURCE, &ask->pieces[i], 0, false, visit, hosts, error);
	return status;
}

static int add_up(struct hosts *hosts, struct nr_error *error)
{
	const struct nr_value *protocol = nr_ask_value(hosts->reading->ask, "protocol"),
			      *port = nr_ask_value(hosts->reading->ask, "port");
	bool any_protocol = protocol->type == NR_VALUE_NULL, any_port = port->type == NR_VALUE_NULL;
	static const int64_t both[] = {6, 17};
	int status = 0;
	if (any_protocol && any_port)
		return visit_sources(hosts, add_sources, error);
	for (size_t i = 0; i < (any_protocol ? NR_COUNT(both) : 1) && !status; i++) {
		int64_t base = (any_protocol ? both[i] : protocol->integer) << 16;
		status = add_up_range(hosts, base | (any_port ? 0 : port->integer),
			base | (any_port ? 0xffff : port->integer), error);
	}
	return status;
}

/* ---- the page ---- */

static int compare_hosts(void *context, const struct nr_sum *a, const struct nr_sum *b)
{
	(void)context;
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	return (a->low > b->low) - (a->low < b->low);
}

static int position_hosts(void *context, const struct nr_sum *sum, const struct nr_key *after)
{
	struct nr_address address = nr_pack_address_of(sum->high, sum->low);
	(void)context;
	return nr_key_compare_bytes(NR_VALUE_ADDRESS, &address, sizeof address, &after[0]);
}

static int note_row(struct hosts *hosts, const struct nr_cell *cell, uint32_t row, struct facts *facts,
	struct nr_error *error)
{
	const struct nr_pack *pack = &cell->pack;
	int status = 0;
	facts->scan_packets += (int64_t)nr_pack_get(pack, NR_SOURCE_SCAN_PACKETS, row);
	facts->ports = NR_MAX(facts->ports, (int64_t)nr_pack_get(pack, NR_SOURCE_PORTS, row));
	facts->first = NR_MIN(facts->first, (nr_time)nr_pack_get(pack, NR_SOURCE_FIRST, row));
	facts->last = NR_MAX(facts->last, (nr_time)nr_pack_get(pack, NR_SOURCE_LAST, row));
	facts->country = nr_pack_get(pack, NR_SOURCE_COUNTRY, row);
	facts->asn = nr_pack_get(pack, NR_SOURCE_ASN, row);
	facts->as_name = nr_pack_get(pack, NR_SOURCE_AS_NAME, row);
	for (size_t i = 0; i < NR_COUNT(word_lanes) && !status; i++) {
		uint64_t word = nr_pack_get(pack, word_lanes[i], row);
		const char *text;
		if (word == facts->latest[i])
			continue;
		facts->latest[i] = word;
		status = nr_texts_load(&hosts->texts, word, &text, error);
		if (!status)
			nr_words_add(facts->words[i], text);
	}
	return status;
}

static int note_cell(void *context, const struct nr_cell *cell, struct nr_error *error)
{
	struct hosts *hosts = context;
	int status = 0;
	for (size_t i = 0; i < hosts->page.count && !status; i++) {
		uint64_t key[2] = {hosts->page.items[i]->high, hosts->page.items[i]->low};
		uint32_t row = nr_pack_find(&cell->pack, key, 2);
		for (; !status && nr_pack_is(&cell->pack, row, key, 2); row++) {
			bool in = false;
			status = source_counts(hosts, cell, row, &in, error);
			if (!status && in)
				status = note_row(hosts, cell, row, &hosts->facts[i], error);
		}
	}
	return status;
}

static int find_page(struct hosts *hosts, struct nr_error *error)
{
	static const struct nr_order_of_sums order = {compare_hosts, position_hosts, NULL};
	int status = nr_rank_page(&hosts->sums, hosts->reading->ask, &order, &hosts->page, error);
	if (status)
		return status;
	hosts->facts = calloc(hosts->page.count + 1, sizeof *hosts->facts);
	if (!hosts->facts)
		return nr_sums_fail(error);
	for (size_t i = 0; i < hosts->page.count; i++) {
		hosts->facts[i].first = NR_TIME_MAX;
		hosts->facts[i].last = NR_TIME_MIN;
	}
	return visit_sources(hosts, note_cell, error);
}

static struct nr_value value_of(const struct hosts *hosts, uint64_t word)
{
	return nr_value_text(nr_texts_at(&hosts->texts, word));
}

static int hand_out(struct hosts *hosts, size_t i, bool scanner, struct nr_error *error)
{
	const struct nr_sum *sum = hosts->page.items[i];
	const struct facts *facts = &hosts->facts[i];
	struct nr_value address = {
		.type = NR_VALUE_ADDRESS, .address = nr_pack_address_of(sum->high, sum->low)};
	struct nr_key keys[] = {nr_key_int(sum->packets),
		nr_key_bytes(NR_VALUE_ADDRESS, &address.address, sizeof address.address)};
	int status = nr_texts_load(&hosts->texts, facts->country, NULL, error);
	if (!status)
		status = nr_texts_load(&hosts->texts, facts->as_name, NULL, error);
	if (status)
		return status;
	struct nr_value packets = nr_value_int(sum->packets), ports = nr_value_int(facts->ports),
			first = nr_value_time(facts->first), last = nr_value_time(facts->last),
			country = value_of(hosts, facts->country), asn = nr_value_int((int64_t)facts->asn),
			as_name = value_of(hosts, facts->as_name), research = nr_value_text(facts->words[2]);
	if (scanner) {
		struct nr_value values[] = {
			address, packets, ports, research, first, last, country, asn, as_name};
		return hosts->reading->row(hosts->reading, values, keys, error);
	}
	struct nr_value values[] = {address, packets, nr_value_int(facts->scan_packets), ports, first, last,
		nr_value_text(facts->words[0]), nr_value_text(facts->words[1]), research,
		nr_value_text(facts->words[3]), country, asn, as_name};
	return hosts->reading->row(hosts->reading, values, keys, error);
}

static int answer_sources(struct nr_reading *reading, struct nr_error *error)
{
	NR_AUTO(hosts_fini) struct hosts hosts;
	int status = hosts_init(&hosts, reading, error);
	if (!status)
		status = add_up(&hosts, error);
	if (!status)
		status = find_page(&hosts, error);
	for (size_t i = 0; i < hosts.page.count && !status; i++)
		status = hand_out(&hosts, i, false, error);
	return status;
}

static int answer_scanners(struct nr_reading *reading, struct nr_error *error)
{
	NR_AUTO(hosts_fini) struct hosts hosts;
	int status = hosts_init(&hosts, reading, error);
	hosts.without_research = false;
	if (!status)
		status = add_up(&hosts, error);
	if (!status)
		status = find_page(&hosts, error);
	for (size_t i = 0; i < hosts.page.count && !status; i++)
		status = hand_out(&hosts, i, true, error);
	return status;
}

/* ---- telescope/sources ---- */

static const struct nr_parameter sources_parameters[] = {
	NR_PARAMETER_RANGE,
	NR_PARAMETER_PROTOCOL,
	NR_PARAMETER_PORT,
	{"tool", NR_VALUE_TEXT, .text_en = "tool, e.g. mirai, zmap, masscan, nmap"},
	{"country", NR_VALUE_TEXT, .text_en = "country, ISO 3166-1 alpha-2"},
	{"address", NR_VALUE_ADDRESS, .text_en = "one address"},
	NR_PARAMETER_PAGE,
};

static const struct nr_result_column sources_columns[] = {
	COLUMN_ADDRESS,
	{"packets", NR_VALUE_INT, "packets; to the port where one is asked",
		"パケット数（ポート指定時はそのポート宛）"},
	SOURCE_FACTS,
};

const struct nr_plan nr_plan_sources = {
	.query = {"telescope/sources", "Sources, busiest first", "送信元ホスト（多い順）", sources_parameters,
		NR_COUNT(sources_parameters), sources_columns, NR_COUNT(sources_columns)},
	.span = NR_SPAN_OVERLAP,
	.order = {{"packets", true}, {"address", false}},
	.answer = answer_sources,
};

/* ---- telescope/scanners ---- */

static const struct nr_parameter hosts_parameters[] = {NR_PARAMETER_RANGE, NR_PARAMETER_PAGE};

static const struct nr_result_column scanners_columns[] = {
	COLUMN_ADDRESS,
	COLUMN_PACKETS,
	{"ports", NR_VALUE_INT, "distinct destination ports (largest day)", "宛先ポートの種類数（最多の日）"},
	{"rule", NR_VALUE_TEXT, "rules that mark it: nicter, scaled, list:NAME", "判定した規則"},
	COLUMN_SEEN,
	COLUMN_ORIGIN,
};

const struct nr_plan nr_plan_scanners = {
	.query = {"telescope/scanners", "Research scanners", "調査目的のスキャン", hosts_parameters,
		NR_COUNT(hosts_parameters), scanners_columns, NR_COUNT(scanners_columns)},
	.span = NR_SPAN_OVERLAP,
	.order = {{"packets", true}, {"address", false}},
	.answer = answer_scanners,
};
