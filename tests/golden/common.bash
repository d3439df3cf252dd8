# SPDX-License-Identifier: Apache-2.0
# What the golden tests share. Each test has a folder of its own in $BATS_TEST_TMPDIR.
golden=${BASH_SOURCE[0]%/*}
. "$golden/../common.bash"

noroshi() { "${NOROSHI:?}" "$@"; }

pcap() { node "$golden/pcap.mjs" "$1"; } # pcap OUT < LINES

# json FILTER FILE...: reads captures and prints one figure of the report. What failed is equal to nothing, not even to
# another failure.
json() {
	local filter=$1 status=0
	shift
	noroshi telescope read --json "$@" >"$BATS_TEST_TMPDIR/json.out" 2>"$BATS_TEST_TMPDIR/json.err" || status=$?
	case $status in
	0 | 3) jq -c "$filter" "$BATS_TEST_TMPDIR/json.out" || echo "no JSON $RANDOM$RANDOM" ;;
	*) echo "exit status $status $RANDOM$RANDOM: $(<"$BATS_TEST_TMPDIR/json.err")" ;;
	esac
}
