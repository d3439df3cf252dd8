/* SPDX-License-Identifier: Apache-2.0 */
/* Calibrations and examples as files. */
#include "base/file.h"
#include "sense/flow/detect/judge/calibration.h"
#include "sense/flow/detect/judge/known_inside.h"

#include <errno.h>
#include <math.h>

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define VERSION        1
#define WEIGHT_MAX     50.0

void nr_flow_calibration_free(struct nr_flow_calibration *calibration)
{
	free(calibration);
}

void nr_flow_calibration_freep(struct nr_flow_calibration **calibration)
{
	nr_flow_calibration_free(*calibration);
}

/* ---- writing ---- */

static double rounded(double x)
{
	return round(x * 1000) / 1000;
}

static void write_model(const struct nr_flow_weights *weights, enum nr_flow_model model, struct nr_json *json)
{
	size_t count;
	const struct nr_flow_term *terms = nr_flow_terms(model, &count);
	nr_json_object(json, nr_flow_model_names[model]);
	nr_json_real(json, "bias", rounded(weights->bias));
	nr_json_object(json, "terms");
	for (size_t i = 0; i < count; i++) {
		nr_json_array(json, terms[i].code);
		for (unsigned b = 0; b <= terms[i].edge_count; b++)
			nr_json_real(json, NULL, rounded(weights->terms[i][b]));
		nr_json_array_end(json);
	}
	nr_json_object_end(json);
	nr_json_object_end(json);
}

void nr_flow_calibration_write(const struct nr_flow_calibration *calibration, struct nr_json *json)
{
	nr_json_object(json, NULL);
	nr_json_uint(json, "version", VERSION);
	nr_json_text(json, "learnt_from", calibration->learnt_from);
	nr_json_array(json, "follow");
	for (size_t i = 0; i < NR_COUNT(calibration->follow); i++)
		nr_json_real(json, NULL, rounded(calibration->follow[i]));
	nr_json_array_end(json);
	nr_json_object(json, "models");
	for (unsigned m = 0; m < NR_FLOW_MODELS; m++)
		write_model(&calibration->models[m], m, json);
	nr_json_object_end(json);
	nr_json_object_end(json);
}

/* ---- reading ---- */

static bool read_number(struct json_object *value, double most, double *ret_number)
{
	if (!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int))
		return false;
	double number = json_object_get_double(value);
	if (!(fabs(number) <= most))
		return false;
	*ret_number = number;
	return true;
}

static bool read_numbers(
	struct json_object *root, const char *name, double most, double *numbers, size_t count)
{
	struct json_object *array = NULL;
	if (!json_object_object_get_ex(root, name, &array) || !json_object_is_type(array, json_type_array) ||
		json_object_array_length(array) != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!read_number(json_object_array_get_idx(array, i), most, &numbers[i]))
			return false;
	return true;
}

static int read_model(struct json_object *models, enum nr_flow_model m, struct nr_flow_weights *weights,
	struct nr_error *error)
{
	struct json_object *model = NULL, *terms = NULL;
	size_t count;
	const struct nr_flow_term *known = nr_flow_terms(m, &count);
	if (!json_object_object_get_ex(models, nr_flow_model_names[m], &model) ||
		!json_object_object_get_ex(model, "terms", &terms) ||
		!json_object_is_type(terms, json_type_object))
		return nr_fail(error, -EBADMSG, "no model \"%s\" with its terms", nr_flow_model_names[m]);
	if (!nr_flow_line_real(model, "bias", &weights->bias) || fabs(weights->bias) > WEIGHT_MAX)
		return nr_fail(
			error, -EBADMSG, "%s: bias: a number to %.0f", nr_flow_model_names[m], WEIGHT_MAX);
	for (size_t i = 0; i < count; i++)
		if (!read_numbers(
			    terms, known[i].code, WEIGHT_MAX, weights->terms[i], known[i].edge_count + 1))
			return nr_fail(error, -EBADMSG, "%s: %s: %u numbers to %.0f, one for each bin",
				nr_flow_model_names[m], known[i].code, known[i].edge_count + 1, WEIGHT_MAX);
	return 0;
}

