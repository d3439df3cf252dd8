#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Speed, memory and size beside public tools, alternating in the same run on the same page-cached file, so that the
# ratios mean something on any machine. Prints a table, writes build/bench.json. Nothing here is a test: no thresholds.
# MEMORY_SOURCES and the like (memory.sh) may be set, too.
# PACKETS (10000000), SOURCES (900000), ROUNDS (5), PROGRAM (build/noroshi) may be set, and DAYS (31): of the store that
# the API is asked over; a year takes some 10 minutes and 9 GB.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C.UTF-8
packets=${PACKETS:-10000000} sources=${SOURCES:-900000} rounds=${ROUNDS:-5} days=${DAYS:-31}
noroshi=${PROGRAM:-build/noroshi}
folder=build/bench
file=$folder/flat-$packets-$sources.pcap
mkdir -p "$folder"

progress() { [ ! -t 2 ] || printf '\r\033[K%s' "$*" >&2; }

median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# NAME COMMAND...: one run; seconds to $folder/NAME.seconds, largest resident set (kB) to NAME.memory
measure() {
	local name=$1 from to
	shift
	progress "$name"
	from=$EPOCHREALTIME
	/usr/bin/time -f %M -o "$folder/memory" "$@" >/dev/null 2>"$folder/stderr" || {
		echo "bench.sh: $* failed: $(tail -n 3 "$folder/stderr")" >&2
		exit 1
	}
	to=$EPOCHREALTIME
	awk "BEGIN { printf \"%.6f\\n\", $to - $from }" >>"$folder/$name.seconds"
	tail -n 1 "$folder/memory" >>"$folder/$name.memory"
}

