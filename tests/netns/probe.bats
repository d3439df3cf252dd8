# SPDX-License-Identifier: Apache-2.0
# flow probe: servers of every kind in a name space without a way out. What was sent is what they received; connections
# are counted where they arrive.
. "$BATS_TEST_DIRNAME/../common.bash"

here=$BATS_TEST_DIRNAME

setup() {
	space=noroshi-probe-$BATS_TEST_NUMBER-$$ folder=$BATS_TEST_TMPDIR pids=()
	ip netns add "$space"
	ip -n "$space" link set lo up
	ip -n "$space" address add 10.9.0.0/16 dev lo
	noroshi key note alice --out "$folder/alice.key" >/dev/null
	noroshi key note bob --out "$folder/bob.key" >/dev/null
	allow 'classes private' 'target 10.9.0.0/16'
	approve alice
}

teardown() {
	local pid
	for pid in "${pids[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	ip netns del "$space"
}

noroshi() { "${NOROSHI:?}" "$@"; }

inside() { ip netns exec "$space" "$@"; }

allow() { # LINE...
	{
		printf '%s\n' 'noroshi probe v1' 'who The desk' 'purpose a test' "from $(date -u -d "${from:--1 hour}" +%FT%TZ)" \
			"until $(date -u -d "${until:-1 hour}" +%FT%TZ)"
		printf '%s\n' "$@"
	} >"$folder/allow"
}

approve() { noroshi flow probe --approve "$folder/allow" --sign "$folder/$1.key" >/dev/null; }

servers() { # NAME=ADDRESS...
	ip netns exec "$space" python3 "$here/probe_servers.py" "$folder/log" "$@" >"$folder/ready" 3>&- &
	pids+=($!)
	until_true grep -q ready "$folder/ready"
}

until_true() {
	local try
	for ((try = 0; try < 200; try++)); do
		"$@" && return 0
		sleep 0.1
	done
	echo "never: $*"
	return 1
}

certificate() { # what a server may show
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$folder/key" -out "$folder/certificate" -days 5000 -subj "/O=Example/CN=${1:-c2}" \
		-addext 'subjectAltName=DNS:a.example,IP:10.9.0.9' 2>/dev/null
	cat "$folder/certificate" "$folder/key" >"$folder/both"
	export CERTIFICATE=$folder/both
}

stack() { # ADDRESS OPTION...: openssl as a server
	local address=$1
	shift
	ip netns exec "$space" openssl s_server -accept "$address:4000" -cert "$folder/certificate" -key "$folder/key" -www "$@" >/dev/null 2>&1 3>&- &
	pids+=($!)
	until_true listens "$address"
}

listens() { inside ss -Hltn "src $1:4000" | grep -q .; }

state() { echo "${state:-$folder/state}"; }

# run OPTION... SERVER...: what is due; JSON lines in $folder/lines.
run_probe() {
	inside "${NOROSHI:?}" flow probe --allow "$folder/allow" --authority "$folder/alice.key.vkey" --state "$(state)" --once --rate 10 --json "$@" \
		>"$folder/lines" 2>"$folder/told"
}

# One that goes on, in the background.
start_probe() {
	ip netns exec "$space" "${NOROSHI:?}" flow probe --allow "$folder/allow" --authority "$folder/alice.key.vkey" --state "$(state)" "$@" \
		>/dev/null 2>&1 3>&- &
	probe=$!
	pids+=($probe)
}

later() { python3 "$here/probe_later.py" "$(state)" "$1"; }

of() { jq -c "select(.probe.address == \"$1\") | .probe | $2" "$folder/lines"; }

connections() { jq -c "select(.event == \"connection\" and .name == \"$1\")" "$folder/log" 2>/dev/null | wc -l; }

