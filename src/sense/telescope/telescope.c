/* SPDX-License-Identifier: Apache-2.0 */
/* The sense's descriptor: what it is called, what can be set, when it is called. */
#include "sense/telescope/admit.h"
#include "sense/telescope/merged.h"
#include "sense/telescope/pulse.h"
#include "sense/telescope/resume.h"

#include <errno.h>
#include <string.h>

/* IANA special-purpose address registries (RFC 6890 and later): never a source on the public Internet. */
static const char *const bogons[] = {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
	"169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "::/128",
	"::1/128", "100::/64", "2001:db8::/32", "fc00::/7", "fe80::/10", "ff00::/8"};

static int make_table(
	const struct nr_prefixes *prefixes, struct nr_prefix_table **ret_table, struct nr_error *error)
{
	if (!prefixes->count)
		return 0;
	NR_AUTO(nr_prefix_table_freep) struct nr_prefix_table *table = NULL;
	int e = nr_prefix_table_new(&table, error);
	for (size_t i = 0; !e && i < prefixes->count; i++)
		e = nr_prefix_table_add(table, &prefixes->items[i], (uint32_t)i, error);
	if (!e)
		e = nr_prefix_table_seal(table, error);
	if (!e)
		*ret_table = nr_steal(&table);
	return e;
}

static int make_bogons(struct nr_prefix_table **ret_table, struct nr_error *error)
{
	struct nr_prefix prefixes[NR_COUNT(bogons)];
	for (size_t i = 0; i < NR_COUNT(bogons); i++) {
		int e = nr_prefix_parse(bogons[i], &prefixes[i], error);
		if (e)
			return e;
	}
	return make_table(&(struct nr_prefixes){prefixes, NR_COUNT(prefixes)}, ret_table, error);
}

int nr_telescope_prepare(
	struct nr_telescope_conf *conf, struct nr_telescope_refs *refs, struct nr_error *error)
{
	int e = make_table(&conf->dark, &refs->dark, error);
	if (!e)
		e = make_table(&conf->own, &refs->own, error);
	if (!e)
		e = make_table(&conf->tunnel_ends, &refs->tunnel_ends, error);
	if (!e)
		e = make_bogons(&refs->bogon, error);
	for (size_t i = 0; !e && i < conf->lists.count; i++)
		e = nr_lists_read(&refs->lists, conf->lists.items[i], error);
	if (!e)
		e = nr_lists_seal(&refs->lists, error);
	if (!e)
		e = nr_port_classes_read(&refs->classes, conf->port_classes, error);
	if (!e && conf->mmdb)
		e = nr_origin_open(&refs->origin, conf->mmdb, error);
	if (!e && conf->as_mmdb)
		e = nr_origin_open(&refs->origin, conf->as_mmdb, error);
	if (e)
		return e;
	uint64_t needed = nr_promise_fixed(refs) + NR_PROMISE_LEAST;
	if (conf->memory_bytes < needed)
		return nr_fail(error, -EINVAL,
			"--memory %llu: too little for %u workers, which need %llu; give it, or fewer "
			"--workers",
			(unsigned long long)conf->memory_bytes, refs->workers, (unsigned long long)needed);
	refs->dark_addresses = conf->dark_size;
	if (!refs->dark_addresses && refs->dark)
		refs->dark_addresses = nr_prefix_table_ipv4_addresses(refs->dark);
	conf->refs = refs;
	return 0;
}

void nr_telescope_refs_fini(struct nr_telescope_refs *refs)
{
	nr_prefix_table_free(refs->dark);
	nr_prefix_table_free(refs->own);
	nr_prefix_table_free(refs->tunnel_ends);
	nr_prefix_table_free(refs->bogon);
	nr_lists_fini(&refs->lists);
	nr_origin_close(&refs->origin);
}

