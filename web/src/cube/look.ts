// SPDX-License-Identifier: Apache-2.0
// What a particle looks like, and which ones are shown. Colour, shape and trail say the same thing.
import { BITS, type Particle } from '../live/events';

/** The order is that of the shader's shapes: disc, square, diamond, hollow triangle, ring, cross. */
export const LOOKS = ['tcp', 'udp', 'icmp', 'backscatter', 'own', 'other'] as const;
export type Look = (typeof LOOKS)[number];

/** CSS variables of the colours. Red asks for action: a host of our own. */
export const COLOURS: Record<Look, string> = { tcp: 'cube-tcp', udp: 'cube-udp', icmp: 'cube-icmp', backscatter: 'cube-backscatter', own: 'action', other: 'other' };

export function lookOf({ protocol, bits }: Pick<Particle, 'protocol' | 'bits'>): Look {
	if ((bits & BITS.own) !== 0)
		return 'own';
	if ((bits & BITS.backscatter) !== 0)
		return 'backscatter';
	return protocol === 6 ? 'tcp' : protocol === 17 ? 'udp' : protocol === 1 || protocol === 58 ? 'icmp' : 'other';
}

export const TRAFFIC = ['scan', 'backscatter', 'own'] as const;

export interface Sieve {
	protocol: number | null;
	port: number | null;
	country: string | null;
	traffic: (typeof TRAFFIC)[number] | null;
}

export function sieveOf(query: URLSearchParams): Sieve {
	const number = (key: string): number | null => {
		const text = query.get(key) ?? '';
		return /^\d{1,5}$/.test(text) ? Number(text) : null;
	};
	const country = query.get('country');
	return {
		protocol: number('protocol'),
		port: number('port'),
		country: country !== null && /^[A-Z]{2}$/.test(country) ? country : null,
		traffic: TRAFFIC.find((each) => each === query.get('traffic')) ?? null,
	};
}

export function passes(sieve: Sieve, particle: Particle): boolean {
	const look = lookOf(particle);
	return (
		(sieve.protocol === null || sieve.protocol === particle.protocol) &&
		(sieve.port === null || sieve.port === particle.destinationPort) &&
		(sieve.country === null || sieve.country === particle.country) &&
		(sieve.traffic === null || (sieve.traffic === 'scan' ? look !== 'backscatter' : sieve.traffic === look))
	);
}
