// SPDX-License-Identifier: Apache-2.0
// The console as somebody uses it: from the ring to the evidence, by mouse and by keys, in two languages.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { closePage as close, launch, makeStore, openPage, serve, settled, whole } from './console.mjs';

let store, server, browser;

before(async () => {
	store = makeStore(60_000);
	server = await serve(store.path);
	browser = await launch();
});

after(async () => {
	await browser?.close();
	await server?.stop();
	store?.remove();
});

const api = async (query) => (await fetch(`${server.base}/api/v1/${query}`)).json();

const open = (path, options) => openPage(browser, server.base + path, options);

const place = (page) => page.evaluate(() => location.pathname + location.search);
const ringTotal = async (page) => Number(await page.getAttribute('.ring-total', 'data-total'));

describe('the ring', () => {
	test('shows the top ten and the rest, and the sum of the server', async () => {
		const page = await open('/telescope');
		const [summary] = (await api('telescope/summary')).rows;
		const ports = (await api('telescope/ports')).rows;
		const slices = await page.$$eval('.slice', (all) => all.map((slice) => Number(slice.dataset.packets)));
		assert.equal(await ringTotal(page), summary.scan_packets);
		assert.equal(slices.length, 11);
		assert.equal(slices.reduce((sum, packets) => sum + packets, 0), summary.scan_packets);
		const listed = await page.$$eval('.top tbody tr', (rows) => rows.slice(0, 10).map((row) => [row.querySelector('.mono').textContent, row.querySelector('td').textContent]));
		assert.deepEqual(
			listed.map(([label, packets]) => [label, whole(packets)]),
			ports.slice(0, 10).map((port) => [`${port.port}/${port.protocol === 6 ? 'tcp' : 'udp'}`, port.packets]),
		);
		await close(page);
	});

	test('tells classes apart without colour', async () => {
		const page = await open('/telescope');
		const windows = await page.$$eval('path.tone-windows', (all) => all.map((path) => path.parentElement.querySelector('.pattern')?.getAttribute('fill')));
		assert.ok(windows.length > 0);
		assert.ok(windows.every((fill) => fill === 'url(#stripes)'));
		assert.match(await page.getAttribute('.ring svg', 'aria-label'), /23\/tcp Telnet/);
		await close(page);
	});

	test('changes with the research switch, and the parts make the whole', async () => {
		const page = await open('/telescope');
		const totals = { with: await ringTotal(page) };
		for (const choice of ['Without', 'Only']) {
			await page.click(`.switch a:text-is("${choice}")`);
			await page.waitForURL(`**research=${choice.toLowerCase()}*`);
			await settled(page);
			totals[choice.toLowerCase()] = await ringTotal(page);
			const [summary] = (await api(`telescope/summary?research=${choice.toLowerCase()}`)).rows;
			assert.equal(totals[choice.toLowerCase()], summary.scan_packets);
		}
		assert.ok(totals.without < totals.with);
		assert.equal(totals.without + totals.only, totals.with);
		await close(page);
	});
});

describe('from the picture to the evidence', () => {
	test('port, source, rule, numbers', async () => {
		const page = await open('/telescope');
		await page.click('.top a:has-text("23/tcp")');
		await page.waitForURL('**/telescope/ports/tcp/23');
		await settled(page);
		assert.match(await page.textContent('h1'), /23\/tcp Telnet/);
		const [first] = (await api('telescope/sources?protocol=6&port=23&tool=mirai&limit=1')).rows;
		await page.selectOption('.table-tools select', 'mirai');
		await page.waitForURL('**tool=mirai*');
		await settled(page);
		await page.click(`.table tbody tr:first-child a:has-text("${first.address}")`);
		await page.waitForURL('**/telescope/source?**');
		await settled(page);
		assert.equal(await page.textContent('h1'), first.address);
		const verdict = await page.textContent('.verdicts');
		assert.match(verdict, /Mirai/);
		assert.match(verdict, /sequence number equals the destination address/);
		assert.match(verdict, /\d+ of \d+ SYNs match/);
		assert.match(await page.textContent('.day[open] .facts'), /First SYN/);
		await page.click('.day[open] .raw summary');
		const raw = JSON.parse(await page.textContent('.day[open] pre'));
		assert.equal(raw.tools[0].tool, 'mirai');
		await close(page);
	});

	test('a research scanner shows rule, need and figures', async () => {
		const [scanner] = (await api('telescope/scanners?limit=1')).rows;
		const page = await open(`/telescope/source?address=${scanner.address}`);
		const name = { nicter: /NICTER rule/, scaled: /Scaled NICTER rule/ }[scanner.rule] ?? /List: /;
		assert.match(await page.textContent('.verdicts strong'), name);
		assert.match(await page.textContent('.verdicts'), /scan packets to \d+ destination ports/);
		await close(page);
	});

	test('a finding opens below its row', async () => {
		const page = await open('/findings?kind=infected-host');
		await page.click('.row-button >> nth=0');
		assert.match(await page.textContent('.finding'), /Sample packet/);
		await page.click('.finding .actions a');
		await page.waitForURL('**/telescope/source?**');
		await close(page);
	});

	test('every picture has its figures as a table', async () => {
		const page = await open('/telescope');
		await page.click('.figures summary');
		const rows = await page.$$eval('.figures tbody tr', (all) => all.length);
		const series = (await api('telescope/series?by=category&category=all')).rows;
		assert.equal(rows, series.length);
		await close(page);
	});
});