bool nr_local_keeps(const void *local, uint64_t member)
{
	const struct nr_local *l = local;
	for (size_t i = 0; i < NR_COUNT(l->days); i++) {
		const struct nr_source *s = nr_source_lookup(&l->days[i].table4, &l->days[i].table6, member);
		if (s && nr_source_is_busy(s))
			return true;
	}
	return false;
}

void nr_local_configure(struct nr_local *l, const struct nr_telescope_conf *c)
{
	size_t workers = c->refs->workers;
	l->step = (c->refs->store ? NR_STEP_WINDOW : NR_STEP_DAY) * NR_SECOND;
	l->keeper = (struct nr_keeper){nr_local_keeps, l};
	l->table_bytes_max = nr_promise_sources(c);
	l->log_bytes = nr_promise_log(c, l->area != NULL);
	l->own_max = nr_promise(c, NR_PROMISE_OWN, 2 * workers) / NR_TABLE_SHARE(struct nr_own_host);
	l->suspects_max = nr_promise(c, NR_PROMISE_SUSPECT, 2 * workers) / NR_TABLE_SHARE(struct nr_suspect);
}

static int start(const void *conf, void *local, struct nr_area *area, struct nr_error *error)
{
	const struct nr_telescope_conf *c = conf;
	struct nr_local *l = local;
	l->area = area;
	l->open_from = NR_TIME_MIN;
	nr_local_configure(l, c);
	nr_local_leave_window(l);
	int e = nr_victims_init(&l->victims, area,
		NR_MIN(nr_promise(c, NR_PROMISE_VICTIMS, c->refs->workers) / NR_VICTIM_SHARE,
			(size_t)NR_VICTIMS_MAX),
		error);
	if (!e)
		e = nr_carpet_cells_init(&l->carpet_cells, area,
			nr_promise(c, NR_PROMISE_CARPETS, 2 * c->refs->workers) / NR_CELL_SHARE, error);
	if (!e)
		e = nr_usual_init(&l->usual, area, error);
	if (!e && c->refs->store)
		e = nr_early_local_new(c, area, &l->early, error);
	return e ? e : nr_merged_new(c, area, &l->merged, error);
}

static void stop(void *local)
{
	struct nr_local *l = local;
	for (size_t i = 0; i < NR_COUNT(l->days); i++) {
		nr_admit_close_day(l, &l->days[i]);
		nr_suspects_fini(&l->days[i].suspects);
		nr_own_fini(&l->days[i].own);
		nr_ipv6_day_fini(&l->days[i].ipv6);
	}
	for (size_t i = 0; i < NR_WINDOWS_OPEN; i++)
		nr_tally_fini(&l->windows[i].log);
	nr_victims_fini(&l->victims);
	nr_carpet_cells_fini(&l->carpet_cells);
	nr_early_local_free(l->early);
	nr_pulse_free(l->pulse);
	nr_usual_fini(&l->usual, l->area);
	nr_merged_free(l->merged);
}

const char *const nr_telescope_research_choices[] = {"all", "nicter", "scaled", "list", "none", NULL};
const struct nr_option nr_telescope_options[] = {NR_TELESCOPE_OPTIONS(struct nr_telescope_conf, )};

const struct nr_sense nr_telescope_sense = {
	.name = "telescope",
	.text_en = "Darknet telescope: who knocks at unused addresses, at which ports, with which tools",
	.text_ja = "ダークネット観測: 未使用アドレスに届く通信の送信元・宛先ポート・ツールの分析",
	.tables = nr_telescope_tables,
	.table_count = 10,
	.options = nr_telescope_options,
	.option_count = NR_COUNT(nr_telescope_options),
	.conf_size = sizeof(struct nr_telescope_conf),
	.local_size = sizeof(struct nr_local),
	.interval = NR_STEP_WINDOW * NR_SECOND,
	.slack = NR_SLACK_WINDOWS * NR_STEP_WINDOW * NR_SECOND,
	.start = start,
	.observe = nr_telescope_observe,
	.flush = nr_telescope_flush,
	.resume = nr_telescope_resume,
	.pulse = nr_telescope_pulse,
	.stop = stop,
};
