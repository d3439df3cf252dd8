#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The sample world: one seeded day of a darknet, read into a store.
# usage: sample.sh PROGRAM FOLDER    makes FOLDER/world.pcap, its truth, and FOLDER/sample.db
set -euo pipefail
program=$1
folder=$2

"$program" world darknet --seed 1 --packets 600000 --out "$folder/world.pcap"
dark=$(sed -n 's/.*"dark": *"\([^"]*\)".*/\1/p' "$folder/world.pcap.json" | head -n 1)
"$program" telescope read "$folder/world.pcap" --dark "$dark" --store "$folder/sample.db" >"$folder/report.txt"
