/* SPDX-License-Identifier: Apache-2.0 */
/* The guard of the clock against a simulated machine and simulated references, with faults by the thousand.
 */
#include "trust/clock/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define TICK  (NR_SECOND / 4)
#define START (INT64_C(1790000000) * NR_SECOND)

/* A machine whose clocks go wrong in known ways; truth is what they should say. */
struct machine {
	nr_time truth, real, monotonic, boottime;
	double drift_ppm, slew_ppm;
	uint64_t seed;
};

struct reference {
	nr_time lie;
	double lie_ppm; /* a lie that grows */
	nr_time bound;
	bool silent;
	uint8_t leap;
};

static uint64_t roll(uint64_t *seed)
{
	*seed += UINT64_C(0x9e3779b97f4a7c15); /* SplitMix64 */
	uint64_t z = *seed;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static nr_time between(uint64_t *seed, nr_time low, nr_time high)
{
	return low + (nr_time)(roll(seed) % (uint64_t)(high - low + 1));
}

static void pass(struct machine *machine, nr_time elapsed)
{
	nr_time raw = elapsed + (nr_time)((double)elapsed * machine->drift_ppm / 1e6);
	machine->truth += elapsed;
	machine->monotonic += raw;
	machine->boottime += raw;
	machine->real += raw + (nr_time)((double)raw * machine->slew_ppm / 1e6);
}

static struct nr_clock_reading read_of(const struct machine *machine)
{
	return (struct nr_clock_reading){machine->real, machine->monotonic, machine->boottime};
}

static void ask(struct nr_clock *clock, unsigned index, struct reference *reference, struct machine *machine)
{
	struct nr_clock_reading now = read_of(machine);
	nr_time error = between(&machine->seed, -reference->bound, reference->bound);
	reference->lie += (nr_time)(reference->lie_ppm * (double)TICK / 1e6);
	struct nr_clock_sample sample = {!reference->silent,
		machine->truth - machine->real + error + reference->lie, reference->bound, reference->leap};
	nr_clock_observe(clock, index, &sample, &now);
}

static struct nr_clock_statement state_of(struct nr_clock *clock, const struct machine *machine)
{
	struct nr_clock_reading now = read_of(machine);
	struct nr_clock_statement statement;
	nr_clock_state(clock, &now, &statement);
	return statement;
}

struct scene {
	struct nr_clock *clock;
	struct machine machine;
	struct reference references[NR_CLOCK_REFERENCES_MAX];
	unsigned count;
	bool outvoted; /* most references lie: no bound can be right, but nobody may stamp beyond the limit */
};

static void scene_init(struct scene *scene, unsigned references, uint64_t seed, bool confirm)
{
	*scene = (struct scene){.count = references};
	scene->machine = (struct machine){.truth = START, .real = START, .seed = seed};
	scene->machine.monotonic = scene->machine.boottime = 1000 * NR_SECOND;
	for (unsigned i = 0; i < references; i++)
		scene->references[i].bound = between(&scene->machine.seed, 1, NR_SECOND / 50);
	struct nr_clock_conf conf = {
		.references = references, .good_time = 5 * NR_SECOND, .good_polls = 4, .confirm = confirm};
	assert_int_equal(nr_clock_new(&conf, &scene->clock, NULL), 0);
}

static bool is_off(const struct machine *machine)
{
	nr_time off = machine->truth - machine->real;
	return off > NR_CLOCK_LIMIT || off < -NR_CLOCK_LIMIT;
}

/* One tick; a statement that says "run" while the machine is off is what must never be. */
static struct nr_clock_statement tick(struct scene *scene)
{
	pass(&scene->machine, TICK);
	struct nr_clock_statement before = state_of(scene->clock, &scene->machine);
	assert_false(before.run && is_off(&scene->machine));
	for (unsigned i = 0; i < scene->count; i++)
		ask(scene->clock, i, &scene->references[i], &scene->machine);
	struct nr_clock_statement after = state_of(scene->clock, &scene->machine);
	assert_false(after.run && is_off(&scene->machine));
	if (after.run && !scene->outvoted) {
		nr_time off = scene->machine.truth - scene->machine.real;
		assert_true(off <= after.bound && -off <= after.bound);
	}
	return after;
}

static struct nr_clock_statement ticks(struct scene *scene, nr_time time)
{
	struct nr_clock_statement statement = {0};
	for (nr_time t = 0; t < time; t += TICK)
		statement = tick(scene);
	return statement;
}

static void begin(struct scene *scene, unsigned references)
{
	scene_init(scene, references, 7, false);
	assert_false(tick(scene).run);
	assert_true(ticks(scene, 10 * NR_SECOND).run);
}

static void scene_fini(struct scene *scene)
{
	nr_clock_free(scene->clock);
}

static void test_conf(void **state)
{
	(void)state;
	struct nr_error error;
	struct nr_clock *clock;
	struct nr_clock_conf one = {.references = 1}, alone = {.references = 3, .quorum = 1},
			     many = {.references = 9}, high = {.references = 2, .quorum = 3};
	assert_int_equal(nr_clock_new(&one, &clock, &error), -EINVAL);
	assert_int_equal(nr_clock_new(&alone, &clock, &error), -EINVAL);
	assert_int_equal(nr_clock_new(&many, &clock, &error), -EINVAL);
	assert_int_equal(nr_clock_new(&high, &clock, &error), -EINVAL);
}

static void test_step(void **state)
{
	(void)state;
	struct scene scene;
	begin(&scene, 2);
	scene.machine.real += NR_SECOND;
	struct nr_clock_statement at_once = state_of(scene.clock, &scene.machine);
	assert_false(at_once.run);
	assert_false(ticks(&scene, 20 * NR_SECOND).run);
	scene.machine.real -= NR_SECOND;
	assert_false(tick(&scene).run);
	assert_true(ticks(&scene, 10 * NR_SECOND).run);
	scene.machine.real += NR_SECOND / 5; /* inside of the limit, but somebody has set the clock */
	assert_false(state_of(scene.clock, &scene.machine).run);
	assert_true(ticks(&scene, 10 * NR_SECOND).run);
	scene_fini(&scene);
}

static void test_confirm(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene, 3, 5, true);
	assert_true(ticks(&scene, 10 * NR_SECOND).run);
	scene.machine.real += NR_SECOND / 5;
	assert_int_equal(ticks(&scene, 60 * NR_SECOND).reason, NR_CLOCK_UNCONFIRMED);
	nr_clock_confirm(scene.clock);
	assert_true(ticks(&scene, 10 * NR_SECOND).run);
	scene_fini(&scene);
}

