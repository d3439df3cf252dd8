# SPDX-License-Identifier: Apache-2.0
# Exports: the same tools are found, and where the telescope is cannot be. recover.py is the attacker; its measure
# of chance is six standard deviations, as each export draws its own dice.
load common

setup_file() {
	export WORLD=$BATS_FILE_TMPDIR/world
	noroshi world darknet --seed 7 --packets 120000 --out "$WORLD.pcap" --mmdb "$WORLD.mmdb" --lists "$WORLD.list"
	noroshi telescope export --new-key --key "$WORLD.key" --dark 198.18.0.0/18 --own 203.0.113.0/24 \
		--out "$WORLD.shared.pcap" "$WORLD.pcap"
}

python() { /usr/bin/python3 "$golden/$1.py" "${@:2}"; }

note() { jq -r "$1" "${2:-$WORLD.shared.pcap}.json"; }

# Which sources carry which tools, and how many scan packets they sent; hosts of the own network without their names.
tools_of() { # CAPTURE DARK OWN
	noroshi telescope read --dark "$2" --own "$3" --store "$BATS_TEST_TMPDIR/$(basename "$1").db" "$1" >/dev/null
	noroshi telescope report --store "$BATS_TEST_TMPDIR/$(basename "$1").db" --by source --limit 1000 --json |
		jq -r --arg own "${3%.*}." '.rows[] | select(.tools != "" and .tools != []) |
			[(if .address | startswith($own) then "own" else .address end), .tools, .scan_packets] | @tsv' | sort
}

@test "every source shows the same tools as before" {
	before=$(tools_of "$WORLD.pcap" 198.18.0.0/18 203.0.113.0/24)
	after=$(tools_of "$WORLD.shared.pcap" "$(note '.dark[0]')" "$(note '.own[0]')")
	[ "$(wc -l <<<"$before")" -gt 300 ]
	equal "$after" "$before"
	for tool in mirai zmap masscan nmap; do [[ $before == *$tool* ]]; done
}

@test "every packet is in the export, and nothing had to be withheld" {
	equal "$(note '.frames - .written - ([.dropped[]] | add)')" 0
	equal "$(note '.withheld | length')" 0
	equal "$(note .sha256)" "$(sha256sum "$WORLD.shared.pcap" | cut -d ' ' -f 1)"
	equal "$(json .packets --dark "$(note '.dark[0]')" "$WORLD.shared.pcap")" "$(note .written)"
}

@test "what would lead back to the dark range is no better than chance" {
	python recover "$WORLD.shared.pcap" "$WORLD.pcap" 198.18.0.0/18 >"$BATS_TEST_TMPDIR/leaks" || {
		jq -c '.leaks' "$BATS_TEST_TMPDIR/leaks"
		return 1
	}
	[ "$(jq .pairs "$BATS_TEST_TMPDIR/leaks")" -gt 100000 ]
	equal "[$(python recover "$WORLD.shared.pcap")]" "[]"
}

@test "the same search finds the range where only addresses were rewritten" {
	status=0
	python recover "$WORLD.pcap" "$WORLD.pcap" 198.18.0.0/18 >"$BATS_TEST_TMPDIR/leaks" || status=$?
	equal "$status" 1
	for channel in sequence masscan checksums quotes words times "same sequence"; do
		jq -e --arg c "$channel" '.leaks | index($c) != null' "$BATS_TEST_TMPDIR/leaks" >/dev/null
	done
}

@test "a published capture that gives three networks away does not after an export" {
	capture=$NOROSHI_SHARED/data/telescope/stopddos/amp.dns.RRSIG.fragmented.pcap
	[ -e "$capture" ] || skip "no $capture"
	equal "$(python recover "$capture" | wc -l)" 6 # three in sequence numbers, the same three in identifications
	noroshi telescope export --dark 10.10.10.10/32,2a01:4f8::/32 --out "$BATS_TEST_TMPDIR/x.pcap" "$capture"
	equal "[$(python recover "$BATS_TEST_TMPDIR/x.pcap")]" "[]"
	python recover "$BATS_TEST_TMPDIR/x.pcap" "$capture" 10.10.10.10/32 >/dev/null
	equal "$(note '.withheld.unsafe // 0' "$BATS_TEST_TMPDIR/x.pcap")" 0
	for tool in mirai zmap masscan nmap; do
		equal "$(json ".tools.$tool" "$BATS_TEST_TMPDIR/x.pcap")" "$(json ".tools.$tool" "$capture")" "$tool"
	done
}

