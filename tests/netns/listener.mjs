// SPDX-License-Identifier: Apache-2.0
// Listens to a server's live stream and receives its webhooks; says each as a line of JSON with the time of its arrival
// (ms since 1970, with fractions): {"event","at","id","data"}. Ends with the stream, or after a minute.
// usage: listener.mjs SERVER:PORT WEBHOOK_PORT
import { createServer } from 'node:http';

const [server, port] = process.argv.slice(2);
const now = () => performance.timeOrigin + performance.now();
const say = (event, at, id, data) => console.log(JSON.stringify({ event, at, id, data }));

createServer((request, response) => {
	let body = '';
	request.on('data', (part) => (body += part));
	request.on('end', () => {
		say('webhook', now(), Number(request.headers['noroshi-event']), JSON.parse(body));
		response.writeHead(204).end();
	});
}).listen(Number(port), '127.0.0.1', () => say('listening', now(), null, null));

async function connect() {
	for (;;) {
		try {
			return await fetch(`http://${server}/api/v1/live`, { headers: { accept: 'text/event-stream' } });
		} catch {
			await new Promise((done) => setTimeout(done, 50)); // it is still starting
		}
	}
}

// WHATWG HTML 9.2.6, as far as this stream uses it.
function takeEvent(text, at) {
	const event = { id: null, event: 'message', data: '' };
	for (const line of text.split('\n')) {
		const colon = line.indexOf(':');
		if (colon > 0)
			event[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, '');
	}
	if (event.data)
		say(event.event, at, event.id === null ? null : Number(event.id), JSON.parse(event.data));
}

setTimeout(() => process.exit(0), 60_000).unref();
const response = await connect();
const decoder = new TextDecoder();
let rest = '';
for await (const part of response.body) {
	const at = now(), events = (rest + decoder.decode(part, { stream: true })).split('\n\n');
	rest = events.pop();
	for (const event of events)
		takeEvent(event, at);
}
process.exit(0);
