# SPDX-License-Identifier: Apache-2.0
# Scenes of the synthetic ISP: what its flows show of botnets and of benign beats is what the truth says.
load common
bats_require_minimum_version 1.5.0

# One world for all tests, without loss: $WORLD.pcap, its truth, and its flows as a file of nfdump
setup_file() {
	export WORLD=$BATS_FILE_TMPDIR/scenes
	noroshi world flows --seed 7 --flows 20000 --loss 0 --scenes few --out "$WORLD.pcap" >/dev/null
	noroshi flow read --quiet --nfdump "$WORLD.nfdump" "$WORLD.pcap" >/dev/null
}

truth() { jq -r "$1" "$WORLD.pcap.truth.json"; }
query() { noroshi flow query "$@"; }

@test "the same seed gives the same bytes; without --scenes there are none" {
	noroshi world flows --seed 7 --flows 20000 --loss 0 --scenes few --out "$BATS_TEST_TMPDIR/again.pcap" >/dev/null
	cmp "$WORLD.pcap" "$BATS_TEST_TMPDIR/again.pcap"
	cmp "$WORLD.pcap.truth.json" "$BATS_TEST_TMPDIR/again.pcap.truth.json"
	noroshi world flows --seed 7 --flows 20000 --duration 1h --out "$BATS_TEST_TMPDIR/without.pcap" >/dev/null
	equal "$(jq -c '[has("scenes"), any(.services[]; .name == "scenes")]' "$BATS_TEST_TMPDIR/without.pcap.truth.json")" '[false,false]'
}

@test "twelve behaviours of botnets, and more than forty benign ones" {
	equal "$(truth '[.scenes.servers[] | select(.kind == "c2-server").behaviour] | unique | @csv' | tr -d '"')" \
		dead-server,dns,fast-changing,http-polling,https-polling,irc,keepalive-fixed,keepalive-jittered,long-lived,p2p,push,sleeper
	[ "$(truth '[.scenes.servers[] | select(.kind == "benign").behaviour] | unique | length')" -ge 40 ]
	equal "$(truth '[.scenes.hosts[].kind] | unique | @csv' | tr -d '"')" ddos-source,ddos-victim,infected-host,scanner
}

