/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: what the check takes json-c takes too, and writes as something that the check takes again. */
#include "wire/json_check.h"

#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nr_error error = {0};
	if (nr_json_check(data, size, &error) != 0) {
		assert(error.code == -EBADMSG && *error.text);
		return 0;
	}
	assert(memchr(data, 0, size) == NULL);
	json_tokener *tokener = json_tokener_new_ex(NR_JSON_CHECK_DEPTH + 1);
	assert(tokener);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	json_object *value = json_tokener_parse_ex(tokener, (const char *)data, (int)size);
	enum json_tokener_error state = json_tokener_get_error(tokener);
	/* a number at the top may go on; numbers beyond what a double holds are json-c's to refuse */
	assert(state == json_tokener_success || state == json_tokener_continue ||
		state == json_tokener_error_parse_number);
	if (state == json_tokener_success && value) {
		const char *text = json_object_to_json_string_ext(
			value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
		assert(nr_json_check((const uint8_t *)text, strlen(text), NULL) == 0 ||
			strstr(text, "Infinity"));
	}
	json_object_put(value);
	json_tokener_free(tokener);
	return 0;
}
