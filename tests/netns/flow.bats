# SPDX-License-Identifier: Apache-2.0
# flow collect: a real exporter of Debian's, parsers that are killed, forged exporters, a full disk, what processes may do.
load common
load keeper

setup() {
	load_keeper
	flow_sender=${SENDER%/tests/*}/tests/bench/bench-flow-sender
	exporter=
}

teardown() {
	[ -z "$exporter" ] || kill -KILL "$exporter" 2>/dev/null || true
	remove_keeper
}

# flow collect OPTION...: its lines of JSON come to $folder/lines; answers when it listens.
collect() {
	: >"$folder/told"
	set -m
	ip netns exec "$watcher" "${NOROSHI:?}" flow collect --listen udp:127.0.0.1:2055 --json "$@" \
		>"$folder/lines" 2>>"$folder/told" 3>&- &
	keeper=$!
	set +m
	until_told 'event=listen ' 1
}

archive() { collect --archive "$folder/flows" --own 100.64.0.0/10 --flow-keys "$folder/keys" "$@"; }

parser() { watching_process; }

# All that was exported has left the kernel.
taken() { drained 2055 ip netns exec "$watcher"; }

summary() { jq -c "select(.summary) | .summary | $1" "$folder/lines"; }

# export SECONDS FLOWS_PER_SECOND EXPORTERS [RECORDS]: answers the flows that were sent.
export_flows() { ip netns exec "$watcher" "$flow_sender" 127.0.0.1:2055 "$@" | jq .flows; }

# meter VERSION [TRANSPORT]: softflowd looks at what comes out of the cable, until stop_meter, which makes it export.
meter() {
	ip netns exec "$watcher" softflowd -d -i rx0 -n "127.0.0.1:${3:-2055}" -v "$1" -P "${2:-udp}" \
		-c "$folder/control" -p "$folder/pid" >"$folder/meter" 2>&1 3>&- &
	exporter=$!
	sleep 1
}

# Makes it export everything; answers the packets that it had metered.
stop_meter() {
	local control=(softflowctl -c "$folder/control")
	"${control[@]}" statistics | sed -n 's/^Packets processed: //p'
	"${control[@]}" shutdown >/dev/null
	wait "$exporter" 2>/dev/null || true
	exporter=
}

# What it metered has arrived: all of it by that version.
arrived() { # VERSION METERED
	[ "$2" -gt 1000 ]
	equal "$(jq -s "[.[] | select(.version == $1) | .packets] | add" "$folder/lines")" "$2" "packets by version $1"
	equal "$(summary '[.dropped, .lost, .listener.undecoded, .listener.restarts]')" \
		'[{},{"kernel_datagrams":0,"queue_flows":0},0,0]'
}

@test "softflowd's NetFlow v5, v9 and IPFIX: every packet that it metered is in a flow" {
	command -v softflowd >/dev/null || skip "softflowd is not installed"
	local version
	for version in 5 9 10; do
		collect
		meter "$version"
		equal "$(send 5000 rate=10000 sources=100)" 5000 sent
		sleep 1
		stop_meter >"$folder/metered"
		taken
		finish
		arrived "$version" "$(cat "$folder/metered")"
	done
}

@test "IPFIX over TCP from softflowd; who connects and says nothing keeps nobody out" {
	command -v softflowd >/dev/null || skip "softflowd is not installed"
	collect --listen tcp:127.0.0.1:4739 --connections 2
	local i silent=()
	for i in 1 2 3 4; do
		ip netns exec "$watcher" bash -c 'exec 9<>/dev/tcp/127.0.0.1/4739; sleep 20' 3>&- &
		silent+=($!)
	done
	sleep 0.5
	meter 10 tcp 4739
	equal "$(send 3000 rate=10000 sources=100)" 3000 sent
	sleep 1
	stop_meter >"$folder/metered"
	sleep 1
	kill "${silent[@]}" 2>/dev/null || true
	finish
	arrived 10 "$(cat "$folder/metered")"
	equal "$(summary '.listener.connections')" 5 connections
}

@test "a parser that is killed: the kernel held what came, and the archive has every flow" {
	archive
	local sent sending first
	(export_flows 4 200000 8 >"$folder/sent") 3>&- &
	sending=$!
	sleep 1.5
	first=$(parser)
	kill -KILL "$first"
	until_told 'cause=crashed state=over' 1
	[ "$(parser)" != "$first" ]
	kill -KILL "$(parser)"
	until_told 'cause=crashed state=over' 2
	wait "$sending"
	taken
	finish
	sent=$(cat "$folder/sent")
	# a datagram that was being decoded dies with its process, and the keeper says how many there were
	local undecoded
	undecoded=$(summary '.listener.undecoded')
	[ "$undecoded" -le 128 ]
	[ "$(summary '.archive.flows')" -le "$sent" ]
	[ "$(summary '.archive.flows')" -ge $((sent - undecoded * 25)) ]
	equal "$(summary '[.listener.restarts, .listener.kernel_dropped, .listener.queue_dropped, .archive.refused, .dropped]')" \
		'[2,0,0,0,{}]'
	equal "$(jq -c 'select(.gap) | .gap.cause' "$folder/lines" | wc -l)" 2 gaps
}

@test "a start knows the templates of the run before" {
	archive
	equal "$(export_flows 0.2 1000 3)" "$(export_flows 0.2 1000 3)" "flows of two runs"
	finish
	[ -s "$folder/flows/exporters-0.state" ]
	archive
	finish
	equal "$(summary '[.exporters[] | .templates] | add')" 3 templates
}

@test "10,000 forged exporters stay within the memory, and each flow of theirs is counted" {
	archive --exporters-memory 64M
	local sent
	sent=$(export_flows 1 0 10000)
	equal "$sent" 250000 sent
	taken
	local resident
	resident=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$(parser)/status")
	[ "$resident" -lt $((512 * 1024)) ]
	finish
	equal "$(summary '.archive.flows + .listener.queue_dropped + .listener.kernel_dropped * 25')" "$sent" "kept and lost"
	[ "$(summary '.memory')" -le $((64 << 20)) ]
	equal "$(summary '.exporters | length')" 10000 exporters
}

@test "a full disk: the archive pauses and says so, counting goes on, and it resumes alone" {
	mkdir "$folder/disk"
	mount -t tmpfs -o size=3m none "$folder/disk"
	chown nobody "$folder/disk"
	collect --archive "$folder/disk/flows" --own 100.64.0.0/10 --flow-keys "$folder/keys"
	dd if=/dev/zero of="$folder/disk/filler" bs=4k count=4096 2>/dev/null || true
	local sent
	sent=$(export_flows 4 100000 4)
	until_told 'event=archive state=paused' 1
	rm "$folder/disk/filler"
	sent=$((sent + $(export_flows 2 10000 4)))
	until_told 'event=archive state=writing' 1
	taken
	finish
	equal "$(summary '.records')" "$sent" counted
	[ "$(summary '.archive.refused')" -gt 0 ]
	equal "$(summary '.archive.flows + .archive.refused')" "$sent" "kept and refused"
	equal "$(jq -r 'select(.gap) | .gap.cause' "$folder/lines")" archive-paused gap
}

@test "a parser has its sockets and nothing else, and no rights" {
	archive --listen tcp:127.0.0.1:4739
	sleep 0.5
	local process kinds
	process=$(parser)
	equal "$(sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$process/status")" 2 seccomp
	equal "$(sed -n 's/^NoNewPrivs:[[:space:]]*//p' "/proc/$process/status")" 1 no_new_privs
	equal "$(sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$process/status")" 0000000000000000 capabilities
	equal "$(sed -n 's/^Uid:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$process/status")" "$(id -u nobody)" user
	# descriptors from 3 on, but for those of the test itself: sockets, a pipe for its last words, events; no file
	kinds=$(find "/proc/$process/fd" -mindepth 1 -printf '%f %l\n' |
		awk '$1 > 2 && $2 !~ /bats|null/ { sub(/:.*/, "", $2); print $2 }' | sort -u)
	equal "$(tr '\n' ' ' <<<"$kinds")" "anon_inode pipe socket " descriptors
	finish
}