recorded() { jq -c "select($1)" "$(state)"/record/*.jsonl | wc -l; }

same() { # GOT WANTED
	[ "$1" = "$2" ] || {
		echo "got: $1"
		echo "expected: $2"
		return 1
	}
}

@test "every kind of server: who it is, and nothing that it does harms the probe" {
	certificate
	servers silent=10.9.0.1 endless=10.9.0.2 tarpit=10.9.0.3 garbage=10.9.0.4 reset=10.9.0.5 alerts=10.9.0.6 bomb=10.9.0.7 \
		web=10.9.0.8 deadline=10.9.0.9 banner=10.9.0.10 slow=10.9.0.11 controls=10.9.0.12
	run_probe $(printf '10.9.0.%d:4000 ' {1..13})
	same "$(wc -l <"$folder/lines")" 13
	same "$(of 10.9.0.1 '[.complete, .next, .banner, .tls]')" '[false,"head",null,null]'
	same "$(of 10.9.0.2 '[.complete, .banner.length >= 4096, .banner.text[:8]]')" '[true,true,"welcome "]'
	same "$(of 10.9.0.3 '[.complete, .banner.length > 0, .banner.length < 20]')" '[true,true,true]'
	same "$(of 10.9.0.4 '[.next, .tls, .connections[0].received]')" '["head",null,2048]'
	same "$(of 10.9.0.5 '[.next, .connections[0].end, .connections[0].sent]')" '["head","reset",0]'
	same "$(of 10.9.0.6 '[.next, .tls.choices[0]]')" '["hello-1","alert:112"]'
	same "$(of 10.9.0.7 '[.next, .tls.choices[0], .certificate]')" '["hello-1","0303:c02f:0:0:0000:0::",null]'
	same "$(of 10.9.0.8 '[.next, .tls]')" '["head",null]'
	same "$(of 10.9.0.9 '[.banner.closed_after >= 9.5, .reasons[0].code]')" '[true,"probe-deadline"]'
	same "$(of 10.9.0.10 '[.complete, .banner.text, .weight < 0]')" '[true,"SSH-2.0-OpenSSH_9.2p1\r\n",true]'
	same "$(of 10.9.0.11 '[.next, .tls, .connections[0].end]')" '["head",null,"closed-by-us"]'
	same "$(of 10.9.0.12 '[.complete, .banner.bytes[:8]]')" '[true,"1b5b324a"]'
	same "$(of 10.9.0.13 '[.complete, .connections[0].end]')" '[true,"refused"]'
	# none of them was sent a byte before 12 s
	jq -s -c 'map(select(.event == "connection")) as $came | map(select(.event == "end" and .first)) |
		map(. as $over | ($came[] | select(.name == $over.name and .number == $over.number).time) as $at | .first - $at) | (length > 2 and min >= 12)' \
		"$folder/log" >"$folder/waited"
	same "$(<"$folder/waited")" true
	# a minute later nobody is connected to again
	run_probe $(printf '10.9.0.%d:4000 ' {1..13})
	same "$(jq -s 'map(select(.event == "connection")) | length' "$folder/log")" 12
	# what people are shown moves no cursor
	inside "${NOROSHI:?}" flow probe --allow "$folder/allow" --authority "$folder/alice.key.vkey" --state "$(state)" --once 10.9.0.12:4000 >"$folder/text"
	same "$(grep -c $'\x1b' "$folder/text" || true)" 0
	# the web server is asked HEAD / and nothing else; the silent one is asked too, and stays silent
	later 800
	run_probe --about https://desk.example/probe 10.9.0.8:4000 10.9.0.1:4000
	same "$(of 10.9.0.8 '[.complete, .http.status, .http.speaks_http, .http.tls, (.http.server | startswith("BaseHTTP"))]')" '[true,200,true,false,true]'
	same "$(of 10.9.0.1 '[.complete, .http, .weight]')" '[true,null,0]'
	same "$(jq -c 'select(.event == "head") | [.name, .path, .agent]' "$folder/log")" '["web","/","noroshi-probe (+https://desk.example/probe)"]'
	same "$(jq -c 'select(.event == "method" and .method != "HEAD")' "$folder/log" | wc -l)" 0
}

@test "TLS to its end: one print for one stack, its certificate, HEAD inside, no client certificate, no redirect" {
	certificate
	servers https=10.9.0.1 redirect=10.9.0.2 counted=10.9.0.99
	stack 10.9.0.3 -tls1_2
	stack 10.9.0.4 -tls1_2
	stack 10.9.0.5 -tls1_3 -Verify 1
	local servers=(10.9.0.{1..5}:4000)
	run_probe "${servers[@]}"
	for _ in {1..10}; do
		later 800
		run_probe "${servers[@]}"
	done
	same "$(jq -c .probe.complete "$folder/lines" | sort -u)" true
	same "$(of 10.9.0.1 '[.http.tls, .http.status, .tls.alpn, .tls.handshake]')" '[true,200,null,true]'
	same "$(of 10.9.0.2 '[.http.status, .http.location]')" '[302,"http://10.9.0.99:4000/next"]'
	same "$(connections counted)" 0 # nothing is followed
	same "$(of 10.9.0.5 '[.tls.handshake, .tls.asks_certificate, .tls.version]')" '[true,true,"0304"]'
	for server in 10.9.0.{1,3,5}; do
		same "$(of $server .certificate.sha256)" "\"$(openssl x509 -in "$folder/certificate" -outform DER | sha256sum | cut -d' ' -f1)\""
		same "$(of $server '[.certificate.subject, .certificate.self_signed, .certificate.names, .certificate.key, .certificate.key_bits]')" \
			'["CN=c2,O=Example",true,["a.example","10.9.0.9"],"RSA",2048]'
	done
	# the same stack has the same print, another setting another one
	[ "$(of 10.9.0.3 .tls.print)" != null ]
	same "$(of 10.9.0.3 .tls.print)" "$(of 10.9.0.4 .tls.print)"
	[ "$(of 10.9.0.3 .tls.print)" != "$(of 10.9.0.5 .tls.print)" ]
	# eleven connections each, all of them recorded
	same "$(connections https)" 11
	same "$(recorded '.event == "connect" and .server == "10.9.0.3:4000/tcp"')" 11
	# a list of known ones: evidence, not an alarm
	jq -c '{name: "Example bot", print: .probe.tls.print}' "$folder/lines" | grep nth1 | head -1 >"$folder/prints"
	run_probe --fingerprints "$folder/prints" "${servers[@]}"
	jq -s -e 'map(.probe.reasons[] | select(.code == "probe-print")) | length >= 1 and all(.[]; .weight <= 1.5)' "$folder/lines"
}

@test "dry run sends nothing, and says to the byte what a run sends" {
	servers garbage=10.9.0.1
	run_probe --dry-run 10.9.0.1:4000 10.8.0.1:4000 || same $? 1
	same "$(jq -c 'select(.plan.address == "10.8.0.1") | .plan.code' "$folder/lines")" '"not-named"'
	jq -r 'select(.plan.allowed) | .plan.steps[] | select(.step == "listen").bytes' "$folder/lines" >"$folder/planned"
	jq -r 'select(.plan.allowed) | .plan.steps[] | select(.step == "head").text' "$folder/lines" >"$folder/head"
	same "$(connections garbage)" 0
	[ ! -e "$(state)" ]
	run_probe 10.9.0.1:4000
	later 800
	run_probe 10.9.0.1:4000
	until_true ended garbage 2
	same "$(jq -r 'select(.event == "end" and .number == 1).received' "$folder/log")" "$(<"$folder/planned")"
	same "$(jq -r 'select(.event == "end" and .number == 2).received' "$folder/log" | python3 -c 'print(bytes.fromhex(input()).decode(), end="")')" "$(<"$folder/head")"
	# the record has the same bytes, and what came back
	same "$(jq -r 'select(.event == "sent").bytes' "$(state)"/record/*.jsonl | head -1)" "$(<"$folder/planned")"
	same "$(jq -r 'select(.event == "received").bytes' "$(state)"/record/*.jsonl | head -1 | cut -c1-16)" 0001020304050607
}

ended() { [ "$(jq -c "select(.event == \"end\" and .name == \"$1\")" "$folder/log" | wc -l)" -ge "$2" ]; }

@test "the law: unsigned, altered, expired, foreign, passive, opted out: nobody is connected to, and it is recorded" {
	servers silent=10.9.0.1
	local before=0 case status
	for case in unsigned altered expired foreign two class; do
		before=$(recorded '.event == "refused"' 2>/dev/null || echo 0)
		unset from until
		[ $case != expired ] || from='-3 hours' until='-2 hours'
		allow "classes $([ $case = class ] && echo any || echo private)" 'target 10.9.0.0/16'
		case $case in
		unsigned) ;;
		foreign) approve bob ;;
		expired) from='-3 hours' until='1 hour' allow 'classes private' 'target 10.9.0.0/16'; approve alice
			sed -i "s/^until .*/until $(date -u -d '-2 hours' +%FT%TZ)/" "$folder/allow" ;;
		*) approve alice ;;
		esac
		[ $case != altered ] || sed -i 's,10.9.0.0/16,10.0.0.0/8,' "$folder/allow"
		status=0
		run_probe $([ $case != two ] || echo --signatures 2) 10.9.0.1:4000 || status=$?
		same "$case $status" "$case 1"
		same "$case $(recorded '.event == "refused"')" "$case $((before + 1))"
	done
	unset from until
	allow 'classes private' 'target 10.9.0.0/16' 'passive 10.9.0.1:4000'
	approve alice
	run_probe 10.9.0.1:4000 || same $? 1
	same "$(jq -c '[.plan.allowed, .plan.code]' "$folder/lines")" '[false,"passive-only"]'
	allow 'classes private' 'target 10.9.0.0/16'
	approve alice
	echo 10.9.0.0/24 >"$folder/never"
	run_probe --never "$folder/never" 10.9.0.1:4000 || same $? 1
	same "$(jq -c '.plan.code' "$folder/lines")" '"opted-out"'
	run_probe 10.9.0.1:53/udp || same $? 1
	same "$(jq -c '.plan.code' "$folder/lines")" '"udp"'
	same "$(connections silent)" 0
	approve bob
	run_probe --authority "$folder/bob.key.vkey" --signatures 2 10.9.0.1:4000
	same "$(connections silent)" 1
}

