#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Offers and replies over HTTPS: a collector that joins by itself, carriers that it knows by their keys alone.
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	day=$(date -u -d yesterday +%F)
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.pem -days 2 \
		-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 >/dev/null 2>&1
	for name in isac a b x; do noroshi key note "$name.example" --out "$name" >/dev/null; done
	exchange group --name test --threshold 2 --candidates 40000 --collector isac.vkey --party a.vkey \
		--party b.vkey --out test.group >/dev/null
	exchange secret --group test.group --day "$day" --out secret >/dev/null
	for name in a b; do
		cp -p secret "secret.$name"
		printf '{"kind":"c2-server","subject":"203.0.113.9","port":443,"protocol":"tcp","confidence":0.1,"clients":20,"reasons":[{"code":"comb","weight":2}]}\n' >"$name.jsonl"
		exchange offer --group test.group --secret "secret.$name" --sign "$name" --day "$day" --own 198.51.100.0/24 \
			--out "$name.offer" "$name.jsonl" >/dev/null
	done
}

teardown() {
	[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
}

exchange() { noroshi flow exchange "$@"; }

serve() { # OPTION...
	"$NOROSHI" flow exchange serve --group test.group --sign isac --out box --listen 127.0.0.1:0 "$@" \
		>serve.out 2>serve.err 3>&- &
	server=$!
	for _ in $(seq 100); do
		[ ! -s serve.out ] || break
		sleep 0.1
	done
	url=$(head -n 1 serve.out)
	[ -n "$url" ] || { cat serve.err; return 1; }
}

client() { # STEP NAME [ARGUMENT...]
	local step=$1 name=$2
	shift 2
	exchange "$step" --group test.group --sign "$name" --url "$url" --ca tls.pem "$@"
}

@test "two carriers meet through a collector over HTTPS" {
	serve --tls-certificate tls.pem --tls-key tls.key
	[[ $url == https://* ]]
	client send a a.offer
	run client fetch a --day "$day" --out a.reply
	equal "$status" 1
	[ ! -e a.reply ]
	client send b b.offer
	for _ in $(seq 100); do
		! client fetch a --day "$day" --out a.reply 2>/dev/null || break
		sleep 0.2
	done
	exchange open --group test.group --secret secret.a --own 198.51.100.0/24 a.reply a.jsonl --json >joint
	equal "$(jq -r 'select(.kind) | "\(.subject) \(.carriers)"' joint)" "203.0.113.9 2"
	# what lies in the box is what was sent
	cmp a.offer "box/$day/1.offer"
	run client send a a.offer
	equal "$status" 1
	one_line "$output" "has made an offer of that day already"
	# another one's reply does not open as ours
	run exchange open --group test.group --secret secret.a --own 198.51.100.0/24 "box/$day/2.reply" x.jsonl
	[ "$status" != 0 ]
	# without the authority there is no connection
	run exchange fetch --group test.group --sign a --url "$url" --day "$day" --out z.reply
	equal "$status" 4
	[ ! -e z.reply ]
	kill "$server"
	wait "$server"
	server=
}

@test "who is no party is not answered, and what is not whole is not taken" {
	serve
	[[ $url == http://127.0.0.1:* ]]
	run client send x a.offer
	equal "$status" 1
	one_line "$output" "not a party"
	run client send b a.offer
	equal "$status" 3
	one_line "$output" "party 2"
	equal "$(curl -s -o /dev/null -w '%{http_code}' "$url")" 404
	equal "$(curl -s -o /dev/null -w '%{http_code}' "${url}exchange")" 405
	head -c 3000000 a.offer >short
	equal "$(curl -s -o out -w '%{http_code}' --data-binary @short "${url}exchange")" 400
	grep -q "not a letter" out
	equal "$(head -c 6000000 /dev/zero | curl -s -o /dev/null -w '%{http_code}' --data-binary @- "${url}exchange")" 413
	# changed on the disk before it was sent: the signature does not hold, and the box keeps nothing
	cp a.offer changed.offer
	printf 'x' | dd of=changed.offer bs=1 seek=5000 conv=notrunc 2>/dev/null
	run client send a changed.offer
	equal "$status" 1
	one_line "$output" "not what a.example signed"
	[ -z "$(ls "box/$day")" ]
	kill "$server"
	wait "$server"
	server=
}

@test "a collector that is killed goes on; without TLS it is for loopback alone" {
	run noroshi flow exchange serve --group test.group --sign isac --out box --listen 192.0.2.1:0
	equal "$status" 2
	one_line "$output" "not without TLS"
	serve
	client send a a.offer
	kill -9 "$server"
	wait "$server" || true
	serve
	client send b b.offer
	for _ in $(seq 100); do
		! client fetch b --day "$day" --out b.reply 2>/dev/null || break
		sleep 0.2
	done
	[ -s b.reply ]
	# days that are over are erased when it starts
	kill "$server"
	wait "$server"
	mv "box/$day" "box/$(date -u -d '40 days ago' +%F)"
	serve
	for _ in $(seq 50); do
		[ -n "$(ls box)" ] || break
		sleep 0.1
	done
	[ -z "$(ls box)" ]
	kill "$server"
	wait "$server"
	server=
}
