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
const MODULES = ['format', 'part/address', 'part/range', 'chart/slices', 'chart/lines', 'chart/strips', 'data/ports', 'data/countries', 'text/en', 'text/ja', 'rows',
	'live/events', 'live/use', 'cube/address', 'cube/look', 'cube/field', 'cube/camera', 'cube/pick', 'chart/spark', 'part/strip', 'c2/evidence', 'c2/raster_math', 'c2/graph_layout'];
const VIEWS = new Set(['chart/strips', 'chart/spark', 'part/strip']); /* with the ending .tsx */

let folder;
const modules = {};

before(async () => {
	folder = mkdtempSync(join(tmpdir(), 'noroshi-unit-'));
	await build({
		entryPoints: MODULES.map((name) => join(source, VIEWS.has(name) ? `${name}.tsx` : `${name}.ts`)),
		outbase: source, outdir: folder, bundle: true, format: 'esm', outExtension: { '.js': '.mjs' }, jsx: 'automatic', jsxImportSource: 'preact', logLevel: 'warning',
		// What a browser has at load time.
		banner: { js: 'globalThis.addEventListener ??= () => undefined; globalThis.location ??= { pathname: "/", search: "" }; globalThis.navigator ??= { language: "en" }; globalThis.document ??= { addEventListener: () => undefined, documentElement: {} };' },
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
	assert.deepEqual(keys(ja.gaps.causes), keys(en.gaps.causes));
	assert.deepEqual(keys(ja.ipv6.patternNames), keys(en.ipv6.patternNames));
	assert.deepEqual(keys(ja.warnings.kinds), keys(en.warnings.kinds));
	assert.deepEqual(keys(ja.health.states), keys(en.health.states));
	assert.equal(ja.cube.readings.length, en.cube.readings.length);
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

const address = (text) => modules['cube/address'].parseAddress(text);

test('addresses are read like the server writes them', () => {
	const { parseAddress, parsePrefix, addressText } = modules['cube/address'];
	for (const [text, groups] of [
		['192.0.2.1', [0xc000, 0x0201]], ['255.255.255.255', [0xffff, 0xffff]], ['2001:db8::1', [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]],
		['::', [0, 0, 0, 0, 0, 0, 0, 0]], ['::ffff:192.0.2.1', [0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201]], ['1:2:3:4:5:6:7:8', [1, 2, 3, 4, 5, 6, 7, 8]],
	]) {
		assert.deepEqual(parseAddress(text)?.groups, groups, text);
		assert.deepEqual(parseAddress(addressText(parseAddress(text)))?.groups, groups, text);
	}
	for (const bad of ['', '1.2.3', '256.1.1.1', '1.2.3.4.5', ':::', '1:2', '1::2::3', '1:2:3:4:5:6:7:8:9', 'g::', '12345::', '::1.2.3', '1:2:3:4:5:6:7::8:9'])
		assert.equal(parseAddress(bad), null, bad);
	assert.equal(parsePrefix('198.18.0.0/18').length, 18);
	assert.equal(parsePrefix('198.18.0.1').length, 32);
	for (const bad of ['198.18.0.0/33', '198.18.0.0/-1', '198.18.0.0/x', '2001:db8::/129', 'x/8'])
		assert.equal(parsePrefix(bad), null, bad);
});

test('the axis of sources holds both families, each in its part', () => {
	const { sourceAxis } = modules['cube/address'];
	const four = sourceAxis({ four: true, six: false });
	assert.equal(four.place(address('0.0.0.0')), 0);
	assert.equal(four.place(address('128.0.0.0')), 0.5);
	assert.ok(four.place(address('255.255.255.255')) < 1);
	const six = sourceAxis({ four: false, six: true });
	assert.equal(six.place(address('2000::')), 0);
	assert.equal(six.place(address('3000::')), 0.5);
	assert.equal(six.place(address('::1')), 0, 'below 2000::/3');
	assert.equal(six.place(address('fe80::1')), 1, 'above 2000::/3');
	const both = sourceAxis({ four: true, six: true });
	assert.ok(both.place(address('255.255.255.255')) < both.place(address('2000::')));
	for (const axis of [four, six, both])
		assert.ok(axis.ticks.every(({ at }) => at >= 0 && at <= 1));
});

test('the axis of destinations is as tall as the dark range', () => {
	const { darkAxis, parsePrefix } = modules['cube/address'];
	const one = darkAxis([parsePrefix('198.18.0.0/18')]);
	assert.equal(one.place(address('198.18.0.0')), 0);
	assert.equal(one.place(address('198.18.32.0')), 0.5);
	assert.ok(one.place(address('198.18.63.255')) > 0.9999);
	assert.equal(one.place(address('192.0.2.1')), 0, 'outside: at the foot');
	assert.deepEqual(one.ticks.map(({ label }) => label), ['198.18.0.0', '198.18.16.0', '198.18.32.0', '198.18.48.0', '198.18.63.255']);
	const two = darkAxis([parsePrefix('203.0.113.0/24'), parsePrefix('198.51.100.0/25'), parsePrefix('2001:db8::/32')]);
	const heights = ['198.51.100.0', '198.51.100.127', '203.0.113.0', '203.0.113.255', '2001:db8::', '2001:db8:ffff:ffff::'].map((text) => two.place(address(text)));
	heights.slice(1).forEach((height, index) => assert.ok(height > heights[index], `${heights}`));
	assert.ok(Math.abs((heights[3] - heights[2]) / (heights[1] - heights[0]) - 2) < 0.05, 'a /24 is twice a /25');
	assert.ok(heights[5] <= 1);
	assert.deepEqual(darkAxis([]).ticks, []);
	const many = darkAxis(Array.from({ length: 64 }, (_, index) => parsePrefix(`10.${index * 2}.0.0/16`)));
	assert.ok(many.place(address('10.126.255.255')) <= 1);
	const wide = darkAxis([parsePrefix('2001:db8::/64')]);
	assert.equal(wide.place(address('2001:db8::8000:0:0:0')), 0.5, 'by the 32 bits after the prefix');
	const whole = darkAxis([parsePrefix('0.0.0.0/0')]);
	assert.equal(whole.place(address('128.0.0.0')), 0.5);
	assert.equal(darkAxis([parsePrefix('192.0.2.7/32')]).place(address('192.0.2.7')), 0);
});

test('a dark range that nobody names is learnt', () => {
	const { cover } = modules['cube/address'];
	assert.equal(cover(address('198.18.0.1'), address('198.18.63.9')).text, '198.18.0.0/18');
	assert.equal(cover(address('198.18.0.1'), address('198.18.0.1')).text, '198.18.0.1/32');
	assert.equal(cover(address('1.2.3.4'), address('200.2.3.4')).text, '0.0.0.0/0');
	assert.equal(cover(address('2001:db8::1'), address('2001:db8:8000::1')).text, '2001:db8::/32');
});

const particle = (more) => ({ time: 0, source: '192.0.2.1', sourcePort: 1, destination: '198.18.0.1', destinationPort: 23, protocol: 6, country: 'JP', bits: 0, ...more });

test('particles are told apart and filtered', () => {
	const { lookOf, passes, sieveOf } = modules['cube/look'];
	for (const [more, look] of [[{}, 'tcp'], [{ protocol: 17 }, 'udp'], [{ protocol: 1 }, 'icmp'], [{ protocol: 58 }, 'icmp'], [{ bits: 1 }, 'backscatter'], [{ bits: 17 }, 'own'], [{ protocol: 47 }, 'other']])
		assert.equal(lookOf(particle(more)), look);
	const sieve = (query) => sieveOf(new URLSearchParams(query));
	for (const [query, more, shown] of [
		['', {}, true], ['protocol=17', {}, false], ['protocol=17', { protocol: 17 }, true], ['port=23', {}, true], ['port=80', {}, false], ['port=x', {}, true],
		['country=JP', {}, true], ['country=US', {}, false], ['country=nonsense', {}, true], ['traffic=own', {}, false], ['traffic=own', { bits: 16 }, true],
		['traffic=backscatter', { bits: 1 }, true], ['traffic=scan', { bits: 1 }, false], ['traffic=scan', { bits: 2 }, true], ['traffic=what', {}, true],
	])
		assert.equal(passes(sieve(query), particle(more)), shown, `${query} ${JSON.stringify(more)}`);
});

const simpleRules = { route: (each, ret) => Object.assign(ret, { fromX: -1, fromY: 0.5, toX: each.destinationPort / 100, toY: -0.5 }), look: (each) => (each.protocol === 17 ? 1 : 0), shows: () => true };

test('the field is a ring: full, it replaces the oldest and counts who had not faded', () => {
	const { Field, CAPACITY, FLOATS } = modules['cube/field'];
	const field = new Field(simpleRules);
	for (let index = 0; index < CAPACITY + 10; index++)
		field.add(particle({ destinationPort: index }), index, 5);
	assert.equal(field.used, CAPACITY);
	assert.equal(field.next, 10);
	assert.equal(field.pending, CAPACITY);
	assert.equal(field.crowded, 4, 'births 6 to 9 were still to be seen');
	assert.deepEqual(field.newest(2).map((each) => each.destinationPort), [CAPACITY + 9, CAPACITY + 8]);
	assert.equal(field.alive(CAPACITY, CAPACITY + 5), 5);
	assert.equal(field.data[9 * FLOATS + 4], CAPACITY + 9);
	field.pending = 0;
	field.rule({ ...simpleRules, shows: (each) => each.destinationPort % 2 === 0 });
	assert.equal(field.pending, CAPACITY, 'another filter writes all anew');
	assert.deepEqual(field.newest(2).map((each) => each.destinationPort), [CAPACITY + 8, CAPACITY + 6]);
	field.rebase(100);
	assert.equal(field.data[9 * FLOATS + 4], CAPACITY - 91);
	field.clear();
	assert.deepEqual([field.used, field.newest(5).length], [0, 0]);
});

test('what is under the pointer is found where the picture shows it', () => {
	const { Field } = modules['cube/field'];
	const { Camera, HALF } = modules['cube/camera'];
	const { nearest } = modules['cube/pick'];
	const camera = new Camera();
	camera.update(2);
	const look = { flight: 2, glow: 4, half: HALF, arc: 0, trail: 0.3, still: false };
	const field = new Field(simpleRules);
	field.add(particle({ destinationPort: 40 }), 10, 0);
	field.add(particle({ destinationPort: -40 }), 10, 0);
	const at = (x, y, z) => {
		camera.project(x, y, z);
		return [(camera.point[0] + 1) * 400, (1 - camera.point[1]) * 200];
	};
	const find = (now, [x, y]) => nearest(field, camera, look, now, x, y, 800, 400);
	assert.equal(find(11, at(0, 0, -0.3)), 0, 'half way');
	assert.equal(find(13, at(HALF, -0.5, 0.4)), 0, 'landed');
	assert.equal(find(13, at(HALF, -0.5, -0.4)), 1);
	assert.equal(find(11, [1, 1]), -1, 'nothing is near');
	assert.equal(find(17, at(HALF, -0.5, 0.4)), -1, 'faded');
	assert.equal(find(9, at(-HALF, 0.5, -1)), -1, 'not born');
	field.rule({ ...simpleRules, shows: () => false });
	assert.equal(find(13, at(HALF, -0.5, 0.4)), -1, 'hidden');
});

test('the camera keeps upright and near', () => {
	const { Camera, HOME } = modules['cube/camera'];
	const camera = new Camera();
	camera.turn(0, 99);
	assert.ok(camera.pitch < Math.PI / 2);
	camera.zoom(0);
	camera.update(1);
	camera.project(0, 0, 0);
	assert.ok(camera.point[2] > 2, 'outside the planes');
	camera.zoom(1e9);
	assert.ok(camera.distance < 100);
	camera.home();
	assert.equal(camera.pitch, HOME.pitch);
	camera.update(1.5);
	for (const [x, y, z] of [[-1.35, 1, 1], [1.35, -1, 1], [-1.35, -1, -1], [1.35, 1, -1]]) {
		camera.project(x, y, z);
		assert.ok(Math.abs(camera.point[0]) < 1 && Math.abs(camera.point[1]) < 1, `corner ${x} ${y} ${z} is in the picture`);
	}
});

test('events of the live stream are checked', () => {
	const { helloOf, pulseOf, burstOf, findingOf, gapOf, skippedOf } = modules['live/events'];
	const pulse = { sensor: 'a', time: '2026-11-24T00:00:00Z', seconds: 1, packets: 9, bytes: 1, sources: 2, categories: { udp: 3, tcp_syn: -1 }, countries: [{ country: 'JP', packets: 4 }, 7], dropped: { kernel: 5 }, delay_ms: 12, day: { packets: 1, sources: 1 } };
	const read = pulseOf(JSON.stringify(pulse));
	assert.deepEqual([read.packets, read.categories, read.countries, read.dropped, read.delay], [9, { udp: 3, tcp_syn: 0 }, [{ country: 'JP', packets: 4 }, { country: '', packets: 0 }], { kernel: 5 }, 12]);
	for (const bad of ['', 'x', '[]', '{}', '{"time":"never"}'])
		assert.equal(pulseOf(bad), null, bad);
	assert.equal(pulseOf('{"time":"2026-11-24T00:00:00Z","packets":"many","seconds":0}').packets, 0);
	const row = [5, '192.0.2.1', 70_000, '198.18.0.1', 23, 6, 'JPN', 2];
	const burst = burstOf(JSON.stringify({ sensor: 'a', time: '2026-11-24T00:00:00Z', of: 1, rows: [row, row, [1, 2], null, [5, 'x'.repeat(99), 1, '198.18.0.1', 1, 6, '', 0]] }));
	assert.equal(burst.particles.length, 2);
	assert.equal(burst.of, 2, 'never fewer than there are');
	assert.deepEqual([burst.particles[0].time - Date.parse('2026-11-24T00:00:00Z'), burst.particles[0].sourcePort, burst.particles[0].country], [5, 70_000 & 0xffff, 'JP']);
	assert.equal(burstOf(JSON.stringify({ time: '2026-11-24T00:00:00Z', rows: Array.from({ length: 9999 }, () => row) })).particles.length, 2500);
	assert.deepEqual(burstOf('nonsense').particles, []);
	assert.deepEqual(helloOf('{"sensors":[{"sensor":"a","dark":["198.18.0.0/18",3]},null]}').sensors.map((each) => [each.sensor, each.dark]), [['a', ['198.18.0.0/18', '']], ['', []]]);
	assert.equal(findingOf('{"kind":"x"}'), null);
	assert.equal(findingOf('{"kind":"x","subject":"192.0.2.1","severity":4}').severity, 4);
	assert.equal(gapOf('{"first":"2026-11-24T00:00:00Z","last":null}').last, null);
	assert.equal(gapOf('{"first":"2026-11-24T00:00:00Z","last":"2026-11-24T00:00:01Z"}').last, '2026-11-24T00:00:01Z');
	assert.equal(gapOf('{"first":"then"}'), null);
	assert.equal(skippedOf('{"events":7}'), 7);
});

test('two sensors make one second, and a second without a word stays empty', () => {
	const { together } = modules['live/use'];
	const { secondsOf, lossOf } = modules['part/strip'];
	const pulse = (time, packets, dropped = {}) => ({ sensor: '', time, seconds: 1, packets, bytes: 0, sources: 1, categories: { udp: 1 }, countries: [], dropped, delay: packets, day: { packets: 1, sources: 1 } });
	const all = together(new Map([['a', [pulse(1000, 5, { kernel: 1 }), pulse(3000, 7)]], ['b', [pulse(1400, 2, { ring: 4 }), pulse(2400, 1)]]]));
	assert.deepEqual(all.map((each) => [each.time, each.packets, each.sources]), [[1000, 7, 2], [2000, 1, 1], [3000, 7, 1]]);
	assert.deepEqual(lossOf(all), [['ring', 4], ['kernel', 1]]);
	assert.deepEqual(secondsOf(together(new Map([['a', [pulse(1000, 5), pulse(3000, 7)]]])), 4), [null, 5, null, 7]);
	assert.deepEqual(secondsOf([], 2), [null, null]);
});

test('a gap breaks the line', () => {
	const { sparkPath } = modules['chart/spark'];
	assert.equal(sparkPath([0, 10, null, 5], 30, 12), 'M0.0,11.0L10.0,1.0M30.0,6.0');
	assert.equal(sparkPath([], 30, 12), '');
});

test('how long something lasted', () => {
	const { seconds } = modules.format;
	assert.deepEqual([0.42, 12.4, 120, 9000].map((value) => seconds(value, 'en')), ['0.4 sec', '12 sec', '2 min', '2.5 hr']);
	assert.deepEqual([12, 9000].map((value) => seconds(value, 'ja')), ['12秒', '2.5時間']);
});

test('a confidence is cut, never rounded up to certainty', () => {
	const { surely } = modules.format;
	assert.equal(surely(0.99999, 'en'), '99.9\u202f%');
	assert.equal(surely(0.993, 'ja'), '99.3%');
	assert.deepEqual([0, 1, -3].map((share) => surely(share, 'ja')), ['0.0%', '100.0%', '0.0%']);
});

test('periods keep three figures', () => {
	const { period } = modules.format;
	assert.deepEqual([60.12, 124.9, 1360, 9000].map((value) => period(value, 'en')), ['60.1 sec', '125 sec', '22.7 min', '2.5 hr']);
	assert.equal(period(60.12, 'ja'), '60.1秒');
});

test('evidence: steps, bars, strength, buckets', () => {
	const { stepsOf, barOf, strengthOf, bucketOf, priorOf, oddsOf } = modules['c2/evidence'];
	const steps = stepsOf([{ weight: 3 }, { weight: -5 }, { weight: 1 }], 2, null);
	assert.deepEqual(steps.map(({ from, to }) => [from, to]), [[0, 3], [3, -2], [-2, -1], [-1, 2]]);
	assert.equal(steps[3].reason, 'rest');
	assert.deepEqual(stepsOf([{ weight: 3 }], 3, -2).map(({ reason, from, to }) => [typeof reason, from, to]), [['string', 0, -2], ['object', -2, 1]]);
	assert.equal(oddsOf(0.5), 0);
	assert.ok(Number.isFinite(oddsOf(1)) && Number.isFinite(oddsOf(0)));
	assert.ok(Math.abs(priorOf(0.5, 9) + 9) < 1e-9);
	assert.deepEqual([priorOf(0.9, 1), priorOf(0.5, 1e300), priorOf(Number.NaN, 1)], [null, null, null]);
	assert.deepEqual(barOf(steps, steps[1]), { left: 0, width: 1, zero: 0.4 });
	assert.deepEqual(barOf(steps, steps[0]), { left: 0.4, width: 0.6, zero: 0.4 });
	assert.equal(stepsOf([{ weight: 3 }], 3.01, null).length, 1);
	assert.deepEqual(stepsOf([], 0, null), []);
	assert.ok(barOf([], { from: 0, to: 0 }).left === 0);
	assert.deepEqual([0, 1, -2, 3, -6].map(strengthOf), ['none', 'weak', 'fair', 'strong', 'decisive']);
	assert.deepEqual([0, 1, 2, 4, 9, 10, 49, 1e9].map(bucketOf), [[0, 0], [1, 1], [2, 4], [2, 4], [5, 9], [10, 19], [20, 49], [100_000, null]]);
});

test('the beat raster: digits, pixels, cells', () => {
	const { countsOf, activeOf, edgesOf, cellAt, moved, rowHeight } = modules['c2/raster_math'];
	const raster = { from: '', step: 300, bins: 4, cut: false, clients: [{ bins: '0f1' }, { bins: 'x2<a' }] };
	const counts = countsOf(raster);
	assert.deepEqual([...counts], [0, 15, 1, 0, 0, 2, 0, 10]);
	assert.deepEqual(activeOf(counts, 4), [0, 2, 1, 1]);
	for (const [bins, pixels] of [[288, 1100], [288, 299], [1440, 700], [3, 10]]) {
		const edges = edgesOf(bins, pixels);
		assert.deepEqual([edges[0], edges.at(-1), edges.length], [0, pixels, bins + 1]);
		assert.ok(edges.every((edge, at) => Number.isInteger(edge) && (at === 0 || edge >= edges[at - 1])));
	}
	assert.deepEqual(cellAt(50, 13, 100, 12, raster), { row: 1, bin: 2 });
	for (const [x, y] of [[-1, 0], [0, -1], [100, 0], [0, 24]])
		assert.equal(cellAt(x, y, 100, 12, raster), null);
	assert.deepEqual(moved({ row: 0, bin: 3 }, 'ArrowRight', raster), { row: 0, bin: 3 });
	assert.deepEqual(moved({ row: 0, bin: 3 }, 'Home', raster), { row: 0, bin: 0 });
	assert.deepEqual(moved({ row: 0, bin: 3 }, 'PageDown', raster), { row: 1, bin: 3 });
	assert.equal(moved({ row: 0, bin: 0 }, 'x', raster), null);
	assert.deepEqual([1, 64, 1000].map(rowHeight), [12, 8, 4]);
});

test('servers and clients: kinds of clients in boxes that do not overlap, bounded', () => {
	const { pictureOf, boxWidth, dotOf, shortened, NODES } = modules['c2/graph_layout'];
	const self = { address: '203.0.113.9', port: 443, protocol: 'tcp', confidence: 0.9, alarm: 1 };
	const other = (octet) => ({ ...self, address: `203.0.113.${octet}`, confidence: 0.3, alarm: 0, beats: 1 });
	const client = (index, servers) => ({ client: `100::${index}`, servers, known_infected: 0 });
	const small = pictureOf(self, [client(1, []), client(2, [other(20)]), client(3, [other(20), self]), client(4, [other(20), other(30)])], 300);
	assert.deepEqual(small.servers.map(({ name, shared }) => [name, shared]), [['203.0.113.9:443/tcp', 4], ['203.0.113.20:443/tcp', 3], ['203.0.113.30:443/tcp', 1]]);
	assert.deepEqual(small.groups.map(({ servers, clients }) => [servers, clients.length]), [[[0], 1], [[0, 1], 2], [[0, 1, 2], 1]]);
	const crowd = Array.from({ length: 1000 }, (_, index) => client(index, Array.from({ length: 8 }, (_each, at) => other((index * 31 + at * at * 7) % 250))));
	for (const room of [96, 300, 900]) {
		const { servers, groups, height, more, moreClients } = pictureOf(self, crowd, room);
		const dots = groups.reduce((sum, group) => sum + group.clients.length, 0);
		assert.ok(servers.length + dots <= NODES);
		assert.equal(dots + moreClients, crowd.length);
		assert.ok(more.length > 0 && groups.length <= 12);
		groups.forEach((group, at) => {
			assert.ok(at === 0 || groups[at - 1].y + groups[at - 1].height < group.y);
			assert.ok(boxWidth(group) <= Math.max(room, 96));
			const [x, y] = dotOf(group, group.clients.length - 1);
			assert.ok(x < boxWidth(group) && y < group.height);
		});
		assert.ok([...servers.map(({ y }) => y), ...groups.map((group) => group.y + group.height)].every((y) => y >= 0 && y <= height + 0.001));
	}
	assert.deepEqual(pictureOf(self, [], 300).groups, []);
	assert.equal(shortened('[2001:db8:1234:5678:9abc:def0:1234:5678]:443/tcp', 20), '[2001:db8:…]:443/tcp');
	assert.equal(shortened('203.0.113.9:443/tcp', 20), '203.0.113.9:443/tcp');
});
