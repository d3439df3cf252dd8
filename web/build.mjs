// SPDX-License-Identifier: Apache-2.0
// Builds the console into one flat directory: `node build.mjs [--out DIR] [--depfile FILE] [--watch]`. The server embeds what lies there.
import { build, context } from 'esbuild';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const option = (name) => {
	const at = process.argv.indexOf(name);
	return at < 0 ? undefined : process.argv[at + 1];
};
const out = resolve(option('--out') ?? join(here, 'dist'));

const FILES = ['index.html', 'app.js', 'app.css', 'en.js', 'ja.js', 'land.json', 'favicon.svg'];
const LANGUAGES = ['en.js', 'ja.js']; /* a reader loads one of them */
const STATIC = ['index.html', 'favicon.svg'];
const LAND = 'node_modules/world-atlas/land-110m.json';
const GRID = 3600; /* steps around the globe: a tenth of a degree, half a pixel of the largest map */

/* The land of world-atlas (Natural Earth, public domain) on a coarser grid, without the countries: borders are disputed. */
async function writeLand() {
	const { arcs, transform, objects } = JSON.parse(await readFile(join(here, LAND), 'utf8'));
	const step = 360 / GRID;
	const coarse = arcs.map((arc) => {
		let [x, y, lastX, lastY] = [0, 0, 0, 0];
		return arc.flatMap(([dx, dy], index) => {
			x += dx;
			y += dy;
			const gridX = Math.round((x * transform.scale[0] + transform.translate[0]) / step);
			const gridY = Math.round((y * transform.scale[1] + transform.translate[1]) / step);
			const move = [gridX - lastX, gridY - lastY];
			[lastX, lastY] = [gridX, gridY];
			return index > 0 && index < arc.length - 1 && move[0] === 0 && move[1] === 0 ? [] : [move];
		});
	});
	const land = { type: 'Topology', transform: { scale: [step, step], translate: [0, 0] }, objects: { land: objects.land }, arcs: coarse };
	await writeFile(join(out, 'land.json'), JSON.stringify(land));
}

const options = {
	absWorkingDir: here,
	entryPoints: { app: 'src/main.tsx' },
	outdir: out,
	bundle: true,
	format: 'esm',
	splitting: true,
	chunkNames: '[name]', /* the server embeds files by their names */
	target: ['chrome123', 'firefox120', 'safari17.5'],
	jsx: 'automatic',
	jsxImportSource: 'preact',
	minify: true,
	charset: 'utf8',
	legalComments: 'none',
	logLevel: 'warning',
};

await mkdir(out, { recursive: true });
for (const name of STATIC)
	await cp(join(here, 'src', name), join(out, name));
await writeLand();

if (process.argv.includes('--watch')) {
	await (await context(options)).watch();
} else {
	const { metafile } = await build({ ...options, metafile: true });
	const made = Object.keys(metafile.outputs).map((name) => basename(name));
	if (made.some((name) => !FILES.includes(name)))
		throw new Error(`the server embeds ${FILES.join(', ')}; esbuild made ${made.join(', ')}`);
	const sizes = new Map();
	for (const name of FILES)
		sizes.set(name, gzipSync(await readFile(join(out, name)), { level: 9 }).length);
	const total = [...sizes].reduce((sum, [name, size]) => sum + (LANGUAGES.includes(name) ? 0 : size), Math.max(...LANGUAGES.map((name) => sizes.get(name))));
	process.stdout.write(`console: ${(total / 1000).toFixed(1)} kB compressed, in the longer language\n`);
	const depfile = option('--depfile');
	if (depfile) {
		const inputs = [...Object.keys(metafile.inputs), ...STATIC.map((name) => `src/${name}`), LAND, 'build.mjs'];
		await writeFile(depfile, `${FILES.map((name) => join(out, name)).join(' ')}: ${inputs.map((name) => join(here, name)).join(' ')}\n`);
	}
}
