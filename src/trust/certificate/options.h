/* SPDX-License-Identifier: Apache-2.0 */
/* What every command that verifies takes: whom to trust, and what else is known. */
#ifndef NR_TRUST_CERTIFICATE_OPTIONS_H
#define NR_TRUST_CERTIFICATE_OPTIONS_H

#include "base/option.h"
#include "trust/certificate/material.h"

struct nr_material_conf {
	struct nr_texts ca, certificates, crls, answers;
	bool require_revocation;
};

/* clang-format off */
#define NR_MATERIAL_OPTIONS(OUTER, PREFIX) \
	{"ca", NR_OPTION_TEXTS, offsetof(OUTER, PREFIX ca), "PEM", NULL, 0, 0, NULL, "certificates that are trusted", "信頼する証明書"}, \
	{"certificates", NR_OPTION_TEXTS, offsetof(OUTER, PREFIX certificates), "PEM", NULL, 0, 0, NULL, "further certificates, trusted only as far as they lead to one of --ca", "その他の証明書（--ca に至る経路がある場合のみ信頼する）"}, \
	{"crl", NR_OPTION_TEXTS, offsetof(OUTER, PREFIX crls), "FILE", NULL, 0, 0, NULL, "revocation lists (PEM or DER)", "失効リスト（PEMまたはDER）"}, \
	{"ocsp", NR_OPTION_TEXTS, offsetof(OUTER, PREFIX answers), "FILE", NULL, 0, 0, NULL, "OCSP answers (DER)", "OCSP応答（DER）"}, \
	{"require-revocation", NR_OPTION_FLAG, offsetof(OUTER, PREFIX require_revocation), NULL, NULL, 0, 0, NULL, "what is not known to be unrevoked does not pass", "失効していないと確認できないものは合格としない"}
/* clang-format on */

/* Reads the files. Without --ca: -EINVAL. ret_material is the caller's. */
int nr_material_read(
	const struct nr_material_conf *conf, struct nr_material *ret_material, struct nr_error *error);

#endif
