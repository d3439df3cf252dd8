/* SPDX-License-Identifier: Apache-2.0 */
/* The judge: weights, reasons in both languages, budget, similar servers, people's answers, learning. */
#include "sense/flow/detect/judge/verdict_inside.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define START (NR_DAY * 20000)

static struct nr_flow_server server_at(uint32_t number, uint16_t port)
{
	return (struct nr_flow_server){nr_address_from_ipv4(0xc6336400u + number), port, 6};
}

/* A web server that many use, without a beat. */
static struct nr_flow_candidate benign(uint32_t number)
{
	struct nr_flow_candidate c = {.server = server_at(number, 443)};
	c.context = (struct nr_flow_context){.first = START,
		.last = START + NR_DAY - 1,
		.known_since = START - 40 * NR_DAY,
		.flows = 5000,
		.up_packets = 50000,
		.down_packets = 90000,
		.up_bytes = 5000000,
		.down_bytes = 90000000,
		.clients = 900 + number,
		.established = 890,
		.neighbourhood = 40000,
		.services = 2,
		.client_services = 60,
		.hours = {0xffffff},
		.known_clients = 100};
	c.timing = (struct nr_flow_timing){.beats = 5000,
		.clients = 900,
		.comb_z = 1.5,
		.comb_period = 77,
		.comb_lags = 4000,
		.timer_distance = 9,
		.shape = 0.6,
		.shape_z = -8,
		.gap_median = 300,
		.gap_variation = 1.7,
		.up_mode = 0.04,
		.down_mode = 0.03,
		.persistence = 0.1,
		.strobe = 12};
	return c;
}

static struct nr_flow_client clients[3];

/* Twelve things that call a lonely server each minute with the same few bytes. */
static struct nr_flow_candidate beacon(uint32_t number)
{
	struct nr_flow_candidate c = benign(number);
	c.server.port = 48101;
	c.context.known_since = START + NR_HOUR;
	c.context.up_bytes = c.context.down_bytes = 600000;
	c.context.clients = c.context.established = c.context.neighbourhood = 12;
	c.context.services = 1;
	c.context.client_services = 2;
	c.timing.comb_z = 60;
	c.timing.comb_period = 60.2;
	c.timing.clients = 12;
	c.timing.shape = 900;
	c.timing.shape_z = 80;
	c.timing.gap_median = 60;
	c.timing.gap_variation = 0.02;
	c.timing.up_mode = c.timing.down_mode = 0.99;
	c.timing.persistence = 1;
	c.timing.strobe = 1440;
	for (unsigned i = 0; i < NR_COUNT(clients); i++)
		clients[i] = (struct nr_flow_client){.address = nr_address_from_ipv4(0x0a000001u + i),
			.first = START + i,
			.last = START + NR_HOUR,
			.beats = 1000};
	c.clients = clients;
	c.client_count = NR_COUNT(clients);
	return c;
}

/* Weights of the test's own, as one would set them by hand: what is built in is learnt, and changes. */
static struct nr_flow_calibration weights = {.follow = {0.7, 0.95}, .learnt_from = "by hand"};

static void set(enum nr_flow_model model, unsigned term, const double *values)
{
	size_t count;
	const struct nr_flow_term *terms = nr_flow_terms(model, &count);
	memcpy(weights.models[model].terms[term], values, (terms[term].edge_count + 1) * sizeof *values);
}
#define SET(model, term, ...) set(NR_FLOW_MODEL_##model, NR_FLOW_TERM_##term, (const double[8]){__VA_ARGS__})

