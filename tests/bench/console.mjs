// SPDX-License-Identifier: Apache-2.0
// What the console costs a reader: its compressed size and the first paint on the sample store, median of five loads
// with an empty cache. Prints one JSON object. usage: console.mjs PROGRAM STORE
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { gzipSync } from "node:zlib";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const [program, store] = process.argv.slice(2);

const freePort = () =>
	new Promise((resolve) => {
		const server = createServer().listen(0, "127.0.0.1", () => {
			const { port } = server.address();
			server.close(() => resolve(port));
		});
	});

async function ready(url) {
	for (let i = 0; i < 200; i++) {
		if (await fetch(url).then((r) => r.ok, () => false)) return;
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	throw new Error(`${url} does not answer`);
}

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function load(browser, base) {
	const context = await browser.newContext();
	const page = await context.newPage();
	const files = new Map();
	page.on("response", async (response) => {
		const path = new URL(response.url()).pathname;
		if (!path.startsWith("/api/")) files.set(path, await response.body().catch(() => Buffer.alloc(0)));
	});
	await page.goto(base, { waitUntil: "networkidle" });
	const paint = await page.evaluate(
		() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
	);
	await context.close();
	return { paint, files };
}

if (!existsSync(store)) throw new Error(`${store} is not there: make run makes it`);
const port = await freePort();
const base = `http://127.0.0.1:${port}/`;
const server = spawn(program, ["serve", "--store", store, "--listen", `127.0.0.1:${port}`], { stdio: "ignore" });
let browser;
try {
	await ready(`${base}api/v1/status`);
	browser = await chromium.launch({
		executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
		args: ["--no-sandbox"],
	});
	const loads = [];
	for (let i = 0; i < 5; i++) loads.push(await load(browser, base));
	const bytes = [...loads[0].files.values()].reduce((sum, body) => sum + gzipSync(body, { level: 9 }).length, 0);
	console.log(
		JSON.stringify({
			gzip_bytes: bytes,
			files: loads[0].files.size,
			first_contentful_paint_ms: Math.round(median(loads.map((l) => l.paint))),
		}),
	);
} finally {
	await browser?.close();
	server.kill();
}
