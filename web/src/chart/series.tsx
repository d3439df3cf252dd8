// SPDX-License-Identifier: Apache-2.0
// Lines over time, drawn by uPlot on a canvas; the legend and a table say the same in words.
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { toneOf } from '../part/class';
import { useTheme, useZone, type Zone } from '../preferences';
import { useSpeech } from '../text/index';
import { STEP_SECONDS, type Line, type Lines, type Step } from './lines';
import { useWidth } from './size';

const HEIGHT = 260;
const TABLE_LIMIT = 300; /* rows of the table of figures */
const DASHES: number[][] = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 2], [1, 4]];

const LEAD = 'scan'; /* the category that the telescope is about wears the accent */

export interface Style {
	/** Name of a CSS colour variable without its dashes. */
	colour: string;
	dash: number;
}

/** Classes wear their colour; lines of one colour are told apart by dashes and shades. */
export function stylesOf(keys: string[], classOfKey: (key: string) => string | null): Style[] {
	const used = new Map<string, number>();
	return keys.map((key) => {
		if (key === LEAD)
			return { colour: 'accent', dash: 0 };
		const tone = toneOf(classOfKey(key) ?? '');
		const count = used.get(tone) ?? 0;
		used.set(tone, count + 1);
		// Grey lines begin with a dash: on grey paper the colour alone says little.
		if (tone === 'other')
			return { colour: `line-${count % 4}`, dash: 1 + (count % (DASHES.length - 1)) };
		return { colour: `${tone}${['', '-1', '-2'][count % 3] ?? ''}`, dash: count % DASHES.length };
	});
}

/** Reads colours as the canvas needs them: variables resolve only on an element. */
export function colours(element: HTMLElement): (name: string) => string {
	const probe = document.createElement('span');
	element.append(probe);
	return (name) => {
		probe.style.color = `var(--${name})`;
		return getComputedStyle(probe).color;
	};
}

/** A part of the time axis in which something was not seen, s. */
export interface Hatch {
	from: number;
	to: number;
}

/** Something that was judged at a time, s. */
export interface Mark {
	at: number;
	label: string;
}

interface PlotProps {
	lines: Lines;
	hatches: Hatch[];
	marks: Mark[];
	step: Step;
	styles: Style[];
	hidden: Set<string>;
	width: number;
	summary: string;
	number: (value: number) => string;
	onHover: (index: number | null) => void;
	onRange: (from: number, to: number) => void;
}

const HATCH = 6; /* device pixels between two strokes */

/** Strokes at 45°: what was not seen must not look like a quiet time. */
export function drawHatches(plot: uPlot, hatches: Hatch[], colour: string): void {
	const { ctx, bbox } = plot;
	ctx.save();
	ctx.strokeStyle = colour;
	ctx.lineWidth = 1;
	for (const hatch of hatches) {
		const left = Math.max(bbox.left, plot.valToPos(hatch.from, 'x', true));
		const right = Math.min(bbox.left + bbox.width, Math.max(left + 3, plot.valToPos(hatch.to, 'x', true)));
		if (right <= bbox.left || left >= bbox.left + bbox.width)
			continue;
		ctx.save();
		ctx.beginPath();
		ctx.rect(left, bbox.top, right - left, bbox.height);
		ctx.clip();
		ctx.beginPath();
		for (let x = left - bbox.height; x < right; x += HATCH) {
			ctx.moveTo(x, bbox.top + bbox.height);
			ctx.lineTo(x + bbox.height, bbox.top);
		}
		ctx.stroke();
		ctx.restore();
	}
	ctx.restore();
}

/** A dashed line with a head that points down at the time. */
function drawMarks(plot: uPlot, marks: Mark[], colour: string): void {
	const { ctx, bbox } = plot;
	ctx.save();
	ctx.strokeStyle = ctx.fillStyle = colour;
	ctx.setLineDash([4, 4]);
	for (const { at } of marks) {
		const x = Math.round(plot.valToPos(at, 'x', true));
		if (x < bbox.left || x > bbox.left + bbox.width)
			continue;
		ctx.beginPath();
		ctx.moveTo(x, bbox.top);
		ctx.lineTo(x, bbox.top + bbox.height);
		ctx.stroke();
		ctx.beginPath();
		ctx.moveTo(x - 6, bbox.top);
		ctx.lineTo(x + 6, bbox.top);
		ctx.lineTo(x, bbox.top + 9);
		ctx.fill();
	}
	ctx.restore();
}

