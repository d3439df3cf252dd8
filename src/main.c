/* SPDX-License-Identifier: Apache-2.0 */
/* The command table. What a command does lives in the room that it is named after. */
#include "base/option.h"
#include "sense/flow/command.h"
#include "sense/telescope/command.h"
#include "serve/command.h"
#include "train/world/command.h"
#include "trust/ledger/command.h"
#include "trust/seal/command.h"
#include "trust/signer/command.h"
#include "trust/timestamp/command.h"

static const struct nr_command *const commands[] = {
	&nr_telescope_read_command,
	&nr_telescope_watch_command,
	&nr_telescope_report_command,
	&nr_telescope_export_command,
	&nr_telescope_yearbook_command,
	&nr_flow_keep_command,
	&nr_flow_detect_command,
	&nr_flow_evaluate_command,
	&nr_flow_query_command,
	&nr_flow_probe_command,
	&nr_flow_collect_command,
	&nr_flow_uses_command,
	&nr_flow_erase_command,
	&nr_flow_identify_command,
	&nr_flow_exchange_command,
	&nr_flow_read_command,
	&nr_serve_command,
	&nr_seal_sign_command,
	&nr_seal_verify_command,
	&nr_seal_extend_command,
	&nr_timestamp_serve_command,
	&nr_timestamp_request_command,
	&nr_timestamp_verify_command,
	&nr_ledger_append_command,
	&nr_ledger_prove_command,
	&nr_ledger_verify_command,
	&nr_ledger_export_command,
	&nr_ledger_show_command,
	&nr_ledger_witness_command,
	&nr_timestamp_renew_command,
	&nr_timestamp_audit_command,
	&nr_world_darknet_command,
	&nr_world_flows_command,
	&nr_key_new_command,
	&nr_key_show_command,
	&nr_key_revoke_command,
	&nr_key_crl_command,
	&nr_key_note_command,
	&nr_key_release_command,
};

int main(int argc, char **argv)
{
	return nr_command_main(commands, NR_COUNT(commands), argc, argv);
}
