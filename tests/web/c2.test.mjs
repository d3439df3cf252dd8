// SPDX-License-Identifier: Apache-2.0
// The page C&C as somebody on duty uses it: ranked servers, why, the rhythm, who is joined to whom, and what people say of it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { answers, DETECT, detail, FINDING, HOSTS, server as made, SERVERS } from './c2.mjs';
import { closePage as close, keepBotnets, launch, makeStore, openPage, overflow, serve, settled, violations, whole } from './console.mjs';

let store, server, browser;

before(async () => {
	store = makeStore(20_000);
	server = await serve(store.path);
	browser = await launch();
});

after(async () => {
	await browser?.close();
	await server?.stop();
	store?.remove();
});

const LIST = '/c2?purpose=c2-detection';
const SERVER = '/c2/server?address=203.0.113.9&port=8443&protocol=tcp&purpose=c2-detection';
const open = (path, changes = {}, options = {}) => openPage(browser, server.base + path, { prepare: answers(changes), ...options });
const texts = (page, selector) => page.$$eval(selector, (all) => all.map((each) => each.textContent));
const place = (page) => page.evaluate(() => location.pathname + location.search);
const place404 = (code) => ({ status: 404, error: { code, text: 'it is not there' } });
/** Faults but for the answers that a test refuses on purpose. */
const faults = (page, refused) => page.faults.filter((fault) => !fault.includes(refused) && !fault.includes('Failed to load resource'));

describe('for what', () => {
	test('nothing is asked before somebody says for what; then each question says it', async () => {
		const page = await open('/c2');
		assert.deepEqual(page.asked, []);
		await page.click('.ask button');
		assert.equal(await page.$eval('.ask select', (select) => select.matches(':invalid')), true);
		assert.deepEqual(page.asked, []);
		await page.selectOption('.ask select', 'notification');
		await page.fill('.ask input[type=date]', '2026-11-23');
		await page.click('.ask button');
		await page.waitForSelector('.table tbody tr');
		assert.ok(page.asked.length >= 2);
		for (const request of page.asked)
			assert.match(request.url(), /purpose=notification.*day=2026-11-23|day=2026-11-23.*purpose=notification/);
		await page.click('.table tbody tr:first-child a');
		await page.waitForSelector('.waterfall');
		assert.match(page.asked.at(-1).url(), /flow\/servers\/203\.0\.113\.9\/8443\/tcp\?purpose=notification&day=2026-11-23/);
		await page.keyboard.press('Escape');
		await page.waitForURL('**/c2?*');
		assert.equal(await place(page), '/c2?purpose=notification&day=2026-11-23');
		await close(page);
	});

	test('it does not go along to other pages', async () => {
		const page = await open(LIST);
		assert.equal(await page.getAttribute('.top-bar nav a:text-is("Findings")', 'href'), '/findings');
		await page.keyboard.press('g');
		await page.keyboard.press('o');
		await page.waitForURL(server.base + '/');
		await page.keyboard.press('g');
		await page.keyboard.press('2');
		await page.waitForURL('**/c2');
		assert.equal(await place(page), '/c2');
		await close(page);
	});
});

