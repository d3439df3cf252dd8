// SPDX-License-Identifier: Apache-2.0
// A class of ports in its colour; shape and word say the same without colour.
import type { VNode } from 'preact';
import { named, useSpeech } from '../text/index';

export type Tone = 'iot' | 'windows' | 'other';

export const toneOf = (name: string): Tone => (name === 'iot' || name === 'windows' ? name : 'other');

export function ClassMark({ name }: { name: string }): VNode {
	const { t } = useSpeech();
	return (
		<span class="class-mark">
			<i class={`swatch tone-${toneOf(name)}`} aria-hidden="true" />
			{named(t.classes, name)}
		</span>
	);
}
