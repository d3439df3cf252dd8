/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/flow_finder_inside.h"

#include "store/flows/archive.h"

#include <errno.h>

#define COMPARE_EVERY (5 * NR_MINUTE)  /* between two looks at what the archive has erased */
#define UNWRITTEN     (10 * NR_SECOND) /* flows that are younger may not be in the archive yet */
#define ROWS_AT_ONCE  1000

/* ---- gathering ---- */

struct nr_flow_found *nr_flow_found_new(nr_time day)
{
	struct nr_flow_found *found = calloc(1, sizeof *found);
	if (found)
		found->day = day;
	return found;
}

void nr_flow_found_free(struct nr_flow_found *found)
{
	if (!found)
		return;
	for (size_t i = 0; i < found->text_count; i++)
		free(found->texts[i]);
	free(found->texts);
	free(found->servers);
	free(found->hosts);
	free(found->beats);
	free(found->meetings);
	free(found->findings);
	free(found->fresh);
	free(found);
}

/* items: the address of the array's pointer. The new element; NULL: out of memory, and that is noted. */
void *nr_flow_found_add(struct nr_flow_found *found, void *items, size_t *count, size_t *room, size_t size)
{
	void *array;
	memcpy(&array, items, sizeof array);
	if (*count == *room) {
		size_t more = NR_MAX(2 * *room, (size_t)64);
		void *grown = realloc(array, more * size);
		if (!grown) {
			found->failed = true;
			return NULL;
		}
		memcpy(items, &grown, sizeof grown);
		array = grown;
		*room = more;
	}
	void *element = (char *)array + (*count)++ * size;
	memset(element, 0, size);
	return element;
}

const char *nr_flow_found_text(struct nr_flow_found *found, const char *text)
{
	char *copy = strdup(text ? text : "");
	char **place = copy ? nr_flow_found_add(found, &found->texts, &found->text_count, &found->text_room,
				      sizeof *found->texts)
			    : NULL;
	if (!place) {
		free(copy);
		found->failed = true;
		return "";
	}
	*place = copy;
	return copy;
}

const char *nr_flow_found_reasons(struct nr_flow_found *found, const struct nr_flow_verdict *verdict)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_array(&json, NULL);
	for (size_t i = 0; i < verdict->reason_count; i++) {
		const struct nr_flow_reason *reason = &verdict->reasons[i];
		nr_json_object(&json, NULL);
		nr_json_text(&json, "code", reason->code);
		nr_json_text(&json, "text_en", reason->text_en);
		nr_json_text(&json, "text_ja", reason->text_ja);
		nr_json_real(&json, "value", reason->value);
		nr_json_real(&json, "weight", reason->weight);
		nr_json_object_end(&json);
	}
	nr_json_array_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		return nr_flow_found_text(found, json.bytes);
	found->failed = true;
	return "[]";
}

static void add_finding(struct nr_flow_finder *f, struct nr_flow_found *found,
	const struct nr_flow_verdict *verdict, bool fresh)
{
	NR_AUTO(nr_flow_verdict_texts_fini) struct nr_flow_verdict_texts texts = {.evidence = NULL};
	struct nr_finding made;
	if (nr_flow_verdict_finding(verdict, f->conf.sensor, &texts, &made, NULL) != 0) {
		found->failed = true;
		return;
	}
	bool *is_fresh = nr_flow_found_add(found, &found->fresh, &(size_t){found->finding_count},
		&found->fresh_room, sizeof *found->fresh);
	struct nr_finding *finding =
		is_fresh ? nr_flow_found_add(found, &found->findings, &found->finding_count,
				   &found->finding_room, sizeof *found->findings)
			 : NULL;
	if (!finding)
		return;
	*is_fresh = fresh;
	*finding = made;
	finding->reason_en = nr_flow_found_text(found, made.reason_en);
	finding->reason_ja = nr_flow_found_text(found, made.reason_ja);
	finding->evidence = nr_flow_found_text(found, made.evidence);
}

void nr_flow_found_verdict(struct nr_flow_finder *f, struct nr_flow_found *found,
	const struct nr_flow_verdict *verdict, bool tell, nr_time since)
{
	struct nr_flow_verdict said = *verdict;
	bool fresh = false;
	said.first = NR_MAX(said.first, found->day);
	said.alarm = tell;
	if (tell && !nr_flow_told_enter(&f->told, verdict, &said.first, &fresh))
		return;
	if (tell)
		add_finding(f, found, &said, fresh);
	if (said.kind == NR_FLOW_C2_SERVER)
		return;
	struct nr_flow_host_row *row = nr_flow_found_add(
		found, &found->hosts, &found->host_count, &found->host_room, sizeof *found->hosts);
	if (row)
		*row = (struct nr_flow_host_row){.sensor = f->conf.sensor,
			.time = found->day,
			.kind = nr_flow_verdict_names[said.kind],
			.address = said.subject.address,
			.since = since,
			.port = said.subject.port,
			.protocol = said.subject.protocol,
			.confidence = said.confidence,
			.alarm = tell,
			.first = said.first,
			.last = said.last,
			.looked = nr_time_now(),
			.reasons = nr_flow_found_reasons(found, &said)};
}

