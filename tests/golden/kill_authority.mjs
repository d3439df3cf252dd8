// SPDX-License-Identifier: Apache-2.0
// kill_authority.mjs PROGRAM KEYS KILLS: starts the authority, asks it over several connections, kills it (SIGKILL) at
// a random moment of its start or its work, again and again; then looks whether each token that was received is an
// entry of the ledger and whether a serial number came twice. Prints one object of JSON.
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';

const [program, keys, kills] = process.argv.slice(2);
const connections = 12;
const received = new Set(); // SHA-256 of answers
let refused = 0;

function question() {
	const head = Buffer.from('303b0201013031300d060960864801650304020105000420', 'hex');
	const tail = Buffer.from('0101ff', 'hex'); // certReq
	head[1] = head.length - 2 + 32 + tail.length;
	return Buffer.concat([head, randomBytes(32), tail]);
}

const granted = (bytes) => bytes.includes(Buffer.from('30030201003082', 'hex'));

function ask(url, agent) {
	return new Promise((resolve) => {
		const request = http.request(url, {
			agent, method: 'POST', headers: { 'Content-Type': 'application/timestamp-query' },
		}, (answer) => {
			const parts = [];
			answer.on('data', (part) => parts.push(part));
			answer.on('error', () => resolve(false));
			answer.on('end', () => {
				const bytes = Buffer.concat(parts);
				if (answer.complete && granted(bytes)) received.add(createHash('sha256').update(bytes).digest('hex'));
				else refused++;
				resolve(answer.complete);
			});
		});
		request.on('error', () => resolve(false));
		request.end(question());
	});
}

async function load(url, agent) {
	while (await ask(url, agent));
}

function start() {
	const child = spawn(program, ['timestamp', 'serve', '--keys', keys, '--listen', '127.0.0.1:0'], {
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	let log = '';
	child.stderr.on('data', (text) => { log += text; });
	const url = new Promise((resolve) => child.stdout.once('data', (text) => resolve(String(text).trim())));
	const ended = new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal, log })));
	return { child, url, ended };
}

async function once(delay) {
	const { child, url, ended } = start();
	const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
	setTimeout(() => child.kill('SIGKILL'), delay);
	const address = await Promise.race([url, ended.then(() => null)]);
	if (address) await Promise.all(Array.from({ length: connections }, () => load(address, agent)));
	const end = await ended;
	agent.destroy();
	if (end.signal !== 'SIGKILL') throw new Error(`the authority ended by itself (${end.status}): ${end.log}`);
	return address !== null;
}

async function stopped() {
	const { child, url, ended } = start();
	await Promise.race([url, ended]);
	child.kill('SIGTERM');
	const end = await ended;
	if (end.status !== 0) throw new Error(`it does not start again (${end.status}): ${end.log}`);
}

function judge() {
	const options = { encoding: 'utf8', maxBuffer: 1 << 30 };
	const verified = spawnSync(program, ['ledger', 'verify', '--keys', keys], options);
	const lines = spawnSync(program, ['ledger', 'export', '--keys', keys, '--kind', 'token'], options).stdout;
	const serials = new Set();
	let twice = 0;
	let entries = 0;
	for (const line of lines.split('\n')) {
		if (!line) continue;
		const entry = JSON.parse(line);
		const token = entry.entry ?? entry;
		if (serials.has(token.serial)) twice++;
		serials.add(token.serial);
		received.delete(String(token.answer).replace('sha256:', ''));
		entries++;
	}
	return { entries, twice, missing: received.size, verified: verified.status === 0, said: verified.stderr };
}

let served = 0;
for (let i = 0; i < Number(kills); i++) served += await once(20 + Math.random() * 400);
const tokens = received.size;
await stopped();
process.stdout.write(`${JSON.stringify({ kills: Number(kills), served, tokens, refused, ...judge() })}\n`);
