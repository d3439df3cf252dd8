#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the sample world and its store where they are not there yet, and serves them. make run calls this.
# Everything is below build/sample; nothing else is touched.
set -euo pipefail
cd "$(dirname "$0")/.."

noroshi=build/noroshi
folder=build/sample
store=$folder/sample.db
address=127.0.0.1:${PORT:-8480}

case "${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}" in
ja*) japanese=1 ;;
*) japanese= ;;
esac
say() { if [ "$japanese" ]; then printf '%s\n' "$2"; else printf '%s\n' "$1"; fi; }

# The sample belongs to one build of the program: another generator or another schema makes another one.
make_sample() {
	local stamp=$folder/stamp made
	made=$(sha256sum "$noroshi" scripts/sample.sh)
	[ "$(cat "$stamp" 2>/dev/null)" = "$made" ] && return 0
	say "making the sample world" "サンプルのトラフィックを作ります"
	rm -rf "$folder"
	mkdir -p "$folder"
	scripts/sample.sh "$noroshi" "$folder"
	printf '%s\n' "$made" >"$stamp"
}

next_steps() {
	say "
noroshi: http://$address/   (Ctrl-C ends it)

Next, your own capture, in a second terminal:
  build/noroshi telescope read FILE.pcap --dark 192.0.2.0/24              a report to read
  build/noroshi telescope read FILE.pcap --dark 192.0.2.0/24 --store my.db  keep it
  build/noroshi serve --store my.db --listen 127.0.0.1:8481               look at it
  build/noroshi help                                                      everything else
" "
noroshi: http://$address/   （Ctrl-C で終わります）

次は、お手元のキャプチャで（別の端末から）:
  build/noroshi telescope read FILE.pcap --dark 192.0.2.0/24              結果を読む
  build/noroshi telescope read FILE.pcap --dark 192.0.2.0/24 --store my.db  結果を蓄える
  build/noroshi serve --store my.db --listen 127.0.0.1:8481               ブラウザで見る
  build/noroshi help                                                      そのほかの使い方
"
}

make_sample
next_steps
exec "$noroshi" serve --store "$store" --listen "$address"
