/* SPDX-License-Identifier: Apache-2.0 */
/* exchange offer, join: findings of a day become an offer; offers become replies. */
#include "base/language.h"
#include "base/sandbox.h"
#include "sense/flow/exchange/steps.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* ---- offer ---- */

struct offering {
	const struct nr_exchange_conf *conf;
	struct nr_exchange_group group;
	struct nr_exchange_secret secret;
	struct nr_person person;
	struct nr_keys *keys;
	struct nr_exchange_candidates candidates;
	unsigned party;
	int32_t day;
};

static void offering_fini(struct offering *o)
{
	nr_exchange_candidates_fini(&o->candidates);
	nr_keys_close(o->keys);
	nr_person_fini(&o->person);
	nr_exchange_secret_wipe(&o->secret);
	nr_exchange_group_fini(&o->group);
}

static int offering_init(struct offering *o, struct nr_error *error)
{
	const struct nr_exchange_conf *conf = o->conf;
	char day[NR_EXCHANGE_DAY_TEXT];
	int e = nr_exchange_group_read(conf->group, &o->group, error);
	e = e ? e : nr_exchange_day_check(&o->group, conf->day, nr_time_now(), &o->day, error);
	e = e ? e : nr_exchange_secret_read(conf->secret, &o->group, &o->secret, error);
	e = e ? e : nr_exchange_person(conf, &o->person, error);
	if (e)
		return e;
	o->party = nr_exchange_group_party(&o->group, &o->person.public_key);
	if (!o->party)
		return nr_fail(error, -EACCES, "%.100s: not a party of %s", conf->sign, o->group.name);
	if (!conf->out)
		return nr_fail(error, -EINVAL, "say where to: --out FILE");
	if (o->secret.offered != NR_EXCHANGE_NO_DAY && o->day <= o->secret.offered)
		return nr_fail(error, -EEXIST,
			"an offer of %s was made already: a second one of the same or an earlier day would "
			"show which of its places are filled",
			nr_exchange_day_write(o->secret.offered, day));
	return nr_exchange_ledger_open(conf, &o->keys, error);
}

static int candidates_read(struct offering *o, const char *const *paths, size_t count, struct nr_crew *crew,
	struct nr_error *error)
{
	struct nr_c2_list *list = NULL;
	int e = nr_exchange_shared_list(o->conf, &list, error);
	for (size_t i = 0; !e && i < count; i++)
		e = nr_exchange_candidates_read(&o->candidates, paths[i], list, o->day, crew, error);
	nr_c2_list_free(list);
	if (!e)
		nr_exchange_candidates_settle(&o->candidates, (size_t)o->group.candidates);
	return e;
}

/* The day is marked before the offer can be seen: a death in between costs the day, never a second offer. */
static int mark_day(void *context, struct nr_error *error)
{
	struct offering *o = context;
	o->secret.offered = o->day;
	return nr_exchange_secret_keep(o->conf->secret, &o->secret, error);
}

static void print_offer(const struct offering *o, const uint8_t *digest)
{
	char hex[2 * NR_EXCHANGE_DIGEST_BYTES + 1], day[NR_EXCHANGE_DAY_TEXT];
	struct nr_json json;
	nr_exchange_hex(digest, NR_EXCHANGE_DIGEST_BYTES, hex);
	nr_exchange_day_write(o->day, day);
	if (!o->conf->json) {
		printf(nr_says("%s: %zu candidates of %s offered as party %u\n",
			       "%s：候補%zu件（%s）を参加者%uとしてオファー\n"),
			o->conf->out, o->candidates.count, day, o->party);
		return;
	}
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "offer", o->conf->out);
	nr_json_text(&json, "day", day);
	nr_json_uint(&json, "party", o->party);
	nr_json_uint(&json, "candidates", o->candidates.count);
	nr_json_uint(&json, "unreadable", o->candidates.unreadable);
	nr_json_uint(&json, "refused", o->candidates.refused);
	nr_json_uint(&json, "other_kinds", o->candidates.other_kinds);
	nr_json_uint(&json, "other_days", o->candidates.other_days);
	nr_json_uint(&json, "twice", o->candidates.twice);
	nr_json_uint(&json, "beyond", o->candidates.beyond);
	nr_json_uint(&json, "bytes", nr_exchange_offer_bytes(&o->group));
	nr_json_text(&json, "sha256", hex);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

static int offer(struct offering *o, const char *const *paths, size_t count, struct nr_error *error)
{
	NR_AUTO(nr_exchange_secret_wipe) struct nr_exchange_secret of_day = {.day = 0};
	NR_AUTO(nr_crew_freep) struct nr_crew *crew = NULL;
	uint8_t digest[NR_EXCHANGE_DIGEST_BYTES];
	struct nr_exchange_act act = {
		.name = "exchange-offer", .group = &o->group, .day = o->day, .party = o->party};
	int e = nr_exchange_crew(o->conf, &crew, error);
	e = e ? e : candidates_read(o, paths, count, crew, error);
	of_day = o->secret;
	e = e ? e : nr_exchange_secret_forward(&of_day, o->day, error);
	e = e ? e
	      : nr_exchange_record_act(
			o->conf, NULL, &act, error); /* the archive's, before anything leaves */
	const struct nr_exchange_offer_conf made = {.group = &o->group,
		.secret = &of_day,
		.party = o->party,
		.key = o->person.key,
		.crew = crew,
		.before = mark_day,
		.context = o};
	e = e ? e : nr_exchange_offer_make(&made, &o->candidates, o->conf->out, digest, error);
	if (e)
		return e;
	act.digest = digest;
	const struct nr_exchange_conf ledger_alone = {.archive = NULL};
	e = nr_exchange_record_act(&ledger_alone, o->keys, &act, error);
	if (!e)
		print_offer(o, digest);
	return e;
}

