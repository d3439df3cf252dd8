#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a compiler does not say: clang-tidy over the C, bash -n over the scripts, the console's own check.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0
for script in scripts/*.sh tests/*.sh tests/*/*.sh .ci/run; do
	bash -n "$script" || status=1
done
mapfile -t files < <(find src -name '*.c' | sort)
printf '%s\0' "${files[@]}" | xargs -0 -P "$(nproc)" -n 4 clang-tidy-14 --quiet -p build || status=1
npm --prefix web run --silent check || status=1
exit $status
