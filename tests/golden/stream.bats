# SPDX-License-Identifier: Apache-2.0
# The live stream to curl, and what is wrong with a webhook before anything is watched. With packets: tests/netns.
load common

@test "curl -N hears hello at once, and the end when the server ends" {
	cd "$BATS_TEST_TMPDIR"
	noroshi world darknet --packets 20000 --out world.pcap >/dev/null
	noroshi telescope read --store s.db world.pcap >/dev/null
	"${NOROSHI:?}" serve --store s.db --listen 127.0.0.1:0 >address 2>log 3>&- &
	local server=$! url= try
	for ((try = 0; try < 100; try++)); do
		url=$(sed -n 's/^noroshi: //p' address)
		[ -z "$url" ] || break
		sleep 0.1
	done
	curl -sN -D head "${url}api/v1/live" >events 3>&- &
	local listener=$!
	for ((try = 0; try < 100; try++)); do
		grep -q '^data: ' events && break
		sleep 0.1
	done
	equal "$(sed -n 1,2p events | tr '\n' '|')" 'event: hello|retry: 2000|'
	equal "$(sed -n 's/^data: //p' events | jq -c .sensors)" '[]'
	equal "$(sed -n 's/^Content-Type: //p' head | tr -d '\r')" text/event-stream
	kill "$server"
	wait "$server"
	wait "$listener" # 0: the reply came to its end
}

@test "webhooks that cannot be are refused, in one line" {
	cd "$BATS_TEST_TMPDIR"
	local url
	for url in ftp://127.0.0.1/ nowhere https://me:secret@127.0.0.1/; do
		run noroshi serve --watch lo --webhook "$url"
		equal "$status ${#lines[@]}" '2 1' 'status and lines'
		[[ $output == *--webhook* && $output != *secret@* ]]
	done
	run noroshi serve --webhook https://127.0.0.1/
	equal "$status" 2
	[[ $output == *--watch* ]]
}