@test "caps hold across kill -9, several ports of a host and an address more; the rate cannot be raised" {
	servers silent=10.9.0.1
	local status=0
	start_probe 10.9.0.1:4000
	until_true came silent 1
	kill -KILL $probe
	wait $probe || true
	for _ in 1 2 3; do
		run_probe 10.9.0.1:4000 10.9.0.1:4001 10.9.0.1:4002
	done
	same "$(connections silent)" 1
	same "$(recorded '.event == "connect"')" 1
	# the killed step is taken again, when it may
	later 700
	run_probe 10.9.0.1:4000
	same "$(connections silent)" 2
	run_probe --rate 11 10.9.0.1:4000 || status=$?
	same $status 2
}

came() { [ "$(connections "$1")" -ge "$2" ]; }

@test "the kill switch: a file, or SIGTERM, and everything stops at once" {
	servers silent=10.9.0.1 silent2=10.9.0.2
	local status=0
	touch "$folder/stop"
	run_probe --stop "$folder/stop" 10.9.0.1:4000 || status=$?
	same $status 1
	same "$(connections silent)" 0
	rm "$folder/stop"
	start_probe --stop "$folder/stop" --rate 10 10.9.0.{1,2}:4000
	until_true came silent 1
	until_true came silent2 1
	touch "$folder/stop"
	until_true ended silent 1
	until_true ended silent2 1
	wait $probe || status=$?
	same $status 1
	same "$(recorded '.end == "stopped"')" 2
	same "$(jq -c 'select(.event == "end").received' "$folder/log" | sort -u)" '""' # hello 0 was never sent
	rm "$folder/stop"
	later 700
	start_probe 10.9.0.1:4000
	until_true came silent 2
	status=0
	kill -TERM $probe
	wait $probe || status=$?
	same $status 1
	same "$(recorded '.end == "stopped"')" 3
}

