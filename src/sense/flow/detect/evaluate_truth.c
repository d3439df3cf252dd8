/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "sense/flow/detect/evaluate.h"
#include "sense/flow/detect/judge/known_inside.h"

#include <errno.h>

#define TRUTH_BYTES_MAX ((size_t)1 << 29)
#define TRUTH_DEPTH     12
#define BEHAVIOURS_MAX  1000

void nr_flow_truth_fini(struct nr_flow_truth *truth)
{
	free(truth->servers);
	free(truth->hosts);
	free(truth->behaviours);
	*truth = (struct nr_flow_truth){0};
}

static int by_server(const void *a, const void *b)
{
	const struct nr_flow_true_server *x = a, *y = b;
	int order = memcmp(&x->server.address, &y->server.address, sizeof x->server.address);
	if (order)
		return order;
	if (x->server.port != y->server.port)
		return x->server.port < y->server.port ? -1 : 1;
	return (x->server.protocol > y->server.protocol) - (x->server.protocol < y->server.protocol);
}

static int by_host(const void *a, const void *b)
{
	const struct nr_flow_true_host *x = a, *y = b;
	int order = memcmp(&x->address, &y->address, sizeof x->address);
	return order ? order : (x->kind > y->kind) - (x->kind < y->kind);
}

struct nr_flow_true_server *nr_flow_truth_server(
	const struct nr_flow_truth *truth, const struct nr_flow_server *server)
{
	struct nr_flow_true_server key = {.server = *server};
	return truth->server_count ? bsearch(&key, truth->servers, truth->server_count, sizeof key, by_server)
				   : NULL;
}

struct nr_flow_true_host *nr_flow_truth_host(
	const struct nr_flow_truth *truth, const struct nr_address *address, enum nr_flow_verdict_kind kind)
{
	struct nr_flow_true_host key = {.address = *address, .kind = kind};
	return truth->host_count ? bsearch(&key, truth->hosts, truth->host_count, sizeof key, by_host) : NULL;
}

/* ---- reading ---- */

static int behaviour_of(
	struct nr_flow_truth *truth, struct json_object *item, uint32_t *ret_index, struct nr_error *error)
{
	const char *name = nr_flow_line_text(item, "behaviour");
	char text[NR_FLOW_BEHAVIOUR];
	snprintf(text, sizeof text, "%s", name ? name : "");
	for (char *c = text; *c; c++) /* goes to terminals */
		if ((uint8_t)*c < ' ' || (uint8_t)*c >= 0x7f)
			*c = '?';
	uint32_t i = 0;
	while (i < truth->behaviour_count && strcmp(truth->behaviours[i], text))
		i++;
	if (i == BEHAVIOURS_MAX)
		return nr_fail(error, -EBADMSG, "more than %d behaviours", BEHAVIOURS_MAX);
	if (i == truth->behaviour_count)
		memcpy(truth->behaviours[truth->behaviour_count++], text, sizeof text);
	*ret_index = i;
	return 0;
}

static int read_server(struct nr_flow_truth *truth, struct json_object *item, struct nr_error *error)
{
	struct nr_flow_true_server *server = &truth->servers[truth->server_count];
	const char *kind = nr_flow_line_text(item, "kind");
	*server = (struct nr_flow_true_server){.sampling = 0};
	int e = nr_flow_line_server(item, "address", &server->server, error);
	if (!e)
		e = behaviour_of(truth, item, &server->behaviour, error);
	if (!e && (!kind || (strcmp(kind, "c2-server") && strcmp(kind, "benign"))))
		e = nr_fail(error, -EBADMSG, "kind: \"c2-server\" or \"benign\"");
	if (e)
		return e;
	server->is_c2 = !strcmp(kind, "c2-server");
	nr_flow_line_real(item, "sampling", &server->sampling);
	truth->server_count++;
	return 0;
}

