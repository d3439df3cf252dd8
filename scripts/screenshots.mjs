// SPDX-License-Identifier: Apache-2.0
// The pictures of the documents, taken from the running console on the sample world: docs/screenshots/NAME-LANGUAGE-COLOURS.png
// usage: node scripts/screenshots.mjs [NAME...] (make screenshots: all); NOROSHI_SAMPLE names another store than that of make run
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { answers } from "../tests/web/c2.mjs";
import { launch, serve, settled } from "../tests/web/console.mjs";
import { feed } from "../tests/web/feeder.mjs";
import { followed, makeLedger } from "../tests/web/ledger.mjs";

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

const WIDE = { width: 1280, height: 900 };
const wanted = process.argv.slice(2);

const TALL = { width: 1280, height: 1500 };

const FLOWS = "/flows?step=1h&q=dst+port+443&purpose=own-operation&group=destination_as&order=estimated_bytes";

const C2 = "/c2?purpose=c2-detection";
const C2_SERVER = "/c2/server?address=203.0.113.9&port=8443&protocol=tcp&purpose=c2-detection";

const RATE = 900; /* packets a second of the live pictures */
const FILLED = 9000; /* ms until the Cube shows what it shows for good */

const ledger = makeLedger();
const sample = process.env.NOROSHI_SAMPLE ?? path("build/sample/sample.db");
const server = await serve(sample, [...ledger.options, "--flow-archive", `${dirname(sample)}/flows`]);
await followed(server.base);
/* What is live in the pictures is made up: the same traffic each time. */
const feeder = await feed({ upstream: server.base });
const browser = await launch();

async function first(query) {
	const answer = await fetch(`${server.base}/api/v1/${query}`);
	const { rows } = await answer.json();
	return rows[0];
}

/* Drops the sealed notice on the page. */
async function verify(view) {
	await view.setInputFiles(".drop input", [ledger.at("notice.txt"), ledger.at("notice.txt.p7s")]);
	await view.waitForSelector(".outcome");
}

/* `live`: ms to wait while packets come; the rest of the page stands still. */
async function picture(name, page, locale, colorScheme, viewport, live = 0, act = null, prepare = null) {
	if (wanted.length > 0 && !wanted.includes(name))
		return;
	const context = await browser.newContext({
		locale, colorScheme, viewport, reducedMotion: live > 0 ? "no-preference" : "reduce", timezoneId: "UTC",
	});
	const view = await context.newPage();
	await prepare?.(view);
	await view.goto((live > 0 ? feeder.base : server.base) + page);
	await settled(view);
	if (live > 0)
		feeder.past(RATE);
	await view.waitForTimeout(live);
	await act?.(view);
	if (page === "/telescope/cube")
		await view.evaluate(() => scrollTo(0, (document.querySelector("h1")?.getBoundingClientRect().top ?? 0) - 12));
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
	feeder.start(RATE);
	await picture("cube", "/telescope/cube", "en-GB", "dark", WIDE, FILLED);
	await picture("cube", "/telescope/cube", "ja-JP", "light", WIDE, FILLED);
	await picture("live", "/telescope/atlas?show=live", "en-GB", "light", WIDE, FILLED);
	await picture("live", "/telescope/atlas?show=live", "ja-JP", "dark", WIDE, FILLED);
	await picture("overview", "/", "en-GB", "light", WIDE, FILLED);
	await picture("overview", "/", "ja-JP", "dark", WIDE, FILLED);
	await picture("source", `/telescope/source?address=${subject}`, "en-GB", "light", WIDE);
	await picture("source", `/telescope/source?address=${subject}`, "ja-JP", "light", WIDE);
	await picture("flows", FLOWS, "en-GB", "light", TALL);
	await picture("flows", FLOWS, "ja-JP", "dark", TALL);
	/* Detection looks at today, the sample is of another day: its answers are made up, as those of the tests. */
	await picture("c2", C2, "en-GB", "light", WIDE, 0, null, answers());
	await picture("c2", C2, "ja-JP", "dark", WIDE, 0, null, answers());
	await picture("c2-server", C2_SERVER, "en-GB", "dark", TALL, 0, null, answers());
	await picture("c2-server", C2_SERVER, "ja-JP", "light", TALL, 0, null, answers());
	await picture("trust", "/trust", "en-GB", "light", TALL);
	await picture("trust", "/trust", "ja-JP", "dark", TALL);
	await picture("trust-verify", "/trust", "en-GB", "dark", WIDE, 0, verify);
	await picture("trust-verify", "/trust", "ja-JP", "light", WIDE, 0, verify);
} finally {
	ledger.remove();
	await browser.close();
	await feeder.stop();
	await server.stop();
}
