/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi flow exchange: what carriers tell each other of C&C servers, and nothing of clients. */
#include "sense/flow/command.h"
#include "sense/flow/exchange/steps.h"

#include <errno.h>
#include <string.h>

/* clang-format off */
#define AT(field) offsetof(struct nr_exchange_conf, field)
static const struct nr_option options[] = {
	{"group", NR_OPTION_PATH, AT(group), "FILE", NULL, 0, 0, NULL, "the group's description", "グループの定義ファイル"},
	{"secret", NR_OPTION_PATH, AT(secret), "FILE", NULL, 0, 0, NULL, "the secret that the group's carriers share", "参加事業者が共有する秘密のファイル"},
	{"sign", NR_OPTION_PATH, AT(sign), "FILE", NULL, 0, 0, NULL, "key of the carrier, or of the collector; FILE.vkey is beside it (noroshi key note)", "事業者または集約者の鍵。FILE.vkeyが同じ場所に必要（noroshi key note）"},
	{"passphrase-file", NR_OPTION_PATH, AT(passphrase_file), "FILE", NULL, 0, 0, NULL, "file whose first line opens that key", "その鍵を開くパスフレーズ（1行目）のファイル"},
	{"day", NR_OPTION_TIME, AT(day), "DATE", NULL, 0, 0, NULL, "day of the findings (UTC)", "検知結果の日付（UTC）"},
	{"out", NR_OPTION_PATH, AT(out), "FILE|DIR", NULL, 0, 0, NULL, "where to write (join: a folder; list: standard output without it)", "出力先（joinはフォルダー。listは省略時に標準出力）"},
	{"own", NR_OPTION_PREFIXES, AT(own), "CIDR", NULL, 0, 0, NULL, "own networks: their addresses are never shared", "自網のアドレス範囲。共有しない"},
	{"archive", NR_OPTION_PATH, AT(archive), "DIR", NULL, 0, 0, NULL, "archive that the findings are of: its policy names own networks, its record of uses gets an entry", "検知結果の元になったアーカイブ。方針の自網を用い、利用を記録する"},
	{"name", NR_OPTION_TEXT, AT(name), "NAME", NULL, 0, 0, NULL, "group: its name", "group：グループ名"},
	{"threshold", NR_OPTION_UINT, AT(threshold), "N", "2", 2, NR_EXCHANGE_PARTIES_MAX, NULL, "group: so many carriers must have a server before anybody learns of it", "group：何事業者が検知したら互いに分かるか"},
	{"candidates", NR_OPTION_UINT, AT(candidates), "N", "100000", 1, (double)NR_EXCHANGE_CANDIDATES_MAX, NULL, "group: candidates of a day that a carrier can offer; every offer has this size", "group：1日に1事業者が出せる候補数。オファーは常にこの大きさになる"},
	{"retention", NR_OPTION_UINT, AT(retention), "DAYS", "30", 1, NR_EXCHANGE_RETENTION_MAX, NULL, "group: days after which offers, replies and secrets are erased", "group：オファー、回答、秘密を消去するまでの日数"},
	{"collector", NR_OPTION_TEXT, AT(collector), "VKEY|FILE", NULL, 0, 0, NULL, "group: verifier key of the collector", "group：集約者の検証鍵"},
	{"party", NR_OPTION_TEXTS, AT(parties), "VKEY|FILE", NULL, 0, 0, NULL, "group: verifier key of a carrier; given once for each", "group：事業者の検証鍵。事業者ごとに指定する"},
	{"say", NR_OPTION_REAL, AT(say), "NATS", "4", 0.25, NR_EXCHANGE_SAY_MAX, NULL, "open: another carrier's evidence counts for so much at most", "open：他の1事業者の証拠を重く見る上限（ナット）"},
	{"independent", NR_OPTION_REAL, AT(independent), "PART", "0.5", 0.05, 1, NULL, "open: this part of another carrier's evidence counts; the rest is what all of them see alike", "open：他の事業者の証拠のうち独立とみなす割合（残りは全事業者に同じく見える分）"},
	{"confidence", NR_OPTION_REAL, AT(confidence), "P", "0.9", 0, 1, NULL, "open: an alarm from here on; list: alarms from here on are confirmed", "open：この確信度以上を警報とする。list：この確信度以上の警報を確認済みとする"},
	{"feedback", NR_OPTION_PATH, AT(feedback), "FILE", NULL, 0, 0, NULL, "list: what people said of findings; confirmed ones are listed, benign ones are not", "list：検知結果への人の判断。confirmedは掲載し、benignは掲載しない"},
	{"valid", NR_OPTION_UINT, AT(valid), "DAYS", "30", 1, NR_C2_DAYS_MAX, NULL, "list: an entry is valid for so long after the server was last seen", "list：最後に検知されてからの有効日数"},
	{"before", NR_OPTION_TIME, AT(before), "DATE", NULL, 0, 0, NULL, "erase: what is of days before this one (default: what the group's retention says)", "erase：この日より前のものを消去する（省略時はグループの保存期間による）"},
	{"listen", NR_OPTION_TEXT, AT(listen), "ADDRESS:PORT", "127.0.0.1:3164", 0, 0, NULL, "serve: where the collector takes offers and gives replies", "serve：集約者がオファーを受け取り、回答を渡すアドレス"},
	{"tls-certificate", NR_OPTION_PATH, AT(certificate), "FILE", NULL, 0, 0, NULL, "serve: certificate chain (PEM); needed beyond loopback", "serve：証明書チェーン（PEM）。ループバック以外では必須"},
	{"tls-key", NR_OPTION_PATH, AT(tls_key), "FILE", NULL, 0, 0, NULL, "serve: its private key (PEM)", "serve：その秘密鍵（PEM）"},
	{"wait", NR_OPTION_DURATION, AT(wait), "DURATION", "12h", 0, 0, NULL, "serve: so long after a day it is joined with the offers that are there", "serve：1日の終わりからこの時間が過ぎたら、届いたオファーだけで結合する"},
	{"url", NR_OPTION_TEXT, AT(url), "URL", NULL, 0, 0, NULL, "send, fetch: the collector's server", "send、fetch：集約者のサーバー"},
	{"ca", NR_OPTION_PATH, AT(ca), "FILE", NULL, 0, 0, NULL, "send, fetch: certificates that its TLS is trusted by (default: the system's)", "send、fetch：TLSで信頼する認証局の証明書（省略時はシステムの設定）"},
	{"workers", NR_OPTION_UINT, AT(workers), "N", "0", 0, NR_CREW_MAX, NULL, "threads (0: one per processor)", "スレッド数（0は自動）"},
	{"keys", NR_OPTION_PATH, AT(keys.folder), "DIR", NULL, 0, 0, NULL, "folder of keys whose ledger gets an entry for each offer, reply and erasure", "オファー、回答、消去を追記する台帳の鍵のフォルダー"},
	{"ledger", NR_OPTION_PATH, AT(keys.ledger), "DIR", NULL, 0, 0, NULL, "folder of the ledger (default: ledger in the folder of keys)", "台帳のフォルダー（省略時は鍵のフォルダー内のledger）"},
	{"keys-passphrase-file", NR_OPTION_PATH, AT(keys.passphrase_file), "FILE", NULL, 0, 0, NULL, "file whose first line opens the ledger's key", "台帳の鍵を開くパスフレーズ（1行目）のファイル"},
	{"json", NR_OPTION_FLAG, AT(json), NULL, NULL, 0, 0, NULL, "print JSON", "JSONで出力する"},
};
/* clang-format on */

