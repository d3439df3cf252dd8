# SPDX-License-Identifier: Apache-2.0
# What the golden tests share. Each test has a folder of its own in $BATS_TEST_TMPDIR.
golden=${BASH_SOURCE[0]%/*}

noroshi() { "${NOROSHI:?}" "$@"; }

pcap() { node "$golden/pcap.mjs" "$1"; } # pcap OUT < LINES

# json FILTER FILE...: reads captures and prints one figure of the report
json() {
	local filter=$1
	shift
	noroshi telescope read --json "$@" 2>/dev/null | jq -c "$filter"
}

equal() { # GOT WANTED [WHAT]
	if [ "$1" != "$2" ]; then
		echo "${3:-got}: $1"
		echo "expected: $2"
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
