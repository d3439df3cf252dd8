# SPDX-License-Identifier: Apache-2.0
# noroshi ledger: entries in, proofs out; what others can check without noroshi; what was tampered with.
load common

setup() {
	cd "$BATS_TEST_TMPDIR"
	noroshi key new --out keys --origin log.example/golden >/dev/null
	vkey=$(<keys/ledger.vkey)
}

teardown() {
	[ -z "${server:-}" ] || kill "$server"
	[ -z "${witness:-}" ] || kill "$witness"
}

lines() { seq -f '{"kind":"audit","n":%.0f}' "$1" "$2"; }

append() { noroshi ledger append --keys keys --json "$@"; }

ends() { # STATUS COMMAND...; standard output in out, standard error in $message
	local wanted=$1 status=0
	shift
	noroshi "$@" >out 2>err || status=$?
	message=$(<err)
	equal "$status" "$wanted" "exit status of noroshi $*, which said \"$message\""
}

# The ledger begins with its keys; what comes after is ours.
begin() {
	lines 0 0 | append >first.json
	base=$(jq .first first.json)
}

serve() { # FOLDER: by a web server that knows nothing of logs; its address in $url
	python3 -u -m http.server --bind 127.0.0.1 --directory "$1" 0 >server.out 2>server.err 3>&- &
	server=$!
	for _ in $(seq 100); do
		url=$(sed -n 's/.*(\(http[^)]*\)).*/\1/p' server.out)
		[ -z "$url" ] || break
		sleep 0.1
	done
	[ -n "$url" ]
}

# A writer that waits for more; its end is the end of descriptor 9.
hold() {
	mkfifo pipe
	noroshi ledger append --keys keys --json pipe >held.json 3>&- &
	writer=$!
	exec 9>pipe
	for _ in $(seq 200); do
		[ ! -S keys/ledger/.state/append ] || return 0
		sleep 0.05
	done
	return 1
}

witness_start() { # PORT; the port it has in $port
	"$NOROSHI" ledger witness --key w1 --state state --log keys/ledger.vkey --listen "127.0.0.1:$1" >w1.out 2>w1.err 3>&- &
	witness=$!
	for _ in $(seq 200); do
		port=$(sed -n 's/.*event=listen address=127.0.0.1:\([0-9]*\).*/\1/p' w1.err)
		[ -z "$port" ] || return 0
		sleep 0.1
	done
	return 1
}

logged() { # TEXT in a line of the authority's log about its ledger
	for _ in $(seq 300); do
		! grep event=ledger served.err | grep -q "$1" || return 0
		sleep 0.1
	done
	cat served.err
	return 1
}

@test "entries are appended, exported as they were, and numbered" {
	begin
	lines 1 300 >entries
	append entries >appended.json
	equal "$(jq -c '[.first, .count]' appended.json)" "[$((base + 1)),300]"
	equal "$(jq .size appended.json)" "$((base + 301))"
	noroshi ledger export --keys keys --from $((base + 1)) | jq -c .entry >exported
	cmp entries exported
	equal "$(noroshi ledger export --keys keys --kind audit | wc -l)" 301
	equal "$(noroshi ledger export --keys keys --kind audit --from $((base + 5)) --count 3 | jq -c '[.index, .entry.n]' | tr '\n' ' ')" \
		"[$((base + 5)),5] [$((base + 6)),6] [$((base + 7)),7] "
	equal "$(noroshi ledger export --keys keys --kind nothing | wc -l)" 0
}

@test "what is no JSON is kept, too; empty lines are no entries; the last line needs no end" {
	begin
	printf 'plain text\n\n\xff\xfe\r\n{"a":1} x' | append - >appended.json
	equal "$(jq .count appended.json)" 3
	equal "$(noroshi ledger export --keys keys --from $((base + 1)) | jq -r '.bytes | @base64d' | head -n 1)" "plain text"
	equal "$(noroshi ledger export --keys keys --from $((base + 2)) --count 1 | jq -r .bytes)" "//4="
	printf '{"a": 1.50, "a":"\\u72fc",  "b":[ ]}\n' >odd # as it is, not as a reader would write it
	append odd >/dev/null
	equal "$(noroshi ledger export --keys keys --from $((base + 4)))" "{\"index\":$((base + 4)),\"entry\":$(<odd)}"
}

