#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# flow read: real exports of many exporters against what tshark, nfdump and the exporters' own tests say of them, and
# files that nfcapd and nfdump of this machine write and read.
load common

setup_file() {
	export FLOW=${NOROSHI_SHARED:-../shared}/data/flow
}

shared() {
	[ -d "$FLOW" ] || skip "there is no $FLOW"
}

flows() { noroshi flow read --json "$@" 2>"$BATS_TEST_TMPDIR/err"; }
compare() { python3 "$golden/flow_files.py" "$@"; }
summary() { tail -n 1 "$1" | jq -c "$2"; }

@test "56 exporters: every record, and what cannot be read by cause" {
	shared
	cd "$BATS_TEST_TMPDIR"
	flows "$FLOW/netflow-ipfix/all-cases.pcap" >ours
	equal "$(summary ours .summary.options_records)" 44
	# 478, and 27 that waited for their template
	equal "$(summary ours '.summary | .records - .pending.delivered')" 478
	equal "$(summary ours .summary.dropped)" '{"malformed":2}'
	# two sent nothing that could be read
	equal "$(summary ours '.summary.exporters | map(.exporter) | unique | length')" 54
	compare cases "$FLOW/netflow-ipfix" ours
}

@test "an IPFIX file, sFlow datagrams, datagrams back to back" {
	shared
	cd "$BATS_TEST_TMPDIR"
	flows "$FLOW/ipfix-file/example_flows.ipfix" >ours
	equal "$(summary ours .summary.records)" 3979
	equal "$(jq -s 'map(select(.bytes)) | map(.bytes) | add' ours)" "$(jq '.. | .sum_octets_ie1? // empty' "$FLOW/ipfix-file/expected.json" | head -n 1)"
	flows "$FLOW"/netflow-ipfix/raw/{netflow5,ipfix}.dat >ours
	equal "$(summary ours '[.summary.records, .summary.options_records]')" "[42,1]"
	flows "$FLOW"/sflow/*.bin "$FLOW"/sflow/*.pcap >ours
	equal "$(summary ours .summary.records)" 10
	equal "$(jq -sc 'map(select(.packet) | "\(.sampling) \(.discarded // false)") | group_by(.) | map([length, .[0]])' ours)" \
		'[[5,"16383 false"],[2,"2048 false"],[3,"null true"]]'
}

@test "Zeek's conn.log, TSV with labels and JSON: counts, sums, both directions" {
	shared
	cd "$BATS_TEST_TMPDIR"
	flows "$FLOW/beacon/test18_conn.log.labeled" >ours
	equal "$(summary ours .summary.records)" 766
	equal "$(jq -c 'select(.destination == "66.63.168.35" and .destination_port == 5888 and .protocol == 6) | .tcp_flags' ours | wc -l)" 719
	sums=$(awk -F'\t' '!/^#/ {p += $17; b += $18; q += $19; c += $20} END {print "[" p "," b "," q "," c "]"}' "$FLOW/beacon/test18_conn.log.labeled")
	equal "$(jq -sc 'map(select(.export)) | [(map(.packets) | add), (map(.bytes) | add), (map(.reverse_packets // 0) | add), (map(.reverse_bytes // 0) | add)]' ours)" "$sums"
	gzip -c "$FLOW/beacon/portscan_vertical_conn.log" | flows - >ours
	equal "$(summary ours .summary.records)" 50
	equal "$(jq -c 'select(.source == "192.168.1.9" and .destination == "45.33.32.156") | .source_port' ours | wc -l)" 46
	equal "$(head -n 1 ours | jq -c '[.first, .last, .tcp_flags, .reverse_tcp_flags, .packets, .bytes, .reverse_packets, .reverse_bytes, .biflow, .source_mac]')" \
		'["2023-11-24T12:16:57.314165Z","2023-11-24T12:16:57.521129Z",2,4,1,60,1,40,true,"c4:23:60:3d:fd:d3"]'
}

@test "a file of nfdump 1.6" {
	shared
	cd "$BATS_TEST_TMPDIR"
	flows "$FLOW/beacon/test1-malicious.nfdump" >ours
	equal "$(jq -sc 'map(select(.export)) | [length, (map(select(.protocol == 6)) | length), (map(.packets) | add), (map(.bytes) | add), (map(.first) | min), (map(.last) | max)]' ours)" \
		'[4593,4576,4652,241025,"2018-01-12T15:37:30.940000Z","2018-01-12T15:38:03.981000Z"]'
	equal "$(head -n 1 ours | jq -c '[.exporter, .source, .destination, .source_port, .destination_port, .tcp_flags, .packets, .bytes]')" \
		'["147.32.82.62","147.32.80.119","147.32.82.62",52324,902,2,1,60]'
}

@test "files of this machine's nfcapd, packed in each of its ways, and what nfdump says of them" {
	shared
	cd "$BATS_TEST_TMPDIR"
	port=$((20000 + RANDOM % 10000))
	for how in "" -z -y -j; do
		mkdir "cap$how"
		# shellcheck disable=SC2086 # no word is no argument
		nfcapd -w "cap$how" -b 127.0.0.1 -p $port -t 3600 $how >"log$how" 2>&1 3>&- &
		pid=$!
		for _ in {1..100}; do
			grep -qi ":$(printf %04x $port) " /proc/net/udp && break
			sleep 0.05
		done
		compare send "$FLOW/netflow-ipfix/all-cases.pcap" $port
		drained $port
		sleep 0.3
		kill $pid
		wait $pid || true
		TZ=UTC nfdump -r "cap$how"/nfcapd.2* -o json >theirs 2>/dev/null
		flows "cap$how"/nfcapd.2* >ours
		equal "$(summary ours .summary.records)" 478 "records, packed $how"
		compare nfdump theirs ours
	done
}

@test "what is written for nfdump is what nfdump reads, and what is written at all reads back" {
	shared
	cd "$BATS_TEST_TMPDIR"
	for file in netflow-ipfix/all-cases.pcap ipfix-file/example_flows.ipfix beacon/test1-malicious.nfdump beacon/test18_conn.log.labeled; do
		flows --nfdump out.nfdump --ipfix out.ipfix "$FLOW/$file" >ours
		TZ=UTC nfdump -r out.nfdump -o json >theirs 2>err
		equal "$(wc -c <err)" 0 "complaints of nfdump"
		compare nfdump theirs ours
		flows out.ipfix >again
		compare same ours again exporter version export sampling_from time_of_export time_seconds time_suspect
		flows out.nfdump >again
		jq -c 'if .first then .first |= .[:23] | .last |= .[:23] else . end' ours >ours.ms
		jq -c 'if .first then .first |= .[:23] | .last |= .[:23] else . end' again >again.ms
		compare same ours.ms again.ms version export sampling_from time_of_export time_seconds time_suspect direction connection ttl biflow
	done
}

@test "an IPFIX file is IPFIX to tshark: its messages as datagrams" {
	shared
	cd "$BATS_TEST_TMPDIR"
	flows --ipfix out.ipfix "$FLOW/ipfix-file/example_flows.ipfix" >ours
	python3 - <<'PY'
import struct
data, at = open("out.ipfix", "rb").read(), 0
with open("out.pcap", "wb") as out:
    out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101))
    while at < len(data):
        length = struct.unpack_from(">H", data, at + 2)[0]
        message, at = data[at:at + length], at + length
        udp = struct.pack(">HHHH", 4444, 4739, 8 + length, 0) + message
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\xc0\0\2\1", b"\xc6\x33\x64\1")
        out.write(struct.pack("<IIII", 0, 0, len(ip + udp), len(ip + udp)) + ip + udp)
PY
	tshark -r out.pcap -d udp.port==4739,cflow -T fields -e cflow.octets -E aggregator=, 2>/dev/null | tr , '\n' | grep . | awk '{n++; s += $1} END {print n, s}' >theirs
	equal "$(<theirs)" "$(jq -s -r 'map(select(.export)) | "\(length) \(map(.bytes) | add)"' ours)"
}

@test "a filter, CSV and the table show the same flows" {
	shared
	cd "$BATS_TEST_TMPDIR"
	log=$FLOW/beacon/portscan_vertical_conn.log
	flows --filter 'dst port 443' "$log" >ours
	n=$(jq -c 'select(.export)' ours | wc -l)
	equal "$n" "$(flows "$log" | jq -c 'select(.destination_port == 443)' | wc -l)"
	equal "$(noroshi flow read --csv --filter 'dst port 443' "$log" | wc -l)" $((n + 1))
	equal "$(noroshi flow read --csv "$log" | awk -F, '{print NF}' | sort -u | wc -l)" 1
	equal "$(noroshi flow read --filter 'dst port 443' "$log" | grep -c ':443 ')" "$n"
}

@test "files that are none: one line with the reason, exit status 3, the others are read" {
	cd "$BATS_TEST_TMPDIR"
	: >empty
	mkdir folder
	head -c 5000 /dev/zero >zeros
	printf 'some text\n' >text
	printf '\x0c\xa5\x07\x00%s' "$(head -c 400 /dev/zero | tr '\0' x)" >layout7
	printf '\xa5\x0c\x00\x02%s' "$(head -c 400 /dev/zero | tr '\0' x)" >big_endian
	for file in empty folder zeros text layout7 big_endian missing; do
		status=0
		noroshi flow read --json "$file" >out 2>err || status=$?
		equal "$status" 3 "exit status of $file"
		one_line "$(<err)" "$file"
		equal "$(summary out .summary.records)" 0
	done
	printf '#separator \\x09\n#fields\tts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\n1.5\t192.0.2.1\t1\t192.0.2.2\t2\tudp\nbroken\n1.5\t192.0.2.1\t1\tnobody\t2\tudp\n' >conn.log
	status=0
	noroshi flow read --json text conn.log >out 2>err || status=$?
	equal "$status" 3
	equal "$(summary out '[.summary.records, .summary.dropped.file_line]')" "[1,2]"
	equal "$(wc -l <err)" 2
}

@test "wrong usage: exit status 2" {
	cd "$BATS_TEST_TMPDIR"
	printf '{"ts":1,"id.orig_h":"192.0.2.1","id.resp_h":"192.0.2.2"}\n' >conn.log
	for arguments in "--filter prot" "--json --csv"; do
		status=0
		# shellcheck disable=SC2086
		noroshi flow read $arguments conn.log >out 2>err || status=$?
		equal "$status" 2 "$arguments"
	done
}

@test "files that are cut anywhere, a bomb" {
	shared
	cd "$BATS_TEST_TMPDIR"
	head -c 40000 "$FLOW/beacon/test1-malicious.nfdump" >a
	compare cut a 1009
	head -c 4000 "$FLOW/beacon/test18_conn.log.labeled" >b
	compare cut b 97
	compare cut "$FLOW/netflow-ipfix/raw/ipfix.dat" 11
	flows --nfdump c "$FLOW/netflow-ipfix/all-cases.pcap" >/dev/null
	compare cut c 499
	head -c 2000000000 /dev/zero | zstd -q -1 >bomb
	status=0
	compare peak 800 bomb >out 2>err || status=$?
	equal "$status" 3 "$(<err)"
	{
		printf '{"id.orig_h":"'
		head -c 2000000000 /dev/zero | tr '\0' x
	} | zstd -q -1 >line
	status=0
	compare peak 800 line >out 2>err || status=$?
	equal "$status" 3 "$(<err)"
	equal "$(summary out .summary.dropped.file_line)" 1
}
