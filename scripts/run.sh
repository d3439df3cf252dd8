#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Serves the sample world and says what to try next. make run calls this; PORT is the port (8480).
set -euo pipefail
cd "$(dirname "$0")/.."
address=127.0.0.1:${PORT:-8480}

next_steps_en() {
	cat <<-E

		The sample world is at http://$address/ (Ctrl-C ends it). Then your own capture, in a second terminal:
		  build/noroshi telescope read FILE.pcap --dark 192.0.2.0/24                 read the report
		  build/noroshi telescope read FILE.pcap --dark 192.0.2.0/24 --store my.db   keep it
		  build/noroshi serve --store my.db --listen 127.0.0.1:8481                  look at it
		  sudo build/noroshi serve --watch IFACE --dark 192.0.2.0/24 --store live.db \\
		    --listen 127.0.0.1:8481                                                  watch an interface
		  build/noroshi flow read FILE                                               exports, nfdump, Zeek: flows
		  build/noroshi serve --flow-listen udp:0.0.0.0:2055 --flow-archive flows \\
		    --flow-own 192.0.2.0/24 --store live.db --listen 127.0.0.1:8481          receive your routers' flows
		  build/noroshi help                                                         everything else

	E
}

next_steps_ja() {
	cat <<-E

		サンプルは http://$address/ で見られます（Ctrl-C で終わります）。次は、お手元のキャプチャで（別の端末から）:
		  build/noroshi telescope read FILE.pcap --dark 192.0.2.0/24                 結果を読む
		  build/noroshi telescope read FILE.pcap --dark 192.0.2.0/24 --store my.db   結果を蓄える
		  build/noroshi serve --store my.db --listen 127.0.0.1:8481                  ブラウザで見る
		  sudo build/noroshi serve --watch IFACE --dark 192.0.2.0/24 --store live.db \\
		    --listen 127.0.0.1:8481                                                  インターフェースを観測する
		  build/noroshi flow read FILE                                               エクスポート・nfdump・Zeekを読む
		  build/noroshi serve --flow-listen udp:0.0.0.0:2055 --flow-archive flows \\
		    --flow-own 192.0.2.0/24 --store live.db --listen 127.0.0.1:8481          ルーターのフローを受信する
		  build/noroshi help                                                         そのほかの使い方

	E
}

scripts/sample.sh
case "${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}" in
ja*) next_steps_ja ;;
*) next_steps_en ;;
esac
exec build/noroshi serve --store build/sample/sample.db --flow-archive build/sample/flows --listen "$address"
