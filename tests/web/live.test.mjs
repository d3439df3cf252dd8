// SPDX-License-Identifier: Apache-2.0
// The console while something is live: what it shows, how it says that it does not know, what it never asks for.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { closePage as close, launch, makeStore, openPage, overflow, serve, settled, violations } from './console.mjs';
import { feed } from './feeder.mjs';

const GAPS = [
	{ sensor: 'telescope', sense: 'telescope', first: '2026-04-01T20:00:00.000000Z', last: '2026-04-01T22:30:00.000000Z', cause: 'interface-down', packets: 0, text_en: 'Interface eth0 was down.', text_ja: 'インターフェースeth0が停止していました。' },
	{ sensor: 'telescope', sense: 'telescope', first: '2026-04-01T09:00:00.000000Z', last: '2026-04-01T09:00:02.000000Z', cause: 'crashed', packets: 812, text_en: 'The telescope was restarted.', text_ja: '観測プロセスを再起動しました。' },
];
const warning = (kind, key, score) => ({
	sensor: 'telescope', time: '2026-04-01T12:00:00.000000Z', last: '2026-04-01T13:00:00.000000Z', kind, key, value: 1, score, sources: 120, packets: 4000, notable: 1,
	evidence: { score_hosts: score }, reason_en: `${key} behaves as it has not before.`, reason_ja: `${key}の動きが変わりました。`,
});
const WARNINGS = [warning('changefinder', 'tcp/23', 5.372), warning('synchrony', 'tcp/445', 0.81), warning('aggressive', '198.51.100.9', 0.12), warning('changefinder', 'BR', 3.1), warning('slow-scanner', '2001:db8::/32', 7)];
const finding = (more) => ({
	sensor: 'telescope', sense: 'telescope', kind: 'infected-host', subject: '203.0.113.250', first: new Date().toISOString(), last: new Date().toISOString(),
	count: 1, confidence: 0.9, severity: 4, reason_en: 'knocks at the darknet', reason_ja: 'ダークネットへ送信', evidence: {}, ...more,
});

let store, server, feeder, browser;

before(async () => {
	store = makeStore(20_000);
	server = await serve(store.path);
	feeder = await feed({ upstream: server.base, gaps: GAPS, warnings: WARNINGS });
	browser = await launch();
});

after(async () => {
	await browser?.close();
	await feeder?.stop();
	await server?.stop();
	store?.remove();
});

/** Waits for something outside the page; a wait without an end would hide what did not come. */
async function until(what, holds) {
	for (let wait = 0; wait < 1500; wait++) {
		if (holds())
			return;
		await new Promise((done) => setTimeout(done, 20));
	}
	assert.fail(`waited in vain: ${what}`);
}

/** Opens a page and waits until it listens. */
async function open(path, { listens = true, ...options } = {}) {
	const before = feeder.asked.length;
	const page = await openPage(browser, feeder.base + path, options);
	if (listens)
		await until('the page listens', () => feeder.asked.length > before && feeder.listeners() > 0);
	return page;
}

const state = (page, wanted) => page.waitForSelector(`.live-state[data-state="${wanted}"]`);
const figure = async (page, index) => (await page.textContent(`.strip-figures dd >> nth=${index}`)).trim();

