#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every real capture of the shared manifest through `telescope read --json`, against the figures that tshark counted.
# Prints TAP. Skipped where the shared data are not there.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
noroshi=${NOROSHI:-$PWD/build/noroshi}
data=${NOROSHI_SHARED:-../shared}/data/telescope
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0 failed=0

if [ ! -r "$data/expected.json" ]; then
	echo "ok 1 - captures # SKIP $data/expected.json is not there: set NOROSHI_SHARED"
	echo "1..1"
	exit 0
fi

result() { # TEXT; what is in $work/wrong says why it is not ok
	number=$((number + 1))
	if [ -s "$work/wrong" ]; then
		failed=1
		echo "not ok $number - $1"
		sed 's/^/# /' "$work/wrong"
	else
		echo "ok $number - $1"
	fi
}

read_capture() { # FILE OPTIONS...; a crash or a message that is not JSON is written to $work/wrong
	local file=$1 status=0
	shift
	: >"$work/wrong"
	"$noroshi" telescope read --json "$@" "$data/$file" >"$work/report.json" 2>"$work/error" || status=$?
	case $status in 0 | 3) ;; *) echo "exit status $status: $(head -n 3 "$work/error")" >"$work/wrong" ;; esac
	[ -s "$work/wrong" ] || jq -e . "$work/report.json" >/dev/null 2>"$work/wrong"
}

compare() { # FILE EXPECTED_OF
	read_capture "$1"
	[ -s "$work/wrong" ] || jq -r --argjson ipv6 "$(jq --arg f "$2" '.ipv6[$f]' tests/golden/captures.json)" \
		--argjson short "$(jq --arg f "$2" '.short[$f]' tests/golden/captures.json)" \
		--argjson expected "$(jq --arg f "$2" '.files[$f]' "$data/expected.json")" \
		-f tests/golden/captures.jq "$work/report.json" >"$work/wrong" 2>&1
	result "$1"
}

while IFS= read -r file; do
	compare "$file" "$file"
done < <(jq -r '.files | keys[]' "$data/expected.json")

while IFS=$'\t' read -r file other; do
	compare "$file" "$other"
done < <(jq -r '.same_as | to_entries[] | [.key, .value] | @tsv' tests/golden/captures.json)

# every leaf of the wanted object stands in the report
while IFS=$'\t' read -r file want; do
	read_capture "$file"
	[ -s "$work/wrong" ] || jq -r --argjson want "$want" '. as $report | $want | paths(scalars) as $p
		| select(($report | getpath($p)) != getpath($p))
		| "\($p | join(".")): \($report | getpath($p) | tojson), expected \(getpath($p) | tojson)"' \
		"$work/report.json" >"$work/wrong" 2>&1
	result "$file"
done < <(jq -r '.report | to_entries[] | [.key, (.value | tojson)] | @tsv' tests/golden/captures.json)

# decapsulated only where the outer destination is said to be a tunnel end of ours
read_capture libtrace/vxlan.pcap --tunnel-end 0.0.0.0/0
[ -s "$work/wrong" ] || jq -r 'select(.by_category.icmp.packets != 8 or .packets != 8 or .dropped.non_ip != 2)
	| "icmp \(.by_category.icmp.packets), packets \(.packets), dropped \(.dropped), expected 8, 8, non_ip 2"' \
	"$work/report.json" >"$work/wrong"
result "libtrace/vxlan.pcap behind a tunnel end"

# every file of the folder has been read by one of the loops above
find "$data" -type f \( -name '*.pcap*' -o -name '*.erf*' \) -printf '%P\n' | sort >"$work/files"
{
	jq -r '.files | keys[]' "$data/expected.json"
	jq -r '.same_as, .report | keys[]' tests/golden/captures.json
} | sort | comm -23 "$work/files" - | sed 's/^/no expected value: /' >"$work/wrong"
result "every capture of the manifest has an expected value"

echo "1..$number"
exit $failed
