#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Holds manual, help, completion and documents against each other. Prints TAP.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
noroshi=${NOROSHI:-$PWD/build/noroshi}
pages=$(dirname "$noroshi")/man
export LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0 failed=0

result() { # TEXT; lines in $work/wrong say why it is not ok
	number=$((number + 1))
	if [ -s "$work/wrong" ]; then
		failed=1
		echo "not ok $number - $1"
		sed 's/^/# /' "$work/wrong"
	else
		echo "ok $number - $1"
	fi
}

options_in() { grep -oE -- '--(\[no-\])?[a-z][a-z0-9-]*' | sed 's/\[no-\]//' | sort -u; }

# roff to plain words: fonts and escaped dashes away
plain() { sed 's/\\f[BIRP]//g; s/\\-/-/g; s/\\&//g; s/\\(ti/~/g; s/\\\[/[/g' "$1"; }

mapfile -t areas < <(sed -n "s/^man_areas = \[\(.*\)\]/\1/p" man/meson.build | tr -d "'," | tr ' ' '\n')

for area in "${areas[@]}"; do
	"$noroshi" help "$area" >"$work/help" 2>"$work/wrong"
	for command in $(LC_ALL=C "$noroshi" help --man "$area" | sed -n "s/^# noroshi $area \([a-z-]*\)$/\1/p"); do
		"$noroshi" help "$area" "$command" >>"$work/help" 2>>"$work/wrong"
	done
	options_in <"$work/help" >"$work/help.options"
	for page in "$pages/noroshi-$area.1" "$pages/ja/noroshi-$area.1"; do
		plain "$page" 2>>"$work/wrong" | options_in >"$work/page.options"
		diff "$work/help.options" "$work/page.options" | sed -n "s,^[<>],$page: only in one of help and manual:,p" \
			>>"$work/wrong"
	done
	[ -s "$work/help.options" ] || echo "help $area shows no option" >>"$work/wrong"
	result "every option of $area is in its help and in both manuals"

	"$noroshi" completion bash | options_in >"$work/completion.options"
	comm -23 "$work/help.options" "$work/completion.options" | sed 's/$/ is not completed/' >"$work/wrong"
	result "every option of $area is completed"
done

# Each page leads to every other.
: >"$work/wrong"
for folder in "$pages" "$pages/ja"; do
	for page in "" "${areas[@]/#/-}"; do
		plain "$folder/noroshi$page.1" 2>>"$work/wrong" | sed -n '/^\.SH \(SEE ALSO\|関連項目\)/,$p' |
			grep -oE 'noroshi(-[a-z]+)?\(1\)' | sort >"$work/listed"
		for other in "" "${areas[@]/#/-}"; do
			[ "$page" = "$other" ] || echo "noroshi$other(1)"
		done | sort | diff - "$work/listed" | sed -n "s,^[<>],$folder/noroshi$page.1: SEE ALSO:,p" >>"$work/wrong"
	done
done
result "each manual page leads to every other"

# A command line in a document uses only commands and options that exist.
: >"$work/wrong"
for document in README.md README.ja.md SECURITY.md CONTRIBUTING.md ARCHITECTURE.md docs/*.md docs/guide/*.md; do
	[ -e "$document" ] || continue
	# lines that end in a backslash go on
	sed -e ':a' -e '/\\$/{N;s/\\\n[[:space:]]*/ /;ba' -e '}' "$document" |
		grep -oE '(^|[^a-z.-])noroshi (telescope|flow|world|serve|key|ledger|timestamp|seal)[^|`#>;)]*' | sed 's/^[^n]*noroshi //' |
		while read -r area verb rest; do
			case $verb in -* | "" | [A-Z]*) rest="$verb $rest" verb= ;; esac
			# shellcheck disable=SC2086 # verb may be empty
			known=$("$noroshi" help $area $verb 2>/dev/null | options_in) || known=
			[ -n "$known" ] || {
				echo "$document: there is no \"noroshi $area $verb\""
				continue
			}
			for option in $(options_in <<<"$rest"); do
				grep -qx -- "$option" <<<"$known" || echo "$document: noroshi $area $verb has no $option"
			done
		done >>"$work/wrong"
done
result "command lines in the documents exist"

# Relative links lead somewhere.
: >"$work/wrong"
while IFS= read -r document; do
	grep -oE '\]\([^)#]+' "$document" | sed 's/^](//' | grep -vE '^[a-z]+:' | while IFS= read -r target; do
		[ -e "$(dirname "$document")/$target" ] || echo "$document: $target is not there"
	done >>"$work/wrong"
done < <(find . -name '*.md' -not -path '*/node_modules/*' -not -path './build*')
result "relative links in the documents lead somewhere"

# So do the paths that are written as code (the console's own from web/; web/dist is made by the build).
: >"$work/wrong"
for document in *.md docs/*.md docs/*/*.md; do
	grep -oE '`(src|tests|scripts|docs|etc|web)/[A-Za-z0-9_./-]*`' "$document" | tr -d '`' | while IFS= read -r path; do
		[ -e "$path" ] || [ -e "web/$path" ] || [ "$path" = web/dist/ ] || echo "$document: $path is not there"
	done >>"$work/wrong"
done
result "paths in the documents are there"

"$noroshi" telescope read --config etc/noroshi.yaml --help >/dev/null 2>"$work/wrong"
head -c 24 /dev/zero >"$work/zero.pcap"
"$noroshi" telescope read --config etc/noroshi.yaml "$work/zero.pcap" 2>&1 >/dev/null | grep -F noroshi.yaml >>"$work/wrong"
result "the example configuration is read"

echo "1..$number"
exit $failed
