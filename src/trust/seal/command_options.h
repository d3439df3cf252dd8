/* SPDX-License-Identifier: Apache-2.0 */
/* What making and extending seals have in common on the command line. */
#ifndef NR_TRUST_SEAL_COMMAND_OPTIONS_H
#define NR_TRUST_SEAL_COMMAND_OPTIONS_H

#include "trust/certificate/options.h"
#include "trust/seal/seal.h"

struct nr_seal_maker_conf {
	const char *level, *tsa, *tsa_ca;
	struct nr_material_conf material;
};

/* clang-format off */
#define NR_SEAL_MAKER_OPTIONS(OUTER, PREFIX, LEVEL) \
	NR_MATERIAL_OPTIONS(OUTER, PREFIX material.), \
	{"level", NR_OPTION_CHOICE, offsetof(OUTER, PREFIX level), "LEVEL", LEVEL, 0, 0, nr_seal_levels, "what the seal holds: the signature, a time stamp, all that verifying takes, an archive time stamp", "シールの水準（署名のみ、タイムスタンプ付き、検証情報付き、長期保存用）"}, \
	{"tsa", NR_OPTION_TEXT, offsetof(OUTER, PREFIX tsa), "URL", NULL, 0, 0, NULL, "time-stamp authority, for B-T and above", "タイムスタンプ局のURL（B-T以上で必要）"}, \
	{"tsa-ca", NR_OPTION_PATH, offsetof(OUTER, PREFIX tsa_ca), "PEM", NULL, 0, 0, NULL, "who may certify its server (default: the system's authorities)", "接続先サーバーを証明する認証局（省略時はシステムのもの）"}
/* clang-format on */

extern const char *const nr_seal_levels[]; /* of the option */

/* Fills *ret_maker (keys stay as they are) and reads the material where the level needs it: without --ca and
 * --crl ca.pem and ca.crl of the folder of keys (NULL: none). ret_material is the caller's also after an
 * error. */
int nr_seal_maker_read(const struct nr_seal_maker_conf *conf, const struct nr_keys_conf *keys,
	struct nr_material *ret_material, struct nr_seal_maker *ret_maker, struct nr_error *error);

#endif
