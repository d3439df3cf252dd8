# SPDX-License-Identifier: Apache-2.0
# noroshi serve --ledger, --trust-ca: what the server says of a ledger, and of what strangers send it to judge.
load common

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	noroshi world darknet --seed 7 --packets 15000 --out w.pcap >/dev/null
	noroshi telescope read w.pcap --dark 198.18.0.0/18 --store w.db >/dev/null 2>&1 || true # some of it is malformed
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	cp "$BATS_FILE_TMPDIR/w.db" .
	noroshi key new --out keys --origin log.example/golden >/dev/null
	printf 'what is sealed\n' >notice.txt
	noroshi seal sign --keys keys notice.txt >/dev/null
}

teardown() {
	[ -z "${server:-}" ] || kill "$server"
}

start() { # OPTIONS
	"$NOROSHI" serve --store w.db --listen 127.0.0.1:0 "$@" >server.out 2>server.err 3>&- &
	server=$!
	for _ in $(seq 100); do
		url=$(sed -n 's/^noroshi: \(http.*\)\/$/\1\/api\/v1/p' server.out)
		[ -z "$url" ] || break
		sleep 0.1
	done
	[ -n "$url" ]
}

ask() { # WORDS of curl; the answer in answer.json, its status printed
	curl -sS -o answer.json -w '%{http_code}' "$@"
}

digests() { # FILE
	jq -n --arg a "$(sha256sum <"$1" | cut -c -64)" --arg b "$(sha384sum <"$1" | cut -c -96)" \
		--arg c "$(sha512sum <"$1" | cut -c -128)" '{sha256: $a, sha384: $b, sha512: $c}'
}

question() { # FILE SEAL [MEMBER]
	jq -n --arg bytes "$(base64 -w 0 "$2")" --argjson digests "$(digests "$1")" --arg member "${3:-seal}" \
		'{($member): $bytes, digests: $digests}' >question.json
}

judge() { # WORDS of curl
	ask -H 'Content-Type: application/json' --data-binary @question.json "$@" "$url/trust/verify"
}

@test "the ledger is shown as it is, and goes on" {
	start --ledger keys/ledger --ledger-vkey keys/ledger.vkey
	size=$(noroshi ledger show --keys keys --json | jq .size)
	for _ in $(seq 50); do
		equal "$(ask "$url/trust")" 200
		[ "$(jq .ledger.checkpoint.size answer.json)" != "$size" ] || break
		sleep 0.1
	done
	equal "$(jq -c '[.verify, .ledger.state, .ledger.trouble, .ledger.checkpoint.origin, .ledger.checkpoint.signature_checked]' answer.json)" \
		'[false,"current",null,"log.example/golden",true]'
	equal "$(jq -c '.ledger.kinds[] | select(.kind == "seal") | .entries' answer.json)" 1
	echo '{"kind":"audit","time":"2026-01-02T03:04:05Z"}' | noroshi ledger append --keys keys >/dev/null
	for _ in $(seq 50); do
		ask "$url/trust/entries?kind=audit" >/dev/null
		[ "$(jq '.rows | length' answer.json)" != 1 ] || break
		sleep 0.1
	done
	equal "$(jq -c '.rows[0] | [.kind, .entry.time]' answer.json)" '["audit","2026-01-02T03:04:05Z"]'
	index=$(jq '.rows[0].index' answer.json)
	curl -sS "$url/trust/proof?index=$index" >proof
	noroshi ledger prove --keys keys "$index" | cmp - proof
	equal "$(ask "$url/trust/proof?index=99999")" 404
	equal "$(ask "$url/trust/proof?index=-1")" 400
	equal "$(ask "$url/trust/entries?limit=501")" 400
	equal "$(ask "$url/trust/clock?from=yesterday")" 400
	equal "$(ask "$url/trust/nothing")" 404
}

@test "without a ledger and without a CA the server says so" {
	start
	equal "$(ask "$url/trust")" 200
	equal "$(jq -c '[.verify, .ledger]' answer.json)" '[false,null]'
	equal "$(ask "$url/trust/entries")" 404
	echo '{}' >question.json
	equal "$(judge)" 404
	equal "$(jq -r .error.code answer.json)" no-judge
}

