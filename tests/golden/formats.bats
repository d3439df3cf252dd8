# SPDX-License-Identifier: Apache-2.0
# The same packets in every wrapping give the same report. Wrappings that no public capture has are derived here.
load common

setup() {
	captures=${NOROSHI_SHARED:-../shared}/data/telescope/libtrace
	[ -r "$captures/100_packets.pcap" ] || skip "$captures is not there: set NOROSHI_SHARED"
	plain=$captures/100_packets.pcap
	cd "$BATS_TEST_TMPDIR" || return
}

# what must not depend on the wrapping
same='del(.inputs, .input)'

like_plain() { equal "$(json "$same" "$@")" "$(json "$same" "$plain")"; }

@test "pcapng, nanoseconds: the report of the pcap" {
	like_plain "$captures/100_packetsns.pcap"
	like_plain "$captures/100_packets.pcapng"
}

@test "big-endian pcap" {
	node -e '
		const { readFileSync, writeFileSync } = require("node:fs");
		const b = readFileSync(process.argv[1]);
		const swap = (at, n) => b.subarray(at, at + n).reverse();
		for (const [at, n] of [[0, 4], [4, 2], [6, 2], [8, 4], [12, 4], [16, 4], [20, 4]]) swap(at, n);
		for (let at = 24; at < b.length; ) {
			const length = b.readUInt32LE(at + 8);
			for (let i = 0; i < 16; i += 4) swap(at + i, 4);
			at += 16 + length;
		}
		writeFileSync("big.pcap", b);' "$plain"
	like_plain big.pcap
}

@test "gzip, bzip2, xz, zstd; members one behind the other" {
	gzip -c "$plain" >a.gz
	bzip2 -c "$plain" >a.bz2
	xz -c "$plain" >a.xz
	zstd -qc "$plain" >a.zst
	for file in a.gz a.bz2 a.xz a.zst; do like_plain "$file"; done
	for tool in "gzip -c" "zstd -qc"; do
		{
			head -c 3000 "$plain" | $tool
			tail -c +3001 "$plain" | $tool
		} >members
		like_plain members
	done
}

@test "a compressed file that ends too early: what was decoded is counted, exit 3" {
	gzip -c "$plain" | head -c 1500 >cut.gz
	status=0
	noroshi telescope read --json cut.gz >out 2>err || status=$?
	equal "$status" 3
	[ "$(jq .packets out)" -gt 10 ]
	one_line "$(<err)" cut.gz
}

@test "standard input" {
	equal "$(noroshi telescope read --json - <"$plain" | jq -c "$same")" "$(json "$same" "$plain")"
	equal "$(zstd -qc "$plain" | noroshi telescope read --json - | jq -c "$same")" "$(json "$same" "$plain")"
}

@test "two files are one stream" {
	equal "$(json '[.packets, .sources.count]' "$plain" "$captures/100_seconds.pcap")" '[200,42]'
}

@test "raw IP and SLL2" {
	node -e '
		const { readFileSync, writeFileSync } = require("node:fs");
		const b = readFileSync(process.argv[1]);
		function rewrap(name, link, head) {
			const header = Buffer.from(b.subarray(0, 24));
			header.writeUInt32LE(link, 20);
			const parts = [header];
			for (let at = 24; at < b.length; ) {
				const length = b.readUInt32LE(at + 8), cut = 14 - head.length;
				const record = Buffer.from(b.subarray(at, at + 16));
				record.writeUInt32LE(length - cut, 8);
				record.writeUInt32LE(b.readUInt32LE(at + 12) - cut, 12);
				parts.push(record, head, b.subarray(at + 16 + 14, at + 16 + length));
				at += 16 + length;
			}
			writeFileSync(name, Buffer.concat(parts));
		}
		rewrap("raw.pcap", 101, Buffer.alloc(0));
		rewrap("ipv4.pcap", 228, Buffer.alloc(0));
		const sll2 = Buffer.alloc(20);
		sll2.writeUInt16BE(0x0800, 0);
		rewrap("sll2.pcap", 276, sll2);' "$plain"
	figures='[.packets, .sources, .by_category, .by_port, .tools] | map(del(.. | .bytes?))'
	for file in raw.pcap ipv4.pcap sll2.pcap; do
		equal "$(json "$figures" "$file")" "$(json "$figures" "$plain")" "$file"
	done
}

@test "only what goes to --dark counts, the rest is counted as not dark" {
	noroshi telescope read --json --dark 198.51.100.0/24 "$plain" >out
	equal "$(jq -c '[.packets, .dropped.not_dark]' out)" '[0,100]'
}
