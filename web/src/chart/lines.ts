// SPDX-License-Identifier: Apache-2.0
// From rows of telescope/series to aligned lines.
import type { Sample } from '../rows';

export type Measure = 'packets' | 'sources';
export type Step = '5m' | '1h' | '1d';

export const STEP_SECONDS: Record<Step, number> = { '5m': 300, '1h': 3600, '1d': 86400 };

export interface Line {
	key: string;
	values: (number | null)[];
	sum: number;
	most: number;
	mostAt: number; /* s */
}

export interface Lines {
	times: number[]; /* s, starts of the steps */
	lines: Line[];
}

const POINT_LIMIT = 20_000; /* steps on the axis; a wider range is drawn by the steps that have rows */

function axisOf(samples: Sample[], seconds: number): number[] {
	const found = [...new Set(samples.map((sample) => Date.parse(sample.time) / 1000))].sort((a, b) => a - b);
	const first = found[0];
	const last = found.at(-1);
	if (first === undefined || last === undefined)
		return [];
	const count = Math.round((last - first) / seconds) + 1;
	if (count > POINT_LIMIT)
		return found;
	return Array.from({ length: count }, (_, index) => first + index * seconds);
}

/** A step in which others have rows counts as 0 for a key without; a step without any row is a gap. */
export function linesOf(samples: Sample[], step: Step, measure: Measure): Lines {
	const times = axisOf(samples, STEP_SECONDS[step]);
	const at = new Map(times.map((time, index) => [time, index]));
	const seen = new Set<number>();
	const byKey = new Map<string, (number | null)[]>();
	for (const sample of samples) {
		const index = at.get(Date.parse(sample.time) / 1000);
		if (index === undefined)
			continue;
		seen.add(index);
		let values = byKey.get(sample.key);
		if (!values)
			byKey.set(sample.key, (values = new Array<number | null>(times.length).fill(null)));
		values[index] = (values[index] ?? 0) + sample[measure];
	}
	const lines = [...byKey].map(([key, values]): Line => {
		let sum = 0;
		let most = 0;
		let mostAt = times[0] ?? 0;
		values.forEach((value, index) => {
			if (value === null && seen.has(index))
				values[index] = 0;
			sum += value ?? 0;
			if ((value ?? 0) > most) {
				most = value ?? 0;
				mostAt = times[index] ?? mostAt;
			}
		});
		return { key, values, sum, most, mostAt };
	});
	return { times, lines: lines.sort((a, b) => b.most - a.most) };
}
