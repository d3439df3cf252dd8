# SPDX-License-Identifier: Apache-2.0
# What every layer in bats shares.
equal() { # GOT WANTED [WHAT]; nothing is never what was wanted
	if [ -z "$1$2" ] || [ "$1" != "$2" ]; then
		if [ $((${#1} + ${#2})) -lt 1000 ]; then
			echo "${3:-got}: $1"
			echo "expected: $2"
		else
			echo "${3:-got} (<) is not what was expected (>):"
			diff <(tr , '\n' <<<"$1") <(tr , '\n' <<<"$2") | head -n 30
		fi
		tail -n 3 "$BATS_TEST_TMPDIR/told" 2>/dev/null || true
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

# Whoever listens on this UDP port of IPv4 has taken all that had come; at most 20 s. [COMMAND...]: where it lives.
drained() { # PORT [COMMAND...]
	local port try
	port=$(printf '%04X' "$1")
	shift
	for ((try = 0; try < 400; try++)); do
		"$@" cat /proc/net/udp | awk -v port=":$port" '
			index($2, port) { found = 1; if ($5 !~ /:00000000$/) left = 1 }
			END { exit !found || left }' && return 0
		sleep 0.05
	done
	echo "what came to port $((16#$port)) was not taken"
	return 1
}
