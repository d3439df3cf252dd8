# SPDX-License-Identifier: Apache-2.0
# A dark IPv6 prefix beside the IPv4 range: what the report says must be what the world did.
load common

setup_file() {
	export WORLD=$BATS_FILE_TMPDIR/world
	noroshi world darknet --seed 11 --packets 60000 --duration 6h --dark 198.18.0.0/20 --dark 2001:db8:4000::/36 \
		--out "$WORLD.pcap" --mmdb "$WORLD.mmdb"
	noroshi telescope read --json --dark 198.18.0.0/20 --dark 2001:db8:4000::/36 --mmdb "$WORLD.mmdb" \
		--store "$WORLD.db" "$WORLD.pcap" >"$WORLD.json"
}

truth() { jq -c "$1" "$WORLD.pcap.truth.json"; }
report() { jq -c "$1" "$WORLD.json"; }

@test "sources are counted by /128, /64, /48 and /32" {
	equal "$(report '.ipv6.sources | map_values(.count)')" "$(truth .ipv6.sources)"
	equal "$(report '.ipv6.sources | map(.exact) | all')" true
}

@test "destinations are told apart by the pattern of their address" {
	equal "$(report '.ipv6.destinations | map_values(.packets)')" "$(truth .ipv6.destinations)"
}

@test "a scanner that changes its address is one finding" {
	equal "$(report '[.findings[] | select(.kind == "rotating-scanner") | .count]')" \
		"$(truth '[.ipv6.rotating_scanners[].packets]')"
}

@test "the store answers the same, and more workers change nothing" {
	equal "$(sqlite3 "$WORLD.db" "SELECT sum(packets) FROM telescope_ipv6 WHERE dimension = 'pattern'")" \
		"$(truth '[.ipv6.destinations[]] | add')"
	equal "$(noroshi telescope read --json --workers 3 --dark 198.18.0.0/20 --dark 2001:db8:4000::/36 \
		--mmdb "$WORLD.mmdb" "$WORLD.pcap" | jq -c .ipv6)" "$(report .ipv6)"
}

@test "countries and networks of IPv6 sources are those of the world" {
	local countries='[.[] | [.country, .packets]] | sort'
	equal "$(noroshi telescope report --store "$WORLD.db" --by country --json --limit 1000 | jq -c ".rows | $countries")" \
		"$(truth ".countries | $countries")"
	noroshi telescope report --store "$WORLD.db" --by source --json --limit 1000 |
		jq -c '.rows[] | select(.address | startswith("3fff:")) | [.country, .asn, .as_name]' | sort -u >"$BATS_TEST_TMPDIR/places"
	[ "$(grep -cE '^\["[A-Z]{2}",64[0-9]{3},"WORLD-NET-[0-9]+"\]$' "$BATS_TEST_TMPDIR/places")" -ge 10 ]
	equal "$(grep -cvE '^\["[A-Z]{2}",|^\["",0,""\]$' "$BATS_TEST_TMPDIR/places")" 0
}

@test "an IPv4 telescope has no IPv6 part" {
	noroshi world darknet --seed 1 --packets 20000 --duration 1h --out "$BATS_TEST_TMPDIR/four.pcap"
	equal "$(json .ipv6 --dark 198.18.0.0/18 "$BATS_TEST_TMPDIR/four.pcap")" null
}
