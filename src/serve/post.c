/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/post.h"

#include <string.h>
#include <strings.h>

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static bool is_json(const char *type)
{
	static const char json[] = "application/json";
	size_t length = sizeof json - 1;
	return type && strncasecmp(type, json, length) == 0 && strchr(" ;\t", type[length]);
}

/* Browsers say where a request comes from, other programs do not. "Origin: scheme://host" of ourselves has
 * our Host behind the scheme; which scheme it is only a proxy in front of us knows. */
static bool is_same_origin(struct MHD_Connection *connection)
{
	const char *site = header(connection, "Sec-Fetch-Site"), *origin = header(connection, "Origin");
	const char *host = header(connection, "Host"), *name = origin ? strstr(origin, "://") : NULL;
	if (site && strcmp(site, "same-origin") != 0)
		return false;
	return !origin || (name && host && strcasecmp(name + 3, host) == 0);
}

/* 0 where it is not said, or not a number: then what comes is counted. */
static unsigned long long announced_length(struct MHD_Connection *connection)
{
	const char *text = header(connection, "Content-Length");
	return text ? strtoull(text, NULL, 10) : 0;
}

bool nr_post_is_allowed(struct MHD_Connection *connection, size_t limit, struct nr_post_refusal *ret_refusal)
{
	if (!is_same_origin(connection))
		*ret_refusal = (struct nr_post_refusal){
			403, "other-origin", "only this server's own pages may ask that in a browser"};
	else if (!is_json(header(connection, "Content-Type")))
		*ret_refusal = (struct nr_post_refusal){415, "not-json", "Content-Type: application/json"};
	else if (announced_length(connection) > limit)
		*ret_refusal =
			(struct nr_post_refusal){413, "too-long", "the body is longer than this path takes"};
	else
		return true;
	return false;
}

struct nr_post *nr_post_new(size_t limit)
{
	struct nr_post *post = calloc(1, sizeof *post);
	if (post)
		post->limit = limit;
	return post;
}

void nr_post_free(struct nr_post *post)
{
	if (post)
		free(post->bytes);
	free(post);
}

bool nr_post_add(struct nr_post *post, const void *bytes, size_t length)
{
	if (length > post->limit - post->length)
		return false;
	if (length > post->room - post->length) {
		size_t room = NR_MIN(NR_MAX(2 * post->room, post->length + length), post->limit);
		char *more = realloc(post->bytes, room);
		if (!more)
			return false;
		post->bytes = more;
		post->room = room;
	}
	memcpy(post->bytes + post->length, bytes, length);
	post->length += length;
	return true;
}