describe('keyboard', () => {
	test('/ finds a port, an address, a service, a tool', async () => {
		const page = await open('/');
		for (const [text, target] of [
			['445', '/telescope/ports/tcp/445'], ['udp/53', '/telescope/ports/udp/53'], ['192.0.2.7', '/telescope/source?address=192.0.2.7'],
			['2001:DB8::1', '/telescope/source?address=2001:db8::1'], ['mirai', '/telescope/sources?tool=mirai'], ['rdp', '/telescope/ports/tcp/3389'],
		]) {
			await page.keyboard.press('/');
			await page.waitForSelector('dialog[open] input');
			await page.keyboard.type(text);
			await page.keyboard.press('Enter');
			await page.waitForFunction((wanted) => location.pathname + location.search === wanted, target);
			assert.equal(await page.$('dialog[open]'), null);
		}
		await close(page);
	});

	test('g and a letter, arrows, Enter, Esc, ?', async () => {
		const page = await open('/');
		await page.keyboard.press('g');
		await page.keyboard.press('p');
		await page.waitForURL('**/telescope/ports');
		await settled(page);
		await page.keyboard.press('ArrowDown');
		await page.keyboard.press('ArrowDown');
		const [, second] = (await api('telescope/ports?limit=2')).rows;
		await page.keyboard.press('Enter');
		await page.waitForURL(`**/telescope/ports/*/${second.port}`);
		await settled(page);
		await page.keyboard.press('Escape');
		await page.waitForURL('**/telescope/ports');
		await page.keyboard.press('Escape');
		await page.waitForURL('**/telescope');
		await page.keyboard.press('?');
		await page.waitForSelector('dialog[open] .keys');
		await page.keyboard.press('Escape');
		await page.waitForSelector('dialog', { state: 'detached' });
		assert.equal(await place(page), '/telescope');
		await page.keyboard.press('r');
		await page.waitForURL('**research=without');
		await close(page);
	});

	test('a table is one stop of the Tab key', async () => {
		const page = await open('/telescope/ports');
		assert.equal(await page.$$eval('[data-row][tabindex="0"]', (all) => all.length), 1);
		await page.focus('[data-row][tabindex="0"]');
		await page.keyboard.press('End');
		const at = await page.evaluate(() => document.activeElement.dataset.row);
		assert.equal(Number(at), (await page.$$eval('[data-row]', (all) => all.length)) - 1);
		await close(page);
	});
});

describe('language, colours, zone', () => {
	test('the language is switched and kept', async () => {
		const page = await open('/telescope');
		await page.click('.top-tools button[lang="ja"]');
		await page.waitForSelector('html[lang=ja]');
		assert.match(await page.textContent('nav'), /ダークネット観測/);
		await page.reload();
		await settled(page);
		assert.equal(await page.getAttribute('html', 'lang'), 'ja');
		await close(page);
	});

	test('Japanese numbers and terms', async () => {
		const page = await open('/telescope', { locale: 'ja-JP' });
		const text = await page.textContent('#main');
		for (const term of ['宛先ポート', 'ユニークホスト数', 'バックスキャッタ', '万'])
			assert.ok(text.includes(term), term);
		const style = await page.$eval('p', (p) => [getComputedStyle(p).lineHeight, getComputedStyle(p).fontSize].map(parseFloat));
		assert.ok(style[0] / style[1] > 1.69);
		await close(page);
	});

	test('colours follow the system until they are chosen', async () => {
		const page = await open('/', { colorScheme: 'dark' });
		const paper = () => page.$eval('html', (html) => getComputedStyle(html).backgroundColor);
		const dark = await paper();
		await page.click('.top-tools button:has-text("Colours")');
		assert.notEqual(await paper(), dark);
		await close(page);
	});

	test('times name their zone', async () => {
		const page = await open('/telescope/victims', { timezoneId: 'Asia/Tokyo' });
		const first = () => page.textContent('tbody tr:first-child time');
		const [victim] = (await api('telescope/victims?limit=1')).rows;
		assert.equal(await first(), victim.first.slice(0, 16).replace('T', ' '));
		await page.click('.bar button:text-is("local")');
		const there = new Date(Date.parse(victim.first) + 9 * 3_600_000).toISOString().slice(0, 16).replace('T', ' ');
		assert.equal(await first(), there);
		assert.match(await page.textContent('thead'), /Asia\/Tokyo/);
		await close(page);
	});
});

