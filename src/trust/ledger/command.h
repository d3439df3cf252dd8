/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi ledger: what was recorded, proved and witnessed. The commands may know every room of trust: to
 * write a ledger, the signer is asked. */
#ifndef NR_TRUST_LEDGER_COMMAND_H
#define NR_TRUST_LEDGER_COMMAND_H

#include "base/option.h"

extern const struct nr_command nr_ledger_append_command;
extern const struct nr_command nr_ledger_prove_command;
extern const struct nr_command nr_ledger_verify_command;
extern const struct nr_command nr_ledger_export_command;
extern const struct nr_command nr_ledger_show_command;
extern const struct nr_command nr_ledger_witness_command;

#endif
