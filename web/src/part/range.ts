// SPDX-License-Identifier: Apache-2.0
// Time ranges of the bar. All are written into the URL as plain times, so that a link never shifts.
import type { Zone } from '../preferences';
import type { Coverage } from '../rows';

const HOUR = 3_600_000;

export type Preset = 'hour' | 'day' | 'week';
export const PRESETS: Record<Preset, number> = { hour: HOUR, day: 24 * HOUR, week: 7 * 24 * HOUR };

export interface Range {
	from: string;
	to: string;
}

/** Without fractions of a second: "2026-11-24T05:00:00Z". */
export const written = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

export function newest(sensors: Coverage[]): number | null {
	const times = sensors.map((sensor) => Date.parse(sensor.last)).filter((time) => !Number.isNaN(time));
	return times.length > 0 ? Math.max(...times) : null;
}

export function oldest(sensors: Coverage[]): number | null {
	const times = sensors.map((sensor) => Date.parse(sensor.first)).filter((time) => !Number.isNaN(time));
	return times.length > 0 ? Math.min(...times) : null;
}

/** The hour, day or week that ends with the hour of the newest data: the store answers by whole hours. */
export function presetRange(preset: Preset, last: number): Range {
	const to = Math.ceil(last / HOUR) * HOUR;
	return { from: written(to - PRESETS[preset]), to: written(to) };
}

export function presetOf(from: string | null, to: string | null, last: number | null): Preset | 'whole' | 'custom' {
	if (from === null && to === null)
		return 'whole';
	for (const preset of Object.keys(PRESETS) as Preset[]) {
		const range = last === null ? null : presetRange(preset, last);
		if (range && Date.parse(range.from) === Date.parse(from ?? '') && Date.parse(range.to) === Date.parse(to ?? ''))
			return preset;
	}
	return 'custom';
}

const pad = (value: number): string => String(value).padStart(2, '0');

/** For <input type="datetime-local">, which knows no zone: the clock of the chosen one. */
export function toField(time: string | null, zone: Zone): string {
	const date = new Date(time ?? '');
	if (Number.isNaN(date.getTime()))
		return '';
	if (zone === 'utc')
		return date.toISOString().slice(0, 16);
	return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}T${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

export function fromField(text: string, zone: Zone): string | null {
	const time = Date.parse(zone === 'utc' ? `${text}Z` : text);
	return text === '' || Number.isNaN(time) ? null : written(time);
}