describe('the servers of a day', () => {
	test('in the order of the server, each with confidence, state, bucket, place and its heaviest reasons', async () => {
		const page = await open(LIST);
		assert.match(await page.textContent('h1'), /2 servers give an alarm on 2026-11-24; ?3 ranked, the surest at 99\.3/);
		const rows = await page.$$eval('[aria-labelledby=servers-head] tbody tr', (all) => all.map((row) => [...row.children].map((cell) => cell.textContent)));
		assert.deepEqual(rows.map((cells) => cells[0]), ['203.0.113.9:8443/tcp', '[2001:db8:77::9]:443/tcp', '198.51.100.77:6667/tcp']);
		assert.deepEqual(rows.map((cells) => cells[3]), ['20–49', '5–9', '100–199']);
		assert.match(rows[0][1], /^99\.3/);
		assert.match(rows[0][2], /▲ Alarm/);
		assert.match(rows[1][2], /confirmed/);
		assert.match(rows[2][2], /below the budget/);
		assert.match(rows[0][4], /AS64501, Netherlands/);
		assert.match(rows[0][6], /34 clients come back every 60\.1 s.*3 of its clients.*and 2 more reasons/);
		const widths = await page.$$eval('[aria-labelledby=servers-head] .confidence-bar span', (all) => all.map((bar) => Number.parseFloat(bar.style.width)));
		assert.deepEqual(widths, SERVERS.map(({ confidence }) => confidence * 100));
		assert.deepEqual(page.asked.map((request) => new URL(request.url()).pathname), ['/api/v1/flow/servers', '/api/v1/flow/hosts']); /* each recorded once */
		assert.deepEqual(page.faults, []);
		await close(page);
	});

	test('reasons and sentences are the reader’s', async () => {
		const page = await open(LIST, {}, { locale: 'ja-JP' });
		const text = await page.textContent('#main');
		for (const words of ['34台のクライアントが60.1秒ごとに接続', '感染の疑いのあるホスト', '警報枠', 'C&Cサーバの候補', 'ほか2件の根拠'])
			assert.ok(text.includes(words), words);
		assert.ok(!text.includes('come back every'));
		await close(page);
	});

	test('hosts open their evidence; the budget stands against what was realised', async () => {
		const page = await open(LIST);
		assert.match(await page.textContent('.budget'), /3 of 20 alarms/);
		assert.equal(await page.$$eval('.pips .full', (all) => all.length), 3);
		assert.equal(await page.$$eval('.pips i', (all) => all.length), 20);
		await page.click('[aria-labelledby=hosts-head] .row-button >> nth=0');
		assert.match(await page.textContent('.detail .waterfall'), /It connects to 203\.0\.113\.9.*× 99/s);
		const asked = page.waitForRequest((request) => /flow\/hosts.*kind=scanner/.test(request.url()));
		await page.selectOption('[aria-labelledby=hosts-head] select', 'scanner');
		assert.match((await asked).url(), /purpose=c2-detection/);
		await close(page);
	});
});

describe('why', () => {
	test('each reason starts where the one before ended, and their sum is the server’s', async () => {
		const page = await open(SERVER);
		const bars = await page.$$eval('.waterfall tbody .fall-bar', (all) => all.map((bar) => ({ left: Number.parseFloat(bar.style.left), width: Number.parseFloat(bar.style.width), against: bar.classList.contains('fall-against') })));
		assert.equal(bars.length, 6); /* how rare it is, four reasons, and what they do not explain */
		let end = Number.parseFloat(await page.$eval('.waterfall .fall-zero', (line) => line.style.left));
		assert.ok(end > 0);
		const even = end;
		for (const bar of bars) {
			const [from, to] = bar.against ? [bar.left + bar.width, bar.left] : [bar.left, bar.left + bar.width];
			assert.ok(Math.abs(from - end) < 0.01, `${from} after ${end}`);
			end = to;
		}
		assert.ok(Math.abs(Number.parseFloat(await page.$eval('.waterfall tfoot .fall-bar', (bar) => bar.style.width)) - (end - even)) < 0.01);
		const words = await texts(page, '.waterfall tbody td.number');
		assert.match(words[0], /÷ 370$/);
		assert.match(words[1], /× 490decisive/);
		assert.match(words[4], /÷ 2\.5weak, against/);
		assert.match(await page.textContent('.waterfall tbody tr:nth-child(2)'), /comb: 60\.1 · weight 6\.2/);
		await close(page);
	});

	test('a client has no address; who can name it is said', async () => {
		const page = await open(SERVER);
		await page.click('.identify summary');
		assert.match(await page.textContent('.identify'), /two persons sign.*noroshi flow identify --archive flows --request.*--approve FILE --sign.*--answer/s);
		await close(page);
	});
});

