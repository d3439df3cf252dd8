/* SPDX-License-Identifier: Apache-2.0 */
/* exchange open: a reply becomes joint evidence on the carrier's own candidates. */
#include "base/language.h"
#include "base/sandbox.h"
#include "sense/flow/exchange/steps.h"

#include <errno.h>
#include <string.h>

struct opening {
	const struct nr_exchange_conf *conf;
	struct nr_exchange_group group;
	struct nr_exchange_secret secret;
	struct nr_keys *keys;
	struct nr_exchange_candidates candidates;
	struct nr_exchange_opened opened;
	uint8_t *bytes;
	size_t length;
};

static void opening_fini(struct opening *o)
{
	free(o->bytes);
	nr_exchange_opened_fini(&o->opened);
	nr_exchange_candidates_fini(&o->candidates);
	nr_keys_close(o->keys);
	nr_exchange_secret_wipe(&o->secret);
	nr_exchange_group_fini(&o->group);
}

static int open_reply(
	struct opening *o, const char *reply, const char *const *paths, size_t count, struct nr_error *error)
{
	const struct nr_exchange_conf *conf = o->conf;
	const struct nr_exchange_trust trust = {conf->say, conf->independent};
	struct nr_exchange_head head;
	NR_AUTO(nr_crew_freep) struct nr_crew *crew = NULL;
	struct nr_c2_list *list = NULL;
	int32_t day;
	int e = nr_exchange_group_read(conf->group, &o->group, error);
	e = e ? e : nr_exchange_secret_read(conf->secret, &o->group, &o->secret, error);
	e = e ? e : nr_exchange_shared_list(conf, &list, error);
	e = e ? e : nr_exchange_ledger_open(conf, &o->keys, error);
	if (!e && !o->keys && !conf->archive) /* the reply is a stranger's */
		e = nr_sandbox_enter(NR_SANDBOX_READ_FILES, NULL, error);
	e = e ? e : nr_exchange_reply_read(reply, &o->group, &o->bytes, &o->length, &head, error);
	e = e ? e : nr_exchange_day_check(&o->group, head.day * NR_DAY, nr_time_now(), &day, error);
	const struct nr_exchange_act act = {
		.name = "exchange-open", .group = &o->group, .day = head.day, .party = head.party};
	e = e ? e : nr_exchange_record_act(conf, o->keys, &act, error);
	e = e ? e : nr_exchange_crew(conf, &crew, error);
	for (size_t i = 0; !e && i < count; i++)
		e = nr_exchange_candidates_read(&o->candidates, paths[i], list, day, crew, error);
	nr_c2_list_free(list);
	if (e)
		return e;
	nr_exchange_candidates_settle(&o->candidates, (size_t)o->group.candidates);
	e = nr_exchange_secret_forward(&o->secret, day, error);
	return e ? e
		 : nr_exchange_reply_open(&o->group, &o->secret, &o->candidates, &trust, o->bytes, o->length,
			   &o->opened, error);
}

/* One reason; its weight is what the other carriers add. */
static void write_reason(struct nr_json *json, unsigned carriers, double others)
{
	char text_en[160], text_ja[200];
	snprintf(text_en, sizeof text_en,
		"%u carriers have it as a candidate; the evidence of the others adds %.1f nats", carriers,
		others);
	snprintf(text_ja, sizeof text_ja,
		"%u事業者が候補として検知しており、他の事業者の証拠が%.1fナット加わる", carriers, others);
	nr_json_array(json, "reasons");
	nr_json_object(json, NULL);
	nr_json_text(json, "code", "joint");
	nr_json_text(json, "text_en", text_en);
	nr_json_text(json, "text_ja", text_ja);
	nr_json_real(json, "value", carriers);
	nr_json_real(json, "weight", others);
	nr_json_object_end(json);
	nr_json_array_end(json);
}

