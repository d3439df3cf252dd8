// SPDX-License-Identifier: Apache-2.0
// The page Trust as somebody uses it: what the ledger says, and files dropped with good, wrong and hostile seals.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { closePage as close, launch, makeStore, openPage, serve, settled, violations, whole } from './console.mjs';
import { followed, makeLedger } from './ledger.mjs';

let store, ledger, server, bare, browser, file, seal;

before(async () => {
	store = makeStore(20_000);
	ledger = makeLedger();
	server = await serve(store.path, ledger.options);
	bare = await serve(store.path);
	await followed(server.base);
	browser = await launch();
	file = { name: 'notice.txt', mimeType: 'text/plain', buffer: readFileSync(ledger.at('notice.txt')) };
	seal = { name: 'notice.txt.p7s', mimeType: 'application/pkcs7-signature', buffer: readFileSync(ledger.at('notice.txt.p7s')) };
});

after(async () => {
	await browser?.close();
	await server?.stop();
	await bare?.stop();
	store?.remove();
	ledger?.remove();
});

const open = (path, { base = server.base, ...options } = {}) => openPage(browser, base + path, options);

const api = async (path) => (await fetch(`${server.base}/api/v1/${path}`)).json();

/** Chooses files, and answers what is said of them. */
async function judged(page, ...files) {
	await page.setInputFiles('.drop input', files);
	await page.waitForSelector('.outcome');
	return page.textContent('.outcome');
}

/** Drops files as a mouse does. */
async function drop(page, ...files) {
	const data = await page.evaluateHandle(
		(list) => {
			const transfer = new DataTransfer();
			for (const { name, bytes } of list)
				transfer.items.add(new File([Uint8Array.from(bytes)], name));
			return transfer;
		},
		files.map(({ name, buffer }) => ({ name, bytes: [...buffer] })),
	);
	await page.dispatchEvent('.drop', 'drop', { dataTransfer: data });
	await page.waitForSelector('.outcome');
	return page.textContent('.outcome');
}

describe('the ledger', () => {
	test('its head, its kinds and its entries are those of the server', async () => {
		const page = await open('/trust');
		const { ledger: shown } = await api('trust');
		assert.equal(whole(await page.textContent('.facts .size')), shown.checkpoint.size);
		assert.match(await page.textContent('.columns.trust'), new RegExp(`log\\.example\\.org/2026.*${shown.checkpoint.root.slice(0, 8).replaceAll(/[+/]/g, '.')}`, 's'));
		const counts = await page.$$eval('.kinds tbody td', (cells) => cells.map((cell) => cell.textContent));
		assert.equal(counts.map(whole).reduce((a, b) => a + b, 0), shown.checkpoint.size);
		const { rows } = await api('trust/entries?limit=15');
		assert.deepEqual(await page.$$eval('[aria-labelledby=entries-head] tbody th', (cells) => cells.map((cell) => cell.textContent)).then((all) => all.map(whole)), rows.map(({ index }) => index));
		await close(page);
	});

	test('entries are chosen by kind, turned page by page, and proved', async () => {
		const page = await open('/trust');
		await page.selectOption('.table-tools select', 'clock');
		await page.waitForURL('**kind=clock*');
		await settled(page);
		assert.ok((await page.$$eval('[aria-labelledby=entries-head] tbody td:nth-child(2)', (cells) => cells.map((cell) => cell.textContent))).every((kind) => kind === 'Clock'));
		const first = await page.textContent('[aria-labelledby=entries-head] tbody th');
		await page.click('a[rel=next]');
		await page.waitForURL('**after=*');
		await settled(page);
		assert.ok(whole(await page.textContent('[aria-labelledby=entries-head] tbody th')) < whole(first));
		await page.click('[aria-labelledby=entries-head] .row-button');
		const entry = JSON.parse(await page.textContent('.detail pre'));
		assert.equal(entry.kind, 'clock');
		const proof = await (await fetch(server.base + (await page.getAttribute('.detail a', 'href')))).text();
		assert.match(proof, /^c2sp\.org\/tlog-proof@v1\nindex \d+\n/);
		await close(page);
	});

	test('times in which nothing was stamped are told with their reasons', async () => {
		const page = await open('/trust');
		const text = await page.textContent('section[aria-labelledby=clock-head]');
		for (const words of ['too few references agree, then the references agree again', 'the clock was set', 'ntp:ntp.nict.jp'])
			assert.ok(text.includes(words), words);
		assert.match(await page.getAttribute('section[aria-labelledby=clock-head] .plot', 'aria-label'), /held 2 times/);
		await close(page);
	});

	test('without one the page says how to make one', async () => {
		const page = await open('/trust', { base: bare.base });
		assert.match(await page.textContent('#main'), /no ledger yet[\s\S]*noroshi key new --out keys[\s\S]*--trust-ca/);
		assert.equal(await page.$('.drop'), null);
		assert.deepEqual(await violations(page), []);
		await close(page);
	});
});

