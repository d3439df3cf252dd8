// SPDX-License-Identifier: Apache-2.0
// Where an address stands on an axis of the Cube: 0 at the bottom, 1 at the top.
//
// Sources: IPv4 by its number. IPv6 by the 32 bits after 2000::/3, the part of IPv6 that is routed: what is below or above it
// stands at an end. Destinations: the dark prefixes one above the other, IPv4 by their size, all IPv6 prefixes alike; within an
// IPv6 prefix by the 32 bits that follow it. Where both families are seen, IPv6 has the upper part of either axis.

export interface Address {
	six: boolean;
	groups: number[]; /* of 16 bits: 2 or 8 */
}

export interface Prefix extends Address {
	length: number;
	text: string;
}

export interface Tick {
	at: number;
	label: string;
}

export interface Axis {
	place: (address: Address) => number;
	ticks: Tick[];
}

const SIX_SHARE = 0.2; /* of an axis that has both families */
const GAP = 0.015; /* between dark prefixes */
const BITS_32 = 2 ** 32;
const GLOBAL = 3; /* length of 2000::/3 */

function hexGroups(text: string): number[] | null {
	if (text === '')
		return [];
	const groups: number[] = [];
	for (const part of text.split(':')) {
		if (part.includes('.')) {
			const four = parseAddress(part);
			if (!four || four.six)
				return null;
			groups.push(...four.groups);
		} else if (/^[0-9a-f]{1,4}$/i.test(part))
			groups.push(parseInt(part, 16));
		else
			return null;
	}
	return groups;
}

export function parseAddress(text: string): Address | null {
	if (!text.includes(':')) {
		const octets = text.split('.');
		if (octets.length !== 4 || !octets.every((octet) => /^\d{1,3}$/.test(octet) && Number(octet) < 256))
			return null;
		const [a = 0, b = 0, c = 0, d = 0] = octets.map(Number);
		return { six: false, groups: [a * 256 + b, c * 256 + d] };
	}
	const [before = '', after, ...more] = text.split('::');
	const left = hexGroups(before);
	const right = after === undefined ? [] : hexGroups(after);
	if (left === null || right === null || more.length > 0)
		return null;
	const missing = 8 - left.length - right.length;
	if (after === undefined ? missing !== 0 : missing < 1)
		return null;
	return { six: true, groups: [...left, ...new Array<number>(missing).fill(0), ...right] };
}

export function parsePrefix(text: string): Prefix | null {
	const [host = '', length = ''] = text.split('/');
	const address = parseAddress(host);
	const bits = length === '' && address ? address.groups.length * 16 : Number(length);
	if (!address || !Number.isInteger(bits) || bits < 0 || bits > address.groups.length * 16)
		return null;
	return { ...address, length: bits, text };
}

/** The 32 bits that begin at bit `first`, as a share of all they can be. */
export function shareFrom(groups: readonly number[], first: number): number {
	const at = first >> 4;
	const shift = first & 15;
	const group = (index: number): number => groups[index] ?? 0;
	const high = ((group(at) * 65536 + group(at + 1)) * 65536 + group(at + 2)) % 2 ** (48 - shift);
	return Math.floor(high / 2 ** (16 - shift)) / BITS_32;
}

function contains(prefix: Prefix, address: Address): boolean {
	if (prefix.six !== address.six)
		return false;
	for (let index = 0, left = prefix.length; left > 0; index++, left -= 16) {
		const shift = Math.max(0, 16 - left);
		if ((prefix.groups[index] ?? 0) >> shift !== (address.groups[index] ?? 0) >> shift)
			return false;
	}
	return true;
}

/** The longest prefix that holds both. */
export function cover(a: Address, b: Address): Prefix {
	let length = 0;
	const most = a.groups.length * 16;
	const bit = (address: Address, index: number): number => ((address.groups[index >> 4] ?? 0) >> (15 - (index & 15))) & 1;
	while (length < most && bit(a, length) === bit(b, length))
		length++;
	const groups = a.groups.map((group, index) => {
		const keep = Math.max(0, Math.min(16, length - index * 16));
		return group & (0xffff << (16 - keep)) & 0xffff;
	});
	return { six: a.six, groups, length, text: `${addressText({ six: a.six, groups })}/${length}` };
}

export function addressText({ six, groups }: Address): string {
	if (!six)
		return groups.flatMap((group) => [group >> 8, group & 255]).join('.');
	return new URL(`http://[${groups.map((group) => group.toString(16)).join(':')}]/`).hostname.slice(1, -1);
}

