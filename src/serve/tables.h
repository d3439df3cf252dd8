/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of all senses, for the store that the house keeps and shows. */
#ifndef NR_SERVE_TABLES_H
#define NR_SERVE_TABLES_H

#include "model/table.h"

#define NR_SERVE_TABLES 32

/* Answers how many there are. */
size_t nr_serve_tables(const struct nr_table *ret_tables[static NR_SERVE_TABLES]);

#endif