static const struct {
	const char *name;
	nr_exchange_step *run;
} steps[] = {
	{"group", nr_exchange_step_group},
	{"secret", nr_exchange_step_secret},
	{"offer", nr_exchange_step_offer},
	{"join", nr_exchange_step_join},
	{"open", nr_exchange_step_open},
	{"list", nr_exchange_step_list},
	{"check", nr_exchange_step_check},
	{"erase", nr_exchange_step_erase},
	{"serve", nr_exchange_step_serve},
	{"send", nr_exchange_step_send},
	{"fetch", nr_exchange_step_fetch},
};

static int run(const void *context, const char *const *operands, size_t count, struct nr_error *error)
{
	char names[160] = "";
	for (size_t i = 0, used = 0; i < NR_COUNT(steps); i++) {
		if (count && !strcmp(operands[0], steps[i].name))
			return steps[i].run(context, operands + 1, count - 1, error);
		used += (size_t)snprintf(
			names + used, sizeof names - used, "%s%s", i ? ", " : "", steps[i].name);
	}
	nr_fail(error, -EINVAL, "%.40s: no such step; there are %s", count ? operands[0] : "", names);
	return NR_EXIT_USAGE;
}

const struct nr_command nr_flow_exchange_command = {
	.area = "flow",
	.verb = "exchange",
	.operands = "STEP FILE...",
	.operand_min = 1,
	.operand_max = 0,
	.text_en = "Tell other carriers of C&C servers, nothing of clients: confirmed ones as a list, "
		   "candidates "
		   "so that only what several have is seen",
	.text_ja = "C&Cサーバーを他の事業者と共有する（契約者の情報は含まない。確認済みは一覧で、候補は複数の"
		   "事業者に共通するものだけが分かる方法で）",
	.example = "noroshi flow exchange group --name japan-1 --threshold 2 --collector isac.vkey --party "
		   "a.vkey --party b.vkey --out japan-1.group",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct nr_exchange_conf),
	.run = run,
};
