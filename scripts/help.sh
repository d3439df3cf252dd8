#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints a Makefile's targets with the text after "##".
set -eu
echo "make TARGET, one of:"
sed -n 's/^\([a-z]*\):.*## \(.*\)$/\1\t\2/p' "$1" | while IFS="$(printf '\t')" read -r name text; do
	printf '  %-12s %s\n' "$name" "$text"
done
