/* SPDX-License-Identifier: Apache-2.0 */
/* The nursery: who is called when, what happens to who dies, and that nobody outlives the keeper. */
#include "base/child.h"
#include "base/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Shared with nursery and children. */
static struct shared {
	char calls[64]; /* one letter a call */
	unsigned prepared;
	int fail_at; /* letter of the call that fails; 0: none */
	int refuse_again;
} * shared;

static int note(char letter, struct nr_error *error)
{
	size_t length = strlen(shared->calls);
	if (length + 1 < sizeof shared->calls)
		shared->calls[length] = letter;
	return shared->fail_at == letter ? nr_fail(error, -EACCES, "no %c", letter) : 0;
}

static int child_open(void *context, struct nr_error *error)
{
	(void)context;
	return note('o', error);
}

static int drop(void *context, struct nr_error *error)
{
	(void)context;
	return note('d', error);
}

/* Its own memory: what one process prepared is not seen by another. */
static unsigned version;

static int child_prepare(void *context, bool again, struct nr_error *error)
{
	(void)context;
	if (again && shared->refuse_again == 1)
		return nr_fail(error, -EINVAL, "file:3: no such key");
	if (again && shared->refuse_again == 2)
		abort();
	while (again && shared->refuse_again == 3)
		pause();
	version++;
	return note('p', error);
}

static int child_hold(void *context, struct nr_error *error)
{
	(void)context;
	return note('h', error);
}

static void child_end(void *context)
{
	(void)context;
	note('e', NULL);
}

