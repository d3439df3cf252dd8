# SPDX-License-Identifier: Apache-2.0
# The time-stamp authority as strangers see it: OpenSSL and curl ask, OpenSSL judges; what is no request gets the
# right refusal; every token is in the ledger, and no serial number comes twice, whatever dies.
load common

setup_file() {
	export KEYS=$BATS_FILE_TMPDIR
	for algorithm in p256 p384 rsa2048 rsa3072 ed25519; do
		noroshi key new --out "$KEYS/$algorithm" --algorithm $algorithm >/dev/null
	done
}

teardown() { [ -z "${authority:-}" ] || stop; }

start() { # KEYS [OPTION...]; $url, $authority
	"$NOROSHI" timestamp serve --keys "$1" --listen 127.0.0.1:0 "${@:2}" >"$BATS_TEST_TMPDIR/url" \
		2>"$BATS_TEST_TMPDIR/log" 3>&- &
	authority=$!
	for _ in $(seq 200); do
		url=$(<"$BATS_TEST_TMPDIR/url")
		[ -z "$url" ] || return 0
		kill -0 $authority || break
		sleep 0.05
	done
	cat "$BATS_TEST_TMPDIR/log"
	return 1
}

stop() {
	local process=$authority
	authority=
	kill -TERM "$process"
	wait "$process"
}

post() { # FILE [TYPE]: status; the answer in $BATS_TEST_TMPDIR/answer
	curl -s -m 20 -o "$BATS_TEST_TMPDIR/answer" -w '%{http_code}' --data-binary "@$1" \
		-H "Content-Type: ${2:-application/timestamp-query}" "$url"
}

query() { openssl ts -query -out "$BATS_TEST_TMPDIR/q" -data "$BATS_TEST_TMPDIR/data" "$@" 2>/dev/null; }

# The answer's PKIFailureInfo as OpenSSL names it
refusal() { openssl ts -reply -in "$BATS_TEST_TMPDIR/answer" -text 2>/dev/null | sed -n 's/^Failure info: //p'; }

changed() { # OFFSET HEX: the query with these bytes instead
	cp "$BATS_TEST_TMPDIR/q" "$BATS_TEST_TMPDIR/c"
	printf "$(sed 's/../\\x&/g' <<<"$2")" | dd of="$BATS_TEST_TMPDIR/c" bs=1 seek="$1" conv=notrunc status=none
}

status() { curl -s "${url}status"; }

# Every entry of the ledger, one a line
entries() { noroshi ledger export --ledger "$1/ledger" 2>/dev/null; }

@test "OpenSSL asks and judges: all keys, all digests, with and without certificate" {
	cd "$BATS_TEST_TMPDIR"
	seq 100 >data
	for algorithm in p256 p384 rsa2048 rsa3072 ed25519; do
		start "$KEYS/$algorithm"
		for digest in sha256 sha384 sha512; do
			query -$digest -cert
			equal "$(post q)" 200
			# OpenSSL 3.0 cannot verify a CMS over Ed25519 in its time-stamp code
			[ $algorithm = ed25519 ] || openssl ts -verify -queryfile q -in answer -CAfile "$KEYS/$algorithm/ca.pem"
			noroshi timestamp verify --ca "$KEYS/$algorithm/ca.pem" --token answer data
			query -$digest -no_nonce
			equal "$(post q)" 200
			[ $algorithm = ed25519 ] ||
				openssl ts -verify -data data -in answer -CAfile "$KEYS/$algorithm/ca.pem" \
					-untrusted "$KEYS/$algorithm/tsa.pem"
			equal "$(openssl asn1parse -inform DER -in answer | grep -c 'cont \[ 0 \]')" 3 "context tags without certificates"
		done
		stop
		noroshi ledger verify --keys "$KEYS/$algorithm"
	done
}

@test "what is no request is refused by name" {
	cd "$BATS_TEST_TMPDIR"
	seq 100 >data
	start "$KEYS/p256"
	for digest in sha1 md5; do
		query -$digest
		equal "$(post q)" 200
		equal "$(refusal)" "unrecognized or unsupported algorithm identifier" "refusal of $digest"
	done
	query -sha256 -tspolicy 1.2.3.4
	equal "$(post q)" 200
	equal "$(refusal)" "the requested TSA policy is not supported by the TSA"
	query -sha256 -no_nonce
	{ cat q; printf '\0'; } >c
	equal "$(post c)" 200
	equal "$(refusal)" "the data submitted has the wrong format"
	changed 4 02 # version 2
	equal "$(post c)" 200
	equal "$(refusal)" "transaction not permitted or supported"
	: >c
	equal "$(post c)" 200
	equal "$(refusal)" "the data submitted has the wrong format"
	equal "$(status | jq -c .tokens.refused)" '{"badAlg":2,"badRequest":1,"badDataFormat":2,"unacceptedPolicy":1}'
}

