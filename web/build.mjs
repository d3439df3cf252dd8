// SPDX-License-Identifier: Apache-2.0
// Builds the console into one flat directory: `node build.mjs [--out DIR] [--watch]`. The server embeds what lies there.
import { build, context } from 'esbuild';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const option = (name) => {
	const at = process.argv.indexOf(name);
	return at < 0 ? undefined : process.argv[at + 1];
};
const out = resolve(option('--out') ?? join(here, 'dist'));

/* The land of world-atlas (Natural Earth, public domain) without the countries: borders are disputed. */
async function writeLand() {
	const atlas = JSON.parse(await readFile(join(here, 'node_modules/world-atlas/land-110m.json'), 'utf8'));
	await writeFile(join(out, 'land.json'), JSON.stringify({ ...atlas, objects: { land: atlas.objects.land } }));
}

const options = {
	absWorkingDir: here,
	entryPoints: { app: 'src/main.tsx' },
	outdir: out,
	bundle: true,
	format: 'esm',
	target: ['chrome123', 'firefox120', 'safari17.5'],
	jsx: 'automatic',
	jsxImportSource: 'preact',
	minify: true,
	charset: 'utf8',
	legalComments: 'none',
	logLevel: 'warning',
};

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
for (const name of ['index.html', 'favicon.svg'])
	await cp(join(here, 'src', name), join(out, name));
await writeLand();

if (process.argv.includes('--watch')) {
	await (await context(options)).watch();
} else {
	await build(options);
	let total = 0;
	for (const name of await readdir(out))
		total += gzipSync(await readFile(join(out, name)), { level: 9 }).length;
	process.stdout.write(`console: ${(total / 1000).toFixed(1)} kB compressed\n`);
}
