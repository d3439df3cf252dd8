# SPDX-License-Identifier: Apache-2.0
# Secrecy of communications by construction, with the commands that people use. One test for each demand
# (docs/guide/flow.md, "The law"): what comes in over the wire, what lies on the disk, who may ask.
load common

setup() {
	work=$(mktemp -d /tmp/noroshi-law-XXXXXX) # whom root becomes must reach it
	cd "$work"
	if [ "$(id -u)" = 0 ]; then chown nobody . && chmod 755 .; fi
	port=$(python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
}

teardown() {
	[ -z "${collector:-}" ] || kill "$collector" 2>/dev/null || true
	cd /
	rm -rf "$work"
}

ends() { # STATUS COMMAND...; standard output in out, standard error in $message
	local wanted=$1 status=0
	shift
	noroshi "$@" >out 2>err || status=$?
	message=$(<err)
	equal "$status" "$wanted" "exit status of noroshi $*, which said \"$message\""
}

collect() { # OPTIONS...: clients of law.py into the archive "flows"
	"$NOROSHI" flow collect --listen "udp:127.0.0.1:$port" --archive flows --own 198.51.100.0/24 \
		--own 2001:db8:1::/48 --json "$@" >collect.out 2>collect.err 3>&- &
	collector=$!
	for _ in $(seq 100); do
		! grep -q event=listen collect.err || break
		sleep 0.1
	done
	python3 "$golden/law.py" send "$port"
	drained "$port"
	kill -INT "$collector" || { cat collect.err; return 1; }
	wait "$collector" || { cat collect.err; return 1; }
	collector=
}

query() { noroshi flow query --archive flows --purpose own-operation --json "$@" | jq -c 'select(.summary | not)'; }

acts() { noroshi flow uses --archive flows --json | jq -r 'select(.act) | .act' | paste -sd' '; }

@test "purpose: a folder that is no archive is refused, and nothing is written into it" {
	mkdir other
	ends 2 flow query --archive other --purpose own-operation any
	one_line "$message" other policy.json
	equal "$(ls -A other | wc -l)" 0
}

@test "purpose: who does not say one of three is refused, and the refusal is recorded" {
	collect
	before=$(acts)
	for purpose in "" curiosity C2-detection "$(printf '%020000d' 0)"; do
		ends 2 flow query --archive flows ${purpose:+--purpose $purpose} 'dst port 443'
		one_line "$message" c2-detection notification own-operation
		equal "$(wc -c <out)" 0
	done
	for purpose in c2-detection notification own-operation; do
		ends 0 flow query --archive flows --purpose "$purpose" 'dst port 443'
	done
	noroshi flow uses --archive flows --json >uses
	equal "$(jq -r 'select(.act == "refused") | .act' uses | wc -l)" 4
	for purpose in c2-detection notification own-operation; do
		equal "$(jq -r "select(.act == \"query\" and .purpose == \"$purpose\") | .question" uses)" "dst port 443"
	done
}

@test "minimum range: what is not on the list does not reach the disk, and what is added says why" {
	ends 2 flow collect --listen "udp:127.0.0.1:$port" --archive flows --own 198.51.100.0/24 --keep-field source_mac
	one_line "$message" --reason
	collect
	equal "$(query | jq -r 'keys[]' | grep -cE 'mac|next_hop|post_|application|connection')" 0
	equal "$(jq -c .more_fields flows/policy.json)" "[]"
	collect --keep-field source_mac --reason "a loop between two switches"
	equal "$(query | jq -r 'select(.source_mac) | .source_mac' | sort -u)" 02:00:5e:10:c0:de
	equal "$(jq -r '.more_fields[], .reason' flows/policy.json | paste -sd, )" "source_mac,a loop between two switches"
	noroshi flow uses --archive flows --json | jq -r 'select(.act == "policy") | .question' | grep -q "a loop between two switches"
}

@test "minimum range: an event of a NAT is left out" {
	collect
	equal "$(query | jq -r '.event // empty' | wc -l)" 0
	equal "$(jq '.summary.archive.nat_events_left_out' collect.out)" 5
	collect --nat-events --reason "subscribers behind a NAT are to be told"
	equal "$(query | jq -r 'select(.event) | .event' | sort | uniq -c | xargs)" "5 nat44-create"
}

@test "pseudonyms: no byte of the archive is a client's address, in no column" {
	collect --keep-field post_source --keep-field post_destination --keep-field next_hop --reason "every column of addresses"
	equal "$(query | wc -l)" 17
	query >all
	python3 "$golden/law.py" search flows flows.keys >found
	cp all found.json
	mkdir answers
	mv all answers/
	python3 "$golden/law.py" search answers >>found
	equal "$(cat found; echo none)" none "a client's address"
	# the servers are there, and each client has one name
	equal "$(jq -r '.destination' found.json | grep -c '^203\.0\.113\.9$')" 10
	equal "$(jq -r 'select(.source_client) | .source' found.json | sort -u | wc -l)" 6
	equal "$(jq -r '.source, .destination, .next_hop, .post_source, .post_destination | select(. != null)' found.json | sort -u | grep -c '^100::')" 12
}

@test "pseudonyms: a question about a client leaves no address in the record" {
	collect
	noroshi flow query --archive flows --purpose c2-detection 'host 198.51.100.77 or src ip 2001:db8:1:42::7' >/dev/null || true
	python3 "$golden/law.py" search flows >found
	equal "$(cat found; echo none)" none
	noroshi flow uses --archive flows --json | grep -q 'host \[client\] or src ip \[client\]'
}

@test "pseudonyms: plain only for own networks, and with a reason" {
	ends 2 flow collect --listen "udp:127.0.0.1:$port" --archive flows --own 198.51.100.0/24 --plain-clients
	one_line "$message" --reason
	ends 2 flow collect --listen "udp:127.0.0.1:$port" --archive flows --plain-clients --reason "all of it is ours"
	one_line "$message" --own
	ends 2 flow collect --listen "udp:127.0.0.1:$port" --archive flows
	one_line "$message" --own
	collect --plain-clients --reason "our campus, staff informed"
	equal "$(query | jq -r .source | grep -c '^198\.51\.100\.77$')" 2
	equal "$(jq -r '.clients, .reason' flows/policy.json | paste -sd,)" "plain,our campus, staff informed"
}

@test "pseudonyms: keys lie apart, alone, and are the owner's" {
	ends 2 flow collect --listen "udp:127.0.0.1:$port" --archive flows --own 198.51.100.0/24 --flow-keys flows/keys
	one_line "$message" apart
	[ ! -e flows/keys ]
	collect
	equal "$(stat -c %a flows.keys)" 700
	equal "$(stat -c %a flows.keys/*)" 600
	chmod 755 flows.keys
	status=0
	timeout 20 "$NOROSHI" flow collect --listen "udp:127.0.0.1:$port" --archive flows --own 198.51.100.0/24 2>err || status=$?
	[ "$status" != 0 ] && [ "$status" != 124 ]
	one_line "$(<err)" "chmod 700"
}

@test "retention and erasure: nothing of the flows is left, nor what their names came from" {
	collect
	name=$(query | jq -r 'select(.source_client) | .source' | head -n 1)
	times=$(query | grep -c "\"$name\"")
	key=$(sed -n 's/^key //p' flows.keys/*.key)
	cp -r flows backup
	ends 2 flow erase --archive flows --before 2100-01-01
	one_line "$message" --reason
	equal "$(query | wc -l)" 17
	ends 0 flow erase --archive flows --before 2100-01-01 --reason "order 12" --json
	equal "$(jq -c . out)" '{"flows":17,"keys":1}'
	equal "$(find flows -name '*.part' -o -name '*.segment*' | wc -l)" 0
	equal "$(find flows.keys -type f | wc -l)" 0
	equal "$(query | wc -l)" 0
	[ -z "$(grep -rl "$key" . --exclude-dir=backup || true)" ]
	equal "$(acts | grep -o 'erase.*')" "erase erased query"
	# in a copy the name is still there; nobody can say any more whose it is
	equal "$(noroshi flow query --archive backup --purpose own-operation --json | grep -c "\"$name\"")" "$times"
	ends 0 flow uses --archive flows --verify
}

@test "retention: a collector destroys the keys that have ended, in the sandbox" {
	collect
	cp flows.keys/*.key today
	for day in 20200101 20200102; do
		sed "s/^from .*/from ${day:0:4}-${day:4:2}-${day:6:2}T00:00:00.000000Z/; s/^until .*/until 2020-01-03T00:00:00.000000Z/" \
			today >key
		install -m 600 key "flows.keys/${day}T000000Z.key"
	done
	[ "$(id -u)" != 0 ] || chown nobody flows.keys/*
	equal "$(find flows.keys -type f | wc -l)" 3
	collect
	equal "$(find flows.keys -type f -name "$(date -u +%Y)*" | wc -l)" 1
	equal "$(find flows.keys -type f | wc -l)" 1
}

@test "re-identification: two persons, a reason, one answer, each step recorded" {
	noroshi key note hanako --out hanako.key >/dev/null
	noroshi key note taro --out taro.key >/dev/null
	noroshi key note jiro --out jiro.key >/dev/null
	chmod a+r ./*.vkey
	collect --person hanako.key.vkey --person taro.key.vkey
	name=$(query 'src port 40002' | jq -r .source)
	today=$(date -u +%FT%H:%M:%SZ)
	ends 2 flow identify --archive flows "$name" --at "$today" --request case
	one_line "$message" --reason
	ends 0 flow identify --archive flows "$name" --at "$today" --request case --reason "bot, to be told"
	ends 1 flow identify --archive flows --answer case
	ends 0 flow identify --archive flows --approve case --sign hanako.key
	grep -q "reason bot, to be told" out
	ends 1 flow identify --archive flows --approve case --sign hanako.key
	ends 1 flow identify --archive flows --approve case --sign jiro.key
	ends 1 flow identify --archive flows --answer case
	one_line "$message" two
	ends 0 flow identify --archive flows --approve case --sign taro.key
	sed 's/bot, to be told/curiosity      /' case >altered
	ends 1 flow identify --archive flows --answer altered
	ends 0 flow identify --archive flows --answer case --json
	equal "$(jq -c . out)" '{"client":"198.51.100.77","bits":32}'
	ends 1 flow identify --archive flows --answer case
	one_line "$message" already
	equal "$(acts | grep -o 'identify-request.*')" \
		"identify-request refused identify-approve refused refused refused identify-approve refused identify refused"
	ends 0 flow uses --archive flows --verify
	python3 "$golden/law.py" search flows >found
	equal "$(cat found; echo none)" none
}

@test "re-identification: no persons in the policy, no way back; no key, no way back" {
	noroshi key note hanako --out hanako.key >/dev/null
	noroshi key note taro --out taro.key >/dev/null
	chmod a+r ./*.vkey
	collect
	name=$(query 'src port 40002' | jq -r .source)
	ends 1 flow identify --archive flows "$name" --at "$(date -u +%FT%TZ)" --request case --reason "bot"
	one_line "$message" persons
	ends 2 flow collect --listen "udp:127.0.0.1:$port" --archive flows --own 198.51.100.0/24 --person hanako.key.vkey \
		--person hanako.key.vkey
	one_line "$message" twice
	collect --person hanako.key.vkey --person taro.key.vkey
	ends 0 flow identify --archive flows "$name" --at "$(date -u +%FT%TZ)" --request case --reason "bot"
	noroshi flow identify --archive flows --approve case --sign hanako.key >/dev/null
	noroshi flow identify --archive flows --approve case --sign taro.key >/dev/null
	noroshi flow erase --archive flows --before 2100-01-01 --reason "order 12" >/dev/null
	ends 1 flow identify --archive flows --answer case
	one_line "$message" destroyed
}

@test "uses: what is changed or taken out is found, and the head goes into a ledger" {
	collect
	for n in 1 2 3; do query "dst port $n" >/dev/null; done
	ends 0 flow uses --archive flows --verify
	equal "$(<out)" "4 uses, the record holds"
	cp flows/uses.jsonl whole
	sed -i 's/dst port 2/dst port 4/' flows/uses.jsonl
	ends 1 flow uses --archive flows --verify
	grep -q "line 4 does not follow" out
	sed '2d' whole >flows/uses.jsonl
	ends 1 flow uses --archive flows --verify
	grep -q "line 2 has the number 3" out
	head -n 2 whole >flows/uses.jsonl
	ends 1 flow uses --archive flows --verify
	grep -q "line 3 is missing" out
	cp whole flows/uses.jsonl
	ends 0 flow uses --archive flows --verify
	noroshi key new --out keys --origin log.example/uses >/dev/null
	ends 0 flow uses --archive flows --verify --keys keys --json
	entry=$(jq .summary.ledger_entry out)
	noroshi ledger export --keys keys --kind flow-uses >entries
	equal "$(jq -r .entry.head entries)" "$(jq -r .summary.head out)" "head in the ledger, entry $entry"
	ends 0 flow uses --archive flows --verify --heads entries
	grep -q "1 head of a ledger" out
	# who may write both files writes the whole chain anew: only the ledger knows
	rm flows/uses.*
	for n in 1 2 3 4 5; do query "dst port $n" >/dev/null; done
	ends 0 flow uses --archive flows --verify
	ends 1 flow uses --archive flows --verify --heads entries
	grep -q "line 4 is another one than the ledger says" out
	rm flows/uses.*
	query "dst port 1" >/dev/null
	ends 1 flow uses --archive flows --verify --heads entries
	grep -q "line 2 is missing: the ledger knows 4" out
}

@test "policy: a second writer, which is refused, changes nothing of it" {
	"$NOROSHI" flow collect --listen "udp:127.0.0.1:$port" --archive flows --own 198.51.100.0/24 >/dev/null 2>collect.err 3>&- &
	collector=$!
	for _ in $(seq 100); do
		! grep -q event=listen collect.err || break
		sleep 0.1
	done
	cp flows/policy.json before
	uses=$(wc -l <flows/uses.jsonl)
	ends 4 flow keep collect.err --archive flows --own 203.0.113.0/24 --plain-clients --reason "mine"
	one_line "$message" "is writing to it"
	cmp before flows/policy.json
	equal "$(wc -l <flows/uses.jsonl)" "$uses"
	for process in "$collector" $(pgrep -P "$collector"); do # keys and addresses go into no core file
		grep -qE '^Max core file size +0 +0 ' "/proc/$process/limits"
	done
	kill -INT "$collector"
	wait "$collector"
	collector=
}

@test "uses: what is asked behind padding shows by its length and hash" {
	collect
	expression="dst port 443 $(printf ' %.0s' $(seq 2000)) and packets > 1"
	ends 0 flow query --archive flows --purpose own-operation "$expression"
	hash=$(printf %s "$expression" | sha256sum | cut -d' ' -f1)
	noroshi flow uses --archive flows --json | jq -r 'select(.act == "query") | .question' >questions
	grep -qF "(${#expression} bytes, sha256 $hash)" questions
}

@test "keep: an archive that is new is no trouble; a file that is not there is told alone" {
	ends 3 flow keep missing.pcap --archive new --own 198.51.100.0/24
	one_line "$message" missing.pcap
}