describe('a file is dropped', () => {
	test('with its seal: valid, and the file has not left the browser', async () => {
		const page = await open('/trust');
		const asked = [];
		page.on('request', (request) => request.method() === 'POST' && asked.push(request.postData()));
		const said = await drop(page, file, seal);
		assert.match(said, /Seal valid: notice\.txt/);
		assert.match(said, /noroshi demonstration seal/);
		assert.match(said, /B-B/);
		assert.ok(await page.$('.outcome-good'));
		assert.equal(asked.length, 1);
		assert.deepEqual(Object.keys(JSON.parse(asked[0])).sort(), ['digests', 'seal']);
		assert.ok(!asked[0].includes(file.buffer.toString('base64').slice(0, 40)));
		assert.ok(!asked[0].includes('To whom it may concern'));
		assert.deepEqual(await violations(page), []);
		await close(page);
	});

	test('changed: not valid, and why, in the language of the page', async () => {
		const page = await open('/trust', { locale: 'ja-JP', colorScheme: 'dark' });
		const said = await judged(page, { ...file, buffer: Buffer.concat([file.buffer, Buffer.from('x')]) }, seal);
		assert.match(said, /eシールは無効です：notice\.txt/);
		assert.match(said, /HASH_FAILURE/);
		assert.ok(await page.$('.outcome-bad .reasons .fatal'));
		assert.deepEqual(await violations(page), []);
		await page.click('.top-tools button[lang="en"]');
		await page.waitForSelector('html[lang=en]');
		assert.match(await page.textContent('.outcome'), /Seal not valid: notice\.txt/);
		await close(page);
	});

	test('with a JWS beside it: the digests are enough', async () => {
		const page = await open('/trust');
		const name = 'notice.txt.jws.json';
		assert.match(await judged(page, file, { name, mimeType: 'application/json', buffer: readFileSync(ledger.at(name)) }), /Seal valid: notice\.txt/);
		await close(page);
	});

	test('with hostile seals: told, and nothing breaks', async () => {
		const page = await open('/trust');
		const faults = [];
		page.on('pageerror', (error) => faults.push(error.message));
		const cut = seal.buffer.subarray(0, seal.buffer.length / 2);
		const deep = Buffer.from('3080'.repeat(20_000), 'hex');
		for (const buffer of [Buffer.from(''), Buffer.from('<img src=x onerror=alert(1)>'), cut, deep]) {
			const said = await judged(page, file, { ...seal, buffer });
			assert.match(said, /Seal not valid|could not be judged/);
			await page.evaluate(() => document.querySelector('.outcome')?.classList.add('seen'));
		}
		assert.equal(await page.$('.outcome img'), null);
		assert.deepEqual(faults, []);
		assert.match(await judged(page, file, seal), /Seal/);
		await close(page);
	});

	test('without what it takes: the page says what is missing', async () => {
		for (const [files, words] of [
			[[file], /None of these files is a seal/],
			[[file, { ...file, name: 'other.txt' }, seal], /One file and one seal/],
			[[{ ...seal, name: 'notice.txt.tsr' }], /A time stamp alone proves nothing/],
			[[file, { ...seal, name: 'notice.txt.tsr' }], /Time stamp not valid/],
		]) {
			const page = await open('/trust');
			assert.match(await judged(page, ...files), words);
			await close(page);
		}
	});

	test('by keyboard', async () => {
		const page = await open('/');
		await page.keyboard.press('g');
		await page.keyboard.press('u');
		await page.waitForURL('**/trust');
		await settled(page);
		await page.focus('.drop input');
		const chooser = page.waitForEvent('filechooser');
		await page.keyboard.press('Space');
		await (await chooser).setFiles([file, seal]);
		await page.waitForSelector('.outcome-good');
		await close(page);
	});
});
