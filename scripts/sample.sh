#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The sample world: three seeded days of a darknet with known truth, read into a store like any other capture.
# usage: sample.sh PROGRAM FOLDER    makes world.pcap, world.pcap.truth.json, world.mmdb, scanners.json, sample.db
set -euo pipefail
program=$1
folder=$2

"$program" world darknet --seed 1 --packets 600000 --out "$folder/world.pcap" --mmdb "$folder/world.mmdb" \
	--lists "$folder/scanners.json" >/dev/null
"$program" telescope read "$folder/world.pcap" --dark 198.18.0.0/18 --own 203.0.113.0/24 \
	--mmdb "$folder/world.mmdb" --lists "$folder/scanners.json" --store "$folder/sample.db" >"$folder/report.txt"
