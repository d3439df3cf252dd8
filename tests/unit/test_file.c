/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "base/option.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char folder[] = "/tmp/noroshi-file-XXXXXX";
static char path[64];

static size_t files_count(void)
{
	size_t count = 0;
	DIR *directory = opendir(folder);
	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 2; /* . and .. */
}

static void expect_content(const void *bytes, size_t length)
{
	NR_AUTO(nr_freep) uint8_t *read = NULL;
	size_t read_length = 0;
	assert_int_equal(nr_file_read(path, length + 10, &read, &read_length, NULL), 0);
	assert_int_equal(read_length, length);
	assert_memory_equal(read, bytes, length);
	assert_int_equal(read[length], '\0');
}

static void test_write_read(void **state)
{
	static const size_t lengths[] = {0, 1, 65535, 65536, 65537, 1000000};
	NR_AUTO(nr_freep) char *bytes = malloc(1000000);
	(void)state;
	memset(bytes, 'x', 1000000);
	for (size_t i = 0; i < NR_COUNT(lengths); i++) {
		assert_int_equal(nr_file_write(path, bytes, lengths[i], NULL), 0);
		expect_content(bytes, lengths[i]);
		assert_int_equal(files_count(), 1);
	}
	unlink(path);
}

static void test_mode(void **state)
{
	struct stat status;
	mode_t mask = umask(027);
	(void)state;
	assert_int_equal(nr_file_write(path, "a", 1, NULL), 0);
	umask(mask);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0640);
	/* a file that was kept from others stays so */
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(nr_file_write(path, "b", 1, NULL), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	unlink(path);
}

static void test_link(void **state)
{
	struct stat status;
	char link_path[80];
	(void)state;
	snprintf(link_path, sizeof link_path, "%s/link", folder);
	assert_int_equal(nr_file_write(path, "old", 3, NULL), 0);
	assert_int_equal(symlink("file", link_path), 0);
	assert_int_equal(nr_file_write(link_path, "new", 3, NULL), 0);
	assert_int_equal(lstat(link_path, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	expect_content("new", 3);
	unlink(link_path);
	unlink(path);
}

/* A pipe is written to and stays one. */
static void test_pipe(void **state)
{
	struct stat status;
	char bytes[8] = "";
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(nr_file_write(path, "hello", 5, NULL), 0);
	assert_int_equal(read(fd, bytes, sizeof bytes), 5);
	assert_string_equal(bytes, "hello");
	close(fd);
	assert_int_equal(stat(path, &status), 0);
	assert_true(S_ISFIFO(status.st_mode));
	assert_int_equal(files_count(), 1);
	unlink(path);
	assert_int_equal(nr_file_write("/dev/full", "x", 1, NULL), -ENOSPC);
}

static void test_limit(void **state)
{
	uint8_t *read = (uint8_t *)"untouched";
	size_t length = 42;
	struct nr_error error = {0};
	(void)state;
	assert_int_equal(nr_file_write(path, "0123456789", 10, NULL), 0);
	assert_int_equal(nr_file_read(path, 9, &read, &length, &error), -EFBIG);
	assert_string_equal(read, "untouched");
	assert_int_equal(length, 42);
	assert_non_null(strstr(error.text, "larger than 9 bytes"));
	assert_int_equal(nr_file_read(path, 10, &read, &length, &error), 0);
	free(read);
	/* without an end */
	assert_int_equal(nr_file_read("/dev/zero", 300000, &read, &length, &error), -EFBIG);
	unlink(path);
}

static void test_bad(void **state)
{
	uint8_t *read;
	size_t length;
	struct nr_error error = {0};
	(void)state;
	assert_int_equal(nr_file_read(path, 10, &read, &length, &error), -ENOENT);
	assert_non_null(strstr(error.text, path));
	assert_int_equal(nr_file_read(folder, 10, &read, &length, &error), -EISDIR);
	assert_int_equal(nr_file_write("/nonexistent/file", "a", 1, &error), -ENOENT);
	assert_int_equal(nr_file_write(folder, "a", 1, &error), -EISDIR);
}

/* A full disk leaves the old file and nothing else. */
static void test_full_disk(void **state)
{
	struct nr_file file;
	struct nr_error error = {0};
	(void)state;
	assert_int_equal(nr_file_write(path, "old", 3, NULL), 0);
	assert_int_equal(nr_file_create(&file, path, &error), 0);
	fclose(file.stream);
	file.stream = fopen("/dev/full", "wb");
	assert_non_null(file.stream);
	fputs("new", file.stream);
	assert_int_equal(nr_file_commit(&file, &error), -ENOSPC);
	nr_file_fini(&file);
	expect_content("old", 3);
	assert_int_equal(files_count(), 1);
	unlink(path);
}

static void test_abandoned(void **state)
{
	struct nr_file file;
	(void)state;
	assert_int_equal(nr_file_create(&file, path, NULL), 0);
	fputs("half", file.stream);
	assert_int_equal(files_count(), 1);
	nr_file_fini(&file);
	assert_int_equal(files_count(), 0);
	nr_file_fini(&file);
}

static void test_parts(void **state)
{
	struct nr_file file;
	(void)state;
	assert_int_equal(nr_file_create(&file, path, NULL), 0);
	fprintf(file.stream, "%d ", 1);
	fprintf(file.stream, "%d", 2);
	assert_int_equal(nr_file_commit(&file, NULL), 0);
	nr_file_fini(&file);
	expect_content("1 2", 3);
	unlink(path);
}

/* What a signal leaves of a command that writes: nothing, whatever was open, and what had been finished. */
static void test_interrupted(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(signals); i++) {
		int status;
		pid_t child = fork();
		if (child == 0) {
			struct nr_file files[4] = {{0}};
			(void)!freopen("/dev/null", "w", stderr);
			nr_command_end_on_signal();
			for (size_t j = 0; j < NR_COUNT(files); j++)
				if (nr_file_create(&files[j], path, NULL))
					_exit(1);
			fputs("new", files[1].stream);
			if (nr_file_commit(&files[1], NULL))
				_exit(1);
			nr_file_fini(&files[2]);
			raise(signals[i]);
			_exit(2);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), NR_EXIT_ENVIRONMENT);
		assert_int_equal(files_count(), 1);
		expect_content("new", 3);
		unlink(path);
	}
}

/* nohup and background jobs of a shell: what is ignored stays ignored. */
static void test_not_interrupted(void **state)
{
	int status;
	(void)state;
	pid_t child = fork();
	if (child == 0) {
		signal(SIGHUP, SIG_IGN);
		nr_command_end_on_signal();
		raise(SIGHUP);
		_exit(7);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 7);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/file", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(folder); /* fails when something was left behind */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_read),
		cmocka_unit_test(test_mode),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_abandoned),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_not_interrupted),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