static int set_weights(void **state)
{
	(void)state;
	for (unsigned m = 0; m < NR_FLOW_MODELS; m++)
		weights.models[m].bias = -4;
	SET(SERVER, COMB, -.5, 0, .5, 1.5, 2.5, 3, 3.5, 4);
	SET(SERVER, SHAPE, -.3, 0, .5, 1, 1.5, 2, 2.5);
	SET(SERVER, REGULAR, 3, 2.5, 1.5, .7, .2, 0, -.3);
	SET(SERVER, TIMER, -6, -4, -3, -1.5, 0);
	SET(SERVER, UP_SIZES, -.5, -.2, 0, .2, .5, .8, 1);
	SET(SERVER, VOLUME, .3, .5, .5, .3, 0, -.7, -1.5, -2);
	SET(SERVER, PAYLOAD, -2, -1, -.3, .2, .3);
	SET(SERVER, DEAD, 0, .3, 1, 2, 3, 3.5);
	SET(SERVER, PORT, -.7, -2.5, -1, -1.5, .2, .5, .5, .8);
	SET(SERVER, POPULARITY, -.2, .3, .5, .6, .5, .2, -.5, -2);
	SET(SERVER, NEIGHBOURHOOD, .5, .2, 0, -.5, -1, -2);
	SET(SERVER, AGE, .8, .5, .2, -.2, -.8);
	SET(SERVER, PERSISTENCE, -.8, -.4, -.1, .3, .6, .8, 1);
	SET(SERVER, DEVICES, .3, .2, .1, 0, -.2, -.3);
	SET(SCANNER, PEERS, -4, -3, -1.5, 0, 2, 3.5, 5, 6);
	SET(SCANNER, ANSWERED, 2, 1.5, .8, 0, -1, -2);
	SET(SCANNER, SMALL, .3, .5, .3, -.5, -1.5);
	SET(SOURCE, RATE_OUT, -4, -2, -.5, 1, 3, 4, 5);
	SET(SOURCE, TARGET, -2, -.5, .5, 1.5, 2);
	SET(SOURCE, ONE_WAY, -1.5, -.5, 0, .5, 1, 1.5);
	SET(VICTIM, RATE_IN, -4, -2, -.5, 1, 3, 4, 5);
	SET(VICTIM, REFLECTED, -.3, .2, .7, 1.5, 2.5);
	SET(VICTIM, UNANSWERED, -1.5, -.5, 0, .5, 1, 1.5);
	return 0;
}

static struct nr_flow_judge *judge_of(const struct nr_flow_known *known, double budget)
{
	const struct nr_flow_judge_conf conf = {
		.alarms_per_day = budget, .window = NR_DAY, .known = known, .calibration = &weights};
	struct nr_flow_judge *judge = NULL;
	assert_int_equal(nr_flow_judge_new(&conf, &judge, NULL), 0);
	return judge;
}

static void judge_all(struct nr_flow_judge *judge, unsigned beacons, unsigned others)
{
	for (unsigned i = 0; i < beacons + others; i++) {
		struct nr_flow_candidate c = i < beacons ? beacon(i) : benign(i);
		assert_int_equal(nr_flow_judge_candidate(judge, &c, NULL), 0);
	}
	assert_int_equal(nr_flow_judge_finish(judge, NULL), 0);
}

static const struct nr_flow_reason *reason_named(const struct nr_flow_verdict *verdict, const char *code)
{
	for (size_t i = 0; i < verdict->reason_count; i++)
		if (!strcmp(verdict->reasons[i].code, code))
			return &verdict->reasons[i];
	return NULL;
}