@test "every capture format goes through, and its tools stay" {
	[ -d "$NOROSHI_SHARED/data/telescope" ] || skip "no captures in $NOROSHI_SHARED"
	for capture in "$NOROSHI_SHARED"/data/telescope/{libtrace,curated-pcaps,suricata-verify}/*; do
		status=0
		noroshi telescope export --dark 0.0.0.0/0,::/0 --out "$BATS_TEST_TMPDIR/x.pcap" "$capture" \
			2>/dev/null || status=$?
		[ $status -eq 0 ] || [ $status -eq 3 ]
		[ $status -eq 0 ] || [ -e "$BATS_TEST_TMPDIR/x.pcap" ] || continue
		withheld=$(note '[.withheld[]] | add // 0' "$BATS_TEST_TMPDIR/x.pcap")
		equal "$(json '[.packets, .tools]' "$BATS_TEST_TMPDIR/x.pcap")" \
			"$(json "[.packets - $withheld, .tools]" "$capture")" "$capture"
		equal "$withheld" 0 "withheld of $capture"
	done
}

@test "a scan from first to last address within seconds does not keep its order" {
	for i in $(seq 0 999); do
		echo "$((1600000000 + i / 250)).$(printf %06d $((i % 250 * 4000))) 198.51.100.7 198.19.36.0+$i tcp S $((40000 + i)) 23 seq=$((i * 7919 + 1))"
	done | pcap "$BATS_TEST_TMPDIR/scan.pcap"
	noroshi telescope export --dark 198.19.36.0/22 --out "$BATS_TEST_TMPDIR/x.pcap" "$BATS_TEST_TMPDIR/scan.pcap"
	equal "$(python recover "$BATS_TEST_TMPDIR/scan.pcap" "$BATS_TEST_TMPDIR/scan.pcap" 198.19.36.0/22 |
		jq '.channels.order.found')" 996
	python recover "$BATS_TEST_TMPDIR/x.pcap" "$BATS_TEST_TMPDIR/scan.pcap" 198.19.36.0/22 >"$BATS_TEST_TMPDIR/leaks"
	equal "$(jq .channels.order.expected "$BATS_TEST_TMPDIR/leaks")" 498
}

@test "exports with one key have the same addresses, and nothing else to match them by" {
	noroshi telescope export --key "$WORLD.key" --dark 198.18.0.0/18 --own 203.0.113.0/24 \
		--out "$BATS_TEST_TMPDIR/again.pcap" "$WORLD.pcap"
	equal "$(note .dark "$BATS_TEST_TMPDIR/again.pcap")" "$(note .dark)"
	equal "$(note .key.id "$BATS_TEST_TMPDIR/again.pcap")" "$(note .key.id)"
	noroshi telescope export --dark 198.18.0.0/18 --out "$BATS_TEST_TMPDIR/other.pcap" "$WORLD.pcap"
	[ "$(note .key.id "$BATS_TEST_TMPDIR/other.pcap")" != "$(note .key.id)" ]
	[ "$(note '.dark[0]' "$BATS_TEST_TMPDIR/other.pcap")" != "$(note '.dark[0]')" ]
	status=0
	python recover "$BATS_TEST_TMPDIR/again.pcap" "$WORLD.shared.pcap" "$(note '.dark[0]')" >"$BATS_TEST_TMPDIR/leaks" ||
		status=$?
	equal "$(jq -c '[.channels["same sequence", "same identification"].better_than_chance]' "$BATS_TEST_TMPDIR/leaks")" \
		"[true,false]" # Mirai's sequence number is its destination, which is the same by intention
	mirai=$(json .tools.mirai.packets --dark 198.18.0.0/18 "$WORLD.pcap")
	[ "$(jq '.channels["same sequence"].found' "$BATS_TEST_TMPDIR/leaks")" -le "$mirai" ]
}

@test "the key file is the owner's alone" {
	equal "$(stat -c %a "$WORLD.key")" 600
	status=0
	noroshi telescope export --new-key --key "$WORLD.key" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	equal "$status" 2
	one_line "$(<"$BATS_TEST_TMPDIR/err")" world.key exists
	cp "$WORLD.key" "$BATS_TEST_TMPDIR/open.key"
	chmod 644 "$BATS_TEST_TMPDIR/open.key"
	status=0
	noroshi telescope export --key "$BATS_TEST_TMPDIR/open.key" --dark 198.18.0.0/18 --out "$BATS_TEST_TMPDIR/x.pcap" \
		"$WORLD.pcap" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	equal "$status" 4
	one_line "$(<"$BATS_TEST_TMPDIR/err")" open.key "chmod 600"
	[ ! -e "$BATS_TEST_TMPDIR/x.pcap" ]
}

@test "own hosts: anonymised, left out, or kept, as the owner says" {
	own=$(json '[.findings[] | select(.kind == "infected-host") | .count] | add' --dark 198.18.0.0/18 \
		--own 203.0.113.0/24 "$WORLD.pcap")
	[ "$own" -gt 0 ]
	for policy in drop keep; do
		noroshi telescope export --own-hosts $policy --dark 198.18.0.0/18 --own 203.0.113.0/24 \
			--out "$BATS_TEST_TMPDIR/$policy.pcap" "$WORLD.pcap"
	done
	[ "$(note .withheld.own_host "$BATS_TEST_TMPDIR/drop.pcap")" -ge "$own" ]
	equal "$(json '[.findings[] | select(.kind == "infected-host") | .subject] | unique | length > 0' \
		--dark "$(note '.dark[0]' "$BATS_TEST_TMPDIR/keep.pcap")" --own 203.0.113.0/24 "$BATS_TEST_TMPDIR/keep.pcap")" true
}

@test "without the dark range there is no export, and no output is left" {
	status=0
	noroshi telescope export --out "$BATS_TEST_TMPDIR/x.pcap" "$WORLD.pcap" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	equal "$status" 2
	one_line "$(<"$BATS_TEST_TMPDIR/err")" --dark
	status=0
	noroshi telescope export --dark 198.18.0.0/18 --out "$BATS_TEST_TMPDIR/x.pcap" "$BATS_TEST_TMPDIR/missing" 2>/dev/null ||
		status=$?
	equal "$status" 3
	[ ! -e "$BATS_TEST_TMPDIR/x.pcap" ]
	[ ! -e "$BATS_TEST_TMPDIR/x.pcap.json" ]
}

@test "flow tuples are those that are counted by hand, with both codecs" {
	for codec in deflate snappy; do
		noroshi telescope export --format flowtuple --codec $codec --raw --out "$BATS_TEST_TMPDIR/$codec.avro" \
			"$WORLD.pcap" 2>"$BATS_TEST_TMPDIR/err"
		one_line "$(<"$BATS_TEST_TMPDIR/err")" --raw
		equal "$(python flowtuple "$BATS_TEST_TMPDIR/$codec.avro" "$WORLD.pcap")" \
			"$(note .written "$BATS_TEST_TMPDIR/$codec.avro")" "$codec"
	done
	noroshi telescope export --format flowtuple --interval 1h --raw --out "$BATS_TEST_TMPDIR/hour.avro" "$WORLD.pcap" 2>/dev/null
	equal "$(python flowtuple "$BATS_TEST_TMPDIR/hour.avro" "$WORLD.pcap" 3600)" "$(note .written "$BATS_TEST_TMPDIR/hour.avro")"
}

@test "flow tuples have the anonymised destinations unless --raw" {
	noroshi telescope export --format flowtuple --key "$WORLD.key" --dark 198.18.0.0/18 --out "$BATS_TEST_TMPDIR/a.avro" \
		"$WORLD.pcap"
	equal "$(/usr/bin/python3 - "$BATS_TEST_TMPDIR/a.avro" "$(note '.dark[0]')" <<-'PYTHON'
		import ipaddress, sys
		from avro.datafile import DataFileReader
		from avro.io import DatumReader
		dark = ipaddress.ip_network(sys.argv[2])
		print({ipaddress.ip_address(r["dst_ip"]) in dark for r in DataFileReader(open(sys.argv[1], "rb"), DatumReader())})
	PYTHON
	)" "{True}"
}

@test "counts are those that are counted by hand" {
	for slot in 5m=300 1h=3600 1d=86400; do
		noroshi telescope export --format csv --slot ${slot%=*} --dark 198.18.0.0/18 --out "$BATS_TEST_TMPDIR/x.csv" "$WORLD.pcap"
		equal "$(head -n 1 "$BATS_TEST_TMPDIR/x.csv")" time,protocol,port,packets,hosts
		equal "$(python counts "$WORLD.pcap" ${slot#*=} | sort | sha256sum)" \
			"$(grep ,tcp, "$BATS_TEST_TMPDIR/x.csv" | sort | sha256sum)" "$slot"
		equal "$(awk -F , 'NR > 1 { sum[$2 " " $3] += $4 } END { for (k in sum) print k, sum[k] }' "$BATS_TEST_TMPDIR/x.csv" | sort)" \
			"$(json '.by_port[] | [.protocol, .port, .packets] | join(" ")' --dark 198.18.0.0/18 "$WORLD.pcap" |
				tr -d '"' | sort)" "packets of all slots of $slot"
	done
}

# Ctrl-C and what a service manager sends, while the capture is still coming.
@test "an export that is interrupted leaves nothing and says so, with status 4" {
	local format signal status message folder=$BATS_TEST_TMPDIR/out
	mkdir "$folder"
	mkfifo "$BATS_TEST_TMPDIR/coming"
	for format in pcap flowtuple csv; do
		for signal in INT TERM; do
			set -m # a shell's background jobs would ignore SIGINT
			"${NOROSHI:?}" telescope export --format "$format" --dark 198.18.0.0/18 --out "$folder/shared" - \
				<"$BATS_TEST_TMPDIR/coming" >/dev/null 2>"$BATS_TEST_TMPDIR/said" 3>&- &
			set +m
			exec 9>"$BATS_TEST_TMPDIR/coming"
			head -c 200000 "$WORLD.pcap" >&9
			for ((try = 0; try < 400; try++)); do
				ls "$folder" | grep -q 'part$' && break
				sleep 0.05
			done
			equal "$(ls "$folder" | wc -l)" 1 'files while it runs'
			kill -"$signal" "$!"
			status=0
			wait "$!" || status=$?
			exec 9>&-
			equal "$status" 4 "status after $format, $signal"
			equal "$(ls -A "$folder" | wc -l)" 0 'files that are left'
			one_line "$(<"$BATS_TEST_TMPDIR/said")" interrupted removed
		done
	done
}
