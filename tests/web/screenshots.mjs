// SPDX-License-Identifier: Apache-2.0
// The README's screenshots, from the running console: node tests/web/screenshots.mjs [STORE] [FOLDER]
// STORE is the sample world's (build/sample/sample.db), FOLDER docs/screenshots.
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch, serve, settled } from './console.mjs';

const top = fileURLToPath(new URL('../../', import.meta.url));
const store = resolve(process.argv[2] ?? join(top, 'build/sample/sample.db'));
const folder = resolve(process.argv[3] ?? join(top, 'docs/screenshots'));

const WIDE = { width: 1280, height: 960 };
const PHONE = { width: 375, height: 812 };

const shots = (source) => [
	{ name: 'telescope-en-light', path: '/telescope?research=without', locale: 'en-GB', colorScheme: 'light', viewport: WIDE, tall: true },
	{ name: 'telescope-ja-light', path: '/telescope?research=without', locale: 'ja-JP', colorScheme: 'light', viewport: WIDE, tall: true },
	{ name: 'overview-en-light', path: '/', locale: 'en-GB', colorScheme: 'light', viewport: WIDE, tall: true },
	{ name: 'overview-ja-dark', path: '/', locale: 'ja-JP', colorScheme: 'dark', viewport: WIDE, tall: true },
	{ name: 'source-en-dark', path: source, locale: 'en-GB', colorScheme: 'dark', viewport: WIDE, tall: true },
	{ name: 'telescope-ja-phone', path: '/telescope', locale: 'ja-JP', colorScheme: 'light', viewport: PHONE, scale: 2 },
];

if (!existsSync(store))
	throw new Error(`${store} is not there: make run makes the sample, or name another store`);
mkdirSync(folder, { recursive: true });
const server = await serve(store);
const browser = await launch();
try {
	const { rows } = await (await fetch(`${server.base}/api/v1/findings?kind=infected-host&limit=1`)).json();
	const source = rows.length > 0 ? `/telescope/source?address=${rows[0].subject}` : '/telescope/sources';
	for (const { name, path, tall, scale, ...options } of shots(source)) {
		const context = await browser.newContext({ ...options, deviceScaleFactor: scale ?? 1, reducedMotion: 'reduce' });
		const page = await context.newPage();
		await page.goto(server.base + path);
		await settled(page);
		await page.waitForSelector('.atlas .land, .strip, .day, .notice', { timeout: 10_000 });
		await page.screenshot({ path: join(folder, `${name}.png`), fullPage: tall === true });
		process.stdout.write(`${join(folder, name)}.png\n`);
		await context.close();
	}
} finally {
	await browser.close();
	await server.stop();
}