static int read_root(
	struct json_object *root, struct nr_flow_calibration *calibration, struct nr_error *error)
{
	struct json_object *models = NULL;
	double version = 0;
	const char *from = nr_flow_line_text(root, "learnt_from");
	if (!nr_flow_line_real(root, "version", &version) || version != VERSION)
		return nr_fail(error, -EBADMSG, "not a calibration of version %d", VERSION);
	if (!read_numbers(root, "follow", 1, calibration->follow, NR_COUNT(calibration->follow)))
		return nr_fail(error, -EBADMSG, "follow: two numbers from 0 to 1");
	for (size_t i = 0; i < NR_COUNT(calibration->follow); i++)
		calibration->follow[i] = NR_MAX(calibration->follow[i], 0);
	if (!json_object_object_get_ex(root, "models", &models) ||
		!json_object_is_type(models, json_type_object))
		return nr_fail(error, -EBADMSG, "no models");
	snprintf(calibration->learnt_from, sizeof calibration->learnt_from, "%s", from ? from : "");
	int e = 0;
	for (unsigned m = 0; !e && m < NR_FLOW_MODELS; m++)
		e = read_model(models, m, &calibration->models[m], error);
	return e;
}

int nr_flow_calibration_read(
	const char *path, struct nr_flow_calibration **ret_calibration, struct nr_error *error)
{
	NR_AUTO(nr_flow_calibration_freep)
	struct nr_flow_calibration *calibration = calloc(1, sizeof *calibration);
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	if (!calibration)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_file_read(path, FILE_BYTES_MAX, &bytes, &length, error);
	if (e)
		return e;
	while (length && (bytes[length - 1] == '\n' || bytes[length - 1] == '\r'))
		length--;
	struct json_object *root = nr_flow_line_object((const char *)bytes, length);
	e = root ? read_root(root, calibration, error) : nr_fail(error, -EBADMSG, "not a JSON object");
	json_object_put(root);
	if (e) {
		nr_error_prefix(error, "%.150s", path);
		return e;
	}
	*ret_calibration = nr_steal(&calibration);
	return 0;
}

/* ---- examples ---- */

void nr_flow_example_write(const struct nr_flow_example *example, struct nr_json *json)
{
	size_t count;
	nr_flow_terms(example->model, &count);
	nr_json_object(json, NULL);
	nr_json_text(json, "model", nr_flow_model_names[example->model]);
	nr_json_bool(json, "positive", example->positive);
	if (example->behaviour)
		nr_json_text(json, "behaviour", example->behaviour);
	nr_json_array(json, "values");
	for (size_t i = 0; i < count; i++)
		nr_json_real(json, NULL, (double)example->evidence.values[i]); /* NAN: null */
	nr_json_array_end(json);
	nr_json_object_end(json);
}

static int parse_example(struct json_object *root, struct nr_flow_example *example, struct nr_error *error)
{
	struct json_object *values = NULL, *positive = NULL;
	const char *name = nr_flow_line_text(root, "model");
	unsigned m = 0;
	size_t count;
	while (name && m < NR_FLOW_MODELS && strcmp(name, nr_flow_model_names[m]))
		m++;
	if (!name || m == NR_FLOW_MODELS || !json_object_object_get_ex(root, "positive", &positive) ||
		!json_object_is_type(positive, json_type_boolean))
		return nr_fail(error, -EBADMSG, "no example: \"model\", \"positive\"");
	nr_flow_terms(m, &count);
	if (!json_object_object_get_ex(root, "values", &values) ||
		!json_object_is_type(values, json_type_array) || json_object_array_length(values) != count)
		return nr_fail(error, -EBADMSG, "values: %zu numbers", count);
	*example = (struct nr_flow_example){.model = m, .positive = json_object_get_boolean(positive)};
	for (size_t i = 0; i < NR_FLOW_TERMS_MAX; i++) {
		struct json_object *value = i < count ? json_object_array_get_idx(values, i) : NULL;
		double number = 0;
		if (value && !read_number(value, 1e30, &number))
			return nr_fail(error, -EBADMSG, "values: number %zu is none", i + 1);
		example->evidence.values[i] = value ? (float)number : NAN;
	}
	return 0;
}

int nr_flow_example_parse(
	const char *line, size_t length, struct nr_flow_example *ret_example, struct nr_error *error)
{
	struct nr_flow_example example;
	struct json_object *root = nr_flow_line_object(line, length);
	int e = root ? parse_example(root, &example, error) : nr_fail(error, -EBADMSG, "not a JSON object");
	json_object_put(root);
	if (!e)
		*ret_example = example;
	return e;
}
