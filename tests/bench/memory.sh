#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Does --memory hold? A capture in which every source sends one SYN comes through a pipe, so that no disk and no page cache has
# a part in it. Beside the most that the process held stands how far the figures are from the world's truth and what error
# the report states. How it is held: "report" (read without a store), "store" (into one), "areas" (as `serve --watch` does, in
# /dev/shm; what is held is the process and the areas together). A line of JSON for each run.
# usage: memory.sh [PROGRAM]
# MEMORY_SOURCES (16000000; 70000000 takes some ten minutes), MEMORY_PROMISES ("64M 256M 1G"), MEMORY_WORKERS ("1 2"),
# MEMORY_MODES ("report store areas") may be set.
set -euo pipefail
program=${1:-build/noroshi}
sources=${MEMORY_SOURCES:-16000000}
folder=$(mktemp -d "${TMPDIR:-/tmp}/noroshi-memory-XXXXXX")
areas=$(mktemp -d /dev/shm/noroshi-memory-XXXXXX)
generator=
finish() {
	[ -z "$generator" ] || kill "$generator" 2>/dev/null || true
	wait
	rm -rf "$folder" "$areas"
}
trap finish EXIT

# generate: all of it within one UTC day
generate() {
	rm -f "$folder"/store.db* "$folder/capture" "$areas"/*
	mkfifo "$folder/capture"
	"$program" world darknet --profile even --seed 1 --packets "$sources" --sources "$sources" --duration 22h \
		--out "$folder/capture" --truth "$folder/truth.json" >/dev/null &
	generator=$!
}

# measure MEMORY WORKERS MODE
measure() {
	local store=()
	generate
	if [ "$3" = areas ]; then
		/usr/bin/time -f '%M %U %S' -o "$folder/usage" "$(dirname "$program")/tests/bench/bench-areas" "$1" "$2" "$areas" \
			"$folder/capture" >"$folder/report.json"
	else
		[ "$3" = report ] || store=(--store "$folder/store.db")
		/usr/bin/time -f '%M %U %S' -o "$folder/usage" "$program" telescope read --json --memory "$1" --workers "$2" \
			"${store[@]}" "$folder/capture" >"$folder/report.json"
	fi
	wait "$generator"
	generator=
	jq -cn --arg memory "$1" --argjson workers "$2" --arg mode "$3" --rawfile usage "$folder/usage" \
		--slurpfile truth "$folder/truth.json" --slurpfile report "$folder/report.json" '
		def bytes: {K: 1024, M: 1048576, G: 1073741824}[.[-1:]] * (.[:-1] | tonumber);
		def round(digits): . * pow(10; digits) | round / pow(10; digits);
		($usage | split(" ") | map(tonumber)) as $u | $truth[0] as $t | $report[0] as $r |
		($r.peak_bytes // $u[0] * 1024) as $peak | ($memory | bytes) as $promised |
		(if $mode == "areas" then {count: $r.sources, error: $r.error} else $r.sources end) as $s |
		{
			mode: $mode, workers: $workers, promised_mib: ($promised / 1048576), peak_mib: ($peak / 1048576 | ceil),
			holds: ($peak <= $promised), processor_seconds: ($u[1] + $u[2] | round(0)),
			sources: $s.count, of: $t.sources.count, stated_error: ($s.error | round(6)),
			off: ($s.count / $t.sources.count - 1 | round(6))
		}
		| if $mode == "areas" then . else
			($t.by_port | map(select(.sources)) | map({key: "\(.port)", value: .sources}) | from_entries) as $ports |
			[$r.by_port[] | select($ports["\(.port)"]) | .sources / $ports["\(.port)"] - 1 | fabs] as $off |
			. + {packets_exact: ($r.packets == $t.packets), ports_off_at_most: ($off | max | round(6))}
		end'
}

for promise in ${MEMORY_PROMISES:-64M 256M 1G}; do
	for mode in ${MEMORY_MODES:-report store areas}; do
		for workers in ${MEMORY_WORKERS:-1 2}; do
			measure "$promise" "$workers" "$mode"
		done
	done
done
