// SPDX-License-Identifier: Apache-2.0
// A ledger for the tests and pictures of the page Trust: demonstration keys, a sealed file, and six days of what an authority writes.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program } from './console.mjs';

const HOUR = 3_600_000;
const HOURS = 144;

/** Numbers that look random and are the same each time. */
function* noise() {
	for (let state = 12345; ; state = (state * 1103515245 + 12345) % 2147483648)
		yield state / 2147483648;
}

const iso = (ms) => new Date(ms).toISOString();

const tally = (name, offset, next) => ({
	name, asked: 56, answered: 56 - Math.floor(next() * 2), min_us: offset - 90, mean_us: offset + Math.round(next() * 60 - 30), max_us: offset + 140,
	p95_us: offset + 110, bound_max_us: 900 + Math.round(next() * 500),
});

function clockHour(at, offset, next) {
	const bound = 1100 + Math.abs(offset) + Math.round(next() * 600);
	return {
		kind: 'clock', time: iso(at), state: 'run', reason: 'fine', offset_us: offset, bound_us: bound, agreeing: 3, hour: iso(at - HOUR), held_us: 0, bound_max_us: bound + 200,
		references: [tally('chrony', offset, next), tally('ntp:ntp.nict.jp', offset + 40, next), tally('ntp:time.example.org', offset - 60, next)],
	};
}

/** Hourly summaries, two HOLDs, and tokens and seals by day. */
function* entries(start) {
	const random = noise();
	const next = () => random.next().value;
	let offset = -380;
	for (let hour = 0; hour < HOURS; hour++) {
		const at = start + hour * HOUR;
		offset += Math.round(next() * 160 - 72);
		yield clockHour(at, offset, next);
		if (hour === 50) {
			yield { kind: 'clock', time: iso(at + 600_000), state: 'hold', reason: 'no-quorum', agreeing: 1 };
			yield { kind: 'clock', time: iso(at + 2_400_000), state: 'hold', reason: 'settling', offset_us: offset, bound_us: 2900, agreeing: 2 };
			yield { kind: 'clock', time: iso(at + 2_470_000), state: 'run', reason: 'fine', offset_us: offset, bound_us: 1900, agreeing: 3 };
		}
		if (hour === 110) {
			yield { kind: 'clock', time: iso(at + 60_000), state: 'hold', reason: 'stepped', agreeing: 3 };
			yield { kind: 'clock', time: iso(at + 140_000), state: 'run', reason: 'fine', offset_us: offset, bound_us: 1500, agreeing: 3 };
		}
		const busy = 2 + 10 * Math.max(0, Math.sin(((hour % 24) - 6) / 24 * Math.PI * 2)) + next() * 3;
		for (let i = 0; i < busy; i++)
			yield { kind: 'token', time: iso(at + i * 60_000), serial: String(hour * 100 + i).padStart(12, '0'), imprint: `sha256:${String(i).repeat(64).slice(0, 64)}`, counter: hour * 20 + i };
		for (let i = 0; i < busy / 4; i++)
			yield { kind: 'seal', time: iso(at + i * 240_000), digest: `sha256:${String(9 - i).repeat(64).slice(0, 64)}`, purpose: 'seal', counter: hour * 5 + i };
		if (hour % 24 === 9)
			yield { kind: 'audit', time: iso(at), day: iso(at - 9 * HOUR).slice(0, 10), result: 'complete' };
	}
}

/** `options` are those of noroshi serve. */
export function makeLedger() {
	const folder = mkdtempSync(join(tmpdir(), 'noroshi-trust-'));
	const at = (name) => join(folder, name);
	const run = (words, input = '') => execFileSync(program, words, { input, stdio: ['pipe', 'ignore', 'pipe'] });
	run(['key', 'new', '--out', at('keys'), '--origin', 'log.example.org/2026']);
	writeFileSync(at('notice.txt'), 'To whom it may concern: port 23 of 203.0.113.9 stands open.\n');
	for (const form of ['cades', 'jades-json'])
		run(['seal', 'sign', '--keys', at('keys'), '--form', form, at('notice.txt')]);
	const start = Math.floor(Date.now() / HOUR) * HOUR - HOURS * HOUR;
	run(['ledger', 'append', '--keys', at('keys')], [...entries(start)].map((entry) => JSON.stringify(entry)).join('\n'));
	return {
		at,
		options: ['--ledger', at('keys/ledger'), '--ledger-vkey', at('keys/ledger.vkey'), '--trust-ca', at('keys/ca.pem'), '--trust-crl', at('keys/ca.crl')],
		remove: () => rmSync(folder, { recursive: true, force: true }),
	};
}

/** Until the server has read the ledger to its end. */
export async function followed(base) {
	for (;;) {
		const { ledger } = await (await fetch(`${base}/api/v1/trust`)).json();
		if (ledger.state === 'current')
			return ledger;
		await new Promise((done) => setTimeout(done, 50));
	}
}
