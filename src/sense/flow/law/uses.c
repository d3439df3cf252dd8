/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/law/uses.h"
#include "sense/flow/law/pseudonym.h"
#include "sense/flow/law/uses_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

struct nr_flow_uses {
	int file, head;
	char path[PATH_MAX];
	char who[128];
	struct nr_prefix_table *clients; /* whose addresses are not written */
};

/* ---- opening ---- */

/* Who logged in, which sudo and su do not change (audit); else who this process is. */
static void find_user(char *who, size_t room)
{
	char text[32] = "", name[96] = "", buffer[4096];
	struct passwd entry, *found = NULL;
	FILE *file = fopen("/proc/self/loginuid", "re");
	if (file && !fgets(text, sizeof text, file))
		text[0] = 0;
	nr_closep(&file);
	unsigned long long user = text[0] ? strtoull(text, NULL, 10) : UINT32_MAX;
	if (user >= UINT32_MAX)
		user = getuid();
	if (getpwuid_r((uid_t)user, &entry, buffer, sizeof buffer, &found) == 0 && found)
		snprintf(name, sizeof name, "%s", entry.pw_name);
	snprintf(who, room, "%s%s%llu", name, name[0] ? ":" : "", user);
}

static int open_in(const char *archive, const char *name, char path[static PATH_MAX], struct nr_error *error)
{
	if (snprintf(path, PATH_MAX, "%s/%s", archive, name) >= PATH_MAX)
		return nr_fail(error, -ENAMETOOLONG, "%.100s: the name is too long", archive);
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	return file >= 0 ? file
			 : nr_fail(error, -errno, "%.150s: %s; uses of flows are recorded there", path,
				   strerror(errno));
}

static int find_clients(const char *archive, struct nr_prefix_table **ret_clients, struct nr_error *error)
{
	NR_AUTO(nr_flow_policy_fini) struct nr_flow_policy policy = {0};
	struct nr_error why = {0};
	int e = nr_flow_policy_read(archive, &policy, &why);
	if (e && e != -ENOENT) /* there is none before the first one is recorded */
		return nr_fail(error, e, "%s", why.text);
	return nr_flow_clients_new(&policy, ret_clients, error);
}

int nr_flow_uses_open(const char *archive, struct nr_flow_uses **ret_uses, struct nr_error *error)
{
	char head[PATH_MAX];
	NR_AUTO(nr_flow_uses_closep) struct nr_flow_uses *uses = calloc(1, sizeof *uses);
	if (!uses)
		return nr_fail(error, -ENOMEM, "out of memory");
	uses->head = -1;
	uses->file = open_in(archive, NR_FLOW_USES_FILE, uses->path, error);
	if (uses->file < 0)
		return uses->file;
	uses->head = open_in(archive, NR_FLOW_USES_HEAD, head, error);
	if (uses->head < 0)
		return uses->head;
	int e = find_clients(archive, &uses->clients, error);
	if (e)
		return e;
	find_user(uses->who, sizeof uses->who);
	*ret_uses = nr_steal(&uses);
	return 0;
}

void nr_flow_uses_close(struct nr_flow_uses *uses)
{
	if (!uses)
		return;
	nr_close_fd(&uses->file);
	nr_close_fd(&uses->head);
	nr_prefix_table_free(uses->clients);
	free(uses);
}

void nr_flow_uses_closep(struct nr_flow_uses **uses)
{
	nr_flow_uses_close(*uses);
}

/* ---- what was asked, without whom it was asked about ---- */

/* A name is not whom it names, and says whom was asked about to those who have the key. */
static bool is_pseudonym(const struct nr_address *address)
{
	uint64_t high, low;
	nr_flow_address_split(address, &high, &low);
	return high == NR_FLOW_PSEUDONYM_HIGH;
}

/* What stands there names: nobody (0), a network of many, one client. */
enum { NOBODY, NETWORK, CLIENT };

static int whom(const struct nr_flow_uses *uses, const char *text, size_t length)
{
	char copy[64];
	struct nr_prefix prefix;
	if (length < 2 || length >= sizeof copy)
		return NOBODY;
	memcpy(copy, text, length);
	copy[length] = 0;
	if (!strpbrk(copy, ".:") || nr_prefix_parse(copy, &prefix, NULL) || is_pseudonym(&prefix.address) ||
		nr_prefix_table_find(uses->clients, &prefix.address) != NR_FLOW_CLIENT)
		return NOBODY;
	return prefix.length >= (nr_address_is_ipv4(&prefix.address) ? 128 : 64) ? CLIENT : NETWORK;
}

