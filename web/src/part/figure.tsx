// SPDX-License-Identifier: Apache-2.0
// A count with the answer to "how sure?": exact, estimated with its error, or "at least".
import type { VNode } from 'preact';
import { useSpeech } from '../text/index';

export function Certainty({ error }: { error: number }): VNode {
	const { t, percent } = useSpeech();
	if (error === 0)
		return <span class="certainty" title={t.figure.exactLong}>{t.figure.exact}</span>;
	if (error < 0)
		return <span class="certainty" title={t.figure.atLeastLong}>{t.figure.atLeast}</span>;
	return <span class="certainty" title={t.figure.errorLong(percent(error))}>{t.figure.error(percent(error))}</span>;
}

export function Sources({ value, error }: { value: number; error: number }): VNode {
	const { t, whole } = useSpeech();
	return (
		<span class="counted">
			{error > 0 && t.figure.about}
			{whole(value)} {error === 0 ? null : <Certainty error={error} />}
		</span>
	);
}

/** "How do you know?" of a count of unique sources: the figure as it is kept, and how it came about. */
export function HowKnown({ value, error }: { value: number; error: number }): VNode {
	const { t, whole, percent } = useSpeech();
	const [low, high] = [value * (1 - 2 * error), value * (1 + 2 * error)].map((each) => whole(Math.round(each)));
	return (
		<details class="how">
			<summary>{t.figure.how}</summary>
			<p class="prose">
				{t.figure.packets}{' '}
				{error === 0 ? t.figure.exactHow(whole(value)) : error < 0 ? t.figure.atLeastHow(whole(value)) : t.figure.errorHow(whole(value), percent(error), low ?? '', high ?? '')}{' '}
				{t.figure.sampleHow}
			</p>
		</details>
	);
}