describe('the beat raster', () => {
	test('has a cell for each client and step, drawn in whole device pixels', async () => {
		for (const deviceScaleFactor of [1, 2]) {
			const page = await open(SERVER, {}, { deviceScaleFactor });
			const canvas = await page.$eval('.raster canvas', (each) => ({ width: each.width, shown: each.clientWidth, height: each.height, tall: each.clientHeight }));
			assert.equal(canvas.width, canvas.shown * deviceScaleFactor);
			assert.equal(canvas.height, canvas.tall * deviceScaleFactor);
			const colours = await page.$eval('.raster canvas', (each) => {
				const row = each.getContext('2d').getImageData(0, Math.round(each.height * 0.5), each.width, 1).data;
				return new Set(Array.from({ length: each.width }, (_, at) => row.slice(at * 4, at * 4 + 4).join())).size;
			});
			/* ground, line, and one for each of four counts: a blurred edge would be one more */
			assert.ok(colours <= 6, `${colours} colours`);
			await close(page);
		}
	});

	test('says what is under the pointer and under the keys', async () => {
		const page = await open(SERVER);
		const [first] = detail().raster.clients;
		await page.focus('.raster-frame');
		await page.keyboard.press('ArrowRight');
		assert.match(await page.textContent('.readout'), new RegExp(`1 · ${first.client}.*2026-11-24 00:00 – 00:05 UTC.*15 or more beats`));
		await page.keyboard.press('ArrowRight');
		await page.keyboard.press('ArrowDown');
		await page.keyboard.press('ArrowDown');
		assert.match(await page.textContent('.readout'), /3 · 100::.*known to be infected.*00:05 – 00:10 UTC.*0 beats/);
		await page.keyboard.press('End');
		assert.match(await page.textContent('.readout'), /23:55 – 00:00/);
		const box = await (await page.$('.raster canvas')).boundingBox();
		await page.mouse.move(box.x + 0.5, box.y + box.height - 3);
		assert.match(await page.textContent('.readout'), /64 · 100::/);
		await page.mouse.move(box.x, box.y + box.height + 40);
		assert.match(await page.textContent('.readout'), /arrow keys/);
		await close(page);
	});

	test('is a table, too', async () => {
		const page = await open(SERVER);
		await page.click('.raster .figures summary');
		assert.deepEqual(await texts(page, '.raster tbody th'), detail().raster.clients.map(({ client }) => client));
		await close(page);
	});
});

describe('servers and clients', () => {
	test('a box for each kind of client, and every client once', async () => {
		const page = await open(SERVER);
		const { clients } = detail().graph;
		assert.equal(await page.$$eval('.graph-group circle, .graph-group .infected', (all) => all.length), clients.length);
		assert.equal(await page.$$eval('.graph-server', (all) => all.length), 4);
		assert.ok((await page.$$eval('.edges path', (all) => all.length)) < clients.length);
		await page.click('[aria-labelledby=graph-head] .figures summary');
		const shared = await texts(page, '[aria-labelledby=graph-head] tbody td.number');
		assert.deepEqual(shared.map(whole), [64, 10, 22, 6]);
		await close(page);
	});

	test('by keyboard: one stop, arrows between servers, Enter opens one', async () => {
		const page = await open(SERVER);
		assert.equal(await page.$$eval('.graph [tabindex="0"]', (all) => all.length), 1);
		await page.focus('.graph [tabindex="0"]');
		await page.keyboard.press('ArrowDown');
		assert.equal(await page.evaluate(() => document.activeElement.dataset.server), '1');
		assert.ok((await page.$$eval('.edges path.lit', (all) => all.length)) > 0);
		await page.keyboard.press('Enter');
		await page.waitForURL('**address=203.0.113.78*');
		assert.match(await place(page), /\/c2\/server\?purpose=c2-detection&address=203\.0\.113\.78&port=443&protocol=tcp/);
		await close(page);
	});

	test('never more than 200 nodes', async () => {
		const many = detail(256);
		many.graph.cut = true;
		const page = await open(SERVER, { detail: many });
		const nodes = await page.$$eval('.graph-server, .graph-group circle, .graph-group .infected', (all) => all.length);
		assert.ok(nodes <= 200 && nodes > 150, String(nodes));
		assert.match(await page.textContent('[aria-labelledby=graph-head]'), /less busy clients are not drawn/);
		await close(page);
	});
});