void nr_flow_finder_put(struct nr_flow_finder *f, struct nr_flow_found *found)
{
	pthread_mutex_lock(&f->lock);
	struct nr_flow_found **at = &f->found;
	while (*at && (*at)->day != found->day)
		at = &(*at)->next;
	if (*at) { /* the same day, looked at later: it says all that the earlier one said, but what was new
		    */
		struct nr_flow_found *earlier = *at;
		for (size_t i = 0; i < found->finding_count; i++)
			for (size_t k = 0; k < earlier->finding_count && !found->fresh[i]; k++)
				found->fresh[i] =
					earlier->fresh[k] &&
					earlier->findings[k].first == found->findings[i].first &&
					memcmp(&earlier->findings[k].subject, &found->findings[i].subject,
						sizeof(struct nr_address)) == 0;
		found->next = earlier->next;
		nr_flow_found_free(earlier);
	}
	*at = found;
	pthread_mutex_unlock(&f->lock);
}

/* ---- writing ---- */

static int put_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	int status = 0;
	for (size_t i = 0; i < count && !status; i += ROWS_AT_ONCE)
		status = sink->rows(sink, table, (const char *)rows + i * table->row_size,
			NR_MIN(count - i, (size_t)ROWS_AT_ONCE), error);
	return status;
}

/* New ones are told to who listens when they are durable. */
static int put_findings(const struct nr_flow_found *found, struct nr_sink *store, struct nr_sink *listeners,
	bool fresh, struct nr_error *error)
{
	int status = 0;
	for (size_t i = 0; i < found->finding_count && !status; i++) {
		if (fresh && found->fresh[i])
			status = nr_sink_finding(listeners, &found->findings[i], error);
		else if (!fresh)
			status = nr_sink_finding(store, &found->findings[i], error);
	}
	return status;
}

static int write_found(const struct nr_flow_finder *f, const struct nr_flow_found *found, bool replace,
	struct nr_store *store, struct nr_sink *listeners, struct nr_error *error)
{
	struct nr_sink *sink = nr_store_sink(store);
	int64_t session = sink->session;
	sink->session = 0;
	int status = nr_store_wipe(store, true, error);
	if (!status && replace)
		status = nr_store_flow_replace(store, f->conf.sensor, found->day, error);
	if (!status)
		status = put_rows(sink, &nr_flow_server_table, found->servers, found->server_count, error);
	if (!status)
		status = put_rows(sink, &nr_flow_host_table, found->hosts, found->host_count, error);
	if (!status)
		status = put_rows(sink, &nr_flow_beat_table, found->beats, found->beat_count, error);
	if (!status)
		status = put_rows(sink, &nr_flow_meeting_table, found->meetings, found->meeting_count, error);
	if (!status)
		status = put_findings(found, sink, listeners, false, error);
	int committed = sink->commit(sink, status ? NULL : error); /* also ends what failed */
	nr_store_wipe(store, false, NULL);
	sink->session = session;
	status = status ? status : committed;
	return status ? status : put_findings(found, sink, listeners, true, error);
}

/* What the archive has erased since: rows that rest on it go. */
static int forget(struct nr_flow_finder *f, struct nr_store *store, struct nr_error *error)
{
	NR_AUTO(nr_flow_archive_closep) struct nr_flow_archive *archive = NULL;
	nr_time now = nr_time_now();
	if (now < f->compare_at && f->compare_at - now <= COMPARE_EVERY)
		return 0;
	int status = nr_flow_archive_open(f->conf.archive, NR_FLOW_ARCHIVE_READ, NULL, &archive, error);
	if (status)
		return status;
	struct nr_flow_archive_state state = nr_flow_archive_state(archive);
	bool empty = state.oldest == NR_TIME_MIN; /* all was erased, but what is not written yet */
	nr_time oldest = NR_MAX(empty ? now - UNWRITTEN : state.oldest, now - f->policy.keep);
	if (empty || f->oldest == NR_TIME_MIN ||
		nr_time_floor(oldest, NR_HOUR) != nr_time_floor(f->oldest, NR_HOUR))
		status = nr_store_flow_forget(store, oldest, NULL, error);
	if (!status) {
		f->oldest = oldest;
		f->compare_at = now + COMPARE_EVERY;
	}
	return status;
}

int nr_flow_finder_write(
	struct nr_flow_finder *f, struct nr_store *store, struct nr_sink *listeners, struct nr_error *error)
{
	int status = forget(f, store, error);
	while (!status) {
		pthread_mutex_lock(&f->lock);
		struct nr_flow_found *found = f->found;
		if (found)
			f->found = found->next;
		pthread_mutex_unlock(&f->lock);
		if (!found)
			break;
		found->next = NULL;
		status = write_found(f, found, true, store, listeners, error);
		if (!status) {
			nr_flow_found_free(found);
			continue;
		}
		pthread_mutex_lock(&f->lock);
		found->next = f->found; /* again, before what came meanwhile */
		f->found = found;
		pthread_mutex_unlock(&f->lock);
	}
	struct nr_flow_found *marked = status ? NULL : nr_flow_marks_found(f);
	if (marked)
		status = write_found(f, marked, false, store, listeners, error);
	if (marked && status)
		nr_flow_marks_again(f);
	nr_flow_found_free(marked);
	return status;
}