export interface Families {
	four: boolean;
	six: boolean;
}

/** Where each family's part of an axis begins and how tall it is. */
function parts({ four, six }: Families): { four: [number, number]; six: [number, number] } {
	if (four && six)
		return { four: [0, 1 - SIX_SHARE - GAP], six: [1 - SIX_SHARE, SIX_SHARE] };
	return { four: [0, 1], six: [0, 1] };
}

export function sourceAxis(families: Families): Axis {
	const { four, six } = parts(families);
	const ticks: Tick[] = [];
	if (families.four)
		for (const octet of [0, 64, 128, 192, 256])
			ticks.push({ at: four[0] + (four[1] * octet) / 256, label: octet === 256 ? '255.255.255.255' : `${octet}.0.0.0` });
	if (families.six)
		for (const group of families.four ? [0x2000, 0x3000] : [0x2000, 0x2400, 0x2800, 0x2c00, 0x3000])
			ticks.push({ at: six[0] + (six[1] * (group - 0x2000)) / 0x2000, label: `${group.toString(16)}::` });
	return {
		ticks,
		place(address) {
			if (!address.six)
				return four[0] + four[1] * shareFrom(address.groups, 0);
			const top = (address.groups[0] ?? 0) >> (16 - GLOBAL);
			const share = top === 1 ? shareFrom(address.groups, GLOBAL) : top < 1 ? 0 : 1;
			return six[0] + six[1] * share;
		},
	};
}

interface Band {
	prefix: Prefix;
	start: number;
	height: number;
}

function stack(prefixes: Prefix[], [start, height]: [number, number], weight: (prefix: Prefix) => number): Band[] {
	const all = prefixes.reduce((sum, prefix) => sum + weight(prefix), 0);
	const room = height - GAP * Math.max(0, Math.min(prefixes.length - 1, 20));
	let at = start;
	return prefixes.map((prefix) => {
		const band = { prefix, start: at, height: (room * weight(prefix)) / all };
		at += band.height + (prefixes.length > 21 ? 0 : GAP);
		return band;
	});
}

/** The address at a share of a prefix: what a tick of the axis is called. */
function addressAt(prefix: Prefix, share: number): string {
	const groups = [...prefix.groups];
	const bits = Math.min(32, groups.length * 16 - prefix.length);
	let rest = Math.min(2 ** bits - 1, Math.round(share * 2 ** bits));
	for (let bit = prefix.length + bits - 1; bit >= prefix.length; bit--, rest = Math.floor(rest / 2))
		if (rest % 2 === 1)
			groups[bit >> 4] = (groups[bit >> 4] ?? 0) | (1 << (15 - (bit & 15)));
	return addressText({ six: prefix.six, groups });
}

function bandTicks(bands: Band[]): Tick[] {
	const [only, ...others] = bands;
	if (only && others.length === 0)
		return [0, 0.25, 0.5, 0.75, 1].map((share) => ({ at: only.start + only.height * share, label: addressAt(only.prefix, share) }));
	// Of many prefixes the tallest are named: labels must not touch.
	return [...bands].sort((a, b) => b.height - a.height).slice(0, 6).map(({ prefix, start, height }) => ({ at: start + height / 2, label: prefix.text }));
}

const byAddress = (a: Prefix, b: Prefix): number => shareFrom(a.groups, 0) - shareFrom(b.groups, 0) || shareFrom(a.groups, 32) - shareFrom(b.groups, 32);

export function darkAxis(prefixes: Prefix[]): Axis {
	const fours = prefixes.filter((prefix) => !prefix.six).sort(byAddress);
	const sixes = prefixes.filter((prefix) => prefix.six).sort(byAddress);
	const { four, six } = parts({ four: fours.length > 0, six: sixes.length > 0 });
	const bands = [...stack(fours, four, (prefix) => 2 ** (32 - prefix.length)), ...stack(sixes, six, () => 1)];
	return {
		ticks: bandTicks(bands),
		place(address) {
			const band = bands.find(({ prefix }) => contains(prefix, address));
			// Outside what the telescope calls dark: at the foot, where nothing else begins.
			return band ? band.start + band.height * shareFrom(address.groups, band.prefix.length) : 0;
		},
	};
}

/** Ports stand by their square root: most are tried below 10,000, and would else share a narrow strip. */
export const portPlace = (port: number): number => Math.sqrt(port / 65535);

export const PORT_TICKS: Tick[] = [0, 1024, 8192, 16384, 32768, 65535].map((port) => ({ at: portPlace(port), label: String(port) }));
