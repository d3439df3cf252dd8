#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: build.sh build      release build in build/, the program is build/noroshi
#        build.sh sanitize   the same with AddressSanitizer and UBSan in build-sanitize/
#        build.sh install    puts the release build into PREFIX
set -euo pipefail
cd "$(dirname "$0")/.."

configure() { # FOLDER OPTIONS...
	local folder=$1
	shift
	[ -e "$folder/build.ninja" ] || meson setup "$folder" "$@" >&2
}

compile() { # FOLDER; ninja shows its progress only to people
	if [ -t 2 ]; then ninja -C "$1" >&2; else ninja -C "$1" --quiet >&2; fi
}

case "${1:-}" in
build)
	configure build --prefix="${PREFIX:-/usr/local}"
	compile build
	;;
sanitize)
	configure build-sanitize -Db_sanitize=address,undefined -Db_lundef=false --buildtype=debugoptimized
	compile build-sanitize
	;;
install)
	meson configure build --prefix="${PREFIX:-/usr/local}" >&2
	meson install -C build
	;;
*)
	sed -n 's/^# //p' "$0" | sed 1d >&2
	exit 2
	;;
esac