describe('feedback', () => {
	const recorded = (request) => ({ recorded: { time: '2026-11-24T10:12:00.000000Z', ...request.postDataJSON() } });

	test('says who and how; what was recorded is shown, and the page asks anew', async () => {
		const opinions = [];
		const page = await open(SERVER, {
			feedback: (request) => {
				opinions.unshift({ time: '2026-11-24T10:12:00.000000Z', ...request.postDataJSON() });
				return recorded(request);
			},
			detail: () => ({ ...detail(), feedback: opinions, server: made(1, { feedback: opinions[0]?.verdict ?? '' }) }),
		});
		assert.deepEqual(await page.$$eval('[data-verdict]', (all) => all.map((button) => button.disabled)), [true, true, true]);
		await page.fill('input[name=by]', 'duty desk');
		await page.fill('input[name=note]', 'sinkhole list');
		await page.click('[data-verdict=confirmed]');
		await page.waitForSelector('.recorded');
		assert.match(await page.textContent('.recorded'), /Recorded as confirmed by duty desk at 2026-11-24 10:12:00 UTC/);
		const [sent] = page.asked.filter((request) => request.method() === 'POST');
		assert.deepEqual(sent.postDataJSON(), { subject: '203.0.113.9', port: 8443, protocol: 'tcp', verdict: 'confirmed', note: 'sinkhole list', by: 'duty desk' });
		await page.waitForSelector('.opinions li');
		assert.match(await page.textContent('.opinions'), /confirmedduty desk.*sinkhole list/);
		assert.match(await page.textContent('.page-head .marks'), /✓ confirmed/);
		await page.click('[data-verdict=withdrawn]');
		await page.waitForFunction(() => document.querySelectorAll('.opinions li').length === 2);
		assert.deepEqual(page.faults, []);
		await close(page);
	});

	test('what was not recorded is said, with the reason', async () => {
		const page = await open(SERVER, { feedback: { status: 500, error: { code: 'feedback', text: 'no room on the disk' } } });
		await page.fill('input[name=by]', 'duty desk');
		await page.click('[data-verdict=benign]');
		await page.waitForSelector('[aria-labelledby=feedback-head] [role=alert]');
		assert.match(await page.textContent('[aria-labelledby=feedback-head] [role=alert]'), /not recorded; nothing has changed.*no room on the disk/s);
		assert.equal(await page.$('.recorded'), null);
		await close(page);
	});

	test('a note that is too long in bytes is not sent', async () => {
		const page = await open(SERVER);
		await page.fill('input[name=by]', '当直');
		await page.fill('input[name=note]', '長'.repeat(70));
		assert.equal(await page.$eval('[data-verdict=confirmed]', (button) => button.disabled), true);
		assert.match(await page.textContent('.too-long'), /too long/);
		await close(page);
	});
});

