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
	grep -q "older noroshi (schema 1 of 2)" "$BATS_TEST_TMPDIR/err"
	equal "$(sqlite3 "$store" "PRAGMA user_version; SELECT count(*) > 0 FROM telescope_port")" "$(printf '1\n1')"
}

@test "a store of schema 1 is copied, migrated, and answers as before" {
	echo "1775000000 198.51.100.7 198.18.0.1 tcp S 40000 23" | pcap "$BATS_TEST_TMPDIR/later.pcap"
	noroshi telescope read --dark 198.18.0.0/18 --store "$store" "$BATS_TEST_TMPDIR/later.pcap" >/dev/null
	equal "$(sqlite3 "$store" "PRAGMA user_version")" 2
	equal "$(reports "$store" | jq -cS 'del(.to)')" "$(jq -cS 'del(.to)' "$golden/schema-1.json")"
	# months were added up on the way: January and February
	equal "$(sqlite3 "$store" "SELECT count(*) FROM pack JOIN series ON series.id = pack.series
		WHERE name = 'telescope_port' AND step = 2678400")" 2
	equal "$(sqlite3 "$store.before-2" "PRAGMA user_version; SELECT count(*) FROM telescope_port")" \
		"$(printf '1\n%s' "$(grep -c 'INSERT INTO telescope_port' "$golden/schema-1.sql")")"
}