static void test_a_beacon_among_others(void **state)
{
	(void)state;
	NR_AUTO(nr_flow_judge_freep) struct nr_flow_judge *judge = judge_of(NULL, 20);
	judge_all(judge, 1, 30);
	size_t count;
	const struct nr_flow_verdict *v = nr_flow_judge_verdicts(judge, &count);
	assert_int_equal(count, 4); /* the server, its three clients; nothing of the others is told */
	assert_int_equal(v[0].kind, NR_FLOW_C2_SERVER);
	assert_true(v[0].alarm && v[0].confidence > 0.9);
	assert_int_equal(v[0].subject.port, 48101);
	assert_int_equal(v[0].clients, 12);
	const struct nr_flow_reason *beat = reason_named(&v[0], "comb");
	if (!beat)
		beat = reason_named(&v[0], "renewal");
	if (!beat)
		beat = reason_named(&v[0], "regular");
	assert_non_null(beat);
	assert_true(beat->weight > 0.5);
	for (size_t i = 1; i < v[0].reason_count; i++)
		assert_true(fabs(v[0].reasons[i - 1].weight) >= fabs(v[0].reasons[i].weight));
	/* of the timing terms one counts */
	assert_int_equal((reason_named(&v[0], "comb") != NULL) + (reason_named(&v[0], "renewal") != NULL) +
				 (reason_named(&v[0], "regular") != NULL),
		1);
	assert_int_equal(v[0].similar_count, 5);
	assert_int_equal(v[0].similar[0].port, 443);
	for (size_t i = 1; i < count; i++) {
		assert_int_equal(v[i].kind, NR_FLOW_INFECTED_HOST);
		assert_true(v[i].follows && !v[i].alarm);
		assert_true(v[i].confidence < v[0].confidence && v[i].confidence > 0.5);
		assert_non_null(reason_named(&v[i], "client-of-c2"));
		assert_int_equal(v[i].first, START + (int64_t)(v[i].subject.address.octets[15] - 1));
	}
}

/* A weight is the sum's part: what is said adds up to what is judged. */
static void test_reasons_add_up(void **state)
{
	(void)state;
	NR_AUTO(nr_flow_judge_freep) struct nr_flow_judge *judge = judge_of(NULL, 20);
	judge_all(judge, 1, 3);
	size_t count;
	const struct nr_flow_verdict *v = nr_flow_judge_verdicts(judge, &count);
	double sum = judge->calibration->models[NR_FLOW_MODEL_SERVER].bias;
	for (size_t i = 0; i < v[0].reason_count; i++) {
		sum += v[0].reasons[i].weight;
		assert_true(strlen(v[0].reasons[i].text_en) > 10 && strlen(v[0].reasons[i].text_ja) > 10);
	}
	assert_true(fabs(nr_flow_sigmoid(sum) - v[0].confidence) < 0.02);
}

static void test_every_text(void **state)
{
	(void)state;
	struct nr_flow_candidate c = beacon(1);
	struct nr_flow_host host = {.top_port = 23, .top_protocol = 6, .reflected_port = 123, .flows = 1};
	struct nr_flow_words words;
	double value = NAN;
	for (unsigned m = 0; m < NR_FLOW_MODELS; m++) {
		size_t count;
		const struct nr_flow_term *terms = nr_flow_terms(m, &count);
		for (unsigned i = 0; i < count; i++) {
			memset(&words, 0, sizeof words);
			value = NAN;
			if (m <= NR_FLOW_MODEL_SERVER_SAMPLED)
				nr_flow_evidence_say(&c.context, &c.timing, &c.server, i, 1, &words, &value);
			else
				nr_flow_evidence_say_host(&host, m, i, &words, &value);
			if (!words.en[0] || !words.ja[0] || isnan(value))
				fail_msg("%s: %s is not put into words", nr_flow_model_names[m],
					terms[i].code);
			if ((uint8_t)words.ja[strlen(words.ja) - 1] < 0x20 || strstr(words.ja, "%s"))
				fail_msg("%s", words.ja);
			for (unsigned j = 0; j < i; j++)
				assert_string_not_equal(terms[i].code, terms[j].code);
		}
	}
}

static void test_budget(void **state)
{
	(void)state;
	static const struct {
		double budget;
		nr_time window;
		unsigned alarms;
	} cases[] = {{0, NR_DAY, 0}, {1, NR_DAY, 1}, {20, NR_DAY, 20}, {20, NR_HOUR, 20}, {3, 2 * NR_DAY, 6},
		{1000, NR_DAY, 50}};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		NR_AUTO(nr_flow_judge_freep) struct nr_flow_judge *judge = judge_of(NULL, cases[i].budget);
		judge->conf.window = cases[i].window;
		judge_all(judge, 50, 10);
		size_t count, alarms = 0;
		const struct nr_flow_verdict *v = nr_flow_judge_verdicts(judge, &count);
		for (size_t j = 0; j < count; j++) {
			alarms += v[j].alarm;
			assert_true(!v[j].alarm || j < cases[i].alarms);
		}
		assert_int_equal(alarms, cases[i].alarms);
		assert_true(v[0].confidence > 0.9); /* whatever the budget */
	}
}

