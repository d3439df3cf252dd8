// SPDX-License-Identifier: Apache-2.0
// The pictures of the documents, taken from the running console on the sample world: docs/screenshots/NAME-LANGUAGE-COLOURS.png
// usage: node scripts/screenshots.mjs (make screenshots)
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch, serve, settled } from "../tests/web/console.mjs";

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

const WIDE = { width: 1280, height: 900 };

const server = await serve(path("build/sample/sample.db"));
const browser = await launch();

async function first(query) {
	const answer = await fetch(`${server.base}/api/v1/${query}`);
	const { rows } = await answer.json();
	return rows[0];
}

async function picture(name, page, locale, colorScheme, viewport) {
	const context = await browser.newContext({ locale, colorScheme, viewport, reducedMotion: "reduce", timezoneId: "UTC" });
	const view = await context.newPage();
	await view.goto(server.base + page);
	await settled(view);
	const file = `docs/screenshots/${name}-${locale.slice(0, 2)}-${colorScheme}.png`;
	await view.screenshot({ path: path(file) });
	await context.close();
	console.log(file);
}

try {
	mkdirSync(path("docs/screenshots"), { recursive: true });
	const { subject } = await first("findings?kind=infected-host&limit=1");
	await picture("telescope", "/telescope", "en-GB", "light", WIDE);
	await picture("telescope", "/telescope", "ja-JP", "light", WIDE);
	await picture("atlas", "/telescope/atlas", "en-GB", "dark", WIDE);
	await picture("atlas", "/telescope/atlas", "ja-JP", "dark", WIDE);
	await picture("source", `/telescope/source?address=${subject}`, "en-GB", "light", WIDE);
	await picture("source", `/telescope/source?address=${subject}`, "ja-JP", "light", WIDE);
} finally {
	await browser.close();
	await server.stop();
}
