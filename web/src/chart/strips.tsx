// SPDX-License-Identifier: Apache-2.0
// Findings over time, one strip of bars per kind: kinds are told apart by their row, not by colour.
import type { VNode } from 'preact';
import { linkTo } from '../route';
import type { Finding } from '../rows';
import { URGENT } from '../severity';
import { named, useSpeech } from '../text/index';
import { useWidth } from './size';

const BINS = 48;
const HEIGHT = 44;

export interface Strip {
	kind: string;
	count: number;
	severity: number;
	bins: number[];
}

/** Findings by the time they began, in equal bins from `from` to `to` (ms). The urgent kinds come first. */
export function stripsOf(findings: Finding[], from: number, to: number): Strip[] {
	const strips = new Map<string, Strip>();
	for (const finding of findings) {
		let strip = strips.get(finding.kind);
		if (!strip)
			strips.set(finding.kind, (strip = { kind: finding.kind, count: 0, severity: 0, bins: new Array<number>(BINS).fill(0) }));
		strip.count++;
		strip.severity = Math.max(strip.severity, finding.severity);
		const share = (Date.parse(finding.first) - from) / Math.max(1, to - from);
		const bin = Math.max(0, Math.min(BINS - 1, Math.floor(share * BINS)));
		strip.bins[bin] = (strip.bins[bin] ?? 0) + 1;
	}
	return [...strips.values()].sort((a, b) => b.severity - a.severity || b.count - a.count);
}

function Bars({ strip, width }: { strip: Strip; width: number }): VNode {
	const most = Math.max(1, ...strip.bins);
	const step = width / BINS;
	return (
		<svg class="bars" width={width} height={HEIGHT} aria-hidden="true">
			<line class="base" x1="0" x2={width} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
			{strip.bins.map((count, index) => {
				const height = count === 0 ? 0 : Math.max(3, (count / most) * (HEIGHT - 6));
				return <rect key={index} x={index * step + 1} y={HEIGHT - 1 - height} width={Math.max(1, step - 2)} height={height} />;
			})}
		</svg>
	);
}

export function Strips({ findings, from, to }: { findings: Finding[]; from: string; to: string }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const [ref, width] = useWidth<HTMLDivElement>();
	const strips = stripsOf(findings, Date.parse(from), Date.parse(to));
	const spoken = strips.map((strip) => t.overview.kindCount(named(t.kinds, strip.kind), speech.whole(strip.count)));
	return (
		<div class="strips">
			<p class="hidden">{t.overview.kindsSummary(spoken.join(', '))}</p>
			<div ref={ref}>
				{strips.map((strip) => (
					<div key={strip.kind} class={strip.severity >= URGENT ? 'strip urgent' : 'strip'}>
						<p>
							<a href={linkTo('/findings', { kind: strip.kind })}>{named(t.kinds, strip.kind)}</a>
							<strong>{speech.whole(strip.count)}</strong>
						</p>
						<Bars strip={strip} width={width} />
					</div>
				))}
			</div>
			<p class="ends">
				<span>{speech.moment(from)}</span>
				<span>{`${speech.moment(to)} ${speech.zone}`}</span>
			</p>
		</div>
	);
}
