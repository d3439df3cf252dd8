/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and asking the allow file. Each step that fails leaves the target refused. */
#include "sense/flow/probe/allow.h"
#include "base/file.h"
#include "sense/flow/probe/hellos.h"
#include "trust/signer/person.h"
#include "trust/signer/release.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define HEAD      "noroshi probe v1"
#define NEVER_MAX ((size_t)16 << 20)

const struct nr_probe_words nr_probe_refusal_words[NR_PROBE_REFUSALS] = {
	[NR_PROBE_ALLOWED] = {"allowed", "allowed", "許可されている"},
	[NR_PROBE_NOT_NAMED] = {"not-named", "no target of the allow file names it",
		"許可ファイルの対象にない"},
	[NR_PROBE_PASSIVE] = {"passive-only", "the allow file says: passive only",
		"許可ファイルで受動的な観測のみと定めている"},
	[NR_PROBE_NEVER] = {"opted-out", "on the list of those who are never probed",
		"拒否リストに載っている"},
	[NR_PROBE_CLASS] = {"class",
		"its class (country, private, loopback, own) is not allowed, or not named by "
		"a target inside it",
		"区分（国、プライベート、ループバック、自網）が許可されていないか、その範囲内の対象として"
		"明記されていない"},
	[NR_PROBE_NO_ADDRESS] = {"no-host", "not the address of one host", "単一のホストのアドレスではない"},
	[NR_PROBE_NOT_VALID] = {"not-valid", "outside the time of the allow file",
		"許可ファイルの有効期間外である"},
	[NR_PROBE_UDP] = {"udp",
		"a UDP server says nothing to one who says nothing: it is seen in flows only",
		"UDPは、こちらから送らない限り応答が得られないため、フローの観測のみとする"},
};

void nr_probe_allow_fini(struct nr_probe_allow *allow)
{
	free(allow->targets.items);
	free(allow->passive.items);
	free(allow->never.items);
	*allow = (struct nr_probe_allow){0};
}

/* ---- rules ---- */

/* ADDRESS, CIDR, ADDRESS:PORT, CIDR:PORT, [ADDRESS]:PORT, [CIDR]:PORT */
static int rule_parse(const char *text, struct nr_probe_rule *ret_rule, struct nr_error *error)
{
	char copy[NR_ADDRESS_TEXT + 16];
	struct nr_probe_rule rule = {.port = 0};
	size_t length = strlen(text);
	if (length >= sizeof copy)
		return nr_fail(error, -EBADMSG, "%.40s...: not an address, network or one with a port", text);
	memcpy(copy, text, length + 1);
	char *address = copy, *port = NULL;
	if (*copy == '[') {
		char *close = strchr(copy, ']');
		if (!close || close[1] != ':')
			return nr_fail(error, -EBADMSG, "%.60s: brackets need a port: [ADDRESS]:PORT", text);
		*close = 0;
		address++;
		port = close + 2;
	} else if (strchr(copy, ':') && strchr(copy, ':') == strrchr(copy, ':')) {
		port = strchr(copy, ':');
		*port++ = 0;
	}
	char *end = NULL;
	unsigned long number = port && *port >= '1' && *port <= '9' ? strtoul(port, &end, 10) : 0;
	if (port && (!number || *end || number > UINT16_MAX))
		return nr_fail(error, -EBADMSG, "%.60s: a port is 1 to 65535", text);
	rule.port = (uint16_t)number;
	int e = nr_prefix_parse(address, &rule.prefix, error);
	if (e)
		return e;
	*ret_rule = rule;
	return 0;
}

static int rules_add(struct nr_probe_rules *rules, size_t limit, const char *text, struct nr_error *error)
{
	struct nr_probe_rule rule;
	int e = rule_parse(text, &rule, error);
	if (e)
		return e;
	if (rules->count >= limit)
		return nr_fail(error, -E2BIG, "more than %zu networks", limit);
	if ((rules->count & (rules->count - 1)) == 0) { /* a power of two: full */
		size_t room = rules->count ? 2 * rules->count : 1;
		struct nr_probe_rule *items = realloc(rules->items, room * sizeof *items);
		if (!items)
			return nr_fail(error, -ENOMEM, "out of memory");
		rules->items = items;
	}
	rules->items[rules->count++] = rule;
	return 0;
}

static bool rule_holds(const struct nr_probe_rule *rule, const struct nr_flow_server *server)
{
	return (!rule->port || rule->port == server->port) &&
	       nr_prefix_contains(&rule->prefix, &server->address);
}

static bool rules_hold(const struct nr_probe_rules *rules, const struct nr_flow_server *server)
{
	for (size_t i = 0; i < rules->count; i++)
		if (rule_holds(&rules->items[i], server))
			return true;
	return false;
}

