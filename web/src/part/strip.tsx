// SPDX-License-Identifier: Apache-2.0
// The last two minutes in one line: packets and sources a second, what was lost and why, how old the newest second is.
import type { VNode } from 'preact';
import { Spark } from '../chart/spark';
import { KEPT_SECONDS } from '../live/client';
import type { Pulse } from '../live/events';
import { together, useLive } from '../live/use';
import { linkTo } from '../route';
import { named, useSpeech } from '../text/index';
import { LiveState, PauseButton } from './live';

const SPARK = { width: 360, height: 44 };

/** One value for each of the last two minutes' seconds; null where nothing came. */
export function secondsOf(pulses: readonly Pulse[], kept: number): (number | null)[] {
	const last = pulses.at(-1);
	const values = new Array<number | null>(kept).fill(null);
	if (!last)
		return values;
	for (const pulse of pulses) {
		const at = kept - 1 - Math.round((last.time - pulse.time) / 1000);
		if (at >= 0 && at < kept)
			values[at] = pulse.packets / pulse.seconds;
	}
	return values;
}

/** Causes and frames lost in all these seconds, most first. */
export function lossOf(pulses: readonly Pulse[]): [string, number][] {
	const sums = new Map<string, number>();
	for (const pulse of pulses)
		for (const [cause, count] of Object.entries(pulse.dropped))
			if (count > 0)
				sums.set(cause, (sums.get(cause) ?? 0) + count);
	return [...sums].sort((a, b) => b[1] - a[1]);
}

function Figure({ name, children, note }: { name: string; children: string; note?: string }): VNode {
	return (
		<div>
			<dt>{name}</dt>
			<dd>{children}{note !== undefined && <span class="quiet">{` ${note}`}</span>}</dd>
		</div>
	);
}

export function LiveStrip(): VNode | null {
	const speech = useSpeech();
	const { t, compact, whole } = speech;
	const { state, pulses, hello, skipped } = useLive();
	if (state === 'off')
		return null;
	const all = together(pulses);
	const last = all.at(-1);
	const rate = (pulse: Pulse): number => pulse.packets / pulse.seconds;
	const most = Math.max(0, ...all.map(rate));
	const loss = lossOf(all);
	const names = (hello?.sensors ?? []).map((sensor) => (sensor.interface === '' ? sensor.sensor : `${sensor.sensor} (${sensor.interface})`));
	return (
		<section class="card strip-card" aria-labelledby="live-head">
			<div class="live-line">
				<h2 id="live-head">{t.live.title}</h2>
				<LiveState />
				<span class="quiet">{names.join(', ')}</span>
				<PauseButton />
				<a href={linkTo('/telescope/cube')}>{t.live.toCube}</a>
			</div>
			{last && (
				<div class="strip-body">
					<dl class="strip-figures">
						<Figure name={t.live.packets}>{compact(Math.round(rate(last)))}</Figure>
						<Figure name={t.live.sources}>{compact(Math.round(last.sources / last.seconds))}</Figure>
						<Figure name={t.live.delay}>{t.live.milliseconds(whole(last.delay))}</Figure>
						<Figure name={t.live.today}>{compact(last.day.packets)}</Figure>
					</dl>
					<Spark {...SPARK} values={secondsOf(all, KEPT_SECONDS)} summary={t.live.spark(whole(Math.round(rate(last))), whole(Math.round(most)))} />
				</div>
			)}
			{last && (
				<p class="quiet">
					{loss.length === 0 ? t.live.lossless : t.live.lost(loss.map(([cause, count]) => `${named(t.drops, cause.replaceAll('-', '_'))} ${whole(count)}`).join(', '))}
					{skipped > 0 && ` ${t.live.skipped(whole(skipped))}`}
				</p>
			)}
		</section>
	);
}
