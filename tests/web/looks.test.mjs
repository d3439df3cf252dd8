// SPDX-License-Identifier: Apache-2.0
// Every page in both languages, light and dark, wide and narrow: nothing inaccessible, nothing that sticks out, nothing
// from elsewhere. The four looks cover every pair of language, colours and width.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axeSource, launch, makeStore, overflow, serve, settled, violations, watch } from './console.mjs';
import { followed, makeLedger } from './ledger.mjs';

const LOOKS = [
	{ locale: 'en-GB', colorScheme: 'light', width: 1280 },
	{ locale: 'ja-JP', colorScheme: 'dark', width: 1280 },
	{ locale: 'en-GB', colorScheme: 'dark', width: 375 },
	{ locale: 'ja-JP', colorScheme: 'light', width: 375 },
];

let store, ledger, server, browser, pages;

before(async () => {
	store = makeStore(60_000);
	ledger = makeLedger();
	server = await serve(store.path, ledger.options);
	await followed(server.base);
	browser = await launch();
	const ask = async (query) => (await (await fetch(`${server.base}/api/v1/${query}`)).json()).rows;
	const [scanner] = await ask('telescope/scanners?limit=1');
	const [infected] = await ask('findings?kind=infected-host&limit=1');
	const [country] = await ask('telescope/countries?limit=1');
	pages = [
		'/', '/telescope', '/telescope?by=port&measure=sources&research=without', '/telescope/ports', '/telescope/ports/tcp/23', '/telescope/sources',
		`/telescope/source?address=${scanner.address}`, `/telescope/source?address=${infected.subject}`, '/telescope/source?address=2001:db8::1',
		'/telescope/source?address=nonsense', '/telescope/scanners', '/telescope/tools', '/telescope/victims', '/telescope/campaigns',
		'/telescope/atlas', `/telescope/atlas/${country.country}`, '/findings', '/findings?kind=ddos-victim', '/telescope/cube', '/telescope/atlas?show=live', '/telescope/warnings', '/telescope/ipv6', '/telescope/warnings?kind=synchrony', '/trust', '/trust?step=1h&kind=clock', '/no/such/page',
	];
});

after(async () => {
	await browser?.close();
	await server?.stop();
	store?.remove();
	ledger?.remove();
});

/** Labels of the ring that touch each other or leave the picture. */
const badLabels = () => {
	const bad = [];
	for (const svg of document.querySelectorAll('.ring svg')) {
		const frame = svg.getBoundingClientRect();
		const boxes = [...svg.querySelectorAll('.ring-label')].map((label) => ({ text: label.textContent, box: label.getBoundingClientRect() }));
		boxes.forEach(({ text, box }, index) => {
			if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
				bad.push(`cut off: ${text}`);
			for (const other of boxes.slice(index + 1))
				if (box.left < other.box.right && other.box.left < box.right && box.top + 2 < other.box.bottom && other.box.top + 2 < box.bottom)
					bad.push(`${text} on ${other.text}`);
		});
	}
	return bad;
};

for (const look of LOOKS)
	test(`${look.locale}, ${look.colorScheme}, ${look.width} px`, async (t) => {
		const context = await browser.newContext({ locale: look.locale, colorScheme: look.colorScheme, viewport: { width: look.width, height: 800 } });
		// The policy forbids inline scripts, so axe comes in as a script of the test's, before the page.
		await context.addInitScript({ path: axeSource });
		for (const path of pages)
			await t.test(path, async () => {
				const page = await context.newPage();
				const faults = watch(page, server.base);
				await page.goto(server.base + path);
				await settled(page);
				assert.equal(await page.getAttribute('html', 'lang'), look.locale.slice(0, 2));
				assert.deepEqual(await violations(page), []);
				assert.deepEqual(await page.evaluate(badLabels), []);
				assert.equal(await overflow(page), 0, 'the page is wider than the window');
				assert.deepEqual(faults, []);
				await page.close();
			});
		await context.close();
	});
