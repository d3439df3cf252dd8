# SPDX-License-Identifier: Apache-2.0
# More sources than the promised memory has lines for: each figure says how it was found, and is right by what it says.
load common

@test "each figure of a report in little memory is within its stated error" {
	world=$BATS_TEST_TMPDIR/world
	noroshi world darknet --seed 3 --packets 2500000 --sources 2500000 --duration 1d --out "$world.pcap" --mmdb "$world.mmdb"
	noroshi telescope read --json --memory 64M --dark 198.18.0.0/18 --mmdb "$world.mmdb" --store "$world.db" "$world.pcap" \
		>"$world.json"
	noroshi telescope report --json --store "$world.db" --by country --limit 1000 >"$world.countries"
	[ "$(jq '.sources.exact' "$world.json")" = false ]
	[ "$(jq '.limits.packets_of_sources_not_judged > 0' "$world.json")" = true ]
	wrong=$(jq -r --slurpfile truths "$world.pcap.truth.json" --slurpfile countries "$world.countries" -f "$golden/limits.jq" \
		"$world.json")
	equal "wrong: $wrong" "wrong: "
}

@test "less memory than can be promised is refused, and what is needed is said" {
	run noroshi telescope read --memory 32M "$BATS_TEST_TMPDIR/none.pcap"
	[ "$status" = 2 ]
	[[ $output == *64M* ]]
	run noroshi telescope read --memory 64M --workers 60 "$BATS_TEST_TMPDIR/none.pcap"
	[[ $output == *"fewer --workers"* ]]
}
