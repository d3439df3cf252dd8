// SPDX-License-Identifier: Apache-2.0
// The beat raster without its canvas: digits to counts, device pixels without gaps or blur, and what lies under a point.
import type { Raster } from './types';

export const MOST = 15; /* beats that a digit can say: 15 and more */
const ROW = 12; /* px */
const LEAST_ROW = 4;
const TALL = 560; /* px: more rows than fit get flatter */

export interface Cell {
	row: number;
	bin: number;
}

/** Counts of each client, row by row; what is no hex digit, or missing, is 0. */
export function countsOf(raster: Raster): Uint8Array {
	const counts = new Uint8Array(raster.clients.length * raster.bins);
	raster.clients.forEach((client, row) => {
		for (let bin = 0; bin < raster.bins; bin++) {
			const count = parseInt(client.bins.charAt(bin), 16);
			counts[row * raster.bins + bin] = Number.isNaN(count) ? 0 : count;
		}
	});
	return counts;
}

/** In how many rows there is something, bin by bin. */
export function activeOf(counts: Uint8Array, bins: number): number[] {
	const active = new Array<number>(bins).fill(0);
	counts.forEach((count, index) => {
		if (count > 0)
			active[index % bins] = (active[index % bins] ?? 0) + 1;
	});
	return active;
}

export function rowHeight(rows: number): number {
	return Math.max(LEAST_ROW, Math.min(ROW, Math.floor(TALL / Math.max(1, rows))));
}

/** Left edges of the bins and the right edge of the last one, in device pixels: neighbours share an edge. */
export const edgesOf = (bins: number, pixels: number): number[] => Array.from({ length: bins + 1 }, (_, bin) => Math.round((bin * pixels) / bins));

/** x and y from the corner of the first cell, in the same unit as width and row; null: outside. */
export function cellAt(x: number, y: number, width: number, row: number, raster: { bins: number; clients: unknown[] }): Cell | null {
	const cell = { row: Math.floor(y / row), bin: Math.floor((x / width) * raster.bins) };
	return x < 0 || y < 0 || cell.bin >= raster.bins || cell.row >= raster.clients.length ? null : cell;
}

/** Where the arrow keys lead; null: the key does not move. */
export function moved(cell: Cell, key: string, raster: { bins: number; clients: unknown[] }): Cell | null {
	const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], PageUp: [-8, 0], PageDown: [8, 0], Home: [0, -raster.bins], End: [0, raster.bins] }[key];
	if (!step)
		return null;
	const within = (value: number, size: number): number => Math.max(0, Math.min(size - 1, value));
	return { row: within(cell.row + (step[0] ?? 0), raster.clients.length), bin: within(cell.bin + (step[1] ?? 0), raster.bins) };
}
