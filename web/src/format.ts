// SPDX-License-Identifier: Apache-2.0
// Numbers, times and names in the reader's language and zone.
import type { Language, Zone } from './preferences';

const NARROW = '\u202f';

function compactParts(value: number, language: Language): string {
	const format = new Intl.NumberFormat(language, { notation: 'compact', maximumSignificantDigits: Math.abs(value) >= 1000 ? 3 : 21 });
	if (language === 'ja')
		return format.format(value);
	return format
		.formatToParts(value)
		.map((part) => (part.type === 'compact' ? NARROW + part.value.replace('K', 'k') : part.value))
		.join('');
}

/** 1.2 M, 120万. */
export const compact = (value: number, language: Language): string => compactParts(value, language);

/** 1,204,332. */
export const whole = (value: number, language: Language): string => new Intl.NumberFormat(language, { maximumFractionDigits: 0 }).format(value);

/** 0.27 → "27 %", "27%"; small shares keep two figures. */
export function percent(share: number, language: Language): string {
	if (!Number.isFinite(share))
		return '–';
	const digits = share !== 0 && Math.abs(share) < 0.1 ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: 0 };
	const number = new Intl.NumberFormat(language, digits).format(share * 100);
	return language === 'ja' ? `${number}%` : `${number}${NARROW}%`;
}

/** A probability: "99.3 %"; cut, not rounded, since nothing here is certain. */
export function surely(share: number, language: Language): string {
	const number = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(Math.floor(Math.max(0, share) * 1000 + 1e-6) / 10);
	return language === 'ja' ? `${number}%` : `${number}${NARROW}%`;
}

/** A value of no special unit, to four figures: "60.1", "0.97"; not grouped, since it may be a port. */
export const figure = (value: number, language: Language): string => new Intl.NumberFormat(language, { maximumSignificantDigits: 4, useGrouping: false }).format(value);

export function bytes(value: number, language: Language): string {
	const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
	let unit = 0;
	let rest = value;
	for (; rest >= 1000 && unit < units.length - 1; unit++)
		rest /= 1000;
	return `${new Intl.NumberFormat(language, { maximumSignificantDigits: 3 }).format(rest)}${NARROW}${units[unit] ?? ''}`;
}

const pad = (value: number): string => String(value).padStart(2, '0');

interface Clock {
	date: string;
	minutes: string;
	seconds: string;
}

function clock(date: Date, zone: Zone): Clock {
	const utc = zone === 'utc';
	const part = (inUtc: number, here: number): number => (utc ? inUtc : here);
	return {
		date: `${part(date.getUTCFullYear(), date.getFullYear())}-${pad(part(date.getUTCMonth(), date.getMonth()) + 1)}-${pad(part(date.getUTCDate(), date.getDate()))}`,
		minutes: `${pad(part(date.getUTCHours(), date.getHours()))}:${pad(part(date.getUTCMinutes(), date.getMinutes()))}`,
		seconds: pad(part(date.getUTCSeconds(), date.getSeconds())),
	};
}

const NO_TIME = '–';

/** 2026-11-24 05:46; with seconds where `exact`. The zone is named by the bar and by column heads. */
export function moment(time: string | number, zone: Zone, exact = false): string {
	const date = new Date(time);
	if (Number.isNaN(date.getTime()))
		return NO_TIME;
	const { date: day, minutes, seconds } = clock(date, zone);
	return exact ? `${day} ${minutes}:${seconds}` : `${day} ${minutes}`;
}

export function day(time: string | number, zone: Zone): string {
	const date = new Date(time);
	return Number.isNaN(date.getTime()) ? NO_TIME : clock(date, zone).date;
}

/** "2026-11-20 00:00 – 06:00", or both days where they differ. */
export function span(from: string, to: string, zone: Zone): string {
	if (Number.isNaN(Date.parse(from)) || Number.isNaN(Date.parse(to)))
		return NO_TIME;
	const end = day(from, zone) === day(to, zone) ? clock(new Date(to), zone).minutes : moment(to, zone);
	return `${moment(from, zone)} – ${end}`;
}

/** "UTC", or the name that this machine's zone goes by. */
export function zoneName(zone: Zone): string {
	if (zone === 'utc')
		return 'UTC';
	return Intl.DateTimeFormat().resolvedOptions().timeZone.replaceAll('_', ' ');
}

/** 6 → "tcp". The API writes protocol numbers. */
export function protocolName(protocol: number): string {
	return { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmpv6' }[protocol] ?? `ip/${protocol}`;
}

export function protocolNumber(name: string): number | null {
	return { tcp: 6, udp: 17 }[name] ?? null;
}

export const portLabel = (protocol: number, port: number): string => `${port}/${protocolName(protocol)}`;

let regions: { language: Language; names: Intl.DisplayNames } | null = null;

/** "JP" → "Japan", "日本"; null where the code means no place. */
export function countryName(code: string, language: Language): string | null {
	if (!/^[A-Z]{2}$/.test(code))
		return null;
	if (regions?.language !== language)
		regions = { language, names: new Intl.DisplayNames(language, { type: 'region', fallback: 'code' }) };
	return regions.names.of(code) ?? code;
}

/** How long ago, in the largest whole unit. */
export function ago(ms: number, language: Language): string {
	const relative = new Intl.RelativeTimeFormat(language, { numeric: 'always' });
	// Japanese sets no space between a number and its unit.
	const say = (value: number, unit: Intl.RelativeTimeFormatUnit): string => (language === 'ja' ? relative.format(value, unit).replace(' ', '') : relative.format(value, unit));
	const minutes = Math.round(ms / 60_000);
	if (minutes < 60)
		return say(-minutes, 'minute');
	if (minutes < 48 * 60)
		return say(-Math.round(minutes / 60), 'hour');
	const days = Math.round(minutes / 1440);
	return days < 730 ? say(-days, 'day') : say(-Math.round(days / 365), 'year');
}

/** "0.4 sec", "12 sec", "3 min", "2.5 hr": how long something lasted. */
export function seconds(value: number, language: Language): string {
	const whole = Math.max(0, value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
	const say = (count: number, unit: 'second' | 'minute' | 'hour' | 'day'): string => {
		const text = new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: 1 }).format(count);
		return language === 'ja' ? text.replace(' ', '') : text;
	};
	if (whole < 90)
		return say(whole, 'second');
	if (whole < 5400)
		return say(Math.round(whole / 60), 'minute');
	return whole < 2 * 86400 ? say(whole / 3600, 'hour') : say(Math.round(whole / 86400), 'day');
}

/** A period: "60.1 sec", "125 sec", "22.7 min", "2.5 hr". */
export function period(value: number, language: Language): string {
	const [count, unit] = value < 600 ? [value, 'second'] : value < 7200 ? [value / 60, 'minute'] : [value / 3600, 'hour'];
	const text = new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'short', maximumSignificantDigits: 3 }).format(count);
	return language === 'ja' ? text.replace(' ', '') : text;
}

/** 0.12 → "0.12 ms"; three figures. */
export function milliseconds(value: number, language: Language): string {
	const number = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 }).format(value);
	return `${number}${NARROW}ms`;
}

export const words = (list: string): string[] => list.split(',').filter((word) => word !== '');
