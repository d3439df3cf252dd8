/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi seal: seals of the organisation on files. */
#ifndef NR_TRUST_SEAL_COMMAND_H
#define NR_TRUST_SEAL_COMMAND_H

#include "base/option.h"

extern const struct nr_command nr_seal_sign_command;
extern const struct nr_command nr_seal_verify_command;
extern const struct nr_command nr_seal_extend_command;

#endif
