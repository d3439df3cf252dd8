/* SPDX-License-Identifier: Apache-2.0 */
/* Each case runs in a child: what it may do ends it with 0, what it may not do kills it by SIGSYS. */
#include "base/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int input = -1; /* open before the sandbox */
static int listener = -1, datagram = -1;
static struct sockaddr_in place; /* of listener */
static char folder[] = "/tmp/noroshi-sandbox-XXXXXX";
static char file_path[64];

static bool do_nothing(void)
{
	return true;
}

static bool do_read(void)
{
	char bytes[16];
	struct stat status;
	return pread(input, bytes, sizeof bytes, 0) > 0 && fstat(input, &status) == 0;
}

static bool do_write(void)
{
	return fprintf(stderr, "%s", "") == 0 && write(STDERR_FILENO, "", 0) == 0;
}

static int compare(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(int));
}

static bool do_allocate(void)
{
	size_t count = (size_t)1 << 20;
	int *numbers = calloc(count, sizeof *numbers);
	int *more = numbers ? realloc(numbers, 2 * count * sizeof *numbers) : NULL;
	if (!more) {
		free(numbers);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		more[i] = (int)(i * 7919 % 1000);
	qsort(more, count, sizeof *more, compare); /* asks for the size of the memory */
	free(more);
	return true;
}

static void *thread_main(void *argument)
{
	NR_AUTO(nr_freep) char *text = malloc(100000);
	if (text)
		*(bool *)argument = true;
	return NULL;
}

static bool do_threads(void)
{
	bool ran[4] = {false};
	pthread_t threads[4];
	for (int i = 0; i < 4; i++) {
		if (pthread_create(&threads[i], NULL, thread_main, &ran[i]) != 0)
			return false;
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return ran[0] && ran[1] && ran[2] && ran[3];
}

static bool do_open(void)
{
	NR_AUTO(nr_close_fd) int fd = open(file_path, O_RDONLY | O_CLOEXEC);
	return fd >= 0;
}

static bool do_open_writing(void)
{
	NR_AUTO(nr_close_fd) int fd = open(file_path, O_WRONLY | O_CLOEXEC);
	return fd >= 0;
}

static bool do_create(void)
{
	char path[80];
	snprintf(path, sizeof path, "%s.new", file_path);
	NR_AUTO(nr_close_fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd >= 0 && write(fd, "x", 1) == 1 && ftruncate(fd, 0) == 0 && unlink(path) == 0;
}

static bool do_socket(void)
{
	NR_AUTO(nr_close_fd) int fd = socket(AF_INET, SOCK_DGRAM, 0);
	return fd >= 0;
}

static bool do_socket_refused(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0) < 0 && errno == EACCES;
}

static bool do_fork(void)
{
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	return child > 0;
}

static bool do_exec(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return false;
}

static bool do_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	       MAP_FAILED;
}

static bool do_signal_parent(void)
{
	return kill(getppid(), 0) == 0;
}

static bool do_accept(void)
{
	NR_AUTO(nr_close_fd) int file = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return file >= 0 || errno == EAGAIN;
}

static bool do_connect(void)
{
	NR_AUTO(nr_close_fd) int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(file, (const struct sockaddr *)&place, sizeof place) == 0;
}

static bool do_send(void)
{
	return sendto(datagram, "", 0, MSG_DONTWAIT, (const struct sockaddr *)&place, sizeof place) == 0;
}

static bool do_ask_socket(void)
{
	int code;
	socklen_t length = sizeof code;
	return getsockopt(listener, SOL_SOCKET, SO_ERROR, &code, &length) == 0;
}

static bool do_ask_losses(void)
{
	uint32_t values[SK_MEMINFO_VARS];
	socklen_t length = sizeof values;
	return getsockopt(listener, SOL_SOCKET, SO_MEMINFO, values, &length) == 0;
}

static bool do_take_datagrams(void)
{
	char bytes[16];
	struct iovec place_of = {bytes, sizeof bytes};
	struct mmsghdr message = {.msg_hdr = {.msg_iov = &place_of, .msg_iovlen = 1}};
	return recvmmsg(datagram, &message, 1, MSG_DONTWAIT, NULL) >= 0 || errno == EAGAIN;
}

static bool do_make_folder(void)
{
	char path[96];
	snprintf(path, sizeof path, "%s/made", folder);
	return mkdir(path, 0700) == 0 && rmdir(path) == 0;
}

static bool do_bind(void)
{
	return bind(datagram, (const struct sockaddr *)&place, sizeof place) == 0 || errno == EINVAL;
}

/* The child's wait status after entering with allow and calling action. */
static int run_inside(unsigned allow, bool (*action)(void))
{
	pid_t child = fork();
	if (child == 0) {
		struct nr_error error = {0};
		struct nr_sandbox sandbox;
		int rc = nr_sandbox_enter(allow, &sandbox, &error);
		if (rc < 0)
			_exit(100);
		if (!sandbox.no_new_privileges)
			_exit(101);
		if (!sandbox.seccomp)
			_exit(102);
		_exit(action() ? 0 : 1);
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void check(const char *name, unsigned allow, bool (*action)(void), bool allowed)
{
	int status = run_inside(allow, action);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 102) {
		print_message("skipped: this kernel has no seccomp\n");
		return;
	}
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
	bool ended = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (allowed ? !ended : !killed)
		fail_msg("%s with %u: wait status 0x%x", name, allow, status);
}

static void test_cases(void **state)
{
	const unsigned reading = NR_SANDBOX_READ_FILES, writing = NR_SANDBOX_WRITE_FILES;
	static const struct {
		const char *name;
		bool (*action)(void);
		bool compute, read, write; /* may be done with 0, READ_FILES, WRITE_FILES */
	} cases[] = {
		{"nothing", do_nothing, true, true, true},
		{"read", do_read, true, true, true},
		{"write", do_write, true, true, true},
		{"allocate", do_allocate, true, true, true},
		{"threads", do_threads, true, true, true},
		{"open", do_open, false, true, true},
		{"open for writing", do_open_writing, false, false, true},
		{"create", do_create, false, false, true},
		{"socket", do_socket, false, false, false},
		{"fork", do_fork, false, false, false},
		{"exec", do_exec, false, false, false},
		{"executable memory", do_code, false, false, false},
		{"signal to the parent", do_signal_parent, false, false, false},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		check(cases[i].name, 0, cases[i].action, cases[i].compute);
		check(cases[i].name, reading, cases[i].action, cases[i].read);
		check(cases[i].name, writing, cases[i].action, cases[i].write);
	}
	check("make a folder", writing, do_make_folder, false);
	check("make a folder", writing | NR_SANDBOX_MAKE_FOLDERS, do_make_folder, true);
}

/* What flags beside those for files allow. */
static void test_sockets(void **state)
{
	(void)state;
	enum {
		SERVE = NR_SANDBOX_SERVE,
		CONNECT = NR_SANDBOX_CONNECT,
		CAPTURE = NR_SANDBOX_CAPTURE,
		RECEIVE = NR_SANDBOX_RECEIVE
	};
	static const struct {
		const char *name;
		bool (*action)(void);
		unsigned allowed; /* flags, each of which is enough */
	} cases[] = {
		{"accept", do_accept, SERVE | CONNECT | RECEIVE},
		{"send", do_send, SERVE | CONNECT},
		{"ask a socket", do_ask_socket, SERVE | CONNECT | CAPTURE},
		{"ask for losses", do_ask_losses, SERVE | CONNECT | RECEIVE},
		{"take datagrams", do_take_datagrams, CONNECT | RECEIVE},
		{"connect", do_connect, CONNECT},
		{"bind", do_bind, CONNECT},
		{"socket", do_socket, CONNECT},
		{"open", do_open, 0},
		{"fork", do_fork, 0},
		{"exec", do_exec, 0},
		{"signal to the parent", do_signal_parent, 0},
	};
	static const unsigned flags[] = {SERVE, CONNECT, CAPTURE, RECEIVE};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		check(cases[i].name, 0, cases[i].action, false);
		for (size_t k = 0; k < NR_COUNT(flags); k++)
			check(cases[i].name, flags[k], cases[i].action, cases[i].allowed & flags[k]);
	}
	check("a socket that is refused", NR_SANDBOX_NO_SOCKETS, do_socket_refused, true);
}

/* 0: as it should be, 77: this kernel has no Landlock. */
static int in_places(const char *outside)
{
	const struct nr_sandbox_places places = {.write = folder};
	struct nr_sandbox sandbox;
	if (nr_sandbox_enter_places(NR_SANDBOX_WRITE_FILES, &places, &sandbox, NULL))
		return 1;
	if (!sandbox.landlock)
		return 77;
	if (!do_open() || !do_open_writing() || !do_create())
		return 2;
	for (int flags = O_RDONLY; flags <= O_RDWR; flags++)
		if (open(outside, flags | O_CLOEXEC) >= 0 || errno != EACCES)
			return 3;
	return unlink(outside) < 0 && errno == EACCES ? 0 : 4;
}

static void test_places(void **state)
{
	(void)state;
	char outside[] = "/tmp/noroshi-outside-XXXXXX";
	int status, file = mkstemp(outside);
	assert_true(file >= 0);
	pid_t child = fork();
	if (child == 0)
		_exit(in_places(outside));
	waitpid(child, &status, 0);
	close(file);
	assert_int_equal(unlink(outside), 0);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		print_message("skipped: this kernel has no Landlock\n");
	else
		assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_missing(void **state)
{
	(void)state;
	struct nr_sandbox sandbox = {.landlock = true, .seccomp = true};
	assert_null(nr_sandbox_missing(&sandbox));
	sandbox.landlock = false;
	assert_string_equal(nr_sandbox_missing(&sandbox), "Landlock");
	sandbox.seccomp = false;
	assert_string_equal(nr_sandbox_missing(&sandbox), "Landlock and seccomp");
	sandbox.landlock = true;
	assert_string_equal(nr_sandbox_missing(&sandbox), "seccomp");
}

static int open_sockets(void)
{
	socklen_t length = sizeof place;
	place = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	datagram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || datagram < 0 || bind(listener, (const struct sockaddr *)&place, sizeof place) ||
		listen(listener, 64))
		return -1;
	return getsockname(listener, (struct sockaddr *)&place, &length);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(file_path, sizeof file_path, "%s/file", folder);
	input = open(file_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return input >= 0 && write(input, "0123456789", 10) == 10 ? open_sockets() : -1;
}

static int tear_down(void **state)
{
	(void)state;
	close(input);
	close(listener);
	close(datagram);
	unlink(file_path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_places), cmocka_unit_test(test_missing)};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
