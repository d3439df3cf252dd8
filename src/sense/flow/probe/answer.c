/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/probe/answer.h"

#include <string.h>

const char *const nr_probe_end_names[NR_PROBE_ENDS] = {
	[NR_PROBE_NOT_MADE] = "not-made",
	[NR_PROBE_REFUSED] = "refused",
	[NR_PROBE_UNREACHABLE] = "unreachable",
	[NR_PROBE_BY_US] = "closed-by-us",
	[NR_PROBE_BY_SERVER] = "closed-by-server",
	[NR_PROBE_RESET] = "reset",
	[NR_PROBE_TIME] = "time-over",
	[NR_PROBE_BYTES] = "too-many-bytes",
	[NR_PROBE_STOPPED] = "stopped",
	[NR_PROBE_BROKEN] = "reader-died",
};

const char *nr_probe_step_name(unsigned step)
{
	static const char *const names[NR_PROBE_STEPS] = {"listen", "hello-1", "hello-2", "hello-3",
		"hello-4", "hello-5", "hello-6", "hello-7", "hello-8", "hello-9", "head"};
	return step < NR_PROBE_STEPS ? names[step] : "none";
}

static bool is_text(const char *text, size_t room)
{
	return memchr(text, 0, room) != NULL;
}

#define IS_TEXT(field) is_text(field, sizeof(field))

static bool certificate_is_sound(const struct nr_probe_certificate *c)
{
	bool sound = IS_TEXT(c->sha256) && IS_TEXT(c->key_sha256) && IS_TEXT(c->serial) && IS_TEXT(c->key) &&
		     IS_TEXT(c->algorithm) && IS_TEXT(c->subject) && IS_TEXT(c->issuer) &&
		     c->name_count <= NR_PROBE_NAMES_MAX;
	for (size_t i = 0; i < NR_PROBE_NAMES_MAX; i++)
		sound = sound && IS_TEXT(c->names[i]);
	return sound;
}

bool nr_probe_answers_are_sound(const struct nr_probe_answers *a)
{
	bool sound = a->banner.kept <= NR_PROBE_BANNER_MAX && certificate_is_sound(&a->certificate) &&
		     IS_TEXT(a->handshake.protocol) && IS_TEXT(a->http.server) && IS_TEXT(a->http.location) &&
		     IS_TEXT(a->http.type) && IS_TEXT(a->http.headers_sha256);
	for (size_t i = 0; i < NR_PROBE_HELLOS; i++)
		sound = sound && IS_TEXT(a->hellos[i].protocol) &&
			a->hellos[i].extension_count <= NR_COUNT(a->hellos[i].extensions);
	for (size_t i = 0; i < NR_PROBE_STEPS; i++)
		sound = sound && a->connections[i].end < NR_PROBE_ENDS;
	return sound;
}

bool nr_probe_speaks_tls(const struct nr_probe_answers *a)
{
	const struct nr_probe_hello *first = &a->hellos[0];
	return !first->foreign && (first->hello || first->alert);
}

unsigned nr_probe_next_step(const struct nr_probe_answers *a, unsigned step)
{
	uint8_t end = a->connections[NR_PROBE_LISTEN].end;
	if (end == NR_PROBE_NOT_MADE)
		return NR_PROBE_LISTEN;
	/* nobody there, or one who speaks first, and so neither TLS nor HTTP: there is nothing more to ask */
	if (end == NR_PROBE_REFUSED || end == NR_PROBE_UNREACHABLE || end == NR_PROBE_BROKEN ||
		a->banner.length)
		return NR_PROBE_STEPS;
	if (step >= NR_PROBE_HEAD)
		return NR_PROBE_STEPS;
	return nr_probe_speaks_tls(a) ? step + 1 : NR_PROBE_HEAD;
}
