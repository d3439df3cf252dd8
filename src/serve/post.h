/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one kind of request with a body: JSON from our own console. A page of another site must not be able to
 * make a visitor's browser ask (cross-site request forgery): what a form can send is refused by its type, and
 * what a script sends by where it says that it comes from.
 */
#ifndef NR_SERVE_POST_H
#define NR_SERVE_POST_H

#include "base/base.h"

#include <microhttpd.h>

#define NR_POSTS_MAX 4 /* bodies at once, of all clients */

struct nr_post {
	char *bytes; /* owned */
	size_t length, room, limit;
};

struct nr_post_refusal {
	unsigned status;
	const char *code, *text;
};

/* Whether the headers allow it; false: *ret_refusal says why not. */
bool nr_post_is_allowed(struct MHD_Connection *connection, size_t limit, struct nr_post_refusal *ret_refusal);

struct nr_post *nr_post_new(size_t limit); /* NULL: no memory */
void nr_post_free(struct nr_post *post);
/* False: more than the limit, or no memory. */
bool nr_post_add(struct nr_post *post, const void *bytes, size_t length);

#endif
