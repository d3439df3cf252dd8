// SPDX-License-Identifier: Apache-2.0
// A server that stands in for a live one: it hands every question on to `noroshi serve`, and speaks /api/v1/live itself, so that
// a test decides what is heard and when the connection fails. With NOROSHI_CONSOLE it serves the console's files from that
// folder (web/dist) instead of those in the program.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';

const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', json: 'application/json', svg: 'image/svg+xml' };
const TICK = 250; /* ms between two bursts */

/** The same traffic each time: a small generator with a seed (mulberry32). */
function random(seed) {
	return () => {
		seed = (seed + 0x6d2b79f5) | 0;
		let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

/** Rows of particles as a darknet has them: scans over addresses and over ports, a victim's answers, UDP, pings, a host of ours. */
export function traffic(seed = 7) {
	const next = random(seed);
	const whole = (least, most) => least + Math.floor(next() * (most - least + 1));
	const dark = () => `198.18.${whole(0, 63)}.${whole(0, 255)}`;
	const anyone = () => `${whole(1, 223)}.${whole(0, 255)}.${whole(0, 255)}.${whole(1, 254)}`;
	const countries = ['CN', 'US', 'BR', 'IN', 'RU', 'NL', 'DE', 'VN', 'KR', 'JP', 'TW', 'ID', 'GB', 'FR', 'AR'];
	const country = () => countries[Math.floor(next() ** 2 * countries.length)];
	let step = 0;
	const kinds = [
		() => ['203.0.113.77', 41_000, `198.18.${step % 64}.${(step * 7) % 256}`, 23, 6, 'BR', 2],
		() => ['192.0.2.200', 55_555, '198.18.40.80', (step * 131) % 65_536, 6, 'US', 4],
		() => ['198.51.100.53', 443, dark(), whole(1024, 65_535), 6, 'DE', 1],
		() => [anyone(), whole(1024, 65_535), dark(), [23, 80, 445, 2323, 8080, 22, 5555][whole(0, 6)], 6, country(), 0],
		() => [anyone(), whole(1024, 65_535), dark(), [53, 123, 1900, 5353, 47_808][whole(0, 4)], 17, country(), 0],
		() => [anyone(), 0, dark(), 8, 1, country(), 0],
	];
	const weights = [0.22, 0.2, 0.14, 0.3, 0.12, 0.02];
	return (count, ms = TICK) =>
		Array.from({ length: count }, (_, index) => {
			step++;
			let pick = next();
			const kind = weights.findIndex((weight) => (pick -= weight) < 0);
			return [Math.floor((index * ms) / count), ...(kinds[kind] ?? kinds[3])()];
		});
}

const CSP = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** `gaps`, `warnings`: the rows of those questions; without them they are handed on as well. */
export async function feed({ upstream, sensor = 'telescope', dark = ['198.18.0.0/18'], gaps, warnings }) {
	const folder = process.env.NOROSHI_CONSOLE;
	const ears = new Set();
	const asked = []; /* each question for the live stream */
	let alive = true;
	let refusing = false;
	let id = 0;
	const since = new Date().toISOString();
	const hello = () => ({ version: '0', time: new Date().toISOString(), sensors: alive ? [{ sensor, dark_size: 16_384, dark, interface: 'eth0', since }] : [] });
	const write = (response, type, data) => response.write(`id: ${++id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);

	async function status() {
		const body = await (await fetch(`${upstream}/api/v1/status`)).json();
		return { ...body, live: alive ? [{ sensor, interface: 'eth0', since, packets: 123_456, dropped: 3, state: 'running' }] : [] };
	}

	const answer = (response, code, type, body) => response.writeHead(code, { 'content-type': type, 'content-security-policy': CSP, 'cache-control': 'no-store' }).end(body);
	const rows = (list) => JSON.stringify({ from: since, to: since, rows: list, next: null });

	function listen(request, response) {
		asked.push(request.url);
		if (refusing)
			return answer(response, 503, 'application/json', '{"error":{"code":"busy","text":"too many listeners"}}');
		response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
		response.write('retry: 200\n\n');
		ears.add(response);
		response.on('close', () => ears.delete(response));
		write(response, 'hello', hello());
	}

	async function hand(request, response) {
		const { pathname } = new URL(request.url, upstream);
		if (folder && !pathname.startsWith('/api/')) {
			const name = pathname.slice(1);
			const file = /^(app\.(js|css)|(en|ja)\.js|land\.json|favicon\.svg)$/.test(name) ? name : 'index.html';
			return answer(response, 200, TYPES[file.split('.').pop()], await readFile(join(folder, file)));
		}
		const theirs = await fetch(upstream + request.url, { headers: { accept: request.headers.accept ?? '*/*' } });
		response.writeHead(theirs.status, Object.fromEntries([...theirs.headers].filter(([key]) => !['content-encoding', 'content-length', 'transfer-encoding', 'connection'].includes(key))));
		response.end(Buffer.from(await theirs.arrayBuffer()));
	}

	const server = createServer((request, response) => {
		const { pathname } = new URL(request.url, upstream);
		const work = {
			'/api/v1/live': () => listen(request, response),
			'/api/v1/status': async () => answer(response, 200, 'application/json', JSON.stringify(await status())),
			'/api/v1/gaps': gaps && (() => answer(response, 200, 'application/json', rows(gaps))),
			'/api/v1/warnings': warnings && (() => answer(response, 200, 'application/json', rows(warnings))),
		}[pathname];
		Promise.resolve((work ?? (() => hand(request, response)))()).catch(() => response.destroy());
	});
	await new Promise((done) => server.listen(0, '127.0.0.1', done));

	const send = (type, data) => ears.forEach((ear) => write(ear, type, data));
	const make = traffic();
	let timer;
	let ticks = 0;

	/** One pulse, its figures given or taken from `packets`. */
	function pulse(packets, more = {}) {
		send('pulse', {
			sensor, time: new Date().toISOString(), seconds: 1, packets, bytes: packets * 60, sources: Math.ceil(packets / 3),
			categories: { tcp_syn: Math.floor(packets * 0.8), udp: Math.floor(packets * 0.1), backscatter: Math.floor(packets * 0.1) },
			top: [{ protocol: 6, port: 23, class: 'iot', packets: Math.floor(packets / 3) }],
			countries: [['BR', 0.3], ['US', 0.25], ['CN', 0.2], ['DE', 0.15], ['JP', 0.1]].map(([country, part]) => ({ country, packets: Math.floor(packets * part) })),
			dropped: {}, delay_ms: 180, day: { packets: packets * 3600, sources: packets * 40 }, ...more,
		});
	}
	const particles = (count, of = count) => send('particles', { sensor, time: new Date().toISOString(), of, rows: make(count) });

	return {
		base: `http://127.0.0.1:${server.address().port}`,
		send, pulse, particles, asked,
		/** Speaks by itself: `rate` packets a second, with a pulse each second. */
		start(rate) {
			timer = setInterval(() => {
				particles(Math.round((rate * TICK) / 1000));
				if (ticks++ % 4 === 0)
					pulse(Math.round(rate * (1 + 0.3 * Math.sin(ticks / 9))), ticks % 40 < 8 ? { dropped: { kernel: 12 } } : {});
			}, TICK);
		},
		/** The two minutes before now, as if they had been heard. */
		past(rate) {
			for (let ago = 120; ago > 0; ago--)
				pulse(Math.round(rate * (1 + 0.25 * Math.sin(ago / 11) + 0.1 * Math.sin(ago * 2.3))), { time: new Date(Date.now() - ago * 1000).toISOString() });
		},
		quiet: () => clearInterval(timer),
		listeners: () => ears.size,
		/** Ends all connections; while `refuse`, new ones are turned away. */
		cut(refuse = false) {
			refusing = refuse;
			ears.forEach((ear) => ear.destroy());
		},
		setLive(now) {
			alive = now;
		},
		async stop() {
			clearInterval(timer);
			ears.forEach((ear) => ear.destroy());
			server.closeAllConnections();
			await new Promise((done) => server.close(done));
		},
	};
}
