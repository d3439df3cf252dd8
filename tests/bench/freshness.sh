#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a packet to a listener of the live stream and to a webhook, between two name spaces: median and 99th percentile in
# ms of 200 own hosts and of the samples meanwhile. One line of JSON; {} without root.
# usage: freshness.sh PROGRAM SENDER
set -euo pipefail
program=$1 sender=$2
a=noroshi-fresh-a-$$ b=noroshi-fresh-b-$$
folder=$(mktemp -d /dev/shm/noroshi-freshness-XXXXXX)
if [ "$(id -u)" != 0 ] || ! ip netns add "$a" 2>/dev/null; then
	echo '{}'
	rm -rf "$folder"
	exit 0
fi
server=
listener=
finish() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	[ -z "$listener" ] || kill "$listener" 2>/dev/null || true
	wait
	ip netns del "$a"
	ip netns del "$b" 2>/dev/null || true
	rm -rf "$folder"
}
trap finish EXIT
ip netns add "$b"
ip link add tx0 netns "$a" type veth peer name rx0 netns "$b"
for name in "$a" "$b"; do
	ip netns exec "$name" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done
ip -n "$a" link set tx0 up
ip -n "$b" link set rx0 up
ip -n "$b" link set lo up
ip netns exec "$b" node tests/netns/listener.mjs 127.0.0.1:8480 8481 >"$folder/events" &
listener=$!
ip netns exec "$b" "$program" serve --watch rx0 --listen 127.0.0.1:8480 --user root --store "$folder/live.db" --state "$folder" \
	--dark 198.18.0.0/16 --own 1.0.0.0/24 --webhook http://127.0.0.1:8481/ >/dev/null 2>&1 &
server=$!

# heard EVENT COUNT: at most 20 s
heard() {
	local try
	for ((try = 0; try < 200; try++)); do
		[ "$(grep -c "^{\"event\":\"$1\"" "$folder/events")" -ge "$2" ] && return 0
		sleep 0.1
	done
	return 1
}

heard pulse 1
ip netns exec "$a" "$sender" tx0 200 rate=20 sources=200 >/dev/null
heard webhook 200
jq -sc 'def ms: (.[0:19] + "Z" | fromdate) * 1000 + (.[20:26] | tonumber) / 1000;
	def figures: sort | {median: (.[length / 2 | floor] | round), p99: (.[length * 0.99 | floor] | round), of: length};
	{
		particle_ms: (map(select(.event == "particles") | .at - (.data.time | ms)) | figures),
		finding_ms: (map(select(.event == "finding" and .data.evidence.alert.change == "new") | .at - (.data.first | ms)) | figures),
		webhook_ms: (map(select(.event == "webhook") | .at - (.data.finding.first | ms)) | figures)
	}' "$folder/events"
