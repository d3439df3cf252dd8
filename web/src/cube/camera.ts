// SPDX-License-Identifier: Apache-2.0
// A camera that turns around the middle of the Cube. All in place: nothing is allocated when it moves.

/** Half the distance between the planes; the planes reach from -1 to 1 in height and depth. */
export const HALF = 1.35;

const FIELD_OF_VIEW = 0.52; /* radians, of the height */
const NEAR = 0.1;
const FAR = 20;
const NEAREST = 3;
const FARTHEST = 12;
const LIFT = 0.09; /* of the height: the plane in front reaches lower than the one behind reaches up */
const STEEPEST = 1.35; /* radians: never upside down */

export const HOME = { yaw: -0.9, pitch: 0.22, distance: 6.9 } as const;

export class Camera {
	yaw: number = HOME.yaw;
	pitch: number = HOME.pitch;
	distance: number = HOME.distance;
	/** Column by column, as the shader wants it. */
	readonly matrix = new Float32Array(16);
	/** The last point that project() placed: x and y from -1 to 1, and its depth. */
	readonly point = new Float32Array(3);

	turn(yaw: number, pitch: number): void {
		this.yaw = (this.yaw + yaw) % (2 * Math.PI);
		this.pitch = Math.max(-STEEPEST, Math.min(STEEPEST, this.pitch + pitch));
	}

	zoom(factor: number): void {
		this.distance = Math.max(NEAREST, Math.min(FARTHEST, this.distance * factor));
	}

	home(): void {
		Object.assign(this, HOME);
	}

	/** Computes the matrix for a picture of this width over height; a narrow one is seen from farther away. */
	update(aspect: number): void {
		const [sinY, cosY, sinP, cosP] = [Math.sin(this.yaw), Math.cos(this.yaw), Math.sin(this.pitch), Math.cos(this.pitch)];
		const scale = 1 / Math.tan(FIELD_OF_VIEW / 2);
		const x = scale / Math.max(aspect, 1e-3);
		const fit = Math.max(1, 1.3 / Math.max(aspect, 1e-3));
		const distance = this.distance * fit;
		const depth = (FAR * fit + NEAR) / (NEAR - FAR * fit);
		const offset = (2 * FAR * fit * NEAR) / (NEAR - FAR * fit);
		const m = this.matrix;
		// View: first the turn around the upright axis, then the tilt, then the step back.
		const [zx, zy, zz] = [-sinY * cosP, sinP, cosY * cosP]; /* towards the eye */
		m[0] = x * cosY;
		m[4] = 0;
		m[8] = x * sinY;
		m[12] = 0;
		m[1] = scale * sinY * sinP;
		m[5] = scale * cosP;
		m[9] = -scale * cosY * sinP;
		m[13] = 0;
		m[2] = depth * zx;
		m[6] = depth * zy;
		m[10] = depth * zz;
		m[14] = depth * -distance + offset;
		m[3] = -zx;
		m[7] = -zy;
		m[11] = -zz;
		m[15] = distance;
		for (let column = 0; column < 16; column += 4)
			m[column + 1] = at(m, column + 1) + LIFT * at(m, column + 3);
	}

	/** Where a point of the scene stands in the picture; into `point`. */
	project(x: number, y: number, z: number): void {
		const { matrix: m, point } = this;
		const w = at(m, 3) * x + at(m, 7) * y + at(m, 11) * z + at(m, 15);
		point[0] = (at(m, 0) * x + at(m, 4) * y + at(m, 8) * z + at(m, 12)) / w;
		point[1] = (at(m, 1) * x + at(m, 5) * y + at(m, 9) * z + at(m, 13)) / w;
		point[2] = w;
	}
}

const at = (matrix: Float32Array, index: number): number => matrix[index] ?? 0;
