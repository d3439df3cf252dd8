/* SPDX-License-Identifier: Apache-2.0 */
#include "net/format.h"
#include "wire/erf.h"
#include "wire/pcap.h"
#include "wire/pcapng.h"

struct guess {
	const char *magic;
	uint8_t length;
	const char *text;
};

static const struct guess guesses[] = {
	{"PK\3\4", 4, "a ZIP archive; unpack it first"},
	{"7z\xbc\xaf", 4, "a 7-Zip archive; unpack it first"},
	{"Rar!", 4, "a RAR archive; unpack it first"},
	{"\x04\x22\x4d\x18", 4, "LZ4 data; decompress it first (lz4 -d)"},
	{"\x1f\x9d", 2, "compress(1) data; decompress it first (gzip -d)"},
	{"LZIP", 4, "lzip data; decompress it first (lzip -d)"},
	{"snoop\0\0\0", 8, "a snoop capture; convert it first (editcap -F pcap)"},
	{"GMBU", 4, "a Network Monitor capture; convert it first (editcap -F pcap)"},
	{"TRSNIFF data", 12, "a Sniffer capture; convert it first (editcap -F pcap)"},
	{"\x0c\xa5", 2, "an nfdump flow file, not packets"},
	{"SQLite format 3", 15, "an SQLite database, not a capture"},
	{"\x7f"
	 "ELF",
		4, "a program, not a capture"},
	{"\0\0\0\0\0\0\0\0", 8, "zeros; was the disk full when it was written?"},
};

static bool is_text(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length && i < 64; i++) {
		bool blank = bytes[i] == '\t' || bytes[i] == '\n' || bytes[i] == '\r';
		if (!blank && (bytes[i] < 0x20 || bytes[i] > 0x7e))
			return false;
	}
	return length > 0;
}

enum nr_format nr_format_recognise(const uint8_t *bytes, size_t length)
{
	if (nr_pcap_is(bytes, length))
		return NR_FORMAT_PCAP;
	if (nr_pcapng_is(bytes, length))
		return NR_FORMAT_PCAPNG;
	return !is_text(bytes, length) && nr_erf_is(bytes, length) ? NR_FORMAT_ERF : NR_FORMAT_UNKNOWN;
}

const char *nr_format_describe(const uint8_t *bytes, size_t length, char text[static 160])
{
	const char *what =
		"a format that is not known; pcap, pcapng and ERF are read, also gzip, bzip2, xz, zstd";
	if (is_text(bytes, length))
		what = "text; a capture is what tcpdump -w writes";
	for (size_t i = 0; i < NR_COUNT(guesses); i++)
		if (length >= guesses[i].length && memcmp(bytes, guesses[i].magic, guesses[i].length) == 0)
			what = guesses[i].text;
	char hex[16] = "";
	for (size_t i = 0; i < 4 && i < length; i++)
		snprintf(hex + 3 * i, sizeof hex - 3 * i, "%02x ", bytes[i]);
	hex[length < 4 ? 3 * length - (length > 0) : 11] = 0;
	snprintf(text, 160, "starts with %s: %s", hex, what);
	return text;
}