describe('the strip', () => {
	test('shows the newest second, and what was lost with its cause', async () => {
		const page = await open('/');
		feeder.pulse(1234, { sources: 321, delay_ms: 77 });
		await page.waitForFunction(() => document.querySelector('.strip-figures dd')?.textContent.includes('1.23'));
		assert.equal(await figure(page, 1), '321');
		assert.match(await figure(page, 2), /^77/);
		assert.match(await page.textContent('.strip-card'), /Nothing was lost/);
		feeder.pulse(10, { dropped: { kernel: 12, 'not-dark': 3 } });
		await page.waitForFunction(() => /Kernel: buffer full 12, Outside the dark range 3/.test(document.querySelector('.strip-card').textContent));
		assert.match(await page.getAttribute('.strip-card .spark', 'aria-label'), /10 now, 1,234 at most/);
		await state(page, 'live');
		assert.deepEqual(page.faults, []);
		await close(page);
	});

	test('stands still while paused, and says so; what comes then is counted', async () => {
		const page = await open('/');
		feeder.pulse(100);
		await page.waitForSelector('.strip-figures');
		await page.click('.live-line button');
		await state(page, 'paused');
		feeder.particles(40);
		feeder.pulse(200);
		await page.waitForFunction(() => /40 packets not drawn/.test(document.querySelector('.live-state').textContent));
		assert.equal(await figure(page, 0), '100');
		await page.click('.live-line button');
		await state(page, 'live');
		assert.equal(await figure(page, 0), '200');
		await close(page);
	});

	test('a connection that was cut is sought again, by the browser and beyond it', async () => {
		const page = await open('/');
		feeder.pulse(100);
		await state(page, 'live');
		feeder.cut();
		await state(page, 'reconnecting');
		await until('a listener', () => feeder.listeners() > 0);
		feeder.pulse(300);
		await state(page, 'live');
		// A server that turns listeners away ends the browser's own patience, not the console's.
		feeder.cut(true);
		await state(page, 'reconnecting');
		const asked = feeder.asked.length;
		await until('two more attempts', () => feeder.asked.length >= asked + 2);
		feeder.cut(false);
		await until('a listener', () => feeder.listeners() > 0);
		feeder.pulse(400);
		await state(page, 'live');
		assert.equal(await figure(page, 0), '400');
		await close(page);
	});

	test('silence is shown with its age', async () => {
		const page = await open('/');
		feeder.pulse(100);
		await state(page, 'live');
		await state(page, 'stale');
		assert.match(await page.textContent('.live-state'), /Nothing heard.*\d+ sec/);
		feeder.pulse(100);
		await state(page, 'live');
		await close(page);
	});

	test('a page that nobody sees gives its connection back', async () => {
		const page = await open('/');
		await until('a listener', () => feeder.listeners() > 0);
		const hide = (hidden) => page.evaluate((now) => {
			Object.defineProperty(document, 'hidden', { value: now, configurable: true });
			document.dispatchEvent(new Event('visibilitychange'));
		}, hidden);
		await hide(true);
		await until('no listener', () => feeder.listeners() === 0);
		await hide(false);
		await until('a listener', () => feeder.listeners() > 0);
		await close(page);
	});
});

describe('without a live sensor', () => {
	test('nothing is asked, and pages that need one say which command fills them', async () => {
		feeder.setLive(false);
		const asked = feeder.asked.length;
		const page = await open('/', { listens: false });
		assert.equal(await page.$('.strip-card'), null);
		await page.goto(`${feeder.base}/telescope/cube`);
		await settled(page);
		assert.match(await page.textContent('.command'), /noroshi serve .*--watch/);
		await page.goto(`${feeder.base}/telescope/atlas?show=live`);
		await settled(page);
		assert.match(await page.textContent('.command'), /noroshi serve .*--watch/);
		assert.equal(feeder.asked.length, asked);
		assert.deepEqual(page.faults, []);
		await close(page);
		feeder.setLive(true);
	});
});

