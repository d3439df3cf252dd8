# SPDX-License-Identifier: Apache-2.0
# Live capture: every packet is counted once or shown as lost, whatever happens to the interface and to the process.
load common

setup() { load_netns; }
teardown() { remove_netns; }

# counts SENT SOURCES: the report and the counters say the same.
counts() {
	equal "$(report .packets)" "$1" packets
	equal "$(report .sources.count)" "$2" sources
	equal "$(last .frames)" "$1" frames
	equal "$(last '.capture | [.received, .ring_dropped, .no_frame, .interrupted]')" "[$1,0,0,0]" "the kernel's counters"
}

@test "one worker counts every packet, and each source once" {
	watch
	equal "$(send 50000 rate=100000 sources=700)" 50000 sent
	until_quiet
	end
	counts 50000 700
	equal "$(report '[.bytes, .late, .by_port[0].port, .by_port[0].packets]')" "[3000000,0,23,50000]"
}

@test "two workers count the same; both have work" {
	watch --workers 2
	equal "$(send 50000 rate=100000 sources=700)" 50000 sent
	until_quiet
	end
	counts 50000 700
}

@test "IPv6, spread over three workers" {
	watch --workers 3
	equal "$(send 30000 rate=100000 sources=300 ipv6)" 30000 sent
	until_quiet
	end
	counts 30000 300
	equal "$(report .by_version.ipv6.sources)" 300
}

@test "VLAN tags: taken off by the kernel, counted in the bytes; two of them; IPv6 behind one" {
	watch --workers 2
	equal "$(send 1000 sources=50 vlan=5)" 1000 sent
	equal "$(send 1000 sources=50 vlan=5 qinq=7)" 1000 sent
	equal "$(send 1000 sources=40 vlan=5 ipv6)" 1000 sent
	until_quiet
	end
	counts 3000 90
	equal "$(report .bytes)" $((1000 * (60 + 62 + 78))) bytes
}

@test "only the dark range counts; the rest is named" {
	watch --dark 198.18.0.0/25
	equal "$(send 256)" 256 sent
	until_quiet
	end
	equal "$(report '[.packets, .dropped.not_dark]')" "[128,128]"
}

@test "a filter in the kernel; one that is wrong is refused with its reason" {
	local message status=0
	watch --filter 'dst net 198.18.0.0/25'
	equal "$(send 256)" 256 sent
	until_quiet
	end
	equal "$(report .packets)" 128
	equal "$(last .capture.filtered)" null "the kernel does not say how many"
	message=$(ip netns exec "$watcher" "$NOROSHI" telescope watch -i rx0 --filter 'dst nett 1' 2>&1) || status=$?
	equal "$status" 2 status
	one_line "$message" 'dst nett 1' 'pcap-filter(7)'
}

@test "an interface that is not there" {
	local message status=0
	message=$(ip netns exec "$watcher" "$NOROSHI" telescope watch -i nothing0 2>&1) || status=$?
	equal "$status" 2 status
	one_line "$message" nothing0 'ip link'
}

@test "beyond what a small ring holds, the shown loss is what was sent less what was counted" {
	local sent
	watch --ring 128K --workers 1
	kill -STOP "$watching" # a reader that cannot read loses for certain
	sent=$(send 20000)
	kill -CONT "$watching"
	sent=$((sent + $(send 20000 rate=50000)))
	until_quiet
	end
	[ "$(last .capture.ring_dropped)" -gt 0 ]
	equal "$(last '.frames + .capture.ring_dropped')" "$sent"
	equal "$(report .packets)" "$(last .frames)"
	grep -q '^noroshi: ring-full:' "$BATS_TEST_TMPDIR/told"
}

@test "the interface goes down and up: said, and counting goes on" {
	watch --workers 2
	equal "$(send 1000 sources=100)" 1000 sent
	until_quiet
	ip -n "$watcher" link set rx0 down
	until_line '.state == "down"' 1
	ip -n "$watcher" link set rx0 up
	until_line '.state == "up" and .capture.outages == 1' 1
	equal "$(send 1000 sources=100)" 1000 sent
	until_quiet
	end
	counts 2000 100
	grep -q '^noroshi: interface-down: .*rx0 is down' "$BATS_TEST_TMPDIR/told"
	grep -q '^noroshi: interface-down: .*rx0 was down' "$BATS_TEST_TMPDIR/told"
}

@test "the cable's other end goes down: no link" {
	watch
	ip -n "$sender" link set tx0 down
	until_line '.state == "no-carrier"' 1
	ip -n "$sender" link set tx0 up
	until_line '.state == "up"' 2
	end
	grep -q '^noroshi: interface-down: .*has no link' "$BATS_TEST_TMPDIR/told"
}

