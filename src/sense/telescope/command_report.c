/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi telescope report: the store's answers as tables and JSON. */
#include "base/language.h"
#include "base/text.h"
#include "sense/telescope/command.h"
#include "sense/telescope/tables.h"
#include "store/rows.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct report_conf {
	const char *store, *by, *research, *sensor, *from, *to, *after, *notable;
	uint64_t limit;
	bool json;
};

static const char *const by_choices[] = {"port", "source", "country", "network", "class", "tool", "scanner",
	"victim", "campaign", "run", "warning", "event", NULL};
static const char *const by_queries[] = {"telescope/ports", "telescope/sources", "telescope/countries",
	"telescope/networks", "telescope/classes", "telescope/tools", "telescope/scanners",
	"telescope/victims", "telescope/campaigns", "telescope/runs", "warnings", "telescope/events"};
static const char *const research_choices[] = {"with", "without", "only", NULL};
static const char *const notable_choices[] = {"only", "all", NULL};

static const struct nr_option options[] = {
	{"store", NR_OPTION_PATH, offsetof(struct report_conf, store), "FILE", "noroshi.db", 0, 0, NULL,
		"the store to ask", "問い合わせるストア"},
	{"by", NR_OPTION_CHOICE, offsetof(struct report_conf, by), "WHAT", "port", 0, 0, by_choices,
		"what to list", "何ごとに集計するか"},
	{"from", NR_OPTION_TEXT, offsetof(struct report_conf, from), "TIME", NULL, 0, 0, NULL,
		"start (RFC 3339, date or Unix seconds; default: the first kept)",
		"開始時刻（省略時は保存されている最初から）"},
	{"to", NR_OPTION_TEXT, offsetof(struct report_conf, to), "TIME", NULL, 0, 0, NULL,
		"end, not included (default: the last kept)",
		"終了時刻（その時刻は含まない。省略時は最後まで）"},
	{"research", NR_OPTION_CHOICE, offsetof(struct report_conf, research), "WHICH", "with", 0, 0,
		research_choices, "with, without or only research scanners",
		"調査目的のスキャンを含める・除く・それだけ"},
	{"sensor", NR_OPTION_TEXT, offsetof(struct report_conf, sensor), "NAME", NULL, 0, 0, NULL,
		"one sensor (default: all)", "センサ（省略時はすべて）"},
	{"notable", NR_OPTION_CHOICE, offsetof(struct report_conf, notable), "WHICH", "only", 0, 0,
		notable_choices, "of early warnings those that are findings, or all that the methods said",
		"早期警戒のうち検知結果となったものだけ・すべて"},
	{"limit", NR_OPTION_UINT, offsetof(struct report_conf, limit), "N", "100", 1, 1000, NULL,
		"rows at most", "最大行数"},
	{"after", NR_OPTION_TEXT, offsetof(struct report_conf, after), "CURSOR", NULL, 0, 0, NULL,
		"continue after the \"next\" of an earlier answer", "前の応答の next から続ける"},
	{"json", NR_OPTION_FLAG, offsetof(struct report_conf, json), NULL, NULL, 0, 0, NULL,
		"print one JSON object", "1つのJSONオブジェクトで出力する"},
};

/* ---- a table for people: columns as wide as their widest cell, the reason on a line of its own ---- */

#define NR_CELL        512 /* bytes */
#define NR_CELL_WIDTH  60  /* columns of the terminal; --json has everything */
#define EVIDENCE_WIDTH 40
#define REASON_INDENT  4
#define REASON_WIDTH   100
#define NR_COLUMNS_MAX 16

struct table {
	const struct nr_query *query;
	struct nr_json *json;                   /* NULL: text */
	char (*cells)[NR_COLUMNS_MAX][NR_CELL]; /* owned */
	size_t rows, room;
};

static void table_fini(struct table *table)
{
	free(table->cells);
}

static bool is_reason(const struct nr_result_column *column)
{
	return strncmp(column->name, "reason_", 7) == 0;
}

static void write_cell(
	const struct nr_result_column *column, const struct nr_value *value, char text[static NR_CELL])
{
	char scratch[NR_ADDRESS_TEXT];
	text[0] = 0;
	switch (value->type) {
	case NR_VALUE_INT:
		snprintf(text, NR_CELL, "%" PRId64, value->integer);
		if (!strcmp(column->name, "protocol"))
			snprintf(text, NR_CELL, "%s",
				value->integer == 6    ? "tcp"
				: value->integer == 17 ? "udp"
						       : "icmp");
		break;
	case NR_VALUE_REAL:
		snprintf(text, NR_CELL, "%.4g", value->real);
		break;
	case NR_VALUE_TIME:
		snprintf(text, NR_CELL, "%s", nr_time_write(value->integer, scratch));
		break;
	case NR_VALUE_ADDRESS:
		snprintf(text, NR_CELL, "%s", nr_address_write(&value->address, scratch));
		break;
	case NR_VALUE_TEXT:
		nr_text_shorten(value->text, is_reason(column) ? SIZE_MAX : NR_CELL_WIDTH, text, NR_CELL);
		break;
	case NR_VALUE_JSON:
		nr_text_shorten(value->text, EVIDENCE_WIDTH, text, NR_CELL);
		break;
	case NR_VALUE_NULL:
		break;
	}
}

