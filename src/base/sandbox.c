/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_ASAN 1
#endif
#endif
#ifdef SANDBOX_ASAN
#include <sanitizer/lsan_interface.h>
#endif

/* Rights that the headers of Debian 12 (Landlock ABI 2) do not know yet; landlock(7). */
#define LANDLOCK_TRUNCATE  (UINT64_C(1) << 14) /* ABI 3 */
#define LANDLOCK_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */

static int layer_fail(struct nr_error *error, const char *layer, int code)
{
	return nr_fail(error, -code, "sandbox: %s: %s", layer, strerror(code));
}

/* All rights over files that this version of Landlock can deny. */
static uint64_t landlock_rights(int abi)
{
	uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
	if (abi >= 2)
		rights |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		rights |= LANDLOCK_TRUNCATE;
	if (abi >= 5)
		rights |= LANDLOCK_IOCTL_DEV;
	return rights;
}

static int landlock_allow_below(int ruleset, const char *folder, uint64_t rights, struct nr_error *error)
{
	if (rights == 0)
		return 0;
	NR_AUTO(nr_close_fd) int place = open(folder, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = place};
	if (place < 0 || syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return layer_fail(error, "Landlock", errno);
	return 0;
}

/* Gives rights back: never execution, never devices. */
static int landlock_allow(int ruleset, uint64_t handled, unsigned allow,
	const struct nr_sandbox_places *places, struct nr_error *error)
{
	const uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	const uint64_t folders = allow & NR_SANDBOX_MAKE_FOLDERS
					 ? LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |
						   LANDLOCK_ACCESS_FS_REFER
					 : 0;
	const uint64_t writing = reading | folders | LANDLOCK_ACCESS_FS_WRITE_FILE |
				 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
				 LANDLOCK_TRUNCATE;
	int rc = landlock_allow_below(ruleset, places->read ? places->read : "/",
		handled & (allow & NR_SANDBOX_READ_FILES ? reading : 0), error);
	if (rc == 0 && places->read_too)
		rc = landlock_allow_below(ruleset, places->read_too,
			handled & (allow & NR_SANDBOX_READ_FILES ? reading : 0), error);
	if (rc == 0)
		rc = landlock_allow_below(ruleset, places->write ? places->write : "/",
			handled & (allow & NR_SANDBOX_WRITE_FILES ? writing : 0), error);
	for (size_t i = 0; rc == 0 && i < NR_COUNT(places->write_too); i++)
		if (places->write_too[i])
			rc = landlock_allow_below(ruleset, places->write_too[i],
				handled & (allow & NR_SANDBOX_WRITE_FILES ? writing : 0), error);
	return rc;
}

static int landlock_enter(unsigned allow, const struct nr_sandbox_places *places, struct nr_sandbox *sandbox,
	struct nr_error *error)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 0)
		return 0; /* ENOSYS, or EOPNOTSUPP when it is switched off at boot */
	struct landlock_ruleset_attr attributes = {.handled_access_fs = landlock_rights((int)abi)};
	NR_AUTO(nr_close_fd)
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
	if (ruleset < 0)
		return layer_fail(error, "Landlock", errno);
	int rc = landlock_allow(ruleset, attributes.handled_access_fs, allow, places, error);
	if (rc < 0)
		return rc;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return layer_fail(error, "Landlock", errno);
	sandbox->landlock = true;
	sandbox->landlock_abi = (int)abi;
	return 0;
}

/* Calls that can do no harm whatever their arguments. */
static const int compute_calls[] = {
	/* descriptors that are open already */
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(write),
	SCMP_SYS(writev), SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(lseek), SCMP_SYS(close),
	SCMP_SYS(fstat), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(fadvise64), SCMP_SYS(fallocate),
	/* memory */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(sysinfo),
	/* threads */
	SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(membarrier),
	SCMP_SYS(eventfd2),
	/* time and chance */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(restart_syscall),
	/* signals and the end */
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
	SCMP_SYS(exit), SCMP_SYS(exit_group)};

static const int read_calls[] = {SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64), SCMP_SYS(getcwd), SCMP_SYS(fcntl)};

