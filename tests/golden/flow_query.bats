# SPDX-License-Identifier: Apache-2.0
# flow query: nfdump's own filter and statistics on the same file, the words behind the expression, the forms of answers,
# an archive and its law, and what is refused.
load common
bats_require_minimum_version 1.5.0

# One world for all tests: exports, the same flows as a file of nfdump, and in an archive
setup_file() {
	export WORLD=$BATS_FILE_TMPDIR/flows
	noroshi world flows --seed 7 --flows 30000 --out "$WORLD.pcap" >/dev/null
	noroshi flow read --quiet --nfdump "$WORLD.nfdump" "$WORLD.pcap" >/dev/null
}

query() { noroshi flow query "$@"; }
totals() { query "$1" "$WORLD.nfdump" --top 1 by protocol --json | jq -r '.totals | "\(.flows) \(.bytes) \(.packets)"'; }
nfdump_totals() {
	nfdump -r "$WORLD.nfdump" -N "$1" 2>&1 | sed -nE 's/^Summary: total flows: ([0-9]+), total bytes: ([0-9]+), total packets: ([0-9]+),.*/\1 \2 \3/p'
}

@test "the same expressions choose the same flows as at nfdump" {
	host=$(query inet6 "$WORLD.nfdump" --top 1 by source --json | jq -r '.rows[0].source')
	host4=$(query inet "$WORLD.nfdump" --top 1 by source --json | jq -r '.rows[0].source')
	while read -r expression; do
		equal "$(totals "$expression")" "$(nfdump_totals "$expression")" "$expression"
	done <<-END
		any
		proto tcp
		proto udp and port 53
		not proto tcp
		src port 443 or dst port 443
		src port > 1024 and dst port < 1024
		port in [80 443 53]
		not port in [80,443,53]
		flags S
		flags S and not flags AFRPU
		flags SA
		not flags SA
		not (flags SA and proto tcp)
		inet
		inet6
		not inet6
		ip $host
		src ip $host
		not src ip $host
		dst ip $host4 or src ip $host4 and proto tcp
		net 3fff::/20
		src net 100.64.0.0 255.192.0.0
		ip in [$host4 192.0.2.0/24 $host]
		bytes > 1k
		bytes < 100
		packets = 1
		packets gt 10 and bytes > 10k
		duration > 1000
		duration = 0
		bps > 100k
		pps > 10
		bpp > 500
		bpp = 40
		in if 1
		out if 2
		if 1
		tos 0
		router ip 192.0.2.3
		router ip 192.0.2.1 or router ip 192.0.2.2
		src and dst port > 1024
		src or dst port 25
		proto icmp
		icmp-type 8
		not icmp-type 8 and proto icmp6
		not (proto tcp or (proto udp and not port 53))
		! ( proto tcp && dst port 443 || bytes >= 1500 )
		flows > 0
	END
}

@test "the greatest are those of nfdump -s" {
	cd "$BATS_TEST_TMPDIR"
	# flows, packets, bytes of each line. Of flows in both directions nfdump counts one in its lines, both in its summary
	for pair in srcip/bytes:srcip/bytes ip/bytes:ip,bytes dstport/packets:dstport,packets proto/flows:proto/flows; do
		nfdump -r "$WORLD.nfdump" -N -q -n 5 -s "${pair%%:*}" 'out packets = 0 and out bytes = 0' | sed -E 's/\([^)]*\)//g' | awk 'NF { print $6, $7, $8 }' >theirs
		query 'out packets = 0 and out bytes = 0' "$WORLD.nfdump" --top 5 by "${pair#*:}" --csv | tail -n +2 | awk -F, '{ print $2, $3, $4 }' >ours
		equal "$(<ours)" "$(<theirs)" "$pair"
	done
}

@test "--top N by FIELD, top N by FIELD, --by, more fields, and a file behind them" {
	cd "$BATS_TEST_TMPDIR"
	query any "$WORLD.nfdump" --top 3 by source,destination_port >want
	[ "$(wc -l <want)" -ge 5 ]
	query any "$WORLD.nfdump" top 3 by source destination_port | cmp want
	query any top 3 by source destination_port "$WORLD.nfdump" | cmp want
	query any "$WORLD.nfdump" --top 3 --by source --by destination_port | cmp want
	query any "$WORLD.nfdump" --top 3 --by srcip,dstport/bytes | cmp want
}