describe('states', () => {
	const none = { servers: [], hosts: [] };
	for (const [name, changes, path, words] of [
		['no archive', { servers: place404('no-archive'), hosts: place404('no-archive'), detect: null }, LIST, /keeps no flows.*--flow-listen.*noroshi flow detect/s],
		['detection off', { ...none, detect: null }, LIST, /Detection is off.*noroshi flow detect/s],
		['before the first look', { ...none, detect: { ...DETECT, look: { ...DETECT.look, last: null } } }, LIST, /Nothing has been looked at yet.*first look is at 2026-11-24 11:00/s],
		['a quiet day', none, LIST, /A quiet day: no server behaves.*900 candidates/s],
		['a day that is not stored', none, `${LIST}&day=2026-01-01`, /No server is stored for this day/],
		['no alarm', none, `${LIST}&alarm=only`, /No server is an alarm/],
		['a failed look', { detect: { ...DETECT, look: { ...DETECT.look, failed: 'the archive is damaged' } } }, LIST, /last look failed.*the archive is damaged/s],
		['a server that is not ranked', { detail: place404('not-found') }, SERVER, /203\.0\.113\.9:8443\/tcp is not among the ranked servers/],
		['no clients', { detail: detail(0) }, SERVER, /No beats of its clients are stored/],
		['a link without a server', {}, '/c2/server?address=nonsense&port=1&protocol=tcp', /names no server/],
	])
		test(name, async () => {
			const page = await open(path, changes);
			assert.match(await page.textContent('#main'), words);
			assert.deepEqual(await violations(page), []);
			assert.deepEqual(faults(page, '404: '), []);
			await close(page);
		});

	test('more alarms than the budget stand behind it', async () => {
		const page = await open(LIST, { detect: { ...DETECT, alarms: { per_day: 2, today: 3 } } });
		assert.equal(await page.$$eval('.pips .beyond.full', (all) => all.length), 1);
		await close(page);
	});
});

describe('elsewhere', () => {
	const findings = (request) => ({ from: null, to: null, next: null, rows: request.url().includes('kind=infected-host') ? [] : [FINDING] });

	test('the overview shows the alarms of today, and asks for no purpose', async () => {
		const page = await open('/', { findings });
		const card = await page.textContent('.c2-card');
		assert.match(card, /3 of 20 alarms.*203\.0\.113\.9:8443\/tcp.*99\.3.*34 clients come back/s);
		assert.ok(page.asked.every((request) => !request.url().includes('/flow/')));
		assert.deepEqual(await violations(page), []);
		await page.click('.c2-card .changed a');
		await page.waitForURL('**/c2/server?address=203.0.113.9&port=8443&protocol=tcp');
		await page.waitForSelector('.ask select[required]');
		await close(page);
	});

	test('without a detector the overview has no such card', async () => {
		const page = await open('/', { findings, detect: null });
		assert.equal(await page.$('.c2-card'), null);
		await close(page);
	});

	test('a finding shows its reasons weighed', async () => {
		const page = await open('/findings', { findings });
		await page.click('.row-button');
		await page.waitForSelector('.detail .finding');
		assert.equal(await page.$$eval('.detail .waterfall tbody tr', (all) => all.length), 4);
		assert.match(await page.getAttribute('.detail .actions a:text-is("Open C&C")', 'href'), /port=8443/);
		assert.deepEqual(await violations(page), []);
		await close(page);
	});

	test('evidence that only looks like reasons stays evidence', async () => {
		const page = await open('/findings', { findings: () => ({ from: null, to: null, next: null, rows: [{ ...FINDING, evidence: { reasons: [{ code: 1 }, null] } }] }) });
		await page.click('.row-button');
		await page.waitForSelector('.detail .finding');
		assert.equal(await page.$('.detail .waterfall'), null);
		assert.deepEqual(page.faults, []);
		await close(page);
	});
});

