/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/ledger/source.h"

#include "base/file.h"
#include "trust/ledger/folder.h"
#include "wire/base64.h"

#include <errno.h>
#include <string.h>

#define VKEY_BYTES 8192

static int policy_of_vkey(
	const char *vkey, const char *name, struct nr_tlog_policy **ret, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *line = strdup(vkey);
	if (!line)
		return nr_fail(error, -ENOMEM, "out of memory");
	line[strcspn(line, "\r\n")] = '\0';
	int e = nr_tlog_policy_of_log(line, ret, error);
	return e ? nr_error_prefix(error, "%.100s", name) : 0;
}

static int policy_of_vkey_file(const char *path, struct nr_tlog_policy **ret, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *text = NULL;
	size_t length;
	int e = nr_file_read(path, VKEY_BYTES, &text, &length, error);
	return e ? e : policy_of_vkey((const char *)text, path, ret, error);
}

static int load_policy(const char *path, struct nr_tlog_policy **ret, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *text = NULL;
	size_t length;
	int e = nr_file_read(path, NR_TLOG_POLICY_BYTES, &text, &length, error);
	return e ? e : nr_tlog_policy_parse(path, text, length, true, ret, error);
}

int nr_ledger_source_load(
	const struct nr_ledger_source_conf *conf, struct nr_ledger_source *ret_source, struct nr_error *error)
{
	NR_AUTO(nr_ledger_source_fini) struct nr_ledger_source source = {0};
	NR_AUTO(nr_freep) char *vkey = NULL;
	int e = 0;
	if (conf->ledger)
		source.folder = strdup(conf->ledger);
	else if (conf->keys && asprintf(&source.folder, "%s/ledger", conf->keys) < 0)
		source.folder = NULL;
	if ((conf->ledger || conf->keys) && !source.folder)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (conf->policy && conf->vkey)
		return nr_fail(error, -EINVAL, "--policy and --vkey: one of them");
	if (conf->policy)
		e = load_policy(conf->policy, &source.policy, error);
	else if (conf->vkey && access(conf->vkey, R_OK) == 0)
		e = policy_of_vkey_file(conf->vkey, &source.policy, error);
	else if (conf->vkey)
		e = policy_of_vkey(conf->vkey, "--vkey", &source.policy, error);
	else if (conf->keys && asprintf(&vkey, "%s/ledger.vkey", conf->keys) > 0)
		e = policy_of_vkey_file(vkey, &source.policy, error);
	if (e)
		return e;
	*ret_source = source;
	source = (struct nr_ledger_source){0};
	return 0;
}

void nr_ledger_source_fini(struct nr_ledger_source *source)
{
	free(source->folder);
	nr_tlog_policy_free(source->policy);
	*source = (struct nr_ledger_source){0};
}

int nr_ledger_source_checkpoint(const struct nr_ledger_source *source, uint8_t **ret_bytes,
	size_t *ret_length, struct nr_note *ret_note, struct nr_tlog_policy_verdict *ret_verdict,
	struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	NR_AUTO(nr_freep) char *path = NULL;
	size_t length;
	if (!source->folder)
		return nr_fail(error, -EINVAL, "name the ledger: --ledger DIR, or --keys DIR");
	if (asprintf(&path, "%s/checkpoint", source->folder) < 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_folder_read_file(path, NR_NOTE_MAX, &bytes, &length, error);
	if (e)
		return e;
	e = nr_note_parse(bytes, length, ret_note, error);
	*ret_verdict = (struct nr_tlog_policy_verdict){.log = NR_TLOG_POLICY_MAX};
	if (!e && source->policy)
		e = nr_tlog_policy_check(source->policy, ret_note, ret_verdict, error);
	else if (!e)
		e = nr_checkpoint_parse(
			ret_note->text, ret_note->text_length, &ret_verdict->checkpoint, error);
	if (e) {
		nr_error_prefix(error, "%.120s", path);
		return e;
	}
	*ret_bytes = nr_steal(&bytes);
	*ret_length = length;
	return 0;
}

int nr_ledger_exit_of(int code)
{
	switch (code) {
	case -EINVAL:
		return NR_EXIT_USAGE;
	case -EUCLEAN:
	case -EKEYREJECTED:
	case -ENOKEY:
		return NR_EXIT_NO;
	case -ENOENT:
	case -EBADMSG:
	case -E2BIG:
	case -EFBIG:
	case -EISDIR:
		return NR_EXIT_INPUT;
	default:
		return NR_EXIT_ENVIRONMENT;
	}
}

const char *nr_root_write(const struct nr_hash *root, char text[static NR_ROOT_TEXT])
{
	nr_base64_write(root->bytes, NR_HASH_BYTES, text);
	return text;
}

void nr_ledger_write_checkpoint_json(const struct nr_ledger_source *source,
	const struct nr_tlog_policy_verdict *verdict, struct nr_json *json)
{
	const struct nr_checkpoint *c = &verdict->checkpoint;
	char root[NR_ROOT_TEXT];
	nr_json_text_n(json, "origin", c->origin, c->origin_length);
	nr_json_uint(json, "size", c->size);
	nr_json_text(json, "root", nr_root_write(&c->root, root));
	nr_json_bool(json, "signature_checked", source->policy != NULL);
	nr_json_array(json, "witnesses");
	for (size_t i = 0; source->policy && i < source->policy->witness_count; i++) {
		if (!(verdict->witnesses >> i & 1))
			continue;
		nr_json_object(json, NULL);
		nr_json_text(json, "name", source->policy->witnesses[i].name);
		nr_json_time(json, "time",
			(nr_time)NR_MIN(verdict->times[i], (uint64_t)(NR_TIME_MAX / NR_SECOND)) * NR_SECOND);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}