describe('findings', () => {
	test('arrive without reloading, urgent ones in their place, and are said politely', async () => {
		const page = await open('/');
		const heading = () => page.textContent('#urgent-head');
		const before = Number.parseInt(await heading());
		feeder.send('finding', finding({}));
		await page.waitForSelector('.urgent-card a:has-text("203.0.113.250")');
		assert.equal(Number.parseInt(await heading()), before + 1);
		feeder.send('finding', finding({ kind: 'ddos-victim', subject: '192.0.2.99', severity: 2 }));
		await page.waitForSelector('.changed a:has-text("192.0.2.99")');
		assert.equal(await page.$('.alarm'), null, 'the overview needs no second alarm');
		await page.waitForFunction(() => /New finding: .*(203\.0\.113\.250|192\.0\.2\.99)/.test([...document.querySelectorAll('[role="status"]')].map((each) => each.textContent).join(' ')));
		// The same finding again, with a higher count, is the same finding.
		const same = finding({ subject: '203.0.113.251', first: '2026-11-24T00:00:00.000000Z' });
		feeder.send('finding', same);
		feeder.send('finding', { ...same, count: 9 });
		await page.waitForSelector('.urgent-card a:has-text("203.0.113.251")');
		assert.equal(Number.parseInt(await heading()), before + 2);
		await close(page);
	});

	test('an urgent one is an alarm on every page until it is seen', async () => {
		const page = await open('/telescope/ports');
		feeder.send('finding', finding({ severity: 2, subject: '192.0.2.3' }));
		feeder.send('finding', finding({}));
		await page.waitForSelector('.alarm a:has-text("203.0.113.250")');
		assert.doesNotMatch(await page.textContent('.alarm'), /192\.0\.2\.3/);
		assert.deepEqual(await violations(page), []);
		await page.click('.alarm button');
		assert.equal(await page.$('.alarm'), null);
		feeder.send('finding', finding({ subject: '203.0.113.252' }));
		await page.waitForSelector('.alarm');
		await close(page);
	});

	test('nothing moves under the pointer', async () => {
		const page = await open('/');
		feeder.send('finding', finding({ kind: 'ddos-victim', severity: 2, subject: '192.0.2.10' }));
		const first = page.locator('section:has(> #changed-head) .changed li:first-child a');
		await page.waitForSelector('.changed a:text-is("192.0.2.10")');
		await first.hover();
		feeder.send('finding', finding({ kind: 'ddos-victim', severity: 2, subject: '192.0.2.11' }));
		await page.waitForFunction(() => /Held still/.test(document.querySelector('.held').textContent));
		assert.equal(await first.textContent(), '192.0.2.10');
		await page.mouse.move(2, 2);
		await page.waitForSelector('section:has(> #changed-head) .changed li:first-child a:text-is("192.0.2.11")');
		await close(page);
	});
});

describe('gaps and early warnings', () => {
	test('gaps are listed with their cause, and a new one joins them', async () => {
		const page = await open('/');
		const items = () => page.$$eval('.gap-list li', (all) => all.map((each) => each.textContent));
		assert.match((await items())[0], /Interface down.*2026-04-01 20:00:00 UTC.*2\.5 hr.*Interface eth0 was down/);
		assert.match(await page.textContent('.sensors tbody tr'), /telescope \(eth0\)Running123,45631/);
		feeder.send('gap', { ...GAPS[0], first: new Date().toISOString(), last: null, cause: 'ring-full', packets: 9, text_en: 'The ring was full.' });
		await page.waitForFunction(() => document.querySelectorAll('.gap-list li').length === 3);
		assert.match((await items())[0], /Capture ring full.*since /);
		await close(page);
	});

	test('series hatch what was not seen and mark what was warned of', async () => {
		const page = await open('/telescope/ports/tcp/23');
		assert.match(await page.getAttribute('.plot', 'aria-label'), /Early warning \(Sudden change\) at 2026-04-01 12:00/);
		assert.match(await page.textContent('.series ~ .gap-list, .result .gap-list'), /Interface down/);
		assert.match(await page.textContent('section:has(> #warnings-head)'), /score 5\.37.*tcp\/23 behaves/);
		assert.doesNotMatch(await page.textContent('section:has(> #warnings-head)'), /445/);
		// Hatched pixels: in that stretch of the canvas the strokes make many more colours change than beside it.
		const changes = await page.evaluate(() => {
			const canvas = document.querySelector('.plot canvas');
			const { left, width } = document.querySelector('.u-over').getBoundingClientRect();
			const box = canvas.getBoundingClientRect();
			const scale = canvas.width / box.width;
			const at = (hours) => Math.round((left - box.left + (width * hours) / 72) * scale);
			const row = canvas.getContext('2d').getImageData(0, Math.round(canvas.height * 0.6), canvas.width, 1).data;
			const count = (from, to) => {
				let found = 0;
				for (let x = at(from); x < at(to); x++)
					found += Number(Math.abs(row[x * 4 + 3] - row[x * 4 - 1]) > 20);
				return found;
			};
			return [count(20.2, 22.3), count(25, 27.1)];
		});
		assert.ok(changes[0] >= 6 && changes[1] <= 2, `${changes}`);
		await close(page);
	});

	test('the page of warnings leads to ports, countries and sources', async () => {
		const page = await open('/telescope/warnings');
		const links = await page.$$eval('tbody tr', (rows) => rows.map((row) => row.querySelector('td a')?.getAttribute('href') ?? null));
		assert.deepEqual(links, ['/telescope/ports/tcp/23', '/telescope/ports/tcp/445', '/telescope/source?address=198.51.100.9', '/telescope/atlas/BR', null]);
		await page.waitForSelector('tbody tr:first-child .spark .spark-mark', { state: 'attached' }); /* a line has no width to be seen by */
		await page.click('tbody tr:first-child .row-button');
		assert.match(await page.textContent('.finding'), /tcp\/23 behaves as it has not before/);
		await page.keyboard.press('Escape');
		await page.keyboard.press('g');
		await page.keyboard.press('c');
		await page.waitForURL('**/telescope/cube');
		await page.keyboard.press('g');
		await page.keyboard.press('w');
		await page.waitForURL('**/telescope/warnings');
		await close(page);
	});
});

