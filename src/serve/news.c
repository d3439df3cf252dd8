/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/news.h"

#include "base/hash.h"

#include <json-c/json.h>

#define EVIDENCE_DEPTH 16

/* What changed, and when it was told; false: the evidence has no alert. */
static bool read_alert(const char *evidence, char change[static 16], char notified[static 40])
{
	struct json_tokener *tokener = json_tokener_new_ex(EVIDENCE_DEPTH);
	if (!tokener || !evidence) {
		json_tokener_free(tokener);
		return false;
	}
	struct json_object *json = json_tokener_parse_ex(tokener, evidence, -1), *alert, *value;
	bool found = json_object_object_get_ex(json, "alert", &alert) &&
		     json_object_object_get_ex(alert, "change", &value);
	if (found) {
		snprintf(change, 16, "%s", json_object_get_string(value));
		const char *text = json_object_object_get_ex(alert, "notified", &value)
					   ? json_object_get_string(value)
					   : NULL;
		snprintf(notified, 40, "%s", text ? text : "");
	}
	json_object_put(json);
	json_tokener_free(tokener);
	return found;
}

static uint64_t hash_text(uint64_t seed, const char *text)
{
	return nr_siphash(text, strlen(text), seed, 0x6e6f726f736869);
}

static uint64_t hash_key(const struct nr_finding *finding)
{
	uint64_t hash = hash_text(hash_text(hash_text(1, finding->sensor), finding->sense), finding->kind);
	hash = nr_siphash(&finding->subject, sizeof finding->subject, hash, 2);
	return nr_siphash(&finding->first, sizeof finding->first, hash, 3);
}

/* Whether the hash is new; it is known from here on. */
static bool remember(struct nr_news *news, uint64_t hash)
{
	uint64_t *slot = &news->hashes[hash % NR_NEWS_REMEMBERED];
	bool new = *slot != hash;
	*slot = hash;
	return new;
}

bool nr_news_is(struct nr_news *news, const struct nr_finding *finding)
{
	char change[16], notified[40];
	uint64_t key = hash_key(finding);
	bool alert = read_alert(finding->evidence, change, notified);
	bool first = remember(news, key);
	if (!alert)
		return first;
	return strcmp(change, "figures") != 0 && remember(news, hash_text(hash_text(key, change), notified));
}