@test "HTTP: types are media types, bodies are bounded, other methods and paths are not for stamps" {
	cd "$BATS_TEST_TMPDIR"
	seq 100 >data
	query -sha256
	start "$KEYS/p256"
	equal "$(post q 'application/timestamp-query; charset=binary')" 200
	equal "$(post q 'Application/Timestamp-Query')" 200
	equal "$(post q 'multipart/form-data; boundary=application/timestamp-query')" 415
	equal "$(post q 'application/timestamp-query-extra')" 415
	equal "$(post q 'text/plain')" 415
	equal "$(curl -s -o answer -D - -H 'Content-Type: application/timestamp-query' --data-binary @q "$url" |
		tr -d '\r' | sed -n 's/^Content-Type: //p')" application/timestamp-reply
	head -c 65536 /dev/zero >whole
	head -c 65537 /dev/zero >larger
	equal "$(post whole)" 200
	equal "$(refusal)" "the data submitted has the wrong format"
	equal "$(post larger)" 413
	equal "$(curl -s -o answer -w '%{http_code}' "$url")" 405
	equal "$(curl -s -o answer -w '%{http_code}' "${url}elsewhere")" 404
	# two requests, one connection
	equal "$(curl -s -o answer -o answer2 -w '%{num_connects} ' -H 'Content-Type: application/timestamp-query' \
		--data-binary @q "$url" "$url")" "1 0 "
}

@test "clients that hold connections and drip bodies do not keep others out" {
	cd "$BATS_TEST_TMPDIR"
	seq 100 >data
	query -sha256
	start "$KEYS/p256"
	node "$golden/idle.mjs" "$url" 900 20 >idle 3>&- &
	local idle=$!
	for _ in $(seq 100); do [ -s idle ] && break || sleep 0.1; done
	for _ in 1 2 3 4 5; do
		equal "$(post q)" 200
	done
	# a body that never ends is given up after 10 s, and an idle connection is closed
	wait $idle || true
	equal "$(jq -c . idle)" '{"opened":900,"dripped":20}
{"closed":900,"dropped":20}'
	equal "$(post q)" 200
}

@test "more clients that drip than there are connections keep nobody out: those that wait longest give way" {
	cd "$BATS_TEST_TMPDIR"
	seq 100 >data
	query -sha256
	start "$KEYS/p256"
	node "$golden/idle.mjs" "$url" 0 1200 >idle 3>&- &
	local idle=$!
	for _ in $(seq 100); do [ -s idle ] && break || sleep 0.1; done
	for _ in 1 2 3 4 5; do
		equal "$(post q)" 200
	done
	# all that before the time of those that drip is over
	equal "$(wc -l <idle)" 1 "lines of the client that drips"
	wait $idle || true
	equal "$(jq -c . idle)" '{"opened":0,"dripped":1200}
{"closed":0,"dropped":1200}'
}

@test "one authority for a counter and a ledger; it says what confines it" {
	start "$KEYS/p256"
	local status=0
	noroshi timestamp serve --keys "$KEYS/p256" --listen 127.0.0.1:0 >/dev/null 2>"$BATS_TEST_TMPDIR/err" || status=$?
	equal "$status" 4
	one_line "$(grep -v level= "$BATS_TEST_TMPDIR/err")" "is being written by process $authority"
	equal "$(awk '/^Seccomp:/ { print $2 }' /proc/$authority/status)" 2
	# of the folder of keys it holds what it writes, and no key
	equal "$(find /proc/$authority/fd -lname '*.key' | wc -l)/" 0/
}

@test "the signer's death ends the authority, which says so" {
	start "$KEYS/p256"
	kill -KILL "$(pgrep -P $authority)"
	local status=0
	wait $authority || status=$?
	authority=
	equal "$status" 4
	one_line "$(grep -v level= "$BATS_TEST_TMPDIR/log")" "the signer has ended"
}

@test "references are two, and ones that exist" {
	cd "$BATS_TEST_TMPDIR"
	fails() {
		local wanted=$1 status=0
		shift
		noroshi timestamp serve --keys "$KEYS/p256" --listen 127.0.0.1:0 "$@" >out 2>err || status=$?
		equal "$status" "$wanted"
		message=$(grep -v level= err)
	}
	fails 2 --reference ntp:127.0.0.1
	one_line "$message" "1 clock references" "between 2 and 8"
	fails 2 --reference ntp:127.0.0.1 --reference sundial
	one_line "$message" sundial "chrony, chrony:PATH or ntp:HOST"
	fails 2 --reference ntp:127.0.0.1 --reference ntp:a:b:c
	one_line "$message" "ntp:HOST:PORT"
	fails 4 --reference ntp:127.0.0.1 --reference "chrony:$BATS_TEST_TMPDIR/nowhere/chronyd.sock"
	one_line "$message" nowhere "No such file"
}

@test "killed under load: no serial number twice, and what a client has is in the ledger" {
	cd "$BATS_TEST_TMPDIR"
	node "$golden/kill_authority.mjs" "$NOROSHI" "$KEYS/p256" "${KILLS:-20}" >said
	cat said
	jq -e '.kills >= 20 and .tokens > 0 and .twice == 0 and .missing == 0 and .verified' said
}

