#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The netns layer: the real program on real packets, between name spaces that each test makes and removes. NOROSHI names
# the program (build/noroshi), SENDER what sends (build/tests/netns/netns-sender; netns-lacking is beside it). Needs root.
# Prints TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export NOROSHI="${NOROSHI:-$PWD/build/noroshi}" SENDER="${SENDER:-$PWD/build/tests/netns/netns-sender}"
export LC_ALL=C.UTF-8
unset LANG LC_MESSAGES LANGUAGE
if [ "$(id -u)" != 0 ] || ! ip netns add "noroshi-try-$$" 2>/dev/null; then
	echo '1..1'
	echo 'ok 1 - packets between name spaces # SKIP this takes root and network name spaces'
	exit 0
fi
ip netns del "noroshi-try-$$"
exec bats --formatter tap tests/netns
