/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps share; what is recorded of them. */
#include "sense/flow/exchange/steps.h"
#include "base/language.h"
#include "sense/flow/law/law.h"

#include <errno.h>
#include <string.h>

int nr_exchange_exit(int code)
{
	switch (code) {
	case -EKEYREJECTED:
	case -ENOKEY:
	case -EEXIST:
	case -ESTALE:
	case -EACCES:
	case -ETIME:
		return NR_EXIT_NO;
	case -EBADMSG:
	case -E2BIG:
		return NR_EXIT_INPUT;
	default:
		return nr_exit_of_input(code);
	}
}

int nr_exchange_day_check(const struct nr_exchange_group *group, nr_time day, nr_time now, int32_t *ret_day,
	struct nr_error *error)
{
	char text[NR_EXCHANGE_DAY_TEXT];
	int64_t today = nr_time_floor(now, NR_DAY) / NR_DAY, number = nr_time_floor(day, NR_DAY) / NR_DAY;
	if (!day)
		return nr_fail(error, -EINVAL, "say of which day: --day 2026-11-24 (UTC)");
	if (number > today)
		return nr_fail(error, -ESTALE, "that day has not come yet");
	if (number + group->retention < today)
		return nr_fail(error, -ESTALE, "%s: %s keeps what is exchanged for %d days",
			nr_exchange_day_write((int32_t)NR_MAX(number, (int64_t)0), text), group->name,
			group->retention);
	*ret_day = (int32_t)number;
	return 0;
}

int nr_exchange_shared_list(
	const struct nr_exchange_conf *conf, struct nr_c2_list **ret_list, struct nr_error *error)
{
	NR_AUTO(nr_flow_policy_fini) struct nr_flow_policy policy = {.own = {NULL, 0}};
	NR_AUTO(nr_freep) struct nr_prefix *own = NULL;
	int e = conf->archive ? nr_flow_policy_read(conf->archive, &policy, error) : 0;
	if (e)
		return e;
	size_t count = conf->own.count + policy.own.count;
	if (!count)
		return nr_fail(error, -EINVAL,
			"say which networks are your own, whose addresses are never shared: --own CIDR, or "
			"--archive DIR");
	own = malloc(count * sizeof *own);
	if (!own)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (conf->own.count)
		memcpy(own, conf->own.items, conf->own.count * sizeof *own);
	if (policy.own.count)
		memcpy(own + conf->own.count, policy.own.items, policy.own.count * sizeof *own);
	return nr_c2_list_new(own, count, ret_list, error);
}

int nr_exchange_person(
	const struct nr_exchange_conf *conf, struct nr_person *ret_person, struct nr_error *error)
{
	if (!conf->sign)
		return nr_fail(error, -EINVAL, "name the key that signs: --sign FILE (noroshi key note)");
	return nr_person_read(conf->sign, conf->passphrase_file, ret_person, error);
}

int nr_exchange_crew(const struct nr_exchange_conf *conf, struct nr_crew **ret_crew, struct nr_error *error)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t members = conf->workers ? conf->workers : (uint64_t)NR_MAX(processors, 1L);
	return nr_crew_new((unsigned)NR_MIN(members, (uint64_t)NR_CREW_MAX), ret_crew, error);
}

void nr_exchange_tell_left(const struct nr_exchange_candidates *c)
{
	const struct {
		uint64_t count;
		const char *en, *ja;
	} left[] = {
		{c->unreadable, "lines are no findings", "行は検知結果でない"},
		{c->refused, "findings are not shared: clients, or no servers",
			"件は共有しない（契約者側、またはサーバーでないアドレス）"},
		{c->other_days, "findings are of other days", "件は別の日の検知結果"},
		{c->twice, "servers are there more than once", "件は重複"},
		{c->beyond, "candidates, the weakest, are more than a set holds",
			"件は集合の大きさを超えたため除外（証拠の弱い順）"},
	};
	for (size_t i = 0; i < NR_COUNT(left); i++)
		if (left[i].count)
			fprintf(stderr, "noroshi: %llu %s\n", (unsigned long long)left[i].count,
				nr_says(left[i].en, left[i].ja));
	if (c->trouble[0])
		fprintf(stderr, "noroshi: %s: line %llu: %s\n", c->trouble_path,
			(unsigned long long)c->trouble_line, c->trouble);
}

void nr_exchange_hex(const uint8_t *bytes, size_t length, char *ret_text)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < length; i++) {
		ret_text[2 * i] = digits[bytes[i] >> 4];
		ret_text[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_text[2 * length] = 0;
}

/* ---- what is recorded ---- */

int nr_exchange_ledger_open(
	const struct nr_exchange_conf *conf, struct nr_keys **ret_keys, struct nr_error *error)
{
	return conf->keys.folder ? nr_keys_open(&conf->keys, 0, ret_keys, error) : 0;
}

static int append_entry(struct nr_keys *keys, const struct nr_exchange_act *act, struct nr_error *error)
{
	struct nr_json json;
	char hex[2 * NR_EXCHANGE_DIGEST_BYTES + 1], day[NR_EXCHANGE_DAY_TEXT];
	uint64_t index;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "kind", "flow-exchange");
	nr_json_time(&json, "time", nr_time_now());
	nr_json_text(&json, "act", act->name);
	nr_json_text(&json, "purpose", nr_flow_purposes[0]);
	nr_json_text(&json, "group", act->group->name);
	nr_exchange_hex(act->group->id, sizeof act->group->id, hex);
	nr_json_text(&json, "group_id", hex);
	nr_json_text(&json, "day", nr_exchange_day_write(act->day, day));
	if (act->party)
		nr_json_uint(&json, "party", act->party);
	if (act->digest) {
		nr_exchange_hex(act->digest, NR_EXCHANGE_DIGEST_BYTES, hex);
		nr_json_text(&json, "sha256", hex);
	}
	nr_json_object_end(&json);
	int e = nr_json_finish(&json, error);
	size_t length = e ? 0 : json.length;
	while (length && json.bytes[length - 1] == '\n')
		length--;
	const struct nr_ledger_entry entry = {json.bytes, length};
	e = e ? e : nr_keys_append(keys, &entry, 1, &index, error);
	nr_json_fini(&json);
	return e;
}

int nr_exchange_record_act(const struct nr_exchange_conf *conf, struct nr_keys *keys,
	const struct nr_exchange_act *act, struct nr_error *error)
{
	char question[256], day[NR_EXCHANGE_DAY_TEXT];
	int e = 0;
	if (conf->archive) {
		snprintf(question, sizeof question, "group %s, day %s", act->group->name,
			nr_exchange_day_write(act->day, day));
		e = nr_flow_use_record(
			conf->archive, act->name, nr_flow_purposes[0], question, NR_FLOW_USE_ASKED, error);
	}
	if (!e && keys)
		e = append_entry(keys, act, error);
	return e;
}

int nr_exchange_record_joined(const struct nr_exchange_conf *conf, struct nr_keys *keys,
	const struct nr_exchange_group *group, const struct nr_exchange_joined *joined,
	struct nr_error *error)
{
	int e = 0;
	for (unsigned i = 0; !e && i < group->party_count; i++) {
		const struct nr_exchange_act act = {.name = "exchange-join",
			.group = group,
			.day = joined->day,
			.party = i + 1,
			.digest = joined->replies[i]};
		if (joined->present >> i & 1)
			e = nr_exchange_record_act(conf, keys, &act, error);
	}
	return e;
}
