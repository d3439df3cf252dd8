// SPDX-License-Identifier: Apache-2.0
// The particles as the graphics card reads them: a ring of fixed size, filled as packets come, never allocated again.
// One particle is six floats: from (two), to (two), birth in seconds of the scene's clock, look. A look below zero is hidden.
import type { Particle } from '../live/events';

export const CAPACITY = 16_384;
export const FLOATS = 6;

/** Where a particle starts and lands, -1 to 1 on either plane. */
export interface Route {
	fromX: number;
	fromY: number;
	toX: number;
	toY: number;
}

export interface Rules {
	/** Writes into `ret`: nothing is made anew per packet. */
	route: (particle: Particle, ret: Route) => void;
	look: (particle: Particle) => number;
	shows: (particle: Particle) => boolean;
}

export class Field {
	readonly data = new Float32Array(CAPACITY * FLOATS);
	/** The packet behind each particle. */
	readonly packets: (Particle | null)[] = new Array<Particle | null>(CAPACITY).fill(null);
	/** Where the next one goes. */
	next = 0;
	/** How many slots were ever written: those are drawn. */
	used = 0;
	/** The newest so many are not yet on the graphics card. */
	pending = 0;
	/** Particles that were replaced before they had faded. */
	crowded = 0;
	private readonly scratch: Route = { fromX: 0, fromY: 0, toX: 0, toY: 0 };

	constructor(private rules: Rules) {}

	/** `birth`: when it starts; `oldest`: the birth of the oldest that is still seen. */
	add(particle: Particle, birth: number, oldest: number): void {
		const slot = this.next;
		if (this.used === CAPACITY && (this.data[slot * FLOATS + 4] ?? 0) > oldest)
			this.crowded++;
		this.packets[slot] = particle;
		this.data[slot * FLOATS + 4] = birth;
		this.write(slot, particle);
		this.next = (slot + 1) % CAPACITY;
		this.used = Math.min(CAPACITY, this.used + 1);
		this.pending = Math.min(CAPACITY, this.pending + 1);
	}

	private write(slot: number, particle: Particle): void {
		const { scratch, data, rules } = this;
		const at = slot * FLOATS;
		rules.route(particle, scratch);
		data[at] = scratch.fromX;
		data[at + 1] = scratch.fromY;
		data[at + 2] = scratch.toX;
		data[at + 3] = scratch.toY;
		const look = rules.look(particle);
		data[at + 5] = rules.shows(particle) ? look : -1 - look;
	}

	/** Another filter, or other axes: every particle is judged and placed again. */
	rule(rules: Rules): void {
		this.rules = rules;
		for (let slot = 0; slot < this.used; slot++) {
			const particle = this.packets[slot];
			if (particle)
				this.write(slot, particle);
		}
		this.pending = this.used;
	}

	/** Sets the clock back by `seconds`: floats lose their fraction as a clock grows. */
	rebase(seconds: number): void {
		for (let slot = 0; slot < this.used; slot++) {
			const at = slot * FLOATS + 4;
			this.data[at] = (this.data[at] ?? 0) - seconds;
		}
		this.pending = this.used;
	}

	/** Particles that are seen: born after `oldest`, not after `now`, and not hidden. */
	alive(oldest: number, now: number): number {
		let count = 0;
		for (let slot = 0; slot < this.used; slot++) {
			const birth = this.data[slot * FLOATS + 4] ?? 0;
			if (birth > oldest && birth <= now && (this.data[slot * FLOATS + 5] ?? -1) >= 0)
				count++;
		}
		return count;
	}

	/** The newest packets that are shown, newest first. */
	newest(limit: number): Particle[] {
		const found: Particle[] = [];
		for (let back = 1; back <= this.used && found.length < limit; back++) {
			const slot = (this.next - back + CAPACITY) % CAPACITY;
			const particle = this.packets[slot];
			if (particle && (this.data[slot * FLOATS + 5] ?? -1) >= 0)
				found.push(particle);
		}
		return found;
	}

	clear(): void {
		this.packets.fill(null);
		this.next = this.used = this.pending = this.crowded = 0;
	}
}