describe('the Cube', () => {
	const rows = (page) => page.$$eval('.cube-rows tbody tr', (all) => all.map((row) => row.textContent));

	test('draws all packets with one call, whatever their number, and touches none again', async (t) => {
		const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1000, height: 700 } });
		// Every call to the graphics card is counted by name.
		await context.addInitScript(() => {
			globalThis.calls = {};
			for (const name of Object.getOwnPropertyNames(WebGL2RenderingContext.prototype)) {
				const { value } = Object.getOwnPropertyDescriptor(WebGL2RenderingContext.prototype, name);
				if (typeof value === 'function')
					WebGL2RenderingContext.prototype[name] = function (...words) {
						globalThis.calls[name] = (globalThis.calls[name] ?? 0) + 1;
						if (name === 'drawElementsInstanced')
							globalThis.instances = words[4];
						return value.apply(this, words);
					};
			}
		});
		const page = await context.newPage();
		const before = feeder.asked.length;
		await page.goto(`${feeder.base}/telescope/cube`);
		await settled(page);
		await until('the page listens', () => feeder.asked.length > before);
		/** Calls of each name in one frame, once what is drawn has reached `least` particles. */
		const perFrame = async (least) => {
			await page.waitForFunction((wanted) => globalThis.instances >= wanted, least);
			await page.waitForTimeout(300);
			return page.evaluate(async () => {
				const start = { ...globalThis.calls };
				const target = (start.drawElementsInstanced ?? 0) + 4;
				while ((globalThis.calls.drawElementsInstanced ?? 0) < target)
					await new Promise((done) => requestAnimationFrame(done));
				const frames = globalThis.calls.drawElementsInstanced - start.drawElementsInstanced;
				return Object.fromEntries(Object.entries(globalThis.calls).map(([name, count]) => [name, (count - (start[name] ?? 0)) / frames]).filter(([, count]) => count > 0));
			});
		};
		feeder.particles(10);
		const few = await perFrame(10);
		await page.click('button:text-is("Measure")');
		for (let burst = 0; burst < 4; burst++)
			feeder.particles(2500);
		const many = await perFrame(10_000);
		assert.equal(few.drawElementsInstanced, 1);
		assert.deepEqual(many, few, 'the same work for ten and for ten thousand');
		assert.equal(many.bufferSubData, undefined, 'nothing is written while nothing comes');
		assert.ok(Object.values(many).reduce((sum, count) => sum + count, 0) < 25);
		feeder.particles(2500);
		await page.waitForFunction(() => Number(document.querySelector('.cube-measure')?.dataset.alive) > 2000);
		t.diagnostic(`drawn by software: ${await page.textContent('.cube-measure')}`);
		await context.close();
	});

	test('the newest packets stand beside it, filtered alike', async () => {
		const page = await open('/telescope/cube');
		feeder.particles(200);
		await page.waitForFunction(() => document.querySelectorAll('.cube-rows tbody tr').length === 14);
		await page.selectOption('.table-tools select >> nth=0', 'backscatter');
		await page.waitForURL('**traffic=backscatter**');
		await page.waitForFunction(() => [...document.querySelectorAll('.cube-rows tbody tr')].every((row) => /198\.51\.100\.53.*Backscatter/.test(row.textContent)));
		assert.ok((await rows(page)).length > 3);
		const other = await open(await page.evaluate(() => location.pathname + location.search));
		assert.equal(await other.inputValue('.table-tools select >> nth=0'), 'backscatter');
		feeder.send('particles', { sensor: 'telescope', time: new Date().toISOString(), of: 900, rows: [[0, '198.51.100.53', 443, '198.18.0.1', 5, 6, 'DE', 1]] });
		await other.waitForSelector('text=A sample: 1 of 900 packets are drawn.');
		await close(other);
		await close(page);
	});

	test('a click keeps a packet and leads to its source', async () => {
		const page = await open('/telescope/cube?speed=0.25');
		feeder.send('particles', { sensor: 'telescope', time: new Date().toISOString(), of: 400, rows: Array.from({ length: 400 }, (_, index) => [index / 2, '203.0.113.77', 40_000 + index, `198.18.${index % 64}.1`, index, 6, 'BR', 2]) });
		const box = await page.locator('.cube').boundingBox();
		await page.waitForTimeout(1500);
		await page.click('.live-line button');
		let found = false;
		for (let step = 0; step < 60 && !found; step++) {
			await page.mouse.click(box.x + box.width * (0.25 + (step % 12) * 0.05), box.y + box.height * (0.25 + Math.floor(step / 12) * 0.1));
			found = (await page.$('.cube-picked a')) !== null;
		}
		assert.ok(found, 'a packet is under one of sixty points');
		assert.match(await page.textContent('.cube-picked'), /203\.0\.113\.77.*Mirai/s);
		assert.deepEqual(await violations(page), []);
		await page.click('.cube-picked a >> nth=0');
		await page.waitForURL('**/telescope/source?address=203.0.113.77');
		await close(page);
	});

	test('keys turn, zoom and pause it', async () => {
		const page = await open('/telescope/cube');
		const label = () => page.$eval('.cube-labels .cube-title', (title) => title.style.transform);
		await page.focus('.cube');
		for (const key of ['ArrowLeft', 'ArrowUp', '+', '-', '0']) {
			const before = await label();
			if (key === '-')
				await page.keyboard.press('+');
			await page.keyboard.press(key);
			if (key !== '-')
				assert.notEqual(await label(), before, key);
		}
		await page.keyboard.press('Space');
		await state(page, 'paused');
		await page.keyboard.press('Space');
		await page.waitForSelector('.live-state:not([data-state="paused"])');
		await close(page);
	});

	test('comes back when the graphics card was taken away', async () => {
		const page = await open('/telescope/cube');
		feeder.particles(30);
		await page.waitForFunction(() => document.querySelectorAll('.cube-rows tbody tr').length > 0);
		/** Is anything drawn? Read in the frame that drew it. */
		const lit = () => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
			const canvas = document.querySelector('.cube canvas');
			const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
			const context = copy.getContext('2d');
			context.drawImage(canvas, 0, 0);
			done(context.getImageData(0, 0, copy.width, copy.height).data.some((value) => value > 0));
		}))));
		assert.ok(await lit());
		await page.evaluate(() => {
			const gl = document.querySelector('.cube canvas').getContext('webgl2');
			const extension = gl.getExtension('WEBGL_lose_context');
			extension.loseContext();
			setTimeout(() => extension.restoreContext(), 100);
		});
		await page.waitForFunction(() => !document.querySelector('.cube canvas').getContext('webgl2').isContextLost());
		for (let attempt = 0; attempt < 50 && !(await lit()); attempt++)
			await page.waitForTimeout(20);
		assert.ok(await lit(), 'the planes are drawn again');
		assert.deepEqual(page.faults, []);
		await close(page);
	});

	test('IPv6 is placed by its prefix, beside IPv4', async () => {
		const page = await open('/telescope/cube');
		const labels = () => page.$$eval('.cube-labels span', (all) => all.map((each) => each.textContent));
		assert.ok(!(await labels()).some((label) => label.includes('::')));
		feeder.send('hello', { version: '0', time: '', sensors: [{ sensor: 'telescope', dark_size: 0, dark: ['198.18.0.0/18', '2001:db8:5::/48'], interface: 'eth0', since: '' }] });
		await page.waitForFunction(() => [...document.querySelectorAll('.cube-labels span')].some((label) => label.textContent === '2001:db8:5::/48'));
		assert.ok((await labels()).includes('2000::'));
		feeder.send('particles', { sensor: 'telescope', time: new Date().toISOString(), of: 1, rows: [[0, '2001:db8:ffff::1', 40_000, '2001:db8:5:1::1', 443, 6, 'JP', 0]] });
		await page.waitForSelector('.cube-rows a:text-is("2001:db8:ffff::1")');
		await close(page);
	});

	test('shows marks alone to who asked for less motion', async () => {
		const page = await open('/telescope/cube', { reducedMotion: 'reduce' });
		await page.click('button:text-is("Measure")');
		feeder.particles(300);
		await page.waitForFunction(() => Number(document.querySelector('.cube-measure')?.dataset.alive) === 300);
		await page.waitForTimeout(1200);
		assert.ok(Number(await page.getAttribute('.cube-measure', 'data-frames')) <= 3, 'about one picture a second');
		await close(page);
	});

	test('says so where the browser cannot draw it, and keeps the rows', async () => {
		const context = await browser.newContext({ locale: 'en-GB' });
		await context.addInitScript(() => {
			const original = HTMLCanvasElement.prototype.getContext;
			HTMLCanvasElement.prototype.getContext = function (kind, ...words) {
				return kind === 'webgl2' ? null : original.call(this, kind, ...words);
			};
		});
		const page = await context.newPage();
		await page.goto(`${feeder.base}/telescope/cube`);
		await page.waitForSelector('.cube-unable');
		feeder.particles(20);
		await page.waitForFunction(() => document.querySelectorAll('.cube-rows tbody tr').length > 0);
		await context.close();
	});
});

for (const [locale, colorScheme, width] of [['en-GB', 'light', 1280], ['ja-JP', 'dark', 1280], ['en-GB', 'dark', 375], ['ja-JP', 'light', 375]])
	test(`live pages: ${locale}, ${colorScheme}, ${width} px`, async () => {
		for (const path of ['/', '/telescope/cube', '/telescope/atlas?show=live', '/telescope/warnings', '/telescope/ports/tcp/23']) {
			const page = await open(path, { locale, colorScheme, viewport: { width, height: 800 } });
			feeder.particles(50);
			feeder.pulse(50, { dropped: { kernel: 1 } });
			feeder.send('finding', finding({}));
			if (path === '/')
				await page.waitForSelector('.strip-figures');
			await page.waitForTimeout(300);
			assert.deepEqual(await violations(page), [], path);
			assert.equal(await overflow(page), 0, `${path} is wider than the window`);
			assert.deepEqual(page.faults, [], path);
			await close(page);
		}
	});
