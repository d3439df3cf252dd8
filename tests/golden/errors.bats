# SPDX-License-Identifier: Apache-2.0
# Bad input and bad usage: one line that names the input, the reason and the remedy, and the documented exit status.
load common

fails() { # STATUS COMMAND...; standard error in $message
	local wanted=$1 status=0
	shift
	noroshi "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null || status=$?
	message=$(<"$BATS_TEST_TMPDIR/err")
	equal "$status" "$wanted" "exit status of noroshi $*, which said \"$message\""
}

one_packet() { pcap "$1" <<<"1600000000 198.51.100.7 192.0.2.1 tcp S 40000 23"; }

@test "an empty file" {
	: >"$BATS_TEST_TMPDIR/empty.pcap"
	fails 3 telescope read "$BATS_TEST_TMPDIR/empty.pcap"
	one_line "$message" empty.pcap empty
}

@test "a folder" {
	fails 3 telescope read "$BATS_TEST_TMPDIR"
	one_line "$message" "$BATS_TEST_TMPDIR"
}

@test "a file that is not there" {
	fails 3 telescope read "$BATS_TEST_TMPDIR/nothing.pcap"
	one_line "$message" nothing.pcap "No such file"
}

@test "a file of another format" {
	seq 100 >"$BATS_TEST_TMPDIR/notes.txt"
	fails 3 telescope read "$BATS_TEST_TMPDIR/notes.txt"
	one_line "$message" notes.txt "tcpdump -w"
}

@test "no file at all" {
	fails 2 telescope read
	[[ $message == *FILE* ]]
}

@test "an unknown option suggests the nearest" {
	fails 2 telescope read --workerz 2 x.pcap
	[[ $message == *--workerz* && $message == *--workers* ]]
}

@test "an unknown area" {
	fails 2 telescop read x.pcap
	[[ $message == *telescop* ]]
}

@test "an unknown verb" {
	fails 2 telescope reed x.pcap
	[[ $message == *reed* ]]
}

@test "a number out of range" {
	fails 2 telescope read --workers 0 x.pcap
	one_line "$message" workers
	fails 2 telescope read --workers 65 x.pcap
	one_line "$message" workers
}

@test "a prefix with host bits set names the right one" {
	fails 2 telescope read --dark 192.0.2.1/24 x.pcap
	one_line "$message" 192.0.2.1/24 192.0.2.0/24
}

@test "a file that an option names and that is not there" {
	one_packet "$BATS_TEST_TMPDIR/a.pcap"
	for option in config lists port-classes mmdb as-mmdb; do
		fails 2 telescope read "--$option" "$BATS_TEST_TMPDIR/missing" "$BATS_TEST_TMPDIR/a.pcap"
		one_line "$message" "$BATS_TEST_TMPDIR/missing"
	done
}

@test "a list with an entry that is no address" {
	one_packet "$BATS_TEST_TMPDIR/a.pcap"
	echo '{"list": ["192.0.2.0/24", "example.org"]}' >"$BATS_TEST_TMPDIR/list.json"
	fails 2 telescope read --lists "$BATS_TEST_TMPDIR/list.json" "$BATS_TEST_TMPDIR/a.pcap"
	one_line "$message" list.json "entry 2" example.org
}

@test "one bad file of three: the others are read, exit 3" {
	one_packet "$BATS_TEST_TMPDIR/a.pcap"
	one_packet "$BATS_TEST_TMPDIR/c.pcap"
	fails 3 telescope read --json "$BATS_TEST_TMPDIR/a.pcap" "$BATS_TEST_TMPDIR/b.pcap" "$BATS_TEST_TMPDIR/c.pcap"
	one_line "$message" b.pcap
	equal "$(jq .packets "$BATS_TEST_TMPDIR/out")" 2
}

@test "a file cut at every byte of its last record keeps all the others" {
	for i in 1 2 3; do echo "160000000$i 198.51.100.$i 192.0.2.1 tcp S 40000 23"; done | pcap "$BATS_TEST_TMPDIR/whole.pcap"
	size=$(stat -c %s "$BATS_TEST_TMPDIR/whole.pcap") # 24 + 3 records of 16 + 40
	equal "$size" 192
	for cut in $(seq 137 $((size - 1))); do
		head -c "$cut" "$BATS_TEST_TMPDIR/whole.pcap" >"$BATS_TEST_TMPDIR/cut.pcap"
		fails 3 telescope read --json "$BATS_TEST_TMPDIR/cut.pcap"
		equal "$(jq -c '[.packets, .dropped.record_cut]' "$BATS_TEST_TMPDIR/out")" '[2,1]' "cut at $cut"
	done
}

