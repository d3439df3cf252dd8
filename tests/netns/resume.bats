# SPDX-License-Identifier: Apache-2.0
# Reloads, deaths and an interface that comes back: none costs a packet that the kernel delivered.
load common
load keeper

setup() { load_keeper; }
teardown() { remove_keeper; }

@test "a reload under load loses nothing; what is wrong is refused and changes nothing" {
	printf 'telescope:\n  dark: [198.18.0.0/16]\n' >"$folder/conf.yaml"
	serve --config "$folder/conf.yaml"
	send 60000 rate=15000 sources=500 >"$folder/sent" &
	local sending=$! i
	for i in 1 2 3 4 5; do
		sleep 0.5
		kill -HUP "$keeper"
		until_told 'event=watch ' $((i + 1))
	done
	printf 'telescope:\n  darkk: [198.18.0.0/16]\n' >"$folder/conf.yaml"
	kill -HUP "$keeper"
	until_told 'state=refused' 1
	grep -q 'conf.yaml:2:3: darkk: no such key' "$folder/told"
	printf 'telescope:\n  dark: [198.18.0.0/16]\n  workers: 2\n' >"$folder/conf.yaml"
	kill -HUP "$keeper"
	until_told 'this needs a restart' 1
	wait $sending
	settle
	finish
	equal "$(stored)" "$(cat "$folder/sent")" packets
	equal "$(sql "SELECT group_concat(cause) FROM sensor_gap")" stopped
}

@test "a reload changes the dark range, for the store and for who listens" {
	printf 'telescope:\n  dark: [198.18.0.0/16]\n' >"$folder/conf.yaml"
	serve --config "$folder/conf.yaml"
	equal "$(send 256)" 256 sent
	settle
	printf 'telescope:\n  dark: [198.18.0.0/25]\n' >"$folder/conf.yaml"
	kill -HUP "$keeper"
	until_told 'event=watch ' 2
	equal "$(send 256)" 256 sent
	settle
	equal "$(api live | head -c 2000 | sed -n 's/^data: \(.*"dark".*\)/\1/p' | head -n 1 | jq -c '.sensors[0].dark')" \
		'["198.18.0.0/25"]'
	finish
	equal "$(stored)" 384 packets
}

@test "the process that reads is killed under load: what it lost is what the gaps say" {
	serve
	send 60000 rate=15000 sources=500 >"$folder/sent" &
	local sending=$! i
	for i in 1 2 3; do
		sleep 0.6
		kill -KILL "$(watching_process)"
		until_told 'event=watch ' $((i + 1))
	done
	wait $sending
	settle
	finish
	local lost
	lost=$(sql "SELECT sum(packets) FROM sensor_gap")
	equal $(($(stored) + lost)) "$(cat "$folder/sent")" "packets and lost ones"
	[ "$lost" -le 192 ] # three times what is read at once
	equal "$(sql "SELECT count(*) FROM sensor_gap WHERE cause = 'crashed' AND last < 9000000000000000000")" 3
}

@test "an interface that is renamed is followed, by the next process too, and the status has its name" {
	serve
	equal "$(send 1000)" 1000 sent
	settle
	ip -n "$watcher" link set rx0 down
	ip -n "$watcher" link set rx0 name mirror7
	ip -n "$watcher" link set mirror7 up
	until_told 'event=rename sensor=telescope interface=rx0 name=mirror7' 1
	equal "$(api status | jq -c '.live[0].interface')" '"mirror7"'
	kill -KILL "$(watching_process)"
	until_told 'event=watch sensor=telescope interface=mirror7' 1
	until_up "$watcher" mirror7
	equal "$(send 500)" 500 sent
	settle
	finish
	equal "$(stored)" 1500 packets
	! grep -q 'was deleted' "$folder/told"
}

@test "an interface that is deleted ends it, with its counts kept for the next start" {
	serve
	equal "$(send 1000)" 1000 sent
	settle
	local status=0
	ip -n "$watcher" link del rx0
	wait "$keeper" || status=$?
	keeper=
	equal "$status" 4 status
	grep -q 'interface rx0 was deleted; when it is there again' "$folder/told"
	[ -n "$(ls "$folder/state")" ]
	cable
	serve
	equal "$(send 500)" 500 sent
	settle
	finish
	equal "$(stored)" 1500 packets
}


@test "after an orderly end the store has everything, and the next start goes on counting" {
	serve
	equal "$(send 1000 sources=100)" 1000 sent
	settle
	finish
	equal "$(stored)" 1000 packets
	serve
	equal "$(send 500 sources=150)" 500 sent
	settle
	finish
	equal "$(stored)" 1500 packets
	equal "$("$NOROSHI" telescope report --store "$folder/store" --by port --json | jq -c '[.rows[].sources]')" '[150]'
	equal "$(sql "SELECT cause, last < 9000000000000000000 FROM sensor_gap ORDER BY first" | tr '\n' ' ')" \
		'stopped|1 stopped|0 '
}

