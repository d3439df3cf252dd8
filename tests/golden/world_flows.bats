# SPDX-License-Identifier: Apache-2.0
# The synthetic ISP: what collectors find in its exports, ours and others, is what its truth says.
load common
bats_require_minimum_version 1.5.0

# One world for all tests: $WORLD.pcap and its truth, $WORLD.json as read
setup_file() {
	export WORLD=$BATS_FILE_TMPDIR/flows
	noroshi world flows --seed 7 --flows 100000 --loss 1 --out "$WORLD.pcap" --mmdb "$WORLD.mmdb" >"$WORLD.out"
	noroshi flow read --json "$WORLD.pcap" >"$WORLD.json"
	tail -n 1 "$WORLD.json" | jq .summary >"$WORLD.summary"
}

truth() { jq -r "$1" "$WORLD.pcap.truth.json"; }

@test "the same seed gives the same bytes, another seed others" {
	noroshi world flows --seed 7 --flows 100000 --loss 1 --out "$BATS_TEST_TMPDIR/again.pcap"
	cmp "$WORLD.pcap" "$BATS_TEST_TMPDIR/again.pcap"
	cmp "$WORLD.pcap.truth.json" "$BATS_TEST_TMPDIR/again.pcap.truth.json"
	noroshi world flows --seed 8 --flows 100000 --loss 1 --out "$BATS_TEST_TMPDIR/other.pcap"
	if cmp -s "$WORLD.pcap" "$BATS_TEST_TMPDIR/other.pcap"; then false; fi
}

@test "about as many records as --flows says" {
	flows=$(truth '[.exporters[] | select(.name != "nat") | .records] | add')
	[ "$flows" -gt 80000 ] && [ "$flows" -lt 120000 ]
}

@test "records, loss, restarts and sampling of each exporter are the truth" {
	wrong=$(jq -r --slurpfile truths "$WORLD.pcap.truth.json" -f "$golden/flows_truth.jq" "$WORLD.summary")
	equal "wrong: $wrong" "wrong: "
}

@test "some of everything happened: loss, doubles, reordering, a reboot, each kind of export" {
	truth '[.exporters[].datagrams | [.lost, .doubled, .overtaken]] | transpose | map(add > 0) | all' | grep -qx true
	equal "$(truth '[.exporters[] | select(.clock.reboot).forgotten_flows > 0] | length')" 1
	equal "$(truth '[.exporters[].version] | unique | @csv')" 5,9,10,105
	equal "$(truth '[.exporters[].sampling] | [min, max] | @csv')" 1,10000
	equal "$(truth '[.exporters[].sequence] | unique | @csv')" '"datagrams","flows","records","self"'
}

@test "data that came before its templates is not lost" {
	equal "$(jq -c '.pending | [.sets, .bytes, .delivered > 0]' "$WORLD.summary")" '[0,0,true]'
}

# 34 and 36/37, whose active time is rounded up by the exporter, and those that are learnt
@test "timers that exporters tell are found" {
	equal "$(jq -c '[.exporters[] | select(.exporter == "192.0.2.3" or .exporter == "192.0.2.4") |
		[.active_timeout, .inactive_timeout, .active_timeout_from]]' "$WORLD.summary")" \
		'[[120,30,"options"],[90,60,"options"]]'
	equal "$(truth '.exporters[] | select(.name == "transit").active_timeout')" 120
}

# Relative error of a sum of n sampled packets: 1/sqrt(n); five of those, and 1 % for what a sum of sizes adds.
@test "what was sampled, times the rate, is what was" {
	wrong=$(truth '.exporters[] | select(.exported_packets > 0 and .packets > 0) |
		((.packets - .missed_packets) / .sampling - .forgotten_packets) as $expected |
		((.exported_packets - $expected) / $expected) as $error |
		(5 / ($expected | sqrt)) as $limit |
		select($error > $limit or $error < -$limit) | "\(.name): \($error) beyond \($limit)"')
	equal "wrong: $wrong" "wrong: "
}

@test "unsampled and without a reboot, every packet and byte is exported" {
	noroshi world flows --seed 3 --flows 30000 --duration 6h --sampling 1 --out "$BATS_TEST_TMPDIR/all.pcap"
	equal "$(jq -c '[.exporters[] | select(.name != "nat" and .name != "border") |
		.exported_packets == .packets and .exported_bytes == .bytes]' "$BATS_TEST_TMPDIR/all.pcap.truth.json" | tr -d '[]')" \
		true,true,true,true,true,true,true
}

