#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No two rooms define the same global name: the linker would silently take one of them. Reads the built libraries.
# usage: symbols.sh BUILD_FOLDER
set -uo pipefail
folder=${1:?usage: symbols.sh BUILD_FOLDER}
found=$(find "$folder/src" "$folder/web" -name '*.a' -exec nm --defined-only --extern-only {} + 2>/dev/null |
	awk '$2 ~ /^[BDRT]$/ { print $3 }' | sort)
twice=$(uniq -d <<<"$found")
if [ -z "$found" ] || [ -n "$twice" ]; then
	echo "not ok 1 - every global name is defined once"
	sed 's/^/# /' <<<"${twice:-there is no library below $folder}"
	echo 1..1
	exit 1
fi
echo "ok 1 - every global name is defined once ($(wc -l <<<"$found") names)"
echo 1..1