rm -f "$folder"/*.seconds "$folder"/*.memory
if [ ! -e "$file" ]; then
	progress "making $packets packets from $sources sources"
	# 20,000 packets/s, the average load of NICTER in 2023
	"$noroshi" world darknet --profile flat --seed 1 --packets "$packets" --sources "$sources" \
		--duration "$((packets / 20000 + 1))s" --out "$file.part" \
		--truth "$file.truth.json" >/dev/null
	mv "$file.part" "$file"
fi
small=$folder/small.pcap
small_packets=100000
tcpdump -r "$file" -w "$small" -c $small_packets 2>/dev/null
cat "$file" >/dev/null # into the page cache

workers=$(nproc)
for ((round = 1; round <= rounds; round++)); do
	measure noroshi-1 "$noroshi" telescope read --json --workers 1 "$file"
	measure tcpdump tcpdump -r "$file" -w /dev/null
	measure noroshi-n "$noroshi" telescope read --json --workers "$workers" "$file"
done
for ((round = 1; round <= 3; round++)); do
	measure tshark tshark -n -r "$small" -T fields -e frame.time_epoch -e ip.src -e ip.dst -e ip.id -e tcp.seq_raw \
		-e tcp.srcport -e tcp.dstport -e tcp.flags -e udp.dstport
	measure noroshi-small "$noroshi" telescope read --json --workers 1 "$small"
done
measure store "$noroshi" telescope read --workers 1 --store "$folder/bench.db" "$file"
rm -f "$folder"/bench.db*

progress "stages"
stages=$("$(dirname "$noroshi")/tests/bench/bench-stages" "$file" "$rounds" || echo '{}')
progress "memory"
promise=$(MEMORY_PROMISES=${MEMORY_PROMISES:-64M 1G} MEMORY_WORKERS=${MEMORY_WORKERS:-1} tests/bench/memory.sh "$noroshi" | jq -sc . ||
	echo '[]')
progress "live"
live=$(tests/bench/live.sh "$noroshi" "$(dirname "$noroshi")/tests/netns/netns-sender" || echo '{}')
progress "freshness"
freshness=$(tests/bench/freshness.sh "$noroshi" "$(dirname "$noroshi")/tests/netns/netns-sender" || echo '{}')

scripts/sample.sh
progress "trust"
trust=$(tests/bench/trust.sh "$noroshi" || echo '{}')
progress "flow"
flow=$(tests/bench/flow.sh "$noroshi" "$(dirname "$noroshi")/tests/bench/bench-flow-sender" || echo '{}')
progress "detection"
detection=$("$(dirname "$noroshi")/tests/bench/bench-flow-detect" "${DETECT_SCALE:-0.01}" || echo '{}')
progress "console"
console=$(node tests/bench/console.mjs "$noroshi" build/sample/sample.db || echo '{}')
progress

seconds() { median <"$folder/$1.seconds"; }
memory() { sort -n "$folder/$1.memory" | tail -n 1; }

jq -n --argjson packets "$packets" --argjson sources "$sources" --argjson rounds "$rounds" \
	--argjson small "$small_packets" --argjson workers "$workers" --argjson console "$console" \
	--argjson stages "$stages" --argjson live "$live" --argjson promise "$promise" \
	--argjson freshness "$freshness" --argjson trust "$trust" --argjson flow "$flow" --argjson detection "$detection" \
	--arg cpu "$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)" \
	--arg kernel "$(uname -r)" --arg version "$("$noroshi" version)" \
	--arg tcpdump "$(tcpdump --version 2>&1 | head -n 1)" --arg tshark "$(tshark --version 2>/dev/null | head -n 1)" \
	--argjson n1 "$(seconds noroshi-1)" --argjson nn "$(seconds noroshi-n)" --argjson td "$(seconds tcpdump)" \
	--argjson ts "$(seconds tshark)" --argjson ns "$(seconds noroshi-small)" --argjson st "$(seconds store)" \
	--argjson m1 "$(memory noroshi-1)" --argjson mn "$(memory noroshi-n)" '
	def round(digits): . * pow(10; digits) | round / pow(10; digits);
	def mpps(n; s): n / s / 1e6 | round(3);
	{
		machine: {cpu: $cpu, cores: $workers, kernel: $kernel, noroshi: $version, tcpdump: $tcpdump, tshark: $tshark},
		input: {packets: $packets, sources: $sources, rounds: $rounds},
		packets_per_second_millions: {
			noroshi_1_worker: mpps($packets; $n1),
			noroshi_all_workers: mpps($packets; $nn),
			noroshi_1_worker_into_store: mpps($packets; $st),
			tcpdump_copy: mpps($packets; $td),
			tshark_fields: mpps($small; $ts)
		},
		ratios: {
			noroshi_1_worker_to_tcpdump: ($td / $n1 | round(2)),
			all_workers_to_1_worker: ($n1 / $nn | round(2)),
			noroshi_1_worker_to_tshark: ($ts / $ns | round(1))
		},
		memory_bytes: {noroshi_1_worker: ($m1 * 1024), noroshi_all_workers: ($mn * 1024)},
		memory_promise: $promise,
		console: $console,
		stages: $stages,
		live: $live,
		freshness: $freshness,
		trust: $trust,
		flow: $flow,
		detection: $detection
	}' >build/bench.json

jq -r '
	def row(name; value): "\(name)\(" " * (46 - (name | length)))\(value)";
	"\(.machine.cpu), \(.machine.cores) cores; \(.input.packets) packets from \(.input.sources) sources",
	"",
	row("noroshi, whole analysis, 1 worker"; "\(.packets_per_second_millions.noroshi_1_worker) Mpps"),
	row("noroshi, \(.machine.cores) workers"; "\(.packets_per_second_millions.noroshi_all_workers) Mpps"),
	row("noroshi, 1 worker, into a store"; "\(.packets_per_second_millions.noroshi_1_worker_into_store) Mpps"),
	row("tcpdump -r F -w /dev/null"; "\(.packets_per_second_millions.tcpdump_copy) Mpps"),
	row("tshark, nine fields"; "\(.packets_per_second_millions.tshark_fields) Mpps"),
	row("noroshi, 1 worker : tcpdump"; "\(.ratios.noroshi_1_worker_to_tcpdump) x"),
	row("all workers : 1 worker"; "\(.ratios.all_workers_to_1_worker) x"),
	row("noroshi, 1 worker : tshark (small file)"; "\(.ratios.noroshi_1_worker_to_tshark) x"),
	row("largest resident memory, 1 worker"; "\(.memory_bytes.noroshi_1_worker / 1048576 | round) MiB"),
	row("largest resident memory, all workers"; "\(.memory_bytes.noroshi_all_workers / 1048576 | round) MiB"),
	(.memory_promise[] | row("\(.of / 1e6 | round) M sources, \(.promised_mib) MiB promised, \(.mode)";
		"\(.peak_mib) MiB held, sources \(.off * 100 | . * 1000 | round / 1000) % off, \(.stated_error * 100) % stated")),
	(.stages | select(.packets) | "read: copy \(.copy_ns), frames \(.read_ns), packets \(.decode_ns) ns a packet"),
	(.live.runs // [] | .[] | row("live, \(.name)"; "\(.sent_per_second)/s sent, \(.counted) of \(.sent) counted, \(.shown_lost) shown lost")),
	(.freshness | to_entries[] | row("live, packet to \(.key | sub("_ms"; ""))"; "\(.value.median) ms, p99 \(.value.p99) ms")),
	(.trust | to_entries[] | select(.value | type == "object") | row("time stamps, \(.key), of the raw signature rate"; "\(.value.tokens.of_raw) (OpenSSL TS_RESP x \(.value.tokens.times_ts_resp))"),
		row("time stamps, \(.key), over HTTP"; "\(.value.http.tokens_per_s)/s; at half of it p99 \(.value.http_half.p99_us) us; openssl ts -reply \(.value.openssl_ts_reply | round)/s")),
	(.flow.runs // [] | .[] | row("flows, \(.name), \(if .wanted_per_second > 0 then "\(.wanted_per_second / 1e6) M/s" else "fastest" end)";
		"\(.sent_per_second / 1e6 * 100 | round / 100) M/s sent, \(.not_kept) of \(.sent) not kept, \(.receiver_ns_per_flow) + \(.keeper_ns_per_flow) ns a flow")),
	(.console | to_entries[] | row("console: \(.key | gsub("_"; " "))"; .value)),
	"",
	"build/bench.json"' build/bench.json

# The API, which adds itself to the file.
long=$folder/days-$days.db
if [ ! -e "$long" ]; then
	progress "making $days days"
	rm -f "$long.part"*
	"$(dirname "$noroshi")/tests/bench/bench-year" "$long.part" "$days" >/dev/null
	mv "$long.part" "$long"
	rm -f "$long.part"*
fi
progress
printf '\n'
node tests/bench/api.mjs "$noroshi" "$long" "$((rounds < 3 ? rounds : 3))"
