/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/origin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

int nr_origin_open(struct nr_origin *origin, const char *path, struct nr_error *error)
{
	if (origin->count == NR_COUNT(origin->databases))
		return nr_fail(error, -E2BIG, "%s: at most two MMDB files", path);
	int e = MMDB_open(path, MMDB_MODE_MMAP, &origin->databases[origin->count]);
	if (e != MMDB_SUCCESS)
		return nr_fail(error, e == MMDB_FILE_OPEN_ERROR ? -ENOENT : -EBADMSG,
			"%s: %s; give a file in the MaxMind DB format", path, MMDB_strerror(e));
	origin->count++;
	return 0;
}

void nr_origin_close(struct nr_origin *origin)
{
	for (size_t i = 0; i < origin->count; i++)
		MMDB_close(&origin->databases[i]);
	origin->count = 0;
}

static bool text_at(MMDB_entry_s *entry, MMDB_entry_data_s *ret, const char *const *path)
{
	return MMDB_aget_value(entry, ret, path) == MMDB_SUCCESS && ret->has_data &&
	       ret->type == MMDB_DATA_TYPE_UTF8_STRING;
}

static void read_entry(MMDB_entry_s *entry, struct nr_place *place)
{
	MMDB_entry_data_s data;
	if (!*place->country && text_at(entry, &data, (const char *const[]){"country", "iso_code", NULL}) &&
		data.data_size == 2)
		memcpy(place->country, data.utf8_string, 2);
	if (!*place->continent && text_at(entry, &data, (const char *const[]){"continent", "code", NULL}) &&
		data.data_size == 2)
		memcpy(place->continent, data.utf8_string, 2);
	if (!place->asn && MMDB_get_value(entry, &data, "autonomous_system_number", NULL) == MMDB_SUCCESS &&
		data.has_data && data.type == MMDB_DATA_TYPE_UINT32)
		place->asn = data.uint32;
	if (!*place->as_name &&
		text_at(entry, &data, (const char *const[]){"autonomous_system_organization", NULL}))
		snprintf(
			place->as_name, sizeof place->as_name, "%.*s", (int)data.data_size, data.utf8_string);
}

static MMDB_lookup_result_s look_up(const MMDB_s *database, const struct nr_address *address, int *error)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	if (nr_address_is_ipv4(address)) {
		v4.sin_addr.s_addr = htonl(nr_address_ipv4(address));
		return MMDB_lookup_sockaddr(database, (const struct sockaddr *)&v4, error);
	}
	memcpy(&v6.sin6_addr, address->octets, 16);
	return MMDB_lookup_sockaddr(database, (const struct sockaddr *)&v6, error);
}

void nr_origin_find(
	const struct nr_origin *origin, const struct nr_address *address, struct nr_place *ret_place)
{
	*ret_place = (struct nr_place){0};
	for (size_t i = 0; i < origin->count; i++) {
		int e = MMDB_SUCCESS;
		MMDB_lookup_result_s result = look_up(&origin->databases[i], address, &e);
		if (e == MMDB_SUCCESS && result.found_entry)
			read_entry(&result.entry, ret_place);
	}
}