@test "a large input is read in pieces, and no line is cut" {
	begin
	lines 1 120000 >entries # 3 MB
	append entries >appended.json
	equal "$(jq .count appended.json)" 120000
	noroshi ledger export --keys keys --from $((base + 1)) | jq -c .entry >exported
	cmp entries exported
	noroshi ledger verify --keys keys >/dev/null
	{ echo one; head -c 3000000 /dev/zero | tr '\0' x; } >entries
	ends 3 ledger append --keys keys entries
	one_line "$message" entries "line 2"
}

@test "a line that is too long is named, and what was before it is kept" {
	begin
	{ echo one; head -c 65536 /dev/zero | tr '\0' x; echo; echo three; } >entries
	ends 3 ledger append --keys keys entries
	one_line "$message" entries "line 2" 65535
	equal "$(noroshi ledger export --keys keys --from $((base + 1)) | jq -r '.bytes | @base64d')" one
	head -c 65535 /dev/zero | tr '\0' x | append >appended.json
	equal "$(jq .count appended.json)" 1
}

@test "a proof is verified by the key alone" {
	begin
	lines 1 700 | append >/dev/null
	noroshi ledger prove --keys keys $((base + 255)) >proof
	lines 255 255 >entry
	equal "$(head -n 2 proof | tr '\n' ' ')" "c2sp.org/tlog-proof@v1 index $((base + 255)) "
	equal "$(noroshi ledger prove --keys keys --json $((base + 255)) | jq -c '[.index, .size, (.proof | length), .signature_checked]')" \
		"[$((base + 255)),$((base + 701)),10,true]"
	equal "$(noroshi ledger prove --keys keys --json $((base + 255)) | jq -r '.entry')" "$(<entry)"
	rm -r keys/ledger
	noroshi ledger verify --vkey "$vkey" proof entry
	noroshi ledger verify --vkey keys/ledger.vkey --json proof entry | jq -e '.valid and .size == '$((base + 701)) >/dev/null
	lines 256 256 >other
	ends 1 ledger verify --vkey "$vkey" proof other
	noroshi ledger verify --vkey "$vkey" --json proof other >verdict || true
	equal "$(jq -c '[.valid, (.reason | length > 0)]' verdict)" "[false,true]"
	noroshi key new --out other_keys >/dev/null
	ends 1 ledger verify --vkey other_keys/ledger.vkey proof entry
	LC_ALL=ja_JP.UTF-8 noroshi ledger verify --vkey "$vkey" proof entry | grep -q 有効
}

@test "a proof with any line changed does not verify" {
	begin
	lines 1 20 | append >/dev/null
	lines 7 7 >entry
	noroshi ledger prove --keys keys $((base + 7)) >proof
	noroshi ledger verify --vkey "$vkey" proof entry >/dev/null
	for line in $(seq "$(wc -l <proof)"); do
		# the last but third character of the line, to another of the alphabet
		awk -v n="$line" 'NR == n { c = substr($0, length($0) - 2, 1); d = c == "A" ? "B" : "A"; $0 = substr($0, 1, length($0) - 3) d substr($0, length($0) - 1) } { print }' proof >changed
		cmp -s proof changed && continue
		verdict=0
		noroshi ledger verify --vkey "$vkey" changed entry >out 2>err || verdict=$?
		[[ $verdict == [13] ]] || {
			echo "line $line: $verdict"
			return 1
		}
	done
}

