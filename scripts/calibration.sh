#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The built-in calibration of flow detect, learnt again from worlds of these seeds (docs/detection.md). Tests and the
# table of docs/detection.md use other seeds. Ten minutes; needs about 2 GB.
# usage: calibration.sh FOLDER                worlds and examples into FOLDER, the C table into the source
#        calibration.sh --table FILE          only the C table, from a calibration
set -euo pipefail
cd "$(dirname "$0")/.."
noroshi=${NOROSHI:-build/noroshi}
table=src/sense/flow/detect/judge/calibrate_built_in.c

# The order of models and terms is that of the file, which nr_flow_calibration_write() gives.
write_table() {
	jq -r '
		def line(name; weights): "\t\t\t{" + (weights | map(tostring) | join(", ")) + "}, /* " + name + " */";
		"/* SPDX-License-Identifier: Apache-2.0 */",
		"/* Generated from a calibration: scripts/calibration.sh. Do not edit. */",
		"#include \"sense/flow/detect/judge/calibration.h\"",
		"",
		"/* clang-format off */",
		"const struct nr_flow_calibration nr_flow_calibration_built_in = {",
		"\t.learnt_from = \(.learnt_from | tojson),",
		"\t.follow = {\(.follow | map(tostring) | join(", "))},",
		"\t.models = {",
		(.models | to_entries[] | "\t\t{\(.value.bias), { /* \(.key) */",
			(.value.terms | to_entries[] | line(.key; .value)), "\t\t}},"),
		"\t},",
		"};",
		"/* clang-format on */"' "$1" >"$table.part"
	mv "$table.part" "$table"
}

if [ "${1:-}" = --table ]; then
	write_table "$2"
	exit
fi
folder=${1:?usage: calibration.sh FOLDER}
mkdir -p "$folder"
# SEED OPTION...: services as regular as botnets; botnets of thirty; what a rate of false positives is measured on
worlds=('101 --scenes hard' '102 --scenes hard' '103 --scenes sampled --nulls 50000' '104 --scenes hard --bots 30')
also=()
for ((i = ${#worlds[@]} - 1; i >= 0; i--)); do
	read -ra options <<<"${worlds[i]}"
	world=$folder/${options[0]}
	[ -s "$world.pcap" ] || "$noroshi" world flows --seed "${options[@]}" --out "$world.pcap" --truth "$world.json"
	learn=(--examples "$world.examples")
	[ "$i" != 0 ] || learn=("${also[@]}" --calibrate "$folder/calibration.json")
	"$noroshi" flow evaluate --own 1.240.0.0/12 --truth "$world.json" "${learn[@]}" "$world.pcap"
	also+=(--also "$world.examples")
done
jq --arg from "world flows, seeds and scenes: $(printf '%s; ' "${worlds[@]}")" '
	.learnt_from = ($from | sub("; $"; "")) |
	.follow = [0.7, 0.95] # of alarmed, of confirmed servers: set, for in a world every client of a C&C server is a bot
	' \
	"$folder/calibration.json" >"$folder/calibration"
write_table "$folder/calibration"