/* The beat of an exporter's own timer is none: long benign connections with timers 60/15 and 1800/15. */
static void test_timers_raise_no_alarm(void **state)
{
	(void)state;
	static const double periods[] = {60.1, 61.8, 1799, 1894};
	NR_AUTO(nr_flow_judge_freep) struct nr_flow_judge *judge = judge_of(NULL, 20);
	for (unsigned i = 0; i < NR_COUNT(periods); i++) {
		struct nr_flow_candidate c = benign(i);
		c.context.clients = c.context.established = c.context.neighbourhood = 1;
		c.context.known_since = NR_TIME_MIN;
		c.server.port = 5001;
		c.timing.comb_z = i < 2 ? 187 : 74;
		c.timing.comb_period = c.timing.gap_median = periods[i];
		c.timing.timer_distance = 0;
		c.timing.clients = 1;
		assert_int_equal(nr_flow_judge_candidate(judge, &c, NULL), 0);
	}
	assert_int_equal(nr_flow_judge_finish(judge, NULL), 0);
	size_t count;
	const struct nr_flow_verdict *v = nr_flow_judge_verdicts(judge, &count);
	for (size_t i = 0; i < count; i++)
		assert_false(v[i].alarm);
}

/* No payload ever flows, and that is the finding. */
static void test_dead_server(void **state)
{
	(void)state;
	NR_AUTO(nr_flow_judge_freep) struct nr_flow_judge *judge = judge_of(NULL, 20);
	struct nr_flow_candidate c = beacon(1);
	c.context.established = 0;
	c.context.clients = c.context.neighbourhood = 1;
	c.context.down_bytes = c.context.down_packets = 0;
	c.timing.refused_share = 1;
	c.timing.refused_period = 2.08;
	c.timing.refused_calls = 240;
	clients[0].refused_only = true;
	c.client_count = 1;
	assert_int_equal(nr_flow_judge_candidate(judge, &c, NULL), 0);
	assert_int_equal(nr_flow_judge_finish(judge, NULL), 0);
	size_t count;
	const struct nr_flow_verdict *v = nr_flow_judge_verdicts(judge, &count);
	assert_int_equal(count, 2);
	assert_true(v[0].alarm);
	const struct nr_flow_reason *dead = reason_named(&v[0], "dead-server");
	assert_non_null(dead);
	assert_true(dead->weight > 0 && dead->value == 240);
	assert_non_null(reason_named(&v[1], "calls-dead-server"));
}

static void tell(struct nr_flow_known *known, enum nr_flow_known_kind kind, struct nr_flow_server server,
	double weight)
{
	const struct nr_flow_known_entry entry = {
		kind, server, NR_TIME_MIN, NR_TIME_MAX, weight, "list test"};
	assert_int_equal(nr_flow_known_add(known, &entry, NULL), 0);
}

static double confidence_of(const struct nr_flow_judge *judge, size_t record)
{
	return (double)judge->records[record].confidence;
}

