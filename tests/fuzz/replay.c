/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays a fuzz target's corpus in the ordinary test run: every file of the folder as it is, cut at each of
 * its first and last bytes, and with single bytes changed by a fixed generator. Without libFuzzer, so with
 * any compiler. A slow target may ask for fewer changed copies.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1u << 20) /* bytes of one input that are used */
#define VARIANTS  512        /* changed copies per input, and as many cut ones */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t runs;
static size_t variants = VARIANTS;

/* Each input is given in a block of exactly its size, so that AddressSanitizer sees a read one byte too far.
 */
static void run_one(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	runs++;
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u); /* splitmix64 */
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void run_variants(uint8_t *data, size_t size)
{
	run_one(data, size);
	for (size_t cut = 0; cut < variants / 2 && cut < size; cut++) {
		run_one(data, cut);
		run_one(data, size - 1 - cut);
	}
	uint64_t state = size;
	for (size_t i = 0; i < variants && size; i++) {
		size_t at = (size_t)(next_random(&state) % size);
		uint8_t old = data[at];
		data[at] = (uint8_t)next_random(&state);
		run_one(data, size);
		data[at] = old;
	}
}

static int run_file(const char *folder, const char *name, uint8_t *buffer)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "rbe");
	if (!file) {
		perror(path);
		return -1;
	}
	size_t size = fread(buffer, 1, INPUT_MAX, file);
	fclose(file);
	run_variants(buffer, size);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: %s FOLDER [VARIANTS]\n", argv[0]);
		return 2;
	}
	if (argc == 3)
		variants = strtoul(argv[2], NULL, 10);
	DIR *folder = opendir(argv[1]);
	uint8_t *buffer = malloc(INPUT_MAX);
	if (!folder || !buffer) {
		perror(argv[1]);
		return 1;
	}
	int bad = 0, files = 0;
	for (struct dirent *entry; (entry = readdir(folder));) {
		if (entry->d_name[0] == '.')
			continue;
		bad |= run_file(argv[1], entry->d_name, buffer);
		files++;
	}
	closedir(folder);
	free(buffer);
	printf("%d files, %llu runs\n", files, (unsigned long long)runs);
	return bad || !files;
}
