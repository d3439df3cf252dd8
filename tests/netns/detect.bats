# SPDX-License-Identifier: Apache-2.0
# serve --flow-listen: C&C servers in flows as they arrive, over deaths of the server, feedback and erasure.
load common

setup() {
	load_netns
	ip -n "$watcher" link set lo up
	folder=$(mktemp -d /dev/shm/noroshi-detect-XXXXXX)
	pid=
	cd "$folder"
}

teardown() {
	[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
	remove_netns
	rm -rf "$folder"
}

inside() { ip netns exec "$watcher" "$@"; }

# Answers when it is ready.
serve() {
	local try
	: >said
	ip netns exec "$watcher" "${NOROSHI:?}" serve --store s.db --listen 127.0.0.1:8480 --flow-listen udp:127.0.0.1:2055 \
		--flow-archive flows --flow-own 7.192.0.0/12 --user root "$@" >said 2>told 3>&- &
	pid=$!
	for ((try = 0; try < 200; try++)); do
		grep -q http said && return 0
		sleep 0.1
	done
	cat told
	return 1
}

stop() {
	kill -"$1" "$pid"
	wait "$pid" 2>/dev/null || true
	pid=
}

# A day's first hours with botnets, as nine exporters tell of them.
send_world() {
	inside "$NOROSHI" world flows --scenes few --flows 20000 --start "$(date -u +%F)T00:00:00Z" --duration 10h \
		--out udp:127.0.0.1:2055 --rate 30000 --truth truth.json >/dev/null
}

ask() { inside curl -s "http://127.0.0.1:8480/api/v1/$1"; }

# until_answer PATH FILTER: the API says so; at most two minutes, which a loaded machine may need.
until_answer() {
	local try
	for ((try = 0; try < 240; try++)); do
		ask "$1" | jq -e "$2" >/dev/null && return 0
		sleep 0.5
	done
	ask "$1" | head -c 2000
	cat told
	return 1
}

# A look that began after all flows were in the tables, and its rows are in the store.
looked() {
	until_answer status '.flow.detect | .caught_up and .queue.flows == 0 and .flows > 100000 and .look.last != null'
	local last
	last=$(ask status | jq .flow.detect.look.last)
	until_answer status ".flow.detect.look.last > $last"
	until_answer 'flow/servers?purpose=c2-detection&limit=1' ".rows | length == 1 and .[0].looked > $last"
}

told() { ask 'findings?sense=flow&limit=1000' | jq -c '[.rows[] | [.kind, .subject, .first]] | sort'; }

@test "servers are ranked as they come; after a kill nothing is told twice and nothing is lost" {
	serve --flow-detect-every 5s
	send_world
	looked
	told >before
	[ "$(jq '[.[] | select(.[0] == "c2-server")] | length' before)" -ge 3 ]
	jq -c '[.scenes.servers[] | select(.kind == "c2-server") | .address]' truth.json >true
	[ "$(jq --slurpfile true true '[.[] | select(.[0] == "c2-server") | .[1]] | map(select(IN($true[0][]))) | length' before)" -ge 2 ]
	[ "$(ask status | jq '.flow.detect.alarms.today <= 20')" = true ]
	stop KILL
	serve --flow-detect-every 5s
	looked
	told >after
	equal "$(jq -c --slurpfile after after '. - $after[0]' before)" '[]' "findings that were lost"
	equal "$(jq 'group_by(.[:2]) | map(select(length > 1)) | length' after)" 0 "findings that were told twice"
	stop TERM
}

@test "clients of a server that a person confirms are marked, without a look" {
	serve --flow-detect-every 1h
	send_world
	until_answer status '.flow.detect.flows > 100000'
	jq -c '.scenes.servers[] | select(.kind == "c2-server" and .protocol == "tcp" and .client_count > 5)' truth.json |
		head -n 1 >server
	jq -c '{subject: .address, port, protocol, verdict: "confirmed", by: "a test"}' server >said
	inside curl -s http://127.0.0.1:8480/api/v1/flow/feedback -H 'Content-Type: application/json' -d @said >answer
	equal "$(jq -r .recorded.verdict answer)" confirmed
	send_world
	until_answer 'flow/hosts?purpose=c2-detection&kind=infected-host&limit=1000' \
		'[.rows[] | select(.reasons[0].code == "confirmed-server" and (.address | startswith("100::")))] | length > 3'
	equal "$(ask status | jq .flow.detect.marks.let_go)" 0
	stop TERM
}

@test "who erases flows erases the rows of their clients: no byte stays in the store" {
	serve --flow-detect-every 5s
	send_world
	looked
	ask 'flow/hosts?purpose=c2-detection&kind=infected-host&limit=1000' | jq -r '.rows[].address' >clients
	ask "findings?sense=flow&kind=infected-host&limit=1000" | jq -r '.rows[].subject' >>clients
	[ "$(grep -c ^100:: clients)" -gt 5 ]
	stop TERM
	"$NOROSHI" flow erase --archive flows --before "$(date -u -d '1 hour' +%FT%TZ)" --reason "a test" >/dev/null
	serve --flow-detect-every 1h
	until_answer 'flow/hosts?purpose=c2-detection' '.rows == []'
	stop TERM
	python3 - s.db clients <<'PYTHON'
import ipaddress, os, sys
store = b"".join(open(sys.argv[1] + end, "rb").read() for end in ("", "-wal") if os.path.exists(sys.argv[1] + end))
for client in {line for line in open(sys.argv[2]).read().split() if line.startswith("100::")}:
    assert client.encode() not in store, client
    assert ipaddress.ip_address(client).packed not in store, client
PYTHON
}