@test "no record is longer than its exporter's active time, but by one packet's wait" {
	for name in edge core transit center access; do
		active=$(truth ".exporters[] | select(.name == \"$name\").active_timeout")
		address=$(truth ".exporters[] | select(.name == \"$name\").address")
		longest=$(jq -r "select(.exporter == \"$address\") | [.first, .last] | map(sub(\"\\\\.[0-9]+Z\"; \"Z\") | fromdate) |
			.[1] - .[0]" "$WORLD.json" | sort -n | tail -n 1)
		[ "$longest" -le $((active + 1)) ] || { echo "$name: $longest s"; false; }
	done
}

@test "networks and countries of the records are those of the database" {
	as=$(jq -r 'select(.exporter == "192.0.2.3" and .destination_port == 443) | .destination_as' "$WORLD.json" | sort -u |
		head -n 3)
	[ -n "$as" ]
	for number in $as; do
		truth '.networks[].as' | grep -qx "$number"
	done
}

# tshark looks into sampled packets, too, whose payload is not there, and does not wait for templates
@test "tshark finds the same datagrams and no malformed one" {
	command -v tshark >/dev/null || skip "no tshark"
	equal "$(tshark -r "$WORLD.pcap" -Y 'cflow || sflow' -T fields -e frame.number 2>/dev/null | wc -l)" \
		"$(truth '[.exporters[].datagrams.written] | add')"
	equal "malformed: $(tshark -r "$WORLD.pcap" -Y '_ws.malformed && !sflow && frame.time_relative > 41' -T fields -e frame.number 2>/dev/null | head -n 3)" \
		"malformed: "
}

# nfcapd reads all but sFlow; exporters come from addresses of their own
@test "nfcapd receives as many records from each exporter" {
	command -v nfcapd >/dev/null || skip "no nfcapd"
	mkdir "$BATS_TEST_TMPDIR/nf"
	nfcapd -b 127.0.0.1 -p 29987 -l "$BATS_TEST_TMPDIR/nf" -t 3600 -B 4000000 >/dev/null 2>&1 3>&- &
	pid=$!
	for _ in $(seq 50); do
		[ "$(grep -c ':7523 ' /proc/net/udp)" = 0 ] || break
		sleep 0.1
	done
	noroshi world flows --seed 7 --flows 20000 --out udp:127.0.0.1:29987 --truth "$BATS_TEST_TMPDIR/udp.json" --rate 20000
	drained 29987
	sleep 0.5
	kill -INT $pid
	wait $pid || true
	equal "$(nfdump -R "$BATS_TEST_TMPDIR/nf" -q -o "fmt:%ra" | tr -d ' ' | sort | uniq -c | awk '{ print $2, $1 }')" \
		"$(jq -r '.exporters | to_entries[] | select(.value.version != 105) |
			"127.1.0.\(.key + 1) \(.value.written.records)"' "$BATS_TEST_TMPDIR/udp.json")"
}

@test "made-up exports stay on this machine" {
	for target in 192.0.2.1:2055 '[2001:db8::1]:2055'; do
		run -2 noroshi world flows --out "udp:$target"
		one_line "$output" --anywhere "$target"
	done
	for target in 127.0.0.1 127.0.0.1:0 127.0.0.1:70000 localhost:2055 '[::1]'; do
		run -2 noroshi world flows --out "udp:$target"
		one_line "$output" udp:ADDRESS:PORT
	done
}

@test "what cannot be is said before anything is written" {
	run -2 noroshi world flows
	one_line "$output" --out
	run -2 noroshi world flows --duration 1m --out "$BATS_TEST_TMPDIR/x"
	one_line "$output" --duration
	run -2 noroshi world flows --out "$BATS_TEST_TMPDIR"
	one_line "$output" directory
	[ ! -e "$BATS_TEST_TMPDIR/x" ]
}