@test "a web server hands the ledger out, and a stranger's reader verifies it" {
	begin
	lines 1 1000 | append >/dev/null
	serve keys/ledger
	for n in 1 255 256 512 999 1000; do
		equal "$(python3 "$golden/ledger_reader.py" "$url" "$vkey" $((base + n)))" "$(lines "$n" "$n")"
	done
	lines 1001 1400 | append >/dev/null # partial tiles become full ones
	equal "$(python3 "$golden/ledger_reader.py" "$url" "$vkey" $((base + 1400)))" "$(lines 1400 1400)"
	! python3 "$golden/ledger_reader.py" "$url" "$vkey" $((base + 1401)) 2>/dev/null
}

@test "a whole ledger is verified; a change anywhere is found" {
	begin
	lines 1 600 | append >/dev/null
	noroshi ledger verify --keys keys >/dev/null
	for file in $(cd keys/ledger && find tile -type f); do
		rm -rf copy && cp -r keys/ledger copy
		size=$(stat -c %s "copy/$file")
		byte=$(od -An -tu1 -j $((size / 2)) -N 1 "copy/$file")
		printf "\\x$(printf %x $(((byte + 1) % 256)))" | dd of="copy/$file" bs=1 seek=$((size / 2)) conv=notrunc status=none
		ends 1 ledger verify --vkey "$vkey" --ledger copy
		rm "copy/$file"
		ends 1 ledger verify --vkey "$vkey" --ledger copy
	done
	sed '2s/.*/600/' keys/ledger/checkpoint >copy/checkpoint
	ends 1 ledger verify --vkey "$vkey" --ledger copy
}

@test "a ledger goes on from an earlier checkpoint, another one does not" {
	begin
	lines 1 10 | append >/dev/null
	cp keys/ledger/checkpoint old
	lines 11 300 | append >/dev/null
	noroshi ledger verify --keys keys --old old --json | jq -e '.valid and .old_size == '$((base + 11)) >/dev/null
	mkdir fork && cp keys/ledger.key keys/ledger.vkey fork/
	lines 1 300 | noroshi ledger append --keys fork >/dev/null
	ends 1 ledger verify --keys fork --old old
	grep -q "does not go on" out
}

@test "a folder that is brought back from a copy is not written to" {
	begin
	cp -r keys/ledger copy
	lines 1 10 | append >/dev/null
	rm -r keys/ledger && mv copy keys/ledger
	ends 4 ledger append --keys keys first.json
	one_line "$message" "rolled back" keys/ledger
}

@test "an authority wants the ledger for itself: it is told who writes" {
	begin
	hold
	ends 4 timestamp serve --keys keys --listen 127.0.0.1:0
	one_line "$message" "is being written by process" noroshi
	exec 9>&-
	wait "$writer"
	append first.json >/dev/null
}

@test "while another process writes, entries are handed to it" {
	begin
	hold
	lines 1 700 >entries # more than one message holds
	append 9>&- entries >appended.json
	equal "$(jq -c '[.first, .last, .count, has("size")]' appended.json)" "[$((base + 1)),$((base + 700)),700,false]"
	head -c 65535 /dev/zero | tr '\0' x >long
	for _ in 1 2 3 4; do cat long; echo; done | append 9>&- >appended.json
	equal "$(jq -c '[.first, .count]' appended.json)" "[$((base + 701)),4]"
	noroshi ledger append --keys keys first.json 9>&- >told
	grep -qx "1 entries appended: $((base + 705)) to $((base + 705))" told
	grep -q "^log.example/golden: .* publishes them" told
	exec 9>&-
	wait "$writer"
	equal "$(jq -c '[.count, .size]' held.json)" "[0,$((base + 706))]"
	noroshi ledger export --keys keys --from $((base + 1)) --count 700 | jq -c .entry >exported
	cmp entries exported
	noroshi ledger verify --vkey "$vkey" --ledger keys/ledger >/dev/null
}