int nr_probe_never_read(const char *path, struct nr_probe_allow *allow, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length, number = 1;
	int e = nr_file_read(path, NEVER_MAX, &bytes, &length, error);
	if (e)
		return e;
	if (memchr(bytes, 0, length))
		return nr_fail(error, -EBADMSG, "%.150s: not a text", path);
	char *rest = (char *)bytes, *line;
	for (; !e && (line = strsep(&rest, "\n")); number++) {
		line[strcspn(line, "#\r")] = 0;
		line += strspn(line, " \t");
		line[strcspn(line, " \t")] = 0;
		e = *line ? rules_add(&allow->never, SIZE_MAX, line, error) : 0;
		/* a line that nobody understands may be the one that says "never" */
		if (e)
			nr_error_prefix(error, "%.100s: line %zu", path, number);
	}
	return e;
}

/* ---- the text ---- */

struct lines {
	char *rest; /* what is left of a copy of the text */
	size_t number;
};

/* The value of the next line where it begins with name and a space; NULL: it does not, and stays. */
static char *line_take(struct lines *lines, const char *name)
{
	size_t skip = strlen(name);
	if (!lines->rest || strncmp(lines->rest, name, skip) != 0 || lines->rest[skip] != ' ')
		return NULL;
	lines->number++;
	return strsep(&lines->rest, "\n") + skip + 1;
}

static bool value_ok(const char *value, size_t most)
{
	size_t length = value ? strlen(value) : 0;
	for (const char *p = value; p && *p; p++)
		if ((uint8_t)*p < ' ' || *p == 0x7f)
			return false;
	return length >= 3 && length <= most;
}

static bool class_ok(const char *name)
{
	return (isupper((uint8_t)name[0]) && isupper((uint8_t)name[1]) && !name[2]) || !strcmp(name, "any") ||
	       !strcmp(name, "private") || !strcmp(name, "loopback") || !strcmp(name, "own");
}

static bool classes_parse(char *text, struct nr_probe_allow *allow)
{
	for (char *name; text && (name = strsep(&text, ","));) {
		if (allow->class_count == NR_PROBE_CLASSES_MAX || !class_ok(name))
			return false;
		snprintf(allow->classes[allow->class_count++], sizeof allow->classes[0], "%s", name);
	}
	return allow->class_count > 0;
}

static int parse_head(struct lines *lines, struct nr_probe_allow *allow, struct nr_error *error)
{
	char *first = strsep(&lines->rest, "\n");
	lines->number = 1;
	if (!first || strcmp(first, HEAD) != 0)
		return nr_fail(error, -EBADMSG, "not an allow file: its first line is not \"" HEAD "\"");
	char *who = line_take(lines, "who"), *purpose = line_take(lines, "purpose"),
	     *from = line_take(lines, "from"), *until = line_take(lines, "until"),
	     *classes = line_take(lines, "classes");
	if (!value_ok(who, NR_PROBE_TEXT_MAX) || !value_ok(purpose, NR_PROBE_TEXT_MAX) || !from || !until ||
		!classes)
		return nr_fail(error, -EBADMSG,
			"an allow file says who, purpose, from, until and classes, in this order (line %zu)",
			lines->number + 1);
	if (nr_time_parse(from, &allow->from, error) || nr_time_parse(until, &allow->until, error))
		return -EBADMSG;
	if (allow->until <= allow->from || allow->until - allow->from > NR_PROBE_ALLOW_MAX)
		return nr_fail(error, -ERANGE, "an allow file lasts at most 31 days; sign it anew");
	if (!classes_parse(classes, allow))
		return nr_fail(error, -EBADMSG,
			"classes are countries (JP), any, private, loopback and own, with commas between");
	snprintf(allow->who, sizeof allow->who, "%s", who);
	snprintf(allow->purpose, sizeof allow->purpose, "%s", purpose);
	return 0;
}

int nr_probe_allow_parse(
	const char *text, size_t length, struct nr_probe_allow *ret_allow, struct nr_error *error)
{
	NR_AUTO(nr_probe_allow_fini) struct nr_probe_allow allow = {0};
	NR_AUTO(nr_freep) char *copy = strndup(text, length);
	if (!copy)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (strlen(copy) != length || !length || copy[length - 1] != '\n')
		return nr_fail(error, -EBADMSG, "not an allow file: not a text of whole lines");
	copy[length - 1] = 0;
	struct lines lines = {.rest = copy};
	int e = parse_head(&lines, &allow, error);
	while (!e && lines.rest) {
		char *target = line_take(&lines, "target"),
		     *passive = target ? NULL : line_take(&lines, "passive");
		if (target)
			e = rules_add(&allow.targets, NR_PROBE_RULES_MAX, target, error);
		else if (passive)
			e = rules_add(&allow.passive, NR_PROBE_RULES_MAX, passive, error);
		else
			e = nr_fail(error, -EBADMSG, "neither \"target\" nor \"passive\"");
		if (e)
			nr_error_prefix(error, "line %zu", lines.number + !(target || passive));
	}
	if (e)
		return e;
	nr_probe_hash(text, length, allow.hash);
	*ret_allow = allow;
	allow = (struct nr_probe_allow){0};
	return 0;
}

