/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/certificate/signature.h"
#include "trust/timestamp/token.h"

void nr_token_write_json(
	const struct nr_token *token, const struct nr_judgement *judgement, struct nr_json *json)
{
	nr_json_bool(json, "valid", judgement->verdict == NR_PASSED);
	nr_judgement_write_json(judgement, json);
	if (!*token->serial)
		return;
	nr_json_time(json, "time", token->time);
	if (token->accuracy >= 0)
		nr_json_int(json, "accuracy_us", token->accuracy);
	nr_json_bool(json, "ordering", token->ordering);
	nr_json_text(json, "authority", *token->authority ? token->authority : NULL);
	nr_json_text(json, "policy", token->policy);
	nr_json_text(json, "serial", token->serial);
	nr_json_text(json, "digest", nr_digest_name(token->digest));
}