describe('the view is the link', () => {
	test('a link shows a colleague the same', async () => {
		const page = await open('/telescope');
		await page.click('.switch a:text-is("Last day")');
		await page.waitForURL('**from=**');
		await page.click('.switch a:text-is("Without")');
		await page.click('.switch a:text-is("Port class")');
		await page.waitForURL('**by=class**');
		await settled(page);
		const link = await place(page);
		const seen = await page.textContent('h1');
		const other = await open(link);
		assert.equal(await other.textContent('h1'), seen);
		assert.equal(await ringTotal(other), await ringTotal(page));
		await page.click('nav a:text-is("Findings")');
		assert.match(await place(page), /from=.*to=.*research=without/);
		await page.goBack();
		assert.equal(await place(page), link);
		await close(page);
		await close(other);
	});

	test('tables page by cursor, filter, sort and export', async () => {
		const page = await open('/telescope/ports');
		const firstRow = () => page.textContent('tbody tr:first-child th');
		const before = await firstRow();
		await page.click('a[rel="next"]');
		await page.waitForURL('**after=**');
		await settled(page);
		assert.notEqual(await firstRow(), before);
		await page.click('.table-foot a:text-is("First page")');
		await page.waitForFunction(() => !location.search.includes('after'));
		await page.selectOption('.table-tools select >> nth=1', 'windows');
		await page.waitForURL('**class=windows**');
		await settled(page);
		const classes = await page.$$eval('.class-mark', (all) => [...new Set(all.map((mark) => mark.textContent))]);
		assert.deepEqual(classes, ['Windows']);
		await page.click('.sort:has-text("Destination port")');
		await page.click('.sort:has-text("Destination port")');
		const ports = await page.$$eval('tbody .mono', (all) => all.map((cell) => parseInt(cell.textContent)));
		assert.deepEqual(ports, [...ports].sort((a, b) => a - b));
		await page.fill('.table-tools input[type="search"]', 'RDP');
		await page.waitForURL('**filter=RDP**');
		assert.ok((await page.$$eval('tbody tr', (all) => all.length)) < ports.length);
		const csv = await page.request.get(server.base + (await page.getAttribute('.export a:text-is("CSV")', 'href')));
		const rows = (await api('telescope/ports?class=windows&limit=1000')).rows;
		assert.equal((await csv.text()).trim().split('\n').length, rows.length + 1);
		await close(page);
	});
});

