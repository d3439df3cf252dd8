/* SPDX-License-Identifier: Apache-2.0 */
/* exchange group, secret, erase: how a group begins, and how its days end. */
#include "base/file.h"
#include "base/language.h"
#include "sense/flow/exchange/steps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* ---- group ---- */

/* A verifier key: a file that holds it, or its text. */
static int vkey_read(const char *given, char text[static NR_NOTE_VKEY_TEXT], struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length = strlen(given);
	const char *from = given;
	if (access(given, F_OK) == 0) {
		int e = nr_file_read(given, NR_NOTE_VKEY_TEXT - 1, &bytes, &length, error);
		if (e)
			return e;
		from = (const char *)bytes;
	}
	while (length && (from[length - 1] == '\n' || from[length - 1] == '\r'))
		length--;
	if (length >= NR_NOTE_VKEY_TEXT)
		return nr_fail(error, -EINVAL, "%.100s: neither a file nor a verifier key", given);
	memcpy(text, from, length);
	text[length] = 0;
	return 0;
}

static void print_group(const struct nr_exchange_conf *conf, const struct nr_exchange_group *group)
{
	char id[2 * NR_EXCHANGE_ID_BYTES + 1];
	struct nr_json json;
	nr_exchange_hex(group->id, sizeof group->id, id);
	if (!conf->json) {
		printf(nr_says("%s: %u parties, threshold %u, id %s\n", "%s：%u者、しきい値%u、識別子 %s\n"),
			group->name, group->party_count, group->threshold, id);
		printf(nr_says("an offer has %.1f MB; %llu choices of parties; an element that just %u hold "
			       "is missed with %.1g; a day has %.1g false meetings\n",
			       "オファー1件は%.1f "
			       "MB、組み合わせ%llu通り。ちょうど%"
			       "u者が持つ要素を見逃す確率%.1g、1日の偽の一致%.1g件\n"),
			(double)nr_exchange_offer_bytes(group) / 1e6,
			(unsigned long long)nr_exchange_choices(group->party_count, group->threshold),
			group->threshold, NR_EXCHANGE_MISSED, nr_exchange_false_meetings(group));
		return;
	}
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "name", group->name);
	nr_json_text(&json, "id", id);
	nr_json_uint(&json, "parties", group->party_count);
	nr_json_uint(&json, "threshold", group->threshold);
	nr_json_uint(&json, "candidates", group->candidates);
	nr_json_uint(&json, "retention_days", (uint64_t)group->retention);
	nr_json_uint(&json, "offer_bytes", nr_exchange_offer_bytes(group));
	nr_json_uint(&json, "choices", nr_exchange_choices(group->party_count, group->threshold));
	nr_json_real(&json, "missed", NR_EXCHANGE_MISSED);
	nr_json_real(&json, "false_meetings", nr_exchange_false_meetings(group));
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

int nr_exchange_step_group(const struct nr_exchange_conf *conf, const char *const *operands, size_t count,
	struct nr_error *error)
{
	(void)operands, (void)count;
	NR_AUTO(nr_exchange_group_fini) struct nr_exchange_group group = {.party_count = 0};
	char text[NR_EXCHANGE_GROUP_MAX], collector[NR_NOTE_VKEY_TEXT],
		vkeys[NR_EXCHANGE_PARTIES_MAX][NR_NOTE_VKEY_TEXT];
	const char *parties[NR_EXCHANGE_PARTIES_MAX];
	int e = 0;
	if (!conf->out && conf->group) { /* show one that is there */
		e = nr_exchange_group_read(conf->group, &group, error);
		if (!e)
			print_group(conf, &group);
		return e ? nr_exchange_exit(e) : NR_EXIT_OK;
	}
	if (!conf->out || !conf->collector || conf->parties.count > NR_EXCHANGE_PARTIES_MAX) {
		nr_fail(error, -EINVAL,
			"say --name, --collector KEY, --party KEY for each of 2 to %d, and --out FILE; or "
			"--group FILE to show one",
			NR_EXCHANGE_PARTIES_MAX);
		return NR_EXIT_USAGE;
	}
	e = vkey_read(conf->collector, collector, error);
	for (size_t i = 0; !e && i < conf->parties.count; i++) {
		e = vkey_read(conf->parties.items[i], vkeys[i], error);
		parties[i] = vkeys[i];
	}
	const struct nr_exchange_group_conf made = {.name = conf->name,
		.threshold = conf->threshold,
		.candidates = conf->candidates,
		.retention = conf->retention,
		.collector = collector,
		.parties = parties,
		.party_count = conf->parties.count};
	e = e ? e : nr_exchange_group_write(&made, text, error);
	e = e ? e : nr_exchange_group_parse(text, strlen(text), &group, error);
	e = e ? e : nr_file_write(conf->out, text, strlen(text), error);
	if (!e)
		print_group(conf, &group);
	return e ? nr_exchange_exit(e) : NR_EXIT_OK;
}

/* ---- secret ---- */

