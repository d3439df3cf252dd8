// SPDX-License-Identifier: Apache-2.0
// The parts of the console that need no browser: numbers, times, addresses, ranges, links, the geometry of the ring.
import assert from 'node:assert/strict';
import { build } from 'esbuild';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

const source = join(dirname(fileURLToPath(import.meta.url)), '../src');
const MODULES = ['format', 'part/address', 'part/range', 'chart/slices', 'chart/lines', 'chart/strips', 'data/ports', 'data/countries', 'text/en', 'text/ja', 'rows'];

let folder;
const modules = {};

before(async () => {
	folder = mkdtempSync(join(tmpdir(), 'noroshi-unit-'));
	await build({
		entryPoints: MODULES.map((name) => join(source, name.startsWith('chart/strips') ? `${name}.tsx` : `${name}.ts`)),
		outbase: source, outdir: folder, bundle: true, format: 'esm', outExtension: { '.js': '.mjs' }, jsx: 'automatic', jsxImportSource: 'preact', logLevel: 'warning',
		// What a browser has at load time.
		banner: { js: 'globalThis.addEventListener ??= () => undefined; globalThis.location ??= { pathname: "/", search: "" }; globalThis.navigator ??= { language: "en" };' },
	});
	for (const name of MODULES)
		Object.assign((modules[name] = {}), await import(pathToFileURL(join(folder, `${name}.mjs`))));
});

after(() => rmSync(folder, { recursive: true, force: true }));

test('numbers in the reader’s language', () => {
	const { compact, percent, bytes, whole } = modules.format;
	assert.equal(compact(1_204_332, 'en'), '1.2\u202fM');
	assert.equal(compact(1_204_332, 'ja'), '120万');
	assert.equal(compact(999, 'en'), '999');
	assert.equal(compact(43_210, 'en'), '43.2\u202fk');
	assert.equal(whole(1_204_332, 'ja'), '1,204,332');
	assert.equal(percent(0.27, 'en'), '27\u202f%');
	assert.equal(percent(0.27, 'ja'), '27%');
	assert.equal(percent(0.00038, 'en'), '0.038\u202f%');
	assert.equal(percent(0, 'en'), '0\u202f%');
	assert.equal(percent(Number.NaN, 'en'), '–');
	assert.equal(bytes(73_204_332, 'en'), '73.2\u202fMB');
});

test('times in the chosen zone', () => {
	const { moment, span, ago, zoneName } = modules.format;
	assert.equal(moment('2026-11-24T05:46:13.000000Z', 'utc'), '2026-11-24 05:46');
	assert.equal(moment('2026-11-24T05:46:13.000000Z', 'utc', true), '2026-11-24 05:46:13');
	assert.equal(moment('never', 'utc'), '–');
	assert.equal(span('2026-11-20T00:00:00Z', '2026-11-20T06:00:00Z', 'utc'), '2026-11-20 00:00 – 06:00');
	assert.equal(span('2026-11-20T00:00:00Z', '2026-11-21T00:00:00Z', 'utc'), '2026-11-20 00:00 – 2026-11-21 00:00');
	assert.equal(zoneName('utc'), 'UTC');
	assert.equal(ago(3 * 86_400_000, 'en'), '3 days ago');
	assert.equal(ago(3 * 86_400_000, 'ja'), '3日前');
});

test('addresses', () => {
	const { addressOf } = modules['part/address'];
	for (const [text, expected] of [
		['192.0.2.1', '192.0.2.1'], [' 192.0.2.1 ', '192.0.2.1'], ['192.000.002.001', '192.0.2.1'], ['2001:DB8:0::1', '2001:db8::1'], ['::', '::'],
		['256.0.0.1', null], ['1.2.3', null], ['23', null], ['2001:db8::1::2', null], ['javascript:alert(1)', null], ['', null], ['::1]/x', null],
	])
		assert.equal(addressOf(text), expected, text);
});

test('ranges are whole hours that end with the data', () => {
	const { presetRange, presetOf, fromField, toField, newest } = modules['part/range'];
	const last = Date.parse('2026-04-03T23:55:00Z');
	assert.deepEqual(presetRange('hour', last), { from: '2026-04-03T23:00:00Z', to: '2026-04-04T00:00:00Z' });
	assert.deepEqual(presetRange('day', Date.parse('2026-04-04T00:00:00Z')), { from: '2026-04-03T00:00:00Z', to: '2026-04-04T00:00:00Z' });
	assert.equal(presetOf(null, null, last), 'whole');
	assert.equal(presetOf('2026-04-03T23:00:00Z', '2026-04-04T00:00:00Z', last), 'hour');
	assert.equal(presetOf('2026-04-03T22:00:00Z', '2026-04-04T00:00:00Z', last), 'custom');
	assert.equal(fromField('2026-04-03T22:00', 'utc'), '2026-04-03T22:00:00Z');
	assert.equal(fromField('', 'utc'), null);
	assert.equal(toField('2026-04-03T22:00:00Z', 'utc'), '2026-04-03T22:00');
	assert.equal(newest([]), null);
});

const port = (number, name, packets) => ({ protocol: 6, port: number, class: name, packets, bytes: 0, sources: 1, sources_error: 0, share: 0 });