@test "the interface is renamed: watching goes on, and the new name is said" {
	watch
	equal "$(send 1000 sources=100)" 1000 sent
	until_quiet
	ip -n "$watcher" link set rx0 name mirror7 || {
		ip -n "$watcher" link set rx0 down # kernels before 6.0
		ip -n "$watcher" link set rx0 name mirror7
		ip -n "$watcher" link set mirror7 up
	}
	until_line '.interface == "mirror7" and .state == "up"' 1
	ip -n "$watcher" link add rx0 type veth peer name rx1 # another one of the old name is none of its business
	equal "$(send 1000 sources=100)" 1000 sent
	until_quiet
	end
	equal "$(report .packets)" 2000 packets
	grep -q 'interface rx0 was renamed to mirror7' "$BATS_TEST_TMPDIR/told"
}

@test "the interface is deleted: the report comes all the same, and the status says it" {
	local status=0
	watch
	equal "$(send 1000 sources=100)" 1000 sent
	until_quiet
	ip -n "$watcher" link del rx0
	wait "$watching" || status=$?
	watching=
	tail -n 1 "$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/report"
	equal "$status" 4 status
	equal "$(report .packets)" 1000 packets
	grep -q 'rx0 was deleted' "$BATS_TEST_TMPDIR/told"
}

@test "SIGTERM and SIGINT in the middle of a stream: a report of what was read" {
	local signal
	for signal in TERM INT; do
		watch
		send 200000 rate=100000 >"$BATS_TEST_TMPDIR/sent" &
		until_line '.frames > 1000' 1
		end "$signal"
		wait
		[ "$(report .packets)" -gt 1000 ]
		equal "$(report .packets)" "$(last .frames)" "packets in report and last line"
	done
}

@test "AF_XDP: counted once, two workers share what one queue brings; ARP still reaches the host" {
	watch --capture xdp --workers 2
	equal "$(last .way)" '"xdp"'
	equal "$(send 50000 rate=50000 sources=700)" 50000 sent
	equal "$(send 100 sources=40 ipv6 vlan=9)" 100 sent
	ip -n "$watcher" address add 192.0.2.2/24 dev rx0
	ip -n "$sender" address add 192.0.2.1/24 dev tx0
	ip netns exec "$sender" bash -c 'echo knock >/dev/udp/192.0.2.2/9' # IP is taken from the host
	for _ in 1 2 3 4 5; do
		ip -n "$sender" neigh show 192.0.2.2 | grep lladdr && break
		sleep 0.2
	done
	ip -n "$sender" neigh show 192.0.2.2 | grep -q lladdr
	until_quiet
	end
	equal "$(report .sources.count)" 741 sources
	equal "$(last '.capture | [.ring_dropped, .no_frame]')" '[0,0]'
	equal "$(last .frames)" "$(last .capture.received)"
	equal "$(last .frames)" 50101 # and the knock
}

@test "AF_XDP with a filter: what does not match is counted" {
	watch --capture xdp --filter 'dst net 198.18.0.0/25'
	equal "$(send 256)" 256 sent
	until_quiet
	end
	equal "$(report .packets)" 128
	equal "$(last .capture.filtered)" 128
}

@test "where AF_XDP is not to be had, one line says so and AF_PACKET is used" {
	ip netns exec "$watcher" ip link set lo up
	ip netns exec "$watcher" timeout -s TERM 3 "$NOROSHI" telescope watch -i lo --capture xdp --workers 2 --json \
		>"$BATS_TEST_TMPDIR/lines" 2>"$BATS_TEST_TMPDIR/told" || true
	if [ "$(last .way)" = '"packet"' ]; then
		equal "$(grep -c 'AF_PACKET is used' "$BATS_TEST_TMPDIR/told")" 1
	else
		equal "$(last .way)" '"xdp"'
	fi
}

@test "after the start: another user, no capability, a filter of system calls; a store in its owner's folder" {
	local folder=$BATS_TEST_TMPDIR/kept
	mkdir "$folder"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
	chown 12345:12345 "$folder"
	watch --store "$folder/my.db"
	equal "$(awk '$1 == "Uid:" { print $2 }' "/proc/$watching/status")" 12345 user
	equal "$(awk '$1 == "CapEff:" || $1 == "CapPrm:" { sum = sum $2 } END { print sum }' "/proc/$watching/status")" \
		"00000000000000000000000000000000" capabilities
	equal "$(awk '$1 == "Seccomp:" { print $2 }' "/proc/$watching/status")" 2 seccomp
	equal "$(send 1000 sources=100)" 1000 sent
	until_quiet
	end
	equal "$("$NOROSHI" telescope report --store "$folder/my.db" --by port --json | jq -c '[.rows[0] | .port, .packets]')" \
		'[23,1000]' "the store"
}

@test "an interface without Ethernet: packets begin with their IP header" {
	[ -e /dev/net/tun ] || skip "there is no /dev/net/tun"
	local go=$BATS_TEST_TMPDIR/go tun try
	ip netns exec "$watcher" python3 tests/netns/tun.py tun9 "$go" 3>&- &
	tun=$!
	for ((try = 0; try < 50; try++)); do
		ip -n "$watcher" link show tun9 up 2>/dev/null | grep -q tun9 && break
		sleep 0.1
	done
	interface=tun9 watch --workers 2
	: >"$go"
	until_line '.frames == 100' 1
	end
	kill "$tun"
	equal "$(report '[.packets, .bytes, .sources.count]')" '[100,4000,10]'
}
