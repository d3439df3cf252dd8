// SPDX-License-Identifier: Apache-2.0
// The newest entries of the ledger; each opens with all that it says, and its proof.
import type { VNode } from 'preact';
import { Fragment } from 'preact';
import { useState } from 'preact/hooks';
import { apiUrl, useUrl } from '../api';
import { Result } from '../part/result';
import { go, linkHere, usePlace } from '../route';
import type { Json } from '../rows';
import { named, useSpeech } from '../text/index';
import type { Entries, Entry, KindCount } from './types';

const PAGE = 15;
const SHOWN = ['digest', 'imprint', 'serial', 'purpose', 'state', 'reason', 'counter', 'key'];
const CUT = 28; /* characters of one value */

const textOf = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));
const cut = (text: string): string => (text.length > CUT ? `${text.slice(0, CUT - 1)}…` : text);

/** What an entry says beyond its kind and time, in one line; the rest opens below. */
function gist({ entry }: Entry): string {
	if (entry === null)
		return '–';
	const known = SHOWN.filter((name) => entry[name] !== undefined).slice(0, 3);
	const names = known.length > 0 ? known : Object.keys(entry).filter((name) => name !== 'kind' && name !== 'time').slice(0, 3);
	return names.map((name) => `${name} ${cut(textOf(entry[name] ?? null))}`).join(' · ');
}

function Row({ row, open, onToggle }: { row: Entry; open: boolean; onToggle: () => void }): VNode {
	const { t, moment, whole } = useSpeech();
	return (
		<Fragment>
			<tr class={open ? 'open' : undefined}>
				<th scope="row">
					<button type="button" class="row-button" aria-expanded={open} aria-label={t.trust.showEntry(whole(row.index))} onClick={onToggle}>
						<span class="turn" aria-hidden="true" />
						{whole(row.index)}
					</button>
				</th>
				<td>{named(t.trust.kinds, row.kind)}</td>
				<td>{row.time === null ? '–' : <time dateTime={row.time}>{moment(row.time, true)}</time>}</td>
				<td class="wide"><span class="mono gist">{gist(row)}</span></td>
			</tr>
			{open && (
				<tr class="detail">
					<td colSpan={4}>
						<pre tabIndex={0}>{row.entry === null ? t.trust.notJson : JSON.stringify(row.entry, null, 2)}</pre>
						<p class="actions"><a href={apiUrl('trust/proof', { index: row.index })} download>{t.trust.proof}</a><span class="quiet">{t.trust.proofHint}</span></p>
					</td>
				</tr>
			)}
		</Fragment>
	);
}

function Rows({ answer, caption }: { answer: Entries; caption: string }): VNode {
	const { t, zone } = useSpeech();
	const { query } = usePlace();
	const [open, setOpen] = useState<number | null>(null);
	if (answer.rows.length === 0)
		return <p class="quiet">{t.trust.noEntries}</p>;
	return (
		<>
			<div class="scroll" role="group" aria-label={caption} tabIndex={0}>
				<table>
					<caption class="hidden">{caption}</caption>
					<thead>
						<tr>
							<th scope="col">{t.trust.index}</th>
							<th scope="col">{t.trust.kind}</th>
							<th scope="col">{`${t.column.time} (${zone})`}</th>
							<th scope="col" class="wide">{t.trust.says}</th>
						</tr>
					</thead>
					<tbody>
						{answer.rows.map((row) => <Row key={row.index} row={row} open={open === row.index} onToggle={() => setOpen(open === row.index ? null : row.index)} />)}
					</tbody>
				</table>
			</div>
			<p class="actions">
				{query.has('after') && <a href={linkHere({})}>{t.table.first}</a>}
				{answer.next !== null && <a href={linkHere({ after: answer.next })} rel="next">{t.table.next}</a>}
			</p>
		</>
	);
}

export function EntryTable({ kinds }: { kinds: KindCount[] }): VNode {
	const { t, whole } = useSpeech();
	const { query } = usePlace();
	const kind = query.get('kind');
	const loaded = useUrl<Entries>(apiUrl('trust/entries', { kind, after: query.get('after'), limit: PAGE }));
	return (
		<>
			<div class="table-tools">
				<label>
					<span>{t.trust.kind}</span>
					<select value={kind ?? ''} onChange={(event) => go(linkHere({ kind: event.currentTarget.value }))}>
						<option value="">{t.table.all}</option>
						{kinds.map((each) => <option key={each.kind} value={each.kind}>{`${named(t.trust.kinds, each.kind)} (${whole(each.entries)})`}</option>)}
					</select>
				</label>
			</div>
			<Result loaded={loaded} lines={8}>{(answer) => <Rows answer={answer} caption={t.trust.entries} />}</Result>
		</>
	);
}
