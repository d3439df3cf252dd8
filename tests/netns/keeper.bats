# SPDX-License-Identifier: Apache-2.0
# serve --watch: what its processes may do, what becomes of packets when the disk is full, what is said at the start.
load common
load keeper

setup() { load_keeper; }
teardown() { remove_keeper; }

field() { sed -n "s/^$1:[[:space:]]*\([^[:space:]]*\).*/\1/p" "/proc/$2/status"; }

# Who reads packets or answers requests is nobody, with nothing that root can, behind a filter of system calls.
confined() { # PID SECCOMP
	equal "$(field Uid "$1")" "$(id -u nobody)" user
	equal "$(field CapEff "$1")" 0000000000000000 capabilities
	equal "$(field CapPrm "$1")" 0000000000000000 "permitted capabilities"
	equal "$(field NoNewPrivs "$1")" 1 no_new_privs
	equal "$(field Seccomp "$1")" "$2" seccomp
}

@test "packets come to the store; processes have no rights; only counts are left behind" {
	serve
	local nursery
	nursery=$(cat "/proc/$keeper/task/$keeper/children")
	confined "$keeper" 2
	confined "${nursery// /}" 0
	confined "$(watching_process)" 2
	equal "$(send 5000 rate=10000 sources=100)" 5000 sent
	settle
	equal "$(api status | jq -c '.live[0] | [.sensor, .interface, .state, .sandbox_missing]')" '["telescope","rx0","running",null]'
	finish
	equal "$(stored)" 5000 packets
	equal "$(ls "$folder/state" | wc -l)" 1 "files in the state's folder: one of the worker, none of what is stored"
	equal "$(sql "SELECT cause FROM sensor_gap")" stopped
	equal "$(sql "PRAGMA integrity_check")" ok
}

@test "a kernel without Landlock: the log and the status say it, and the rest holds" {
	printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "${SENDER%/*}/netns-lacking" "$NOROSHI" >"$folder/noroshi"
	chmod 755 "$folder/noroshi"
	NOROSHI=$folder/noroshi serve
	until_told 'event=sandbox process=server missing=Landlock' 1
	until_told 'event=sandbox sensor=telescope missing=Landlock' 1
	equal "$(api status | jq -c '[.sandbox_missing, .live[0].sandbox_missing]')" '["Landlock","Landlock"]'
	confined "$keeper" 2
	confined "$(watching_process)" 2
	finish
}

@test "a full disk: rows wait, and come when there is room" {
	mkdir "$folder/disk"
	mount -t tmpfs -o size=4m none "$folder/disk"
	chown nobody "$folder/disk"
	serve_only --store "$folder/disk/store"
	until_told 'event=watch ' 1
	dd if=/dev/zero of="$folder/disk/filler" bs=4k count=4096 2>/dev/null || true
	kill -KILL "$(watching_process)" # that is written down, or would be
	until_told 'disk is full' 1
	until_told 'event=start ' 2
	kill -KILL "$(watching_process)" # while nothing can be stored
	until_told 'event=death ' 1
	rm "$folder/disk/filler"
	equal "$(send 1000)" 1000 sent
	sleep 11
	settle
	finish
	equal "$("$NOROSHI" telescope report --store "$folder/disk/store" --by port --json | jq '[.rows[].packets] | add')" 1000
	equal "$(sqlite3 "$folder/disk/store" "PRAGMA integrity_check")" ok
	! grep -q event=relay "$folder/told"
}

@test "what is wrong is said at the start, in one line" {
	local message status
	wrong() { # STATUS WORD... -- OPTION...
		local wanted=$1 words=()
		shift
		while [ "$1" != -- ]; do words+=("$1"); shift; done
		shift
		status=0
		message=$(ip netns exec "$watcher" "$NOROSHI" serve --listen 127.0.0.1:8480 --store "$folder/store" "$@" 2>&1) ||
			status=$?
		equal "$status" "$wanted" "status of $*"
		one_line "$message" "${words[@]}"
	}
	wrong 4 nothing0 'ip link' -- --watch nothing0
	wrong 4 'no such user' -- --watch rx0 --user no-such-user
	wrong 4 'MB free' --memory -- --watch rx0 --state "$folder/state" --memory 900G
	wrong 4 'memory file system' /dev/shm -- --watch rx0 --state /sys --memory 64M
	mkdir "$folder/disk"
	mount -t tmpfs -o size=90m,mode=1777 none "$folder/disk" # 64 MiB and 32 are promised
	wrong 4 '90 MB free' '96 MB' 'remount,size' --state -- --watch rx0 --state "$folder/disk" --memory 64M
	mount -o remount,size=97m "$folder/disk"
	serve_only --state "$folder/disk"
	until_told 'event=watch ' 1
	finish
	chown -R root "$folder"
	wrong 4 'chown nobody' -- --watch rx0
	wrong 4 'no such user' -- --watch rx0 --user no-such-user
	wrong 4 chown -- --watch rx0 --user daemon
	serve_only --user root
	until_told 'event=watch ' 1
	equal "$(field CapEff "$keeper")" 0000000000000000 "capabilities of root"
	finish
}
