# SPDX-License-Identifier: Apache-2.0
# Evidence records: one token for many documents, renewed by tokens and by chains; and seals that outlive their
# certificates. An authority for demonstration runs on loopback.
load common
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	noroshi key new --out keys >/dev/null
	"$NOROSHI" timestamp serve --keys keys --listen 127.0.0.1:0 >address 2>log 3>&- & # not the function: its process is asked to end
	echo $! >pid
	for _ in $(seq 100); do
		[ -s address ] && break
		sleep 0.1
	done
	export TSA
	TSA=$(cat address)
}

teardown_file() {
	kill "$(cat "$BATS_FILE_TMPDIR/pid")"
	wait "$(cat "$BATS_FILE_TMPDIR/pid")" 2>/dev/null || true
}

setup() {
	cd "$BATS_TEST_TMPDIR"
}

# COUNT: doc1 ... docCOUNT
documents() {
	local i
	for i in $(seq "$1"); do
		echo "document $i" >"doc$i"
	done
}

verify() { # FILE
	noroshi timestamp verify --ca "$BATS_FILE_TMPDIR/keys/ca.pem" --crl "$BATS_FILE_TMPDIR/keys/ca.crl" \
		--evidence "$1.ers" "$@" --json
}

@test "one token proves any number of documents" {
	local count i
	for count in 1 2 3 4 5 8 9 33; do
		rm -f doc*
		documents "$count"
		noroshi timestamp renew --tsa "$TSA" --json doc* >said
		[ "$(jq -r '.documents, .new, .renewed' said | paste -sd ' ')" = "$count $count 0" ]
		for i in $(seq "$count"); do
			verify "doc$i" | jq -e '.valid' >/dev/null
		done
	done
	# all of them had one token
	[ "$(for i in $(seq 33); do verify "doc$i" | jq -r .serial; done | sort -u | wc -l)" = 1 ]
}

@test "a record is for its document alone, and whole" {
	documents 5
	noroshi timestamp renew --tsa "$TSA" doc*
	echo "document 6" >other
	cp doc1.ers other.ers
	run -1 verify other
	[[ $output == *HASH_FAILURE* ]]
	local size i
	size=$(stat -c %s doc3.ers)
	for i in $(seq 10 97 "$size"); do
		cp doc3.ers cut.ers
		truncate -s "$i" cut.ers
		run -1 noroshi timestamp verify --ca "$BATS_FILE_TMPDIR/keys/ca.pem" --evidence cut.ers doc3
	done
}

@test "renewed by a token, by a chain of another digest, and by a token again" {
	documents 7
	noroshi timestamp renew --tsa "$TSA" doc*
	local first
	first=$(verify doc4 | jq -r .time)
	noroshi timestamp renew --tsa "$TSA" doc?
	noroshi timestamp renew --tsa "$TSA" --digest sha512 doc?
	noroshi timestamp renew --tsa "$TSA" --digest sha512 doc3 doc4
	local i
	for i in $(seq 7); do
		verify "doc$i" | jq -e '.valid' >/dev/null
	done
	# the age is that of the first token, the serial number that of the last
	[ "$(verify doc4 | jq -r .time)" = "$first" ]
	[ "$(verify doc4 | jq -r .digest)" = sha512 ]
	[ "$(verify doc3 | jq -r .serial)" = "$(verify doc4 | jq -r .serial)" ]
	[ "$(verify doc3 | jq -r .serial)" != "$(verify doc5 | jq -r .serial)" ]
	echo changed >>doc4
	run -1 verify doc4
}

@test "what is no record is said to be none" {
	documents 1
	echo nonsense >doc1.ers
	run -1 verify doc1
	[[ $output == *FORMAT_FAILURE* ]]
	run -3 noroshi timestamp renew --tsa "$TSA" doc1
	[[ $output == *doc1*"not DER"* ]]
	run -2 noroshi timestamp verify --ca "$BATS_FILE_TMPDIR/keys/ca.pem" doc1
	run -2 noroshi timestamp renew doc1
}