@test "a seal is judged as noroshi seal verify judges it" {
	start --trust-ca keys/ca.pem --trust-crl keys/ca.crl
	question notice.txt notice.txt.p7s
	equal "$(judge)" 200
	noroshi seal verify --ca keys/ca.pem --crl keys/ca.crl --json notice.txt notice.txt.p7s | jq -S 'del(.file)' >wanted
	jq -S 'del(.kind)' answer.json | diff wanted -
	equal "$(jq .valid answer.json)" true
	echo more >>notice.txt
	question notice.txt notice.txt.p7s
	equal "$(judge)" 200
	equal "$(jq -c '[.valid, .signatures[0].indication, (.signatures[0].reasons[] | select(.fatal) | .code)]' answer.json)" \
		'[false,"TOTAL-FAILED","HASH_FAILURE"]'
	question notice.txt notice.txt.p7s token
	equal "$(judge)" 200
	equal "$(jq -c '[.kind, .valid, .indication]' answer.json)" '["token",false,"TOTAL-FAILED"]'
	question notice.txt notice.txt.p7s evidence
	equal "$(judge)" 200
	equal "$(jq -c '[.kind, .valid, .indication]' answer.json)" '["evidence",false,"TOTAL-FAILED"]'
}

@test "hostile questions are refused, and the server stays" {
	start --trust-ca keys/ca.pem
	for body in '' '{' '[]' '{}' '{"seal":7}' '{"seal":"%"}' '{"seal":"AA==","token":"AA=="}' '{"seal":"AA==","x":1}' \
		'{"seal":"AA==","digests":7}' '{"seal":"AA==","digests":{"md5":"00"}}' '{"seal":"AA==","digests":{"sha256":"00"}}' \
		'{"seal":"AA=="}x' "$(printf '[%.0s' $(seq 1000))"; do
		printf '%s' "$body" >question.json
		equal "$(judge)" 400 "$body"
		equal "$(jq -r .error.code answer.json)" bad-question
	done
	for bytes in '' 0 0000 3082ffff 255044462d 7b7d 30800000 30840fffffff; do
		jq -n --arg seal "$(xxd -r -p <<<"$bytes" | base64 -w 0)" '{seal: $seal}' >question.json
		equal "$(judge)" 200 "$bytes"
		equal "$(jq .valid answer.json)" false
	done
	{ printf '{"seal":"'; head -c 12582000 /dev/zero | base64 -w 0 | head -c 16776000; printf '"}'; } >question.json
	equal "$(judge)" 200
	head -c 16777217 /dev/zero >question.json
	equal "$(judge -H Expect:)" 413
	equal "$(ask "$url/status")" 200
}

@test "pages of other sites cannot ask" {
	start --trust-ca keys/ca.pem
	question notice.txt notice.txt.p7s
	host=${url#http://}
	host=${host%%/*}
	equal "$(judge -H "Origin: http://$host" -H 'Sec-Fetch-Site: same-origin')" 200
	for header in 'Origin: http://evil.example' 'Origin: null' "Origin: http://$host.evil.example" 'Sec-Fetch-Site: cross-site' \
		'Sec-Fetch-Site: same-site' 'Sec-Fetch-Site: none'; do
		equal "$(judge -H "$header")" 403 "$header"
	done
	equal "$(ask -H 'Content-Type: text/plain' --data-binary @question.json "$url/trust/verify")" 415
	equal "$(ask --data-binary @question.json "$url/trust/verify")" 415
	equal "$(ask -X OPTIONS -H 'Origin: http://evil.example' "$url/trust/verify")" 405
	equal "$(ask -X POST "$url/status")" 405
}

@test "who judges may end; the server goes on, and says that it cannot judge" {
	start --trust-ca keys/ca.pem
	question notice.txt notice.txt.p7s
	mapfile -t judges < <(pgrep -P "$server" -x judge)
	equal "${#judges[@]}" 2
	kill -9 "${judges[@]}"
	for _ in 1 2 3; do
		equal "$(judge)" 422
		equal "$(jq -r .error.code answer.json)" not-judged
	done
	equal "$(ask "$url/status")" 200
}

@test "a ledger that is not there, or not to be trusted, is said before the server starts" {
	local status=0
	noroshi serve --store w.db --listen 127.0.0.1:0 --ledger nowhere 2>err || status=$?
	equal "$status" 4
	grep -q -- '--ledger nowhere: No such file' err
	status=0
	noroshi serve --store w.db --listen 127.0.0.1:0 --trust-ca nowhere.pem 2>err || status=$?
	equal "$status" 4
	grep -q -- '--trust-ca: nowhere.pem' err
}