static int add_row(void *context, const struct nr_value *values, size_t count)
{
	struct table *table = context;
	if (table->json) {
		nr_rows_json(table->json, table->query, values);
		return 0;
	}
	if (table->rows == table->room) {
		size_t room = table->room ? table->room * 2 : 128;
		void *cells = realloc(table->cells, room * sizeof *table->cells);
		if (!cells)
			return -ENOMEM;
		table->cells = cells;
		table->room = room;
	}
	for (size_t i = 0; i < NR_MIN(count, (size_t)NR_COLUMNS_MAX); i++)
		write_cell(&table->query->columns[i], &values[i], table->cells[table->rows][i]);
	table->rows++;
	return 0;
}

static bool is_number(const struct nr_result_column *column)
{
	return (column->type == NR_VALUE_INT || column->type == NR_VALUE_REAL) &&
	       strcmp(column->name, "protocol");
}

static void print_cell(const char *text, size_t width, bool right, bool first)
{
	int gap = (int)(width - NR_MIN(nr_text_width(text), width));
	printf("%s%*s%s%*s", first ? "" : "  ", right ? gap : 0, "", text, right ? 0 : gap, "");
}

/* For whom it is written. */
static void print_reason(const struct table *table, size_t columns, size_t row)
{
	const char *wanted = nr_says("reason_en", "reason_ja");
	for (size_t i = 0; i < columns; i++) {
		if (strcmp(table->query->columns[i].name, wanted) != 0 || !table->cells[row][i][0])
			continue;
		printf("%*s", REASON_INDENT, "");
		nr_text_wrap(stdout, table->cells[row][i], REASON_INDENT, REASON_WIDTH);
	}
}

static void print_table(const struct table *table)
{
	const struct nr_query *q = table->query;
	size_t columns = NR_MIN(q->column_count, (size_t)NR_COLUMNS_MAX), widths[NR_COLUMNS_MAX];
	for (size_t i = 0; i < columns; i++) {
		widths[i] = strlen(q->columns[i].name);
		for (size_t r = 0; r < table->rows; r++)
			widths[i] = NR_MAX(widths[i], nr_text_width(table->cells[r][i]));
	}
	for (size_t i = 0; i < columns; i++)
		if (!is_reason(&q->columns[i]))
			print_cell(q->columns[i].name, widths[i], is_number(&q->columns[i]), i == 0);
	printf("\n");
	for (size_t r = 0; r < table->rows; r++) {
		for (size_t i = 0; i < columns; i++)
			if (!is_reason(&q->columns[i]))
				print_cell(table->cells[r][i], widths[i], is_number(&q->columns[i]), i == 0);
		printf("\n");
		print_reason(table, columns, r);
	}
}

/* ---- asking ---- */

static const char *value_of(const struct report_conf *conf, const char *limit, const char *name)
{
	const struct {
		const char *name, *value;
	} given[] = {{"from", conf->from}, {"to", conf->to}, {"research", conf->research},
		{"sensor", conf->sensor}, {"limit", limit}, {"after", conf->after},
		{"notable", conf->notable}};
	for (size_t i = 0; i < NR_COUNT(given); i++)
		if (!strcmp(given[i].name, name))
			return given[i].value;
	return NULL;
}

static const struct nr_query *query_by(const char *by)
{
	size_t i = 0;
	while (strcmp(by_choices[i], by))
		i++;
	return nr_store_query(by_queries[i]);
}

static void print_json(struct nr_json *json, const struct nr_query *query, const char *research,
	const struct nr_answer *answer)
{
	nr_json_array_end(json);
	nr_json_text(json, "query", query->name);
	nr_json_time(json, "from", answer->from);
	nr_json_time(json, "to", answer->to);
	nr_json_text(json, "research", research);
	nr_json_text(json, "next", answer->next[0] ? answer->next : NULL);
	nr_json_object_end(json);
}

static int run_report(const void *conf, const char *const *operands, size_t count, struct nr_error *error)
{
	(void)operands;
	(void)count;
	const struct report_conf *c = conf;
	const struct nr_query *query = query_by(c->by);
	NR_AUTO(nr_store_closep) struct nr_store *store = NULL;
	int e = nr_store_open(
		c->store, NR_STORE_READ, nr_telescope_tables, nr_telescope_table_count, &store, error);
	if (e)
		return e;
	char limit[24];
	snprintf(limit, sizeof limit, "%" PRIu64, c->limit);
	const char *values[16] = {0};
	for (size_t i = 0; i < NR_MIN(query->parameter_count, NR_COUNT(values)); i++)
		values[i] = value_of(c, limit, query->parameters[i].name);
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	NR_AUTO(table_fini) struct table table = {.query = query, .json = c->json ? &json : NULL};
	nr_json_object(&json, NULL);
	nr_json_array(&json, "rows");
	struct nr_answer answer;
	e = nr_store_ask(store, query, values, add_row, &table, &answer, error);
	if (e == -EINVAL)
		return NR_EXIT_USAGE;
	if (e)
		return e;
	if (!c->json) {
		print_table(&table);
		return answer.rows ? NR_EXIT_OK : NR_EXIT_NO;
	}
	print_json(&json, query, c->research, &answer);
	e = nr_json_finish(&json, error);
	if (e)
		return e;
	printf("%s\n", json.bytes);
	return answer.rows ? NR_EXIT_OK : NR_EXIT_NO;
}

const struct nr_command nr_telescope_report_command = {
	.area = "telescope",
	.verb = "report",
	.text_en = "Ask a store: ports, sources, countries, classes, tools ...",
	.text_ja = "ストアの内容を集計して表示する（ポート・送信元・国・区分・ツールなど）",
	.example = "noroshi telescope report --store telescope.db --by port --research without",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct report_conf),
	.run = run_report,
};
