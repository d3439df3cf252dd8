#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a command as one TAP test. usage: tap.sh TEXT COMMAND...
text=$1
shift
echo "1..1"
if output=$("$@" 2>&1); then
	echo "ok 1 - $text"
else
	echo "not ok 1 - $text"
	printf '%s\n' "$output" | sed 's/^/# /'
	exit 1
fi
