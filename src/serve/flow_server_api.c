/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/flow_server_api.h"

#include "sense/flow/c2_tables.h"
#include "serve/flow_api.h"
#include "serve/flow_notebook.h"
#include "store/rows.h"

#include <errno.h>

#define PARAMETERS_MAX 16
#define NEIGHBOURS_MAX 2048 /* of all clients together: eight each */

struct neighbour {
	struct nr_address client, address;
	uint16_t port;
	bool alarm;
	char protocol[8];
	double confidence;
	int64_t beats;
};

struct question {
	const struct nr_api *api;
	const struct nr_argument *arguments;
	size_t argument_count;
	struct nr_flow_server asked;
	char address[NR_ADDRESS_TEXT], port[8], protocol[8], day[NR_TIME_TEXT];
	nr_time from; /* of the row that was found */
	char *server; /* owned: that row, JSON; NULL: there is none */
	struct nr_json json;
	struct neighbour *neighbours; /* owned; by client */
	size_t neighbour_count;
};

bool nr_flow_server_api_has(const char *path)
{
	static const char prefix[] = NR_FLOW_SERVERS_PATH "/";
	return strncmp(path, prefix, sizeof prefix - 1) == 0;
}

/* ---- the question ---- */

static bool read_path(struct question *q, const char *path)
{
	char copy[160];
	const char *rest = path + sizeof NR_FLOW_SERVERS_PATH;
	if (strlen(rest) >= sizeof copy)
		return false;
	snprintf(copy, sizeof copy, "%s", rest);
	char *port = strchr(copy, '/');
	char *protocol = port ? strchr(port + 1, '/') : NULL;
	if (!protocol)
		return false;
	*port++ = '\0';
	*protocol++ = '\0';
	if (nr_address_parse(copy, &q->asked.address, NULL) != 0 || strlen(port) >= sizeof q->port ||
		strlen(protocol) >= sizeof q->protocol)
		return false;
	nr_address_write(&q->asked.address, q->address);
	q->asked.port = (uint16_t)atoi(port);
	q->asked.protocol = strcmp(protocol, "udp") == 0 ? 17 : 6; /* what is wrong the query refuses */
	snprintf(q->port, sizeof q->port, "%s", port);
	snprintf(q->protocol, sizeof q->protocol, "%s", protocol);
	return true;
}

/* What the address, the path and the other parts know, by the parameters' names. */
static const char *value_of(const struct question *q, const char *name, const char *limit)
{
	const struct {
		const char *name, *value;
	} known[] = {{"address", q->address}, {"port", q->port}, {"protocol", q->protocol}, {"limit", limit},
		{"day", *q->day ? q->day : NULL}};
	for (size_t i = 0; i < NR_COUNT(known); i++)
		if (strcmp(known[i].name, name) == 0 && known[i].value)
			return known[i].value;
	for (size_t i = 0; i < q->argument_count; i++)
		if (strcmp(q->arguments[i].name, name) == 0 && *q->arguments[i].value)
			return q->arguments[i].value;
	return NULL;
}

/* *ret_more (NULL allowed): there were more rows than the limit. *ret_bad: the parameter at fault. */
static int ask(struct question *q, const char *name, const char *limit,
	int (*row)(void *context, const struct nr_value *values, size_t count), void *context, bool *ret_more,
	const char **ret_bad, struct nr_error *error)
{
	const struct nr_query *query = nr_store_query(name);
	const char *values[PARAMETERS_MAX];
	struct nr_answer answer;
	size_t bad;
	for (size_t i = 0; i < query->parameter_count; i++)
		values[i] = value_of(q, query->parameters[i].name, limit);
	*ret_bad = NULL;
	int status = nr_store_check(query, values, &bad, error);
	if (status) {
		*ret_bad = query->parameters[bad].name;
		return status;
	}
	status = nr_store_ask(q->api->store, query, values, row, context, &answer, error);
	if (!status && ret_more)
		*ret_more = *answer.next;
	return status;
}

static size_t column(const struct nr_query *query, const char *name)
{
	size_t i = 0;
	while (strcmp(query->columns[i].name, name) != 0)
		i++;
	return i;
}

/* ---- its parts ---- */

