# SPDX-License-Identifier: Apache-2.0
# kill -9 at random moments, of the process that reads, of the keeper, or of all; then the same command again. Beside the
# time in which nothing ran, at most a tenth of a second of packets is lost each time (one second is promised), and the
# store is sound. NOROSHI_KILLS=200 for the bench.
load common
load keeper

setup() { load_keeper; }
teardown() { remove_keeper; }

rate=4000

microseconds() { echo "${EPOCHREALTIME/./}"; }

# Answers how long nothing ran, us: from the kill until the server listens, for which the rings are open already.
kill_one() {
	local from until
	from=$(microseconds)
	case $1 in
	0)
		kill -KILL "$(watching_process)" 2>/dev/null || true
		return
		;;
	1) kill -KILL "$keeper" ;;
	2) kill -KILL -- "-$keeper" ;;
	esac
	wait "$keeper" 2>/dev/null || true
	serve_only
	until_told 'event=listen ' 1
	until=$(microseconds)
	down=$((down + until - from))
}

@test "kill -9 at random moments: at most one second is lost, the store is never damaged" {
	local kills=${NOROSHI_KILLS:-20} i sending sent down=0 counted
	RANDOM=42
	serve
	for ((i = 0; i < kills; i++)); do
		send $rate rate=$rate sources=300 >>"$folder/sent" &
		sending=$!
		sleep "0.$((RANDOM % 9))$((RANDOM % 10))"
		kill_one $((RANDOM % 3))
		wait "$sending"
	done
	until_told 'event=watch ' 1
	settle
	finish
	sent=$(awk '{ s += $1 } END { print s }' "$folder/sent")
	counted=$(stored)
	echo "# $kills kills: $counted of $sent packets counted; nothing ran for $((down / 1000)) ms, $((rate * down / 1000000)) packets" >&3
	[ "$counted" -le "$sent" ]
	[ $((sent - counted)) -le $((rate * (down / 1000 + kills * 100) / 1000)) ]
	equal "$(sql "PRAGMA integrity_check")" ok
	equal "$(sql "SELECT count(*) FROM sensor_gap WHERE cause = 'state-discarded'")" 0
	[ "$(sql "SELECT count(*) FROM sensor_gap WHERE cause = 'stopped'")" -gt 1 ]
}
