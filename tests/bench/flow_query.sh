#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Questions to flows beside nfdump on the same flows, in turns: a day of the world as nfdump's file and as our archive. Then
# one host's day in a larger archive of several days. Prints ratios; nothing here is a test.
# FLOWS (3000000) of the day, ROUNDS (5), DAYS (3) of the larger archive (34: 100 M flows, half an hour to make), PROGRAM (build/noroshi).
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C.UTF-8
flows=${FLOWS:-3000000} rounds=${ROUNDS:-5} days=${DAYS:-3} noroshi=${PROGRAM:-build/noroshi}
fill=$(dirname "$noroshi")/tests/bench/bench-flow-archive
folder=build/bench/flow-query
mkdir -p "$folder"
day=$folder/day-$flows
if [ ! -d "$day.archive" ]; then
	"$noroshi" world flows --seed 1 --flows "$flows" --out "$day.pcap" >/dev/null
	"$noroshi" flow read --quiet --nfdump "$day.nfdump" "$day.pcap" >/dev/null
	"$fill" "$day.archive" "$day.pcap" >/dev/null
fi

median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
# NAME COMMAND...: seconds that pass and seconds of processors, one line each
measure() {
	local name=$1
	shift
	/usr/bin/time -f '%e %U %S' -o "$folder/time" "$@" >/dev/null 2>&1
	awk '{ print $1 }' "$folder/time" >>"$folder/$name.wall"
	awk '{ print $2 + $3 }' "$folder/time" >>"$folder/$name.processor"
}
ask() { "$noroshi" flow query "$1" --archive "$2" --purpose own-operation "${@:3}"; }
rm -f "$folder"/*.wall "$folder"/*.processor

printf '%-44s %10s %10s %10s %10s\n' "question ($flows flows)" "nfdump, s" "ours, s" "ratio" "processor"
number=0
while IFS='|' read -r filter statistic fields; do
	number=$((number + 1))
	for ((i = 0; i < rounds; i++)); do
		measure "theirs-$number" nfdump -q -r "$day.nfdump" -n 10 -s "$statistic" "$filter"
		measure "ours-$number" "$noroshi" flow query "$filter" --archive "$day.archive" --purpose own-operation --top 10 by "$fields"
	done
	theirs=$(median <"$folder/theirs-$number.wall") ours=$(median <"$folder/ours-$number.wall")
	theirs_processor=$(median <"$folder/theirs-$number.processor") ours_processor=$(median <"$folder/ours-$number.processor")
	awk -v q="$filter, $statistic" -v t="$theirs" -v o="$ours" -v tp="$theirs_processor" -v op="$ours_processor" \
		'BEGIN { printf "%-44s %10.2f %10.2f %9.1fx %9.1fx\n", q, t, o, t / o, tp / op }'
done <<-END
	any|srcip/bytes|source,bytes
	any|dstport/bytes|destination_port,bytes
	any|proto/bytes|protocol,bytes
	any|ip/flows|ip,flows
	proto tcp and dst port 443|dstip/bytes|destination,bytes
	any|record/bytes|record,bytes
END

large=$folder/days-$days-$flows
if [ ! -d "$large" ]; then
	files=()
	for ((i = 0; i < days; i++)); do
		files+=("$folder/one-of-$days-$i.pcap")
		"$noroshi" world flows --seed 1 --flows "$flows" --start "$(date -u -d "2026-04-01 + $i days" +%F)" --out "${files[i]}" >/dev/null
	done
	"$fill" "$large" "${files[@]}" >/dev/null
	rm -f "${files[@]}" "$folder"/one-of-*.truth.json
fi
host=$(ask any "$large" --limit 1 --json | head -n 1 | jq -r .source)
day=(--from 2026-04-02 --to 2026-04-03)
ask "ip $host" "$large" "${day[@]}" --json >"$folder/host.json" || true
for ((i = 0; i < rounds; i++)); do
	measure host "$noroshi" flow query "ip $host" --archive "$large" --purpose own-operation "${day[@]}" --json || true
done
printf "one host's day in %s flows: %s flows, %.2f s (processor %.2f s)\n" "$(ask any "$large" --top 1 by protocol --json | jq .totals.flows)" \
	"$(tail -n 1 "$folder/host.json" | jq .summary.flows)" "$(median <"$folder/host.wall")" "$(median <"$folder/host.processor")"
