# SPDX-License-Identifier: Apache-2.0
# Early warning on worlds of known onset: what spreads is told in time and with its onset, what only looks like it is not.
load common

# $WORLD: three days with every campaign; $WEEK: seven without
setup_file() {
	export WORLD=$BATS_FILE_TMPDIR/world WEEK=$BATS_FILE_TMPDIR/week
	noroshi world darknet --seed 5 --packets 300000 --campaign all --out "$WORLD.pcap" --mmdb "$WORLD.mmdb" --lists "$WORLD.list"
	noroshi world darknet --seed 5 --packets 300000 --duration 7d --out "$WEEK.pcap" --mmdb "$WEEK.mmdb" --lists "$WEEK.list"
	local world
	for world in "$WORLD" "$WEEK"; do
		noroshi telescope read --dark 198.18.0.0/18 --lists "$world.list" --mmdb "$world.mmdb" --workers 1 \
			--store "$world.db" "$world.pcap" >/dev/null
	done
}

warnings() { # WORLD [OPTION...]
	noroshi telescope report --store "$1.db" --by warning --json --limit 1000 "${@:2}"
}

@test "the table for people has whole characters, and the reason whole and in the reader's language" {
	local reason
	LC_ALL=ja_JP.UTF-8 noroshi telescope report --store "$WORLD.db" --by warning >"$BATS_TEST_TMPDIR/ja"
	iconv -f UTF-8 -t UTF-8 "$BATS_TEST_TMPDIR/ja" >/dev/null
	reason=$(warnings "$WORLD" | jq -r '.rows | max_by(.reason_ja | length).reason_ja')
	[ "${#reason}" -gt 40 ]
	grep -qF "$(tr -d ' \n' <<<"$reason")" <<<"$(tr -d ' \n' <"$BATS_TEST_TMPDIR/ja")"
	grep -q '…' "$BATS_TEST_TMPDIR/ja" # evidence is shortened
	! grep -qF "$(warnings "$WORLD" | jq -r '.rows[0].reason_en[:30]')" "$BATS_TEST_TMPDIR/ja"
}

@test "every injected campaign is told once, with its onset and its hosts, within half a day" {
	warnings "$WORLD" | jq -e --slurpfile truth "$WORLD.pcap.truth.json" '
		def seconds: sub("\\.[0-9]+Z$"; "Z") | fromdate;
		.rows as $rows | [$truth[0].injected[] | . as $c
			| [$rows[] | select(.kind == "synchrony" and .key == "tcp/\($c.port)")]
			| length == 1 and (.[0]
				| ((.time | seconds) - ($c.first | seconds)) as $onset
				| ((.evidence.alarm | seconds) - ($c.first | seconds)) as $delay
				| $onset >= -600 and $onset <= 3 * 3600 and $delay >= 0 and $delay <= 12 * 3600
				and .sources >= 0.8 * $c.sources and (.evidence.sample_hosts | length) == 10
				and .reason_en != "" and .reason_ja != "")]
		| length == 5 and all'
}

@test "what only looks like spreading is not told, nor anything else but the world's own outbreak" {
	warnings "$WORLD" | jq -e --slurpfile truth "$WORLD.pcap.truth.json" '
		([$truth[0].injected[] | "tcp/\(.port)"] + ["tcp/37215"]) as $known
		| ($truth[0].decoy | length) == 2
		and [.rows[] | select(.kind == "synchrony") | .key] - $known == []'
}

@test "a warning of spreading is a finding of the same onset" {
	local rows
	rows=$(warnings "$WORLD" | jq '[.rows[] | select(.kind == "synchrony") | .time] | sort')
	run noroshi telescope read --json --dark 198.18.0.0/18 "$WORLD.pcap"
	[ "$status" -eq 0 ] # without a store there is no early warning, and no error
	[ "$(jq '[.findings[] | select(.kind == "early-warning-spread")] | length' <<<"$output")" -eq 0 ]
	[ "$(jq length <<<"$rows")" -eq 6 ]
}

@test "warnings do not depend on the number of workers" {
	noroshi telescope read --dark 198.18.0.0/18 --lists "$WORLD.list" --mmdb "$WORLD.mmdb" --workers 2 \
		--store "$BATS_TEST_TMPDIR/two.db" "$WORLD.pcap" >/dev/null
	cp "$BATS_TEST_TMPDIR/two.db" "$BATS_TEST_TMPDIR/world.db"
	local filter='[.rows[] | select(.kind == "synchrony" or .kind == "changefinder")]'
	diff <(warnings "$WORLD" --notable all | jq "$filter") <(warnings "$BATS_TEST_TMPDIR/two" --notable all | jq "$filter")
}

@test "what is listed is worth a look: each is a finding; what the methods said besides is kept" {
	warnings "$WEEK" | jq -e '(.rows | length) > 0 and all(.rows[]; .notable == 1)
		and all(.rows[] | select(.kind == "changefinder"); .sources >= 20)'
	warnings "$WEEK" --notable all | jq -e '[.rows[] | select(.kind == "changefinder" and .sources < 20)]
		| length > 0 and all(.[]; .notable == 0)'
	local findings
	findings=$(sqlite3 "$WEEK.db" "SELECT count(*) FROM telescope_warning w WHERE notable <> EXISTS (SELECT 1 FROM finding f
		WHERE f.first = w.time AND f.reason_en = w.reason_en)")
	equal "warnings that disagree with the findings: $findings" "warnings that disagree with the findings: 0"
}

@test "the world's slow scanner is found over a week, by its addresses" {
	warnings "$WEEK" | jq -e --slurpfile truth "$WEEK.pcap.truth.json" '
		$truth[0].slow_scanners[0].address as $slow
		| [.rows[] | select(.kind == "slow-scanner" and .key == $slow)]
		| length == 1 and .[0].packets > 10000 and .[0].evidence.days == 7 and .[0].evidence.destinations > 5000'
}

@test "a research organisation with many slow hosts is found as a /24 where no list names it" {
	noroshi telescope read --dark 198.18.0.0/18 --mmdb "$WEEK.mmdb" --store "$BATS_TEST_TMPDIR/unlisted.db" "$WEEK.pcap" >/dev/null
	warnings "$BATS_TEST_TMPDIR/unlisted" | jq -e '[.rows[] | select(.kind == "slow-scanner" and (.key | endswith("/24")))] | length == 1'
	warnings "$WEEK" | jq -e '[.rows[] | select(.kind == "slow-scanner" and (.key | endswith("/24")))] == []'
}

@test "events: ten addresses at least, most packets first, with type, port and rate" {
	noroshi telescope report --store "$WORLD.db" --by event --json --limit 1000 | jq -e '
		(.rows | length) == 1000
		and all(.rows[]; .destinations >= 10 and .packets >= .destinations and .rate >= 10 and .type <= 17 and .coverage <= 1)
		and [.rows[].packets] == ([.rows[].packets] | sort | reverse)'
}