static void test_suspend(void **state)
{
	(void)state;
	struct scene scene;
	begin(&scene, 2);
	scene.machine.truth += 5 * NR_SECOND; /* CLOCK_MONOTONIC_RAW stands still, the others go on */
	scene.machine.real += 5 * NR_SECOND;
	scene.machine.boottime += 5 * NR_SECOND;
	assert_int_equal(state_of(scene.clock, &scene.machine).run, false);
	assert_true(ticks(&scene, 10 * NR_SECOND).run);
	/* a snapshot restored: every clock of the machine stands where it stood; only the references know */
	scene.machine.truth += NR_HOUR;
	for (unsigned i = 0; i < scene.count; i++)
		ask(scene.clock, i, &scene.references[i], &scene.machine);
	assert_false(state_of(scene.clock, &scene.machine).run);
	scene_fini(&scene);
}

static void test_liars(void **state)
{
	(void)state;
	struct scene scene;
	begin(&scene, 3);
	scene.references[0].lie = 10 * NR_SECOND; /* one alone is not believed, for however long */
	assert_true(ticks(&scene, 200 * NR_SECOND).run);
	scene.references[0].lie = 0;
	assert_true(ticks(&scene, 10 * NR_SECOND).run);
	scene.references[0].lie = scene.references[1].lie = 10 * NR_SECOND; /* two together stop it */
	tick(&scene);
	assert_false(ticks(&scene, 200 * NR_SECOND).run);
	scene_fini(&scene);
	/* slowly, each step within what an oscillator may do */
	begin(&scene, 3);
	scene.references[0].lie_ppm = scene.references[1].lie_ppm = 90;
	scene.outvoted = true;
	scene.machine.slew_ppm = 90; /* and the machine follows them */
	struct nr_clock_statement last = ticks(&scene, 4 * NR_HOUR);
	assert_false(last.run);
	scene_fini(&scene);
}

static void test_silence(void **state)
{
	(void)state;
	struct scene scene;
	begin(&scene, 2);
	scene.references[1].silent = true;
	assert_true(ticks(&scene, 30 * NR_SECOND).run);
	assert_int_equal(ticks(&scene, 60 * NR_SECOND).reason, NR_CLOCK_NO_QUORUM);
	scene.references[1].silent = false;
	scene.references[1].leap = 3; /* it says itself that it is not synchronised */
	assert_false(ticks(&scene, 60 * NR_SECOND).run);
	scene.references[1].leap = 0;
	assert_true(ticks(&scene, 10 * NR_SECOND).run);
	scene_fini(&scene);
}

