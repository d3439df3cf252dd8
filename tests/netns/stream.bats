# SPDX-License-Identifier: Apache-2.0
# From a packet to a listener of the live stream and to a webhook: what is told, in which order, and how soon. Times are
# printed; only the order is asserted.
load common

setup() {
	load_netns
	ip -n "$watcher" link set lo up
	server=
	listener=
	state=$(mktemp -d /dev/shm/noroshi-netns-XXXXXX)
}

teardown() {
	[ -z "$listener" ] || kill "$listener" 2>/dev/null || true
	[ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
	remove_netns
	rm -rf "$state"
}

# serve OPTION...: a server that watches, and a node that listens to it; answers when the stream has begun.
serve() {
	ip netns exec "$watcher" node tests/netns/listener.mjs 127.0.0.1:8480 8481 >"$BATS_TEST_TMPDIR/events" 3>&- &
	listener=$!
	ip netns exec "$watcher" "${NOROSHI:?}" serve --watch rx0 --listen 127.0.0.1:8480 --user root --state "$state" \
		--store "$BATS_TEST_TMPDIR/live.db" "$@" >"$BATS_TEST_TMPDIR/served" 2>&1 3>&- &
	server=$!
	heard '.event == "pulse"' 1
}

# heard FILTER COUNT: waits until so many events match; at most 20 s.
heard() {
	local try
	for ((try = 0; try < 200; try++)); do
		[ "$(count "$1")" -ge "$2" ] && return 0
		kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	echo "no $2 events with $1 came; the server said:"
	cat "$BATS_TEST_TMPDIR/served"
	return 1
}

count() { jq -c "select($1) | 1" "$BATS_TEST_TMPDIR/events" 2>/dev/null | wc -l; }
sum() { jq -s "map(select($1) | $2) | add // 0" "$BATS_TEST_TMPDIR/events"; }

# milliseconds FILTER VALUE: how long, median and 99th percentile, as a comment of the test.
milliseconds() {
	jq -rs --arg what "$3" "map(select($1) | $2) | sort | if length == 0 then empty else
		\"# \(\$what): median \(.[length / 2 | floor] | round) ms, p99 \(.[length * 0.99 | floor] | round) ms, \(length) of them\" end" \
		"$BATS_TEST_TMPDIR/events" >&3
}

# RFC 3339 with microseconds -> ms
since='def ms: (.[0:19] + "Z" | fromdate) * 1000 + (.[20:26] | tonumber) / 1000;'

@test "every packet is in a pulse and stood for by a sample; nothing comes before hello" {
	serve --dark 198.18.0.0/16
	equal "$(send 4000 rate=1000 sources=300)" 4000 sent
	heard '.event == "pulse" and .data.day.packets == 4000' 1
	equal "$(head -n 2 "$BATS_TEST_TMPDIR/events" | jq -r .event | sort | tr '\n' ' ')" "hello listening "
	equal "$(jq -c 'select(.event == "hello") | .data.sensors[0] | [.sensor, .dark, .dark_size, .interface]' "$BATS_TEST_TMPDIR/events")" \
		'["telescope",["198.18.0.0/16"],65536,"rx0"]'
	equal "$(sum '.event == "pulse"' .data.packets)" 4000 "packets in pulses"
	equal "$(sum '.event == "pulse"' .data.categories.tcp_syn)" 4000 SYNs
	equal "$(sum '.event == "particles"' .data.of)" 4000 "packets that samples stand for"
	equal "$(jq -s 'map(select(.id)) | map(.id) | . == (sort | unique)' "$BATS_TEST_TMPDIR/events")" true "ids grow"
	equal "$(jq -s 'map(select(.event == "pulse" and .data.packets > 0)) | .[0].data.top[0] | [.protocol, .port, .class]' -c \
		"$BATS_TEST_TMPDIR/events")" '[6,23,"iot"]'
	milliseconds '.event == "particles"' "$since .at - (.data.time | ms) | . as \$age | . " 'packet to sample'
	milliseconds '.event == "pulse" and .data.packets > 0' "$since .at - (.data.time | ms)" 'oldest packet of a pulse to listener'
}

@test "an own host in the dark range is told to listeners and receivers, once" {
	serve --dark 198.18.0.0/16 --own 1.0.0.0/24 --webhook http://127.0.0.1:8481/
	equal "$(send 200 rate=20 sources=100)" 200 sent
	heard '.event == "webhook"' 100
	heard '.event == "finding"' 100
	sleep 1
	equal "$(count '.event == "webhook"')" 100 webhooks
	equal "$(jq -s 'map(select(.event == "webhook") | .data.finding.subject) | unique | length' "$BATS_TEST_TMPDIR/events")" 100 hosts
	equal "$(jq -s 'map(select(.event == "webhook")) | all(.id == .data.event and .data.finding.kind == "infected-host"
		and .data.finding.evidence.alert.change == "new"
		and .data.finding.evidence.sample.destination == "198.18.0.0/16")' "$BATS_TEST_TMPDIR/events")" true 'what they say'
	equal "$(jq -s 'map(select(.event == "webhook") | .id) | . == (sort | unique)' "$BATS_TEST_TMPDIR/events")" true "ids grow"
	milliseconds '.event == "finding" and .data.evidence.alert.change == "new"' "$since .at - (.data.first | ms)" 'packet to alert in the stream'
	milliseconds '.event == "webhook"' "$since .at - (.data.finding.first | ms)" 'packet to webhook'
	curl -s "http://127.0.0.1:8480/" >/dev/null 2>&1 && return 1 # the server is in its own name space
	equal "$(ip netns exec "$watcher" curl -s http://127.0.0.1:8480/api/v1/status | jq -c '.webhooks[0] | [.receiver, .delivered, .waiting]')" \
		'["http://127.0.0.1:8481",100,0]'
}

@test "a receiver that was away gets everything when it is back, and a server that was killed goes on" {
	serve --dark 198.18.0.0/16 --own 1.0.0.0/24 --webhook http://127.0.0.1:8482/
	equal "$(send 10 sources=10)" 10 sent
	heard '.event == "finding"' 10
	sleep 1.5 # the commit
	kill -KILL "$server"
	wait "$server" 2>/dev/null || true
	kill "$listener"
	equal "$(grep -c '^+ ' "$BATS_TEST_TMPDIR/live.db.webhooks")" 10 spooled
	ip netns exec "$watcher" node tests/netns/listener.mjs 127.0.0.1:8480 8482 >"$BATS_TEST_TMPDIR/events" 3>&- &
	listener=$!
	ip netns exec "$watcher" "${NOROSHI:?}" serve --watch rx0 --listen 127.0.0.1:8480 --user root --own 1.0.0.0/24 --state "$state" \
		--store "$BATS_TEST_TMPDIR/live.db" --webhook http://127.0.0.1:8482/ >"$BATS_TEST_TMPDIR/served" 2>&1 3>&- &
	server=$!
	heard '.event == "webhook"' 10
	equal "$(jq -s 'map(select(.event == "webhook") | .data.finding.subject) | unique | length' "$BATS_TEST_TMPDIR/events")" 10 hosts
}