# An exporter that sees everything: its records of each server, and who talked to it, are those of the truth
@test "records and clients of each server behind an unsampled exporter are the truth" {
	checked=0
	while read -r address port clients records; do
		answer=$(query "dst ip $address and dst port $port" "$WORLD.nfdump" --top 100000 by source --json |
			jq -r '.rows | length')
		equal "$address $port $answer" "$address $port $clients"
		answer=$(query "ip $address and port $port" "$WORLD.nfdump" --top 1 by protocol --json | jq -r .totals.flows)
		equal "$address $port $answer" "$address $port $records"
		checked=$((checked + 1))
	done < <(truth '.scenes.servers[] | select(.exporter == "192.0.2.7" and .protocol != "icmp") |
		"\(.address) \(.port) \(.client_count) \(.records)"')
	[ "$checked" -ge 20 ]
}

@test "beats have the period of the truth" {
	IFS=$'\t' read -r address port period < <(truth '[.scenes.servers[] |
		select(.kind == "c2-server" and .behaviour == "http-polling" and .sampling == 1)][0] | [.address, .port, .period] | @tsv')
	mean=$(noroshi flow read --json "$WORLD.pcap" | jq -n --arg a "$address" --argjson p "$port" '
		[inputs | select(.destination == $a and .destination_port == $p) |
			[.source, (.first | .[0:19] + "Z" | fromdate)]] | group_by(.[0]) | map(map(.[1]) | sort |
			[.[1:], .[:-1]] | transpose | map(.[0] - .[1])) | add | sort | .[(length / 2 | floor)]')
	awk -v m="$mean" -v p="$period" 'BEGIN { exit !(m > p * .98 && m < p * 1.02) }' || { echo "$mean, not $period"; false; }
}

@test "a dead server is tried three times, half a second apart, and sends nothing but resets" {
	IFS=$'\t' read -r address port < <(truth '[.scenes.servers[] | select(.behaviour == "dead-server" and .dead)][0] |
		[.address, .port] | @tsv')
	[ "$(query "src ip $address and flags R and not flags S" "$WORLD.nfdump" --top 1 by protocol --json | jq .totals.flows)" -gt 100 ]
	# of the gaps between a source's tries, two of three
	noroshi flow read --json "$WORLD.pcap" | jq -n --arg a "$address" --argjson p "$port" '
		[inputs | select(.destination == $a and .destination_port == $p) |
			[.source, (.first | (.[0:19] + "Z" | fromdate) + (.[19:26] | tonumber))]] | group_by(.[0]) |
		map(map(.[1]) | sort | [.[1:], .[:-1]] | transpose | map(.[0] - .[1])) | add |
		(map(select(. > .4 and . < .7)) | length) / length | . > .45 and . < .7' >"$BATS_TEST_TMPDIR/half"
	equal "$(<"$BATS_TEST_TMPDIR/half")" true
	equal "$(query "src ip $address and src port $port and not flags R" "$WORLD.nfdump" --top 1 by protocol --json | jq .totals.flows)" 0
}

@test "a changing botnet is at one server at a time; a sleeper comes late" {
	equal "$(truth '[.scenes.servers[] | select(.behaviour == "fast-changing")] | length')" 4
	truth '[.scenes.servers[] | select(.behaviour == "fast-changing").first | .[11:13]] | sort | join(" ")' | grep -qx "00 01 02 03"
	truth '[.scenes.servers[] | select(.behaviour == "sleeper").first | .[11:13] | tonumber >= 8] | all' | grep -qx true
}

@test "unsampled, every packet of the scenes is in a record, whatever timers cut" {
	noroshi world flows --seed 3 --flows 5000 --duration 3h --sampling 1 --scenes few --loss 0 --out "$BATS_TEST_TMPDIR/all.pcap" >/dev/null
	equal "$(jq -c '[.exporters[] | select(.name != "nat" and .name != "border") |
		.exported_packets == .packets and .exported_bytes == .bytes] | all' "$BATS_TEST_TMPDIR/all.pcap.truth.json")" true
	for name in edge core access; do
		active=$(jq -r ".exporters[] | select(.name == \"$name\").active_timeout" "$BATS_TEST_TMPDIR/all.pcap.truth.json")
		address=$(jq -r ".exporters[] | select(.name == \"$name\").address" "$BATS_TEST_TMPDIR/all.pcap.truth.json")
		longest=$(noroshi flow read --json "$BATS_TEST_TMPDIR/all.pcap" | jq -n --arg a "$address" '
			[inputs | select(.exporter == $a) | [.first, .last] | map(.[0:19] + "Z" | fromdate) | .[1] - .[0]] | max')
		[ "$longest" -le $((active + 1)) ] || { echo "$name: $longest s"; false; }
	done
}

@test "five carriers of one world: the same C&C servers, subscribers of their own" {
	for carrier in 1 2 3; do
		noroshi world flows --seed 7 --flows 2000 --duration 2h --scenes spread --carrier $carrier \
			--out "$BATS_TEST_TMPDIR/$carrier.pcap" >/dev/null
		jq -c '[.isp, [.scenes.servers[] | select(.kind == "c2-server") | "\(.address):\(.port)"],
			[.scenes.servers[] | select(.kind == "c2-server").clients[]]]' "$BATS_TEST_TMPDIR/$carrier.pcap.truth.json"
	done | jq -sc '[(map(.[0]) | unique | length),
		((.[0][1] - (.[0][1] - .[1][1])) as $both | [($both | length), ($both - .[2][1] | length)]),
		([.[][1] | length] | min),
		(.[0][2] - (.[0][2] - .[1][2]) | length)]' >"$BATS_TEST_TMPDIR/answer"
	equal "$(<"$BATS_TEST_TMPDIR/answer")" '[3,[30,0],45,0]'
}

@test "the background of profile sampled leaves records, and nothing else of it is played" {
	noroshi world flows --seed 7 --flows 2000 --duration 2h --scenes sampled --nulls 200 --bots 10 \
		--out "$BATS_TEST_TMPDIR/sampled.pcap" >/dev/null
	equal "$(jq -c '[.scenes.servers[] | select(.behaviour == "null")] |
		[(map(.sampling) | unique), (length > 200), all(.records > 0 and .kind == "benign" and (has("clients") | not))]' \
		"$BATS_TEST_TMPDIR/sampled.pcap.truth.json")" '[[1000,10000],true,true]'
}
