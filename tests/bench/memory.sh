#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Does --memory hold? A capture in which every source sends one SYN comes through a pipe, so that no disk and no page cache has
# a part in it; beside the largest resident memory stands how far the figures are from the world's truth, in units of the
# error that the report states. One line of JSON for each run.
# usage: memory.sh [PROGRAM]
# MEMORY_SOURCES (16000000; 70000000 takes some five minutes), MEMORY_RUNS ("64M 256M 1G"), MEMORY_WORKERS ("1 2"),
# MEMORY_STORES ("no yes") may be set.
set -euo pipefail
program=${1:-build/noroshi}
sources=${MEMORY_SOURCES:-16000000}
folder=$(mktemp -d "${TMPDIR:-/tmp}/noroshi-memory-XXXXXX")
generator=
finish() {
	[ -z "$generator" ] || kill "$generator" 2>/dev/null || true
	wait
	rm -rf "$folder"
}
trap finish EXIT

# measure MEMORY WORKERS STORE: a day less two hours, so that all of it is one day's sources
measure() {
	local store=()
	[ "$3" = no ] || store=(--store "$folder/store.db")
	rm -f "$folder"/store.db* "$folder/capture"
	mkfifo "$folder/capture"
	"$program" world darknet --profile even --seed 1 --packets "$sources" --sources "$sources" --duration 22h \
		--out "$folder/capture" --truth "$folder/truth.json" >/dev/null &
	generator=$!
	/usr/bin/time -f '%M %U %S' -o "$folder/usage" "$program" telescope read --json --memory "$1" --workers "$2" "${store[@]}" \
		"$folder/capture" >"$folder/report.json"
	wait "$generator"
	generator=
	jq -cn --arg memory "$1" --argjson workers "$2" --arg store "$3" --rawfile usage "$folder/usage" \
		--slurpfile truth "$folder/truth.json" --slurpfile report "$folder/report.json" '
		def bytes: {K: 1024, M: 1048576, G: 1073741824}[.[-1:]] * (.[:-1] | tonumber);
		($usage | split(" ") | map(tonumber)) as $u | $truth[0] as $t | $report[0] as $r |
		($t.by_port | map(select(.sources)) | map({key: "\(.port)", value: .sources}) | from_entries) as $ports |
		[$r.by_port[] | select($ports["\(.port)"]) | {error, off: (.sources / $ports["\(.port)"] - 1 | fabs)}] as $p |
		{
			promised_mib: ($memory | bytes / 1048576), peak_mib: ($u[0] / 1024 | ceil), workers: $workers, store: ($store == "yes"),
			holds: ($u[0] * 1024 <= ($memory | bytes)), seconds: ($u[1] + $u[2] | round),
			sources: $r.sources.count, truth: $t.sources.count, stated_error: $r.sources.error,
			off: ($r.sources.count / $t.sources.count - 1), packets_exact: ($r.packets == $t.packets),
			port_error: ($p | map(.error) | max), port_off: ($p | map(.off) | max),
			dropped: $r.dropped
		}'
}

for memory in ${MEMORY_RUNS:-64M 256M 1G}; do
	for store in ${MEMORY_STORES:-no yes}; do
		for workers in ${MEMORY_WORKERS:-1 2}; do
			measure "$memory" "$workers" "$store"
		done
	done
done
