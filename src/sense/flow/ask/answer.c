/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/ask/answer.h"

#include "base/language.h"
#include <string.h>

#define COLUMNS_MAX (NR_FLOW_FIELDS_MAX + 8)

const char *nr_flow_amount_write(
	uint64_t amount, bool estimated, const char *unit, char text[static NR_FLOW_AMOUNT_TEXT])
{
	static const char *const powers[] = {"", "k", "M", "G", "T", "P", "E"};
	double value = (double)amount;
	size_t power = 0;
	while (value >= 999.5 && power + 1 < NR_COUNT(powers)) {
		value /= 1000;
		power++;
	}
	int digits = !power || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
	bool space = powers[power][0] || unit[0];
	snprintf(text, NR_FLOW_AMOUNT_TEXT, "%s%.*f%s%s%s", estimated ? "~" : "", digits, value,
		space ? " " : "", powers[power], unit);
	return text;
}

/* ---- a table: all cells are written first, so that columns are as wide as they must be ---- */

struct table {
	FILE *out;
	size_t columns, rows, room;
	bool right[COLUMNS_MAX];
	char (*cells)[NR_FLOW_FIELD_TEXT]; /* rows * columns */
	bool failed;
};

static char *new_row(struct table *table)
{
	if (table->rows == table->room) {
		size_t room = table->room ? table->room * 2 : 64;
		void *grown = realloc(table->cells, room * table->columns * sizeof *table->cells);
		if (!grown) {
			table->failed = true;
			return NULL;
		}
		table->cells = grown;
		table->room = room;
	}
	return table->cells[table->rows++ * table->columns];
}

static void print_table(struct table *table)
{
	size_t widths[COLUMNS_MAX] = {0};
	for (size_t i = 0; i < table->rows * table->columns; i++)
		widths[i % table->columns] = NR_MAX(widths[i % table->columns], strlen(table->cells[i]));
	for (size_t row = 0; row < table->rows; row++)
		for (size_t c = 0; c < table->columns; c++) {
			const char *cell = table->cells[row * table->columns + c];
			bool last = c + 1 == table->columns;
			fprintf(table->out, table->right[c] ? "%*s%s" : "%-*s%s",
				last && !table->right[c] ? 0 : (int)widths[c], cell, last ? "\n" : "  ");
		}
	if (table->failed)
		fputs("...\n", table->out);
	free(table->cells);
	table->cells = NULL;
}

/* Whether estimates say more than the counts: some flow was sampled. */
static bool has_estimates(const struct nr_flow_sums *sums)
{
	return sums->values[NR_FLOW_ORDER_ESTIMATED_PACKETS] != sums->values[NR_FLOW_ORDER_PACKETS] ||
	       sums->values[NR_FLOW_ORDER_ESTIMATED_BYTES] != sums->values[NR_FLOW_ORDER_BYTES];
}

static bool shows_estimates(const struct nr_flow_query *query)
{
	return has_estimates(&nr_flow_sum_totals(nr_flow_query_sum(query))->sums);
}

/* Flows, packets, bytes; estimates where there are any. */
static size_t write_amounts(
	const struct nr_flow_sums *sums, bool estimates, char (*cells)[NR_FLOW_FIELD_TEXT])
{
	char text[NR_FLOW_AMOUNT_TEXT];
	size_t n = 0;
	for (unsigned i = 0; i < (estimates ? NR_FLOW_ORDERS : NR_FLOW_ORDER_ESTIMATED_PACKETS); i++) {
		bool bytes = i == NR_FLOW_ORDER_BYTES || i == NR_FLOW_ORDER_ESTIMATED_BYTES;
		bool estimate = i >= NR_FLOW_ORDER_ESTIMATED_PACKETS;
		snprintf(cells[n++], NR_FLOW_FIELD_TEXT, "%s",
			nr_flow_amount_write(sums->values[i], estimate, bytes ? "B" : "", text));
	}
	return n;
}

