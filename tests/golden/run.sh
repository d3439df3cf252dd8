#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The golden layer: commands in, exact output out. NOROSHI names the program (build/noroshi). Prints TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export NOROSHI="${NOROSHI:-$PWD/build/noroshi}"
export TZ=Asia/Tokyo # no answer may depend on the reader's time zone
unset LANG LC_MESSAGES LANGUAGE
export LC_ALL=C.UTF-8
status=0
tests/golden/captures.sh || status=1
bats --formatter tap tests/golden || status=1
exit $status