static void test_what_is_known(void **state)
{
	(void)state;
	NR_AUTO(nr_flow_known_freep) struct nr_flow_known *known = NULL;
	assert_int_equal(nr_flow_known_new(&known, NULL), 0);
	tell(known, NR_FLOW_KNOWN_BENIGN, server_at(0, 48101), 1);
	tell(known, NR_FLOW_KNOWN_CONFIRMED, server_at(2, 443), 1);
	tell(known, NR_FLOW_KNOWN_C2, server_at(3, 443), 0.9);
	tell(known, NR_FLOW_KNOWN_PROBED, server_at(4, 443), 1e9); /* a weight without bounds has some */
	struct nr_flow_server infected = {.address = nr_address_from_ipv4(0x0a0a0a0a)};
	tell(known, NR_FLOW_KNOWN_INFECTED, infected, 0.8);
	NR_AUTO(nr_flow_judge_freep) struct nr_flow_judge *judge = judge_of(known, 20);
	struct nr_flow_host host = {
		.address = infected.address, .first = START, .last = START + 1, .flows = 9};
	assert_int_equal(nr_flow_judge_host(judge, &host, NULL), 0);
	judge_all(judge, 2, 4);
	assert_true(confidence_of(judge, 0) < 0.05);
	assert_true(confidence_of(judge, 1) > 0.6); /* like the one that is benign, but nobody says so */
	assert_true(confidence_of(judge, 2) > 0.9);
	assert_true(confidence_of(judge, 3) > confidence_of(judge, 5) * 10);
	assert_true(confidence_of(judge, 4) > confidence_of(judge, 5) * 10);
	assert_true(confidence_of(judge, 5) < 0.01);
	size_t count, hosts = 0;
	const struct nr_flow_verdict *v = nr_flow_judge_verdicts(judge, &count);
	for (size_t i = 0; i < count; i++)
		if (v[i].kind == NR_FLOW_INFECTED_HOST && reason_named(&v[i], "known-infected")) {
			hosts++;
			assert_true(v[i].follows && !v[i].alarm && fabs(v[i].confidence - 0.8) < 1e-9);
		}
	assert_int_equal(hosts, 1);
}

/* Infected clients are evidence in proportion: one among many at the common rate says nothing. */
static void test_infected_clients(void **state)
{
	(void)state;
	double fixed[NR_FLOW_FIXED_TERMS];
	struct nr_flow_outside outside = {.infected = 0, .looked_up = 0};
	assert_true(nr_flow_outside_weigh(&outside, 0.01, fixed) == 0);
	outside = (struct nr_flow_outside){.infected = 1, .looked_up = 100};
	assert_true(nr_flow_outside_weigh(&outside, 0.01, fixed) <= 0);
	outside = (struct nr_flow_outside){.infected = 3, .looked_up = 10};
	double some = nr_flow_outside_weigh(&outside, 0.01, fixed);
	assert_true(some > 2);
	assert_true(nr_flow_outside_weigh(&outside, 0.1, fixed) < some);
	outside = (struct nr_flow_outside){.infected = 9, .looked_up = 3}; /* cannot be */
	assert_true(nr_flow_outside_weigh(&outside, 0.01, fixed) == 0);
	outside = (struct nr_flow_outside){.scan_share = 1};
#ifdef NR_FLOW_SCAN_SHARE
	assert_true(nr_flow_outside_weigh(&outside, 0.01, fixed) <= 1);
#else
	assert_true(nr_flow_outside_weigh(&outside, 0.01, fixed) == 0);
#endif
}

static void test_answers_shift(void **state)
{
	(void)state;
	struct nr_flow_answer answers[40] = {{0, false}};
	struct nr_flow_shift shift = nr_flow_shift_of(answers, 0);
	assert_true(shift.slope == 1 && shift.offset == 0);
	for (size_t i = 0; i < NR_COUNT(answers); i++) /* said at 3 nats, and always wrong */
		answers[i] = (struct nr_flow_answer){3, false};
	shift = nr_flow_shift_of(answers, 1);
	double after_one = shift.slope * 3 + shift.offset;
	assert_true(after_one < 3 && after_one > 1);
	shift = nr_flow_shift_of(answers, NR_COUNT(answers));
	assert_true(shift.slope * 3 + shift.offset < 0);
	assert_true(shift.slope > 0);
	for (size_t i = 0; i < NR_COUNT(answers); i++) /* right as often as was said */
		answers[i] = (struct nr_flow_answer){1.0986, i % 4 != 0};
	shift = nr_flow_shift_of(answers, NR_COUNT(answers));
	assert_true(fabs(shift.slope * 1.0986 + shift.offset - 1.0986) < 0.05);
	answers[0].log_odds = INFINITY;
	shift = nr_flow_shift_of(answers, NR_COUNT(answers));
	assert_true(isfinite(shift.slope) && isfinite(shift.offset));
}

/* ---- learning ---- */

