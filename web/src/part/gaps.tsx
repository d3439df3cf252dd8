// SPDX-License-Identifier: Apache-2.0
// Times in which a sensor did not see everything, with their cause: the list beside the hatched parts of a series.
import type { VNode } from 'preact';
import { useLanguage } from '../preferences';
import type { Gap } from '../rows';
import { named, useSpeech } from '../text/index';

const SHOWN = 6;

export function GapList({ gaps }: { gaps: readonly Gap[] }): VNode {
	const speech = useSpeech();
	const { t, whole } = speech;
	const language = useLanguage();
	const when = (gap: Gap): string => {
		const began = `${speech.moment(gap.first, true)} ${speech.zone}`;
		return gap.last === null ? t.gaps.since(began) : t.gaps.from(began, speech.seconds((Date.parse(gap.last) - Date.parse(gap.first)) / 1000));
	};
	const item = (gap: Gap): VNode => (
		<li key={`${gap.sensor} ${gap.first} ${gap.cause}`}>
			<i class="swatch hatched" aria-hidden="true" />
			<strong>{named(t.gaps.causes, gap.cause)}</strong>{' '}
			<span class="quiet">{`${gap.sensor} · ${when(gap)}`}</span>
			<br />
			{language === 'ja' ? gap.text_ja : gap.text_en}
		</li>
	);
	return (
		<>
			<ul class="gap-list">{gaps.slice(0, SHOWN).map(item)}</ul>
			{gaps.length > SHOWN && (
				<details class="how">
					<summary>{t.gaps.older(whole(gaps.length - SHOWN))}</summary>
					<ul class="gap-list">{gaps.slice(SHOWN).map(item)}</ul>
				</details>
			)}
		</>
	);
}
