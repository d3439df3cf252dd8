// SPDX-License-Identifier: Apache-2.0
// A line without axes: what stands beside it says the numbers. A missing value is a gap, not a zero.
import type { VNode } from 'preact';

interface Props {
	values: readonly (number | null)[];
	width: number;
	height: number;
	summary: string;
	/** Index of the value that is marked. */
	mark?: number;
}

export function sparkPath(values: readonly (number | null)[], width: number, height: number): string {
	const most = Math.max(1, ...values.map((value) => value ?? 0));
	const step = width / Math.max(1, values.length - 1);
	let pen = 'M';
	let path = '';
	values.forEach((value, index) => {
		if (value === null) {
			pen = 'M';
			return;
		}
		path += `${pen}${(index * step).toFixed(1)},${(height - 1 - (value / most) * (height - 2)).toFixed(1)}`;
		pen = 'L';
	});
	return path;
}

export function Spark({ values, width, height, summary, mark }: Props): VNode {
	const x = mark === undefined ? 0 : (mark * width) / Math.max(1, values.length - 1);
	return (
		<svg class="spark" viewBox={`0 0 ${width} ${height}`} width={width} height={height} role="img" aria-label={summary} preserveAspectRatio="none">
			<path d={sparkPath(values, width, height)} />
			{mark !== undefined && <path class="spark-mark" d={`M${x.toFixed(1)},0V${height}`} />}
		</svg>
	);
}
