# SPDX-License-Identifier: Apache-2.0
# serve --watch in the watcher's name space. Store and state lie in $folder, which is nobody's: so the program becomes
# nobody. To be loaded after common.
load_keeper() {
	load_netns
	ip -n "$watcher" link set lo up
	folder=$(mktemp -d /dev/shm/noroshi-netns-XXXXXX)
	mkdir "$folder/state"
	chown -R nobody "$folder"
	chmod 755 "$folder"
	keeper=
}

remove_keeper() {
	[ -z "$keeper" ] || kill -KILL -- "-$keeper" 2>/dev/null || kill -KILL "$keeper" 2>/dev/null || true
	remove_netns
	umount -l "$folder/disk" 2>/dev/null || true
	rm -rf "$folder"
}

# serve OPTION...: in a process group of its own; answers when the sensor watches.
serve() {
	serve_only "$@"
	until_told 'event=watch ' 1
}

serve_only() {
	: >"$folder/told"
	set -m
	ip netns exec "$watcher" "${NOROSHI:?}" serve --watch rx0 --store "$folder/store" --state "$folder/state" \
		--memory 64M --ring 16M --listen 127.0.0.1:8480 "$@" >>"$folder/told" 2>&1 3>&- &
	keeper=$!
	set +m
}

# until_told WORDS COUNT: waits until that many lines of the log have the words; at most 20 s.
until_told() {
	local try
	for ((try = 0; try < 400; try++)); do
		[ "$(grep -c -- "$1" "$folder/told")" -ge "$2" ] && return 0
		sleep 0.05
	done
	echo "\"$1\" was not told $2 times, but:"
	cat "$folder/told"
	return 1
}

# The pid of the keeper's watching process, whichever it is now.
watching_process() {
	local nursery
	nursery=$(cat "/proc/$keeper/task/$keeper/children")
	cat "/proc/${nursery// /}/task/${nursery// /}/children" 2>/dev/null | tr -d ' '
}

# Ends the keeper in order; answers its status.
finish() {
	local status=0
	kill -TERM "$keeper"
	wait "$keeper" || status=$?
	keeper=
	return "$status"
}

# What the store has of the packets that send() sends.
stored() {
	"$NOROSHI" telescope report --store "$folder/store" --by port --json | jq '[.rows[].packets] | add // 0'
}

sql() { sqlite3 -readonly "$folder/store" "$1"; }

api() { ip netns exec "$watcher" curl -sS --max-time 10 "http://127.0.0.1:8480/api/v1/$1"; }

# Until the sensor has nothing left to read.
settle() { sleep 1.3; }