int nr_exchange_step_secret(const struct nr_exchange_conf *conf, const char *const *operands, size_t count,
	struct nr_error *error)
{
	(void)operands, (void)count;
	NR_AUTO(nr_exchange_group_fini) struct nr_exchange_group group = {.party_count = 0};
	int32_t day;
	int e = nr_exchange_group_read(conf->group, &group, error);
	if (!e && !conf->out)
		e = nr_fail(error, -EINVAL, "say where to: --out FILE");
	nr_time now = nr_time_now();
	e = e ? e : nr_exchange_day_check(&group, conf->day ? conf->day : now, now, &day, error);
	e = e ? e : nr_exchange_secret_make(conf->out, &group, day, error);
	if (!e && !conf->json)
		puts(nr_says("carry it to the other parties by a way of your own; the collector must never "
			     "have it",
			"独自の安全な経路でほかの参加者に渡すこと。集約者には決して渡さないこと"));
	return e ? nr_exchange_exit(e) : NR_EXIT_OK;
}

/* ---- erase ---- */

struct erasing {
	const struct nr_exchange_group *group;
	int32_t before;
	uint64_t files;
};

/* Offers and replies of this group that are older; what is neither is left and named. */
static int erase_file(struct erasing *erasing, const char *path, bool must, struct nr_error *error)
{
	NR_AUTO(nr_close_fd) int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t bytes[NR_EXCHANGE_HEAD_BYTES];
	struct nr_exchange_head head;
	struct nr_error why = {0};
	if (file < 0)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	ssize_t got = pread(file, bytes, sizeof bytes, 0);
	size_t length = got > 0 ? (size_t)got : 0;
	if (nr_exchange_head_parse(erasing->group, NR_EXCHANGE_REPLY, bytes, length, &head, &why) &&
		nr_exchange_head_parse(erasing->group, NR_EXCHANGE_OFFER, bytes, length, &head, &why))
		return must ? nr_fail(error, -EBADMSG, "%.120s: neither an offer nor a reply of %s", path,
				      erasing->group->name)
			    : 0;
	if (head.day >= erasing->before)
		return 0;
	if (unlink(path) < 0)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	erasing->files++;
	return 0;
}

static int erase_folder(struct erasing *erasing, const char *path, struct nr_error *error)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	char name[PATH_MAX];
	int e = 0;
	if (!folder)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	while (!e && (entry = readdir(folder)) != NULL) {
		struct stat status;
		if (fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(status.st_mode))
			continue;
		snprintf(name, sizeof name, "%.3800s/%.255s", path, entry->d_name);
		e = erase_file(erasing, name, false, error);
	}
	if (fsync(dirfd(folder)) < 0 && !e)
		e = nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	closedir(folder);
	return e;
}

static int erase_paths(
	struct erasing *erasing, const char *const *paths, size_t count, struct nr_error *error)
{
	int first = 0;
	for (size_t i = 0; i < count; i++) { /* one that cannot be erased does not keep the others */
		struct stat status;
		struct nr_error why = {0};
		bool folder = stat(paths[i], &status) == 0 && S_ISDIR(status.st_mode);
		int e = folder ? erase_folder(erasing, paths[i], &why)
			       : erase_file(erasing, paths[i], true, &why);
		if (e && !first) {
			first = e;
			nr_fail(error, e, "%s", why.text);
		}
	}
	return first;
}

static int erase_secret(const struct nr_exchange_conf *conf, const struct nr_exchange_group *group,
	int32_t before, struct nr_error *error)
{
	NR_AUTO(nr_exchange_secret_wipe) struct nr_exchange_secret secret = {.day = 0};
	int e = nr_exchange_secret_read(conf->secret, group, &secret, error);
	if (e || secret.day >= before)
		return e;
	e = nr_exchange_secret_forward(&secret, before, error);
	return e ? e : nr_exchange_secret_keep(conf->secret, &secret, error);
}

int nr_exchange_step_erase(const struct nr_exchange_conf *conf, const char *const *operands, size_t count,
	struct nr_error *error)
{
	NR_AUTO(nr_exchange_group_fini) struct nr_exchange_group group = {.party_count = 0};
	NR_AUTO(nr_keys_closep) struct nr_keys *keys = NULL;
	char day[NR_EXCHANGE_DAY_TEXT];
	int e = nr_exchange_group_read(conf->group, &group, error);
	if (e)
		return nr_exchange_exit(e);
	if (!conf->secret && !count) {
		nr_fail(error, -EINVAL,
			"say what: --secret FILE, and files or folders of offers and replies");
		return NR_EXIT_USAGE;
	}
	nr_time before = conf->before ? conf->before : nr_time_now() - group.retention * NR_DAY;
	struct erasing erasing = {
		.group = &group, .before = (int32_t)(nr_time_floor(before, NR_DAY) / NR_DAY)};
	const struct nr_exchange_act act = {.name = "exchange-erase", .group = &group, .day = erasing.before};
	e = nr_exchange_ledger_open(conf, &keys, error);
	e = e ? e : nr_exchange_record_act(conf, keys, &act, error);
	if (e)
		return nr_exchange_exit(e);
	e = conf->secret ? erase_secret(conf, &group, erasing.before, error) : 0;
	struct nr_error of_files = {0};
	int f = erase_paths(&erasing, operands, count, e ? &of_files : error);
	printf(nr_says("before %s: %llu files erased\n", "%sより前：%llu件のファイルを消去\n"),
		nr_exchange_day_write(erasing.before, day), (unsigned long long)erasing.files);
	e = e ? e : f;
	return e ? nr_exchange_exit(e) : NR_EXIT_OK;
}