/* The length of what names a client at the beginning of the text ("192.0.2.1" of "192.0.2.1:80"); 0: nothing
 * does. */
static size_t client_span(const struct nr_flow_uses *uses, const char *text)
{
	size_t span = strspn(text, "0123456789abcdefABCDEF.:/");
	int all = whom(uses, text, span);
	if (all == NETWORK)
		return 0;
	for (size_t length = span; length >= 2; length--)
		if (whom(uses, text, length) == CLIENT)
			return length;
	return 0;
}

static bool is_of_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
	       c == ':';
}

static void without_clients(const struct nr_flow_uses *uses, const char *text, char *out, size_t room)
{
	static const char client[] = "[client]";
	size_t used = 0;
	bool within = false; /* a word: what stands in its middle is no address */
	while (*text && used + sizeof client + 3 < room) {
		size_t span = within ? 0 : client_span(uses, text);
		if (span) {
			memcpy(out + used, client, sizeof client - 1);
			used += sizeof client - 1;
			text += span;
			within = false;
			continue;
		}
		within = is_of_word(*text);
		out[used++] = *text++;
	}
	snprintf(out + used, room - used, "%s", *text ? "..." : "");
}

const char *nr_flow_use_expression(const char *expression, char ret_text[static NR_FLOW_USE_EXPRESSION])
{
	char hash[NR_FLOW_HEAD_TEXT];
	size_t length = expression ? strlen(expression) : 0;
	if (!length)
		return memcpy(ret_text, "", 1);
	if (length < NR_FLOW_USE_EXPRESSION)
		return memcpy(ret_text, expression, length + 1);
	nr_flow_use_hash(expression, length, hash);
	snprintf(ret_text, NR_FLOW_USE_EXPRESSION, "%.800s... (%zu bytes, sha256 %s)", expression, length,
		hash);
	return ret_text;
}

/* ---- the chain ---- */

struct last {
	uint64_t number; /* 0: there is no line */
	char hash[NR_FLOW_HEAD_TEXT];
	off_t end;   /* behind it */
	size_t torn; /* bytes behind that: of a writer that was killed and never answered */
};

static int find_last(struct nr_flow_uses *uses, struct last *last, struct nr_error *error)
{
	static const size_t most = 2 * NR_FLOW_USE_LINE_MAX;
	NR_AUTO(nr_freep) char *bytes = malloc(most + 1);
	struct stat status;
	*last = (struct last){.number = 0};
	if (!bytes || fstat(uses->file, &status) < 0)
		return nr_fail(error, bytes ? -errno : -ENOMEM, "%.150s: %s", uses->path, strerror(errno));
	size_t length = (size_t)NR_MIN((off_t)most, status.st_size);
	off_t from = status.st_size - (off_t)length;
	if (pread(uses->file, bytes, length, from) != (ssize_t)length)
		return nr_fail(error, -EIO, "%.150s: cannot be read: %s", uses->path, strerror(errno));
	size_t end = length;
	while (end && bytes[end - 1] != '\n')
		end--;
	last->end = from + (off_t)end;
	last->torn = length - end;
	if (!end)
		return from ? nr_fail(error, -EBADMSG, "%.150s: its last line is longer than a line can be",
				      uses->path)
			    : 0;
	size_t start = --end;
	while (start && bytes[start - 1] != '\n')
		start--;
	bytes[end] = 0;
	if (!nr_flow_use_number(bytes + start, end - start, &last->number))
		return nr_fail(error, -EBADMSG,
			"%.150s: its last line is no use of flows; noroshi flow uses --verify says more",
			uses->path);
	nr_flow_use_hash(bytes + start, end - start, last->hash);
	return 0;
}

/* Over what is torn, which spaces cover where the line is shorter: in a sandbox files are not cut. */
static int write_line(const struct nr_flow_uses *uses, const struct last *last, char *line, size_t *length,
	struct nr_error *error)
{
	while (*length + 1 < last->torn)
		line[(*length)++] = ' ';
	line[*length] = '\n';
	ssize_t n = pwrite(uses->file, line, *length + 1, last->end);
	if (n == (ssize_t)*length + 1 && fdatasync(uses->file) == 0)
		return 0;
	int e = n < 0 || n == (ssize_t)*length + 1 ? errno : ENOSPC;
	return nr_fail(
		error, -e, "%.150s: %s; nothing is answered that is not recorded", uses->path, strerror(e));
}

