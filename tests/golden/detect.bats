# SPDX-License-Identifier: Apache-2.0
# flow detect and flow evaluate: what real captures hold, forms of answers, lists and feedback, an archive's law, refusals.
load common
bats_require_minimum_version 1.5.0

# A beacon of a minute to one server, beside people's web traffic, as Zeek writes it; made here, of documentation addresses
make_log() {
	awk 'BEGIN {
		srand(7)
		for (i = 0; i < 720; i++)
			for (c = 1; c <= 12; c++)
				printf "{\"ts\":%.3f,\"id.orig_h\":\"192.0.2.%d\",\"id.orig_p\":%d,\"id.resp_h\":\"203.0.113.9\",\"id.resp_p\":48101,\"proto\":\"tcp\",\"duration\":0.2,\"orig_bytes\":64,\"resp_bytes\":48,\"conn_state\":\"SF\",\"orig_pkts\":5,\"orig_ip_bytes\":330,\"resp_pkts\":4,\"resp_ip_bytes\":260}\n", 1775000000 + 60 * i + c * 3 + rand() * 0.3, c, 20000 + (i * 12 + c) % 40000
		for (i = 0; i < 6000; i++)
			printf "{\"ts\":%.3f,\"id.orig_h\":\"192.0.2.%d\",\"id.orig_p\":%d,\"id.resp_h\":\"198.51.100.%d\",\"id.resp_p\":443,\"proto\":\"tcp\",\"duration\":%.2f,\"orig_bytes\":%d,\"resp_bytes\":%d,\"conn_state\":\"SF\",\"orig_pkts\":20,\"orig_ip_bytes\":%d,\"resp_pkts\":60,\"resp_ip_bytes\":%d}\n", 1775000000 + rand() * 43200, 1 + rand() * 120, 20000 + i, 1 + rand() * 5, rand() * 60, b = 500 + rand() * 5000, d = 9000 + rand() * 90000, b + 800, d + 2400
	}'
}

setup_file() {
	export LOG=$BATS_FILE_TMPDIR/conn.log
	make_log >"$LOG"
}

lines() { noroshi flow detect --own 192.0.2.0/24 "$@" "$LOG" --all --json || [ $? -eq 1 ]; }
confidence() { jq -s 'map(select(.kind == "c2-server" and .port == 48101) | .confidence)[0] // 0'; }

@test "a line has the members that are promised, and a summary ends them" {
	lines >"$BATS_TEST_TMPDIR/out"
	jq -es 'map(select(.kind)) | length > 0 and all(has("subject") and has("port") and has("protocol")
		and (.confidence >= 0 and .confidence <= 1) and has("clients") and has("first_seen") and has("last_seen")
		and has("similar") and has("alarm")
		and (.reasons | all(has("code") and has("text_en") and has("text_ja") and has("value") and has("weight"))))' \
		"$BATS_TEST_TMPDIR/out"
	tail -n 1 "$BATS_TEST_TMPDIR/out" | jq -e '.summary.flows == 14640 and .summary.alarms_per_day == 20'
}

@test "lists and people move a verdict, both ways" {
	before=$(lines | confidence)
	echo '203.0.113.9:48101' >"$BATS_TEST_TMPDIR/list"
	listed=$(lines --known "$BATS_TEST_TMPDIR/list" | confidence)
	jq -ne "$listed > $before or $listed > 0.99"
	said='{"subject":"203.0.113.9","port":48101,"protocol":"tcp","verdict":'
	echo "$said\"confirmed\"}" >"$BATS_TEST_TMPDIR/feedback"
	jq -ne "$(lines --feedback "$BATS_TEST_TMPDIR/feedback" | confidence) > 0.9"
	echo "$said\"benign\"}" >>"$BATS_TEST_TMPDIR/feedback"
	jq -ne "$(lines --feedback "$BATS_TEST_TMPDIR/feedback" | confidence) < 0.05"
}

@test "clients of a confirmed server are told with it, and the budget holds" {
	echo '{"subject":"203.0.113.9","port":48101,"protocol":"tcp","verdict":"confirmed"}' >"$BATS_TEST_TMPDIR/feedback"
	lines --feedback "$BATS_TEST_TMPDIR/feedback" --alarms-per-day 1 >"$BATS_TEST_TMPDIR/out"
	jq -es 'map(select(.alarm)) | length == 1 and .[0].port == 48101' "$BATS_TEST_TMPDIR/out"
	jq -es 'map(select(.kind == "infected-host" and .follows and (.reasons | any(.code == "client-of-c2")))) | length == 12' \
		"$BATS_TEST_TMPDIR/out"
	lines --feedback "$BATS_TEST_TMPDIR/feedback" --alarms-per-day 0 | jq -es 'map(select(.alarm)) | length == 0'
}

