/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After nr_sandbox_enter() the process can compute, use threads, read and write the descriptors that it
 * already has, and exit. Anything else kills it (SIGSYS). Open everything first: capture files, outputs, the
 * store, the number of processors. Call it once, before the first thread. There is no way out, and children
 * inherit it.
 *
 * Three layers: no_new_privs (prctl(2)), Landlock (landlock(7), by raw system call, where the kernel has it)
 * and a seccomp filter (seccomp(2)), an allow-list of system calls.
 */
#ifndef NR_BASE_SANDBOX_H
#define NR_BASE_SANDBOX_H

#include "base/error.h"

enum nr_sandbox_allow {
	NR_SANDBOX_READ_FILES = 1 << 0, /* open files and folders for reading */
	NR_SANDBOX_WRITE_FILES =
		1 << 1,              /* create, write, rename and remove files: what an SQLite store does */
	NR_SANDBOX_CAPTURE = 1 << 2, /* ask packet sockets for their losses and an interface for its state */
	NR_SANDBOX_SERVE = 1 << 3,   /* answer on sockets that are open: accept, receive, send */
	NR_SANDBOX_CONNECT = 1 << 4, /* open connections: what a client of others' servers does */
	NR_SANDBOX_NO_SOCKETS =
		1 << 5, /* a new socket is refused (EACCES) instead of killing: for libraries that log */
	NR_SANDBOX_MAKE_FOLDERS = 1 << 6, /* with WRITE_FILES: make and remove folders, move files between
					   * them, sync all of a file system: what a ledger does */
	NR_SANDBOX_RECEIVE = 1 << 7,      /* take datagrams and connections on sockets that are open, and ask
					   * for their losses; nothing is sent */
};

/* What the kernel granted; say it to the user where a part is missing. */
struct nr_sandbox {
	bool no_new_privileges;
	bool landlock;
	bool seccomp;
	int landlock_abi; /* 0: this kernel has no Landlock */
};

/* allow: flags of nr_sandbox_allow. A layer that the kernel does not have is left out and shown in
 * *ret_sandbox (NULL allowed); a layer that it has and refuses is an error, and the process must not go on to
 * hostile input. */
int nr_sandbox_enter(unsigned allow, struct nr_sandbox *ret_sandbox, struct nr_error *error);

/* As above; where Landlock is there, files can be read below `read` (and read_too, NULL: nowhere else) and
 * written (and read) below `write` and write_too (NULL: nowhere else) alone. NULL: anywhere. */
struct nr_sandbox_places {
	const char *read, *write;
	const char *read_too;
	const char *write_too[2];
};
int nr_sandbox_enter_places(unsigned allow, const struct nr_sandbox_places *places,
	struct nr_sandbox *ret_sandbox, struct nr_error *error);

/* What is missing, for people: "Landlock", "seccomp", "Landlock and seccomp"; NULL: nothing. */
const char *nr_sandbox_missing(const struct nr_sandbox *sandbox);

#endif
