/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeper, nursery, relay, area and store together, with a sense that counts the bytes of a pipe: the pipe is
 * the ring, held by who forks. Whatever is killed, what was counted is stored, and nothing twice; a sense
 * that reaches beyond its sandbox dies, is started again, and that is written down.
 */
#include "base/rights.h"
#include "base/sandbox.h"
#include "model/gap.h"
#include "serve/keeper.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define BATCH 64 /* bytes that a sense reads at once: what a kill may cost */

/* ---- the sense ---- */

struct count {
	const char *sensor;
	nr_time time; /* number of the row */
	uint64_t packets;
};
static const struct nr_column columns[] = {
	{"sensor", NR_TYPE_TEXT, offsetof(struct count, sensor), true, false, "", ""},
	{"time", NR_TYPE_TIME, offsetof(struct count, time), true, false, "", ""},
	{"packets", NR_TYPE_UINT64, offsetof(struct count, packets), false, false, "", ""},
};
static const struct nr_table count_table = {
	"test_count", columns, NR_COUNT(columns), sizeof(struct count), "time", "", ""};
static const struct nr_table *const tables[] = {&count_table, &nr_gap_table, &nr_finding_table};

struct state {
	uint64_t counted, rows;
};

static char folder[64], store_path[80], state_path[80], outbox_path[80];
static int packets[2]; /* the pipe */
static struct nr_area *state_area, *outbox_area;
static struct shared {
	pid_t sense, nursery;
	bool resumed, fresh;
	bool dies_at_end, hangs_at_end;
	uint64_t begins_with; /* enum nr_relay_state */
} * shared;

static int hold(void *context, struct nr_error *error)
{
	(void)context;
	int rc = nr_area_open(state_path, 1 << 20, 1, &state_area, error);
	return rc ? rc
		  : nr_area_open(
			    outbox_path, nr_relay_area_bytes(4 * NR_RELAY_FRAME_MAX), 1, &outbox_area, error);
}

/* 'F' and 'S' are what a hostile packet could make a parser do. */
static void observe(struct state *state, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] == 'F')
			(void)!open("/etc/passwd", O_RDONLY | O_CLOEXEC);
		else if (bytes[i] == 'S')
			(void)!socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		else
			state->counted++;
	}
}

static int flush(struct state *state, struct nr_sink *sink, struct nr_error *error)
{
	const struct count row = {"test", (nr_time)state->rows + 1, state->counted};
	int rc = sink->rows(sink, &count_table, &row, 1, error);
	if (rc == 0)
		rc = sink->commit(sink, error);
	state->rows += rc == 0;
	return rc;
}

static int count_packets(struct state *state, struct nr_relay *relay, struct nr_error *error)
{
	char bytes[BATCH];
	int rc = 0;
	struct nr_relay_status status = {
		.up = true, .layers = NR_RELAY_LANDLOCK | NR_RELAY_SECCOMP, .state = shared->begins_with};
	while (rc == 0 && nr_child_asked() == NR_CHILD_WORK) {
		struct pollfd file = {packets[0], POLLIN, 0};
		poll(&file, 1, 1);
		ssize_t n = file.revents & POLLIN ? read(packets[0], bytes, sizeof bytes) : 0;
		if (n > 0)
			observe(state, bytes, (size_t)n);
		if (n > 0)
			rc = flush(state, nr_relay_sink(relay), error);
		status.time = nr_time_now();
		status.packets = state->counted;
		nr_relay_tell(relay, &status);
	}
	return rc;
}

static int run(void *context, const struct nr_child_start *start, struct nr_error *error)
{
	(void)context;
	shared->nursery = getppid();
	shared->sense = getpid();
	int rc = nr_sandbox_enter(NR_SANDBOX_CAPTURE, NULL, error);
	if (rc)
		return rc;
	shared->fresh = start->fresh;
	if (start->fresh) {
		nr_area_clear(state_area);
		nr_area_clear(outbox_area);
	}
	struct state *state = nr_area_root(state_area, sizeof *state, &shared->resumed, error);
	NR_AUTO(nr_relay_closep) struct nr_relay *relay = NULL;
	struct nr_relay_conf conf = {
		tables, NR_COUNT(tables), start->socket, outbox_area, 4 * NR_RELAY_FRAME_MAX};
	rc = state ? nr_relay_open(&conf, &relay, error) : -ENOMEM;
	if (rc == 0)
		rc = count_packets(state, relay, error);
	if (rc == 0 && shared->dies_at_end)
		__builtin_trap();
	while (shared->hangs_at_end)
		poll(NULL, 0, 10);
	if (rc == 0 && nr_child_asked() == NR_CHILD_END)
		rc = flush(state, nr_relay_sink(relay), error);
	if (rc == 0 && nr_child_asked() == NR_CHILD_END)
		rc = nr_relay_drain(relay, error);
	return rc;
}

