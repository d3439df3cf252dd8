// SPDX-License-Identifier: Apache-2.0
// What the store knows, and what has come since: findings and gaps.
import { useAnswer, type Loaded } from '../api';
import { usePlace, viewOf, type View } from '../route';
import type { Answer, Finding, Gap } from '../rows';
import { useLive } from './use';

/** What comes now belongs to a view that has no end, or one that has not come yet. */
const open = (view: View): boolean => view.to === null || Date.parse(view.to) > Date.now();

function merged<Row>(answer: Answer<Row>, fresh: readonly Row[], same: (a: Row, b: Row) => boolean): Answer<Row> {
	return fresh.length === 0 ? answer : { ...answer, rows: [...fresh, ...answer.rows.filter((row) => !fresh.some((each) => same(each, row)))] };
}

const sameFinding = (a: Finding, b: Finding): boolean =>
	a.sensor === b.sensor && a.kind === b.kind && a.subject === b.subject && Date.parse(a.first) === Date.parse(b.first);
const sameGap = (a: Gap, b: Gap): boolean => a.sensor === b.sensor && a.sense === b.sense && a.cause === b.cause && Date.parse(a.first) === Date.parse(b.first);

export function useFindings(limit: number): Loaded<Answer<Finding>> {
	const loaded = useAnswer('findings', { limit });
	const { findings } = useLive();
	const view = viewOf(usePlace().query);
	if (!loaded.data || !open(view))
		return loaded;
	const fits = (finding: Finding): boolean => view.research === 'with' || (finding.kind === 'research-scanner') === (view.research === 'only');
	return { ...loaded, data: merged(loaded.data, findings.filter(fits), sameFinding) };
}

export function useGaps(): Loaded<Answer<Gap>> {
	const loaded = useAnswer('gaps', { research: null });
	const { gaps } = useLive();
	const view = viewOf(usePlace().query);
	return loaded.data && open(view) ? { ...loaded, data: merged(loaded.data, gaps, sameGap) } : loaded;
}
