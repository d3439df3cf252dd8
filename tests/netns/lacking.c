/* SPDX-License-Identifier: Apache-2.0 */
/* lacking PROGRAM ARGUMENT...: runs it as on a kernel without Landlock. */
#include "../unit/lacking.h"

#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 2 || !lack_layers(false)) {
		fprintf(stderr, "lacking: takes a program, and a kernel with seccomp\n");
		return 2;
	}
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 2;
}