static int take_server(void *context, const struct nr_value *values, size_t count)
{
	(void)count;
	struct question *q = context;
	const struct nr_query *query = nr_store_query(NR_FLOW_SERVERS_PATH);
	NR_AUTO(nr_json_fini) struct nr_json json;
	if (q->server)
		return 0;
	nr_json_init(&json);
	nr_rows_json(&json, query, values);
	if (nr_json_finish(&json, NULL) != 0)
		return -ENOMEM;
	q->server = json.bytes;
	nr_json_init(&json);
	q->from = values[column(query, "day")].integer;
	nr_time_write(q->from, q->day); /* the parts are of the same day */
	return 0;
}

struct part {
	struct question *question;
	const struct nr_query *query;
};

static int write_row(void *context, const struct nr_value *values, size_t count)
{
	(void)count;
	const struct part *part = context;
	nr_rows_json(&part->question->json, part->query, values);
	return 0;
}

static int write_days(struct question *q, const char **ret_bad, struct nr_error *error)
{
	struct part part = {q, nr_store_query("flow/server-days")};
	nr_json_array(&q->json, "days");
	int status = ask(q, part.query->name, "31", write_row, &part, NULL, ret_bad, error);
	nr_json_array_end(&q->json);
	return status;
}

static int write_raster(struct question *q, const char **ret_bad, struct nr_error *error)
{
	struct part part = {q, nr_store_query("flow/beats")};
	bool more = false;
	nr_json_object(&q->json, "raster");
	nr_json_time(&q->json, "from", q->from);
	nr_json_uint(&q->json, "step", 86400 / NR_FLOW_BEAT_BINS);
	nr_json_uint(&q->json, "bins", NR_FLOW_BEAT_BINS);
	nr_json_array(&q->json, "clients");
	int status = ask(q, part.query->name, "1000", write_row, &part, &more, ret_bad, error);
	nr_json_array_end(&q->json);
	nr_json_bool(&q->json, "cut", more);
	nr_json_object_end(&q->json);
	return status;
}

static int take_neighbour(void *context, const struct nr_value *values, size_t count)
{
	(void)count;
	struct question *q = context;
	const struct nr_query *query = nr_store_query("flow/neighbours");
	if (q->neighbour_count == NEIGHBOURS_MAX)
		return 0;
	struct neighbour *n = &q->neighbours[q->neighbour_count++];
	n->client = values[column(query, "client")].address;
	n->address = values[column(query, "address")].address;
	n->port = (uint16_t)values[column(query, "port")].integer;
	n->alarm = values[column(query, "alarm")].integer != 0;
	n->confidence = values[column(query, "confidence")].real;
	n->beats = values[column(query, "beats")].integer;
	snprintf(n->protocol, sizeof n->protocol, "%s", values[column(query, "protocol")].text);
	return 0;
}

static void write_neighbours(struct question *q, const struct nr_address *client)
{
	nr_json_array(&q->json, "servers");
	for (size_t i = 0; i < q->neighbour_count; i++) {
		const struct neighbour *n = &q->neighbours[i];
		if (memcmp(&n->client, client, sizeof *client) != 0)
			continue;
		nr_json_object(&q->json, NULL);
		nr_json_address(&q->json, "address", &n->address);
		nr_json_uint(&q->json, "port", n->port);
		nr_json_text(&q->json, "protocol", n->protocol);
		nr_json_real(&q->json, "confidence", n->confidence);
		nr_json_uint(&q->json, "alarm", n->alarm);
		nr_json_int(&q->json, "beats", n->beats);
		nr_json_object_end(&q->json);
	}
	nr_json_array_end(&q->json);
}

static int write_meeting(void *context, const struct nr_value *values, size_t count)
{
	(void)count;
	struct question *q = context;
	const struct nr_query *query = nr_store_query("flow/meetings");
	const struct nr_address *client = &values[column(query, "client")].address;
	nr_json_object(&q->json, NULL);
	nr_json_address(&q->json, "client", client);
	nr_json_time(&q->json, "first", values[column(query, "first")].integer);
	nr_json_time(&q->json, "last", values[column(query, "last")].integer);
	nr_json_int(&q->json, "beats", values[column(query, "beats")].integer);
	nr_json_int(&q->json, "known_infected", values[column(query, "known_infected")].integer);
	write_neighbours(q, client);
	nr_json_object_end(&q->json);
	return 0;
}

