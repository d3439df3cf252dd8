#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a compiler does not say: clang-tidy over the C, bash -n over the scripts, the console's own check.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0
for script in scripts/*.sh tests/*.sh tests/*/*.sh .ci/run; do
	bash -n "$script" || status=1
done
# One process a file: the analyzer of clang 14 takes va_list for another type in the second file of a process.
tidy=(clang-tidy-14 --quiet -p "${BUILD:-build}")
find src tests -name '*.c' ! -path src/base/error.c -print0 | sort -z |
	xargs -0 -P "$(nproc)" -n 1 "${tidy[@]}" "--extra-arg=-include$PWD/scripts/lint.h" || status=1
"${tidy[@]}" src/base/error.c || status=1
npm --prefix web run --silent check || status=1
exit $status
