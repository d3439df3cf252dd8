// SPDX-License-Identifier: Apache-2.0
// All reasons of a verdict, each starting where the one before ended: what speaks for it goes right, what speaks against it left.
import type { VNode } from 'preact';
import { useSpeech, type Speech } from '../text/index';
import { barOf, stepsOf, strengthOf, type Step } from './evidence';
import { Confidence, useReason } from './part';
import type { Reason } from './types';

const LARGEST = 1e9; /* odds beyond it are as good as certain: the digits say nothing */

/** "× 490", "÷ 4": how much more, or less, often this is seen at what the verdict says than at what is harmless. */
function oddsOf({ t, compact }: Speech, weight: number): string {
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
	const strength = t.c2.strengths[strengthOf(step.weight)];
	return (
		<tr>
			<th scope="row">
				{step.reason ? say(step.reason) : t.c2.otherReasons}
				<span class="quiet item">{step.reason ? t.c2.figures(step.reason.code, figure(step.reason.value), figure(step.weight)) : t.c2.weight(figure(step.weight))}</span>
			</th>
			<td class="number">
				{oddsOf(speech, step.weight)}
				<span class="quiet item">{step.weight < 0 ? t.c2.against(strength) : strength}</span>
			</td>
			<td class="fall-cell"><Bar steps={steps} step={step} kind={step.weight < 0 ? 'fall-against' : 'fall-for'} /></td>
		</tr>
	);
}

interface Props {
	reasons: Reason[];
	confidence: number;
	/** Sum of the weights; absent: that of the reasons. */
	sum?: number;
}

export function Waterfall({ reasons, confidence, sum }: Props): VNode {
	const speech = useSpeech();
	const { t, figure } = speech;
	const total = sum ?? reasons.reduce((all, { weight }) => all + weight, 0);
	const steps = stepsOf(reasons, total);
	return (
		<>
			<table class="waterfall">
				<caption>{t.c2.howToRead}</caption>
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
						<th scope="row">{t.c2.together}<span class="quiet item">{t.c2.weight(figure(total))}</span></th>
						<td class="number">{oddsOf(speech, total)}</td>
						<td class="fall-cell"><Bar steps={steps} step={{ from: 0, to: total }} kind="fall-sum" /></td>
					</tr>
				</tfoot>
			</table>
			<p class="judgement"><span>{t.c2.calibrated}</span> <Confidence value={confidence} /></p>
		</>
	);
}
