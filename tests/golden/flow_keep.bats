# SPDX-License-Identifier: Apache-2.0
# Files of flows into an archive: nothing more is kept of them than of flows that are received.
load common

setup() {
	cd "$BATS_TEST_TMPDIR"
	noroshi world flows --seed 3 --flows 20000 --out flows.pcap --mmdb world.mmdb --start "$(date -u -d '2 hours ago' +%FT%TZ)" --duration 1h >/dev/null
}

keep() { noroshi flow keep "$@" --archive flows --own 7.192.0.0/10,3fff::/20; }
sum() { jq -s 'map(select(.summary | not)) | map(.bytes) | add'; }

@test "what is kept is what was read, without events of NATs" {
	keep flows.pcap --json >kept.json
	noroshi flow read flows.pcap --json >read.json
	equal "$(jq '.kept + .nat_events_left_out' kept.json)" "$(jq 'select(.summary) | .summary.records' read.json)"
	equal "$(noroshi flow query any --archive flows --purpose own-operation --json | sum)" "$(sum <read.json)"
}

@test "no byte of the archive is a client's address" {
	keep flows.pcap >/dev/null
	noroshi flow query any --archive flows --purpose own-operation --json >flows.json
	equal "$(jq -r 'select(.summary | not) | .source, .destination' flows.json | grep -cE '^(7\.(19[2-9]|2[0-9][0-9])\.|3fff:)' || true)" 0
	[ "$(jq -r 'select(.summary | not) | .source' flows.json | grep -c '^100::')" -gt 0 ]
}

@test "without own networks and without a reason nothing is kept" {
	status=0
	noroshi flow keep flows.pcap --archive flows 2>err || status=$?
	equal "$status" 2
	grep -q -- --own err
}

@test "flows that are too old are not taken, and counted" {
	noroshi world flows --seed 3 --flows 20000 --out old.pcap --start 2026-01-01 --duration 1h >/dev/null
	keep old.pcap --json >kept.json
	equal "$(jq .kept kept.json)" 0
	[ "$(jq .too_old kept.json)" -gt 0 ]
}

@test "sums go into the store, hold no client, and add up to what is kept" {
	keep flows.pcap --store sums.db --mmdb world.mmdb --json >kept.json
	flows=$(sqlite3 sums.db "SELECT sum(flows) FROM flow_traffic WHERE step = 300 AND dimension = 'all'")
	equal "$flows" "$(jq .kept kept.json)"
	equal "$(sqlite3 sums.db "SELECT count(DISTINCT exporter) FROM flow_exporter")" "$(jq '[.summary.exporters[].exporter] | unique | length' kept.json)"
}

@test "a file that is none is named, and the others are kept" {
	printf 'nothing that is known' >none
	status=0
	keep none flows.pcap --json >kept.json 2>err || status=$?
	equal "$status" 3
	grep -q "none: " err
	[ "$(jq .kept kept.json)" -gt 0 ]
}
