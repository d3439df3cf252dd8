// SPDX-License-Identifier: Apache-2.0
// Evidence as a reader understands it: each figure with its name, the raw JSON below.
import type { VNode } from 'preact';
import type { Json, JsonObject } from '../rows';
import { named, useSpeech } from '../text/index';

const DEPTH_LIMIT = 4; /* evidence comes from outside the console: bound what it can make us draw */
const ENTRY_LIMIT = 60;

function Value({ value, depth }: { value: Json; depth: number }): VNode {
	const { t, whole } = useSpeech();
	if (typeof value === 'number')
		return <>{Number.isInteger(value) ? whole(value) : String(Number(value.toPrecision(4)))}</>;
	if (typeof value === 'boolean')
		return <>{value ? t.evidence.yes : t.evidence.no}</>;
	if (value === null || value === '')
		return <>{'–'}</>;
	if (typeof value === 'string')
		return <>{value}</>;
	if (depth >= DEPTH_LIMIT)
		return <code>{JSON.stringify(value)}</code>;
	if (Array.isArray(value)) {
		if (value.every((item) => item === null || typeof item !== 'object'))
			return <>{value.slice(0, ENTRY_LIMIT).join(', ')}</>;
		return <>{value.slice(0, ENTRY_LIMIT).map((item, index) => <Value key={index} value={item} depth={depth + 1} />)}</>;
	}
	return <Entries object={value} depth={depth + 1} />;
}

function Entries({ object, depth }: { object: JsonObject; depth: number }): VNode {
	const { t } = useSpeech();
	return (
		<dl class="facts">
			{Object.entries(object).slice(0, ENTRY_LIMIT).map(([key, value]) => (
				<div key={key}>
					<dt>{named(t.evidence.keys, key)}</dt>
					<dd><Value value={value} depth={depth} /></dd>
				</div>
			))}
		</dl>
	);
}

export function Evidence({ object }: { object: JsonObject }): VNode {
	const { t } = useSpeech();
	if (Object.keys(object).length === 0)
		return <p class="quiet">{t.sourcePage.noEvidence}</p>;
	return (
		<>
			<Entries object={object} depth={0} />
			<details class="raw">
				<summary>{t.sourcePage.raw}</summary>
				<pre tabIndex={0}>{JSON.stringify(object, null, 2)}</pre>
			</details>
		</>
	);
}
