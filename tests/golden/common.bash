# SPDX-License-Identifier: Apache-2.0
# What the golden tests share. Each test has a folder of its own in $BATS_TEST_TMPDIR.
golden=${BASH_SOURCE[0]%/*}

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

equal() { # GOT WANTED [WHAT]; nothing is never what was wanted
	if [ -z "$1$2" ] || [ "$1" != "$2" ]; then
		if [ $((${#1} + ${#2})) -lt 1000 ]; then
			echo "${3:-got}: $1"
			echo "expected: $2"
		else
			echo "${3:-got} (<) is not what was expected (>):"
			diff <(tr , '\n' <<<"$1") <(tr , '\n' <<<"$2") | head -n 30
		fi
		return 1
	fi
}

# One line on standard error, no more, holding each of the words. What a person can act on.
one_line() { # TEXT WORD...
	local text=$1 word
	shift
	equal "$(wc -l <<<"$text")" 1 "lines in \"$text\""
	for word in "$@"; do
		[[ $text == *"$word"* ]] || {
			echo "\"$text\" does not say \"$word\""
			return 1
		}
	done
}