static const int write_calls[] = {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
	SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(ftruncate), SCMP_SYS(fchmod),
	SCMP_SYS(fchown), SCMP_SYS(geteuid), SCMP_SYS(getuid), SCMP_SYS(flock), SCMP_SYS(utimensat)};

static const int folder_calls[] = {SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir), SCMP_SYS(syncfs)};

/* On sockets and descriptors that are there. */
static const int serve_calls[] = {SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
	SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendfile), SCMP_SYS(shutdown), SCMP_SYS(setsockopt),
	SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(fcntl), SCMP_SYS(select),
	SCMP_SYS(pselect6), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait), SCMP_SYS(signalfd4), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(wait4)};

static const int connect_calls[] = {SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(socketpair),
	SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg), SCMP_SYS(uname)};

static int calls_allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

/* A call that is allowed while (argument & mask) == value. */
static int call_allow_masked(
	scmp_filter_ctx filter, int call, unsigned argument, uint64_t mask, uint64_t value)
{
	return seccomp_rule_add(
		filter, SCMP_ACT_ALLOW, call, 1, SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask, value));
}

static int arguments_allow(scmp_filter_ctx filter)
{
	const uint64_t all = UINT64_MAX;
	int rc = 0;
	/* No new code. */
	rc = rc ? rc : call_allow_masked(filter, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
	rc = rc ? rc : call_allow_masked(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
	/* Threads, not processes. The flags of clone3 lie in memory where no filter sees them: the C library
	 * falls back to clone. */
	rc = rc ? rc : call_allow_masked(filter, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
	rc = rc ? rc : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* abort(), and signals within the process. */
	rc = rc ? rc : call_allow_masked(filter, SCMP_SYS(tgkill), 0, all, (uint64_t)getpid());
	/* fstat() of glibc since 2.33. */
	rc = rc ? rc : call_allow_masked(filter, SCMP_SYS(newfstatat), 3, AT_EMPTY_PATH, AT_EMPTY_PATH);
	/* isatty(), width of the terminal, flags of a descriptor, limits: asking only. */
	rc = rc ? rc : call_allow_masked(filter, SCMP_SYS(ioctl), 1, all, TCGETS);
	rc = rc ? rc : call_allow_masked(filter, SCMP_SYS(ioctl), 1, all, TIOCGWINSZ);
	rc = rc ? rc : call_allow_masked(filter, SCMP_SYS(fcntl), 1, all, F_GETFL);
	rc = rc ? rc : call_allow_masked(filter, SCMP_SYS(fcntl), 1, all, F_GETFD);
	rc = rc ? rc : call_allow_masked(filter, SCMP_SYS(prlimit64), 2, all, 0);
	/* The name of a thread. */
	rc = rc ? rc : call_allow_masked(filter, SCMP_SYS(prctl), 0, all, PR_SET_NAME);
	return rc;
}

/* What net/live.h asks of descriptors that it has: counters, a pending error, the flags of an interface. */
static int capture_allow(scmp_filter_ctx filter)
{
	static const struct {
		int level, name;
	} asked[] = {{SOL_PACKET, PACKET_STATISTICS}, {SOL_XDP, XDP_STATISTICS}, {SOL_SOCKET, SO_ERROR}};
	int rc = call_allow_masked(filter, SCMP_SYS(ioctl), 1, UINT64_MAX, SIOCGIFFLAGS);
	rc = rc ? rc : call_allow_masked(filter, SCMP_SYS(ioctl), 1, UINT64_MAX, SIOCGIFNAME);
	for (size_t i = 0; rc == 0 && i < NR_COUNT(asked); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(getsockopt), 2,
			SCMP_CMP64(1, SCMP_CMP_EQ, (uint64_t)asked[i].level),
			SCMP_CMP64(2, SCMP_CMP_EQ, (uint64_t)asked[i].name));
	return rc;
}

/* What net/datagrams.h and a server of byte streams ask of sockets that are there; epoll's own is made
 * before.
 */
static int receive_allow(scmp_filter_ctx filter)
{
	static const int calls[] = {SCMP_SYS(recvmmsg), SCMP_SYS(accept4), SCMP_SYS(shutdown),
		SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait)};
	int rc = calls_allow(filter, calls, NR_COUNT(calls));
	return rc ? rc
		  : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(getsockopt), 2,
			    SCMP_CMP64(1, SCMP_CMP_EQ, SOL_SOCKET), SCMP_CMP64(2, SCMP_CMP_EQ, SO_MEMINFO));
}

static int filter_fill(scmp_filter_ctx filter, unsigned allow)
{
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	rc = rc ? rc : calls_allow(filter, compute_calls, NR_COUNT(compute_calls));
	rc = rc ? rc : arguments_allow(filter);
	if (allow & NR_SANDBOX_CAPTURE)
		rc = rc ? rc : capture_allow(filter);
	if (allow & NR_SANDBOX_RECEIVE)
		rc = rc ? rc : receive_allow(filter);
	if (allow & (NR_SANDBOX_READ_FILES | NR_SANDBOX_WRITE_FILES))
		rc = rc ? rc : calls_allow(filter, read_calls, NR_COUNT(read_calls));
	if (allow & (NR_SANDBOX_SERVE | NR_SANDBOX_CONNECT))
		rc = rc ? rc : calls_allow(filter, serve_calls, NR_COUNT(serve_calls));
	if (allow & NR_SANDBOX_NO_SOCKETS)
		rc = rc ? rc : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 0);
	if (allow & NR_SANDBOX_CONNECT) {
		rc = rc ? rc : calls_allow(filter, connect_calls, NR_COUNT(connect_calls));
		/* the C library's look-up of names asks how much an answer holds */
		rc = rc ? rc : call_allow_masked(filter, SCMP_SYS(ioctl), 1, UINT32_MAX, FIONREAD);
	}
	if (allow & NR_SANDBOX_MAKE_FOLDERS)
		rc = rc ? rc : calls_allow(filter, folder_calls, NR_COUNT(folder_calls));
	if (allow & NR_SANDBOX_WRITE_FILES) {
		rc = rc ? rc : calls_allow(filter, write_calls, NR_COUNT(write_calls));
	} else if (allow & NR_SANDBOX_READ_FILES) {
		const uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
		rc = rc ? rc : call_allow_masked(filter, SCMP_SYS(openat), 2, writing, O_RDONLY);
		rc = rc ? rc : call_allow_masked(filter, SCMP_SYS(open), 1, writing, O_RDONLY);
	}
	return rc;
}

