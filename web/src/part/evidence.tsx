// SPDX-License-Identifier: Apache-2.0
// Evidence as a reader understands it: each figure with its name, the raw JSON below.
import type { VNode } from 'preact';
import { portLabel, protocolName } from '../format';
import type { Json, JsonObject } from '../rows';
import { named, useSpeech } from '../text/index';

const DEPTH_LIMIT = 4; /* evidence comes from outside the console: bound what it can make us draw */
const ENTRY_LIMIT = 60;

/* Numbers that are names: they are not counted, so they are not grouped. */
const NAMES = new Set(['port', 'destination_port', 'source_port', 'target_port', 'window', 'id', 'sequence', 'list_version', 'protocol', 'tcp_flags']);

interface ValueProps {
	name: string;
	value: Json;
	depth: number;
}

/** Rows of one shape, such as ports with their packets, as a table in one line each. */
function isPort(value: Json): value is { protocol: number; port: number; packets: number } {
	return value !== null && typeof value === 'object' && !Array.isArray(value) && typeof value.protocol === 'number' && typeof value.port === 'number' && typeof value.packets === 'number';
}

function Value({ name, value, depth }: ValueProps): VNode {
	const { t, whole } = useSpeech();
	if (name === 'protocol' && typeof value === 'number')
		return <>{protocolName(value)}</>;
	if (typeof value === 'number')
		return <>{!Number.isInteger(value) ? String(Number(value.toPrecision(4))) : NAMES.has(name) ? String(value) : whole(value)}</>;
	if (typeof value === 'boolean')
		return <>{value ? t.evidence.yes : t.evidence.no}</>;
	if (value === null || value === '')
		return <>{'–'}</>;
	if (typeof value === 'string')
		return <>{named(t.evidence.values, value)}</>;
	if (isPort(value))
		return <span class="item">{`${portLabel(value.protocol, value.port)}: ${whole(value.packets)}`}</span>;
	if (depth >= DEPTH_LIMIT)
		return <code>{JSON.stringify(value)}</code>;
	if (Array.isArray(value)) {
		if (value.every((item) => item === null || typeof item !== 'object'))
			return <>{value.slice(0, ENTRY_LIMIT).map((item) => (typeof item === 'string' ? named(t.evidence.values, item) : String(item))).join(', ')}</>;
		return <>{value.slice(0, ENTRY_LIMIT).map((item, index) => <Value key={index} name={name} value={item} depth={depth + 1} />)}</>;
	}
	return <Entries object={value} depth={depth + 1} />;
}

/** An IPv4 address as the number that a header field holds. */
function addressNumber(address: Json | undefined): number | null {
	if (typeof address !== 'string' || !/^\d+\.\d+\.\d+\.\d+$/.test(address))
		return null;
	return address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

function Entries({ object, depth }: { object: JsonObject; depth: number }): VNode {
	const { t } = useSpeech();
	return (
		<dl class="facts">
			{Object.entries(object).slice(0, ENTRY_LIMIT).map(([key, value]) => (
				<div key={key}>
					<dt>{named(t.evidence.keys, key)}</dt>
					<dd>
						<Value name={key} value={value} depth={depth} />
						{key === 'sequence' && value === addressNumber(object.destination) && ` = ${object.destination as string}`}
					</dd>
				</div>
			))}
		</dl>
	);
}

/** `told`: entries that the page has put into words already; they stay in the raw JSON. */
export function Evidence({ object, told = [] }: { object: JsonObject; told?: string[] }): VNode {
	const { t } = useSpeech();
	if (Object.keys(object).length === 0)
		return <p class="quiet">{t.sourcePage.noEvidence}</p>;
	const rest = Object.fromEntries(Object.entries(object).filter(([key]) => !told.includes(key)));
	return (
		<>
			<Entries object={rest} depth={0} />
			<details class="raw">
				<summary>{t.sourcePage.raw}</summary>
				<pre tabIndex={0}>{JSON.stringify(object, null, 2)}</pre>
			</details>
		</>
	);
}