static void end(void *context)
{
	(void)context;
	unlink(state_path);
	unlink(outbox_path);
}

/* ---- the keeper ---- */

static int keep(struct nr_error *error)
{
	const struct nr_child child = {.name = "test", .hold = hold, .run = run, .end = end};
	const struct nr_nursery_conf nursery_conf = {&child, 1, NULL, NULL};
	const struct nr_keeper_sensor sensor = {"test", "test", "pipe"};
	struct nr_keeper_conf conf = {.sensors = &sensor,
		.count = 1,
		.tables = tables,
		.table_count = NR_COUNT(tables),
		.store_name = "store",
		.silent = NR_SECOND,
		.kills = 2 * NR_SECOND};
	int rc = nr_nursery_start(&nursery_conf, &conf.nursery, error);
	if (rc == 0)
		rc = nr_store_open(store_path, NR_STORE_CREATE, tables, NR_COUNT(tables), &conf.store, error);
	if (rc == 0)
		rc = nr_keeper_run(&conf, error);
	nr_store_close(conf.store);
	nr_nursery_free(conf.nursery);
	return rc;
}

static pid_t start_keeper(void)
{
	shared->sense = 0;
	pid_t pid = fork();
	if (pid == 0) {
		struct nr_error error = {0};
		int log = open("/dev/null", O_WRONLY | O_CLOEXEC);
		setpgid(0, 0);
		nr_keeper_block_signals();
		dup2(log, STDERR_FILENO);
		_exit(keep(&error) ? 1 : 0);
	}
	return pid;
}

static void pause_ms(long ms)
{
	const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&time, NULL);
}

static pid_t await_sense(pid_t other_than)
{
	for (int i = 0; i < 4000; i++) {
		if (shared->sense && shared->sense != other_than)
			return shared->sense;
		pause_ms(5);
	}
	fail_msg("no sense came");
	return 0;
}

static void send_packets(const char *bytes)
{
	assert_int_equal(write(packets[1], bytes, strlen(bytes)), strlen(bytes));
}

/* The pipe is empty: everything has been read, not yet counted. */
static void await_read(void)
{
	for (int i = 0; i < 4000; i++) {
		struct pollfd file = {packets[0], POLLIN, 0};
		if (poll(&file, 1, 0) == 0)
			return;
		pause_ms(5);
	}
	fail_msg("packets lie unread");
}

static void stop_keeper(pid_t pid)
{
	int status;
	await_read();
	pause_ms(50);
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(access(state_path, F_OK), -1);
}

static int64_t ask(const char *sql)
{
	sqlite3 *database;
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_open_v2(store_path, &database, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(database));
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int64_t answer = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(database);
	return answer;
}

