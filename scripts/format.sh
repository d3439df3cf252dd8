#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: format.sh write|check     check prints TAP, one line per file that differs
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(find src tests \( -name '*.c' -o -name '*.h' \) -print | sort)
case "${1:-}" in
write) clang-format-14 -i "${files[@]}" ;;
check)
	bad=0
	for file in "${files[@]}"; do
		if ! clang-format-14 "$file" | cmp -s - "$file"; then
			bad=$((bad + 1))
			echo "not ok $bad - $file is not formatted: make format"
		fi
	done
	[ "$bad" -gt 0 ] || echo "ok 1 - clang-format: ${#files[@]} files"
	echo "1..$((bad > 0 ? bad : 1))"
	;;
*)
	echo "usage: $0 write|check" >&2
	exit 2
	;;
esac
