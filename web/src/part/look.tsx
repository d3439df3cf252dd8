// SPDX-License-Identifier: Apache-2.0
// The mark of a look beside its name: the shape that the Cube draws, with the beginning of its trail.
import type { VNode } from 'preact';
import type { Look } from '../cube/look';

const SHAPES: Record<Look, string> = {
	tcp: 'M20,7a4,4 0 1 0 8,0a4,4 0 1 0 -8,0Z',
	udp: 'M20.500,3.500h7v7h-7Z',
	icmp: 'M24,2l5,5l-5,5l-5,-5Z',
	backscatter: 'M20,2.500l8,4.500l-8,4.500Z',
	own: 'M19,7a5,5 0 1 0 10,0a5,5 0 1 0 -10,0Z',
	other: 'M24,2v10M19,7h10',
};
const DASHES: Partial<Record<Look, string>> = { udp: '2 2', backscatter: '6 3' };
const HOLLOW = new Set<Look>(['backscatter', 'own', 'other']);

export function LookMark({ look }: { look: Look }): VNode {
	return (
		<svg class={`look-mark look-${look}`} width="32" height="14" aria-hidden="true">
			<line x1="1" x2="19" y1="7" y2="7" stroke-dasharray={DASHES[look]} />
			<path class={HOLLOW.has(look) ? 'hollow' : undefined} d={SHAPES[look]} />
		</svg>
	);
}
