/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that outlives its process: through orderly ends, through kill -9 at any moment, and what else may
 * lie under its name. */
#include "base/pages.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define BYTES ((size_t)64 << 20)
#define PAGE  4096

static char folder[] = "/dev/shm/noroshi-test-area-XXXXXX";
static char path[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/dev/shm/noroshi-test-area-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/area", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static struct nr_area *open_area(uint64_t layout)
{
	struct nr_area *area;
	struct nr_error error = {0};
	if (nr_area_open(path, BYTES, layout, &area, &error))
		fail_msg("%s", error.text);
	return area;
}

struct root {
	uint64_t number;
	uint64_t *numbers;
};

static void test_outlives(void **state)
{
	(void)state;
	bool found;
	struct nr_area *area = open_area(1);
	struct root *root = nr_area_root(area, sizeof *root, &found, NULL), *before = root;
	assert_false(found);
	assert_int_equal(root->number, 0);
	root->number = 42;
	assert_int_equal(nr_pages_resize(area, (void **)&root->numbers, 0, 100000, NULL), 0);
	root->numbers[9999] = 7;
	nr_area_close(area);
	area = open_area(1);
	assert_false(nr_area_emptied(area));
	root = nr_area_root(area, sizeof *root, &found, NULL);
	assert_true(found);
	assert_ptr_equal(root, before);
	assert_true(root->number == 42 && root->numbers[9999] == 7 && root->numbers[0] == 0);
	nr_area_close(area);
	/* another layout, another size of the root: nothing is taken for what it is not */
	area = open_area(2);
	assert_true(nr_area_emptied(area));
	root = nr_area_root(area, sizeof *root, &found, NULL);
	assert_false(found);
	assert_true(root->number == 0 && !root->numbers);
	root->number = 1;
	assert_non_null(nr_area_root(area, sizeof *root + 8, &found, NULL));
	assert_false(found);
	nr_area_close(area);
}

static void test_two(void **state)
{
	(void)state;
	char other[80];
	bool found;
	struct nr_area *one = open_area(1), *two;
	snprintf(other, sizeof other, "%s.2", path);
	assert_int_equal(nr_area_open(other, BYTES, 1, &two, NULL), 0);
	uint64_t *a = nr_area_root(one, 8, &found, NULL), *b = nr_area_root(two, 8, &found, NULL);
	*a = 1;
	*b = 2;
	assert_true(a != b && *a == 1);
	nr_area_close(one);
	nr_area_close(two);
	unlink(other);
}

/* Grows, shrinks and returns: always zeros where nothing was written, never room beyond the limit. */
static void test_sizes(void **state)
{
	(void)state;
	bool found;
	struct nr_area *area = open_area(1);
	nr_area_root(area, 8, &found, NULL);
	uint8_t *one = NULL, *two = NULL;
	assert_int_equal(nr_pages_resize(area, (void **)&one, 0, 5000, NULL), 0);
	memset(one, 1, 5000);
	assert_int_equal(
		nr_pages_resize(area, (void **)&one, 5000, 20000, NULL), 0); /* at the end: in place */
	assert_int_equal(nr_pages_resize(area, (void **)&two, 0, PAGE, NULL), 0);
	uint8_t *before = one;
	assert_int_equal(nr_pages_resize(area, (void **)&one, 20000, 40000, NULL), 0); /* moves */
	assert_ptr_not_equal(one, before);
	assert_false(nr_area_holds(area, before, 20000));
	assert_true(nr_area_holds(area, one, 40000) && nr_area_holds(area, two, PAGE));
	assert_true(one[4999] == 1 && one[5000] == 0 && one[39999] == 0);
	assert_int_equal(nr_pages_resize(area, (void **)&one, 40000, 100, NULL), 0);
	assert_int_equal(nr_pages_resize(area, (void **)&one, 100, 5000, NULL), 0);
	assert_true(one[99] == 1 && one[100] == 0 && one[4999] == 0);
	assert_int_equal(nr_pages_resize(area, (void **)&one, 5000, BYTES + PAGE, NULL), -ENOMEM);
	assert_true(one[99] == 1);
	nr_pages_unmap(area, one, 5000);
	nr_pages_unmap(area, two, PAGE);
	assert_false(nr_area_holds(area, one, 1));
	one = NULL;
	assert_int_equal(nr_pages_resize(area, (void **)&one, 0, BYTES - 8 * PAGE, NULL), 0);
	for (size_t i = 0; i < BYTES - 8 * PAGE; i += 997)
		assert_int_equal(one[i], 0);
	struct stat status;
	nr_pages_unmap(area, one, BYTES - 8 * PAGE);
	assert_int_equal(stat(path, &status), 0);
	assert_true(status.st_blocks * 512 < (1 << 20)); /* what is released is the system's again */
	nr_area_close(area);
}

/* A copy can be worked with like the area itself, and the file does not notice. */
static void test_copy(void **state)
{
	(void)state;
	bool found;
	int status;
	struct nr_area *area = open_area(1);
	struct root *root = nr_area_root(area, sizeof *root, &found, NULL);
	assert_int_equal(nr_pages_resize(area, (void **)&root->numbers, 0, 10 * PAGE, NULL), 0);
	root->number = 1;
	root->numbers[0] = 7;
	pid_t pid = fork();
	if (pid == 0) {
		uint64_t *more = NULL;
		if (nr_area_copy(area, NULL) || root->number != 1 || root->numbers[0] != 7)
			_exit(1);
		root->number = 2;
		nr_pages_unmap(area, root->numbers, 10 * PAGE);
		root->numbers = NULL;
		if (nr_pages_resize(area, (void **)&more, 0, 20 * PAGE, NULL) || more[0] ||
			more[20 * PAGE / 8 - 1])
			_exit(2);
		more[0] = 9;
		nr_area_clear(area);
		root = nr_area_root(area, sizeof *root, &found, NULL);
		_exit(found || root->number || root->numbers ? 3 : 0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_true(
		root->number == 1 && root->numbers[0] == 7 && nr_area_holds(area, root->numbers, 10 * PAGE));
	nr_area_close(area);
}

/* ---- what lies under its name ---- */

static void test_strangers(void **state)
{
	(void)state;
	struct nr_area *area;
	struct nr_error error = {0};
	char target[80], byte = 'x';
	snprintf(target, sizeof target, "%s.target", path);
	int file = open(target, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(file, &byte, 1), 1);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(nr_area_open(path, BYTES, 1, &area, &error), -ELOOP);
	assert_non_null(strstr(error.text, "remove it"));
	unlink(path);
	assert_int_equal(link(target, path), 0);
	assert_int_equal(nr_area_open(path, BYTES, 1, &area, &error), -EPERM);
	assert_int_equal(pread(file, &byte, 1, 0), 1); /* untouched */
	unlink(path);
	unlink(target);
	close(file);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(nr_area_open(path, BYTES, 1, &area, &error), -EPERM);
	unlink(path);
	if (geteuid() == 0) {
		file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		assert_int_equal(fchown(file, 65534, 65534), 0);
		assert_int_equal(nr_area_open(path, BYTES, 1, &area, &error), -EPERM);
		close(file);
		unlink(path);
	}
	area = open_area(1);
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	nr_area_close(area);
}

/* Whatever the head says: opened as found, or emptied, never beyond the file. */
static void test_damaged(void **state)
{
	(void)state;
	bool found;
	struct nr_area *area = open_area(1);
	uint64_t *root = nr_area_root(area, 8, &found, NULL);
	void *pages[8] = {NULL};
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(nr_pages_resize(area, &pages[i], 0, PAGE, NULL), 0);
	nr_pages_unmap(area, pages[2], PAGE);
	nr_pages_unmap(area, pages[5], PAGE);
	*root = 5;
	nr_area_close(area);
	static const uint64_t values[] = {0, 1, PAGE, UINT64_MAX, UINT64_MAX - PAGE + 1, BYTES * 2};
	for (size_t word = 0; word < 12; word++) {
		for (size_t i = 0; i < NR_COUNT(values); i++) {
			uint64_t kept;
			int file = open(path, O_RDWR | O_CLOEXEC);
			assert_int_equal(pread(file, &kept, 8, (off_t)word * 8), 8);
			assert_int_equal(pwrite(file, &values[i], 8, (off_t)word * 8), 8);
			area = open_area(1);
			root = nr_area_root(area, 8, &found, NULL);
			assert_true(*root == 0 || (found && *root == 5));
			void *more = NULL;
			if (nr_pages_resize(area, &more, 0, 3 * PAGE, NULL) == 0)
				memset(more, 1, 3 * PAGE);
			*root = 5;
			nr_area_close(area);
			close(file);
		}
	}
}

static void test_busy(void **state)
{
	(void)state;
	int ready[2], status;
	char byte = 0;
	assert_int_equal(pipe(ready), 0);
	struct nr_area *area = open_area(1), *other;
	pid_t pid = fork();
	if (pid == 0) { /* a child that has it from its parent keeps the lock a little longer */
		nr_area_close(area);
		(void)!read(ready[0], &byte, 1);
		_exit(0);
	}
	struct nr_error error = {0};
	assert_int_equal(nr_area_open(path, BYTES, 1, &other, &error), -EBUSY);
	assert_non_null(strstr(error.text, "another process"));
	nr_area_close(area);
	assert_int_equal(write(ready[1], &byte, 1), 1);
	area = open_area(1); /* waits for its end */
	nr_area_close(area);
	waitpid(pid, &status, 0);
	close(ready[0]);
	close(ready[1]);
}

/* A full file system is told, and nobody is killed by touching what is not there. */
static void test_full(void **state)
{
	(void)state;
	char mounted[80], file[96];
	snprintf(mounted, sizeof mounted, "%s.mount", path);
	snprintf(file, sizeof file, "%s/area", mounted);
	mkdir(mounted, 0700);
	if (mount("none", mounted, "tmpfs", 0, "size=4m") < 0) {
		rmdir(mounted);
		print_message("skipped: this takes root\n");
		return;
	}
	bool found;
	struct nr_area *area = NULL;
	uint8_t *pages = NULL;
	size_t bytes = 0;
	int rc = nr_area_open(file, BYTES, 1, &area, NULL);
	if (rc == 0 && nr_area_root(area, 8, &found, NULL))
		while ((rc = nr_pages_resize(area, (void **)&pages, bytes, bytes + (64 << 10), NULL)) == 0) {
			memset(pages + bytes, 1, 64 << 10);
			bytes += 64 << 10;
		}
	size_t before = bytes;
	int again = rc == -ENOMEM ? nr_pages_resize(area, (void **)&pages, bytes, PAGE, NULL) : -1;
	int back = again == 0 ? nr_pages_resize(area, (void **)&pages, PAGE, 1 << 20, NULL) : -1;
	nr_area_close(area);
	umount2(mounted, MNT_DETACH);
	rmdir(mounted);
	assert_int_equal(rc, -ENOMEM);
	assert_true(before > (2 << 20));
	assert_int_equal(again, 0);
	assert_int_equal(back, 0);
}

/* ---- killed at any moment ---- */

#define SLOTS 64

/* busy: 1 + the slot that is being changed, whose pages may be old, new, or just released; 0: none. */
struct work {
	uint64_t turns, busy;
	struct slot {
		uint8_t *pages;
		size_t bytes;
	} slots[SLOTS];
};

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void barrier(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void change_slot(struct nr_area *area, struct work *work, size_t i, size_t bytes)
{
	struct slot *s = &work->slots[i];
	work->busy = i + 1;
	barrier();
	if (bytes == 0) {
		uint8_t *pages = s->pages;
		size_t before = s->bytes;
		if (pages)
			nr_pages_unmap(area, pages, before);
		s->pages = NULL;
		s->bytes = 0;
	} else if (nr_pages_resize(area, (void **)&s->pages, s->bytes, bytes, NULL) == 0) {
		if (bytes > s->bytes)
			memset(s->pages + s->bytes, (int)i + 1, bytes - s->bytes);
		s->bytes = bytes;
	}
	barrier();
	work->busy = 0;
	work->turns++;
}

static void work_for_ever(struct nr_area *area, struct work *work, uint64_t seed)
{
	for (;;) {
		size_t i = next_random(&seed) % SLOTS;
		uint64_t size = next_random(&seed) % 8;
		size_t bytes = size == 0 ? 0 : next_random(&seed) % ((size_t)PAGE << size) + 1;
		change_slot(area, work, i, bytes);
	}
}

/* Every slot but the busy one is as it was left, held, and nobody else's. */
static bool is_sound(struct nr_area *area, struct work *work)
{
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &work->slots[i];
		if (i + 1 == work->busy || !s->pages)
			continue;
		if (!nr_area_holds(area, s->pages, s->bytes))
			return false;
		for (size_t k = 0; k < s->bytes; k++)
			if (s->pages[k] != i + 1)
				return false;
		for (size_t k = 0; k < i; k++) {
			const struct slot *o = &work->slots[k];
			if (o->pages && k + 1 != work->busy && s->pages < o->pages + o->bytes &&
				o->pages < s->pages + s->bytes)
				return false;
		}
	}
	return true;
}

/* What the header says to whoever resumes: what is not held is forgotten. */
static void resume(struct nr_area *area, struct work *work)
{
	if (!work->busy)
		return;
	struct slot *s = &work->slots[work->busy - 1];
	if (s->pages && !nr_area_holds(area, s->pages, s->bytes ? s->bytes : 1))
		s->pages = NULL;
	if (s->pages)
		memset(s->pages, (int)work->busy, s->bytes);
	else
		s->bytes = 0;
	work->busy = 0;
}

static void live_and_die(uint64_t seed, int begun)
{
	bool found;
	struct nr_area *area;
	if (nr_area_open(path, BYTES, 1, &area, NULL))
		_exit(2);
	struct work *work = nr_area_root(area, sizeof *work, &found, NULL);
	if (!work || !is_sound(area, work))
		_exit(3);
	resume(area, work);
	if (write(begun, "", 1) != 1)
		_exit(4);
	work_for_ever(area, work, seed);
}

/* Every other life ends in the midst of its work however slow the machine is, the others anywhere. */
static void test_killed(void **state)
{
	(void)state;
	uint64_t seed = 88172645463325252u;
	for (int i = 0; i < 200; i++) {
		int status, begun[2];
		char byte;
		const struct timespec life = {.tv_nsec = (long)(next_random(&seed) % 8000000)};
		assert_int_equal(pipe(begun), 0);
		pid_t pid = fork();
		if (pid == 0)
			live_and_die(seed, begun[1]);
		close(begun[1]); /* a life that ends too early is an end of file here */
		if (i % 2)
			(void)!read(begun[0], &byte, 1);
		nanosleep(&life, NULL);
		kill(pid, SIGKILL);
		close(begun[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
			fail_msg("life %d ended with 0x%x", i, status);
	}
	bool found;
	struct nr_area *area = open_area(1);
	struct work *work = nr_area_root(area, sizeof *work, &found, NULL);
	assert_true(found && work->turns > 0 && is_sound(area, work));
	print_message("%llu changes survived 200 kills\n", (unsigned long long)work->turns);
	nr_area_close(area);
}

static void test_layout(void **state)
{
	(void)state;
	uint64_t one = nr_area_layout("a", 1);
	assert_true(one == nr_area_layout("a", 1)); /* this program has a build id */
	assert_true(one != nr_area_layout("b", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_outlives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sizes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_copy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_strangers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_busy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
		cmocka_unit_test(test_layout),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
