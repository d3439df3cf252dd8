# SPDX-License-Identifier: Apache-2.0
# Short bursts, shorter than any round of the workers: each worker owns some of the sources, and no answer may show it.
load common

# 26 hours of a few hosts, then bursts within seconds, many packets with the same time, some out of order:
#   a new worm of 60 hosts at 4444/TCP, five times; 40 Mirai bots (sequence = destination); an aggressive scanner over the
#   whole range; an attack on one host (SYN-ACK) and one spread over a /24 (RST), each answered for 70 s.
burst() {
	awk 'BEGIN {
		day = 1775001600
		for (t = day; t < day + 93600; t += 300)
			for (i = 0; i < 8; i++)
				printf "%.6f 20.%d.0.1 198.18.%d.%d tcp S 40000 22\n", t + i, i, i, t % 251
		burst = day + 93600
		for (round = 0; round < 5; round++)
			for (i = 0; i < 60; i++)
				printf "%.6f 60.%d.1.7 198.18.%d.9 tcp S %d 4444\n", burst + round * 400 + int(i / 20) / 1000, i, i % 16, 1024 + i
		for (k = 0; k < 12; k++)
			for (i = 0; i < 40; i++)
				printf "%.6f 70.%d.2.1 198.18.%d.%d tcp S 31000 23 seq=%.0f\n", burst + 1 - (k % 3) / 10, i, k, i + 1,
					3323068416 + k * 256 + i + 1
		for (i = 0; i < 4096; i++)
			printf "%.6f 80.1.1.1 198.18.%d.%d tcp S 40000 443\n", burst + 2 + i / 4096, int(i / 256), i % 256
		for (i = 0; i < 140; i++) {
			printf "%.6f 90.1.1.1 198.18.1.%d tcp SA 80 %d\n", burst + i / 2, i, 2000 + i
			printf "%.6f 91.1.1.%d 198.18.2.%d tcp RA 443 %d\n", burst + i / 2, i % 100 + 1, i, 3000 + i
		}
		printf "%.6f 20.0.0.1 198.18.0.1 tcp S 40000 22\n", burst + 3600
	}' | sort -s -k1,1n | awk 'NR % 7 == 3 { held = $0; next } { print } held { print held; held = "" } END { if (held) print held }'
}

# all rows but the run, which knows when it was made
rows_of() { # STORE
	sqlite3 "$1" .dump | grep '^INSERT' | grep -v 'INTO telescope_run \|INTO telescope_run(' | sort
}

setup_file() {
	export BURST=$BATS_FILE_TMPDIR/burst
	burst | pcap "$BURST.pcap"
	for workers in 1 2 3 4; do
		noroshi telescope read --json --dark 198.18.0.0/20 --workers $workers --store "$BURST.$workers.db" "$BURST.pcap" \
			>"$BURST.$workers.json"
		rows_of "$BURST.$workers.db" >"$BURST.$workers.rows"
	done
}

@test "a burst is found: its bots, both attacks, the scanner, and the worm with its onset" {
	jq -e '[.tools.mirai | .packets, .sources, .exact] == [480, 40, true]
		and ([.victims[] | [.address, .packets]] == [["90.1.1.1", 140]])
		and ([.carpet_attacks[] | [.prefix, .packets, .addresses]] == [["91.1.1.0/24", 140, 100]])' "$BURST.1.json"
	noroshi telescope report --store "$BURST.1.db" --by warning --json | jq -e '
		([.rows[] | select(.kind == "aggressive") | .key] == ["80.1.1.1"])
		and ([.rows[] | select(.kind == "synchrony") | [.key, .sources]] == [["tcp/4444", 60]])'
}

@test "1, 2, 3 and 4 workers answer the same bytes, findings included" {
	for workers in 2 3 4; do
		cmp "$BURST.1.json" "$BURST.$workers.json"
	done
}

@test "1, 2, 3 and 4 workers store the same rows: windows, sources, victims, events, warnings, findings" {
	for workers in 2 3 4; do
		diff "$BURST.1.rows" "$BURST.$workers.rows"
	done
}
