// SPDX-License-Identifier: Apache-2.0
import type { VNode } from 'preact';

/** A sentence of the dictionary: what stands between ** is a figure. */
export function Rich({ text }: { text: string }): VNode {
	return <>{text.split('**').map((piece, index) => (index % 2 === 1 ? <strong key={index}>{piece}</strong> : piece))}</>;
}