describe('states', () => {
	const without = async (path, pattern, answer) => {
		const context = await browser.newContext({ locale: 'en-GB' });
		const page = await context.newPage();
		await page.route(pattern, answer);
		await page.goto(server.base + path);
		return page;
	};
	const json = (status, body) => (route) => route.fulfill({ status, contentType: 'application/json', body: JSON.stringify(body) });

	test('loading keeps its place', async () => {
		let release;
		const held = new Promise((done) => (release = done));
		const page = await without('/telescope/ports', '**/api/v1/telescope/ports**', async (route) => {
			await held;
			await route.continue();
		});
		await page.waitForSelector('.skeleton');
		release();
		await settled(page);
		assert.ok((await page.$$eval('tbody tr', (all) => all.length)) > 10);
		await close(page);
	});

	test('an empty store says what fills it', async () => {
		const status = await api('status');
		const page = await without('/', '**/api/v1/status', json(200, { ...status, sensors: [] }));
		await page.waitForSelector('.command');
		assert.match(await page.textContent('main'), /noroshi telescope read .* --store /);
		await close(page);
	});

	test('what is wrong with the server itself is said', async () => {
		const status = await api('status');
		const page = await without('/', '**/api/v1/status', json(200, { ...status, sandbox_missing: 'Landlock and seccomp', http: { ...status.http, overdue: 7, shed: 12 } }));
		await page.waitForSelector('.health .sandbox');
		assert.match(await page.textContent('.health'), /does not have Landlock and seccomp.*7 too slow, 12 too many/s);
		await close(page);
		const usual = await open('/');
		assert.equal(await usual.$('.health .sandbox'), null);
		await close(usual);
	});

	test('an error says what happened and what to do, and retries', async () => {
		let broken = true;
		const page = await without('/telescope/victims', '**/api/v1/telescope/victims**', (route) =>
			broken ? json(500, { error: { code: 'busy', text: 'the store is locked' } })(route) : route.continue());
		await page.waitForSelector('[role="alert"]');
		assert.match(await page.textContent('[role="alert"]'), /the store is locked/);
		broken = false;
		await page.click('[role="alert"] button');
		await page.waitForSelector('tbody tr');
		await close(page);
	});

	test('a server that went away says how to bring it back', async () => {
		const page = await without('/telescope/tools', '**/api/v1/telescope/tools**', (route) => route.abort());
		await page.waitForSelector('[role="alert"]');
		assert.match(await page.textContent('[role="alert"]'), /noroshi serve/);
		await close(page);
	});

	test('a wrong link is the reader’s to mend', async () => {
		const page = await open('/telescope/ports?from=yesterday');
		assert.match(await page.textContent('[role="alert"]'), /from/);
		await page.click('[role="alert"] a');
		await page.waitForSelector('tbody tr');
		await close(page);
	});

	test('what was lost is shown with its causes', async () => {
		const page = await open('/');
		assert.match(await page.textContent('.partial'), /were not counted as packets/);
		assert.match(await page.textContent('.small'), /Not IP/);
		await close(page);
	});

	test('nothing found in a range names the way out', async () => {
		const page = await open('/telescope/victims?from=2001-01-01T00:00:00Z&to=2001-01-02T00:00:00Z');
		assert.match(await page.textContent('.notice-empty'), /Nothing in this view/);
		await page.click('.notice-empty a');
		await page.waitForSelector('tbody tr');
		await close(page);
	});
});

describe('weight and manners', () => {
	test('at most 150 kB compressed, all from here, nothing inline', async (t) => {
		const context = await browser.newContext();
		const page = await context.newPage();
		const client = await context.newCDPSession(page);
		await client.send('Network.enable');
		const sizes = new Map();
		const urls = new Map();
		client.on('Network.responseReceived', ({ requestId, response }) => urls.set(requestId, response));
		client.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
		const document = await page.goto(`${server.base}/telescope`);
		await settled(page);
		const assets = [...sizes].filter(([id]) => urls.has(id) && !new URL(urls.get(id).url).pathname.startsWith('/api/'));
		const bytes = assets.reduce((sum, [, size]) => sum + size, 0);
		t.diagnostic(`console: ${(bytes / 1000).toFixed(1)} kB over the wire in ${assets.length} files`);
		assert.ok(assets.length >= 4);
		assert.ok(bytes <= 150_000, `${bytes} bytes`);
		assert.match(document.headers()['content-security-policy'], /default-src 'self'/);
		assert.doesNotMatch(await document.text(), /<script(?![^>]*src=)|<style|style=/);
		await context.close();
	});

	test('paints soon, and nothing jumps', async (t) => {
		const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
		await context.addInitScript(() => {
			globalThis.shifted = 0;
			new PerformanceObserver((list) => list.getEntries().forEach((entry) => (globalThis.shifted += entry.value))).observe({ type: 'layout-shift', buffered: true });
		});
		for (const path of ['/', '/telescope', '/telescope/ports']) {
			const page = await context.newPage();
			await page.goto(server.base + path);
			await settled(page);
			const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
			const shifted = await page.evaluate(() => globalThis.shifted);
			t.diagnostic(`${path}: first contentful paint ${Math.round(paint)} ms (goal 1000 ms, not asserted), layout shift ${shifted.toFixed(3)}`);
			assert.ok(paint > 0);
			assert.ok(shifted < 0.1, `${path}: layout shift ${shifted}`);
			await page.close();
		}
		await context.close();
	});

	test('moves nothing for those who asked for calm', async () => {
		const context = await browser.newContext({ reducedMotion: 'reduce' });
		const page = await context.newPage();
		await page.route('**/api/v1/telescope/**', () => undefined);
		await page.goto(`${server.base}/telescope`);
		await page.waitForSelector('.bone');
		assert.equal(await page.$eval('.bone', (bone) => getComputedStyle(bone).animationName), 'none');
		await context.close();
	});
});
