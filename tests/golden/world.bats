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

# all ports of the store, page by page: protocol, port, packets
ports_of() { # OPTION...
	local after= page
	while page=$(noroshi telescope report --store "$WORLD.db" --by port --json --limit 1000 "$@" ${after:+--after "$after"}); do
		jq -r '.rows[] | [.protocol, .port, .packets] | join(" ")' <<<"$page"
		after=$(jq -r '.next // ""' <<<"$page")
		[ -n "$after" ] || return 0
	done
	return 1
}

packets_of() { # OPTION...
	ports_of "$@" | awk '{ sum += $3 } END { print sum + 0 }'
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
	equal "$(ports_of | sort -n -k1,1 -k2,2)" \
		"$(jq -r '.by_port[] | [{"tcp": 6, "udp": 17}[.protocol], .port, .packets] | join(" ")' "$WORLD.json" |
			sort -n -k1,1 -k2,2)"
}

@test "windows make up their hour, hours their day" {
	hour=0 day=0
	for minute in 00 05 10 15 20 25 30 35 40 45 50 55; do
		hour=$((hour + $(packets_of --from "2026-04-02T10:$minute:00Z" --to "2026-04-02T10:$minute:01Z")))
	done
	equal "$hour" "$(packets_of --from 2026-04-02T10:00:00Z --to 2026-04-02T11:00:00Z)"
	for from in 00 06 12 18; do
		day=$((day + $(packets_of --from "2026-04-02T$from:00:00Z" --to "2026-04-02T$(printf %02d $((10#$from + 5))):59:59Z")))
	done
	equal "$day" "$(packets_of --from 2026-04-02 --to 2026-04-03)"
}

@test "without research scanners is all minus theirs, in the report and in the store" {
	without=$(packets_of --research without)
	equal "$without" "$(($(packets_of) - $(packets_of --research only)))"
	equal "$without" "$(jq '[.by_port[].packets_without_research] | add' "$WORLD.json")"
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