static uint64_t dice = 88172645463325252u;
static double chance(void)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (double)(dice >> 11) / 9007199254740992.0;
}

static struct nr_flow_example example_of(bool positive)
{
	struct nr_flow_candidate c = positive ? beacon(1) : benign(1);
	struct nr_flow_example example = {.positive = positive};
	/* half of either look like the other in their timing */
	c.timing.comb_z = chance() < 0.7 ? (positive ? 60 : 1) : (positive ? 1 : 60);
	c.timing.shape = 2;
	c.timing.shape_z = c.timing.comb_z;
	c.timing.gap_variation = 1;
	c.server.port = (chance() < 0.6) == positive ? 48101 : 443;
	c.context.up_bytes = c.context.down_bytes = 600000;
	c.context.clients = c.context.neighbourhood = 12;
	c.context.known_since = NR_TIME_MIN;
	c.context.client_services = 2;
	c.timing.up_mode = c.timing.down_mode = 0.5;
	c.timing.persistence = 0.5;
	c.timing.strobe = 100;
	c.context.established = 12;
	c.context.services = 1;
	example.model = nr_flow_evidence_of(&c, NR_DAY, &example.evidence);
	return example;
}

static void test_learning(void **state)
{
	(void)state;
	enum { N = 4000 };
	NR_AUTO(nr_freep) struct nr_flow_example *examples = calloc(N, sizeof *examples);
	NR_AUTO(nr_freep) struct nr_flow_calibration *learnt = malloc(sizeof *learnt);
	assert_true(examples && learnt);
	*learnt = nr_flow_calibration_built_in;
	for (size_t i = 0; i < N; i++)
		examples[i] = example_of(i % 5 == 0);
	assert_int_equal(nr_flow_calibration_learn(examples, N, learnt, NULL), 0);
	const struct nr_flow_weights *w = &learnt->models[NR_FLOW_MODEL_SERVER];
	/* a model without examples stays */
	assert_memory_equal(&learnt->models[NR_FLOW_MODEL_VICTIM],
		&nr_flow_calibration_built_in.models[NR_FLOW_MODEL_VICTIM], sizeof *w);
	/* weights rise with the comb; calibrated on fresh examples of the same kind */
	for (unsigned b = 1; b < NR_FLOW_BINS_MAX; b++)
		assert_true(w->terms[NR_FLOW_TERM_COMB][b] >= w->terms[NR_FLOW_TERM_COMB][b - 1]);
	double terms[NR_FLOW_TERMS_MAX], said[10] = {0}, were[10] = {0}, n[10] = {0}, error = 0;
	for (size_t i = 0; i < N; i++) {
		struct nr_flow_example fresh = example_of(i % 5 == 0);
		double p = nr_flow_sigmoid(w->bias + nr_flow_fuse(w, fresh.model, &fresh.evidence, terms));
		unsigned bin = (unsigned)NR_MIN(p * 10, 9);
		said[bin] += p;
		were[bin] += fresh.positive;
		n[bin]++;
	}
	for (unsigned b = 0; b < 10; b++)
		error += n[b] ? fabs(said[b] - were[b]) / N : 0;
	assert_true(error < 0.03);
}

/* ---- files ---- */

static char *write_json(void (*write)(const void *item, struct nr_json *json), const void *item)
{
	struct nr_json json;
	nr_json_init(&json);
	write(item, &json);
	assert_int_equal(nr_json_finish(&json, NULL), 0);
	return json.bytes;
}

static void write_calibration(const void *item, struct nr_json *json)
{
	nr_flow_calibration_write(item, json);
}

static void write_example(const void *item, struct nr_json *json)
{
	nr_flow_example_write(item, json);
}

static int read_text(const char *text, struct nr_flow_calibration **ret_calibration, struct nr_error *error)
{
	char path[] = "/tmp/noroshi-calibration-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	int e = nr_flow_calibration_read(path, ret_calibration, error);
	unlink(path);
	return e;
}

