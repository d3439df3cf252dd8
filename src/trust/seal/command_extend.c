/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi seal extend: a seal to a higher level, or its life prolonged. */
#include "base/file.h"
#include "trust/certificate/signature.h"
#include "trust/seal/command.h"
#include "trust/seal/command_options.h"
#include "trust/seal/file_data.h"
#include "trust/seal/form.h"

#include <errno.h>

struct extend_conf {
	struct nr_seal_maker_conf maker;
	const char *out;
};

static const struct nr_option options[] = {
	NR_SEAL_MAKER_OPTIONS(struct extend_conf, maker., "B-LTA"),
	{"out", NR_OPTION_PATH, offsetof(struct extend_conf, out), "FILE", NULL, 0, 0, NULL,
		"where the new seal goes (default: in the place of the old one)",
		"新しいシールの出力先（省略時は元のシールを置き換える）"},
};

static int extend(const struct extend_conf *conf, const char *const *operands, size_t operand_count,
	struct nr_error *error)
{
	NR_AUTO(nr_material_fini) struct nr_material material = {.anchors = NULL};
	NR_AUTO(nr_file_data_fini) struct nr_file_data file = {.stream = NULL};
	NR_AUTO(nr_freep) uint8_t *seal = NULL, *made = NULL;
	const char *path = operands[operand_count - 1];
	size_t length, made_length;
	struct nr_seal_maker maker = {.keys = NULL};
	int e = nr_seal_maker_read(&conf->maker, NULL, &material, &maker, error);
	if (e)
		return nr_exit_of_input(e);
	e = nr_file_read(path, operand_count == 2 ? NR_SEAL_MAX : NR_SEALED_MAX, &seal, &length, error);
	if (!e && operand_count == 2)
		e = nr_file_data_open(&file, operands[0], nr_seal_holds_data(seal, length), error);
	if (e)
		return NR_EXIT_INPUT;
	e = nr_seal_extend(
		&maker, seal, length, operand_count == 2 ? &file.data : NULL, &made, &made_length, error);
	if (e)
		return e == -EBADMSG                  ? NR_EXIT_INPUT
		       : e == -EAGAIN || e == -EACCES ? NR_EXIT_NO
						      : NR_EXIT_ENVIRONMENT;
	const char *out = conf->out ? conf->out : path;
	if (nr_file_write(out, made, made_length, error) != 0)
		return NR_EXIT_ENVIRONMENT;
	printf("%s: %s\n", out, conf->maker.level);
	return NR_EXIT_OK;
}

static int run(const void *context, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	nr_crypto_prepare();
	return extend(context, operands, operand_count, error);
}

const struct nr_command nr_seal_extend_command = {
	.area = "seal",
	.verb = "extend",
	.operands = "FILE [SEAL]",
	.operand_min = 1,
	.operand_max = 2,
	.text_en = "Lift a seal to a higher level, or add an archive time stamp before the last one ends",
	.text_ja = "eシールをより高い水準に引き上げる。または期限前にアーカイブタイムスタンプを追加する",
	.example = "noroshi seal extend --level B-LTA --tsa http://127.0.0.1:3161/ --ca keys/ca.pem --crl "
		   "keys/ca.crl "
		   "notice.txt notice.txt.p7s",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct extend_conf),
	.run = run,
};