static void run_sql(const char *sql)
{
	sqlite3 *database;
	assert_int_equal(sqlite3_open_v2(store_path, &database, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(database);
}

#define IS_SOUND "SELECT integrity_check = 'ok' FROM pragma_integrity_check"
#define COUNTED  "SELECT max(packets) FROM test_count"

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/dev/shm/noroshi-keeper-XXXXXX");
	if (!mkdtemp(folder) || pipe2(packets, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	snprintf(store_path, sizeof store_path, "%s/store", folder);
	snprintf(state_path, sizeof state_path, "%s/state", folder);
	snprintf(outbox_path, sizeof outbox_path, "%s/outbox", folder);
	memset(shared, 0, sizeof *shared);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	char command[96];
	close(packets[0]);
	close(packets[1]);
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

/* It ends, but not in order: the status says so, and what was counted stays. */
static void await_failure(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_int_equal(access(state_path, F_OK), 0);
	assert_int_equal(
		ask("SELECT count(*) FROM sensor_gap WHERE cause = 'stopped' AND last = "
		    "9223372036854775807 AND text_en LIKE '%could not all be stored%' AND text_ja LIKE "
		    "'%保存できず%'"),
		1);
}

/* ---- tests ---- */

static void test_walk(void **state)
{
	(void)state;
	pid_t keeper = start_keeper();
	await_sense(0);
	send_packets("....................");
	stop_keeper(keeper);
	assert_int_equal(ask(COUNTED), 20);
	assert_int_equal(ask(IS_SOUND), 1);
	assert_int_equal(ask("SELECT count(*) FROM sensor_gap WHERE cause = 'stopped' AND last = "
			     "9223372036854775807"),
		1);
}

static void test_violation(void **state)
{
	(void)state;
	static const char *const hostile[] = {"F", "S"};
	for (size_t i = 0; i < NR_COUNT(hostile); i++) {
		pid_t keeper = start_keeper(), sense = await_sense(0);
		send_packets(".....");
		await_read();
		pause_ms(50);
		send_packets(hostile[i]);
		await_sense(sense);
		send_packets("...");
		stop_keeper(keeper);
		assert_true(shared->resumed && !shared->fresh);
		assert_int_equal(ask(COUNTED), 8); /* before and after, and not the one in between */
		assert_int_equal(
			ask("SELECT count(*) FROM sensor_gap WHERE cause = 'crashed' AND last < "
			    "9223372036854775807 AND text_en LIKE '%sandbox forbids%no packet was lost%' "
			    "AND text_ja LIKE '%サンドボックス%'"),
			(int64_t)i + 1);
		assert_int_equal(ask("DELETE FROM test_count RETURNING 1"), 1);
	}
}

/* Twice in a row: what killed may lie in the state. */
static void test_discarded(void **state)
{
	(void)state;
	pid_t keeper = start_keeper(), first = await_sense(0);
	send_packets(".....");
	await_read();
	send_packets("F");
	pid_t second = await_sense(first);
	await_read();
	pause_ms(50);
	send_packets("F");
	await_sense(second);
	send_packets("..");
	stop_keeper(keeper);
	assert_true(shared->fresh);
	assert_int_equal(ask("SELECT packets FROM test_count WHERE time = 1"), 2);
	assert_int_equal(ask("SELECT count(*) FROM sensor_gap WHERE cause = 'state-discarded'"), 1);
}

static void test_dies_at_the_end(void **state)
{
	(void)state;
	pid_t keeper = start_keeper();
	await_sense(0);
	send_packets(".....");
	await_read();
	pause_ms(50);
	shared->dies_at_end = true;
	kill(keeper, SIGTERM);
	await_failure(keeper);
	shared->dies_at_end = false;
	keeper = start_keeper();
	await_sense(0);
	send_packets("..");
	stop_keeper(keeper);
	assert_true(shared->resumed);
	assert_int_equal(ask(COUNTED), 7);
	assert_int_equal(ask("SELECT count(*) FROM sensor_gap WHERE cause = 'stopped' AND last < "
			     "9223372036854775807 AND text_en LIKE '%it watched again%'"),
		1);
}

static void test_nursery_dies_at_the_end(void **state)
{
	(void)state;
	pid_t keeper = start_keeper();
	await_sense(0);
	send_packets(".....");
	await_read();
	pause_ms(50);
	shared->hangs_at_end = true;
	kill(keeper, SIGTERM);
	pause_ms(50);
	kill(shared->nursery, SIGKILL);
	await_failure(keeper);
}

/* What a process began with, and whether that is a gap. */
static void test_begins_anew(void **state)
{
	(void)state;
	static const struct {
		uint64_t begins_with;
		int64_t gaps;
		const char *text;
	} cases[] = {
		{0, 0, ""}, /* nothing is stored: nothing was lost */
		{NR_RELAY_RESUMED, 0, ""},
		{NR_RELAY_OTHER, 1, "%other settings%is lost%"}, /* no gap says that it was stopped */
		{NR_RELAY_OTHER, 1, "%other settings%All of them had been stored%"},
		{NR_RELAY_OTHER | NR_RELAY_LEFT, 1, "%other settings%is lost%"},
		{NR_RELAY_UNSOUND, 1, "%damaged%"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		char sql[256];
		shared->begins_with = cases[i].begins_with;
		if (i == 2)
			run_sql("DELETE FROM sensor_gap");
		pid_t keeper = start_keeper();
		await_sense(0);
		send_packets("..");
		stop_keeper(keeper);
		snprintf(sql, sizeof sql,
			"SELECT count(*) FROM sensor_gap WHERE cause = 'state-discarded' AND text_en LIKE "
			"'%s'",
			cases[i].gaps ? cases[i].text : "%");
		assert_int_equal(ask(sql), cases[i].gaps);
		run_sql("DELETE FROM sensor_gap WHERE cause = 'state-discarded'");
	}
}

/* One that hangs is noticed, killed, and followed by one that goes on with its counts. */
static void test_silent(void **state)
{
	(void)state;
	pid_t keeper = start_keeper(), sense = await_sense(0);
	send_packets(".....");
	await_read();
	pause_ms(50);
	kill(sense, SIGSTOP);
	send_packets("...");
	await_sense(sense);
	stop_keeper(keeper);
	assert_true(shared->resumed && !shared->fresh);
	assert_int_equal(ask(COUNTED), 8);
	assert_int_equal(ask("SELECT count(*) FROM sensor_gap WHERE cause = 'crashed' AND last < "
			     "9223372036854775807"),
		1);
}

enum victim { SENSE, KEEPER, GROUP, VICTIMS };

/* Sends while it kills; answers what was sent. */
static uint64_t send_and_kill(int kills, uint64_t *seed, pid_t *keeper)
{
	static const char some[] = "..........";
	uint64_t sent = 0;
	for (int i = 0; i < kills; i++) {
		*seed = *seed * 6364136223846793005u + 1442695040888963407u;
		long life = (long)(*seed >> 33) % 40;
		enum victim victim = (enum victim)((*seed >> 20) % VICTIMS);
		pid_t sense = await_sense(0);
		for (long ms = 0; ms <= life; ms++) {
			ssize_t n = write(packets[1], some, strlen(some));
			sent += (uint64_t)NR_MAX(n, 0);
			pause_ms(1);
		}
		if (victim == SENSE) {
			shared->sense = 0;
			kill(sense, SIGKILL);
			continue;
		}
		kill(victim == GROUP ? -*keeper : *keeper, SIGKILL);
		waitpid(*keeper, NULL, 0);
		*keeper = start_keeper();
	}
	return sent;
}

static void test_killed(void **state)
{
	(void)state;
	const char *wanted = getenv("NOROSHI_KILLS");
	int kills = wanted ? NR_MAX(atoi(wanted), 1) : 20;
	uint64_t seed = 20240601;
	pid_t keeper = start_keeper();
	uint64_t sent = send_and_kill(kills, &seed, &keeper);
	await_sense(0);
	stop_keeper(keeper);
	uint64_t counted = (uint64_t)ask(COUNTED);
	print_message("%d kills: %llu of %llu counted\n", kills, (unsigned long long)counted,
		(unsigned long long)sent);
	assert_true(counted <= sent && sent - counted <= (uint64_t)kills * BATCH);
	assert_int_equal(ask(IS_SOUND), 1);
	assert_int_equal(ask("SELECT max(time) = count(*) FROM test_count"), 1); /* no row was lost */
	assert_int_equal(
		ask("SELECT count(*) FROM (SELECT packets - lag(packets) OVER (ORDER BY time) AS more "
		    "FROM test_count) WHERE more < 0"),
		0);
}

static void find_user(struct nr_rights *rights)
{
	struct nr_error error = {0};
	assert_int_equal(nr_rights_find(NULL, folder, rights, &error), 0);
}

/* Root becomes who owns the folder, has no capability left, and cannot write where that user cannot. */
static void test_rights(void **state)
{
	(void)state;
	struct nr_rights rights;
	struct nr_error error = {0};
	if (geteuid() != 0) {
		assert_int_equal(nr_rights_find("root", folder, &rights, &error), -EPERM);
		return;
	}
	find_user(&rights); /* the folder is root's */
	assert_string_equal(rights.name, "nobody");
	assert_int_equal(nr_rights_check_folder(&rights, folder, &error), -EACCES);
	assert_non_null(strstr(error.text, "chown nobody"));
	assert_int_equal(chown(folder, 12345, 12345), 0);
	find_user(&rights);
	assert_string_equal(rights.name, "12345");
	assert_int_equal(nr_rights_check_folder(&rights, folder, &error), 0);
	assert_int_equal(nr_rights_find("no-such-user-here", folder, &rights, &error), -EINVAL);
	find_user(&rights);
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		bool dropped = nr_rights_drop(&rights, NULL) == 0 && getuid() == 12345 && getegid() == 12345;
		bool none = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) < 0 && setuid(0) < 0;
		_exit(dropped && none ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_walk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_violation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_discarded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dies_at_the_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nursery_dies_at_the_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_begins_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_silent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rights, set_up, tear_down),
	};
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
