// SPDX-License-Identifier: Apache-2.0
// The geometry of the ring, without a screen: angles of the slices, and labels that never overlap.
import { toneOf, type Tone } from '../part/class';
import type { Port } from '../rows';

export interface Slice {
	port: Port | null; /* null: all other ports */
	packets: number;
	share: number;
	tone: Tone | 'rest';
	shade: number; /* 0.. within its tone, to tell neighbours apart */
	start: number; /* radians, clockwise from the top */
	end: number;
}

export const TOP = 10;
const TONES: Slice['tone'][] = ['iot', 'windows', 'other', 'rest'];

/** The top ten, classes side by side, then the rest. `total` is the server's sum over all ports. */
export function slicesOf(ports: Port[], total: number): Slice[] {
	const top = ports.slice(0, TOP);
	const shown = top.reduce((sum, port) => sum + port.packets, 0);
	const whole = Math.max(total, shown);
	if (whole === 0)
		return [];
	const parts: Pick<Slice, 'port' | 'packets' | 'tone'>[] = top.map((port) => ({ port, packets: port.packets, tone: toneOf(port.class) }));
	if (whole > shown)
		parts.push({ port: null, packets: whole - shown, tone: 'rest' });
	parts.sort((a, b) => TONES.indexOf(a.tone) - TONES.indexOf(b.tone) || b.packets - a.packets);
	let angle = 0;
	const shades = new Map<string, number>();
	return parts.map((part) => {
		const shade = shades.get(part.tone) ?? 0;
		shades.set(part.tone, shade + 1);
		const start = angle;
		angle += (part.packets / whole) * 2 * Math.PI;
		return { ...part, share: part.packets / whole, shade, start, end: angle };
	});
}

export interface Label {
	slice: Slice;
	side: 'left' | 'right';
	/** Middle of the line of text, relative to the middle of the ring. */
	y: number;
	/** Where the leader begins on the ring. */
	anchor: [number, number];
}

/** Moves the wanted heights of one side apart until neighbours keep `gap`, and all stay within ± `limit`. */
function spread(wanted: number[], gap: number, limit: number): number[] {
	const placed = [...wanted];
	for (let i = 0; i < placed.length; i++) {
		const lowest = i === 0 ? -limit : (placed[i - 1] ?? 0) + gap;
		placed[i] = Math.max(placed[i] ?? 0, lowest);
	}
	for (let i = placed.length - 1; i >= 0; i--) {
		const highest = i === placed.length - 1 ? limit : (placed[i + 1] ?? 0) - gap;
		placed[i] = Math.min(placed[i] ?? 0, highest);
	}
	return placed;
}

export const sideOf = (slice: Slice): Label['side'] => (Math.sin((slice.start + slice.end) / 2) >= 0 ? 'right' : 'left');

export function labelsOf(slices: Slice[], radius: number, gap: number, limit: number): Label[] {
	const labels = slices.map((slice): Label => {
		const middle = (slice.start + slice.end) / 2;
		const anchor: [number, number] = [Math.sin(middle) * radius, -Math.cos(middle) * radius];
		return { slice, side: sideOf(slice), y: anchor[1] * 1.12, anchor };
	});
	for (const side of ['left', 'right'] as const) {
		const column = labels.filter((label) => label.side === side).sort((a, b) => a.y - b.y);
		const placed = spread(column.map((label) => label.y), gap, limit);
		column.forEach((label, index) => {
			label.y = placed[index] ?? label.y;
		});
	}
	return labels;
}

export interface Fit {
	radius: number;
	/** Where the middle of the ring stands, px from the left edge. */
	middle: number;
}

/** The largest ring beside which the widest label of each side has room: widths in px, `gap` from the ring to a label. */
export function fit(width: number, widest: { left: number; right: number }, gap: number, most: number): Fit {
	const room = width - widest.left - widest.right - 2 * gap;
	const radius = Math.max(36, Math.min(most, room / 2));
	const left = widest.left + gap + radius;
	const right = widest.right + gap + radius;
	return { radius, middle: Math.min(Math.max(width / 2, left), Math.max(left, width - right)) };
}

/** One slice as an SVG path. A full circle is drawn as two halves: an arc cannot end where it began. */
export function arc(start: number, end: number, inner: number, outer: number): string {
	if (end - start > 2 * Math.PI - 1e-6) {
		const half = start + Math.PI;
		return arc(start, half, inner, outer) + arc(half, start + 2 * Math.PI - 1e-6, inner, outer);
	}
	const point = (radius: number, angle: number): string => `${(Math.sin(angle) * radius).toFixed(3)},${(-Math.cos(angle) * radius).toFixed(3)}`;
	const large = end - start > Math.PI ? 1 : 0;
	return `M${point(outer, start)}A${outer},${outer} 0 ${large} 1 ${point(outer, end)}L${point(inner, end)}A${inner},${inner} 0 ${large} 0 ${point(inner, start)}Z`;
}