@test "a record with an impossible length is skipped and what follows is read" {
	for i in 1 2 3 4 5 6 7 8; do echo "160000000$i 198.51.100.$i 192.0.2.1 tcp S 40000 23"; done | pcap "$BATS_TEST_TMPDIR/a.pcap"
	# the captured length of the second record
	printf '\xff\xff\xff\x7f' | dd of="$BATS_TEST_TMPDIR/a.pcap" bs=1 seek=$((24 + 56 + 8)) conv=notrunc status=none
	fails 3 telescope read --json "$BATS_TEST_TMPDIR/a.pcap"
	equal "$(jq -c '[.packets, .dropped.record_damaged > 0]' "$BATS_TEST_TMPDIR/out")" '[7,true]'
	[[ $message == *"a.pcap"*"offset 80"* ]]
}

@test "a store in a folder that is not there" {
	one_packet "$BATS_TEST_TMPDIR/a.pcap"
	fails 4 telescope read --store "$BATS_TEST_TMPDIR/no/such/folder/x.db" "$BATS_TEST_TMPDIR/a.pcap"
	one_line "$message" no/such/folder
}

@test "a store that is no database is left as it is" {
	one_packet "$BATS_TEST_TMPDIR/a.pcap"
	seq 1000 >"$BATS_TEST_TMPDIR/x.db"
	fails 4 telescope read --store "$BATS_TEST_TMPDIR/x.db" "$BATS_TEST_TMPDIR/a.pcap"
	one_line "$message" x.db
	equal "$(md5sum <"$BATS_TEST_TMPDIR/x.db")" "$(seq 1000 | md5sum)"
}

@test "a full disk" {
	one_packet "$BATS_TEST_TMPDIR/a.pcap"
	status=0
	message=$(noroshi telescope read --json "$BATS_TEST_TMPDIR/a.pcap" 2>&1 >/dev/full) || status=$?
	equal "$status" 4
	one_line "$message" "No space left"
}

@test "a report of a store that is not there" {
	fails 4 telescope report --store "$BATS_TEST_TMPDIR/none.db" --by port
	one_line "$message" none.db
	[ ! -e "$BATS_TEST_TMPDIR/none.db" ]
}

@test "a port that is in use" {
	node -e 'const s = require("net").createServer(); s.listen(0, "127.0.0.1", () => console.log(s.address().port)); setTimeout(() => process.exit(), 20000)' >"$BATS_TEST_TMPDIR/port" 3>&- &
	other=$!
	for _ in $(seq 100); do
		[ -s "$BATS_TEST_TMPDIR/port" ] && break
		sleep 0.05
	done
	one_packet "$BATS_TEST_TMPDIR/a.pcap"
	noroshi telescope read --store "$BATS_TEST_TMPDIR/x.db" "$BATS_TEST_TMPDIR/a.pcap" >/dev/null
	status=0
	message=$(noroshi serve --store "$BATS_TEST_TMPDIR/x.db" --listen "127.0.0.1:$(<"$BATS_TEST_TMPDIR/port")" 2>&1 >/dev/null </dev/null) || status=$?
	kill "$other"
	equal "$status" 4
	one_line "$message" "127.0.0.1:$(<"$BATS_TEST_TMPDIR/port")" "in use"
}

@test "packets that are in two readings count twice, and that is said; the same reading again does not" {
	one_packet "$BATS_TEST_TMPDIR/a.pcap"
	pcap "$BATS_TEST_TMPDIR/b.pcap" <<<"1600000060 198.51.100.8 192.0.2.1 tcp S 40000 23"
	cat "$BATS_TEST_TMPDIR/b.pcap" <(tail -c +25 "$BATS_TEST_TMPDIR/a.pcap") >"$BATS_TEST_TMPDIR/ba.pcap"
	read_into() { noroshi telescope read --store "$BATS_TEST_TMPDIR/x.db" "${@/#/$BATS_TEST_TMPDIR/}" 2>&1 >/dev/null; }
	[ -z "$(read_into a.pcap)" ]
	[ -z "$(read_into a.pcap)" ]
	[ -z "$(read_into b.pcap)" ]
	[ -z "$(read_into a.pcap b.pcap)" ] || one_line "$(read_into a.pcap b.pcap)" x.db b.pcap "counts twice"
	one_line "$(read_into ba.pcap)" x.db "counts twice"
}

@test "a store on a full disk does not cost the report" {
	disk=$BATS_TEST_TMPDIR/disk
	mkdir "$disk"
	# room for an empty store, not for the rows
	mount -t tmpfs -o size=680k tmpfs "$disk" 2>/dev/null || skip "needs the right to mount a small disk"
	for i in $(seq 4000); do echo "$((1600000000 + i)) 198.51.100.7 192.0.2.1 tcp S 40000 $((i * 16))"; done |
		pcap "$BATS_TEST_TMPDIR/many.pcap"
	status=0
	noroshi telescope read --json --store "$disk/x.db" "$BATS_TEST_TMPDIR/many.pcap" >"$BATS_TEST_TMPDIR/out" \
		2>"$BATS_TEST_TMPDIR/err" || status=$?
	umount "$disk"
	equal "$status" 4
	one_line "$(<"$BATS_TEST_TMPDIR/err")" x.db "disk is full"
	equal "$(jq .packets "$BATS_TEST_TMPDIR/out")" 4000
}
