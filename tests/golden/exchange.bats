#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Five carriers and a collector, by files: what is found together, what is refused, what is recorded and erased.
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	day=$(date -u -d yesterday +%F)
}

exchange() { noroshi flow exchange "$@"; }

keys() { # makes the keys of a collector and NAME...
	local name
	for name in isac "$@"; do noroshi key note "$name.example" --out "$name" >/dev/null; done
}

group() { # THRESHOLD CANDIDATES NAME...
	local threshold=$1 candidates=$2 parties=() name
	shift 2
	keys "$@"
	for name; do parties+=(--party "$name.vkey"); done
	exchange group --name test --threshold "$threshold" --candidates "$candidates" --collector isac.vkey \
		"${parties[@]}" --out test.group >group.out
	exchange secret --group test.group --day "$day" --out secret >/dev/null
	for name; do cp -p secret "secret.$name"; done
}

finding() { # ADDRESS PORT CONFIDENCE WEIGHT
	printf '{"kind":"c2-server","subject":"%s","port":%s,"protocol":"tcp","confidence":%s,"clients":20,' "$1" "$2" "$3"
	printf '"first_seen":"%sT01:00:00Z","last_seen":"%sT22:00:00Z","reasons":[{"code":"comb","text_en":"","text_ja":"",' "$day" "$day"
	printf '"value":60,"weight":%s}],"alarm":false}\n' "$4"
}

offer() { # NAME [OPTION...]
	local name=$1
	shift
	exchange offer --group test.group --secret "secret.$name" --sign "$name" --day "$day" --own 198.51.100.0/24 \
		--out "$name.offer" "$name.jsonl" "$@"
}

open_reply() { # NAME NUMBER [OPTION...]
	local name=$1 number=$2
	shift 2
	exchange open --group test.group --secret "secret.$name" --own 198.51.100.0/24 "replies/$number.reply" \
		"$name.jsonl" "$@"
}

refused() { # STATUS WORD...: what bats' run has left
	equal "$status" "$1" "exit status"
	shift
	one_line "$output" "$@"
}

