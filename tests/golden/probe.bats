# SPDX-License-Identifier: Apache-2.0
# flow probe without a network: who may be asked, what would be sent, how it refuses. Servers: tests/netns/probe.bats.
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	noroshi key note alice --out alice.key >/dev/null
	printf '%s\n' 'noroshi probe v1' 'who The desk, desk@example.net' 'purpose a test' "from $(date -u -d '-1 hour' +%FT%TZ)" \
		"until $(date -u -d '1 hour' +%FT%TZ)" 'classes any' 'target 203.0.112.0/24:443' 'target 203.0.113.0/24' 'passive 203.0.112.9' >allow
}

approve() { noroshi flow probe --approve allow --sign alice.key; }

dry() { noroshi flow probe --dry-run --allow allow --authority alice.key.vkey "$@"; }

@test "what is signed is shown to who signs it, and stands in the file as it was" {
	cp allow text
	equal "$(approve)" "$(<text)"
	equal "$(head -n "$(wc -l <text)" allow)" "$(<text)"
	equal "$(tail -n 2 allow | cut -c1-10)" "$(printf '\n— alice ')"
	local status=0
	echo 'target 0.0.0.0/0' >>allow
	noroshi flow probe --approve allow --sign alice.key >out 2>err || status=$?
	equal $status 1
	one_line "$(<err)" allow
}

@test "a dry run says who is asked and with which bytes; the hellos are those of nth1" {
	approve >/dev/null
	local status=0
	dry --json --about https://desk.example/probe 203.0.112.1:443 203.0.112.1:80 203.0.112.9:443 203.0.113.1:443 203.0.112.2:443/udp >plans || status=$?
	equal $status 1
	equal "$(jq -c '.plan | [.address, .port, .protocol, .allowed, .code]' plans)" '["203.0.112.1",80,"tcp",false,"not-named"]
["203.0.112.1",443,"tcp",true,null]
["203.0.112.2",443,"udp",false,"udp"]
["203.0.112.9",443,"tcp",false,"passive-only"]
["203.0.113.1",443,"tcp",false,"class"]'
	equal "$(jq -c 'select(.plan.allowed) | .plan | [.seconds_between, .steps[0].silent_seconds, (.steps | length)]' plans)" '[600,12,11]'
	equal "$(jq -r 'select(.plan.allowed) | .plan.steps[].bytes // empty' plans | tr -d '\n' | python3 -c 'import hashlib, sys
print(hashlib.sha256(bytes.fromhex(sys.stdin.read())).hexdigest())')" 7dfdcfd63f70153010d1c2c57c057c336ac3c948eca7f299a911612fedcdf9a6
	equal "$(jq -r 'select(.plan.allowed) | .plan.steps[10].text' plans | tr -d '\r')" 'HEAD / HTTP/1.1
Host: 203.0.112.1:443
User-Agent: noroshi-probe (+https://desk.example/probe)
Accept: */*
Connection: close'
	[ "$(ls)" = "$(printf '%s\n' alice.key alice.key.vkey allow plans)" ] # nothing was written
}

@test "findings on standard input: servers are taken, everything else is counted" {
	approve >/dev/null
	printf '%s\n' '{"kind":"c2-server","subject":"203.0.112.1","port":443,"protocol":"tcp","confidence":0.9}' \
		'{"kind":"infected-host","subject":"203.0.112.2"}' '203.0.112.3:443' '{"summary":{}}' |
		dry --json - >plans 2>err
	equal "$(jq -r .plan.address plans)" 203.0.112.1
	one_line "$(<err)" '3 lines'
}

@test "what is missing or wrong is said in one line" {
	approve >/dev/null
	local row words status
	while IFS='|' read -r status row words; do
		local got=0
		# shellcheck disable=SC2086 # words of the row
		noroshi flow probe $row >out 2>err </dev/null || got=$?
		equal "$got $row" "$status $row"
		# shellcheck disable=SC2086
		one_line "$(<err)" $words
	done <<-'E'
		2||server
		2|203.0.112.1:443|--allow --authority
		2|--allow allow 203.0.112.1:443|--authority
		2|--allow allow --authority alice.key.vkey 203.0.112.1:443|--state
		2|--allow allow --authority alice.key.vkey --dry-run example.net:443|example.net names
		2|--allow allow --authority alice.key.vkey --dry-run 203.0.112.1|203.0.112.1 PORT
		2|--allow none --authority alice.key.vkey --dry-run 203.0.112.1:443|none
		2|--allow allow --authority alice.key.vkey --dry-run @none|none
		2|--allow allow --authority alice.key.vkey --dry-run --rate 10.5 203.0.112.1:443|rate
		2|--allow allow --authority alice.key.vkey --dry-run --repeat 5 203.0.112.1:443|repeat
		2|--approve allow|--sign
		1|--allow allow --authority alice.key.vkey --dry-run --signatures 2 203.0.112.1:443|signed 2
		2|--allow allow --authority other+00000000+AQID --dry-run 203.0.112.1:443|verifier
	E
}

@test "an allow file that holds nobody's word is refused, recorded, and sends nothing" {
	local status=0
	noroshi flow probe --allow allow --authority alice.key.vkey --state state --once 203.0.113.1:443 >out 2>err || status=$?
	equal $status 1
	one_line "$(<err)" allow signed
	equal "$(jq -c '[.event, .server, .code]' state/record/*.jsonl)" '["refused",null,"allow-file"]'
}
