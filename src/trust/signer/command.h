/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi key: keys, the certificates of a demonstration authority, and who may use them. */
#ifndef NR_TRUST_SIGNER_COMMAND_H
#define NR_TRUST_SIGNER_COMMAND_H

#include "base/option.h"

extern const struct nr_command nr_key_new_command;
extern const struct nr_command nr_key_show_command;
extern const struct nr_command nr_key_revoke_command;
extern const struct nr_command nr_key_crl_command;
extern const struct nr_command nr_key_note_command;
extern const struct nr_command nr_key_release_command;

#endif