test('the ring holds every packet once', () => {
	const { slicesOf } = modules['chart/slices'];
	const ports = Array.from({ length: 14 }, (_, index) => port(index, ['iot', 'windows', 'web'][index % 3], 140 - index * 10));
	const total = 2000;
	const slices = slicesOf(ports, total);
	assert.equal(slices.length, 11);
	assert.equal(slices.reduce((sum, slice) => sum + slice.packets, 0), total);
	assert.deepEqual([...new Set(slices.map((slice) => slice.tone))], ['iot', 'windows', 'other', 'rest']);
	assert.ok(Math.abs(slices.at(-1).end - 2 * Math.PI) < 1e-9);
	slices.slice(1).forEach((slice, index) => assert.equal(slice.start, slices[index].end));
	assert.deepEqual(slicesOf([], 0), []);
	assert.equal(slicesOf([port(23, 'iot', 5)], 5).length, 1);
	assert.equal(slicesOf([port(23, 'iot', 5)], 3)[0].share, 1, 'a total that is older than the ports');
});

test('labels of the ring never overlap, whatever the shares', () => {
	const { slicesOf, labelsOf } = modules['chart/slices'];
	const gap = 19;
	const limit = 150;
	for (const decay of [0.05, 0.3, 0.6, 0.9, 1]) {
		const ports = Array.from({ length: 10 }, (_, index) => port(index, 'iot', Math.ceil(1e6 * decay ** index)));
		for (const rest of [0, 10, 1e6, 1e9]) {
			const labels = labelsOf(slicesOf(ports, ports.reduce((sum, each) => sum + each.packets, rest)), 120, gap, limit);
			for (const side of ['left', 'right']) {
				const heights = labels.filter((label) => label.side === side).map((label) => label.y).sort((a, b) => a - b);
				heights.slice(1).forEach((y, index) => assert.ok(y - heights[index] >= gap - 1e-9, `decay ${decay}, rest ${rest}`));
				assert.ok(heights.every((y) => Math.abs(y) <= limit + 1e-9 || heights.length > (2 * limit) / gap));
			}
		}
	}
});

test('a full circle is drawn', () => {
	const { arc } = modules['chart/slices'];
	assert.equal(arc(0, 2 * Math.PI, 60, 100).match(/A/g).length, 4);
	assert.equal(arc(0, 1, 60, 100).match(/A/g).length, 2);
});

test('the ring leaves room for its labels', () => {
	const { fit } = modules['chart/slices'];
	for (const width of [300, 480, 700])
		for (const [left, right] of [[10, 160], [160, 10], [120, 120], [0, 0]]) {
			const { radius, middle } = fit(width, { left, right }, 26, 132);
			if (radius > 36) {
				assert.ok(middle - radius - 26 - left >= -1e-9);
				assert.ok(middle + radius + 26 + right <= width + 1e-9);
			}
		}
});

test('a step without a row is 0 where others have one, and a gap where none has', () => {
	const { linesOf } = modules['chart/lines'];
	const sample = (hour, key, packets) => ({ time: `2026-04-01T0${hour}:00:00.000000Z`, key, packets, bytes: 0, sources: 1, sources_error: 0 });
	const { times, lines } = linesOf([sample(0, 'a', 5), sample(0, 'b', 1), sample(1, 'a', 7), sample(3, 'b', 2)], '1h', 'packets');
	assert.equal(times.length, 4);
	assert.deepEqual(lines.map((line) => [line.key, line.values]), [['a', [5, 7, null, 0]], ['b', [1, 0, null, 2]]]);
	assert.equal(lines[0].sum, 12);
	assert.equal(lines[0].mostAt, times[1]);
	assert.deepEqual(linesOf([], '1h', 'packets'), { times: [], lines: [] });
});

test('findings fall into the strip of their kind, urgent kinds first', () => {
	const { stripsOf } = modules['chart/strips'];
	const finding = (kind, first, severity) => ({ kind, first, severity });
	const strips = stripsOf([finding('x', '1970-01-01T00:00:00Z', 1), finding('x', '1970-01-01T01:00:00Z', 1), finding('y', '1970-01-02T00:00:00Z', 4)], 0, 86_400_000);
	assert.deepEqual(strips.map((strip) => [strip.kind, strip.count]), [['y', 1], ['x', 2]]);
	assert.equal(strips[0].bins.at(-1), 1, 'one after the range stays visible at its end');
});

test('services and countries', () => {
	assert.equal(modules['data/ports'].serviceName('tcp', 23), 'Telnet');
	assert.equal(modules['data/ports'].serviceName('udp', 23), '');
	const { countryCodes, middleOf } = modules['data/countries'];
	assert.ok(countryCodes().length >= 249);
	for (const code of countryCodes()) {
		const [longitude, latitude] = middleOf(code);
		assert.match(code, /^[A-Z]{2}$/);
		assert.ok(Math.abs(longitude) <= 180 && Math.abs(latitude) <= 90, code);
	}
	assert.equal(modules.format.countryName('JP', 'ja'), '日本');
	assert.equal(modules.format.countryName('', 'en'), null);
	assert.equal(modules.format.countryName('<b', 'en'), null);
});

/* The type checker holds the shapes equal; here: that tables keyed by names of outside data are equally full. */
test('both languages know the same words', () => {
	const { en } = modules['text/en'];
	const { ja } = modules['text/ja'];
	const keys = (table) => Object.keys(table).sort();
	for (const table of ['drops', 'classes', 'categories', 'kinds', 'toolNames', 'researchNames', 'marks'])
		assert.deepEqual(keys(ja[table]), keys(en[table]), table);
	for (const table of ['toolRules', 'researchRules', 'keys'])
		assert.deepEqual(keys(ja.evidence[table]), keys(en.evidence[table]), table);
	assert.equal(ja.severities.length, en.severities.length);
	assert.equal(ja.help.glossary.length, en.help.glossary.length);
});

test('JSON columns survive what is not JSON', () => {
	const { jsonObject } = modules.rows;
	assert.deepEqual(jsonObject('{"a":1}'), { a: 1 });
	for (const bad of ['', '[1]', '3', 'null', '{', null])
		assert.deepEqual(jsonObject(bad), {});
});
