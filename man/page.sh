#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One man page from the program's own descriptors, on standard output.
# usage: page.sh PROGRAM SCDOC LANGUAGE [AREA]
set -eu
program=$1 scdoc=$2 language=$3
shift 3
source=$(LC_ALL="$language" "$program" help --man "$@")
printf '%s\n' "$source" | "$scdoc"
