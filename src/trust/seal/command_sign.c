/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi seal sign: the organisation's seal on files. */
#include "base/file.h"
#include "base/progress.h"
#include "trust/certificate/signature.h"
#include "trust/seal/command.h"
#include "trust/seal/command_options.h"
#include "trust/seal/file_data.h"

#include <errno.h>
#include <string.h>

#define BATCH 64

struct sign_conf {
	struct nr_keys_conf keys;
	struct nr_seal_maker_conf maker;
	const char *form;
	bool attached, json;
};

static const char *const forms[] = {"cades", "jades", "jades-json", "pades", NULL};
static const char *const endings[] = {".p7s", ".jws", ".jws.json", ".sealed.pdf"};

static const struct nr_option options[] = {
	NR_KEYS_OPTIONS(struct sign_conf, keys.),
	NR_SEAL_MAKER_OPTIONS(struct sign_conf, maker., "B-B"),
	{"form", NR_OPTION_CHOICE, offsetof(struct sign_conf, form), "FORM", "cades", 0, 0, forms,
		"CMS beside the file (FILE.p7s), JSON Web Signature (FILE.jws, FILE.jws.json), or inside a "
		"PDF "
		"(FILE.sealed.pdf)",
		"シールの形式。ファイルとは別のCMS（FILE.p7s）、JSON Web "
		"Signature（FILE.jws、FILE.jws.json）、PDFの中（FILE.sealed.pdf）"},
	{"attached", NR_OPTION_FLAG, offsetof(struct sign_conf, attached), NULL, NULL, 0, 0, NULL,
		"the seal holds the file's content, too", "シールにファイルの内容も含める"},
	{"json", NR_OPTION_FLAG, offsetof(struct sign_conf, json), NULL, NULL, 0, 0, NULL,
		"print one JSON object a file", "ファイルごとに1つのJSONオブジェクトを出力する"},
};

struct batch {
	const char *paths[BATCH];
	struct nr_file_data files[BATCH];
	struct nr_seal_work works[BATCH];
	size_t count;
};

static void say(const struct sign_conf *conf, const char *path, const char *seal, const char *why)
{
	if (!conf->json) {
		bool named = why && strncmp(why, path, strlen(path)) == 0;
		if (why)
			fprintf(stderr, "noroshi: %s%s%s\n", named ? "" : path, named ? "" : ": ", why);
		else
			printf("%s -> %s\n", path, seal);
		return;
	}
	struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "file", path);
	nr_json_text(&json, "seal", why ? NULL : seal);
	nr_json_text(&json, "level", why ? NULL : conf->maker.level);
	if (why)
		nr_json_text(&json, "error", why);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

static enum nr_seal_form form_of(const struct sign_conf *conf)
{
	int form = 0;
	while (strcmp(forms[form], conf->form) != 0) /* a choice: one of them */
		form++;
	return (enum nr_seal_form)form;
}

/* Writes what was made; answers how many could not be. */
static size_t put_out(const struct sign_conf *conf, struct batch *batch)
{
	char path[4096];
	size_t failed = 0;
	for (size_t i = 0; i < batch->count; i++) {
		struct nr_seal_work *work = &batch->works[i];
		struct nr_error error = {0};
		if (!work->code && (size_t)snprintf(path, sizeof path, "%s%s", batch->paths[i],
					   endings[form_of(conf)]) >= sizeof path)
			work->code = nr_fail(&error, -ENAMETOOLONG, "the name is too long");
		else if (!work->code)
			work->code = nr_file_write(path, work->seal, work->length, &error);
		if (*error.text)
			snprintf(work->why, sizeof work->why, "%.150s", error.text);
		say(conf, batch->paths[i], path, work->code ? work->why : NULL);
		failed += work->code != 0;
		free(work->seal);
		nr_file_data_fini(&batch->files[i]);
	}
	return failed;
}

/* Files that cannot be opened are told and left out. */
static size_t fill(const struct sign_conf *conf, struct batch *batch, const char *const *paths, size_t count)
{
	bool whole = conf->attached || form_of(conf) != NR_SEAL_CADES;
	size_t failed = 0;
	batch->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct nr_error error = {0};
		size_t at = batch->count;
		if (nr_file_data_open(&batch->files[at], paths[i], whole, &error) != 0) {
			say(conf, paths[i], NULL, error.text);
			failed++;
			continue;
		}
		batch->paths[at] = paths[i];
		batch->works[at] = (struct nr_seal_work){.data = &batch->files[at].data};
		batch->count++;
	}
	return failed;
}

static int seal_all(const struct sign_conf *conf, const struct nr_seal_maker *maker, const char *const *paths,
	size_t count, size_t *ret_failed, struct nr_error *error)
{
	struct batch *batch = calloc(1, sizeof *batch);
	if (!batch)
		return nr_fail(error, -ENOMEM, "out of memory");
	struct nr_progress progress;
	nr_progress_init(&progress, count, "");
	int e = 0;
	for (size_t done = 0; !e && done < count;) {
		size_t next = NR_MIN(count - done, BATCH);
		*ret_failed += fill(conf, batch, paths + done, next);
		e = batch->count ? nr_seal_make(maker, form_of(conf), batch->works, batch->count, error) : 0;
		for (size_t i = 0; e && i < batch->count; i++) {
			batch->works[i].code = e;
			snprintf(batch->works[i].why, sizeof batch->works[i].why, "%.150s", error->text);
		}
		*ret_failed += put_out(conf, batch);
		done += next;
		nr_progress_show(&progress, done);
	}
	nr_progress_fini(&progress);
	free(batch);
	return e;
}

static int run(const void *context, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	const struct sign_conf *conf = context;
	NR_AUTO(nr_keys_closep) struct nr_keys *keys = NULL;
	NR_AUTO(nr_material_fini) struct nr_material material = {.anchors = NULL};
	struct nr_seal_maker maker = {.attached = conf->attached};
	size_t failed = 0;
	nr_crypto_prepare();
	int e = nr_seal_maker_read(&conf->maker, &conf->keys, &material, &maker, error);
	if (!e)
		e = nr_keys_open(&conf->keys, 1u << NR_SIGN_SEAL | 1u << NR_SIGN_JWS, &keys, error);
	if (e)
		return nr_exit_of_input(e);
	maker.keys = keys;
	e = seal_all(conf, &maker, operands, operand_count, &failed, error);
	if (e)
		return NR_EXIT_ENVIRONMENT;
	return failed ? NR_EXIT_INPUT : NR_EXIT_OK;
}

const struct nr_command nr_seal_sign_command = {
	.area = "seal",
	.verb = "sign",
	.operands = "FILE...",
	.operand_min = 1,
	.text_en = "Put the organisation's seal on files (CAdES, JAdES, PAdES)",
	.text_ja = "ファイルに組織のeシールを付ける（CAdES、JAdES、PAdES）",
	.example = "noroshi seal sign --keys keys --level B-T --tsa http://127.0.0.1:3161/ notice.txt",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct sign_conf),
	.run = run,
};