static size_t write_heads(const struct nr_flow_query_conf *conf, bool estimates, bool series,
	char (*cells)[NR_FLOW_FIELD_TEXT], bool *right)
{
	static const char *const heads[] = {"Flows", "Packets", "Bytes", "~Packets", "~Bytes"};
	size_t n = 0;
	if (series)
		snprintf(cells[n++], NR_FLOW_FIELD_TEXT, "From (UTC)");
	for (size_t i = 0; i < conf->sum.field_count; i++) {
		enum nr_flow_kind kind = conf->sum.fields[i].kind;
		right[n] =
			kind == NR_FLOW_KIND_PORT ||
			(kind == NR_FLOW_KIND_NUMBER && conf->sum.fields[i].stream != NR_FLOW_FIELD_EXPORT);
		snprintf(cells[n++], NR_FLOW_FIELD_TEXT, "%s", conf->sum.fields[i].name);
	}
	for (unsigned i = 0; i < (estimates ? NR_FLOW_ORDERS : NR_FLOW_ORDER_ESTIMATED_PACKETS); i++) {
		right[n] = true;
		snprintf(cells[n++], NR_FLOW_FIELD_TEXT, "%s", heads[i]);
	}
	return n;
}

static void write_key(const struct nr_flow_query_conf *conf, const uint64_t *key, size_t *n,
	char (*cells)[NR_FLOW_FIELD_TEXT])
{
	char text[NR_FLOW_FIELD_TEXT];
	for (size_t i = 0; i < conf->sum.field_count; i++) {
		const struct nr_flow_field *field = &conf->sum.fields[i];
		snprintf(cells[(*n)++], NR_FLOW_FIELD_TEXT, "%s", nr_flow_field_write(field, key, text));
		key += field->words;
	}
}

static void print_rows(const struct nr_flow_query *query, const struct nr_flow_query_conf *conf, FILE *out)
{
	const struct nr_flow_sum *sum = nr_flow_query_sum(query);
	uint64_t total = nr_flow_sum_totals(sum)->sums.values[conf->sum.order];
	bool estimates = shows_estimates(query);
	struct table table = {.out = out,
		.columns = conf->sum.field_count +
			   (estimates ? NR_FLOW_ORDERS : NR_FLOW_ORDER_ESTIMATED_PACKETS) + 1};
	char(*cells)[NR_FLOW_FIELD_TEXT] = (void *)new_row(&table);
	size_t n = cells ? write_heads(conf, estimates, false, cells, table.right) : 0;
	table.right[table.columns - 1] = true;
	if (cells)
		snprintf(cells[n], NR_FLOW_FIELD_TEXT, "Share");
	for (size_t i = 0; i < nr_flow_sum_count(sum); i++) {
		struct nr_flow_sums sums;
		const uint64_t *key;
		nr_flow_sum_row(sum, i, &sums, &key);
		cells = (void *)new_row(&table);
		if (!cells)
			break;
		n = 0;
		write_key(conf, key, &n, cells);
		n += write_amounts(&sums, estimates, cells + n);
		snprintf(cells[n], NR_FLOW_FIELD_TEXT, "%.1f %%",
			total ? 100.0 * (double)sums.values[conf->sum.order] / (double)total : 0);
	}
	print_table(&table);
}

static void print_series(const struct nr_flow_query *query, const struct nr_flow_query_conf *conf, FILE *out)
{
	const struct nr_flow_sum *sum = nr_flow_query_sum(query);
	bool estimates = shows_estimates(query);
	struct table table = {.out = out,
		.columns = 1 + conf->sum.field_count +
			   (estimates ? NR_FLOW_ORDERS : NR_FLOW_ORDER_ESTIMATED_PACKETS)};
	char(*cells)[NR_FLOW_FIELD_TEXT] = (void *)new_row(&table);
	if (cells)
		write_heads(conf, estimates, true, cells, table.right);
	size_t count;
	const struct nr_flow_sum_point *points = nr_flow_sum_series(sum, &count);
	for (size_t i = 0; i < count; i++) {
		struct nr_flow_sums sums;
		const uint64_t *key;
		cells = (void *)new_row(&table);
		if (!cells)
			break;
		nr_time_write(points[i].time, cells[0]);
		cells[0][10] = ' ';
		cells[0][19] = '\0'; /* whole seconds */
		size_t n = 1;
		if (points[i].row != NR_FLOW_SUM_ALL) {
			nr_flow_sum_row(sum, points[i].row, &sums, &key);
			write_key(conf, key, &n, cells);
		}
		write_amounts(&points[i].sums, estimates, cells + n);
	}
	print_table(&table);
}

