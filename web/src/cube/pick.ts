// SPDX-License-Identifier: Apache-2.0
// Which particle is under the pointer? The same motion as the shader's, for the few times somebody asks.
import { HALF, type Camera } from './camera';
import { FLOATS, type Field } from './field';
import type { Look3D } from './scene';

const REACH = 14; /* CSS pixels around the pointer */

/** The slot of the nearest particle to a point of a picture of `width` × `height`; -1: none is near. */
export function nearest(field: Field, camera: Camera, look: Look3D, now: number, x: number, y: number, width: number, height: number): number {
	const { data } = field;
	let best = -1;
	let least = REACH * REACH;
	for (let slot = 0; slot < field.used; slot++) {
		const at = slot * FLOATS;
		const age = now - (data[at + 4] ?? 0);
		if ((data[at + 5] ?? -1) < 0 || age < 0 || age > look.flight + look.glow)
			continue;
		const share = look.still ? 1 : Math.min(1, age / look.flight);
		const mix = (from: number, to: number): number => from + (to - from) * share;
		camera.project(mix(-HALF, HALF), mix(data[at + 1] ?? 0, data[at + 3] ?? 0), mix(data[at] ?? 0, data[at + 2] ?? 0));
		const dx = ((camera.point[0] ?? 0) + 1) * 0.5 * width - x;
		const dy = (1 - (camera.point[1] ?? 0)) * 0.5 * height - y;
		const distance = dx * dx + dy * dy;
		if (distance < least) {
			least = distance;
			best = slot;
		}
	}
	return best;
}