static int read_host(struct nr_flow_truth *truth, struct json_object *item, struct nr_error *error)
{
	struct nr_flow_true_host *host = &truth->hosts[truth->host_count];
	const char *kind = nr_flow_line_text(item, "kind");
	struct nr_flow_server server;
	unsigned k = 0;
	*host = (struct nr_flow_true_host){.kind = NR_FLOW_VERDICT_KINDS};
	int e = nr_flow_line_server(item, "address", &server, error);
	if (!e)
		e = behaviour_of(truth, item, &host->behaviour, error);
	while (kind && k < NR_FLOW_VERDICT_KINDS && strcmp(kind, nr_flow_verdict_names[k]))
		k++;
	if (!e && (!kind || (k == NR_FLOW_VERDICT_KINDS && strcmp(kind, "benign"))))
		e = nr_fail(error, -EBADMSG, "kind: none of a host");
	if (e)
		return e;
	host->kind = k;
	host->address = server.address;
	truth->host_count++;
	return 0;
}

static int read_items(struct nr_flow_truth *truth, struct json_object *scenes, const char *name,
	size_t element, void **ret_items,
	int (*read_item)(struct nr_flow_truth *, struct json_object *, struct nr_error *),
	struct nr_error *error)
{
	struct json_object *array = NULL;
	if (!json_object_object_get_ex(scenes, name, &array) || !json_object_is_type(array, json_type_array))
		return nr_fail(error, -EBADMSG, "scenes: no array \"%s\"", name);
	size_t count = json_object_array_length(array);
	*ret_items = calloc(NR_MAX(count, (size_t)1), element);
	if (!*ret_items)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = 0;
	for (size_t i = 0; !e && i < count; i++) {
		e = read_item(truth, json_object_array_get_idx(array, i), error);
		if (e)
			nr_error_prefix(error, "scenes: %s: number %zu", name, i + 1);
	}
	return e;
}

static int read_root(struct nr_flow_truth *truth, struct json_object *root, struct nr_error *error)
{
	struct json_object *scenes = NULL;
	double seed = 0;
	if (!json_object_object_get_ex(root, "scenes", &scenes) ||
		!json_object_is_type(scenes, json_type_object))
		return nr_fail(error, -EBADMSG,
			"no \"scenes\": a truth of \"noroshi world flows --scenes hard --truth FILE\" is "
			"needed");
	truth->behaviours = calloc(BEHAVIOURS_MAX, sizeof *truth->behaviours);
	if (!truth->behaviours)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (!nr_flow_line_time(root, "first", NR_TIME_MIN, &truth->from) ||
		!nr_flow_line_time(root, "last", NR_TIME_MAX, &truth->to))
		return nr_fail(error, -EBADMSG, "first, last: no times");
	if (nr_flow_line_real(root, "seed", &seed))
		snprintf(truth->name, sizeof truth->name, "world flows, seed %.0f", seed);
	int e = read_items(truth, scenes, "servers", sizeof *truth->servers, (void **)&truth->servers,
		read_server, error);
	if (!e)
		e = read_items(truth, scenes, "hosts", sizeof *truth->hosts, (void **)&truth->hosts,
			read_host, error);
	return e;
}

int nr_flow_truth_read(const char *path, struct nr_flow_truth *ret_truth, struct nr_error *error)
{
	NR_AUTO(nr_flow_truth_fini) struct nr_flow_truth truth = {0};
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	int e = nr_file_read(path, TRUTH_BYTES_MAX, &bytes, &length, error);
	if (e)
		return e;
	struct json_tokener *tokener = json_tokener_new_ex(TRUTH_DEPTH);
	struct json_object *root =
		tokener ? json_tokener_parse_ex(tokener, (const char *)bytes, (int)length) : NULL;
	e = root && json_object_is_type(root, json_type_object)
		    ? read_root(&truth, root, error)
		    : nr_fail(error, -EBADMSG, "not a JSON object");
	json_object_put(root);
	if (tokener)
		json_tokener_free(tokener);
	if (e) {
		nr_error_prefix(error, "%.150s", path);
		return e;
	}
	qsort(truth.servers, truth.server_count, sizeof *truth.servers, by_server);
	qsort(truth.hosts, truth.host_count, sizeof *truth.hosts, by_host);
	*ret_truth = truth;
	truth = (struct nr_flow_truth){0};
	return 0;
}
