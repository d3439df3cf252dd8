// SPDX-License-Identifier: Apache-2.0
// From the wire to the console, with the real program: two name spaces, a cable between them, a browser beside the server.
// Needs root; skipped where it is not given. What it makes it removes, and it sends a few hundred packets.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch, program, settled } from './console.mjs';

const TAG = process.pid.toString(36);
const [WATCHER, SENDER] = [`nrw${TAG}`, `nrs${TAG}`];
const BASE = 'http://127.0.0.1:8480';
const PACKETS = 300;
/* One of ours (--own) knocks at Telnet, from one port to many dark addresses. UDP: a plain socket may send it. */
const SEND = `
const socket = require('node:dgram').createSocket('udp4');
socket.bind(40000, '203.0.113.7', async () => {
	for (let index = 0; index < ${PACKETS}; index++) {
		await new Promise((done) => socket.send('x', 2323, '198.18.' + (index % 64) + '.' + (index % 250), done));
		if (index % 30 === 0)
			await new Promise((done) => setTimeout(done, 100));
	}
	socket.close();
});`;

const root = process.getuid?.() === 0;
const ip = (...words) => execFileSync('ip', words, { stdio: ['ignore', 'pipe', 'pipe'] });
let folder, state, server, browser, able = false;
let said = ''; /* what the server logs */

function nameSpaces() {
	ip('netns', 'add', WATCHER);
	ip('netns', 'add', SENDER);
	ip('-n', WATCHER, 'link', 'add', 'rx0', 'type', 'veth', 'peer', 'name', 'tx0', 'netns', SENDER);
	for (const [space, device] of [[WATCHER, 'lo'], [WATCHER, 'rx0'], [SENDER, 'lo'], [SENDER, 'tx0']])
		ip('-n', space, 'link', 'set', device, 'up');
	ip('-n', SENDER, 'address', 'add', '203.0.113.7/24', 'dev', 'tx0');
	ip('-n', SENDER, 'neighbour', 'add', '203.0.113.1', 'lladdr', '02:00:00:00:00:01', 'dev', 'tx0');
	ip('-n', SENDER, 'route', 'add', '198.18.0.0/18', 'via', '203.0.113.1');
}

before(async () => {
	if (!root)
		return;
	try {
		nameSpaces();
		able = true;
	} catch {
		return; /* a container without the right to make name spaces */
	}
	folder = mkdtempSync(join(tmpdir(), 'noroshi-watch-'));
	state = mkdtempSync('/dev/shm/noroshi-watch-');
	const wrapper = join(folder, 'chromium');
	writeFileSync(wrapper, `#!/bin/sh\nexec ip netns exec ${WATCHER} ${process.env.CHROMIUM ?? '/usr/bin/chromium'} "$@"\n`);
	chmodSync(wrapper, 0o755);
	process.env.CHROMIUM = wrapper;
	const words = ['serve', '--store', join(folder, 'live.db'), '--watch', 'rx0', '--user', 'root', '--dark', '198.18.0.0/18', '--own', '203.0.113.0/24', '--memory', '64M', '--ring', '1M', '--state', state];
	server = spawn('ip', ['netns', 'exec', WATCHER, program, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
	await new Promise((done, fail) => {
		server.stderr.on('data', (bytes) => (said += bytes).includes('event=watch') && done());
		server.once('exit', () => fail(new Error(`noroshi serve --watch: ${said}`)));
	});
	browser = await launch();
});

after(async () => {
	await browser?.close();
	if (server && server.exitCode === null)
		await new Promise((done) => {
			server.once('exit', done);
			server.kill();
		});
	for (const space of [WATCHER, SENDER])
		if (root)
			spawn('ip', ['netns', 'del', space], { stdio: 'ignore' });
	for (const each of [folder, state])
		if (each)
			rmSync(each, { recursive: true, force: true });
});

test('a packet on the wire is on the screen, and one of ours is an alarm', async (t) => {
	if (!able)
		return t.skip('needs root and name spaces');
	const page = await browser.newPage({ locale: 'en-GB' });
	const faults = [];
	page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
	page.on('pageerror', (error) => faults.push(error.message));
	await page.goto(`${BASE}/telescope/cube`);
	await settled(page);
	await page.waitForSelector('.live-state[data-state="live"]');
	const sent = Date.now();
	const sender = spawn('ip', ['netns', 'exec', SENDER, process.execPath, '-e', SEND], { stdio: 'inherit' });
	await page.waitForSelector('.cube-rows a:text-is("203.0.113.7")');
	t.diagnostic(`from the first packet (and the start of its sender) to the row: ${Date.now() - sent} ms`);
	assert.match(await page.textContent('.cube-rows tbody tr'), /203\.0\.113\.7198\.18\.\d+\.\d+ 2323\/udpHost of ours/);
	await page.waitForSelector('.alarm a:text-is("203.0.113.7")');
	t.diagnostic(`to the alarm: ${Date.now() - sent} ms`);
	await new Promise((done) => (sender.exitCode === null ? sender.once('exit', done) : done()));
	await page.goto(BASE);
	await settled(page);
	await page.waitForSelector('.urgent-card a:text-is("203.0.113.7")');
	const counted = async () => Number((await page.textContent('.sensors tbody td >> nth=1')).replaceAll(/\D/g, ''));
	for (let wait = 0; wait < 20 && (await counted()) < PACKETS; wait++) {
		await page.waitForTimeout(250);
		await page.reload();
		await settled(page);
	}
	assert.equal(await counted(), PACKETS, 'every packet of the sender, and no other');
	assert.deepEqual(faults, []);
	await page.close();
});

test('a telescope that dies is a gap in the list, without reloading', async (t) => {
	if (!able)
		return t.skip('needs root and name spaces');
	const page = await browser.newPage({ locale: 'en-GB' });
	await page.goto(BASE);
	await settled(page);
	await page.waitForSelector('.live-state[data-state="live"]');
	const crashes = () => page.$$eval('.gap-list li', (all) => all.filter((each) => /Restarted after a fault/.test(each.textContent)).length);
	assert.equal(await crashes(), 0);
	const [, telescope] = /event=start sensor=telescope pid=(\d+)/.exec(said);
	process.kill(Number(telescope), 'SIGKILL');
	await page.waitForSelector('.gap-list li:has-text("Restarted after a fault")');
	assert.equal(await crashes(), 1);
	await page.waitForSelector('.live-state[data-state="live"]');
	await page.close();
});
