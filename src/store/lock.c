/* SPDX-License-Identifier: Apache-2.0 */
/* One writer at a time: a lock file beside the store, which the kernel releases however its holder ends. */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

/* The holder's pid as it wrote it down; 0 when that is not (yet) readable. */
static long holder(int file)
{
	char text[32];
	ssize_t length = pread(file, text, sizeof text - 1, 0);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	return strtol(text, NULL, 10);
}

static void process_name(long pid, char name[static 32])
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%ld/comm", pid);
	NR_AUTO(nr_closep) FILE *file = fopen(path, "re");
	if (!file || !fgets(name, 32, file))
		snprintf(name, 32, "another program");
	name[strcspn(name, "\n")] = '\0';
}

static int fail_held(int file, const char *path, struct nr_error *error)
{
	long pid = holder(file);
	if (pid <= 0)
		return nr_fail(error, -EBUSY,
			"%s: another program is writing to it; wait until it has finished", path);
	char name[32];
	process_name(pid, name);
	return nr_fail(error, -EBUSY,
		"%s: process %ld (%s) is writing to it; wait until it has finished, or stop it", path, pid,
		name);
}

/* Only the words of another's error depend on this note: a full disk must not stop us here. */
static void write_holder(int file)
{
	char text[32];
	int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	if (ftruncate(file, 0) == 0 && pwrite(file, text, (size_t)length, 0) != length)
		(void)!ftruncate(file, 0);
}

int nr_store_lock(const char *lock_path, const char *path, int *ret_lock, struct nr_error *error)
{
	int file = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (file < 0)
		return nr_fail(error, -errno,
			"%s: cannot be made (%s); the store's folder must be open to this user", lock_path,
			strerror(errno));
	if (flock(file, LOCK_EX | LOCK_NB) != 0) {
		int reason = errno;
		int status = reason == EWOULDBLOCK
				     ? fail_held(file, path, error)
				     : nr_fail(error, -reason, "%s: %s", lock_path, strerror(reason));
		close(file);
		return status;
	}
	write_holder(file);
	*ret_lock = file;
	return 0;
}
