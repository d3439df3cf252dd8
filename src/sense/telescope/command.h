/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NR_SENSE_TELESCOPE_COMMAND_H
#define NR_SENSE_TELESCOPE_COMMAND_H

#include "base/option.h"

extern const struct nr_command nr_telescope_read_command;
extern const struct nr_command nr_telescope_watch_command;
extern const struct nr_command nr_telescope_report_command;
extern const struct nr_command nr_telescope_export_command;
extern const struct nr_command nr_telescope_yearbook_command;

#endif
