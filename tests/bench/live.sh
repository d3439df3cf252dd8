#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Live capture between two name spaces: what is sent, what is counted, what is lost, at some rates and as fast as the
# sender goes. One line of JSON; {} without root. Sender and watcher each want a processor of their own.
# usage: live.sh PROGRAM SENDER
set -euo pipefail
program=$1 sender=$2
a=noroshi-bench-a-$$ b=noroshi-bench-b-$$
folder=$(mktemp -d)
if [ "$(id -u)" != 0 ] || ! ip netns add "$a" 2>/dev/null; then
	echo '{}'
	rm -rf "$folder"
	exit 0
fi
trap 'ip netns del "$a"; ip netns del "$b" 2>/dev/null || true; rm -rf "$folder"' EXIT
ip netns add "$b"
ip link add tx0 netns "$a" type veth peer name rx0 netns "$b"
for name in "$a" "$b"; do
	ip netns exec "$name" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done
ip -n "$a" link set tx0 up
ip -n "$b" link set rx0 up

# NAME PACKETS RATE(0: as fast as it goes) WATCH_OPTIONS...: one object; seconds of processor of the watching process with it
run() {
	local name=$1 packets=$2 rate=$3 watching frames before=-1 cpu
	shift 3
	ip netns exec "$b" "$program" telescope watch --interface rx0 --json "$@" >"$folder/lines" 2>/dev/null &
	watching=$!
	until grep -q '"pulse"' "$folder/lines"; do sleep 0.1; done
	ip netns exec "$a" "$sender" tx0 "$packets" rate="$rate" sources=100000 batch=64 xdp >"$folder/sent"
	while frames=$(grep '"pulse"' "$folder/lines" | tail -n 1 | jq .frames) && [ "$frames" != "$before" ]; do
		before=$frames
		sleep 1.2
	done
	cpu=$(awk -v tick="$(getconf CLK_TCK)" '{ print ($14 + $15) / tick }' "/proc/$watching/stat")
	kill -TERM "$watching"
	wait "$watching" || true
	grep '"pulse"' "$folder/lines" | tail -n 1 | jq -c --arg name "$name" --argjson rate "$rate" --argjson cpu "$cpu" \
		--slurpfile sent "$folder/sent" '{name: $name, wanted_per_second: $rate, sent: $sent[0].sent,
		sent_per_second: ($sent[0].sent / $sent[0].seconds | round), counted: .frames,
		shown_lost: (.capture.ring_dropped + .capture.no_frame), not_explained: ($sent[0].sent - .frames -
		.capture.ring_dropped - .capture.no_frame), watcher_cpu_seconds: $cpu}'
}

{
	run packet-400k 1200000 400000
	run packet-800k 2400000 800000
	run packet-fastest 3000000 0
	run packet-fastest-tiny-ring 3000000 0 --ring 128K
	run xdp-400k 1200000 400000 --capture xdp
} | jq -sc '{runs: .}'
