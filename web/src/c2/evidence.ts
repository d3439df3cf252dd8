// SPDX-License-Identifier: Apache-2.0
// Evidence as a person weighs it: what a weight in nats means, and the steps from how rare such a server is to the verdict.
import type { Reason } from './types';

export interface Step {
	/** "prior": how rare it is before anything was seen; "rest": what the reasons that are listed do not explain. */
	reason: Reason | 'prior' | 'rest';
	weight: number;
	from: number;
	to: number;
}

const LEAST = 0.05; /* nats: less of a rest is rounding */
const SURE = 1e-9;
const RAREST = -25; /* nats: a prior beyond it is no prior, but a verdict that was set (feedback) */

/** The odds of a probability, nats: 0 is even. */
export function oddsOf(confidence: number): number {
	const within = Math.max(SURE, Math.min(1 - SURE, confidence));
	return Math.log(within / (1 - within));
}

/** What is left of the odds without the evidence: how rare such a server is; null where it cannot be told from the verdict. */
export function priorOf(confidence: number, sum: number): number | null {
	const prior = oddsOf(confidence) - sum;
	return prior < 0 && prior > RAREST ? prior : null;
}

/** How rare it is, and then the reasons one on top of the other, the heaviest first, up to `sum`. */
export function stepsOf(reasons: Reason[], sum: number, prior: number | null): Step[] {
	const steps: Step[] = [];
	let at = 0;
	const add = (reason: Step['reason'], weight: number): void => {
		steps.push({ reason, weight, from: at, to: at + weight });
		at += weight;
	};
	if (prior !== null)
		add('prior', prior);
	for (const reason of reasons)
		add(reason, reason.weight);
	const rest = sum + (prior ?? 0) - at;
	if (Math.abs(rest) > LEAST)
		add('rest', rest);
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
