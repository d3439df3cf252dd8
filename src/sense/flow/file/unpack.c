/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/file/unpack.h"

#include <bzlib.h>
#include <lz4.h>
#include <lzo/lzo1x.h>
#include <zstd.h>

static bool unpack_lzo(const uint8_t *from, size_t length, uint8_t *to, size_t room, size_t *ret_length)
{
	lzo_uint unpacked = room;
	if (lzo_init() != LZO_E_OK || lzo1x_decompress_safe(from, length, to, &unpacked, NULL) != LZO_E_OK)
		return false;
	*ret_length = unpacked;
	return true;
}

static bool unpack_lz4(const uint8_t *from, size_t length, uint8_t *to, size_t room, size_t *ret_length)
{
	int unpacked = LZ4_decompress_safe((const char *)from, (char *)to, (int)length, (int)room);
	if (unpacked <= 0)
		return false;
	*ret_length = (size_t)unpacked;
	return true;
}

static bool unpack_bzip2(const uint8_t *from, size_t length, uint8_t *to, size_t room, size_t *ret_length)
{
	unsigned unpacked = (unsigned)room;
	/* the library takes what it only reads as char * */
	char *source = (char *)(uintptr_t)from;
	if (BZ2_bzBuffToBuffDecompress((char *)to, &unpacked, source, (unsigned)length, 0, 0) != BZ_OK)
		return false;
	*ret_length = unpacked;
	return true;
}

static bool unpack_zstd(const uint8_t *from, size_t length, uint8_t *to, size_t room, size_t *ret_length)
{
	size_t unpacked = ZSTD_decompress(to, room, from, length);
	if (ZSTD_isError(unpacked))
		return false;
	*ret_length = unpacked;
	return true;
}

bool nr_flow_unpack(enum nr_nfdump_compression compression, const uint8_t *from, size_t length, uint8_t *to,
	size_t room, size_t *ret_length)
{
	switch (compression) {
	case NR_NFDUMP_LZO:
		return unpack_lzo(from, length, to, room, ret_length);
	case NR_NFDUMP_LZ4:
		return unpack_lz4(from, length, to, room, ret_length);
	case NR_NFDUMP_BZIP2:
		return unpack_bzip2(from, length, to, room, ret_length);
	case NR_NFDUMP_ZSTD:
		return unpack_zstd(from, length, to, room, ret_length);
	case NR_NFDUMP_PLAIN:
		break;
	}
	return false;
}

size_t nr_flow_pack_bound(size_t length)
{
	return (size_t)LZ4_compressBound((int)length);
}

size_t nr_flow_pack(const uint8_t *from, size_t length, uint8_t *to, size_t room)
{
	return (size_t)LZ4_compress_default((const char *)from, (char *)to, (int)length, (int)room);
}
