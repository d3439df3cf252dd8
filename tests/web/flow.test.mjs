// SPDX-License-Identifier: Apache-2.0
// The page Flows as somebody uses it: traffic, exporters, and a question that says what it is for.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { closePage as close, keepFlows, launch, makeStore, openPage, overflow, serve, settled, violations, whole } from './console.mjs';

let store, server, browser;

before(async () => {
	store = makeStore(20_000);
	server = await serve(store.path, keepFlows(store));
	browser = await launch();
});

after(async () => {
	await browser?.close();
	await server?.stop();
	store?.remove();
});

const open = (path, { base = server.base, ...options } = {}) => openPage(browser, base + path, options);

const api = async (path) => (await fetch(`${server.base}/api/v1/${path}`)).json();
const asked = '/flows?q=dst+port+443&purpose=own-operation&group=destination_port&order=bytes';

describe('traffic and exporters', () => {
	test('every exporter has a line with its flows and what was lost', async () => {
		const page = await open('/flows');
		const { rows } = await api('flow/exporters?limit=1000');
		assert.ok(rows.length >= 5);
		const shown = await page.$$eval('[aria-labelledby=exporters-head] tbody tr', (lines) => lines.map((line) => [...line.children].map((cell) => cell.textContent)));
		assert.deepEqual(shown.map((cells) => cells[0].split(' ')[0]).sort(), rows.map((row) => row.exporter).sort());
		for (const cells of shown) {
			const row = rows.find((each) => each.exporter === cells[0].split(' ')[0] && String(each.domain) === cells[0].split(' ').at(-1));
			assert.equal(whole(cells[2]), row.records, cells[0]);
			assert.equal(row.lost === 0 ? 0 : whole(cells[3].split(' ')[0]), row.lost, cells[0]);
		}
		await close(page);
	});

	test('the lines of the chart are the largest of the dimension that is chosen', async () => {
		const page = await open('/flows?by=exporter&step=1d&measure=flows');
		const { rows } = await api('flow/traffic?dimension=exporter&step=1d&top=8&limit=1000');
		const legend = await page.$$eval('[aria-labelledby=traffic-head] .line-legend button span:not(.value)', (spans) => spans.map((span) => span.textContent).filter((text) => text !== ''));
		assert.deepEqual(new Set(legend), new Set(rows.map(({ key, name }) => (key === 'other' ? 'others' : `${key} ${name}`.trim()))));
		await page.click('[aria-labelledby=traffic-head] .switch >> text=Country');
		await settled(page);
		assert.match(page.url(), /by=country/);
		assert.match(await page.textContent('[aria-labelledby=traffic-head] .line-legend'), /Japan/);
		await close(page);
	});

	test('flows whose rate is not known are said to be missing from the estimate', async () => {
		const page = await open('/flows?step=1d');
		const { rows } = await api('flow/traffic?dimension=service&step=1d&top=8&limit=1000');
		const unknown = rows.reduce((sum, row) => sum + row.unknown_flows, 0);
		assert.ok(unknown > 0);
		assert.equal(whole(await page.textContent('[aria-labelledby=traffic-head] .quiet:last-child')), unknown);
		assert.match(await page.textContent('[aria-labelledby=traffic-head] .quiet:last-child'), /left out/);
		await close(page);
	});
});