@test "a botnet of five carriers is found together, alone by none" {
	group 2 200 a b c d e
	local i=0 name
	for name in a b c d e; do
		i=$((i + 1))
		{
			finding 203.0.113.9 8443 0.05 3
			finding "203.0.113.$((100 + i))" 443 0.4 6
			[ "$i" -gt 2 ] || finding 2001:db8::7 443 0.02 1
		} >"$name.jsonl"
		offer "$name" >/dev/null
	done
	exchange join --group test.group --sign isac --out replies ./*.offer >/dev/null
	i=0
	for name in a b c d e; do
		i=$((i + 1))
		open_reply "$name" "$i" --json >joint
		equal "$(jq -r 'select(.alarm) | "\(.subject) \(.port) \(.carriers) \(.reasons[0].code) \(.reasons[0].weight)"' joint)" \
			"203.0.113.9 8443 5 joint 6"
		equal "second: $(jq -r 'select(.kind and (.alarm | not)) | .subject' joint)" \
			"second: $([ "$i" -gt 2 ] || echo 2001:db8::7)"
		equal "$(jq -c 'select(.summary) | .summary | [.offers, .places == .explained]' joint)" "[5,true]"
	done
	# what came out of it can be listed
	exchange list --own 198.51.100.0/24 joint >list
	equal "$(jq -c '[.address,.port,.reasons,.carriers,.clients]' list)" '["203.0.113.9",8443,["joint"],"5+","10-99"]'
	exchange check list
}

@test "a list holds no client, and what holds one is refused" {
	{
		finding 203.0.113.9 443 0.99 5 | sed 's/"alarm":false/"alarm":true/'
		finding 198.51.100.9 443 0.99 5 | sed 's/"alarm":false/"alarm":true/'
		finding 100::5a1c:1 443 0.99 5 | sed 's/"alarm":false/"alarm":true/'
		echo '{"kind":"infected-host","subject":"198.51.100.7","alarm":true,"confidence":1}'
	} >findings
	exchange list --own 198.51.100.0/24 findings >list 2>err
	equal "$(wc -l <list)" 1
	grep -q '"203.0.113.9"' list
	grep -q '^noroshi: 2 findings are not shared' err
	# a person's word stands above the confidence, both ways
	finding 203.0.113.10 443 0.2 1 >>findings
	{
		echo '{"subject":"203.0.113.9","port":443,"protocol":"tcp","verdict":"benign"}'
		echo '{"subject":"203.0.113.10","port":443,"protocol":"tcp","verdict":"confirmed"}'
	} >feedback
	exchange list --own 198.51.100.0/24 --feedback feedback findings 2>/dev/null >said
	equal "$(jq -r .address said)" 203.0.113.10
	sed 's/203.0.113.9/198.51.100.9/' list >of-a-client
	run exchange check --own 198.51.100.0/24 of-a-client
	equal "$status" 1
	sed 's/}$/,"note":"198.51.100.9"}/' list >more
	run exchange check more
	equal "$status" 1
	run exchange list findings
	refused 2 "--own CIDR"
}

@test "one offer a day; days before it and beyond the retention are over" {
	group 2 50 a b
	finding 203.0.113.9 443 0.1 1 >a.jsonl
	offer a >/dev/null
	run offer a
	refused 1 "was made already"
	run exchange offer --group test.group --secret secret.b --sign b --day "$(date -u -d '40 days ago' +%F)" \
		--own 198.51.100.0/24 --out b.offer a.jsonl
	refused 1 "30 days"
	run exchange offer --group test.group --secret secret.b --sign b --day "$(date -u -d '2 days' +%F)" \
		--own 198.51.100.0/24 --out b.offer a.jsonl
	refused 1 "not come yet"
	run exchange offer --group test.group --secret secret.b --sign isac --day "$day" --own 198.51.100.0/24 --out b.offer a.jsonl
	refused 1 "not a party"
	[ ! -e b.offer ]
}

@test "offers that are cut, changed, foreign or twice are refused, and nothing is answered" {
	group 2 50 a b
	finding 203.0.113.9 443 0.1 1 | tee a.jsonl >b.jsonl
	offer a >/dev/null
	offer b >/dev/null
	head -c 5000 b.offer >cut.offer
	run exchange join --group test.group --sign isac --out replies a.offer cut.offer
	refused 3 cut.offer "5000 bytes"
	{ head -c 2000 b.offer && printf '\1\2\3' && tail -c +2004 b.offer; } >changed.offer
	run exchange join --group test.group --sign isac --out replies a.offer changed.offer
	equal "$output" "$(grep -E 'not what b.example signed|not a share' <<<"$output")"
	run exchange join --group test.group --sign isac --out replies a.offer a.offer
	refused 3 "has made an offer already"
	run exchange join --group test.group --sign a --out replies a.offer b.offer
	refused 1 "not the collector"
	run exchange join --group test.group --sign isac --out replies a.offer
	refused 2 "1 offers"
	[ -z "$(ls replies)" ]
	exchange join --group test.group --sign isac --out replies a.offer b.offer >/dev/null
	run exchange open --group test.group --secret secret --own 198.51.100.0/24 a.offer a.jsonl
	refused 3 "not a reply"
	chmod 644 secret.a
	run open_reply a 1
	refused 4 "chmod 600"
}

@test "a killed offer leaves no half file and no second chance" {
	group 2 200000 a b
	finding 203.0.113.9 443 0.1 1 >a.jsonl
	for pause in 0.02 0.05 0.1 0.2; do
		"$NOROSHI" flow exchange offer --group test.group --secret secret.a --sign a --day "$day" --own 198.51.100.0/24 \
			--out a.offer a.jsonl >/dev/null 2>&1 3>&- &
		sleep "$pause"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		[ ! -e a.offer ] || break
		grep -q "^offered none" secret.a || break
	done
	if [ -e a.offer ]; then
		equal "$(stat -c %s a.offer)" "$(exchange group --group test.group --json | jq .offer_bytes)"
	fi
	grep -qE "^offered (none|$day)$" secret.a
}

@test "uses and the ledger hold what was done, and no counts" {
	group 2 50 a b
	finding 203.0.113.9 443 0.1 1 | tee a.jsonl >b.jsonl
	noroshi key new --out keys >/dev/null 2>&1
	offer a --keys keys >/dev/null
	offer b >/dev/null
	exchange join --group test.group --sign isac --out replies a.offer b.offer >/dev/null
	open_reply a 1 --keys keys >/dev/null
	cp replies/1.reply kept.reply
	exchange erase --group test.group --secret secret.a --keys keys --before "$(date -u +%F)" a.offer replies >/dev/null
	noroshi ledger export --ledger keys/ledger --kind flow-exchange >entries
	equal "$(jq -r '.entry.act // .act' entries | paste -sd' ')" "exchange-offer exchange-open exchange-erase"
	[ "$(grep -c candidates entries)" = 0 ]
	# erased: the files are gone, the secret has moved on
	[ ! -e a.offer ]
	[ -z "$(ls replies)" ]
	grep -q "^day $(date -u +%F)$" secret.a
	run exchange open --group test.group --secret secret.a --own 198.51.100.0/24 kept.reply a.jsonl
	refused 1 "was destroyed"
}