test('the real server: what it found is on the page, down to the clients, and what is said of it stays', async () => {
	const fresh = makeStore(20_000);
	const alone = await serve(fresh.path, await keepBotnets(fresh));
	const ask = async (path) => (await fetch(`${alone.base}/api/v1/${path}`)).json();
	try {
		const ranked = async () => (await ask('flow/servers?purpose=c2-detection&limit=100')).rows;
		let rows = [];
		for (let wait = 0; wait < 240 && rows.length === 0; wait++) {
			await new Promise((done) => setTimeout(done, 500)); /* the keeper stores a look some seconds after it */
			rows = await ranked();
		}
		assert.ok(rows.length > 0);
		const page = await openPage(browser, alone.base + LIST);
		assert.equal(await page.$$eval('[aria-labelledby=servers-head] tbody tr', (all) => all.length), rows.length);
		await page.click('[aria-labelledby=servers-head] tbody tr:first-child a');
		await page.waitForSelector('.waterfall');
		const [{ address, port, protocol, reasons }] = rows;
		const found = await ask(`flow/servers/${address}/${port}/${protocol}?purpose=c2-detection`);
		assert.ok((await page.textContent('.waterfall')).includes(reasons[0].text_en));
		assert.ok(found.raster.clients.length > 0);
		await page.click('.raster .figures summary');
		assert.deepEqual(await texts(page, '.raster tbody th'), found.raster.clients.map(({ client }) => client));
		/* clients of ours are pseudonyms; a server of ours is one itself, and who comes to it from outside has an address */
		assert.ok(found.raster.clients.every(({ client }) => client.startsWith('100::') || address.startsWith('100::')));
		assert.ok(found.raster.clients.every(({ client }) => !/^7\.(19[2-9]|2\d\d)\.|^4\.(4[89]|5\d|6[0-3])\.|^3fff:/.test(client)));
		await page.fill('input[name=by]', 'duty desk');
		await page.click('[data-verdict=benign]');
		await page.waitForSelector('.opinions li');
		assert.deepEqual((await ask(`flow/servers/${address}/${port}/${protocol}?purpose=c2-detection`)).feedback.map(({ verdict, by }) => [verdict, by]), [['benign', 'duty desk']]);
		assert.deepEqual(await violations(page), []);
		assert.deepEqual(page.faults, []);
		await close(page);
	} finally {
		await alone.stop();
		fresh.remove();
	}
});

test('hostile strings are text', async () => {
	const MARKUP = '<img src=x onerror="globalThis.owned=1">"\u202e\u0000';
	const reasons = [{ code: MARKUP, text_en: MARKUP, text_ja: MARKUP, value: 1e300, weight: 900 }, { code: 'x', text_en: '**', text_ja: '**', value: -1e300, weight: -900 }];
	const hostile = made(1, { protocol: 'tcp', sensor: MARKUP, reasons, country: 'x"', feedback: MARKUP, similar: [{ address: MARKUP, port: 1, protocol: MARKUP }] });
	const bad = detail(3);
	bad.server = hostile;
	bad.raster.clients.forEach((client) => Object.assign(client, { client: client.client + MARKUP, bins: MARKUP.repeat(20) }));
	bad.graph.clients.forEach((client) => Object.assign(client, { client: client.client + MARKUP, servers: [{ address: MARKUP, port: 1, protocol: MARKUP, confidence: 9, alarm: 1, beats: 1 }] }));
	bad.feedback = [{ time: MARKUP, verdict: MARKUP, by: MARKUP, note: MARKUP }];
	bad.identify = { command: MARKUP, text_en: MARKUP, text_ja: MARKUP };
	const changes = { servers: [hostile], hosts: [{ ...HOSTS[0], kind: MARKUP, address: MARKUP, reasons }], detail: bad, detect: { ...DETECT, look: { ...DETECT.look, failed: MARKUP } } };
	for (const path of [LIST, SERVER]) {
		const page = await open(path, changes);
		assert.ok((await page.textContent('#main')).includes('<img src=x onerror='));
		assert.equal(await page.evaluate(() => document.querySelectorAll('#main img').length), 0);
		assert.equal(await page.evaluate(() => globalThis.owned), undefined);
		assert.equal(await overflow(page), 0, path);
		assert.deepEqual(page.faults, []);
		await close(page);
	}
});

for (const [locale, colorScheme, width] of [['en-GB', 'light', 1280], ['ja-JP', 'dark', 1280], ['en-GB', 'dark', 375], ['ja-JP', 'light', 375]])
	test(`C&C: ${locale}, ${colorScheme}, ${width} px`, async () => {
		for (const path of ['/c2', LIST, SERVER]) {
			const page = await open(path, {}, { locale, colorScheme, viewport: { width, height: 800 } });
			for (const summary of await page.$$('#main details > summary'))
				await summary.click();
			await settled(page);
			assert.deepEqual(await violations(page), [], path);
			assert.equal(await overflow(page), 0, `${path} is wider than the window`);
			assert.deepEqual(page.faults, [], path);
			await close(page);
		}
	});
