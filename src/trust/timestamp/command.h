/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi timestamp: the authority, and its clients' part. */
#ifndef NR_TRUST_TIMESTAMP_COMMAND_H
#define NR_TRUST_TIMESTAMP_COMMAND_H

#include "base/option.h"

extern const struct nr_command nr_timestamp_serve_command;
extern const struct nr_command nr_timestamp_request_command;
extern const struct nr_command nr_timestamp_verify_command;
extern const struct nr_command nr_timestamp_renew_command;
extern const struct nr_command nr_timestamp_audit_command;

#endif
