# SPDX-License-Identifier: Apache-2.0
# The authority beside clocks that go wrong, in real time: it settles, stops when a pair of references
# leaves the limit, says timeNotAvailable, comes back by its rule, and the audit of the month tells all of it.
golden=$BATS_TEST_DIRNAME/../golden

teardown() {
	local process
	for process in ${authority:-} ${clocks:-} ${chronyd:-}; do kill "$process" 2>/dev/null || true; done
}

status() { curl -s -m 5 "${url}status" | jq -r "$1"; }

clock_is() { [ "$(status .clock.state)" = "$1" ]; }

# SECONDS COMMAND...; $took: after how long it was true
await() {
	local begin=$EPOCHREALTIME limit=$1
	shift
	until "$@"; do
		took=$(bc <<<"$EPOCHREALTIME - $begin")
		[ "$(bc <<<"$took < $limit")" = 1 ] || { status .clock; return 1; }
		sleep 0.02
	done
	took=$(bc <<<"$EPOCHREALTIME - $begin")
}

ask() { # the answer in answer
	openssl ts -query -data data -sha256 -cert -out q 2>/dev/null
	curl -s -o answer -H 'Content-Type: application/timestamp-query' --data-binary @q "$url"
}

refusal() { ask; openssl ts -reply -in answer -text 2>/dev/null | sed -n 's/^Failure info: //p'; }

granted() { ask; openssl ts -reply -in answer -text 2>/dev/null | grep -q '^Status: Granted'; }

start() { # OPTION...
	"$NOROSHI" timestamp serve --keys keys --listen 127.0.0.1:0 "$@" >url 2>log 3>&- &
	authority=$!
	await 20 test -s url
	url=$(<url)
}

# Real chronyd that leaves the machine's clock alone and calls itself a source of stratum 1
start_chronyd() {
	mkdir -p chrony
	chmod 700 chrony
	chown root:root chrony
	cat >chrony/conf <<-CONF
		local stratum 1
		cmdport 0
		port 0
		bindcmdaddress $PWD/chrony/chronyd.sock
		pidfile $PWD/chrony/pid
		user root
	CONF
	chronyd -x -d -f chrony/conf >chrony/log 2>&1 3>&- &
	chronyd=$!
	await 10 test -S chrony/chronyd.sock
}

@test "a pair of references leaves the limit, comes back, and the audit tells it" {
	cd "$BATS_TEST_TMPDIR"
	seq 10 >data
	"$NOROSHI" key new --out keys >/dev/null
	local options=()
	printf '0.001\n-0.001\n0.0005\n' >offsets
	node "$golden/ntp.mjs" offsets >ports 2>&1 3>&- &
	clocks=$!
	await 10 test -s ports
	for port in $(<ports); do options+=(--reference "ntp:127.0.0.1:$port"); done
	if command -v chronyd >/dev/null; then
		start_chronyd
		options+=(--reference "chrony:$PWD/chrony/chronyd.sock")
	fi
	start --confirm "${options[@]}"
	[ "$(refusal)" = "the TSA's time source is not available" ]
	await 90 clock_is run
	[ "$(bc <<<"$took > 50")" = 1 ] # 60 s of good answers
	granted
	openssl ts -verify -queryfile q -in answer -CAfile keys/ca.pem
	openssl ts -reply -in answer -text 2>/dev/null | grep -E '^Accuracy: .*0x[0-9A-F]{2} millis|^Accuracy: .*micros'
	[ -z "${chronyd:-}" ] || [ "$(status '.clock.references[-1].answered')" = true ]

	printf '0.8\n0.8\n0.0005\n' >offsets
	await 20 clock_is hold
	# The next answer at latest; that it is within the second, simulated time shows (unit test clock).
	echo "# stopped after $took s (a reference is asked once a second)" >&3
	[ "$(refusal)" = "the TSA's time source is not available" ]
	printf '0.001\n-0.001\n0.0005\n' >offsets
	await 150 clock_is run
	[ "$(bc <<<"$took > 50")" = 1 ]
	kill -USR1 "$authority"
	granted

	printf 'silent\nsilent\nsilent\n' >offsets
	[ -z "${chronyd:-}" ] || kill "$chronyd"
	chronyd=
	kill -TERM "$authority"
	wait "$authority"
	authority=
	"$NOROSHI" ledger verify --keys keys
	"$NOROSHI" timestamp audit --keys keys --month "$(date -u +%Y-%m)" --json >audit
	jq -c 'del(.references, .days)' audit >&3
	jq -e '.good and .checked and .anomalies >= 1 and .tokens == 2 and .tokens_in_stops == 0 and .confirmations == 1
		and (.stops[0].reason == "settling" or .stops[0].reason == "no-quorum") and .unreadable == 0' audit
	"$NOROSHI" timestamp audit --keys keys --month "$(date -u +%Y-%m)" --lang ja | grep -q '監査規格：UTCに対し±0.5秒未満'
	"$NOROSHI" timestamp audit --keys keys --month "$(date -u +%Y-%m)" --lang en --out audit.pdf
	pdftotext audit.pdf - | grep -q 'none issued'
	local status=0
	"$NOROSHI" timestamp audit --keys keys --month 2001-01 >/dev/null || status=$?
	[ "$status" = 1 ]
}
