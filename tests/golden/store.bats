# SPDX-License-Identifier: Apache-2.0
# Stores that earlier releases wrote: schema-1.sql is one of them as text, schema-1.json what that release answered.
load common

reports() { # STORE
	for by in port source country network class tool scanner victim campaign run; do
		noroshi telescope report --store "$1" --by $by --json --limit 1000 --to 2026-02-02
	done
}

setup() {
	store=$BATS_TEST_TMPDIR/s.db
	sqlite3 "$store" <"$golden/schema-1.sql"
}

@test "a store of schema 1 is not read, and not touched, before it is brought up to date" {
	if noroshi telescope report --store "$store" 2>"$BATS_TEST_TMPDIR/err"; then false; fi
	grep -q "older noroshi (schema 1 of 4)" "$BATS_TEST_TMPDIR/err"
	equal "$(sqlite3 "$store" "PRAGMA user_version; SELECT count(*) > 0 FROM telescope_port")" "$(printf '1\n1')"
}

@test "a store of schema 1 is copied, migrated, and answers as before" {
	echo "1775000000 198.51.100.7 198.18.0.1 tcp S 40000 23" | pcap "$BATS_TEST_TMPDIR/later.pcap"
	noroshi telescope read --dark 198.18.0.0/18 --store "$store" "$BATS_TEST_TMPDIR/later.pcap" >/dev/null
	equal "$(sqlite3 "$store" "PRAGMA user_version")" 4
	equal "$(reports "$store" | jq -cS 'del(.to, .rows[]?.session)')" "$(jq -cS 'del(.to)' "$golden/schema-1.json")"
	# months were added up on the way: January and February
	equal "$(sqlite3 "$store" "SELECT count(*) FROM pack JOIN series ON series.id = pack.series
		WHERE name = 'telescope_port' AND step = 2678400")" 2
	equal "$(sqlite3 "$store.before-4" "PRAGMA user_version; SELECT count(*) FROM telescope_port")" \
		"$(printf '1\n%s' "$(grep -c 'INSERT INTO telescope_port' "$golden/schema-1.sql")")"
}

packets() { # STORE: every figure of packets and bytes, by everything that is asked
	for by in port source country network class tool; do
		noroshi telescope report --store "$1" --by $by --research with --json --limit 1000 |
			jq -cS --arg by $by '.rows[] | [$by, .protocol, .port, .address, .country, .asn, .class, .tool, .packets, .bytes]'
	done | sort
}

# Two days, cut into two readings within the first one: an hour, a window and a day have parts.
two_readings() {
	noroshi world darknet --seed 11 --packets 60000 --duration 2d --out "$BATS_TEST_TMPDIR/w.pcap" \
		--mmdb "$BATS_TEST_TMPDIR/w.mmdb" >/dev/null
	editcap -F pcap -r "$BATS_TEST_TMPDIR/w.pcap" "$BATS_TEST_TMPDIR/a.pcap" 1-17000
	editcap -F pcap "$BATS_TEST_TMPDIR/w.pcap" "$BATS_TEST_TMPDIR/b.pcap" 1-17000
	read_into() { # STORE FILE...
		local store=$BATS_TEST_TMPDIR/$1
		shift
		noroshi telescope read --dark 198.18.0.0/18 --mmdb "$BATS_TEST_TMPDIR/w.mmdb" --store "$store" \
			"${@/#/$BATS_TEST_TMPDIR/}" >/dev/null
	}
	read_into one.db a.pcap b.pcap
	read_into two.db a.pcap
	read_into two.db b.pcap
}

@test "two captures of one day in two readings are one reading of both" {
	two_readings
	one=$BATS_TEST_TMPDIR/one.db two=$BATS_TEST_TMPDIR/two.db
	equal "$(packets "$two")" "$(packets "$one")"
	[ "$(packets "$one" | wc -l)" -gt 500 ]
	# of a source that came in both, all that is known: first, last, its ports are at least the larger part's
	span='.rows[] | [.address, .first, .last, .scan_packets]'
	equal "$(noroshi telescope report --store "$two" --by source --json --limit 1000 | jq -c "$span" | sort)" \
		"$(noroshi telescope report --store "$one" --by source --json --limit 1000 | jq -c "$span" | sort)"
	# sources by their sketches: 1.6 % standard error, so 7 % is never
	sources='[.rows[] | {key: "\(.protocol)/\(.port)", value: .sources}] | from_entries'
	noroshi telescope report --store "$one" --by port --json --limit 1000 --research with | jq "$sources" >"$BATS_TEST_TMPDIR/1.json"
	noroshi telescope report --store "$two" --by port --json --limit 1000 --research with | jq "$sources" >"$BATS_TEST_TMPDIR/2.json"
	equal "$(jq -s '[.[0] as $one | .[1] | to_entries[] | select((.value - $one[.key] | fabs) > 0.07 * $one[.key] + 1)] | length' \
		"$BATS_TEST_TMPDIR/1.json" "$BATS_TEST_TMPDIR/2.json")" 0
}

@test "a reading again replaces itself, under whatever name and compressed" {
	two_readings
	before=$(packets "$BATS_TEST_TMPDIR/two.db")
	gzip -c "$BATS_TEST_TMPDIR/a.pcap" >"$BATS_TEST_TMPDIR/copy.gz"
	for file in b.pcap a.pcap copy.gz; do
		read_into two.db $file
		equal "$(packets "$BATS_TEST_TMPDIR/two.db")" "$before" "after $file"
	done
	# what grows is one reading, too
	read_into grows.db a.pcap
	read_into grows.db a.pcap b.pcap
	equal "$(packets "$BATS_TEST_TMPDIR/grows.db")" "$(packets "$BATS_TEST_TMPDIR/one.db")"
}

@test "victims of an older store are single hosts" {
	sqlite3 "$store" "INSERT INTO telescope_victim (sensor, first, address, protocol, last, packets) VALUES
		('s', 1767000000000000, x'00000000000000000000ffffc6336407', 6, 1767000100000000, 70),
		('s', 1767000000000000, x'20010db8000000000000000000000007', 6, 1767000100000000, 60)"
	echo "1775000000 198.51.100.7 198.18.0.1 tcp S 40000 23" | pcap "$BATS_TEST_TMPDIR/later.pcap"
	noroshi telescope read --dark 198.18.0.0/18 --store "$store" "$BATS_TEST_TMPDIR/later.pcap" >/dev/null
	equal "$(sqlite3 "$store" "SELECT prefix_length, addresses, packets FROM telescope_victim WHERE sensor = 's' ORDER BY packets")" \
		"$(printf '128|1|60\n32|1|70')"
}