function optionsOf(props: PlotProps, zone: Zone, colour: (name: string) => string): uPlot.Options {
	const axis = { stroke: colour('muted'), grid: { stroke: colour('line'), width: 1 }, ticks: { stroke: colour('line'), width: 1 }, font: `12px ${getComputedStyle(document.documentElement).fontFamily}` };
	return {
		width: props.width,
		height: HEIGHT,
		legend: { show: false },
		cursor: { y: false, drag: { x: true, y: false, setScale: false }, points: { show: false } },
		tzDate: (seconds) => (zone === 'utc' ? uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : new Date(seconds * 1000)),
		scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.05 : 1] } },
		axes: [
			{ ...axis, values: timeLabels(props.step, zone), space: 64 },
			{ ...axis, values: (_, ticks) => ticks.map((tick) => props.number(tick)), size: 62 },
		],
		series: [
			{},
			...props.lines.lines.map((line, index) => {
				const style = props.styles[index] ?? { colour: 'line-0', dash: 0 };
				return {
					label: line.key,
					stroke: colour(style.colour),
					width: 1.75,
					dash: DASHES[style.dash] ?? [],
					show: !props.hidden.has(line.key),
					points: { show: false },
					paths: uPlot.paths.stepped?.({ align: 1 }),
				} as uPlot.Series;
			}),
		],
		hooks: {
			draw: [
				(plot) => {
					drawHatches(plot, props.hatches, colour('strong-line'));
					drawMarks(plot, props.marks, colour('text'));
				},
			],
			setCursor: [(plot) => props.onHover(plot.cursor.idx ?? null)],
			setSelect: [
				(plot) => {
					if (plot.select.width < 6)
						return;
					props.onRange(plot.posToVal(plot.select.left, 'x'), plot.posToVal(plot.select.left + plot.select.width, 'x'));
				},
			],
		},
	};
}

/** "06:00", and the day where it begins. */
export function timeLabels(step: Step, zone: Zone): uPlot.Axis.DynamicValues {
	const pad = (value: number): string => String(value).padStart(2, '0');
	return (_, ticks) =>
		ticks.map((tick, index) => {
			const date = new Date(tick * 1000);
			const [month, day, hour, minute] = zone === 'utc'
				? [date.getUTCMonth(), date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes()]
				: [date.getMonth(), date.getDate(), date.getHours(), date.getMinutes()];
			const dayLabel = `${pad(month + 1)}-${pad(day)}`;
			if (step === '1d' || (hour === 0 && minute === 0))
				return dayLabel;
			return index === 0 ? `${dayLabel}\n${pad(hour)}:${pad(minute)}` : `${pad(hour)}:${pad(minute)}`;
		});
}

function Plot(props: PlotProps): VNode {
	const ref = useRef<HTMLDivElement>(null);
	const zone = useZone();
	const theme = useTheme();
	const [scheme, setScheme] = useState(matchMedia('(prefers-color-scheme: dark)').matches);
	useEffect(() => {
		const query = matchMedia('(prefers-color-scheme: dark)');
		const listen = (): void => setScheme(query.matches);
		query.addEventListener('change', listen);
		return () => query.removeEventListener('change', listen);
	}, []);
	useEffect(() => {
		const element = ref.current;
		if (!element || props.width === 0)
			return;
		element.replaceChildren();
		const colour = colours(element);
		// The last step is as wide as the others: one more point closes it.
		const end = (props.lines.times.at(-1) ?? 0) + STEP_SECONDS[props.step];
		const data: uPlot.AlignedData = [[...props.lines.times, end], ...props.lines.lines.map((line) => [...line.values, line.values.at(-1) ?? null])];
		const plot = new uPlot(optionsOf(props, zone, colour), data, element);
		return () => plot.destroy();
	}, [props.lines, props.hatches, props.marks, props.width, [...props.hidden].join(), zone, theme, scheme, props.number(12345)]);
	return <div class="plot" role="img" aria-label={props.summary} ref={ref} />;
}

interface Props {
	lines: Lines;
	step: Step;
	what: string;
	/** Packets add up over time; unique sources do not. */
	additive: boolean;
	/** What a key is called, and its class where it is a port or a class. */
	nameOf: (key: string) => string;
	classOfKey: (key: string) => string | null;
	/** Lines that begin hidden. */
	quiet?: Set<string>;
	hatches: Hatch[];
	marks: Mark[];
	onRange: (from: number, to: number) => void;
}