@test "a witness cosigns, refuses what was brought back, and its name is on the checkpoint" {
	begin
	noroshi key note witness.example/w1 --out w1 >/dev/null
	witness_start 0
	cosigner=$(<w1.out)
	with=(--witness "$cosigner http://127.0.0.1:$port" --quorum 1)
	printf 'log %s\nwitness w1 %s\nquorum w1\n' "$vkey" "$cosigner" >policy
	ends 1 ledger verify --policy policy --ledger keys/ledger # nobody cosigned yet
	lines 1 10 | append "${with[@]}" >/dev/null
	noroshi ledger verify --policy policy --ledger keys/ledger --json | jq -e '.witnesses[0].name == "witness.example/w1"' >/dev/null
	cp -r keys other
	lines 11 20 | append "${with[@]}" >/dev/null
	noroshi ledger verify --policy policy --ledger keys/ledger >/dev/null
	hash=$(head -n 1 keys/ledger/checkpoint | tr -d '\n' | sha256sum | cut -d ' ' -f 1)
	equal "$(curl -sS "http://127.0.0.1:$port/$hash/checkpoint" | sed -n 2p)" "$((base + 21))"
	equal "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/nothing")" 404
	equal "$(printf 'old 0\n\n' | cat - keys/ledger/checkpoint | curl -s -w '%{http_code} %{content_type}' --data-binary @- "http://127.0.0.1:$port/add-checkpoint" | tr '\n' ' ')" \
		"$((base + 21)) 409 text/x.tlog.size"
	ends 4 ledger append --keys other "${with[@]}" first.json # a copy of earlier, keys and all
	one_line "$message" "rolled back" "127.0.0.1:$port"
	kill "$witness" && wait "$witness"
	witness=
	lines 21 30 >more
	ends 4 ledger append --keys keys "${with[@]}" more
	one_line "$message" "too few witnesses"
	equal "$(noroshi ledger show --keys keys --json | jq .size)" "$((base + 21))" # not published, and not lost
	lines 31 31 | append >/dev/null
	equal "$(noroshi ledger show --keys keys --json | jq .size)" "$((base + 32))"
}

@test "an authority logs what hinders its ledger, and when that is over" {
	noroshi key note witness.example/w1 --out w1 >/dev/null
	witness_start 0
	kill "$witness" && wait "$witness"
	witness=
	"$NOROSHI" timestamp serve --keys keys --listen 127.0.0.1:0 --witness "$(<w1.out) http://127.0.0.1:$port" --quorum 1 >served.out 2>served.err 3>&- &
	server=$!
	logged "too few witnesses"
	equal "$(grep -c event=ledger served.err)" 1
	witness_start "$port"
	logged "published again"
	noroshi ledger append --keys keys --json <<<'{"kind":"audit"}' | jq -e '.count == 1 and has("size") == false' >/dev/null
}

@test "wrong usage and missing input" {
	begin
	ends 2 ledger append first.json
	one_line "$message" --keys
	ends 3 ledger append --keys keys nothing
	one_line "$message" nothing
	ends 2 ledger prove --keys keys x
	ends 3 ledger prove --keys keys 99999
	one_line "$message" 99999
	ends 2 ledger prove 1
	ends 2 ledger verify --ledger keys/ledger
	one_line "$message" --vkey
	ends 2 ledger verify --vkey "$vkey" first.json
	ends 3 ledger verify --vkey "$vkey" nothing first.json
	ends 3 ledger verify --vkey "$vkey" first.json first.json
	ends 2 ledger verify --vkey nonsense --ledger keys/ledger
	ends 3 ledger show --ledger nothing
	ends 2 ledger witness --state s --key nothing --log "$vkey"
	one_line "$message" nothing.vkey
}

@test "a pipe in a stranger's folder keeps nobody waiting" {
	begin
	cp -r keys/ledger copy
	for file in checkpoint $(cd copy && find tile -type f); do
		mv "copy/$file" file && mkfifo "copy/$file"
		ends 1 ledger verify --vkey "$vkey" --ledger copy </dev/null
		rm "copy/$file" && mv file "copy/$file"
	done
	ends 0 ledger verify --vkey "$vkey" --ledger copy
}
