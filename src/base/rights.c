/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rights.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define USER_OF_LAST_RESORT "nobody"

static void take_user(struct nr_rights *rights, const struct passwd *user)
{
	rights->user = user->pw_uid;
	rights->group = user->pw_gid;
	snprintf(rights->name, sizeof rights->name, "%s", user->pw_name);
}

static void take_numbers(struct nr_rights *rights, uid_t user, gid_t group)
{
	const struct passwd *known = getpwuid(user);
	if (known) {
		take_user(rights, known);
		return;
	}
	rights->user = user;
	rights->group = group;
	snprintf(rights->name, sizeof rights->name, "%u", user);
}

int nr_rights_find(const char *name, const char *folder, struct nr_rights *ret_rights, struct nr_error *error)
{
	struct nr_rights rights = {.change = geteuid() == 0};
	struct stat status;
	const struct passwd *user = name ? getpwnam(name) : NULL;
	if (name && !user)
		return nr_fail(
			error, -EINVAL, "--user %.60s: no such user; make it: useradd -r %.60s", name, name);
	if (!rights.change) {
		take_numbers(&rights, geteuid(), getegid());
		if (user && user->pw_uid != rights.user)
			return nr_fail(error, -EPERM,
				"--user %.60s: only root can become another user; leave it out, or start as "
				"root",
				name);
	} else if (user) {
		take_user(&rights, user);
	} else if (folder && stat(folder, &status) == 0 && status.st_uid != 0) {
		take_numbers(&rights, status.st_uid, status.st_gid);
	} else {
		user = getpwnam(USER_OF_LAST_RESORT);
		if (!user)
			return nr_fail(error, -EINVAL,
				"there is no user \"" USER_OF_LAST_RESORT "\" to become; name one: --user");
		take_user(&rights, user);
	}
	*ret_rights = rights;
	return 0;
}

/* Asked in a process of its own, which becomes that user. */
static int try_folder(const struct nr_rights *rights, const char *folder)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		if (nr_rights_drop(rights, NULL))
			_exit(EPERM);
		_exit(access(folder, R_OK | W_OK | X_OK) == 0 ? 0 : errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return EAGAIN;
	return WEXITSTATUS(status);
}

int nr_rights_check_folder(const struct nr_rights *rights, const char *folder, struct nr_error *error)
{
	int reason = try_folder(rights, folder);
	if (reason == 0)
		return 0;
	if (reason == ENOENT)
		return nr_fail(error, -reason, "%s: the folder does not exist; make it: mkdir -p %s", folder,
			folder);
	return nr_fail(error, -reason,
		"%s: user %s, who this program becomes, cannot write here (%s); chown %s %s, or name "
		"another: --user",
		folder, rights->name, strerror(reason), rights->name, folder);
}

static int drop_capabilities(struct nr_error *error)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &header, none) < 0)
		return nr_fail(error, -errno, "giving up capabilities: %s", strerror(errno));
	return 0;
}

int nr_rights_drop(const struct nr_rights *rights, struct nr_error *error)
{
	if (rights->change) {
		if (setgroups(0, NULL) < 0 || setresgid(rights->group, rights->group, rights->group) < 0 ||
			setresuid(rights->user, rights->user, rights->user) < 0)
			return nr_fail(error, -errno, "becoming user %s: %s", rights->name, strerror(errno));
	}
	int rc = drop_capabilities(error);
	if (rc)
		return rc;
	/* Nothing that is executed later gets more, should anything ever be. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return nr_fail(error, -errno, "no_new_privs: %s", strerror(errno));
	return 0;
}

/* ---- memory ---- */

/* The leak check of a sanitizer traces the process. */
#if defined(__SANITIZE_ADDRESS__)
#define TRACED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TRACED true
#endif
#endif
#ifndef TRACED
#define TRACED false
#endif

void nr_rights_hide_memory(void)
{
	const struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none); /* less is always allowed */
	if (!TRACED)
		prctl(PR_SET_DUMPABLE, 0); /* programs that take cores through a pipe do not ask the limit */
}