export function Series({ lines, step, what, additive, nameOf, classOfKey, quiet, hatches, marks, onRange }: Props): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const [ref, width] = useWidth<HTMLDivElement>();
	const [hover, setHover] = useState<number | null>(null);
	const keys = lines.lines.map((line) => line.key).join();
	const [hidden, setHidden] = useState<Set<string>>(quiet ?? new Set());
	useEffect(() => setHidden(quiet ?? new Set()), [keys]);
	const styles = stylesOf(lines.lines.map((line) => line.key), classOfKey);
	const toggle = (key: string): void => {
		const next = new Set(hidden);
		if (!next.delete(key))
			next.add(key);
		setHidden(next);
	};
	const first = lines.times[0] ?? 0;
	const last = (lines.times.at(-1) ?? first) + STEP_SECONDS[step];
	const range = `${speech.span(new Date(first * 1000).toISOString(), new Date(last * 1000).toISOString())} ${speech.zone}`;
	const spoken = lines.lines.filter((line) => !hidden.has(line.key)).map((line) => {
		const when = speech.moment(line.mostAt * 1000);
		return additive
			? t.series.total(nameOf(line.key), speech.whole(line.sum), speech.whole(line.most), when)
			: t.series.most(nameOf(line.key), speech.whole(line.most), when);
	});
	const time = hover === null ? undefined : lines.times[Math.min(hover, lines.times.length - 1)];
	return (
		<div class="series" ref={ref}>
			<Plot
				lines={lines}
				hatches={hatches}
				marks={marks}
				step={step}
				styles={styles}
				hidden={hidden}
				width={width}
				summary={[t.series.summary(what, range, spoken.join(' ')), ...marks.map((mark) => mark.label)].join(' ')}
				number={speech.compact}
				onHover={setHover}
				onRange={onRange}
			/>
			<p class="hover-time">{time === undefined ? t.series.zoom : `${speech.moment(time * 1000)} ${speech.zone}`}</p>
			<ul class="line-legend" aria-label={t.series.by}>
				{lines.lines.map((line, index) => (
					<li key={line.key}>
						<button type="button" aria-pressed={!hidden.has(line.key)} onClick={() => toggle(line.key)}>
							<LineMark style={styles[index]} />
							<span>{nameOf(line.key)}</span>
							<span class="value">{valueAt(line, hover, additive, speech.compact)}</span>
						</button>
					</li>
				))}
			</ul>
			<details class="figures">
				<summary>{t.series.table}</summary>
				<FigureTable lines={lines} caption={`${what}, ${range}`} nameOf={nameOf} />
			</details>
		</div>
	);
}

function valueAt(line: Line, hover: number | null, additive: boolean, number: (value: number) => string): string {
	const value = hover === null ? null : line.values[Math.min(hover, line.values.length - 1)];
	return number(value ?? (hover === null ? (additive ? line.sum : line.most) : 0));
}

function LineMark({ style }: { style: Style | undefined }): VNode {
	return (
		<svg class="line-mark" width="22" height="8" aria-hidden="true">
			<line class={`stroke-${style?.colour ?? 'line-0'}`} x1="0" x2="22" y1="4" y2="4" stroke-width="2.5" stroke-dasharray={(DASHES[style?.dash ?? 0] ?? []).join(' ')} />
		</svg>
	);
}

function FigureTable({ lines, caption, nameOf }: { lines: Lines; caption: string; nameOf: (key: string) => string }): VNode {
	const speech = useSpeech();
	return (
		<div class="scroll" role="group" aria-label={caption} tabIndex={0}>
			<table>
				<caption class="hidden">{caption}</caption>
				<thead>
					<tr>
						<th scope="col">{`${speech.t.column.time} (${speech.zone})`}</th>
						{lines.lines.map((line) => <th key={line.key} scope="col" class="number">{nameOf(line.key)}</th>)}
					</tr>
				</thead>
				<tbody>
					{lines.times.slice(-TABLE_LIMIT).map((time, row) => (
						<tr key={time}>
							<th scope="row">{speech.moment(time * 1000)}</th>
							{lines.lines.map((line) => {
								const value = line.values[Math.max(0, lines.times.length - TABLE_LIMIT) + row];
								return <td key={line.key} class="number">{value === null || value === undefined ? '–' : speech.whole(value)}</td>;
							})}
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}
