#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Flow exports over loopback, in a name space of their own: NetFlow v9, 20 fields a record, 25 records a datagram, 8
# exporters. Received and decoded; received and kept; and nfcapd on the same load in turns. What is not kept is shown by
# cause. One line of JSON; {} without root. Sender, receiver and keeper each want a processor of their own: beside the
# flows a second stands what a flow cost of processor time, which says more on a machine that has fewer.
# FLOW_SECONDS (10) may be set, and FLOW_RATES (1000000 3000000 6000000 0; 0: as fast as the sender goes).
# usage: flow.sh PROGRAM FLOW_SENDER
set -euo pipefail
program=$(realpath "$1") sender=$(realpath "$2")
seconds=${FLOW_SECONDS:-10} rates=${FLOW_RATES:-1000000 3000000 6000000 0}
space=noroshi-bench-flow-$$
folder=$(mktemp -d)
if [ "$(id -u)" != 0 ] || ! ip netns add "$space" 2>/dev/null; then
	echo '{}'
	rm -rf "$folder"
	exit 0
fi
running=
trap '[ -z "$running" ] || kill "$running" 2>/dev/null; ip netns del "$space"; rm -rf "$folder"' EXIT
chmod 755 "$folder"
ip -n "$space" link set lo up
inside() { ip netns exec "$space" "$@"; }

# Seconds of processor of these processes.
processor() {
	local pid total=0
	for pid in "$@"; do
		total=$(awk -v tick="$(getconf CLK_TCK)" -v total="$total" '{ print total + ($14 + $15) / tick }' "/proc/$pid/stat")
	done
	echo "$total"
}

# NAME RATE KEPT LOST PARSER_SECONDS KEEPER_SECONDS BYTES: one object.
tell() {
	jq -c --arg name "$1" --argjson wanted "$2" --argjson kept "$3" --argjson lost "$4" --argjson parser "$5" \
		--argjson keeper "$6" --argjson bytes "$7" '{name: $name, wanted_per_second: $wanted, sent: .flows,
		sent_per_second: .flows_per_second, kept: $kept, not_kept: (.flows - $kept), lost: $lost,
		receiver_ns_per_flow: ($parser * 1e9 / ([.flows, 1] | max) | round),
		keeper_ns_per_flow: ($keeper * 1e9 / ([$kept, 1] | max) | round),
		bytes_per_flow: (if $bytes > 0 and $kept > 0 then $bytes / $kept * 100 | round / 100 else null end)}' "$folder/sent"
}

# What flow collect said in the end, in JSON or to people (who does not keep would print every flow as JSON).
summarise() {
	awk '/^{"summary"/ { print; said = 1 }
		/ flows in / { flows = $1 }
		/^lost: / { lost = lost (lost ? "," : "") "\"" $2 "\":" $3 }
		END { if (!said) printf "{\"summary\":{\"listener\":{\"flows\":%d},\"lost\":{%s}}}\n", flows, lost }' |
		jq -c .summary
}

# noroshi NAME RATE [OPTION...]
noroshi() {
	local name=$1 rate=$2 keeper nursery parser used_parser used_keeper
	shift 2
	rm -rf "$folder/kept"
	install -d -o nobody "$folder/kept"
	ip netns exec "$space" "$program" flow collect --listen udp:127.0.0.1:2055 --buffer 256M "$@" >"$folder/lines" 2>"$folder/told" &
	keeper=$! running=$!
	until grep -q event=listen "$folder/told" 2>/dev/null; do sleep 0.1; done
	sleep 0.5
	nursery=$(pgrep -P "$keeper" -x noroshi-nursery)
	parser=$(pgrep -P "$nursery")
	inside "$sender" 127.0.0.1:2055 "$seconds" "$rate" 8 25 "${joined:-0}" >"$folder/sent"
	sleep 2
	used_parser=$(processor "$parser")
	used_keeper=$(processor "$keeper")
	kill -TERM "$keeper"
	wait "$keeper"
	running=
	summarise <"$folder/lines" >"$folder/summary"
	tell "$name" "$rate" "$(jq '.archive.flows // .listener.flows' "$folder/summary")" \
		"$(jq -c '.lost + {refused: (.archive.refused // 0)}' "$folder/summary")" "$used_parser" "$used_keeper" \
		"$(jq '.archive.bytes // 0' "$folder/summary")"
}

# The same load into nfcapd, with the same socket buffer as far as it is given it.
nfcapd_run() {
	local rate=$1 process used kept
	rm -rf "$folder/nfcapd"
	mkdir "$folder/nfcapd"
	ip netns exec "$space" nfcapd -w "$folder/nfcapd" -b 127.0.0.1 -p 2055 -B 268435456 -t 300 >"$folder/told" 2>&1 &
	process=$! running=$!
	sleep 1
	inside "$sender" 127.0.0.1:2055 "$seconds" "$rate" >"$folder/sent"
	sleep 2
	used=$(processor "$process")
	kill -TERM "$process"
	wait "$process" || true
	running=
	kept=$(for file in "$folder"/nfcapd/nfcapd.*; do nfdump -I -r "$file" | sed -n 's/^Flows: //p'; done | awk '{ n += $1 } END { print n + 0 }')
	tell nfcapd "$rate" "$kept" null "$used" 0 "$(du -sb "$folder/nfcapd" | cut -f 1)"
}

{
	for rate in $rates; do
		noroshi receive "$rate"
		joined=32 noroshi receive-gro "$rate" --gro # as a network card with GRO hands them over
		noroshi archive "$rate" --json --archive "$folder/kept/flows" --own 100.64.0.0/10
		joined=32 noroshi archive-gro "$rate" --gro --threads 2 --json --archive "$folder/kept/flows" --own 100.64.0.0/10
		command -v nfcapd >/dev/null && nfcapd_run "$rate"
	done
} | jq -sc --argjson seconds "$seconds" '{seconds: $seconds, runs: .}'
