#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Includes go downwards only (ARCHITECTURE.md). Prints TAP: first that this check can fail, then the house itself.
# usage: layers.sh [SOURCE_FOLDER]
set -euo pipefail

# The floors from the ground up. Rooms of one line do not know each other; a room sees every line below its own.
floors='
base
wire model
net store
trust/certificate trust/ledger trust/clock
trust/signer
trust/timestamp
trust/seal
trust/command
sense train
respond
serve
main.c
'

# FOLDER -> one line per forbidden include: "file:line: reason"
judge() {
	(cd "$1" && find . -type f \( -name '*.c' -o -name '*.h' \) | sort | sed 's,^\./,,' | xargs -r grep -Hn \
		'^[[:space:]]*#[[:space:]]*include' || true) | awk -v floors="$floors" '
	BEGIN {
		n = split(floors, line, "\n")
		for (i = 1; i <= n; i++) {
			m = split(line[i], name, " ")
			for (j = 1; j <= m; j++)
				floor[name[j]] = i
		}
	}
	# "a/b/c.h" -> "a"; a sense, a part of the training ground or of trust is a room of its own: "sense/flow/x.c" ->
	# "sense/flow". The commands of trust are doors to several of its rooms: "trust/seal/command_sign.c" -> "trust/command"
	function room(path,  part, count) {
		count = split(path, part, "/")
		if (part[1] == "trust" && count > 2)
			return part[count] ~ /^command/ ? "trust/command" : part[1] "/" part[2]
		if ((part[1] == "sense" || part[1] == "train") && count > 2)
			return part[1] "/" part[2]
		return part[1]
	}
	# The line of floors that it stands on: its own, or that of the house around it.
	function top(name,  part) {
		if (name in floor)
			return name
		split(name, part, "/")
		return part[1]
	}
	{
		file = $0; sub(/:.*/, "", file)
		number = $0; sub(/^[^:]*:/, "", number); sub(/:.*/, "", number)
		target = $0; sub(/^[^:]*:[^:]*:[^"<]*/, "", target)
		quoted = substr(target, 1, 1) == "\""
		target = substr(target, 2); sub(/[">].*$/, "", target)
		here = room(file); there = room(target)
		reason = ""
		if (!(top(here) in floor))
			reason = "the room " top(here) " has no floor in tests/layers.sh"
		else if (!(top(there) in floor)) {
			if (quoted)
				reason = "\"" target "\" does not start with the name of a room"
		} else if (!quoted)
			reason = "<" target "> is ours: write it in quotes"
		else if (index(target, ".."))
			reason = "\"" target "\" climbs"
		else if (here == there)
			reason = ""
		else if (here == "respond" && top(there) == "sense")
			reason = "respond reads findings, never a sense"
		else if (floor[top(there)] > floor[top(here)])
			reason = "upward: " here " includes " target
		else if (floor[top(there)] == floor[top(here)])
			reason = "sideways: " here " includes " target
		if (reason != "")
			print file ":" number ": " reason
	}'
}

number=0
failed=0
report() { # OK(0|1) TEXT
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		failed=1
	fi
}

# NAME FILE INCLUDE EXPECTED: one file with one include; EXPECTED is a word of the reason, or "" where it is allowed.
self_test() {
	local folder found verdict=1
	folder=$(mktemp -d)
	mkdir -p "$folder/$(dirname "$2")"
	printf '/* x */\n#include %s\n' "$3" >"$folder/$2"
	found=$(judge "$folder")
	rm -r "$folder"
	if [ -z "$4" ]; then
		[ -n "$found" ] || verdict=0
	else
		[[ $found != "$2:2: "*"$4"* ]] || verdict=0
	fi
	report $verdict "self-test: $1"
}

self_test 'downward is allowed' net/a.c '"wire/packet.h"' ''
self_test 'own room is allowed' sense/flow/a.c '"sense/flow/b.h"' ''
self_test 'main sees everything' main.c '"serve/command.h"' ''
self_test 'system headers are allowed' base/a.c '<string.h>' ''
self_test 'upward is rejected' base/a.h '"model/table.h"' 'upward'
self_test 'upward from the middle is rejected' store/a.c '"sense/flow/tables.h"' 'upward'
self_test 'sideways is rejected' wire/a.c '"model/table.h"' 'sideways'
self_test 'a store that knows net is rejected' store/a.c '"net/capture.h"' 'sideways'
self_test 'a sense that knows another is rejected' sense/flow/a.c '"sense/telescope/tables.h"' 'sideways'
self_test 'a sense that knows the world is rejected' sense/flow/a.c '"train/world/a.h"' 'sideways'
self_test 'a part of trust sees those below it' trust/seal/a.c '"trust/timestamp/b.h"' ''
self_test 'and not those above it' trust/ledger/a.c '"trust/signer/b.h"' 'upward'
self_test 'a command of trust sees all of it' trust/ledger/command_a.c '"trust/signer/b.h"' ''
self_test 'what is above sees all of trust' serve/a.c '"trust/seal/b.h"' ''
self_test 'the store does not know trust' store/a.c '"trust/ledger/b.h"' 'upward'
self_test 'respond that knows a sense is rejected' respond/a.c '"sense/flow/tables.h"' 'never a sense'
self_test 'an include without its room is rejected' base/a.c '"error.h"' 'does not start'
self_test 'an include that climbs is rejected' net/a.c '"../wire/packet.h"' 'does not start'
self_test 'a climb behind a room is rejected' net/a.c '"base/../wire/packet.h"' 'climbs'
self_test 'ours in angle brackets is rejected' net/a.c '<base/error.h>' 'quotes'
self_test 'spaces do not hide it' base/a.c '  "model/table.h"' 'upward'
self_test 'a room without a floor is rejected' attic/a.c '"base/error.h"' 'no floor'

source=${1:-$(dirname "$0")/../src}
found=$(judge "$source")
report "$([ -z "$found" ]; echo $?)" "includes of $(find "$source" -name '*.[ch]' | wc -l) files go downwards only"
[ -z "$found" ] || sed 's/^/# /' <<<"$found"
echo "1..$number"
exit $failed
