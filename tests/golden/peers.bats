# SPDX-License-Identifier: Apache-2.0
# What users of other telescopes reported as defects, as tests of this one.
load common

day=86400

@test "one packet per day for 7, 30 and 400 days" {
	for days in 7 30 400; do
		for ((i = 0; i < days; i++)); do
			echo "$((1600000000 + i * day)) 198.51.100.7+$((i % 5)) 192.0.2.1+$((i % 200)) tcp S 40000 23"
		done | pcap "$BATS_TEST_TMPDIR/days.pcap"
		for workers in 1 2 3; do
			equal "$(json '[.packets, .sources.count, (.by_port | length), .by_port[0].packets]' \
				--workers $workers "$BATS_TEST_TMPDIR/days.pcap")" "[$days,5,1,$days]" "$days days, $workers workers"
		done
	done
}

@test "24 packets, one per hour: 24 hours in the store, whatever the number of workers" {
	for ((i = 0; i < 24; i++)); do
		echo "$((1600041600 + i * 3600 + 1800)) 198.51.100.7+$i 192.0.2.1 tcp S 40000 23"
	done | pcap "$BATS_TEST_TMPDIR/hours.pcap"
	for workers in 1 2 3 8; do
		rm -f "$BATS_TEST_TMPDIR"/hours.db*
		noroshi telescope read --workers $workers --store "$BATS_TEST_TMPDIR/hours.db" "$BATS_TEST_TMPDIR/hours.pcap" >/dev/null
		for ((i = 0; i < 24; i++)); do
			from=$((1600041600 + i * 3600))
			noroshi telescope report --store "$BATS_TEST_TMPDIR/hours.db" --json --from $from --to $((from + 3600))
		done | jq -s '[.[].rows[].packets] | "\(length)|\(add)|\(max)"' >"$BATS_TEST_TMPDIR/hours"
		equal "$(cat "$BATS_TEST_TMPDIR/hours")" '"24|24|1"' "$workers workers"
	done
}

@test "packets out of order within the slack are all in their own windows" {
	for i in 5 3 1 4 2 0 9 7 8 6; do
		echo "$((1600041600 + i * 60)).5 198.51.100.7+$i 192.0.2.1 tcp S 40000 23"
	done >"$BATS_TEST_TMPDIR/lines"
	pcap "$BATS_TEST_TMPDIR/shuffled.pcap" <"$BATS_TEST_TMPDIR/lines"
	sort "$BATS_TEST_TMPDIR/lines" | pcap "$BATS_TEST_TMPDIR/sorted.pcap"
	same='del(.inputs, .input)'
	equal "$(json "$same" "$BATS_TEST_TMPDIR/shuffled.pcap")" "$(json "$same" "$BATS_TEST_TMPDIR/sorted.pcap")"
}

@test "a packet that comes days late is counted and said to be late" {
	pcap "$BATS_TEST_TMPDIR/late.pcap" <<-E
		1600041600 198.51.100.7 192.0.2.1 tcp S 40000 23
		1600300800 198.51.100.8 192.0.2.1 tcp S 40000 23
		1600041601 198.51.100.9 192.0.2.1 tcp S 40000 23
	E
	equal "$(json '[.packets, .sources.count, .by_category.tcp_syn.packets, .late]' "$BATS_TEST_TMPDIR/late.pcap")" '[3,3,3,1]'
}

@test "RST with ACK is backscatter, and the answer of a closed port is not scanning" {
	pcap "$BATS_TEST_TMPDIR/rst.pcap" <<-E
		1600041600 198.51.100.7 192.0.2.1 tcp RA 80 40000
		1600041601 198.51.100.7 192.0.2.2 tcp R 80 40001
		1600041602 198.51.100.7 192.0.2.3 tcp SA 80 40002
	E
	equal "$(json '[.by_category.tcp_rst.packets, .by_category.tcp_syn_ack.packets, (.by_port | length)]' "$BATS_TEST_TMPDIR/rst.pcap")" '[2,1,0]'
}

# 25 packets, 60 s, 30 per 60 s window on the 10 s grid: each boundary from both sides
attack() { # PACKETS_IN_FIRST_WINDOW LAST_SECOND(.decimals)
	for ((i = 0; i < $1 - 1; i++)); do
		echo "1600041600.$(printf '%06d' $((i * 1000))) 198.51.100.7 192.0.2.1+$((i % 200)) tcp SA 80 $((1024 + i))"
	done
	echo "1600041630 198.51.100.7 192.0.2.9 tcp SA 80 999"
	echo "$2 198.51.100.7 192.0.2.8 tcp SA 80 998"
}

victims() {
	attack "$@" | pcap "$BATS_TEST_TMPDIR/attack.pcap"
	json '[.victims[] | [.address, .packets, .peak_60s]]' "$BATS_TEST_TMPDIR/attack.pcap"
}

@test "a victim on the thresholds, and just under them" {
	equal "$(victims 30 1600041660)" '[["198.51.100.7",31,30]]' "30 in a window, 60.0 s"
	equal "$(victims 29 1600041660)" '[]' "29 in a window"
	equal "$(victims 30 1600041659.999999)" '[]' "59.999999 s"
}

@test "many idle workers say the same as one" {
	echo "1600041600 198.51.100.7 192.0.2.1 tcp S 40000 23" | pcap "$BATS_TEST_TMPDIR/one.pcap"
	equal "$(json . --workers 64 "$BATS_TEST_TMPDIR/one.pcap" | md5sum)" "$(json . --workers 1 "$BATS_TEST_TMPDIR/one.pcap" | md5sum)"
}

@test "a flood of one-packet sources does not make scanners of them" {
	node -e 'for (let i = 0; i < 20000; i++) console.log(`${1600041600 + Math.floor(i / 100)}.${String(i % 100).padStart(6, "0")} ${1 + i % 200}.${i % 251}.${(i * 7) % 253}.${1 + i % 250} 192.0.2.1+${i % 200} tcp S ${1024 + i} 80 seq=${i * 104729 % 4294967296} id=${i * 31 % 65536}`)' | pcap "$BATS_TEST_TMPDIR/flood.pcap"
	equal "$(json '[.packets, (.research_scanners | length)]' "$BATS_TEST_TMPDIR/flood.pcap")" '[20000,0]'
}
