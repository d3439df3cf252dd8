/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi serve: the store in a browser and over HTTP. */
#ifndef NR_SERVE_COMMAND_H
#define NR_SERVE_COMMAND_H

#include "base/option.h"

extern const struct nr_command nr_serve_command;

#endif
