/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the flow sense; each stands in command_<verb>.c. */
#ifndef NR_SENSE_FLOW_COMMAND_H
#define NR_SENSE_FLOW_COMMAND_H

#include "base/option.h"

extern const struct nr_command nr_flow_collect_command;
extern const struct nr_command nr_flow_detect_command;
extern const struct nr_command nr_flow_evaluate_command;
extern const struct nr_command nr_flow_probe_command;
extern const struct nr_command nr_flow_query_command;
extern const struct nr_command nr_flow_erase_command;
extern const struct nr_command nr_flow_exchange_command;
extern const struct nr_command nr_flow_identify_command;
extern const struct nr_command nr_flow_keep_command;
extern const struct nr_command nr_flow_read_command;
extern const struct nr_command nr_flow_uses_command;

#endif
