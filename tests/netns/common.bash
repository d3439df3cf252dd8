# SPDX-License-Identifier: Apache-2.0
# Two name spaces with a cable between them: what is sent out of $sender/tx0 comes into $watcher/rx0. Nothing else
# speaks there.
. "${BASH_SOURCE[0]%/*}/../common.bash"

load_netns() {
	sender=noroshi-a-$BATS_TEST_NUMBER-$$ watcher=noroshi-b-$BATS_TEST_NUMBER-$$
	ip netns add "$sender"
	ip netns add "$watcher"
	cable
	watching=
}

cable() {
	local name
	ip link add tx0 netns "$sender" type veth peer name rx0 netns "$watcher"
	for name in "$sender" "$watcher"; do
		ip netns exec "$name" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	done
	ip -n "$sender" link set tx0 up
	ip -n "$watcher" link set rx0 up
	until_up "$sender" tx0
	until_up "$watcher" rx0
}

# The kernel tells of a link some moments after it is there; a watch that begins before would rightly tell of a gap.
until_up() { # NAMESPACE INTERFACE
	local try
	for ((try = 0; try < 100; try++)); do
		[ "$(ip -n "$1" -j link show "$2" | jq -r '.[0].operstate')" = UP ] && return 0
		sleep 0.05
	done
	echo "$2 of $1 does not come up"
	return 1
}

remove_netns() {
	[ -z "$watching" ] || kill -KILL "$watching" 2>/dev/null || true
	ip netns del "$sender"
	ip netns del "$watcher"
}

# Starts a watch with these options; answers when it is ready. Lines of JSON come to $BATS_TEST_TMPDIR/lines, what is
# told to people to .../told.
watch() {
	ip netns exec "$watcher" "${NOROSHI:?}" telescope watch --interface "${interface:-rx0}" --json "$@" \
		>"$BATS_TEST_TMPDIR/lines" 2>"$BATS_TEST_TMPDIR/told" 3>&- &
	watching=$!
	until_line '.type == "pulse"' 1
}

# until_line FILTER COUNT: waits until that many lines of JSON match; at most 20 s.
until_line() {
	local try
	for ((try = 0; try < 200; try++)); do
		[ "$(jq -c "select($1)" "$BATS_TEST_TMPDIR/lines" 2>/dev/null | wc -l)" -ge "$2" ] && return 0
		kill -0 "$watching" 2>/dev/null || break
		sleep 0.1
	done
	echo "no $2 lines with $1 came; the watch said:"
	cat "$BATS_TEST_TMPDIR/told"
	return 1
}

# Waits until all packets that the kernel counts have been read and nothing more comes.
until_quiet() {
	local before=-1 now try
	for ((try = 0; try < 60; try++)); do
		now=$(last '.frames')
		[ "$now" = "$before" ] && return 0
		before=$now
		sleep 1.1
	done
	return 1
}

last() { jq -c "select(.type == \"pulse\") | $1" "$BATS_TEST_TMPDIR/lines" | tail -n 1; }

# Ends the watch in order; its report is then in .../report.
end() {
	local status=0
	kill -"${1:-TERM}" "$watching"
	wait "$watching" || status=$?
	watching=
	tail -n 1 "$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/report"
	return "$status"
}

report() { jq -c "$1" "$BATS_TEST_TMPDIR/report"; }

# send PACKETS ...: answers how many the kernel took.
send() { ip netns exec "$sender" "${SENDER:?}" tx0 "$@" | jq .sent; }
