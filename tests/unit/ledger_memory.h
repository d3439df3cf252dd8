/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of a ledger after whatever happened to it: for the tests of faults. */
#ifndef NR_TEST_LEDGER_MEMORY_H
#define NR_TEST_LEDGER_MEMORY_H

#include "ledger_rig.h"

static struct rig_key key;

struct memory {
	uint64_t acknowledged;
	uint64_t head_size; /* of a checkpoint that was published */
	struct nr_hash head_root;
};

static inline struct nr_ledger *open_ok(const char *folder)
{
	struct nr_ledger_conf conf = rig_conf(folder, &key);
	struct nr_ledger *ledger = NULL;
	struct nr_error error = {0};
	if (nr_ledger_open(&conf, &ledger, &error)) {
		print_message("%s\n", error.text);
		fail();
	}
	return ledger;
}

#define LOOKS 40 /* entries that are looked at after each of a thousand deaths; all of them in the end */

/* Opens it, looks at what was acknowledged since `from`, and at what was published. */
static inline void check(const char *folder, uint64_t from, struct memory *m)
{
	struct nr_ledger *ledger = open_ok(folder);
	assert_true(nr_ledger_size(ledger) >= m->acknowledged);
	assert_true(nr_ledger_published(ledger, NULL) >= m->head_size);
	assert_true(rig_continues(ledger, m->head_size, &m->head_root));
	uint64_t step = 1 + (m->acknowledged - NR_MIN(from, m->acknowledged)) / LOOKS;
	for (uint64_t i = from; i < m->acknowledged; i += step)
		assert_true(rig_holds(ledger, i));
	if (m->acknowledged)
		assert_true(rig_proves(ledger, m->acknowledged - 1) && rig_proves(ledger, 0));
	m->acknowledged = nr_ledger_size(ledger);
	m->head_size = nr_ledger_published(ledger, &m->head_root);
	nr_ledger_close(ledger);
}

#endif
