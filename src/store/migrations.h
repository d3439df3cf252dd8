/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbered changes of the schema, src/store/migrations/NNN-name.sql, embedded by scripts/embed.sh. A
 * released file is never edited again: what is new goes into the next number.
 */
#ifndef NR_STORE_MIGRATIONS_H
#define NR_STORE_MIGRATIONS_H

#include <stddef.h>

struct nr_migration {
	const char *name; /* "001-first.sql" */
	const char *sql;
};

extern const struct nr_migration nr_migrations[];
extern const size_t nr_migration_count; /* the schema's number, PRAGMA user_version */

#endif