@test "who reads the answers holds one socket and nothing else, in a sandbox" {
	servers silent=10.9.0.1
	start_probe 10.9.0.1:4000
	until_true reader
	until_true grep -q '^Seccomp:.*2' "/proc/$reader/status"
	grep -q '^NoNewPrivs:.*1' "/proc/$reader/status"
	same "$(ls "/proc/$reader/fd" | tr '\n' ' ')" '0 1 2 3 '
	same "$(readlink "/proc/$reader/fd/"{0,1,2} | sort -u)" /dev/null
	[[ $(readlink "/proc/$reader/fd/3") = socket:* ]]
}

reader() { reader=$(pgrep -P "$probe" -x noroshi) && [ "$(ls "/proc/$reader/fd" | wc -l)" = 4 ]; }

@test "a house with a ledger has an entry before each connection, and of each refusal" {
	servers silent=10.9.0.1
	noroshi key new --out "$folder/keys" --name Example >/dev/null
	run_probe --keys "$folder/keys" 10.9.0.1:4000
	run_probe --keys "$folder/keys" 10.9.0.1:4000 # not yet
	run_probe --keys "$folder/keys" 10.8.0.1:4000 || same $? 1
	noroshi ledger export --keys "$folder/keys" --kind flow-probe >"$folder/entries"
	same "$(jq -c '(.entry // .) | [.act, .server, .step]' "$folder/entries")" '["connect","10.9.0.1:4000/tcp","listen"]
["refused","10.8.0.1:4000/tcp",null]'
}
