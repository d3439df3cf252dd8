// SPDX-License-Identifier: Apache-2.0
// Evidence as a person weighs it: what a weight in nats means, and the steps from nothing known to the verdict.
import type { Reason } from './types';

export interface Step {
	/** null: what the reasons that are listed do not explain. */
	reason: Reason | null;
	weight: number;
	from: number;
	to: number;
}

const LEAST = 0.05; /* nats: less of a rest is rounding */

/** The reasons one on top of the other, the heaviest first, up to `sum`. */
export function stepsOf(reasons: Reason[], sum: number): Step[] {
	const steps: Step[] = [];
	let at = 0;
	const add = (reason: Reason | null, weight: number): void => {
		steps.push({ reason, weight, from: at, to: at + weight });
		at += weight;
	};
	for (const reason of reasons)
		add(reason, reason.weight);
	if (Math.abs(sum - at) > LEAST)
		add(null, sum - at);
	return steps;
}

/** The part of an axis from the least to the greatest of all steps, 0 among them, that a step covers: shares of 1. */
export function barOf(steps: Step[], step: { from: number; to: number }): { left: number; width: number; zero: number } {
	const least = Math.min(0, ...steps.map(({ to }) => to));
	const span = Math.max(Math.max(0, ...steps.map(({ to }) => to)) - least, Number.EPSILON);
	return { left: (Math.min(step.from, step.to) - least) / span, width: Math.abs(step.to - step.from) / span, zero: -least / span };
}

export type Strength = 'none' | 'weak' | 'fair' | 'strong' | 'decisive';

/** By the odds that it changes: up to 1.5, 3, 10, 100 times, and more. */
export function strengthOf(weight: number): Strength {
	const odds = Math.exp(Math.abs(weight));
	return odds < 1.5 ? 'none' : odds < 3 ? 'weak' : odds < 10 ? 'fair' : odds < 100 ? 'strong' : 'decisive';
}

const BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000];

/** The class that a number of clients is in: [10, 19]; without an end, [100000, null]. */
export function bucketOf(count: number): [number, number | null] {
	const at = BUCKETS.findLastIndex((least) => least <= count);
	if (at < 0)
		return [0, 0];
	const next = BUCKETS[at + 1];
	return [BUCKETS[at] ?? 0, next === undefined ? null : next - 1];
}
