/* SPDX-License-Identifier: Apache-2.0 */
/* Makes this process and its children believe that their kernel has no Landlock, or neither that nor seccomp
 * filters. */
#ifndef NR_TESTS_LACKING_H
#define NR_TESTS_LACKING_H

#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/prctl.h>

static inline bool lack_layers(bool seccomp_too)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int rc = filter ? seccomp_rule_add(
				  filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(landlock_create_ruleset), 0)
			: -ENOMEM;
	if (rc == 0 && seccomp_too)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
			SCMP_CMP64(0, SCMP_CMP_EQ, PR_GET_SECCOMP));
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc == 0;
}

#endif