# The ledger of a month, as the authority would have written it; $1: another token, or nothing
month() {
	cat <<-ENTRIES
		{"kind":"authority","time":"2026-05-30T00:00:00Z","name":"CN=A","certificate_serial":"0A","key":"k","policy":"2.999","limit_us":500000,"checked":true}
		{"kind":"clock","time":"2026-05-31T23:00:00Z","event":"start","state":"hold","reason":"settling","agreeing":0}
		{"kind":"clock","time":"2026-06-01T00:01:00Z","event":"change","state":"run","reason":"fine","offset_us":5,"bound_us":900,"agreeing":2}
		{"kind":"token","time":"2026-06-01T00:02:00Z","serial":"5d01","imprint":"sha256:00","bound_us":1200}
		{"kind":"clock","time":"2026-06-01T01:00:00Z","event":"hour","state":"run","reason":"fine","offset_us":5,"bound_us":900,"agreeing":2,"hour":"2026-06-01T00:00:00Z","span_us":3600000000,"held_us":{"settling":60000000},"offset_max_us":700,"bound_max_us":1300,"leap":false,"references":[{"name":"chrony","asked":100,"answered":90,"min_us":-10,"mean_us":2,"max_us":20,"p95_us":15,"bound_max_us":300}]}
		{"kind":"clock","time":"2026-06-02T02:00:00Z","event":"change","state":"hold","reason":"stepped","agreeing":0}
		$1
		{"kind":"clock","time":"2026-06-02T02:00:00.1Z","event":"change","state":"hold","reason":"settling","offset_us":0,"bound_us":1,"agreeing":2}
		{"kind":"clock","time":"2026-06-02T02:02:00Z","event":"confirm","state":"hold","reason":"settling","offset_us":0,"bound_us":1,"agreeing":2}
		{"kind":"clock","time":"2026-06-02T02:03:00Z","event":"change","state":"run","reason":"fine","offset_us":5,"bound_us":900,"agreeing":2}
		{"kind":"token","time":"2026-06-30T23:59:59.9Z","serial":"5d02","imprint":"sha256:00","bound_us":1100}
		{"kind":"token","time":"2026-07-01T00:00:00Z","serial":"5d03","imprint":"sha256:00","bound_us":1100}
	ENTRIES
}

record() { # KEYS < LINES
	sed 's/^[[:space:]]*//; /^$/d' | noroshi ledger append --keys "$1" >/dev/null
}

@test "the time audit of a month: what was, what stopped, and that nothing was issued meanwhile" {
	cd "$BATS_TEST_TMPDIR"
	noroshi key new --out keys >/dev/null
	month "" | record keys
	noroshi timestamp audit --keys keys --month 2026-06 --json >audit
	equal "$(jq -c '[.good, .authority, .anomalies, .tokens, .tokens_in_stops, .token_bound_max_us, .first_serial, .last_serial, .confirmations]' audit)" \
		'[true,"CN=A",1,2,0,1200,"5d01","5d02",1]'
	equal "$(jq -c '[.stops[] | [.start[:19], .end[:19], .reason, .anomaly]]' audit)" \
		'[["2026-06-01T00:00:00","2026-06-01T00:01:00","settling",false],["2026-06-02T02:00:00","2026-06-02T02:03:00","stepped",true]]'
	equal "$(jq -c '.references' audit)" \
		'[{"name":"chrony","asked":100,"answered":90,"min_us":-10,"mean_us":2,"max_us":20,"p95_us":15,"bound_max_us":300}]'
	equal "$(jq -c '[.days[] | [.day[:10], .watched_us, .held_us, .offset_max_us, .reasons, .tokens]]' audit)" \
		'[["2026-06-01",3600000000,60000000,700,["settling"],1],["2026-06-30",0,0,0,[],1]]'
	noroshi timestamp audit --keys keys --month 2026-06 --lang ja >text
	grep -q '時刻異常：1 件' text
	grep -q '^結果: 適合$' text
	grep -q '^発行時の最大誤差 (ms): 1.200$' text
	grep -q '影響を受けたタイムスタンプ：発行なし' text
	noroshi timestamp audit --keys keys --month 2026-06 --lang en --out audit.html
	grep -q 'none issued' audit.html
	local status=0
	noroshi timestamp audit --keys keys --month 2026-13 2>err || status=$?
	equal "$status" 2
	one_line "$(<err)" "2026-13" "such as 2026-11"
}

@test "a token that lies in a stop makes the audit fail" {
	cd "$BATS_TEST_TMPDIR"
	noroshi key new --out keys >/dev/null
	month '{"kind":"token","time":"2026-06-02T02:01:00Z","serial":"5dff","imprint":"sha256:00","bound_us":1}' | record keys
	local status=0
	noroshi timestamp audit --keys keys --month 2026-06 --json >audit || status=$?
	equal "$status" 1
	equal "$(jq -c '[.good, .tokens_in_stops, .stops[1].tokens]' audit)" '[false,1,1]'
}
