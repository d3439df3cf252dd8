// SPDX-License-Identifier: Apache-2.0
// Draws a field of particles with WebGL2: one call for all particles, one for the lines around them. A frame sets a few numbers
// and draws; it makes no object, whatever the number of particles.
import { CAPACITY, FLOATS, type Field } from './field';
import { LOOKS } from './look';
import { LINE_FRAGMENT, LINE_VERTEX, PARTICLE_FRAGMENT, PARTICLE_VERTEX } from './shader';

const UNIFORMS = ['camera', 'size', 'now', 'flight', 'glow', 'pixel', 'half', 'arc', 'trail', 'still', 'lit', 'colours', 'cover'] as const;
const REBASE_AFTER = 2048; /* s: until then a float still knows a tenth of a millisecond */
const INDICES = new Uint16Array([0, 1, 2, 2, 1, 3, 4, 5, 6, 6, 5, 7]);
const LATEST = 1; /* s: a frame that comes later than this moves the clock by no more */

export interface Look3D {
	/** s from plane to plane, and of the mark after it. */
	flight: number;
	glow: number;
	/** Distance of the planes from the middle; 0: flat. */
	half: number;
	arc: number;
	trail: number;
	still: boolean;
}

export interface Colours {
	looks: Float32Array; /* LOOKS.length times four */
	line: Float32Array; /* four */
	/** Light particles on dark paper add up; dark ones on white cover. */
	dark: boolean;
}

/** What the measurement shows; counted, not allocated. */
export interface Counters {
	frames: number;
	draws: number;
	uploads: number;
	/** ms of JavaScript in all frames so far. */
	busy: number;
}

export class Scene {
	readonly counters: Counters = { frames: 0, draws: 0, uploads: 0, busy: 0 };
	/** s, the clock of births; stands while the scene does. */
	now = 0;
	/** Index of the particle that is pointed at; -1: none. */
	lit = -1;
	private readonly particles: WebGLProgram;
	private readonly lines: WebGLProgram;
	private readonly at: Record<string, WebGLUniformLocation | null> = {};
	private readonly atLine: Record<string, WebGLUniformLocation | null> = {};
	private readonly buffer: WebGLBuffer;
	private readonly lineBuffer: WebGLBuffer;
	private readonly shape: WebGLVertexArrayObject;
	private readonly lineShape: WebGLVertexArrayObject;
	private linePoints = 0;

	private constructor(
		private readonly gl: WebGL2RenderingContext,
		private readonly field: Field,
		private readonly matrix: Float32Array,
		readonly look: Look3D,
	) {
		this.particles = program(gl, PARTICLE_VERTEX, PARTICLE_FRAGMENT);
		this.lines = program(gl, LINE_VERTEX, LINE_FRAGMENT);
		for (const name of UNIFORMS)
			this.at[name] = gl.getUniformLocation(this.particles, `u_${name}`);
		for (const name of ['camera', 'line'])
			this.atLine[name] = gl.getUniformLocation(this.lines, `u_${name}`);
		this.buffer = gl.createBuffer();
		this.lineBuffer = gl.createBuffer();
		this.shape = this.layParticles();
		this.lineShape = this.layLines();
		gl.enable(gl.BLEND);
		gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
		gl.clearColor(0, 0, 0, 0);
		field.pending = field.used; /* a new context knows nothing yet */
	}

	/** null where the browser has no WebGL2. */
	static on(canvas: HTMLCanvasElement, field: Field, matrix: Float32Array, look: Look3D): Scene | null {
		const gl = canvas.getContext('webgl2', { alpha: true, premultipliedAlpha: true, antialias: false, depth: false, powerPreference: 'low-power' });
		return gl ? new Scene(gl, field, matrix, look) : null;
	}

