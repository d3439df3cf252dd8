// SPDX-License-Identifier: Apache-2.0
// All reasons of a verdict, each starting where the one before ended: what speaks for it goes right, what speaks against it left.
import type { VNode } from 'preact';
import { useSpeech, type Speech } from '../text/index';
import { barOf, priorOf, stepsOf, strengthOf, type Step } from './evidence';
import { Confidence, useReason } from './part';
import type { Reason } from './types';

const LARGEST = 1e9; /* odds beyond it are as good as certain: the digits say nothing */

/** "× 490", "÷ 4": how much more, or less, often this is seen at what the verdict says than at what is harmless. */
function factorOf({ t, compact }: Speech, weight: number): string {
	const odds = Math.exp(Math.min(Math.abs(weight), 700));
	const said = odds > LARGEST ? t.c2.moreThan(compact(LARGEST)) : compact(Number(odds.toPrecision(2)));
	return `${weight < 0 ? '÷' : '×'} ${said}`;
}

function Bar({ steps, step, kind }: { steps: Step[]; step: { from: number; to: number }; kind: string }): VNode {
	const { left, width, zero } = barOf(steps, step);
	const percent = (share: number): string => `${share * 100}%`;
	return (
		<span class="fall" aria-hidden="true">
			<span class="fall-zero" style={{ left: percent(zero) }} />
			<span class={`fall-bar ${kind}`} style={{ left: percent(left), width: percent(width) }} />
		</span>
	);
}

function Row({ steps, step }: { steps: Step[]; step: Step }): VNode {
	const speech = useSpeech();
	const { t, figure } = speech;
	const say = useReason();
	const { reason, weight } = step;
	const strength = t.c2.strengths[strengthOf(weight)];
	const what = reason === 'prior' ? t.c2.prior : reason === 'rest' ? t.c2.otherReasons : say(reason);
	return (
		<tr>
			<th scope="row">
				{what}
				<span class="quiet item">{typeof reason === 'string' ? t.c2.weight(figure(weight)) : t.c2.figures(reason.code, figure(reason.value), figure(weight))}</span>
			</th>
			<td class="number">
				{factorOf(speech, weight)}
				{reason !== 'prior' && <span class="quiet item">{weight < 0 ? t.c2.against(strength) : strength}</span>}
			</td>
			<td class="fall-cell"><Bar steps={steps} step={step} kind={weight < 0 ? 'fall-against' : 'fall-for'} /></td>
		</tr>
	);
}

interface Props {
	reasons: Reason[];
	confidence: number;
	/** Sum of the weights; absent: that of the reasons, and nothing is known of how rare it is. */
	sum?: number;
}

export function Waterfall({ reasons, confidence, sum }: Props): VNode {
	const { t } = useSpeech();
	const prior = sum === undefined ? null : priorOf(confidence, sum);
	const steps = stepsOf(reasons, sum ?? reasons.reduce((all, { weight }) => all + weight, 0), prior);
	const end = steps.at(-1)?.to ?? 0;
	return (
		<table class="waterfall">
			<caption>{prior === null ? t.c2.howToRead : `${t.c2.howToRead} ${t.c2.evenOdds}`}</caption>
			<thead>
				<tr>
					<th scope="col">{t.c2.seen}</th>
					<th scope="col" class="number">{t.c2.odds}</th>
					<td />
				</tr>
			</thead>
			<tbody>{steps.map((step, index) => <Row key={index} steps={steps} step={step} />)}</tbody>
			<tfoot>
				<tr>
					<th scope="row">{t.c2.confidence}<span class="quiet item">{t.c2.calibrated}</span></th>
					<td class="number"><Confidence value={confidence} /></td>
					<td class="fall-cell"><Bar steps={steps} step={{ from: 0, to: end }} kind="fall-sum" /></td>
				</tr>
			</tfoot>
		</table>
	);
}