describe('a question', () => {
	test('is not sent without a purpose', async () => {
		const page = await open('/flows');
		const sent = [];
		page.on('request', (request) => request.url().includes('flow/query') && sent.push(request.url()));
		await page.fill('.ask input', 'dst port 443');
		await page.click('.ask button');
		assert.equal(await page.$eval('.ask select[name=purpose]', (select) => select.matches(':invalid')), true);
		assert.deepEqual(sent, []);
		await page.selectOption('.ask select[name=purpose]', 'own-operation');
		await page.click('.ask button');
		await page.waitForSelector('[aria-labelledby=ask-head] table.top tbody tr');
		assert.equal(sent.length, 1);
		assert.match(page.url(), /purpose=own-operation/);
		await close(page);
	});

	test('its answer is the API’s, and the command line says the same', async () => {
		const page = await open(asked);
		const { totals, rows } = await api('flow/query?expression=dst+port+443&purpose=own-operation&top=20&by=destination_port&order=bytes');
		assert.equal(rows.length, 1);
		const cells = await page.$$eval('[aria-labelledby=ask-head] table.top tbody tr:first-child > *', (all) => all.map((cell) => cell.textContent));
		assert.equal(cells[0], '443');
		assert.equal(whole(cells[3]), totals.flows);
		assert.match(await page.textContent('[aria-labelledby=ask-head] .command'), /noroshi flow query 'dst port 443'/);
		await close(page);
	});

	test('clients are pseudonyms', async () => {
		const page = await open('/flows?q=any&purpose=c2-detection&group=flows');
		const text = await page.textContent('[aria-labelledby=ask-head] table.top');
		assert.match(text, /100::/);
		assert.doesNotMatch(text, /\b7\.(19[2-9]|2\d\d)\.\d+\.\d+|3fff:/);
		await close(page);
	});

	test('a wrong filter is answered with what is wrong', async () => {
		const page = await open('/flows?q=dst+prot+443&purpose=own-operation');
		assert.match(await page.textContent('[aria-labelledby=ask-head] [role=alert]'), /port/);
		await close(page);
	});
});

describe('hostile names', () => {
	const MARKUP = '<img src=x onerror="globalThis.owned=1">"\u202e\u0000';

	/** Opens the page with the answers of the server changed by `change`, path by path. */
	async function openWith(changes, path) {
		const page = await open('/flows?step=1d');
		for (const [query, change] of Object.entries(changes))
			await page.route(`**/api/v1/${query}*`, async (route) => {
				const body = await (await route.fetch()).json();
				change(body);
				await route.fulfill({ contentType: 'application/json', body: JSON.stringify(body) });
			});
		await page.goto(server.base + path);
		await settled(page);
		return page;
	}

	test('of exporters, ASes and flows are text', async () => {
		const page = await openWith({
			'flow/exporters': ({ rows }) => rows.forEach((row) => {
				row.exporter = `${MARKUP}${row.exporter}`;
				row.detail = { ...row.detail, exporter: row.exporter, export: MARKUP, sampling: [{ rate: 1000, from: MARKUP }], dropped: { [MARKUP]: 3 } };
			}),
			'flow/traffic': ({ rows }) => rows.forEach((row) => (row.name = MARKUP)),
			'flow/query': ({ rows }) => rows.forEach((row) => (row.destination_as = MARKUP)),
		}, '/flows?by=as&step=1d&q=any&purpose=own-operation&group=destination_as');
		for (const place of ['exporters-head', 'traffic-head', 'ask-head'])
			assert.ok((await page.textContent(`[aria-labelledby=${place}]`)).includes('<img src=x onerror='), place);
		assert.equal(await page.evaluate(() => document.querySelectorAll('#main img').length), 0);
		assert.equal(await page.evaluate(() => globalThis.owned), undefined);
		assert.deepEqual(page.faults, []);
		assert.equal(await overflow(page), 0);
		await close(page);
	});
});

describe('for everybody', () => {
	for (const [name, options] of [['in Japanese, narrow', { locale: 'ja-JP', viewport: { width: 390, height: 800 } }], ['in the dark', { colorScheme: 'dark' }]])
		test(`axe finds nothing ${name}`, async () => {
			const page = await open(asked, options);
			assert.deepEqual(await violations(page), []);
			assert.equal(await overflow(page), 0);
			await close(page);
		});

	test('without flows the page says how to begin', async () => {
		const fresh = makeStore(20_000);
		const alone = await serve(fresh.path);
		const page = await open('/flows', { base: alone.base });
		assert.match(await page.textContent('main'), /--flow-listen/);
		assert.deepEqual(await violations(page), []);
		await close(page);
		await alone.stop();
		fresh.remove();
	});
});