/* "~" and what stands behind it: said once, under the numbers. */
static void print_totals(const struct nr_flow_query *query, const struct nr_flow_query_conf *conf, FILE *out)
{
	const struct nr_flow_sum_totals *totals = nr_flow_sum_totals(nr_flow_query_sum(query));
	const struct nr_flow_sums *sums = &totals->sums;
	char cells[NR_FLOW_ORDERS][NR_FLOW_FIELD_TEXT];
	bool estimates = has_estimates(sums);
	write_amounts(sums, true, cells);
	fprintf(out, nr_says("Total: %s flows, %s packets, %s", "合計: %sフロー、%sパケット、%s"), cells[0],
		cells[1], cells[2]);
	if (estimates)
		fprintf(out,
			nr_says("; with sampling %s packets, %s",
				"（サンプリング補正後の推定 %sパケット、%s）"),
			cells[3], cells[4]);
	fputc('\n', out);
	if (estimates && sums->unknown)
		fprintf(out,
			nr_says("%llu flows have no known sampling rate and count as they are\n",
				"%lluフローはサンプリング率が不明で、そのまま数えています\n"),
			(unsigned long long)sums->unknown);
	if (totals->forgotten)
		fprintf(out,
			nr_says("Not exact: %llu keys did not fit into memory; a row may be too low by %llu "
				"(%s), "
				"--memory gives more\n",
				"概数: "
				"%llu個のキーがメモリーに収まらず、各行は最大%llu（%"
				"s）少ないことがあります（--memoryで増やせます）\n"),
			(unsigned long long)totals->forgotten, (unsigned long long)totals->error,
			nr_flow_orders[conf->sum.order]);
}

void nr_flow_answer_print(const struct nr_flow_query *query, const struct nr_flow_query_conf *conf, FILE *out)
{
	if (conf->sum.step)
		print_series(query, conf, out);
	else if (conf->sum.field_count)
		print_rows(query, conf, out);
	print_totals(query, conf, out);
}

/* ---- CSV ---- */

static void print_csv_line(const struct nr_flow_query_conf *conf, const struct nr_flow_sums *sums,
	const uint64_t *key, FILE *out)
{
	char text[NR_FLOW_FIELD_TEXT];
	for (size_t i = 0; key && i < conf->sum.field_count; i++) {
		fprintf(out, "%s,", nr_flow_field_write(&conf->sum.fields[i], key, text));
		key += conf->sum.fields[i].words;
	}
	for (unsigned i = 0; i < NR_FLOW_ORDERS; i++)
		fprintf(out, "%llu,", (unsigned long long)sums->values[i]);
	fprintf(out, "%llu\n", (unsigned long long)sums->unknown);
}

void nr_flow_answer_print_csv(
	const struct nr_flow_query *query, const struct nr_flow_query_conf *conf, FILE *out)
{
	const struct nr_flow_sum *sum = nr_flow_query_sum(query);
	struct nr_flow_sums sums;
	const uint64_t *key = NULL;
	fputs(conf->sum.step ? "time," : "", out);
	for (size_t i = 0; i < conf->sum.field_count; i++)
		fprintf(out, "%s,", conf->sum.fields[i].name);
	for (unsigned i = 0; i < NR_FLOW_ORDERS; i++)
		fprintf(out, "%s,", nr_flow_orders[i]);
	fputs("unknown_sampling\n", out);
	size_t count = 0;
	const struct nr_flow_sum_point *points = conf->sum.step ? nr_flow_sum_series(sum, &count) : NULL;
	for (size_t i = 0; i < count; i++) {
		char text[NR_TIME_TEXT];
		fprintf(out, "%s,", nr_time_write(points[i].time, text));
		if (points[i].row != NR_FLOW_SUM_ALL)
			nr_flow_sum_row(sum, points[i].row, &sums, &key);
		print_csv_line(conf, &points[i].sums, key, out);
	}
	if (points)
		return;
	for (size_t i = 0; i < nr_flow_sum_count(sum); i++) {
		nr_flow_sum_row(sum, i, &sums, &key);
		print_csv_line(conf, &sums, key, out);
	}
	if (!conf->sum.field_count)
		print_csv_line(conf, &nr_flow_sum_totals(sum)->sums, NULL, out);
}