/* ---- who signed ---- */

struct keys {
	struct nr_note_key items[NR_PROBE_SIGNERS_MAX];
	size_t count;
};

static void keys_fini(struct keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		nr_note_key_fini(&keys->items[i]);
}

static int key_read(const char *text, struct nr_note_key *ret_key, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length = strlen(text);
	if (strchr(text, '+') && access(text, F_OK) != 0)
		return nr_note_key_parse(text, length, ret_key, error);
	int e = nr_file_read(text, 4096, &bytes, &length, error);
	if (e)
		return e;
	while (length && isspace(bytes[length - 1]))
		length--;
	e = nr_note_key_parse((char *)bytes, length, ret_key, error);
	return e ? nr_error_prefix(error, "%.100s", text) : 0;
}

static int keys_read(const struct nr_texts *texts, struct keys *keys, struct nr_error *error)
{
	int e = 0;
	if (texts->count > NR_PROBE_SIGNERS_MAX)
		return nr_fail(error, -E2BIG, "--authority: at most %d verifier keys", NR_PROBE_SIGNERS_MAX);
	for (size_t i = 0; !e && i < texts->count; i++) {
		e = key_read(texts->items[i], &keys->items[i], error);
		keys->count += !e;
	}
	return e;
}

/* A text without any signature is no note; it is told apart from a damaged one. */
static int note_read(const uint8_t *bytes, size_t length, struct nr_note *note, struct nr_error *error)
{
	static const char none[] = "\xe2\x80\x94 "; /* what a signature line begins with */
	if (!memmem(bytes, length, none, strlen(none)))
		return nr_fail(
			error, -EACCES, "nobody signed it: noroshi flow probe --approve FILE --sign KEY");
	return nr_note_parse(bytes, length, note, error) ? -EACCES : 0;
}

static int check_signatures(const struct nr_note *note, const struct nr_probe_authority *authority,
	const struct keys *keys, struct nr_probe_allow *allow, struct nr_error *error)
{
	struct nr_note_verdict verdicts[NR_PROBE_SIGNERS_MAX];
	uint64_t wanted = NR_MAX(authority->signatures, UINT64_C(1));
	size_t count = 0;
	if (nr_release_count(note, keys->items, keys->count, &count, error))
		return -EACCES; /* altered */
	if (!count)
		return nr_fail(error, -EACCES, "no key that --authority names signed it");
	if (count < wanted)
		return nr_fail(error, -EACCES, "signed by %zu of those whom --authority names; %llu must",
			count, (unsigned long long)wanted);
	int e = nr_note_verify(note, keys->items, keys->count, verdicts, error);
	for (size_t i = 0; !e && i < keys->count; i++)
		if (verdicts[i].valid)
			snprintf(allow->signers[allow->signer_count++], sizeof allow->signers[0], "%s",
				keys->items[i].name);
	return e ? -EACCES : 0;
}

int nr_probe_allow_read(const char *path, const struct nr_probe_authority *authority, nr_time now,
	struct nr_probe_allow *ret_allow, struct nr_error *error)
{
	NR_AUTO(nr_probe_allow_fini) struct nr_probe_allow allow = {0};
	NR_AUTO(keys_fini) struct keys keys = {.count = 0};
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	struct nr_note note;
	char text[NR_TIME_TEXT];
	size_t length;
	int e = keys_read(authority->keys, &keys, error);
	e = e ? e : nr_file_read(path, NR_NOTE_MAX, &bytes, &length, error);
	if (e)
		return e;
	e = note_read(bytes, length, &note, error);
	e = e ? e : nr_probe_allow_parse(note.text, note.text_length, &allow, error);
	e = e ? e : check_signatures(&note, authority, &keys, &allow, error);
	if (!e && now < allow.from)
		e = nr_fail(error, -EACCES, "holds from %s", nr_time_write(allow.from, text));
	if (!e && now >= allow.until)
		e = nr_fail(error, -EACCES, "held until %s; sign it anew", nr_time_write(allow.until, text));
	if (e) {
		nr_error_prefix(error, "%.100s", path);
		return e == -ENOMEM ? e : -EACCES;
	}
	*ret_allow = allow;
	allow = (struct nr_probe_allow){0};
	return 0;
}

