/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NR_TRAIN_WORLD_COMMAND_H
#define NR_TRAIN_WORLD_COMMAND_H

#include "base/option.h"

extern const struct nr_command nr_world_darknet_command, nr_world_flows_command;

#endif