/* To 2 s before the end of the day, then over it. */
static void cross_midnight(struct scene *scene, nr_time real_steps, nr_time truth_steps)
{
	nr_time midnight = nr_time_floor(scene->machine.truth, NR_DAY) + NR_DAY;
	while (scene->machine.truth < midnight - TICK)
		tick(scene);
	nr_time held = NR_SECOND / 2;
	assert_false(tick(scene).run);
	scene->machine.real += real_steps;
	scene->machine.truth += truth_steps;
	while (scene->machine.truth < midnight + held)
		assert_false(tick(scene).run);
}

static void test_leap(void **state)
{
	(void)state;
	static const struct {
		uint8_t said[3];
		nr_time real, truth;
	} cases[] = {
		{{1, 1, 1}, -NR_SECOND, -NR_SECOND}, /* inserted, and the machine knew */
		{{2, 2, 2}, NR_SECOND, NR_SECOND},   /* deleted */
		{{1, 1, 1}, 0, -NR_SECOND},          /* the machine did not know */
		{{1, 0, 0}, 0, 0},                   /* one announces what does not come */
	};
	for (size_t c = 0; c < NR_COUNT(cases); c++) {
		struct scene scene;
		scene_init(&scene, 3, c, false);
		scene.machine.truth = scene.machine.real =
			nr_time_floor(START, NR_DAY) + NR_DAY - 2 * NR_MINUTE;
		for (unsigned i = 0; i < 3; i++)
			scene.references[i].leap = cases[c].said[i];
		assert_true(ticks(&scene, 10 * NR_SECOND).run);
		cross_midnight(&scene, cases[c].real, cases[c].truth);
		for (unsigned i = 0; i < 3; i++)
			scene.references[i].leap = 0;
		bool knew = cases[c].real == cases[c].truth;
		assert_int_equal(ticks(&scene, 30 * NR_SECOND).run, knew);
		scene_fini(&scene);
	}
}

/* One fault of a random kind and size; the assertions in tick() are the test. */
static void fault(struct scene *scene)
{
	struct machine *machine = &scene->machine;
	uint64_t *seed = &machine->seed;
	struct reference *reference = &scene->references[roll(seed) % scene->count];
	switch (roll(seed) % 9) {
	case 0:
		machine->real += between(seed, -3 * NR_SECOND, 3 * NR_SECOND);
		break;
	case 1:
		machine->slew_ppm = (double)between(seed, -80000, 80000);
		break;
	case 2:
		machine->drift_ppm = (double)between(seed, -90, 90);
		break;
	case 3:
		reference->lie = between(seed, -20 * NR_SECOND, 20 * NR_SECOND);
		break;
	case 4:
		reference->lie_ppm = (double)between(seed, -50000, 50000);
		break;
	case 5:
		reference->silent = !reference->silent;
		break;
	case 6: {
		nr_time slept = between(seed, 1, 20 * NR_SECOND);
		machine->truth += slept;
		machine->boottime += slept;
		machine->real += roll(seed) % 2 ? slept : 0;
		break;
	}
	case 7:
		for (unsigned i = 0; i < scene->count; i++)
			scene->references[i].silent = roll(seed) % 2;
		break;
	default:
		machine->slew_ppm = 0;
		machine->real = machine->truth;
		reference->lie = 0;
		reference->lie_ppm = 0;
		reference->silent = false;
	}
}

/* A restored snapshot is known to the references alone: until one of them has been asked again nobody can
 * know, so that it is not among these faults (test_suspend has it). At most one reference lies, as with any
 * quorum. */
static void test_thousands(void **state)
{
	(void)state;
	unsigned runs = 0, faults = 0, running = 0, all = 0;
	for (uint64_t seed = 0; faults < 10000; seed++, runs++) {
		struct scene scene;
		scene_init(&scene, 3 + (unsigned)(seed % 3), seed, false);
		ticks(&scene, 10 * NR_SECOND);
		for (unsigned i = 0; i < 5; i++, faults++) {
			for (unsigned k = 0; k < scene.count; k++) {
				scene.references[k].lie = 0;
				scene.references[k].lie_ppm = 0;
			}
			fault(&scene);
			for (nr_time t = 0; t < 15 * NR_SECOND; t += TICK, all++)
				running += tick(&scene).run;
		}
		scene_fini(&scene);
	}
	print_message("%u faults in %u runs; tokens could be issued in %u of %u ticks\n", faults, runs,
		running, all);
	assert_true(running > all / 4); /* a guard that never lets anybody stamp would be right, too */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conf),
		cmocka_unit_test(test_step),
		cmocka_unit_test(test_confirm),
		cmocka_unit_test(test_suspend),
		cmocka_unit_test(test_liars),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_leap),
		cmocka_unit_test(test_thousands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
