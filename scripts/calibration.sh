#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The built-in calibration of flow detect, learnt again from worlds of these seeds (docs/detection.md). Tests and the
# table of docs/detection.md use other seeds. Hours of one processor; needs about 300 MB for each seed.
# usage: calibration.sh FOLDER [SEED...]      worlds and examples into FOLDER, the C table into the source
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
folder=${1:?usage: calibration.sh FOLDER [SEED...]}
shift
[ $# -gt 0 ] || set -- 101 102
also=()
for seed; do
	world=$folder/hard-$seed
	[ -s "$world.pcap" ] || "$noroshi" world flows --seed "$seed" --scenes hard --out "$world.pcap"
	last=$seed
	[ "$seed" = "${!#}" ] && break
	"$noroshi" flow evaluate --own 1.240.0.0/12 --truth "$world.pcap.truth.json" --examples "$world.examples" "$world.pcap"
	also+=(--also "$world.examples")
done
"$noroshi" flow evaluate --own 1.240.0.0/12 --truth "$folder/hard-$last.pcap.truth.json" "${also[@]}" \
	--calibrate "$folder/calibration.json" "$folder/hard-$last.pcap"
jq --arg from "world flows --scenes hard, seeds $*" '.learnt_from = $from' "$folder/calibration.json" >"$folder/calibration"
write_table "$folder/calibration"