/* Does what the keeper's bytes say until it is asked for something else. */
static int child_run(void *context, const struct nr_child_start *start, struct nr_error *error)
{
	(void)context;
	char hello[3] = {(char)('0' + start->before), start->fresh ? 'F' : '-', (char)('0' + version)};
	if (write(start->socket, hello, sizeof hello) != sizeof hello)
		return nr_fail(error, -EIO, "no stream");
	while (nr_child_asked() == NR_CHILD_WORK) {
		char byte = 0;
		struct pollfd file = {start->socket, POLLIN, 0};
		if (poll(&file, 1, 20) <= 0 || read(start->socket, &byte, 1) != 1)
			continue;
		if (byte == 'f')
			return nr_fail(error, -EIO, "told to fail");
		if (byte == 'k')
			raise(SIGKILL);
		if (byte == 's' && nr_sandbox_enter(0, NULL, error) == 0)
			close(socket(AF_INET, SOCK_DGRAM, 0));
		if (byte == 'o' && nr_sandbox_enter(0, NULL, error) == 0)
			close(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
		if (byte == 'i')
			signal(SIGABRT, SIG_IGN);
		if (byte == 'i')
			(void)!write(start->socket, "i", 1);
		if (byte == 'h')
			for (;;)
				pause();
	}
	return 0;
}

static const struct nr_child children[] = {
	{"one", NULL, child_open, child_prepare, child_hold, child_run, NULL, child_end},
};
static const struct nr_nursery_conf conf = {children, 1, drop, NULL};

static int child_finish(void *context, const struct nr_child_start *start, struct nr_error *error)
{
	(void)context;
	bool working = nr_child_asked() == NR_CHILD_WORK; /* nothing is asked of it: it has its task */
	return working && start->before > 0 ? note('f', error) : nr_fail(error, -EINVAL, "wrong");
}

static const struct nr_child finished[] = {
	{"one", NULL, child_open, child_prepare, child_hold, child_run, child_finish, child_end},
};
static const struct nr_nursery_conf finished_conf = {finished, 1, drop, NULL};

static struct nr_nursery *start_conf(const struct nr_nursery_conf *which)
{
	struct nr_nursery *nursery;
	struct nr_error error = {0};
	memset(shared, 0, sizeof *shared);
	if (nr_nursery_start(which, &nursery, &error))
		fail_msg("%s", error.text);
	return nursery;
}

static struct nr_nursery *start(void)
{
	return start_conf(&conf);
}

static void expect(
	struct nr_nursery *nursery, enum nr_child_what what, struct nr_child_event *event, int *ret_socket)
{
	int rc = 0, socket = -1;
	for (int i = 0; rc == 0 && i < 400; i++) {
		struct pollfd file = {nr_nursery_socket(nursery), POLLIN, 0};
		poll(&file, 1, 100);
		rc = nr_nursery_next(nursery, event, &socket);
	}
	assert_int_equal(rc, 1);
	assert_int_equal(event->what, what);
	if (ret_socket)
		*ret_socket = socket;
	else
		nr_close_fd(&socket);
}

/* The child's first words: its number, whether it starts afresh, the version that was prepared. */
static int expect_start(struct nr_nursery *nursery, const char *hello)
{
	struct nr_child_event event;
	int socket;
	char got[4] = "";
	expect(nursery, NR_CHILD_STARTED, &event, &socket);
	assert_true(socket >= 0 && event.pid > 0);
	struct pollfd file = {socket, POLLIN, 0};
	assert_int_equal(poll(&file, 1, 20000), 1);
	assert_int_equal(read(socket, got, 3), 3);
	assert_string_equal(got, hello);
	return socket;
}

static void say(int socket, const char *byte)
{
	assert_int_equal(write(socket, byte, 1), 1);
}

static void end(struct nr_nursery *nursery, int socket)
{
	struct nr_child_event event;
	int none;
	assert_int_equal(nr_nursery_ask(nursery, NR_NURSERY_END, 0, NULL), 0);
	expect(nursery, NR_CHILD_ENDED, &event, NULL);
	assert_true(event.asked && event.delay == NR_TIME_MAX);
	struct pollfd file = {nr_nursery_socket(nursery), POLLIN, 0};
	assert_int_equal(poll(&file, 1, 20000), 1);
	assert_int_equal(nr_nursery_next(nursery, &event, &none), -EPIPE);
	nr_nursery_free(nursery);
	close(socket);
}

static void test_order(void **state)
{
	(void)state;
	struct nr_nursery *nursery = start();
	assert_string_equal(shared->calls, "odph");
	nr_nursery_ask(nursery, NR_NURSERY_GO, 0, NULL);
	int socket = expect_start(nursery, "0-1");
	end(nursery, socket);
	assert_string_equal(shared->calls, "odphe");
}

/* It leaves, then another process finishes; while it waits for its next start, that alone. */
static void test_finish(void **state)
{
	(void)state;
	for (int waiting = 0; waiting <= 1; waiting++) {
		struct nr_child_event event;
		struct nr_nursery *nursery = start_conf(&finished_conf);
		nr_nursery_ask(nursery, NR_NURSERY_GO, 0, NULL);
		int socket = expect_start(nursery, "0-1");
		if (waiting) { /* killed young: it will start again in a second */
			say(socket, "k");
			expect(nursery, NR_CHILD_ENDED, &event, NULL);
			assert_int_equal(event.delay, NR_CHILD_DELAY);
		}
		assert_int_equal(nr_nursery_ask(nursery, NR_NURSERY_END, 0, NULL), 0);
		if (!waiting) {
			expect(nursery, NR_CHILD_ENDED, &event, NULL);
			assert_true(event.asked && event.delay == 0);
		}
		expect(nursery, NR_CHILD_STARTED, &event, NULL);
		expect(nursery, NR_CHILD_ENDED, &event, NULL);
		assert_true(event.asked && event.delay == NR_TIME_MAX);
		assert_string_equal(shared->calls, "odphfe");
		nr_nursery_free(nursery);
		close(socket);
	}
}

static void test_no_start(void **state)
{
	(void)state;
	for (const char *at = "odph"; *at; at++) {
		struct nr_nursery *nursery;
		struct nr_error error = {0};
		memset(shared, 0, sizeof *shared);
		shared->fail_at = *at;
		assert_int_equal(nr_nursery_start(&conf, &nursery, &error), -EACCES);
		char text[] = {'n', 'o', ' ', *at, '\0'};
		assert_string_equal(error.text, text);
	}
}

/* Young deaths: at once, then discarded after a second. SIGKILL is not the state's fault. */
static void test_deaths(void **state)
{
	(void)state;
	static const struct {
		const char *order;
		int signal; /* 0: status 1 with words */
		bool discard;
		nr_time delay;
		const char *next;
	} steps[] = {
		{"k", SIGKILL, false, NR_CHILD_DELAY, "1-1"},
		{"s", SIGSYS, false, 0, "2-1"},
		{"f", 0, true, NR_CHILD_DELAY, "3F1"},
		{"k", SIGKILL, false, NR_CHILD_DELAY, "4-1"},
		{"o", SIGSYS, true, 2 * NR_CHILD_DELAY, "5F1"},
	};
	struct nr_nursery *nursery = start();
	nr_nursery_ask(nursery, NR_NURSERY_GO, 0, NULL);
	int socket = expect_start(nursery, "0-1");
	for (size_t i = 0; i < NR_COUNT(steps); i++) {
		struct nr_child_event event;
		say(socket, steps[i].order);
		expect(nursery, NR_CHILD_ENDED, &event, NULL);
		assert_false(event.asked);
		if (steps[i].signal)
			assert_true(WIFSIGNALED(event.status) && WTERMSIG(event.status) == steps[i].signal);
		else
			assert_string_equal(event.text, "told to fail");
		assert_int_equal(event.discard, steps[i].discard);
		assert_int_equal(event.delay, steps[i].delay);
		close(socket);
		socket = expect_start(nursery, steps[i].next);
	}
	end(nursery, socket);
}

static void test_reload(void **state)
{
	(void)state;
	struct nr_child_event event;
	struct nr_nursery *nursery = start();
	nr_nursery_ask(nursery, NR_NURSERY_GO, 0, NULL);
	int socket = expect_start(nursery, "0-1");
	nr_nursery_ask(nursery, NR_NURSERY_RELOAD, 0, NULL);
	expect(nursery, NR_CHILD_RELOADED, &event, NULL);
	expect(nursery, NR_CHILD_ENDED, &event, NULL);
	assert_true(event.asked && event.delay == 0 && !event.discard);
	close(socket);
	socket = expect_start(nursery, "1-2");
	/* refused; ends the process that tries it; never comes to an end */
	static const char *const why[] = {"file:3: no such key", "ended the process", "took longer than"};
	for (int how = 1; how <= 3; how++) {
		shared->refuse_again = how;
		nr_nursery_ask(nursery, NR_NURSERY_RELOAD, 0, NULL);
		if (how ==
			3) { /* who dies meanwhile starts again, with the configuration that was accepted */
			say(socket, "k");
			expect(nursery, NR_CHILD_ENDED, &event, NULL);
			close(socket);
			socket = expect_start(nursery, "2-2");
		}
		expect(nursery, NR_CHILD_REFUSED, &event, NULL);
		assert_non_null(strstr(event.text, why[how - 1]));
	}
	end(nursery, socket);
}

static void test_kill(void **state)
{
	(void)state;
	struct nr_child_event event;
	struct nr_nursery *nursery = start();
	nr_nursery_ask(nursery, NR_NURSERY_GO, 0, NULL);
	int socket = expect_start(nursery, "0-1");
	nr_nursery_ask(nursery, NR_NURSERY_KILL, 0, NULL);
	expect(nursery, NR_CHILD_ENDED, &event, NULL);
	assert_true(WIFSIGNALED(event.status) && !event.asked);
	close(socket);
	socket = expect_start(nursery, "1-1");
	say(socket, "i"); /* it does not listen to SIGABRT: killed all the same, and it is to blame */
	struct pollfd file = {socket, POLLIN, 0};
	assert_int_equal(poll(&file, 1, 20000), 1);
	nr_nursery_ask(nursery, NR_NURSERY_KILL, 0, NULL);
	expect(nursery, NR_CHILD_ENDED, &event, NULL);
	assert_true(WIFSIGNALED(event.status) && WTERMSIG(event.status) == SIGKILL);
	assert_true(!event.asked && event.discard);
	close(socket);
	end(nursery, expect_start(nursery, "2F1"));
}

/* One that cannot end does not hold up the keeper's end. */
static void test_stopped(void **state)
{
	(void)state;
	pid_t keeper = fork();
	if (keeper == 0) {
		struct nr_nursery *nursery = start();
		nr_nursery_ask(nursery, NR_NURSERY_GO, 0, NULL);
		int socket = expect_start(nursery, "0-1");
		struct ucred who = {0};
		socklen_t length = sizeof who;
		getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &length);
		kill(who.pid, SIGSTOP); /* the nursery made the pair */
		nr_nursery_free(nursery);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(keeper, &status, 0), keeper);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Killed: the keeper; then the stream's and the nursery's ends close, because nobody lives who had them. */
static void test_nobody_outlives(void **state)
{
	(void)state;
	int life[2];
	assert_int_equal(pipe(life), 0); /* its writing end is in every process of that keeper */
	pid_t keeper = fork();
	if (keeper == 0) {
		struct nr_nursery *nursery = start();
		nr_nursery_ask(nursery, NR_NURSERY_GO, 0, NULL);
		int socket = expect_start(nursery, "0-1");
		say(socket, "h"); /* it listens to nobody */
		(void)!write(life[1], "r", 1);
		for (;;)
			pause();
	}
	close(life[1]);
	char byte;
	assert_int_equal(read(life[0], &byte, 1), 1);
	kill(keeper, SIGKILL);
	waitpid(keeper, NULL, 0);
	struct pollfd file = {life[0], POLLIN, 0};
	assert_int_equal(poll(&file, 1, 20000), 1);
	assert_int_equal(read(life[0], &byte, 1), 0);
	close(life[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_finish),
		cmocka_unit_test(test_no_start),
		cmocka_unit_test(test_deaths),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_nobody_outlives),
	};
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