@test "exports, nfdump's file and an archive give the same sums; --series adds up to them" {
	cd "$BATS_TEST_TMPDIR"
	query any "$WORLD.pcap" --top 20 by ip --json | jq .rows >a
	query any "$WORLD.nfdump" --top 20 by ip --json | jq .rows >b
	# a rate that nobody told is not in nfdump's files
	equal "$(jq -c 'map([.ip, .flows, .bytes])' a)" "$(jq -c 'map([.ip, .flows, .bytes])' b)"
	query 'proto udp' "$WORLD.pcap" --series 1h by protocol --json >s
	equal "$(jq '[.series[][2]] | add' s)" "$(jq .totals.bytes s)"
	equal "$(jq '.series | length > 20' s)" true
	query 'proto udp' "$WORLD.pcap" --series 1h --json | jq -c '.series[0] | length' | grep -qx 2
}

@test "flows as a table, JSON lines and CSV; --limit; nothing found is exit 1" {
	cd "$BATS_TEST_TMPDIR"
	query 'proto icmp' "$WORLD.nfdump" --json >json
	lines=$(wc -l <json)
	equal "$(tail -n 1 json | jq -c '[.summary.flows, .summary.cut]')" "[$((lines - 1)),false]"
	equal "$(head -n -1 json | jq -s 'map(.protocol) | unique | .[]')" 1
	equal "$(query 'proto icmp' "$WORLD.nfdump" --csv | wc -l)" "$lines"
	equal "$(query 'proto icmp' "$WORLD.nfdump" --limit 4 2>/dev/null | wc -l)" 5
	equal "$(query 'proto icmp' "$WORLD.nfdump" --limit 4 --json | tail -n 1 | jq -c '[.summary.flows, .summary.cut]')" '[4,true]'
	run -1 query 'port 1 and port 2' "$WORLD.nfdump"
	run -1 query 'port 1 and port 2' "$WORLD.nfdump" --top 2 by ip
	query any "$WORLD.nfdump" --from 2026-04-01T01:00:00Z --to 2026-04-01T02:00:00Z --json | head -n -1 >hour
	[ "$(wc -l <hour)" -gt 100 ]
	equal "$(jq -s 'map(select(.first >= "2026-04-01T02" or .last < "2026-04-01T01")) | length' hour)" 0
}

@test "estimates are marked, and what is not known is said" {
	run -0 query any "$WORLD.pcap" --top 2 by exporter
	[[ ${lines[0]} == *"~Packets"*"~Bytes"* && ${lines[1]} == *" ~"* ]]
	[[ $output == *"with sampling ~"* ]]
	run -0 query 'sampling 1' "$WORLD.pcap" --top 2 by exporter
	[[ $output != *"~"* ]]
}

@test "what is wrong is said with its column and the nearest word" {
	run -2 query 'src prot 80' "$WORLD.nfdump"
	one_line "$output" 'column 5' 'did you mean "port"'
	run -2 query "$WORLD.nfdump"
	one_line "$output" 'whose flows?'
	run -2 query "$WORLD.nfdump" "$WORLD.nfdump"
	one_line "$output" 'is a file' 'any'
	run -2 query any "$WORLD.nfdump" --top 3
	one_line "$output" 'by what'
	run -2 query any "$WORLD.nfdump" --top 3 by sorce
	one_line "$output" 'did you mean "source"'
	run -2 query any "$WORLD.nfdump" --from yesterday
	one_line "$output" --from
	run -2 query any "$WORLD.nfdump" --purpose curiosity
	one_line "$output" own-operation
	run -3 query any "$BATS_TEST_TMPDIR/none"
	one_line "$output" none
}

@test "an archive is asked for a purpose, which is recorded; who says none is refused, and that too" {
	cd "$BATS_TEST_TMPDIR"
	touch log
	"$NOROSHI" flow collect --listen udp:127.0.0.1:0 --archive flows --own 3fff::/20 --user "$(id -un)" >log 2>&1 3>&- &
	collector=$!
	for _ in {1..50}; do
		port=$(sed -n 's/.*address=udp:127.0.0.1:\([0-9]*\).*/\1/p' log)
		[ -z "$port" ] || break
		sleep 0.1
	done
	noroshi world flows --seed 7 --flows 20000 --out "udp:127.0.0.1:$port" --truth truth >/dev/null
	drained "$port"
	kill $collector
	wait $collector
	kept=$(sed -n 's/^archive: \([0-9]*\) flows.*/\1/p' log)
	[ "$kept" -gt 10000 ]
	equal "$(query any --archive flows --purpose own-operation --top 1 by protocol --json | jq .totals.flows)" "$kept"
	query 'src client' --archive flows --purpose c2-detection --limit 3 --json | head -n -1 |
		jq -s 'map(.source | startswith("100::")) | all' | grep -qx true
	run -2 query any --archive flows
	one_line "$output" c2-detection notification own-operation
	run -2 query any --archive flows --purpose curiosity
	equal "$(jq -sc '.[-4:] | map([.act, .purpose, .question])' flows/uses.jsonl)" \
		'[["query","own-operation","any by protocol"],["query","c2-detection","src client"],["refused",null,"any"],["refused","curiosity","any"]]'
}
