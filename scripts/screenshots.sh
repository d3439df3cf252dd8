#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Takes the pictures of the documents from the sample world. make screenshots calls this.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/sample.sh
exec node scripts/screenshots.mjs
