#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The sample world: three seeded days of a darknet and one of an ISP's flow exports, with known truth, read like any
# other capture. Makes world.pcap, flows.pcap, their truth, world.mmdb, flows.mmdb, scanners.json, sample.db and the
# archive flows in build/sample, if they are not there.
# The sample belongs to one build of the program: another generator or another schema makes another one.
set -euo pipefail
cd "$(dirname "$0")/.."
program=build/noroshi
folder=build/sample
stamp=$folder/stamp

made=$(sha256sum "$program" "$0")
[ "$(cat "$stamp" 2>/dev/null)" != "$made" ] || exit 0
case "${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}" in
ja*) echo "サンプルのトラフィックを作ります" >&2 ;;
*) echo "making the sample world" >&2 ;;
esac
rm -rf "$folder"
mkdir -p "$folder"
"$program" world darknet --seed 1 --packets 600000 --out "$folder/world.pcap" --mmdb "$folder/world.mmdb" \
	--lists "$folder/scanners.json" >/dev/null
"$program" telescope read "$folder/world.pcap" --dark 198.18.0.0/18 --own 203.0.113.0/24 \
	--mmdb "$folder/world.mmdb" --lists "$folder/scanners.json" --store "$folder/sample.db" >"$folder/report.txt"
# nobody's subscribers: they may stay as long as the sample does
"$program" world flows --seed 1 --scenes few --out "$folder/flows.pcap" --mmdb "$folder/flows.mmdb" >/dev/null
"$program" flow keep "$folder/flows.pcap" --archive "$folder/flows" --own 7.192.0.0/10,3fff::/20 --keep 36500d \
	--cut 1h --mmdb "$folder/flows.mmdb" --store "$folder/sample.db" >/dev/null
printf '%s\n' "$made" >"$stamp"