static int seccomp_enter(unsigned allow, struct nr_sandbox *sandbox, struct nr_error *error)
{
	if (prctl(PR_GET_SECCOMP) < 0)
		return 0; /* a kernel without it */
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!filter)
		return layer_fail(error, "seccomp", ENOMEM);
	int rc = filter_fill(filter, allow);
	rc = rc ? rc : seccomp_load(filter);
	seccomp_release(filter);
	if (rc < 0)
		return layer_fail(error, "seccomp", -rc);
	sandbox->seccomp = true;
	return 0;
}

int nr_sandbox_enter(unsigned allow, struct nr_sandbox *ret_sandbox, struct nr_error *error)
{
	const struct nr_sandbox_places anywhere = {.read = NULL};
	return nr_sandbox_enter_places(allow, &anywhere, ret_sandbox, error);
}

const char *nr_sandbox_missing(const struct nr_sandbox *sandbox)
{
	if (sandbox->landlock)
		return sandbox->seccomp ? NULL : "seccomp";
	return sandbox->seccomp ? "Landlock" : "Landlock and seccomp";
}

int nr_sandbox_enter_places(unsigned allow, const struct nr_sandbox_places *places,
	struct nr_sandbox *ret_sandbox, struct nr_error *error)
{
	struct nr_sandbox sandbox = {0};
#ifdef SANDBOX_ASAN
	__lsan_do_leak_check(); /* now and not at exit, where it would start a tracer */
#endif
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return layer_fail(error, "no_new_privs", errno);
	sandbox.no_new_privileges = true;
	int rc = landlock_enter(allow, places, &sandbox, error);
	if (rc == 0)
		rc = seccomp_enter(allow, &sandbox, error);
	if (rc < 0)
		return rc;
	if (ret_sandbox)
		*ret_sandbox = sandbox;
	return 0;
}