static int write_head(const struct nr_flow_uses *uses, uint64_t number, const char *line, size_t length,
	struct nr_error *error)
{
	char hash[NR_FLOW_HEAD_TEXT], text[NR_FLOW_HEAD_BYTES + 1];
	nr_flow_use_hash(line, length, hash);
	snprintf(text, sizeof text, "%020llu %s\n", (unsigned long long)number, hash);
	if (pwrite(uses->head, text, NR_FLOW_HEAD_BYTES, 0) != NR_FLOW_HEAD_BYTES ||
		fdatasync(uses->head) < 0)
		return nr_fail(error, -errno, "%.150s: its head: %s", uses->path, strerror(errno));
	return 0;
}

struct said {
	const char *act, *purpose, *question;
	uint64_t flows;
};

#define PURPOSE_SHOWN 200 /* bytes of one that is none: a refusal must fit into a line however long it is */

static int line_make(const struct nr_flow_uses *uses, const struct said *said, uint64_t number,
	const char *previous, struct nr_json *json, struct nr_error *error)
{
	char question[NR_FLOW_USE_QUESTION_MAX];
	without_clients(uses, said->question ? said->question : "", question, sizeof question);
	nr_json_object(json, NULL);
	nr_json_uint(json, "number", number);
	nr_json_time(json, "time", nr_time_now());
	nr_json_text(json, "who", uses->who);
	nr_json_text(json, "act", said->act);
	if (said->purpose)
		nr_json_text_n(json, "purpose", said->purpose, strnlen(said->purpose, PURPOSE_SHOWN));
	else
		nr_json_null(json, "purpose");
	nr_json_text(json, "question", question);
	if (said->flows == NR_FLOW_USE_ASKED)
		nr_json_null(json, "flows");
	else
		nr_json_uint(json, "flows", said->flows);
	nr_json_text(json, "previous", previous[0] ? previous : NULL);
	nr_json_object_end(json);
	int e = nr_json_finish(json, error);
	if (!e && json->length >= NR_FLOW_USE_LINE_MAX)
		e = nr_fail(error, -E2BIG, "%.150s: a use of more than %d bytes", uses->path,
			NR_FLOW_USE_LINE_MAX);
	return e;
}

static int add(struct nr_flow_uses *uses, const struct said *said, struct nr_error *error)
{
	char line[2 * NR_FLOW_USE_LINE_MAX + 2];
	struct last last;
	struct nr_json json;
	int e = find_last(uses, &last, error);
	if (e)
		return e;
	nr_json_init(&json);
	e = line_make(uses, said, last.number + 1, last.hash, &json, error);
	if (!e) {
		size_t length = json.length;
		memcpy(line, json.bytes, length);
		e = write_line(uses, &last, line, &length, error);
		e = e ? e : write_head(uses, last.number + 1, line, length, error);
	}
	nr_json_fini(&json);
	return e;
}

/* A lock of this opened file: of one process, too, and one that the sandbox knows. */
static int lock(const struct nr_flow_uses *uses, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
	int e;
	do
		e = fcntl(uses->file, F_OFD_SETLKW, &lock) < 0 ? errno : 0;
	while (e == EINTR);
	return -e;
}

int nr_flow_uses_add(struct nr_flow_uses *uses, const char *act, const char *purpose, const char *question,
	uint64_t flows, struct nr_error *error)
{
	const struct said said = {act, purpose, question, flows};
	int e = lock(uses, F_WRLCK);
	if (e)
		return nr_fail(error, e, "%.150s: %s", uses->path, strerror(-e));
	e = add(uses, &said, error);
	lock(uses, F_UNLCK);
	return e;
}

int nr_flow_use_record(const char *archive, const char *act, const char *purpose, const char *question,
	uint64_t flows, struct nr_error *error)
{
	NR_AUTO(nr_flow_uses_closep) struct nr_flow_uses *uses = NULL;
	int e = nr_flow_uses_open(archive, &uses, error);
	return e ? e : nr_flow_uses_add(uses, act, purpose, question, flows, error);
}
