// SPDX-License-Identifier: Apache-2.0
// The picture of the white paper: scan packets by destination port. IoT blue, Windows orange and striped, others grey.
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { serviceName } from '../data/ports';
import { portLabel, protocolName } from '../format';
import { go, linkTo } from '../route';
import type { Port } from '../rows';
import { useSpeech, type Speech } from '../text/index';
import { arc, fit, labelsOf, sideOf, slicesOf, type Label, type Slice } from './slices';
import { useWidth } from './size';

const WIDE = 480; /* px: from here on labels carry names and shares */
const LINE = 19;
const FONT = 13; /* px, as .ring-label in chart.css; 12 on a narrow screen */
const MOST = 132; /* px: radius where there is room */

export const portHref = (protocol: number, port: number): string => linkTo(`/telescope/ports/${protocolName(protocol)}/${port}`);
const targetOf = (slice: Slice): string => (slice.port ? portHref(slice.port.protocol, slice.port.port) : linkTo('/telescope/ports'));
export const sliceKey = (slice: Slice): string => (slice.port ? portLabel(slice.port.protocol, slice.port.port) : 'rest');

function nameOf(slice: Slice, speech: Speech): [string, string] {
	if (!slice.port)
		return [speech.t.ring.rest, ''];
	return [portLabel(slice.port.protocol, slice.port.port), serviceName(protocolName(slice.port.protocol), slice.port.port)];
}

/** What a label says: name, and where there is room service and share. */
function partsOf(slice: Slice, wide: boolean, speech: Speech): [string, string, string] {
	const [name, service] = nameOf(slice, speech);
	if (!wide)
		return [slice.port ? name : speech.t.ring.restShort, '', ''];
	return [name, service === '' ? '' : ` ${service}`, `  ${speech.percent(slice.share)}`];
}

let pen: CanvasRenderingContext2D | null = null;

/** Width of a label as it will be drawn, with a little to spare. */
function widthOf([name, service, share]: [string, string, string], size: number, family: string): number {
	pen ??= document.createElement('canvas').getContext('2d');
	if (!pen)
		return (name.length + service.length + share.length) * size * 0.65;
	pen.font = `600 ${size}px ${family}`;
	const bold = pen.measureText(name).width;
	pen.font = `${size}px ${family}`;
	return bold + pen.measureText(service + share).width + 6;
}

function widestOf(slices: Slice[], labelSide: (slice: Slice) => 'left' | 'right', wide: boolean, speech: Speech): { left: number; right: number } {
	const family = getComputedStyle(document.documentElement).fontFamily;
	const widest = { left: 0, right: 0 };
	for (const slice of slices) {
		const side = labelSide(slice);
		widest[side] = Math.max(widest[side], widthOf(partsOf(slice, wide, speech), wide ? FONT : FONT - 1, family));
	}
	return widest;
}

function LabelText({ label, x, wide, speech }: { label: Label; x: number; wide: boolean; speech: Speech }): VNode {
	const [name, service, share] = partsOf(label.slice, wide, speech);
	const right = label.side === 'right';
	return (
		<text class="ring-label" x={right ? x : -x} y={label.y} dy="0.35em" text-anchor={right ? 'start' : 'end'}>
			<tspan class="ring-name">{name}</tspan>
			<tspan>{service}</tspan>
			<tspan class="ring-share">{share}</tspan>
		</text>
	);
}

/** From the slice to its label; on a narrow screen straight, for an elbow needs room. */
function Leader({ label, x, wide }: { label: Label; x: number; wide: boolean }): VNode {
	const [ax, ay] = label.anchor;
	const side = label.side === 'right' ? 1 : -1;
	return <polyline class="ring-leader" points={`${ax},${ay} ${wide ? `${side * (x - 9)},${label.y} ` : ''}${side * (x - 4)},${label.y}`} />;
}

/** Stripes and dots tell Windows and the rest apart where colour cannot. */
function Patterns(): VNode {
	return (
		<defs>
			<pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
				<rect class="stripe" width="2" height="6" />
			</pattern>
			<pattern id="dots" width="6" height="6" patternUnits="userSpaceOnUse">
				<circle class="dot" cx="3" cy="3" r="1" />
			</pattern>
		</defs>
	);
}

function SlicePath({ slice, inner, outer, lit, onLight }: { slice: Slice; inner: number; outer: number; lit: string | null; onLight: (key: string | null) => void }): VNode {
	const key = sliceKey(slice);
	const path = arc(slice.start, slice.end, inner, outer);
	const pattern = slice.tone === 'windows' ? 'url(#stripes)' : slice.tone === 'rest' ? 'url(#dots)' : null;
	return (
		<g
			class={lit !== null && lit !== key ? 'slice dim' : 'slice'}
			data-packets={slice.packets}
			onClick={() => go(targetOf(slice))}
			onPointerEnter={() => onLight(key)}
			onPointerLeave={() => onLight(null)}
		>
			<path class={`tone-${slice.tone} shade-${Math.min(slice.shade, 5)}`} d={path} />
			{pattern && <path class="pattern" d={path} fill={pattern} />}
		</g>
	);
}

interface Props {
	ports: Port[];
	total: number;
	/** The slice that the list beside the ring points at, and the way back. */
	lit?: string | null;
	onLight?: (key: string | null) => void;
}

export function Ring({ ports, total, lit, onLight }: Props): VNode {
	const speech = useSpeech();
	const [ref, width] = useWidth<HTMLDivElement>();
	const [own, setOwn] = useState<string | null>(null);
	const wide = width >= WIDE;
	const slices = slicesOf(ports, total);
	const gap = wide ? 26 : 16;
	const { radius: outer, middle } = fit(width, widestOf(slices, sideOf, wide, speech), gap, MOST);
	const height = wide ? 330 : outer * 2 + 56;
	const labelX = outer + gap;
	const labels = labelsOf(slices, outer, LINE, height / 2 - LINE / 2 - 2);
	const light = onLight ?? setOwn;
	const shown = lit === undefined ? own : lit;
	const spoken = slices.map((slice) => speech.t.ring.part(nameOf(slice, speech).filter((word) => word !== '').join(' '), speech.percent(slice.share)));
	return (
		<div class={wide ? 'ring' : 'ring narrow'} ref={ref}>
			<svg
				width={width}
				height={height}
				viewBox={`${-middle} ${-height / 2} ${width} ${height}`}
				role="img"
				aria-label={speech.t.ring.summary(speech.whole(total), spoken.join(' '))}
			>
				<Patterns />
				{slices.map((slice) => <SlicePath key={sliceKey(slice)} slice={slice} inner={outer * 0.62} outer={outer} lit={shown} onLight={light} />)}
				{labels.map((label) => (
					<g key={sliceKey(label.slice)} class={shown !== null && shown !== sliceKey(label.slice) ? 'label dim' : 'label'}>
						<Leader label={label} x={labelX} wide={wide} />
						<LabelText label={label} x={labelX} wide={wide} speech={speech} />
					</g>
				))}
				<text class="ring-total" y={-2} text-anchor="middle" data-total={total}>{speech.compact(total)}</text>
				<text class="ring-caption" y={18} text-anchor="middle">{speech.t.ring.total}</text>
			</svg>
			<p class="legend">{speech.t.ring.legend}</p>
		</div>
	);
}
