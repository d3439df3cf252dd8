/* SPDX-License-Identifier: Apache-2.0 */
/* The console's files, embedded by scripts/embed.sh. Without a built console there are none. */
#ifndef NR_SERVE_ASSETS_H
#define NR_SERVE_ASSETS_H

#include <stddef.h>
#include <stdint.h>

struct nr_asset {
	const char *name; /* "app.js" */
	const uint8_t *bytes;
	size_t length;
	const uint8_t *gzip;
	size_t gzip_length;
	const char *etag; /* hexadecimal digits, without quotes */
};

extern const struct nr_asset nr_assets[];
extern const size_t nr_asset_count;

/* path begins with "/". "/" and unknown paths without a dot are index.html, the console's own addresses;
 * NULL: there is no such file. */
const struct nr_asset *nr_asset_find(const char *path);
const char *nr_asset_type(const char *name);

#endif