int nr_exchange_step_offer(const struct nr_exchange_conf *conf, const char *const *operands, size_t count,
	struct nr_error *error)
{
	NR_AUTO(offering_fini) struct offering o = {.conf = conf};
	static const char *const standard_input = "-";
	int e = offering_init(&o, error);
	e = e ? e : offer(&o, count ? operands : &standard_input, NR_MAX(count, (size_t)1), error);
	nr_exchange_tell_left(&o.candidates);
	if (e)
		return nr_exchange_exit(e);
	return o.candidates.unreadable ? NR_EXIT_INPUT : NR_EXIT_OK;
}

/* ---- join ---- */

static void print_joined(const struct nr_exchange_conf *conf, const struct nr_exchange_group *group,
	const struct nr_exchange_joined *joined)
{
	char day[NR_EXCHANGE_DAY_TEXT], hex[2 * NR_EXCHANGE_DIGEST_BYTES + 1];
	struct nr_json json;
	nr_exchange_day_write(joined->day, day);
	if (!conf->json)
		printf(nr_says("%s: %u offers joined, %llu places met\n",
			       "%s：オファー%u件を結合、一致%llu箇所\n"),
			day, (unsigned)__builtin_popcount(joined->present),
			(unsigned long long)joined->places);
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "day", day);
	nr_json_uint(&json, "offers", (uint64_t)__builtin_popcount(joined->present));
	nr_json_uint(&json, "places", joined->places);
	nr_json_array(&json, "replies");
	for (unsigned i = 0; i < group->party_count; i++) {
		if (!(joined->present >> i & 1))
			continue;
		if (!conf->json)
			printf("  %s/%u.reply  %llu\n", conf->out, i + 1,
				(unsigned long long)joined->records[i]);
		nr_json_object(&json, NULL);
		nr_json_uint(&json, "party", i + 1);
		nr_json_uint(&json, "places", joined->records[i]);
		nr_exchange_hex(joined->digests[i], NR_EXCHANGE_DIGEST_BYTES, hex);
		nr_json_text(&json, "offer_sha256", hex);
		nr_exchange_hex(joined->replies[i], NR_EXCHANGE_DIGEST_BYTES, hex);
		nr_json_text(&json, "reply_sha256", hex);
		nr_json_object_end(&json);
	}
	nr_json_array_end(&json);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0 && conf->json)
		puts(json.bytes);
	nr_json_fini(&json);
}

int nr_exchange_step_join(const struct nr_exchange_conf *conf, const char *const *operands, size_t count,
	struct nr_error *error)
{
	NR_AUTO(nr_exchange_group_fini) struct nr_exchange_group group = {.party_count = 0};
	NR_AUTO(nr_person_fini) struct nr_person person = {.key = NULL};
	NR_AUTO(nr_keys_closep) struct nr_keys *keys = NULL;
	NR_AUTO(nr_crew_freep) struct nr_crew *crew = NULL;
	struct nr_exchange_joined joined;
	int e = nr_exchange_group_read(conf->group, &group, error);
	e = e ? e : nr_exchange_person(conf, &person, error);
	if (!e && memcmp(&person.public_key.hash, &group.collector.hash, sizeof group.collector.hash) != 0)
		e = nr_fail(error, -EACCES, "%.100s: not the collector of %s", conf->sign, group.name);
	if (!e && !conf->out)
		e = nr_fail(error, -EINVAL, "say where the replies go: --out DIR");
	if (!e && mkdir(conf->out, 0777) < 0 && errno != EEXIST)
		e = nr_fail(error, -errno, "%.150s: %s", conf->out, strerror(errno));
	e = e ? e : nr_exchange_ledger_open(conf, &keys, error);
	if (!e && !keys) /* offers are strangers' */
		e = nr_sandbox_enter(NR_SANDBOX_READ_FILES | NR_SANDBOX_WRITE_FILES, NULL, error);
	e = e ? e : nr_exchange_crew(conf, &crew, error);
	const int32_t today = (int32_t)(nr_time_now() / NR_DAY);
	const struct nr_exchange_join_conf what = {.group = &group,
		.oldest = today - group.retention,
		.newest = today,
		.key = person.key,
		.crew = crew,
		.paths = operands,
		.count = count,
		.folder = conf->out};
	e = e ? e : nr_exchange_join(&what, &joined, error);
	e = e ? e : nr_exchange_record_joined(conf, keys, &group, &joined, error);
	if (!e)
		print_joined(conf, &group, &joined);
	return e ? nr_exchange_exit(e) : NR_EXIT_OK;
}