static void test_calibration_file(void **state)
{
	(void)state;
	NR_AUTO(nr_freep) char *text = write_json(write_calibration, &nr_flow_calibration_built_in);
	NR_AUTO(nr_flow_calibration_freep) struct nr_flow_calibration *again = NULL;
	assert_int_equal(read_text(text, &again, NULL), 0);
	NR_AUTO(nr_freep) char *twice = write_json(write_calibration, again);
	assert_string_equal(text, twice);
	/* every cut of it, and a byte changed at each place, is refused or read; never more than that */
	size_t length = strlen(text);
	for (size_t i = 0; i < length; i += 7) {
		struct nr_error error = {0};
		NR_AUTO(nr_flow_calibration_freep) struct nr_flow_calibration *none = NULL;
		char kept = text[i];
		text[i] = 0;
		assert_int_equal(read_text(text, &none, &error), -EBADMSG);
		assert_true(error.text[0]);
		text[i] = kept == ',' ? ']' : 'e';
		read_text(text, &none, &error);
		text[i] = kept;
	}
	static const char *const hostile[] = {"", "[]", "{}", "{\"version\":2}",
		"{\"version\":1,\"follow\":[0.5,1e400],\"models\":{}}",
		"{\"version\":1,\"follow\":[0.5,2],\"models\":{}}",
		"{\"version\":1,\"follow\":[0.5,0.5],\"models\":{\"c2-server\":{\"bias\":NaN,\"terms\":{}}}}",
		"{\"version\":1,\"follow\":[0.5,0.5],\"models\":{\"c2-server\":{\"bias\":1,\"terms\":[]}}}"};
	for (size_t i = 0; i < NR_COUNT(hostile); i++) {
		NR_AUTO(nr_flow_calibration_freep) struct nr_flow_calibration *none = NULL;
		assert_int_equal(read_text(hostile[i], &none, NULL), -EBADMSG);
		assert_null(none);
	}
}

static void test_example_file(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct nr_flow_example example = example_of(i & 1), again;
		NR_AUTO(nr_freep) char *text = write_json(write_example, &example);
		assert_int_equal(nr_flow_example_parse(text, strlen(text), &again, NULL), 0);
		NR_AUTO(nr_freep) char *twice = write_json(write_example, &again);
		assert_string_equal(text, twice);
	}
	static const char *const hostile[] = {"", "{}",
		"{\"model\":\"c2-server\",\"positive\":1,\"values\":[]}",
		"{\"model\":\"c2\",\"positive\":true,\"values\":[]}",
		"{\"model\":\"ddos-source\",\"positive\":true,\"values\":[1,2,3,\"4\"]}",
		"{\"model\":\"ddos-source\",\"positive\":true,\"values\":[1,2,3]}"};
	for (size_t i = 0; i < NR_COUNT(hostile); i++) {
		struct nr_flow_example example;
		assert_int_equal(
			nr_flow_example_parse(hostile[i], strlen(hostile[i]), &example, NULL), -EBADMSG);
	}
}

static void test_verdict_as_json_and_finding(void **state)
{
	(void)state;
	NR_AUTO(nr_flow_judge_freep) struct nr_flow_judge *judge = judge_of(NULL, 20);
	judge_all(judge, 1, 6);
	size_t count;
	const struct nr_flow_verdict *v = nr_flow_judge_verdicts(judge, &count);
	struct nr_flow_verdict_texts texts = {.evidence = NULL};
	struct nr_finding finding;
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(nr_flow_verdict_finding(&v[i], "exporter", &texts, &finding, NULL), 0);
		assert_string_equal(finding.sense, "flow");
		assert_true(finding.severity >= NR_SEVERITY_LOW && finding.severity <= NR_SEVERITY_CRITICAL);
		assert_true(finding.reason_en[0] && finding.reason_ja[0]);
		assert_non_null(strstr(finding.evidence, finding.kind));
	}
	static const char *const members[] = {"\"kind\":\"c2-server\"", "\"subject\":\"198.51.100.0\"",
		"\"port\":48101", "\"protocol\":\"tcp\"", "\"confidence\":0.", "\"clients\":12",
		"\"first_seen\":\"2024-10-04T00:00:00", "\"last_seen\":\"2024-10-04T23:59:59",
		"\"reasons\":[{\"code\":\"", "\"text_en\":\"", "\"text_ja\":\"",
		"\"value\":", "\"weight\":", "\"similar\":[{\"subject\":\"", "\"alarm\":true"};
	assert_int_equal(nr_flow_verdict_finding(&v[0], "exporter", &texts, &finding, NULL), 0);
	for (size_t i = 0; i < NR_COUNT(members); i++)
		if (!strstr(finding.evidence, members[i]))
			fail_msg("%s is not in %s", members[i], finding.evidence);
	nr_flow_verdict_texts_fini(&texts);
}

