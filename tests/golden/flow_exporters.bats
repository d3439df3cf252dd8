# SPDX-License-Identifier: Apache-2.0
# What the collector says of exporters, against exporters that are known: nothing here is said by the collector's own code.
load common

# seed, loss in percent
world() {
	world=$BATS_TEST_TMPDIR/world-$1
	noroshi world flows --seed "$1" --flows 20000 --loss "$2" --out "$world.pcap" --truth "$world.truth"
	noroshi flow read --json "$world.pcap" | tail -n 1 >"$world.summary"
}

truth() {
	jq -c ".exporters | sort_by(.address)[] | $1" "$world.truth"
}

told() {
	jq -c ".summary.exporters[] | $1" "$world.summary"
}

@test "what was lost on the way is reported exactly, for each exporter in its unit, with and without loss" {
	for loss in 0 0.5 5; do
		world 11 $loss
		equal "$(told '[.exporter, .domain, .lost.network, .lost.unknown, .lost.strangers]')" \
			"$(truth '[.address, .domain, .lost.by_sequence, 0, 0]')"
		equal "$(told '[.exporter, .lost.duplicates]')" "$(truth '[.address, .datagrams.doubled]')"
	done
	[ "$(truth '.lost.by_sequence' | jq -s add)" -gt 500 ] # there was something to be found
}

@test "an exporter that counts itself is known by its numbers" {
	world 12 1
	equal "$(told 'select(.lost.standard | not) | .lost.unit')" '"self"'
	equal "$(truth 'select(.sequence == "self") | .address')" "$(told 'select(.lost.standard | not) | .exporter')"
}

@test "sampling is learnt in every encoding, and unsampled exporters that say nothing stay unknown" {
	world 13 0
	equal "$(told '[.exporter, (.sampling[0].rate // 1)]')" "$(truth '[.address, .sampling]')"
	equal "$(told 'select(.sampling == []) | .exporter')" "$(truth 'select(.sampling_encoding == "none") | .address')"
}
