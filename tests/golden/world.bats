# SPDX-License-Identifier: Apache-2.0
# The synthetic world: its truth and what the telescope finds in it must agree; no answer depends on the machine.
load common

setup_file() {
	export WORLD=$BATS_FILE_TMPDIR/world
	"${NOROSHI:?}" world darknet --seed 7 --packets 200000 --out "$WORLD.pcap" --mmdb "$WORLD.mmdb" --lists "$WORLD.list"
}

read_world() { # OPTIONS...
	noroshi telescope read --dark 198.18.0.0/18 --own 203.0.113.0/24 --lists "$WORLD.list" --mmdb "$WORLD.mmdb" "$@" \
		"$WORLD.pcap"
}

@test "the same seed gives the same bytes, another seed others" {
	noroshi world darknet --seed 7 --packets 200000 --out "$BATS_TEST_TMPDIR/again.pcap"
	cmp "$WORLD.pcap" "$BATS_TEST_TMPDIR/again.pcap"
	cmp "$WORLD.pcap.truth.json" "$BATS_TEST_TMPDIR/again.pcap.truth.json" ||
		diff <(jq 'del(.lists, .mmdb, .research_scanners)' "$WORLD.pcap.truth.json") \
			<(jq 'del(.lists, .mmdb, .research_scanners)' "$BATS_TEST_TMPDIR/again.pcap.truth.json")
	noroshi world darknet --seed 8 --packets 200000 --out "$BATS_TEST_TMPDIR/other.pcap"
	if cmp -s "$WORLD.pcap" "$BATS_TEST_TMPDIR/other.pcap"; then false; fi
}

@test "the report is the truth" {
	read_world --json >"$BATS_TEST_TMPDIR/report.json"
	wrong=$(jq -r --slurpfile truths "$WORLD.pcap.truth.json" -f "$golden/truth.jq" "$BATS_TEST_TMPDIR/report.json")
	equal "wrong: $wrong" "wrong: "
}

@test "every frame is a packet or in dropped" {
	equal "$(read_world --json | jq '.capture.frames - .packets - ([.dropped[]] | add)')" 0
}

@test "1, 2 and 3 workers give the same bytes" {
	for workers in 1 2 3; do
		read_world --json --workers $workers >"$BATS_TEST_TMPDIR/$workers.json"
	done
	cmp "$BATS_TEST_TMPDIR/1.json" "$BATS_TEST_TMPDIR/2.json"
	cmp "$BATS_TEST_TMPDIR/1.json" "$BATS_TEST_TMPDIR/3.json"
}

@test "1, 2 and 3 workers give the same store" {
	for workers in 1 2 3; do
		read_world --workers $workers --store "$BATS_TEST_TMPDIR/$workers.db" >/dev/null
		# all but the run itself, which knows when it was made
		sqlite3 "$BATS_TEST_TMPDIR/$workers.db" .dump | grep '^INSERT' | grep -v 'telescope_run\|lock\|meta' | sort |
			sha256sum >"$BATS_TEST_TMPDIR/$workers.sum"
	done
	cmp "$BATS_TEST_TMPDIR/1.sum" "$BATS_TEST_TMPDIR/2.sum"
	cmp "$BATS_TEST_TMPDIR/1.sum" "$BATS_TEST_TMPDIR/3.sum"
}

@test "reading the same capture twice into a store counts it once" {
	read_world --store "$BATS_TEST_TMPDIR/s.db" >/dev/null
	once=$(noroshi telescope report --store "$BATS_TEST_TMPDIR/s.db" --by port --json)
	read_world --store "$BATS_TEST_TMPDIR/s.db" >/dev/null
	equal "$(noroshi telescope report --store "$BATS_TEST_TMPDIR/s.db" --by port --json)" "$once"
}

@test "the store and the report agree on every port" {
	read_world --store "$BATS_TEST_TMPDIR/s.db" --json >"$BATS_TEST_TMPDIR/report.json"
	equal "$(sqlite3 "$BATS_TEST_TMPDIR/s.db" "SELECT protocol, port, sum(packets) FROM telescope_port
		WHERE step = 86400 AND traffic = 0 GROUP BY 1, 2 ORDER BY 1, 2" -separator ' ')" \
		"$(jq -r '.by_port[] | [({"tcp": 6, "udp": 17}[.protocol] // .protocol), .port, .packets] | join(" ")' \
			"$BATS_TEST_TMPDIR/report.json" | sort -n -k1,1 -k2,2)"
	for step in 300 3600; do
		equal "$(sqlite3 "$BATS_TEST_TMPDIR/s.db" "SELECT sum(packets) FROM telescope_port WHERE step = $step AND traffic = 0")" \
			"$(jq '[.by_port[].packets] | add' "$BATS_TEST_TMPDIR/report.json")" "step $step"
	done
}

@test "without research scanners is all minus theirs, in the report and in the store" {
	read_world --store "$BATS_TEST_TMPDIR/s.db" --json >"$BATS_TEST_TMPDIR/report.json"
	equal "$(sqlite3 "$BATS_TEST_TMPDIR/s.db" "SELECT sum(CASE traffic WHEN 0 THEN packets ELSE -packets END)
		FROM telescope_port WHERE step = 86400")" \
		"$(jq '[.by_port[].packets_without_research] | add' "$BATS_TEST_TMPDIR/report.json")"
}

@test "reports from the store" {
	read_world --store "$BATS_TEST_TMPDIR/s.db" >/dev/null
	for by in port source country class tool; do
		noroshi telescope report --store "$BATS_TEST_TMPDIR/s.db" --by $by >"$BATS_TEST_TMPDIR/$by.txt"
		[ "$(wc -l <"$BATS_TEST_TMPDIR/$by.txt")" -gt 3 ]
		noroshi telescope report --store "$BATS_TEST_TMPDIR/s.db" --by $by --json | jq -e . >/dev/null
	done
	[[ $(<"$BATS_TEST_TMPDIR/tool.txt") == *mirai* ]]
	[[ $(<"$BATS_TEST_TMPDIR/class.txt") == *iot* ]]
}
