/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi flow identify: from a pseudonym to a client, by two persons. */
#include "base/language.h"
#include "sense/flow/command.h"
#include "sense/flow/law/identify.h"
#include "sense/flow/law/keys.h"

#include <errno.h>

struct identify_conf {
	const char *archive, *keys, *candidates, *reason;
	const char *request, *approve, *answer; /* what to do: a file each */
	const char *sign, *passphrase_file;
	nr_time at;
	bool json;
};

/* clang-format off */
#define AT(field) offsetof(struct identify_conf, field)
static const struct nr_option options[] = {
	{"archive", NR_OPTION_PATH, AT(archive), "DIR", NULL, 0, 0, NULL, "folder of the archive", "アーカイブのフォルダー"},
	{"request", NR_OPTION_PATH, AT(request), "FILE", NULL, 0, 0, NULL, "make a request about PSEUDONYM: --at and --reason say when and why", "仮名について請求書を作る（--atと--reasonが必要）"},
	{"approve", NR_OPTION_PATH, AT(approve), "FILE", NULL, 0, 0, NULL, "sign a request with --sign; two persons of the policy must", "--signの鍵で請求書に署名する。方針に定めた2人の署名が必要"},
	{"answer", NR_OPTION_PATH, AT(answer), "FILE", NULL, 0, 0, NULL, "answer a request that two persons have signed; once", "2人が署名した請求書に1回だけ答える"},
	{"at", NR_OPTION_TIME, AT(at), "TIME", NULL, 0, 0, NULL, "when the flow was received (a date: UTC)", "フローを受信した日時（日付のみはUTC）"},
	{"reason", NR_OPTION_TEXT, AT(reason), "TEXT", NULL, 0, 0, NULL, "why; both persons sign it, and it is recorded", "理由。2人が署名し、記録に残る"},
	{"candidates", NR_OPTION_TEXT, AT(candidates), "CIDR|FILE", NULL, 0, 0, NULL, "networks whose addresses are tried (default: the policy's own networks)", "照合するアドレスの範囲（省略時は方針の自網）"},
	{"flow-keys", NR_OPTION_PATH, AT(keys), "DIR", NULL, 0, 0, NULL, "folder of the pseudonyms' keys (default: ARCHIVE.keys)", "仮名の鍵のフォルダー（省略時はARCHIVE.keys）"},
	{"sign", NR_OPTION_PATH, AT(sign), "FILE", NULL, 0, 0, NULL, "key of the person who signs; FILE.vkey is beside it", "署名する人の鍵。FILE.vkeyが同じ場所に必要"},
	{"passphrase-file", NR_OPTION_PATH, AT(passphrase_file), "FILE", NULL, 0, 0, NULL, "file whose first line opens that key", "その鍵を開くパスフレーズ（1行目）のファイル"},
	{"json", NR_OPTION_FLAG, AT(json), NULL, NULL, 0, 0, NULL, "print one JSON object", "1つのJSONオブジェクトで出力する"},
};
/* clang-format on */

static int check(const struct identify_conf *conf, size_t operands, struct nr_error *error)
{
	if (!conf->archive)
		return nr_fail(error, -EINVAL, "name the archive: --archive DIR");
	if (!!conf->request + !!conf->approve + !!conf->answer != 1)
		return nr_fail(error, -EINVAL, "one of --request, --approve and --answer, with a file");
	if (!!conf->request != (operands == 1))
		return nr_fail(
			error, -EINVAL, "--request needs a PSEUDONYM, the others read it from the request");
	if (conf->approve && !conf->sign)
		return nr_fail(error, -EINVAL,
			"name the key of the person who signs: --sign FILE (noroshi key note)");
	return 0;
}

static void print_client(const struct identify_conf *conf, const struct nr_address *client)
{
	char text[NR_ADDRESS_TEXT];
	struct nr_json json;
	nr_address_write(client, text);
	if (!conf->json) {
		printf("%s%s\n", text, nr_address_is_ipv4(client) ? "" : "/64");
		return;
	}
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "client", text);
	nr_json_uint(&json, "bits", nr_address_is_ipv4(client) ? 32 : 64);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

static int exit_of(int code)
{
	switch (code) {
	case -EACCES:
	case -EALREADY:
	case -ENOKEY:
	case -EKEYREJECTED:
		return NR_EXIT_NO;
	default:
		return nr_exit_of_input(code);
	}
}

static int run(const void *context, const char *const *operands, size_t count, struct nr_error *error)
{
	const struct identify_conf *conf = context;
	char keys[PATH_MAX], text[NR_FLOW_REQUEST_TEXT];
	struct nr_address client;
	if (check(conf, count, error))
		return NR_EXIT_USAGE;
	nr_flow_keys_folder(conf->archive, keys);
	const struct nr_flow_identify_conf law = {.archive = conf->archive,
		.keys = conf->keys ? conf->keys : keys,
		.candidates = conf->candidates,
		.reason = conf->reason,
		.received = conf->at,
		.sign = conf->sign,
		.passphrase_file = conf->passphrase_file,
		.now = nr_time_now()};
	int e;
	if (conf->request) {
		e = nr_flow_identify_ask(&law, operands[0], conf->request, error);
	} else if (conf->approve) {
		e = nr_flow_identify_approve(&law, conf->approve, text, error);
		if (!e)
			fputs(text, stdout); /* what was signed is shown to who signed it */
	} else {
		e = nr_flow_identify_answer(&law, conf->answer, &client, error);
		if (!e)
			print_client(conf, &client);
		if (e == -ENOENT) /* none has that name, or its key has ended: an answer, too */
			return NR_EXIT_NO;
	}
	return e ? exit_of(e) : NR_EXIT_OK;
}

const struct nr_command nr_flow_identify_command = {
	.area = "flow",
	.verb = "identify",
	.operands = "PSEUDONYM",
	.operand_min = 0,
	.operand_max = 1,
	.text_en = "Find the client behind a pseudonym: a request, two signatures, one answer; all recorded",
	.text_ja = "仮名から契約者を特定する（請求、2人の署名、1回の回答。すべて記録する）",
	.example =
		"noroshi flow identify --archive flows 100::5a1c:1:2:3 --at 2026-11-24 --reason \"bot, to be "
		"told\" --request case-17",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct identify_conf),
	.run = run,
};