@test "words for people, in their language" {
	echo '203.0.113.9:48101' >"$BATS_TEST_TMPDIR/list"
	noroshi flow detect --own 192.0.2.0/24 --known "$BATS_TEST_TMPDIR/list" "$LOG" >"$BATS_TEST_TMPDIR/en"
	grep -q 'known as a C&C server' "$BATS_TEST_TMPDIR/en"
	LC_ALL=ja_JP.UTF-8 noroshi flow detect --own 192.0.2.0/24 --known "$BATS_TEST_TMPDIR/list" "$LOG" >"$BATS_TEST_TMPDIR/ja"
	grep -q 'C&Cサーバーとして既知' "$BATS_TEST_TMPDIR/ja"
}

@test "what is wrong is refused, by name" {
	run -2 noroshi flow detect
	run -2 noroshi flow detect --archive "$BATS_TEST_TMPDIR" "$LOG"
	run -2 noroshi flow detect --from 2026-01-02 --to 2026-01-01 "$LOG"
	run -2 noroshi flow detect --calibration /nonexistent "$LOG"
	echo '{"version":1}' >"$BATS_TEST_TMPDIR/calibration"
	run -2 noroshi flow detect --calibration "$BATS_TEST_TMPDIR/calibration" "$LOG"
	[[ $output == *calibration:* ]]
	printf 'nonsense here\n192.0.2.1\n' >"$BATS_TEST_TMPDIR/list"
	run -3 noroshi flow detect --known "$BATS_TEST_TMPDIR/list" "$LOG"
	[[ $output == *'line 1'* ]]
	run -2 noroshi flow evaluate "$LOG"
	run -2 noroshi flow evaluate --truth "$LOG" "$LOG"
}

@test "nothing is found in nothing, and that is said" {
	: >"$BATS_TEST_TMPDIR/empty"
	head -n 1 "$LOG" >"$BATS_TEST_TMPDIR/one"
	run -1 noroshi flow detect "$BATS_TEST_TMPDIR/one"
	[[ $output == *'Nothing was found'* ]]
}

@test "verdicts of a file are evaluated as those of the run" {
	cat >"$BATS_TEST_TMPDIR/truth" <<-END
		{"world":"flows","seed":7,"first":"2026-03-31T00:00:00Z","last":"2026-04-01T00:00:00Z","scenes":{"servers":[
		{"address":"203.0.113.9","port":48101,"protocol":"tcp","kind":"c2-server","behaviour":"keepalive-fixed","sampling":1},
		{"address":"203.0.113.10","port":48101,"protocol":"tcp","kind":"c2-server","behaviour":"sleeper","sampling":1}],
		"hosts":[{"address":"192.0.2.1","kind":"infected-host","behaviour":"keepalive-fixed"}]}}
	END
	lines >"$BATS_TEST_TMPDIR/findings"
	noroshi flow evaluate --truth "$BATS_TEST_TMPDIR/truth" --findings "$BATS_TEST_TMPDIR/findings" --json >"$BATS_TEST_TMPDIR/a"
	noroshi flow evaluate --own 192.0.2.0/24 --truth "$BATS_TEST_TMPDIR/truth" "$LOG" --json >"$BATS_TEST_TMPDIR/b"
	equal "$(jq -c .kinds "$BATS_TEST_TMPDIR/a")" "$(jq -c .kinds "$BATS_TEST_TMPDIR/b")" kinds
	jq -e '.kinds["c2-server"] | .true + .missed == 2' "$BATS_TEST_TMPDIR/b"
}

@test "real captures: a scan of ports is a scanner" {
	folder=${NOROSHI_SHARED:-../shared}/data/flow/beacon
	[ -d "$folder" ] || skip 'skipped: no shared data'
	noroshi flow detect "$folder/portscan_vertical_conn.log" --json |
		jq -es 'map(select(.alarm)) | length == 1 and .[0].kind == "scanner" and .[0].subject == "192.168.1.9"'
	# one client that calls a dead server: first of all servers, near one half, by how busy the client looks
	noroshi flow detect "$folder/test18_conn.log.labeled" --json --all |
		jq -es 'map(select(.kind == "c2-server")) | .[0].subject == "66.63.168.35" and .[0].confidence > 0.4
			and .[0].confidence > 4 * (.[1].confidence // 0) and (.[0].reasons | any(.code == "dead-server"))'
	# four seconds of flows raise no alarm about a server
	noroshi flow detect "$folder/test1-malicious.nfdump" --json --all | jq -es 'map(select(.kind == "c2-server" and .alarm)) | length == 0'
}
