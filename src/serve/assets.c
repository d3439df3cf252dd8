/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/assets.h"

#include "base/base.h"

#include <string.h>

static const struct nr_asset *find_name(const char *name)
{
	for (size_t i = 0; i < nr_asset_count; i++) {
		if (strcmp(nr_assets[i].name, name) == 0)
			return &nr_assets[i];
	}
	return NULL;
}

const struct nr_asset *nr_asset_find(const char *path)
{
	const struct nr_asset *asset = find_name(path + 1);
	if (asset || strchr(path, '.'))
		return asset;
	return find_name("index.html");
}

const char *nr_asset_type(const char *name)
{
	static const struct {
		const char *ending, *type;
	} types[] = {
		{".html", "text/html; charset=utf-8"},
		{".js", "text/javascript; charset=utf-8"},
		{".css", "text/css; charset=utf-8"},
		{".json", "application/json"},
		{".svg", "image/svg+xml"},
		{".png", "image/png"},
		{".ico", "image/vnd.microsoft.icon"},
		{".woff2", "font/woff2"},
		{".txt", "text/plain; charset=utf-8"},
	};
	const char *ending = strrchr(name, '.');
	for (size_t i = 0; ending && i < NR_COUNT(types); i++) {
		if (strcmp(ending, types[i].ending) == 0)
			return types[i].type;
	}
	return "application/octet-stream";
}