@test "counts of other settings are not taken over, and that is said" {
	serve
	equal "$(send 1000)" 1000 sent
	settle
	finish
	serve --memory 65M --workers 2
	settle
	finish
	equal "$(sql "SELECT count(*) FROM sensor_gap WHERE cause = 'state-discarded' AND text_en LIKE '%other settings%'")" 1
	serve --memory 65M
	settle
	finish
	equal "$(ls "$folder/state" | wc -l)" 1 "files in the state's folder"
}

discarded() { # WORDS: how many gaps say so
	sql "SELECT count(*) FROM sensor_gap WHERE cause = 'state-discarded' AND text_en LIKE '%$1%'"
}

@test "an orderly end hands everything over: starts with other settings add to it" {
	serve
	equal "$(send 1000 sources=100)" 1000 sent
	settle
	finish
	serve --memory 65M
	equal "$(send 500 sources=150)" 500 sent
	settle
	finish
	equal "$(stored)" 1500 packets
	equal "$(discarded 'other settings%All of them had been stored')" 1
	serve --workers 2
	equal "$(send 200 sources=10)" 200 sent
	settle
	finish
	equal "$(stored)" 1700 packets
	equal "$(discarded 'other settings%All of them had been stored')" 2
	# the same sources in all of them: by sketches
	equal "$("$NOROSHI" telescope report --store "$folder/store" --by port --json |
		jq -c '[.rows[] | [.sources, .sources_error > 0]]')" '[[150,true]]'
	# and each goes on with its own
	serve --workers 2
	equal "$(send 300 sources=10)" 300 sent
	settle
	finish
	equal "$(stored)" 2000 packets
}

@test "a state that is gone after kill -9 costs what had not been stored, and no more" {
	serve
	equal "$(send 1000)" 1000 sent
	settle
	finish
	serve
	equal "$(send 300)" 300 sent
	settle
	kill -KILL -- "-$keeper"
	wait "$keeper" || true
	rm "$folder"/state/noroshi-*
	serve
	equal "$(send 200)" 200 sent
	settle
	equal "$(stored)" 1000 "packets before a row is written"
	finish
	equal "$(stored)" 1200 packets
	equal "$(discarded 'are gone%is lost')" 1
}

@test "the process that stores the last counts is killed: no orderly end, and nothing is lost" {
	serve
	equal "$(send 1000)" 1000 sent
	settle
	local nursery reading finishing= try status=0
	nursery=$(cat "/proc/$keeper/task/$keeper/children")
	nursery=${nursery// /}
	reading=$(watching_process)
	# nobody follows the one that reads before it has ended, and it cannot end before the keeper is held; who follows
	# waits for the keeper's answer, which does not come
	kill -STOP "$reading"
	kill -TERM "$keeper"
	until_told 'event=stop ' 1
	kill -STOP "$keeper"
	kill -CONT "$reading"
	for ((try = 0; try < 100 && !finishing; try++)); do
		sleep 0.1
		finishing=$(grep -l noroshi-finish $(sed 's,[0-9]\+,/proc/&/comm,g' "/proc/$nursery/task/$nursery/children") | cut -d/ -f3)
	done
	kill -KILL "$finishing"
	kill -CONT "$keeper"
	wait "$keeper" || status=$?
	keeper=
	equal "$status" 4 status
	grep -q 'the process that stores the last counts was killed' "$folder/told"
	equal "$(sql "SELECT count(*) FROM sensor_gap WHERE cause = 'stopped' AND last > 9000000000000000000
		AND text_en LIKE '%could not all be stored%'")" 1
	serve
	settle
	finish
	equal "$(stored)" 1000 packets
	equal "$(sql "SELECT count(*) FROM sensor_gap WHERE cause = 'stopped' AND last < 9000000000000000000")" 1
}

@test "a database that is written over, not beside, takes nothing away" {
	"$NOROSHI" world darknet --seed 1 --packets 20000 --mmdb "$folder/world.mmdb" --out "$folder/world.pcap" >/dev/null
	chmod 644 "$folder/world.mmdb"
	serve --mmdb "$folder/world.mmdb"
	equal "$(send 1000 sources=100)" 1000 sent
	settle
	: >"$folder/world.mmdb"
	equal "$(send 1000 sources=1000)" 1000 sent
	settle
	finish
	equal "$(stored)" 2000 packets
	equal "$(sql "SELECT group_concat(cause) FROM sensor_gap")" stopped
}