	private layParticles(): WebGLVertexArrayObject {
		const { gl } = this;
		const shape = gl.createVertexArray();
		gl.bindVertexArray(shape);
		gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
		gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, INDICES, gl.STATIC_DRAW);
		gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
		gl.bufferData(gl.ARRAY_BUFFER, this.field.data.byteLength, gl.DYNAMIC_DRAW);
		for (const [place, size, offset] of [[0, 4, 0], [1, 2, 16]] as const) {
			gl.enableVertexAttribArray(place);
			gl.vertexAttribPointer(place, size, gl.FLOAT, false, FLOATS * 4, offset);
			gl.vertexAttribDivisor(place, 1);
		}
		return shape;
	}

	private layLines(): WebGLVertexArrayObject {
		const { gl } = this;
		const shape = gl.createVertexArray();
		gl.bindVertexArray(shape);
		gl.bindBuffer(gl.ARRAY_BUFFER, this.lineBuffer);
		gl.enableVertexAttribArray(0);
		gl.vertexAttribPointer(0, 4, gl.FLOAT, false, 16, 0);
		return shape;
	}

	/** Points in pairs: x, y, z and the weight of the line, 0 to 1. */
	setLines(points: Float32Array): void {
		const { gl } = this;
		gl.bindBuffer(gl.ARRAY_BUFFER, this.lineBuffer);
		gl.bufferData(gl.ARRAY_BUFFER, points, gl.STATIC_DRAW);
		this.linePoints = points.length / 4;
	}

	setColours({ looks, line, dark }: Colours): void {
		const { gl, at, atLine } = this;
		gl.useProgram(this.lines);
		gl.uniform4fv(atLine.line ?? null, line);
		gl.useProgram(this.particles);
		gl.uniform4fv(at.colours ?? null, looks.subarray(0, LOOKS.length * 4));
		gl.uniform1f(at.cover ?? null, dark ? 0.45 : 1);
	}

	resize(width: number, height: number, pixel: number): void {
		const { gl, at } = this;
		gl.canvas.width = Math.round(width * pixel);
		gl.canvas.height = Math.round(height * pixel);
		gl.viewport(0, 0, gl.canvas.width, gl.canvas.height);
		gl.useProgram(this.particles);
		gl.uniform2f(at.size ?? null, gl.canvas.width, gl.canvas.height);
		gl.uniform1f(at.pixel ?? null, pixel);
	}

	/** Moves the clock, s. */
	advance(seconds: number): void {
		this.now += Math.min(LATEST, seconds);
		if (this.now > REBASE_AFTER) {
			this.field.rebase(this.now);
			this.now = 0;
		}
	}

	/** The birth before which nothing is seen any more. */
	get oldest(): number {
		return this.now - this.look.flight - this.look.glow;
	}

	private upload(): void {
		const { gl, field } = this;
		if (field.pending === 0)
			return;
		const start = (field.next - field.pending + CAPACITY) % CAPACITY;
		const first = Math.min(field.pending, CAPACITY - start);
		gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
		gl.bufferSubData(gl.ARRAY_BUFFER, start * FLOATS * 4, field.data, start * FLOATS, first * FLOATS);
		this.counters.uploads++;
		if (field.pending > first) {
			gl.bufferSubData(gl.ARRAY_BUFFER, 0, field.data, 0, (field.pending - first) * FLOATS);
			this.counters.uploads++;
		}
		field.pending = 0;
	}

	draw(): void {
		const { gl, at, look } = this;
		const begun = performance.now();
		this.upload();
		gl.clear(gl.COLOR_BUFFER_BIT);
		if (this.linePoints > 0) {
			gl.useProgram(this.lines);
			gl.uniformMatrix4fv(this.atLine.camera ?? null, false, this.matrix);
			gl.bindVertexArray(this.lineShape);
			gl.drawArrays(gl.LINES, 0, this.linePoints);
			this.counters.draws++;
		}
		gl.useProgram(this.particles);
		gl.uniformMatrix4fv(at.camera ?? null, false, this.matrix);
		gl.uniform1f(at.now ?? null, this.now);
		gl.uniform1f(at.flight ?? null, look.flight);
		gl.uniform1f(at.glow ?? null, look.glow);
		gl.uniform1f(at.half ?? null, look.half);
		gl.uniform1f(at.arc ?? null, look.arc);
		gl.uniform1f(at.trail ?? null, look.trail);
		gl.uniform1f(at.still ?? null, look.still ? 1 : 0);
		gl.uniform1i(at.lit ?? null, this.lit);
		gl.bindVertexArray(this.shape);
		gl.drawElementsInstanced(gl.TRIANGLES, INDICES.length, gl.UNSIGNED_SHORT, 0, this.field.used);
		this.counters.draws++;
		this.counters.frames++;
		this.counters.busy += performance.now() - begun;
	}

	/** Gives the memory of the graphics card back. */
	close(): void {
		this.gl.getExtension('WEBGL_lose_context')?.loseContext();
	}
}

function program(gl: WebGL2RenderingContext, vertex: string, fragment: string): WebGLProgram {
	const made = gl.createProgram();
	for (const [type, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]] as const) {
		const shader = gl.createShader(type);
		if (!shader)
			continue; /* the context is lost: nothing is drawn until it comes back */
		gl.shaderSource(shader, text);
		gl.compileShader(shader);
		gl.attachShader(made, shader);
	}
	gl.linkProgram(made);
	if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost())
		throw new Error(`The Cube's program does not link: ${gl.getProgramInfoLog(made) ?? ''}`);
	return made;
}
