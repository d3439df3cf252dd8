/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/certificate/judgement.h"

#include <string.h>

/* text with detail in the place of its "%s"; cut at a character's boundary. */
static void put(char *ret_text, size_t room, const char *text, const char *detail)
{
	const char *place = detail ? strstr(text, "%s") : NULL;
	if (place)
		snprintf(ret_text, room, "%.*s%s%s", (int)(place - text), text, detail, place + 2);
	else
		snprintf(ret_text, room, "%s", text);
	size_t length = strlen(ret_text);
	if (length + 1 < room)
		return;
	while (length > 0 && ((uint8_t)ret_text[length - 1] & 0xc0) == 0x80)
		length--;
	if (length > 0 && (uint8_t)ret_text[length - 1] >= 0xc0)
		length--; /* a character that may have been cut goes whole */
	ret_text[length] = 0;
}

static void add(struct nr_judgement *judgement, bool fatal, const char *code, const char *en, const char *ja,
	const char *detail)
{
	if (judgement->count == NR_REASONS_MAX)
		return;
	struct nr_reason *reason = &judgement->reasons[judgement->count++];
	reason->code = code;
	reason->fatal = fatal;
	put(reason->en, sizeof reason->en, en, detail);
	put(reason->ja, sizeof reason->ja, ja, detail);
}

void nr_judge_with(struct nr_judgement *judgement, enum nr_verdict verdict, const char *code, const char *en,
	const char *ja, const char *detail)
{
	judgement->verdict = NR_MAX(judgement->verdict, verdict);
	add(judgement, true, code, en, ja, detail);
}

void nr_judge(struct nr_judgement *judgement, enum nr_verdict verdict, const char *code, const char *en,
	const char *ja)
{
	nr_judge_with(judgement, verdict, code, en, ja, NULL);
}

void nr_judge_note(
	struct nr_judgement *judgement, const char *code, const char *en, const char *ja, const char *detail)
{
	add(judgement, false, code, en, ja, detail);
}

const char *nr_verdict_name(enum nr_verdict verdict)
{
	static const char *const names[] = {"TOTAL-PASSED", "INDETERMINATE", "TOTAL-FAILED"};
	return names[verdict];
}

void nr_judgement_write_json(const struct nr_judgement *judgement, struct nr_json *json)
{
	nr_json_text(json, "indication", nr_verdict_name(judgement->verdict));
	nr_json_array(json, "reasons");
	for (size_t i = 0; i < judgement->count; i++) {
		const struct nr_reason *reason = &judgement->reasons[i];
		nr_json_object(json, NULL);
		nr_json_text(json, "code", reason->code);
		nr_json_bool(json, "fatal", reason->fatal);
		nr_json_text(json, "text_en", reason->en);
		nr_json_text(json, "text_ja", reason->ja);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}