static void test_hosts(void **state)
{
	(void)state;
	const struct nr_flow_host quiet = {.address = nr_address_from_ipv4(1),
		.flows = 400,
		.packets_out = 9000,
		.packets_in = 12000,
		.peers_out = 20,
		.peers_in = 18,
		.ports_out = 3,
		.answered = 0.97,
		.top_port = 443,
		.top_port_share = 0.8,
		.top_peer_share = 0.2,
		.estimated_packets_per_second_out = 4,
		.estimated_packets_per_second_in = 6,
		.estimated_bits_per_second_out = 3e4,
		.estimated_bits_per_second_in = 5e5};
	struct nr_flow_host scanner = quiet, source = quiet, victim = quiet;
	scanner.address = nr_address_from_ipv4(2);
	scanner.peers_out = 5000;
	scanner.flows = 5000;
	scanner.packets_out = 5000;
	scanner.answered = 0.01;
	scanner.top_port = 23;
	scanner.top_port_share = 0.995;
	source.address = nr_address_from_ipv4(3);
	source.estimated_packets_per_second_out = 2e5;
	source.estimated_bits_per_second_out = 2e9;
	source.packets_out = 12000000;
	source.top_peer_share = 0.99;
	victim.address = nr_address_from_ipv4(4);
	victim.estimated_packets_per_second_in = 2e5;
	victim.estimated_bits_per_second_in = 2e9;
	victim.packets_in = 12000000;
	victim.peers_in = 3000;
	victim.reflected_port = 123;
	victim.reflected_share = 0.99;
	NR_AUTO(nr_flow_judge_freep) struct nr_flow_judge *judge = judge_of(NULL, 20);
	const struct nr_flow_host *const hosts[] = {&quiet, &scanner, &source, &victim};
	for (size_t i = 0; i < NR_COUNT(hosts); i++)
		assert_int_equal(nr_flow_judge_host(judge, hosts[i], NULL), 0);
	assert_int_equal(nr_flow_judge_finish(judge, NULL), 0);
	size_t count, alarms = 0;
	const struct nr_flow_verdict *v = nr_flow_judge_verdicts(judge, &count);
	for (size_t i = 0; i < count; i++) {
		if (!v[i].alarm)
			continue;
		alarms++;
		unsigned number = v[i].subject.address.octets[15];
		assert_int_equal(v[i].kind, number == 2   ? NR_FLOW_SCANNER
					    : number == 3 ? NR_FLOW_DDOS_SOURCE
							  : NR_FLOW_DDOS_VICTIM);
		assert_true(number != 2 || v[i].subject.port == 23);
	}
	assert_int_equal(alarms, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_beacon_among_others),
		cmocka_unit_test(test_reasons_add_up),
		cmocka_unit_test(test_every_text),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_timers_raise_no_alarm),
		cmocka_unit_test(test_dead_server),
		cmocka_unit_test(test_what_is_known),
		cmocka_unit_test(test_infected_clients),
		cmocka_unit_test(test_answers_shift),
		cmocka_unit_test(test_learning),
		cmocka_unit_test(test_calibration_file),
		cmocka_unit_test(test_example_file),
		cmocka_unit_test(test_verdict_as_json_and_finding),
		cmocka_unit_test(test_hosts),
	};
	return cmocka_run_group_tests(tests, set_weights, NULL);
}