@test "serve receives flows: status, report, gap in the store" {
	: >"$folder/told"
	set -m
	ip netns exec "$watcher" "${NOROSHI:?}" serve --store "$folder/store" --listen 127.0.0.1:8480 \
		--flow-listen udp:127.0.0.1:2055 --flow-archive "$folder/flows" --flow-own 100.64.0.0/10 \
		--flow-keys "$folder/keys" >>"$folder/told" 2>&1 3>&- &
	keeper=$!
	set +m
	until_told 'event=watch ' 1
	local sent nursery
	sent=$(export_flows 2 20000 3)
	nursery=$(pgrep -P "$keeper" -x noroshi-nursery)
	kill -KILL "$(pgrep -P "$nursery")"
	until_told 'watched again' 1
	sent=$((sent + $(export_flows 1 20000 3)))
	sleep 1.5
	equal "$(api flow/collector | jq -c '[.records, .listener.restarts, (.exporters | length), .archive.state]')" \
		"[$sent,1,3,\"writing\"]"
	equal "$(api status | jq -c '[.flow.listener.flows, .flow.listener.sandbox_missing]')" "[$sent,null]"
	finish
	equal "$(sql "SELECT count(*) FROM sensor_gap WHERE sensor = 'flow' AND cause = 'crashed'")" 1 gaps
}
