/* SPDX-License-Identifier: Apache-2.0 */
#include "net/origin.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>

#define FILE_MAX  (INT64_C(4) << 30)
#define READ_SIZE (256 * 1024)

static int copy_all(int from, int to, const char *path, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *bytes = malloc(READ_SIZE);
	if (!bytes)
		return nr_fail(error, -ENOMEM, "out of memory");
	int64_t all = 0;
	for (;;) {
		ssize_t n = read(from, bytes, READ_SIZE);
		if (n == 0)
			return 0;
		if (n < 0 || write(to, bytes, (size_t)n) != n)
			return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
		all += n;
		if (all > FILE_MAX)
			return nr_fail(error, -EFBIG,
				"%s: larger than %lld bytes; give a file in the MaxMind "
				"DB format",
				path, (long long)FILE_MAX);
	}
}

/* A copy in memory, which all workers and successors share: who writes a new database over the file instead
 * of beside it must not pull the pages away under us. */
static int copy_file(const char *path, int *ret_file, struct nr_error *error)
{
	NR_AUTO(nr_close_fd) int from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
	NR_AUTO(nr_close_fd) int file = memfd_create("noroshi-mmdb", MFD_CLOEXEC);
	if (file < 0)
		return nr_fail(error, -errno, "%s: no memory for it: %s", path, strerror(errno));
	int rc = copy_all(from, file, path, error);
	if (rc)
		return rc;
	*ret_file = file;
	file = -1;
	return 0;
}

int nr_origin_open(struct nr_origin *origin, const char *path, struct nr_error *error)
{
	NR_AUTO(nr_close_fd) int file = -1;
	char name[32];
	if (origin->count == NR_COUNT(origin->databases))
		return nr_fail(error, -E2BIG, "%s: at most two MMDB files", path);
	int e = copy_file(path, &file, error);
	if (e)
		return e;
	snprintf(name, sizeof name, "/proc/self/fd/%d", file);
	e = MMDB_open(name, MMDB_MODE_MMAP, &origin->databases[origin->count]);
	if (e != MMDB_SUCCESS)
		return nr_fail(error, -EBADMSG, "%s: %s; give a file in the MaxMind DB format", path,
			MMDB_strerror(e));
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

/* Whole characters of UTF-8, whatever the file has: rows with anything else are refused. */
static void copy_name(const MMDB_entry_data_s *data, char *out, size_t room)
{
	char text[512];
	snprintf(text, sizeof text, "%.*s", (int)NR_MIN(data->data_size, sizeof text - 1), data->utf8_string);
	nr_text_shorten(text, SIZE_MAX, out, room);
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
		copy_name(&data, place->as_name, sizeof place->as_name);
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
