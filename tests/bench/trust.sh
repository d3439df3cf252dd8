#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What trust costs, beside OpenSSL with the same keys in the same run. Prints one JSON object.
# usage: trust.sh NOROSHI      TOKENS=4000 SEALS=3000 ENTRIES=2000000 HTTP_SECONDS=5 may be set
set -euo pipefail
noroshi=$1
bench=$(dirname "$noroshi")/tests/bench
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
cd "$work"

# ALGORITHM -> what openssl speed says: signatures a second
speed() {
	case $1 in
	p256) openssl speed -mr -seconds 2 ecdsap256 2>/dev/null | awk -F: '/^\+F4/ { print $4 }' ;;
	rsa2048) openssl speed -mr -seconds 2 rsa2048 2>/dev/null | awk -F: '/^\+F2/ { print $4 }' ;;
	esac
}

# openssl ts -reply, process by process, as its users run it: replies a second
openssl_ts() { # KEYS
	cat >ts.cnf <<-CNF
		[t]
		serial = $work/serial
		default_policy = 1.2.3.4
		digests = sha256
		signer_digest = sha256
		ess_cert_id_alg = sha256
	CNF
	echo 01 >serial
	local started=$EPOCHREALTIME i
	for i in $(seq 50); do
		openssl ts -reply -config ts.cnf -section t -queryfile query -inkey "$1/tsa.key" -signer "$1/tsa.pem" \
			-out reply 2>/dev/null
	done
	awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { print 50 / (b - a) }'
}

echo hello >data
openssl ts -query -data data -sha256 -cert -out query 2>/dev/null
printf '{'
for algorithm in p256 rsa2048; do
	"$noroshi" key new --out "$algorithm" --algorithm "$algorithm" >/dev/null
	"$noroshi" timestamp serve --keys "$algorithm" --listen 127.0.0.1:0 >address 2>/dev/null &
	server=$!
	for _ in $(seq 50); do
		[ -s address ] && break
		sleep 0.1
	done
	address=$(sed 's,http://,,; s,/$,,' address)
	full=$("$bench/bench-tsa-load" "$address" query 64 "${HTTP_SECONDS:-5}")
	half=$("$bench/bench-tsa-load" "$address" query 64 "${HTTP_SECONDS:-5}" "$(jq '.tokens_per_s / 2' <<<"$full")")
	kill "$server"
	wait "$server" || true
	server=
	: >address
	printf '"%s":{"openssl_speed":%s,"openssl_ts_reply":%s,"tokens":%s,"http":%s,"http_half":%s},' "$algorithm" \
		"$(speed "$algorithm")" "$(openssl_ts "$algorithm")" \
		"$("$bench/bench-timestamp" "$algorithm" "$algorithm" "${TOKENS:-4000}")" "$full" "$half"
done
printf '"signer":%s,' "$("$bench/bench-signer" 5120 | jq -sc .)"
printf '"seals":%s,' "$("$bench/bench-seals" "$work" "${SEALS:-3000}" | jq -sc .)"
printf '"ledger":%s}\n' "$("$bench/bench-ledger" "$work/bench-ledger" "${ENTRIES:-2000000}" 1000 | jq -sc .)"
