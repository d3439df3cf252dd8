/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linked into unit tests and fuzz replays: with NOROSHI_TEST_SANDBOX set, main() begins inside the sandbox
 * that captures are read in, and what the tested code reaches for beyond it kills the test.
 */
#include "base/sandbox.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static bool inside;

__attribute__((constructor)) static void enter(void)
{
	struct nr_error error = {0};
	if (!getenv("NOROSHI_TEST_SANDBOX"))
		return;
	if (nr_sandbox_enter(NR_SANDBOX_READ_FILES | NR_SANDBOX_WRITE_FILES, NULL, &error)) {
		fprintf(stderr, "%s\n", error.text);
		_exit(1);
	}
	inside = true;
}

/* In place of the C library's: tests keep captures in files without a name, which the sandbox has no call
 * for. */
int memfd_create(const char *name, unsigned flags)
{
	static unsigned number;
	char path[64];
	if (!inside)
		return (int)syscall(SYS_memfd_create, name, flags);
	snprintf(path, sizeof path, "/dev/shm/noroshi-test-%d-%u", getpid(), number++);
	int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file >= 0)
		unlink(path);
	return file;
}
