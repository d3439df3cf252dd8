#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs each fuzz target under libFuzzer for SECONDS_EACH (60) seconds; new inputs go to build-fuzz/corpus, crashers to
# build-fuzz/crash-*. A crasher is fixed, then added to tests/fuzz/corpus/<target>/ so that every test run replays it.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${SECONDS_EACH:-60}
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 # otherwise undefined behaviour would be a line in a log

[ -e build-fuzz/build.ninja ] || CC=clang-14 meson setup build-fuzz -Dfuzz=true --buildtype=debugoptimized \
	-Db_sanitize=address,undefined -Db_lundef=false >&2
mapfile -t targets < <(ninja -C build-fuzz -t targets all | sed -n 's,^\(tests/fuzz/fuzz_[a-z0-9_]*\):.*,\1,p')
[ ${#targets[@]} -gt 0 ] || {
	echo "fuzz.sh: there is no target in tests/fuzz/meson.build" >&2
	exit 1
}
ninja -C build-fuzz "${targets[@]}" >&2
failed=0
for target in "${targets[@]}"; do
	name=${target##*/fuzz_}
	mkdir -p "build-fuzz/corpus/$name"
	seeds=tests/fuzz/corpus/$name
	[ -d "$seeds" ] || seeds=tests/fuzz/corpus/packet # frames, too
	echo "== $name, $seconds s"
	"build-fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="build-fuzz/crash-$name-" "build-fuzz/corpus/$name" "$seeds" \
		>"build-fuzz/$name.log" 2>&1 || failed=$((failed + 1))
	grep -E 'stat::number_of_executed_units|SUMMARY' "build-fuzz/$name.log" || true
done
echo "${#targets[@]} targets, $failed failed"
[ "$failed" -eq 0 ]
