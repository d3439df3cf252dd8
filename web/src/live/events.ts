// SPDX-License-Identifier: Apache-2.0
// What /api/v1/live says, event by event. It comes from outside: each event is checked and bounded before anything is drawn.
import { jsonObject, type Finding, type Gap, type Json } from '../rows';

export interface LiveSensor {
	sensor: string;
	dark_size: number;
	/** Dark prefixes as text: "198.18.0.0/18". */
	dark: string[];
	interface: string;
	since: string;
}

export interface Hello {
	version: string;
	time: string;
	sensors: LiveSensor[];
}

/** One second of one sensor. */
export interface Pulse {
	sensor: string;
	time: number; /* ms */
	seconds: number;
	packets: number;
	bytes: number;
	sources: number;
	categories: Record<string, number>;
	countries: { country: string; packets: number }[];
	/** Causes and frames of this second. */
	dropped: Record<string, number>;
	delay: number; /* ms: age of the oldest packet in it */
	day: { packets: number; sources: number };
}

/** One packet: what the Cube and the live Atlas draw. */
export interface Particle {
	time: number; /* ms */
	source: string;
	sourcePort: number;
	destination: string;
	destinationPort: number;
	protocol: number;
	country: string;
	bits: number;
}

export interface Burst {
	sensor: string;
	/** Packets that the particles stand for. */
	of: number;
	/** ms, before or at the time of each. */
	since: number;
	particles: Particle[];
}

export const BITS = { backscatter: 1, mirai: 2, zmap: 4, masscan: 8, own: 16, spoofed: 32 } as const;

const PARTICLE_LIMIT = 2500; /* of one event: the server sends no more in a second */
const LIST_LIMIT = 64;

const text = (value: Json | undefined): string => (typeof value === 'string' ? value.slice(0, 1000) : '');
const count = (value: Json | undefined): number => (typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0);
const list = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
const object = (value: Json | undefined): Record<string, Json> => (value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {});

function counts(value: Json | undefined): Record<string, number> {
	return Object.fromEntries(Object.entries(object(value)).slice(0, LIST_LIMIT).map(([key, each]) => [key, count(each)]));
}

export function helloOf(data: string): Hello {
	const raw = jsonObject(data);
	const sensors = list(raw.sensors).slice(0, LIST_LIMIT).map((each): LiveSensor => {
		const sensor = object(each);
		return {
			sensor: text(sensor.sensor),
			dark_size: count(sensor.dark_size),
			dark: list(sensor.dark).slice(0, LIST_LIMIT).map(text),
			interface: text(sensor.interface),
			since: text(sensor.since),
		};
	});
	return { version: text(raw.version), time: text(raw.time), sensors };
}

export function pulseOf(data: string): Pulse | null {
	const raw = jsonObject(data);
	const time = Date.parse(text(raw.time));
	if (Number.isNaN(time))
		return null;
	const day = object(raw.day);
	return {
		sensor: text(raw.sensor),
		time,
		seconds: count(raw.seconds) || 1,
		packets: count(raw.packets),
		bytes: count(raw.bytes),
		sources: count(raw.sources),
		categories: counts(raw.categories),
		countries: list(raw.countries).slice(0, LIST_LIMIT).map((each) => ({ country: text(object(each).country), packets: count(object(each).packets) })),
		dropped: counts(raw.dropped),
		delay: count(raw.delay_ms),
		day: { packets: count(day.packets), sources: count(day.sources) },
	};
}

function particleOf(row: Json, since: number): Particle[] {
	if (!Array.isArray(row) || row.length < 8)
		return [];
	const [ms, source, sourcePort, destination, destinationPort, protocol, country, bits] = row;
	if (typeof source !== 'string' || typeof destination !== 'string' || source.length > 45 || destination.length > 45)
		return [];
	return [{
		time: since + count(ms),
		source,
		sourcePort: count(sourcePort) & 0xffff,
		destination,
		destinationPort: count(destinationPort) & 0xffff,
		protocol: count(protocol) & 0xff,
		country: text(country).slice(0, 2),
		bits: count(bits) & 0xff,
	}];
}

export function burstOf(data: string): Burst {
	const raw = jsonObject(data);
	const since = Date.parse(text(raw.time));
	const particles = Number.isNaN(since) ? [] : list(raw.rows).slice(0, PARTICLE_LIMIT).flatMap((row) => particleOf(row, since));
	return { sensor: text(raw.sensor), of: Math.max(count(raw.of), particles.length), since, particles };
}

export function findingOf(data: string): Finding | null {
	const raw = jsonObject(data);
	if (text(raw.kind) === '' || text(raw.subject) === '')
		return null;
	return {
		sensor: text(raw.sensor),
		sense: text(raw.sense),
		kind: text(raw.kind),
		subject: text(raw.subject),
		first: text(raw.first),
		last: text(raw.last),
		count: count(raw.count),
		confidence: count(raw.confidence),
		severity: count(raw.severity),
		reason_en: text(raw.reason_en),
		reason_ja: text(raw.reason_ja),
		evidence: typeof raw.evidence === 'string' ? raw.evidence : object(raw.evidence),
	};
}

export function gapOf(data: string): Gap | null {
	const raw = jsonObject(data);
	if (Number.isNaN(Date.parse(text(raw.first))))
		return null;
	return {
		sensor: text(raw.sensor),
		sense: text(raw.sense),
		first: text(raw.first),
		last: Number.isNaN(Date.parse(text(raw.last))) ? null : text(raw.last),
		cause: text(raw.cause),
		packets: count(raw.packets),
		text_en: text(raw.text_en),
		text_ja: text(raw.text_ja),
	};
}

export const skippedOf = (data: string): number => count(jsonObject(data).events);