static void write_joint(struct nr_json *json, const struct opening *o, const struct nr_exchange_joint *joint)
{
	const struct nr_exchange_candidate *c = &o->candidates.items[joint->candidate];
	unsigned carriers = (unsigned)__builtin_popcount(joint->holders);
	nr_json_object(json, NULL);
	nr_json_text(json, "kind", "c2-server");
	nr_json_address(json, "subject", &c->address);
	nr_json_uint(json, "port", c->port);
	nr_json_text(json, "protocol", c->protocol == 6 ? "tcp" : "udp");
	nr_json_real(json, "confidence", joint->confidence);
	nr_json_uint(json, "clients", c->own_clients);
	if (c->first != NR_TIME_MIN)
		nr_json_time(json, "first_seen", c->first);
	if (c->last != NR_TIME_MIN)
		nr_json_time(json, "last_seen", c->last);
	write_reason(json, carriers, joint->others);
	nr_json_uint(json, "carriers", carriers);
	nr_json_uint(json, "joint_clients_at_least", joint->clients);
	nr_json_bool(json, "alarm", joint->confidence >= o->conf->confidence);
	nr_json_object_end(json);
}

static void print_json(const struct opening *o)
{
	struct nr_json json;
	char day[NR_EXCHANGE_DAY_TEXT];
	nr_json_init_stream(&json, stdout);
	for (size_t i = 0; i < o->opened.count; i++)
		write_joint(&json, o, &o->opened.joints[i]);
	nr_json_object(&json, NULL);
	nr_json_object(&json, "summary");
	nr_json_text(&json, "group", o->group.name);
	nr_json_text(&json, "day", nr_exchange_day_write(o->opened.head.day, day));
	nr_json_uint(&json, "offers", (uint64_t)__builtin_popcount(o->opened.head.present));
	nr_json_uint(&json, "joint", o->opened.count);
	nr_json_uint(&json, "places", o->opened.records);
	nr_json_uint(&json, "explained", o->opened.explained);
	nr_json_uint(&json, "words_refused", o->opened.words_refused);
	nr_json_object_end(&json);
	nr_json_object_end(&json);
	nr_json_finish(&json, NULL);
	putchar('\n');
	nr_json_fini(&json);
}

static void print(const struct opening *o)
{
	char address[NR_ADDRESS_TEXT], server[NR_ADDRESS_TEXT + 16];
	if (o->conf->json) {
		print_json(o);
		return;
	}
	for (size_t i = 0; i < o->opened.count; i++) {
		const struct nr_exchange_joint *joint = &o->opened.joints[i];
		const struct nr_exchange_candidate *c = &o->candidates.items[joint->candidate];
		nr_address_write(&c->address, address);
		snprintf(server, sizeof server, nr_address_is_ipv4(&c->address) ? "%s:%u/%s" : "[%s]:%u/%s",
			address, c->port, c->protocol == 6 ? "tcp" : "udp");
		printf(nr_says("%-48s %.3f -> %.3f  %u carriers, %+.1f nats of the others%s\n",
			       "%-48s %.3f → %.3f  %u事業者、他の事業者の証拠%+.1fナット%s\n"),
			server, c->confidence, joint->confidence,
			(unsigned)__builtin_popcount(joint->holders), joint->others,
			joint->confidence >= o->conf->confidence ? "  *" : "");
	}
	if (o->opened.explained < o->opened.records)
		fprintf(stderr,
			nr_says("noroshi: %llu places are of no candidate in these findings: not what was "
				"offered?\n",
				"noroshi: "
				"%llu箇所はこの検知結果の候補と一致しない（オファー時と異なる入力の可能性）"
				"\n"),
			(unsigned long long)(o->opened.records - o->opened.explained));
}

int nr_exchange_step_open(const struct nr_exchange_conf *conf, const char *const *operands, size_t count,
	struct nr_error *error)
{
	NR_AUTO(opening_fini) struct opening o = {.conf = conf};
	if (count < 2) {
		nr_fail(error, -EINVAL,
			"name the reply, and the findings that were offered: open REPLY FINDINGS...");
		return NR_EXIT_USAGE;
	}
	int e = open_reply(&o, operands[0], operands + 1, count - 1, error);
	if (e)
		return nr_exchange_exit(e);
	print(&o);
	return o.opened.count ? NR_EXIT_OK : NR_EXIT_NO;
}
