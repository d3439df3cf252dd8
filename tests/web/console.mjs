// SPDX-License-Identifier: Apache-2.0
// What the tests of the console share: a small world in a store, the real program serving it, Debian's Chromium.
// NOROSHI names the program (build/noroshi), CHROMIUM the browser.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../../', import.meta.url));
const require = createRequire(join(top, 'web/package.json'));
const { chromium } = require('playwright-core');

export const program = resolve(process.env.NOROSHI ?? join(top, 'build/noroshi'));
export const axeSource = require.resolve('axe-core/axe.min.js');

/** Makes a world of `packets`, reads it into a store in a folder of its own. */
export function makeStore(packets) {
	if (!existsSync(program))
		throw new Error(`${program} is not there: make build makes it, or NOROSHI names another`);
	const folder = mkdtempSync(join(tmpdir(), 'noroshi-web-'));
	const at = (name) => join(folder, name);
	const run = (...words) => execFileSync(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
	run('world', 'darknet', '--seed', '7', '--packets', String(packets), '--out', at('world.pcap'), '--mmdb', at('world.mmdb'), '--lists', at('scanners.json'));
	run('telescope', 'read', at('world.pcap'), '--dark', '198.18.0.0/18', '--own', '203.0.113.0/24', '--mmdb', at('world.mmdb'), '--lists', at('scanners.json'), '--store', at('world.db'));
	return { path: at('world.db'), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A day of an ISP's flows: an archive, and its sums in the store. Answers the options of serve. */
export function keepFlows(store) {
	const at = (name) => join(store.path, '..', name);
	const run = (...words) => execFileSync(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
	run('world', 'flows', '--seed', '7', '--flows', '20000', '--out', at('flows.pcap'), '--mmdb', at('flows.mmdb'));
	run('flow', 'keep', at('flows.pcap'), '--archive', at('flows'), '--own', '7.192.0.0/10,3fff::/20', '--keep', '36500d', '--mmdb', at('flows.mmdb'), '--store', store.path);
	return ['--flow-archive', at('flows')];
}

/** Half of today with botnets, kept as if it had been received; serve looks at it when it starts. Answers the options of serve. */
export async function keepBotnets(store) {
	const at = (name) => join(store.path, '..', name);
	const run = (...words) => execFileSync(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
	const today = `${new Date().toISOString().slice(0, 10)}T00:00:00Z`;
	const own = '7.192.0.0/10,4.48.0.0/12,3fff::/20'; /* subscribers, those of the scenes, IPv6 */
	run('world', 'flows', '--seed', '7', '--flows', '100000', '--scenes', 'few', '--start', today, '--duration', '12h', '--out', at('botnets.pcap'));
	run('flow', 'keep', at('botnets.pcap'), '--archive', at('botnets'), '--own', own, '--store', store.path);
	return ['--flow-archive', at('botnets'), '--flow-own', own, '--flow-listen', `udp:127.0.0.1:${await freePort()}`, ...(process.getuid?.() === 0 ? ['--user', 'root'] : [])];
}

const freePort = () =>
	new Promise((done, fail) => {
		const server = createServer().on('error', fail).listen(0, '127.0.0.1', () => {
			const { port } = server.address();
			server.close(() => done(port));
		});
	});

/** Starts `noroshi serve` on a free loopback port and waits until it answers. */
export async function serve(store, options = []) {
	const port = await freePort();
	const base = `http://127.0.0.1:${port}`;
	const child = spawn(program, ['serve', '--store', store, '--listen', `127.0.0.1:${port}`, ...options], { stdio: ['ignore', 'ignore', 'pipe'] });
	let said = '';
	child.stderr.on('data', (bytes) => (said += bytes));
	for (;;) {
		const answer = await fetch(`${base}/api/v1/status`).catch(() => null);
		if (answer?.ok)
			break;
		if (answer !== null || child.exitCode !== null) {
			child.kill();
			throw new Error(`noroshi serve: ${answer === null ? said : await answer.text()}`);
		}
		await new Promise((done) => setTimeout(done, 50));
	}
	const stop = () =>
		new Promise((done) => {
			child.once('exit', done);
			child.kill();
		});
	return { base, stop };
}

export const launch = () =>
	chromium.launch({
		executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
		args: [
			'--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
			'--disable-component-update', '--disable-sync',
		],
	});

/** Waits until nothing is on its way: no skeleton, no dimmed answer, fonts there. */
export async function settled(page) {
	await page.waitForSelector('#main h1');
	await page.waitForFunction(() => !document.querySelector('.skeleton, .busy'));
	await page.evaluate(() => document.fonts.ready.then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))));
}

/** What a page does that it must not: errors, refused answers, and questions to anywhere else. */
export function watch(page, base) {
	const faults = [];
	page.on('console', (message) => message.type() === 'error' && faults.push(`console: ${message.text()}`));
	page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
	page.on('request', (request) => request.url().startsWith(`${base}/`) || faults.push(`request: ${request.url()}`));
	page.on('response', (response) => response.status() >= 400 && faults.push(`${response.status()}: ${response.url()}`));
	return faults;
}

/** A page in a context of its own; `options` are the context's, `prepare` is done with the page before it asks anything. `page.faults` is what it did that it must not. */
export async function openPage(browser, url, { prepare, ...options } = {}) {
	const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 900 }, ...options });
	// The policy forbids inline scripts, so axe comes in as a script of the test's, before the page.
	await context.addInitScript({ path: axeSource });
	const page = await context.newPage();
	page.faults = watch(page, new URL(url).origin);
	await prepare?.(page);
	await page.goto(url);
	await settled(page);
	return page;
}

export const closePage = (page) => page.context().close();

/** "1,204 flows" -> 1204. */
export const whole = (text) => Number(text.replaceAll(/[^0-9]/g, ''));

/** What axe finds. The rows of a table are built alike: the first ten speak for all. */
export async function violations(page) {
	const { violations: found } = await page.evaluate(() => globalThis.axe.run({ exclude: ['tbody tr:nth-child(n+11)'] }, { resultTypes: ['violations'] }));
	return found.map((each) => `${each.id}: ${each.nodes.map((node) => node.target.join(' ')).slice(0, 3).join(' | ')}`);
}

/** How far the page sticks out of the window, px. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