/* The file as a note that can be signed: with an empty line behind a text that nobody signed yet. */
static int note_begin(
	char note[static NR_NOTE_MAX], size_t *length, size_t *ret_text_length, struct nr_error *error)
{
	struct nr_note parsed;
	struct nr_error why = {0};
	int e = note_read((uint8_t *)note, *length, &parsed, &why);
	if (!e) {
		*ret_text_length = parsed.text_length;
		return 0;
	}
	if (memmem(note, *length, "\xe2\x80\x94 ", 4))
		return nr_fail(error, -EBADMSG, "%s", why.text);
	while (*length > 1 && note[*length - 1] == '\n' && note[*length - 2] == '\n')
		(*length)--;
	*ret_text_length = *length;
	note[(*length)++] = '\n';
	return 0;
}

int nr_probe_allow_sign(const char *path, const char *sign, const char *passphrase_file, nr_time now,
	char **ret_text, struct nr_error *error)
{
	NR_AUTO(nr_probe_allow_fini) struct nr_probe_allow allow = {0};
	NR_AUTO(nr_person_fini) struct nr_person person = {.key = NULL};
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	NR_AUTO(nr_freep) char *note = calloc(1, NR_NOTE_MAX);
	size_t length, text_length = 0;
	if (!note)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_person_read(sign, passphrase_file, &person, error);
	e = e ? e : nr_file_read(path, NR_NOTE_MAX / 2, &bytes, &length, error);
	if (e)
		return e;
	memcpy(note, bytes, length);
	e = note_begin(note, &length, &text_length, error);
	e = e ? e : nr_probe_allow_parse(note, text_length, &allow, error);
	if (!e && now >= allow.until)
		e = nr_fail(error, -EACCES, "its time is over");
	e = e ? e : nr_person_sign(&person, note, &length, text_length, error);
	if (e)
		return nr_error_prefix(error, "%.100s", path);
	char *text = strndup(note, text_length);
	if (!text)
		return nr_fail(error, -ENOMEM, "out of memory");
	e = nr_file_write(path, note, length, error);
	if (e)
		free(text);
	else
		*ret_text = text;
	return e;
}

/* ---- asking ---- */

static bool has_class(const struct nr_probe_allow *allow, const char *name)
{
	for (size_t i = 0; i < allow->class_count; i++)
		if (!strcmp(allow->classes[i], name))
			return true;
	return false;
}

static bool public_is_allowed(const struct nr_probe_allow *allow, const struct nr_address *address)
{
	struct nr_place place = {.country = ""};
	if (has_class(allow, "any"))
		return true;
	if (allow->origin)
		nr_origin_find(allow->origin, address, &place);
	return place.country[0] && has_class(allow, place.country);
}

/* A target that lies wholly in networks of this kind names the address. */
static bool is_named_inside(
	const struct nr_probe_allow *allow, const struct nr_flow_server *server, enum nr_probe_place place)
{
	for (size_t i = 0; i < allow->targets.count; i++)
		if (rule_holds(&allow->targets.items[i], server) &&
			nr_probe_place_of(&allow->targets.items[i].prefix, &allow->own) == place)
			return true;
	return false;
}

enum nr_probe_refusal nr_probe_allow_check(
	const struct nr_probe_allow *allow, const struct nr_flow_server *server, nr_time now)
{
	static const char *const names[] = {
		[NR_PROBE_OWN] = "own", [NR_PROBE_PRIVATE] = "private", [NR_PROBE_LOOPBACK] = "loopback"};
	const struct nr_prefix host = {server->address, 128};
	enum nr_probe_place place = nr_probe_place_of(&host, &allow->own);
	if (now < allow->from || now >= allow->until)
		return NR_PROBE_NOT_VALID;
	if (place == NR_PROBE_NO_HOST)
		return NR_PROBE_NO_ADDRESS;
	if (rules_hold(&allow->never, server))
		return NR_PROBE_NEVER;
	if (rules_hold(&allow->passive, server))
		return NR_PROBE_PASSIVE;
	if (!rules_hold(&allow->targets, server))
		return NR_PROBE_NOT_NAMED;
	if (place == NR_PROBE_PUBLIC)
		return !public_is_allowed(allow, &server->address) ? NR_PROBE_CLASS
		       : server->protocol == IPPROTO_UDP           ? NR_PROBE_UDP
								   : NR_PROBE_ALLOWED;
	if (!has_class(allow, names[place]) || !is_named_inside(allow, server, place))
		return NR_PROBE_CLASS;
	return server->protocol == IPPROTO_UDP ? NR_PROBE_UDP : NR_PROBE_ALLOWED;
}
