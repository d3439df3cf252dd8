// SPDX-License-Identifier: Apache-2.0
// The two planes of the Cube: their lines for the graphics card, their labels for the page.
import type { Axis, Tick } from './address';
import { PORT_TICKS } from './address';
import { HALF, type Camera } from './camera';

const EDGE = 0.9;
const GRID = 0.22;
const APART = 24; /* CSS pixels between labels of one axis */

export interface Axes {
	source: Axis;
	destination: Axis;
}

/** 0 to 1 on an axis → -1 to 1 in the scene. */
const spread = (share: number): number => share * 2 - 1;

export function linesOf(axes: Axes): Float32Array {
	const points: number[] = [];
	const line = (a: [number, number, number], b: [number, number, number], weight: number): void => {
		points.push(...a, weight, ...b, weight);
	};
	for (const [x, axis] of [[-HALF, axes.source], [HALF, axes.destination]] as const) {
		for (const side of [-1, 1]) {
			line([x, side, -1], [x, side, 1], EDGE);
			line([x, -1, side], [x, 1, side], EDGE);
		}
		for (const { at } of axis.ticks)
			line([x, spread(at), -1], [x, spread(at), 1], GRID);
		for (const { at } of PORT_TICKS)
			line([x, -1, spread(at)], [x, 1, spread(at)], GRID);
	}
	for (const z of [-1, 1])
		line([-HALF, -1, z], [HALF, -1, z], GRID);
	return new Float32Array(points);
}

export interface Label {
	key: string;
	text: string;
	plane: 'source' | 'destination';
	axis: 'address' | 'port' | 'title';
	at: number;
}

export function labelsOf(axes: Axes, titles: { source: string; destination: string }): Label[] {
	const of = (plane: Label['plane'], axis: 'address' | 'port', ticks: Tick[]): Label[] =>
		ticks.map(({ at, label }) => ({ key: `${plane} ${axis} ${label}`, text: label, plane, axis, at: spread(at) }));
	return [
		...of('source', 'address', axes.source.ticks),
		...of('source', 'port', PORT_TICKS),
		...of('destination', 'address', axes.destination.ticks),
		...of('destination', 'port', PORT_TICKS),
		{ key: 'source title', text: titles.source, plane: 'source', axis: 'title', at: 1 },
		{ key: 'destination title', text: titles.destination, plane: 'destination', axis: 'title', at: 1 },
	];
}

/** The edge of a plane (z of -1 or 1) that stands farther out in the picture. */
function outerEdge(camera: Camera, x: number): number {
	camera.project(x, 0, 1);
	const front = Math.abs(camera.point[0] ?? 0);
	camera.project(x, 0, -1);
	return Math.abs(camera.point[0] ?? 0) > front ? -1 : 1;
}

/** Moves the elements of the labels, in their order, to where the camera sees them; those without room are left out. */
export function placeLabels(labels: Label[], elements: readonly HTMLElement[], camera: Camera, width: number, height: number): void {
	const edges = { source: outerEdge(camera, -HALF), destination: outerEdge(camera, HALF) };
	const last = new Map<string, [number, number]>();
	labels.forEach(({ plane, axis, at }, index) => {
		const element = elements[index];
		if (!element)
			return;
		const x = plane === 'source' ? -HALF : HALF;
		camera.project(x, axis === 'address' ? at : axis === 'port' ? -1 : 1, axis === 'address' ? edges[plane] : axis === 'port' ? at : 0);
		const left = ((camera.point[0] ?? 0) + 1) * 0.5 * width;
		const top = (1 - (camera.point[1] ?? 0)) * 0.5 * height;
		const key = `${plane} ${axis}`;
		const before = last.get(key);
		const room = !before || Math.hypot(left - before[0], top - before[1]) >= (axis === 'port' ? APART * 1.4 : APART * 0.6);
		element.hidden = !room;
		if (!room)
			return;
		last.set(key, [left, top]);
		const outward = left < width / 2 ? -1 : 1;
		const wide = element.offsetWidth;
		const shift = axis === 'address' ? (outward < 0 ? -wide - 6 : 6) : -wide / 2;
		const down = axis === 'address' ? -element.offsetHeight / 2 : axis === 'port' ? 5 : -element.offsetHeight - 8;
		const clamped = Math.max(0, Math.min(width - wide, left + shift));
		element.style.transform = `translate(${clamped.toFixed(1)}px, ${(top + down).toFixed(1)}px)`;
	});
}
