// SPDX-License-Identifier: Apache-2.0
// How far the clock was off, and how far it may have been: a line in its band, and the times in which nothing was stamped.
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { useTheme, useZone, type Zone } from '../preferences';
import { useSpeech } from '../text/index';
import type { ClockPoint } from '../trust/types';
import { colours, drawHatches, timeLabels, type Hatch } from './series';
import { useWidth } from './size';

const HEIGHT = 260;
const HEADROOM = 1.25;
const LEAST_MS = 1; /* a clock that is exact to the microsecond is not drawn as if it swung */

export interface Hold extends Hatch {
	reasons: string[];
}

const secondsOf = (point: ClockPoint): number => Date.parse(point.time) / 1000;

/** Stretches from a HOLD to the next RUN; the last one lasts until `end`, s. */
export function holdsOf(points: ClockPoint[], end: number): Hold[] {
	const holds: Hold[] = [];
	let open: Hold | null = null;
	for (const point of points) {
		if (point.state === 'run') {
			if (open)
				open.to = secondsOf(point);
			open = null;
			continue;
		}
		if (!open)
			holds.push((open = { from: secondsOf(point), to: end, reasons: [] }));
		if (open.reasons.at(-1) !== point.reason)
			open.reasons.push(point.reason);
	}
	return holds;
}

interface PlotProps {
	points: ClockPoint[];
	holds: Hold[];
	limit: number; /* ms */
	width: number;
	summary: string;
	label: (ms: number) => string;
}

/** Times, upper and lower bound, and the offset, which is drawn above its band, ms; what is not known is a gap. */
function dataOf(points: ClockPoint[]): uPlot.AlignedData {
	const ms = (value: number | null): number | null => (value === null ? null : value / 1000);
	const sum = (point: ClockPoint, sign: number): number | null => (point.offset_us === null || point.bound_us === null ? null : ms(point.offset_us + sign * point.bound_us));
	return [points.map(secondsOf), points.map((point) => sum(point, 1)), points.map((point) => sum(point, -1)), points.map((point) => ms(point.offset_us))];
}

function drawLimits(plot: uPlot, limit: number, colour: string): void {
	const { ctx, bbox } = plot;
	ctx.save();
	ctx.strokeStyle = colour;
	ctx.setLineDash([8, 4]);
	for (const value of [limit, -limit]) {
		const y = Math.round(plot.valToPos(value, 'y', true));
		if (y < bbox.top || y > bbox.top + bbox.height)
			continue;
		ctx.beginPath();
		ctx.moveTo(bbox.left, y);
		ctx.lineTo(bbox.left + bbox.width, y);
		ctx.stroke();
	}
	ctx.restore();
}

function optionsOf(props: PlotProps, zone: Zone, colour: (name: string) => string): uPlot.Options {
	const axis = { stroke: colour('muted'), grid: { stroke: colour('line'), width: 1 }, ticks: { stroke: colour('line'), width: 1 }, font: `12px ${getComputedStyle(document.documentElement).fontFamily}` };
	const lone = props.points.length < 3;
	const bound = { stroke: colour('strong-line'), width: 1, points: { show: false } };
	return {
		width: props.width,
		height: HEIGHT,
		legend: { show: false },
		cursor: { show: false },
		tzDate: (seconds) => (zone === 'utc' ? uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : new Date(seconds * 1000)),
		scales: {
			y: {
				range: (_, least, most) => {
					const far = Math.max(LEAST_MS, Math.abs(least), Math.abs(most)) * HEADROOM;
					return [-far, far];
				},
			},
		},
		axes: [
			{ ...axis, values: timeLabels('1h', zone), space: 64 },
			{ ...axis, values: (_, ticks) => ticks.map(props.label), size: 78 },
		],
		series: [{}, bound, bound, { stroke: colour('accent'), width: 2, points: { show: lone, size: 7, fill: colour('accent') } }],
		bands: [{ series: [1, 2], fill: colour('accent-soft') }],
		hooks: {
			drawClear: [(plot) => drawHatches(plot, props.holds, colour('action'))],
			draw: [(plot) => drawLimits(plot, props.limit, colour('action'))],
		},
	};
}

function Plot(props: PlotProps): VNode {
	const ref = useRef<HTMLDivElement>(null);
	const zone = useZone();
	const theme = useTheme();
	useEffect(() => {
		const element = ref.current;
		if (!element || props.width === 0)
			return;
		const draw = (): uPlot => {
			element.replaceChildren();
			return new uPlot(optionsOf(props, zone, colours(element)), dataOf(props.points), element);
		};
		let plot = draw();
		const scheme = matchMedia('(prefers-color-scheme: dark)');
		const redraw = (): void => {
			plot.destroy();
			plot = draw();
		};
		scheme.addEventListener('change', redraw);
		return () => {
			scheme.removeEventListener('change', redraw);
			plot.destroy();
		};
	}, [props.points, props.width, zone, theme, props.label(1)]);
	return <div class="plot" role="img" aria-label={props.summary} ref={ref} />;
}

export function ClockChart({ points, holds, limit }: { points: ClockPoint[]; holds: Hold[]; limit: number }): VNode {
	const { t, milliseconds } = useSpeech();
	const [ref, width] = useWidth<HTMLDivElement>();
	const last = points.findLast((point) => point.offset_us !== null);
	const worst = Math.max(0, ...points.map((point) => (point.bound_us ?? 0)));
	const summary = t.trust.clockSummary(last ? milliseconds((last.offset_us ?? 0) / 1000) : '–', milliseconds(worst / 1000), String(holds.length));
	return (
		<div class="series" ref={ref}>
			<Plot points={points} holds={holds} limit={limit / 1000} width={width} summary={summary} label={milliseconds} />
			<ul class="clock-legend" aria-hidden="true">
				<li><i class="key key-line" />{t.trust.offset}</li>
				<li><i class="key key-band" />{t.trust.bound}</li>
				<li><i class="key key-hold" />{t.trust.hold}</li>
				<li><i class="key key-limit" />{t.trust.limit(milliseconds(limit / 1000))}</li>
			</ul>
		</div>
	);
}
