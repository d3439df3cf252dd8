# SPDX-License-Identifier: Apache-2.0
# The synthetic world: its truth and what the telescope finds in it must agree; no answer depends on the machine.
load common

read_world() { # OPTIONS...
	noroshi telescope read --json --dark 198.18.0.0/18 --own 203.0.113.0/24 --lists "$WORLD.list" \
		--mmdb "$WORLD.mmdb" "$@" "$WORLD.pcap"
}

# One world, and one reading of it, for all tests: $WORLD.pcap, $WORLD.json, $WORLD.db
setup_file() {
	export WORLD=$BATS_FILE_TMPDIR/world
	noroshi world darknet --seed 7 --packets 200000 --out "$WORLD.pcap" --mmdb "$WORLD.mmdb" --lists "$WORLD.list"
	read_world --workers 1 --store "$WORLD.db" >"$WORLD.json"
}

sql() { # STATEMENT
	sqlite3 -separator ' ' "$WORLD.db" "$1"
}

# all rows but the run, which knows when it was made
rows_of() { # STORE
	sqlite3 "$1" .dump | grep '^INSERT' | grep -v 'INTO telescope_run \|INTO telescope_run(' | sort | sha256sum
}

@test "the same seed gives the same bytes, another seed others" {
	noroshi world darknet --seed 7 --packets 200000 --out "$BATS_TEST_TMPDIR/again.pcap" --lists "$BATS_TEST_TMPDIR/list"
	cmp "$WORLD.pcap" "$BATS_TEST_TMPDIR/again.pcap"
	cmp "$WORLD.pcap.truth.json" "$BATS_TEST_TMPDIR/again.pcap.truth.json"
	noroshi world darknet --seed 8 --packets 200000 --out "$BATS_TEST_TMPDIR/other.pcap"
	if cmp -s "$WORLD.pcap" "$BATS_TEST_TMPDIR/other.pcap"; then false; fi
}

@test "the report is the truth" {
	wrong=$(jq -r --slurpfile truths "$WORLD.pcap.truth.json" -f "$golden/truth.jq" "$WORLD.json")
	equal "wrong: $wrong" "wrong: "
}

@test "every frame is a packet or in dropped" {
	equal "$(jq '.capture.frames - .packets - ([.dropped[]] | add)' "$WORLD.json")" 0
}

@test "1, 2 and 3 workers give the same report and the same store" {
	for workers in 2 3; do
		read_world --workers $workers --store "$BATS_TEST_TMPDIR/$workers.db" >"$BATS_TEST_TMPDIR/$workers.json"
		cmp "$WORLD.json" "$BATS_TEST_TMPDIR/$workers.json"
		equal "$(rows_of "$BATS_TEST_TMPDIR/$workers.db")" "$(rows_of "$WORLD.db")" "$workers workers"
	done
}

@test "a report does not depend on whether there is a store" {
	read_world >"$BATS_TEST_TMPDIR/report.json"
	cmp "$WORLD.json" "$BATS_TEST_TMPDIR/report.json"
}

@test "reading the same capture twice into a store counts it once" {
	cp "$WORLD.db" "$BATS_TEST_TMPDIR/s.db"
	read_world --store "$BATS_TEST_TMPDIR/s.db" >/dev/null
	equal "$(rows_of "$BATS_TEST_TMPDIR/s.db")" "$(rows_of "$WORLD.db")"
}

@test "the store and the report agree on every port" {
	equal "$(sql "SELECT protocol, port, sum(packets) FROM telescope_port WHERE step = 86400 AND traffic = 0
		GROUP BY 1, 2 ORDER BY 1, 2")" \
		"$(jq -r '.by_port[] | [{"tcp": 6, "udp": 17}[.protocol], .port, .packets] | join(" ")' "$WORLD.json" |
			sort -n -k1,1 -k2,2)"
	for step in 300 3600; do
		equal "$(sql "SELECT sum(packets) FROM telescope_port WHERE step = $step AND traffic = 0")" \
			"$(jq '[.by_port[].packets] | add' "$WORLD.json")" "step $step"
	done
}

@test "without research scanners is all minus theirs, in the report and in the store" {
	equal "$(sql "SELECT sum(CASE traffic WHEN 0 THEN packets ELSE -packets END) FROM telescope_port WHERE step = 86400")" \
		"$(jq '[.by_port[].packets_without_research] | add' "$WORLD.json")"
}

@test "reports from the store" {
	for by in port source country network class tool scanner victim campaign run; do
		noroshi telescope report --store "$WORLD.db" --by $by >"$BATS_TEST_TMPDIR/$by.txt"
		[ "$(wc -l <"$BATS_TEST_TMPDIR/$by.txt")" -gt 1 ]
		noroshi telescope report --store "$WORLD.db" --by $by --json | jq -e '.rows | length > 0' >/dev/null
	done
	[[ $(<"$BATS_TEST_TMPDIR/tool.txt") == *mirai* ]]
	[[ $(<"$BATS_TEST_TMPDIR/class.txt") == *iot* ]]
	equal "$(noroshi telescope report --store "$WORLD.db" --by port --json | jq -c '.rows[0] | [.port, .packets]')" \
		"$(jq -c '.by_port[0] | [.port, .packets]' "$WORLD.json")"
}