static int write_graph(struct question *q, const char **ret_bad, struct nr_error *error)
{
	bool more = false;
	q->neighbours = calloc(NEIGHBOURS_MAX, sizeof *q->neighbours);
	if (!q->neighbours)
		return -ENOMEM;
	int status = ask(q, "flow/neighbours", "2048", take_neighbour, q, NULL, ret_bad, error);
	nr_json_object(&q->json, "graph");
	nr_json_array(&q->json, "clients");
	if (!status)
		status = ask(q, "flow/meetings", "1000", write_meeting, q, &more, ret_bad, error);
	nr_json_array_end(&q->json);
	nr_json_bool(&q->json, "cut", more);
	nr_json_object_end(&q->json);
	return status;
}

static void write_identify(struct question *q)
{
	char command[512], day[NR_TIME_TEXT];
	nr_time_write(q->from, day);
	snprintf(command, sizeof command,
		"noroshi flow identify --archive %.200s --request FILE --at %.10s --reason TEXT PSEUDONYM",
		nr_flow_api_archive(q->api->flow_api), day);
	nr_json_object(&q->json, "identify");
	nr_json_text(&q->json, "command", command);
	nr_json_text(&q->json, "text_en",
		"A client is named only where two persons have signed the same request (noroshi flow "
		"identify)");
	nr_json_text(&q->json, "text_ja",
		"契約者の特定には、同じ請求書への2人の署名が必要（noroshi flow identify）");
	nr_json_object_end(&q->json);
}

/* ---- the answer ---- */

static int fail(int status, const char *bad, const struct nr_error *error, struct nr_reply *ret_reply)
{
	if (status == -ENOMEM)
		return status;
	if (bad)
		return nr_api_error(400, "bad-parameter", bad, error->text, ret_reply);
	return nr_api_error(500, status == -ETIMEDOUT ? "too-long" : "store", NULL, error->text, ret_reply);
}

static int write_answer(struct question *q, struct nr_reply *ret_reply)
{
	struct nr_error error = {0};
	const char *bad = NULL;
	int status = ask(q, NR_FLOW_SERVERS_PATH, "1", take_server, q, NULL, &bad, &error);
	if (status)
		return fail(status, bad, &error, ret_reply);
	if (!q->server)
		return nr_api_error(
			404, "not-found", NULL, "no such server was ranked on that day", ret_reply);
	nr_json_object(&q->json, NULL);
	nr_json_raw(&q->json, "server", q->server);
	status = write_days(q, &bad, &error);
	if (!status)
		status = write_raster(q, &bad, &error);
	if (!status)
		status = write_graph(q, &bad, &error);
	if (status)
		return fail(status, bad, &error, ret_reply);
	nr_flow_notebook_write(q->api->notebook, &q->asked, &q->json);
	write_identify(q);
	nr_json_object_end(&q->json);
	return nr_api_reply_json(&q->json, 200, ret_reply);
}

/* A name that is not known must not be passed over. */
static const char *find_unknown(const struct question *q)
{
	for (size_t i = 0; i < q->argument_count; i++) {
		const char *name = q->arguments[i].name;
		if (strcmp(name, "purpose") != 0 && strcmp(name, "day") != 0 && strcmp(name, "sensor") != 0)
			return name;
		for (size_t k = 0; k < i; k++)
			if (strcmp(q->arguments[k].name, name) == 0)
				return name;
	}
	return NULL;
}

int nr_flow_server_api_answer(const struct nr_api *api, const char *path, const struct nr_argument *arguments,
	size_t count, struct nr_reply *ret_reply)
{
	struct question q = {.api = api, .arguments = arguments, .argument_count = count};
	bool admitted;
	int status = nr_flow_api_admit(api->flow_api, path, arguments, count, &admitted, ret_reply);
	if (status || !admitted)
		return status;
	const char *unknown = find_unknown(&q);
	if (unknown)
		return nr_api_error(400, "bad-parameter", unknown,
			"no such parameter, or given twice; see " NR_API_PREFIX "openapi.json", ret_reply);
	if (!read_path(&q, path))
		return nr_api_error(404, "not-found", NULL,
			"a server is ADDRESS/PORT/PROTOCOL, for instance " NR_FLOW_SERVERS_PATH
			"/203.0.113.9/443/tcp",
			ret_reply);
	nr_json_init(&q.json);
	status = write_answer(&q, ret_reply);
	nr_json_fini(&q.json);
	free(q.server);
	free(q.neighbours);
	return status;
}
