#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every test layer and adds them up; the last line is "N passed, N failed" (", N skipped" when some were).
# usage: test.sh [LAYER...]    unit layers golden man format netns sandbox web sanitize (all)
# Every layer but unit speaks TAP. What a layer said is kept in build/test/LAYER.log.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export NOROSHI_SHARED="${NOROSHI_SHARED:-$PWD/../shared}"
export LC_ALL=C.UTF-8
logs=build/test
mkdir -p "$logs"
passed=0 failed=0 skipped=0

# NAME EXIT PASSED FAILED SKIPPED: a layer that stopped early or ran nothing has failed, whatever it counted.
add() {
	local name=$1 status=$2 ok=$3 bad=$4 skip=$5 note=
	if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
		bad=1 note=" (ended with status $status)"
	elif [ $((ok + bad + skip)) -eq 0 ]; then
		bad=1 note=" (nothing ran)"
	fi
	printf '%-16s %5d passed %3d failed %3d skipped  %4d s%s\n' "$name" "$ok" "$bad" "$skip" \
		$((SECONDS - started)) "$note"
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	[ "$bad" -eq 0 ] || failures "$name"
}

# The part of a failed layer's log that says why.
failures() {
	echo "---- $1: $logs/$1.log"
	if grep -qE '^ *not ok ' "$logs/$1.log"; then
		grep -E -A 40 '^ *not ok ' "$logs/$1.log" | grep -vE '^ *ok ' | head -n 200
	else
		tail -n 60 "$logs/$1.log"
	fi
	echo "----"
}

count() { grep -cE "$1" "$2" || true; }

# NAME COMMAND...: a TAP producer. node sums its nested tests up in "# pass N" lines.
tap() {
	local name=$1 log=$logs/$1.log status=0 started=$SECONDS ok bad skip
	shift
	"$@" >"$log" 2>&1 </dev/null || status=$?
	if grep -qE '^# tests [0-9]+$' "$log"; then
		ok=$(sed -n 's/^# pass \([0-9]*\)$/\1/p' "$log" | tail -n 1)
		bad=$(sed -n 's/^# fail \([0-9]*\)$/\1/p' "$log" | tail -n 1)
		skip=$(sed -n 's/^# skipped \([0-9]*\)$/\1/p' "$log" | tail -n 1)
	else
		skip=$(count '^ok .*# (SKIP|skip)' "$log")
		ok=$(($(count '^ok ' "$log") - skip))
		bad=$(count '^not ok ' "$log")
	fi
	add "$name" "$status" "${ok:-0}" "${bad:-0}" "${skip:-0}"
}

# NAME BUILD_FOLDER OPTION...: meson's tests. cmocka says how many cases an executable has; one without cmocka counts as one.
unit() {
	local name=$1 folder=$2 log=$logs/$1.log status=0 started=$SECONDS counts
	shift 2
	meson test -C "$folder" -t 3 --print-errorlogs "$@" >"$log" 2>&1 </dev/null || status=$?
	counts=$(jq -rs '
		def cases(word): [(.stdout + "\n" + (.stderr // "")) |
			scan("\\[ *" + word + " *\\] ([0-9]+) test")[0] | tonumber] | add // 0;
		map(if .result == "SKIP" then [0, 0, 1]
		    elif .result == "OK" and cases("SKIPPED") > 0 then [cases("PASSED"), 0, cases("SKIPPED")]
		    elif .result == "OK" or .result == "EXPECTEDFAIL" then [([cases("PASSED"), 1] | max), 0, 0]
		    else [cases("PASSED"), ([cases("FAILED"), 1] | max), cases("SKIPPED")] end)
		| transpose | map(add // 0) | join(" ")' "$folder/meson-logs/testlog.json" 2>>"$log")
	read -r ok bad skip <<<"${counts:-0 0 0}"
	add "$name" "$status" "${ok:-0}" "${bad:-0}" "${skip:-0}"
}

sanitize() {
	local started=$SECONDS
	if ! scripts/build.sh sanitize >"$logs/sanitize-build.log" 2>&1; then
		add sanitize-build 1 0 0 0
		return
	fi
	export ASAN_OPTIONS=abort_on_error=1:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
	unit sanitize-unit build-sanitize
	NOROSHI=$PWD/build-sanitize/noroshi tap sanitize-golden tests/golden/run.sh
	unset ASAN_OPTIONS UBSAN_OPTIONS
}

# Decoders, analysis and fuzz replays once more, inside the sandbox that captures are read in.
sandbox() {
	export NOROSHI_TEST_SANDBOX=1
	unit sandbox build --suite sandbox
	unset NOROSHI_TEST_SANDBOX
}

web() {
	tap web-check scripts/tap.sh 'types, style and unit tests of the console' npm --prefix web run --silent check
	tap web node --test --test-reporter=tap tests/web/*.test.mjs
}

layers=("$@")
[ ${#layers[@]} -gt 0 ] || layers=(layers format unit sandbox man golden netns web sanitize)
for layer in "${layers[@]}"; do
	case $layer in
	layers)
		tap layers tests/layers.sh
		tap symbols tests/symbols.sh build
		;;
	format) tap format scripts/format.sh check ;;
	unit) unit unit build ;;
	man) tap man tests/man.sh ;;
	golden) tap golden tests/golden/run.sh ;;
	netns) tap netns tests/netns/run.sh ;;
	web) web ;;
	sandbox) sandbox ;;
	sanitize) sanitize ;;
	*)
		echo "test.sh: no layer \"$layer\"; there are: layers format unit sandbox man golden netns web sanitize" >&2
		exit 2
		;;
	esac
done

[ "$skipped" -eq 0 ] && tail= || tail=", $skipped skipped"
printf '%d passed, %d failed%s\n' "$passed" "$failed" "$tail"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
