# SPDX-License-Identifier: Apache-2.0
# The synthetic world: its truth and what the telescope finds in it must agree; no answer depends on the machine.
load common

setup_file() {
	export WORLD=$BATS_FILE_TMPDIR/world.pcap
	"${NOROSHI:?}" world darknet --seed 7 --packets 200000 --out "$WORLD"
}

@test "the same seed gives the same bytes, another seed others" {
	noroshi world darknet --seed 7 --packets 200000 --out "$BATS_TEST_TMPDIR/again.pcap"
	cmp "$WORLD" "$BATS_TEST_TMPDIR/again.pcap"
	noroshi world darknet --seed 8 --packets 200000 --out "$BATS_TEST_TMPDIR/other.pcap"
	! cmp -s "$WORLD" "$BATS_TEST_TMPDIR/other.pcap"
}

@test "1, 2 and 3 workers give the same bytes" {
	for workers in 1 2 3; do
		noroshi telescope read --json --workers $workers "$WORLD" >"$BATS_TEST_TMPDIR/$workers.json"
	done
	cmp "$BATS_TEST_TMPDIR/1.json" "$BATS_TEST_TMPDIR/2.json"
	cmp "$BATS_TEST_TMPDIR/1.json" "$BATS_TEST_TMPDIR/3.json"
}
