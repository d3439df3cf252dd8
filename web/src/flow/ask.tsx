// SPDX-License-Identifier: Apache-2.0
// A question to the archive, as one types it at the command line: who asks says for what, and the address bar keeps it.
import type { VNode } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { apiUrl, useUrl, type Loaded } from '../api';
import { linesOf, type Step } from '../chart/lines';
import { Series } from '../chart/series';
import { protocolName } from '../format';
import { written } from '../part/range';
import { Command, Empty, Result } from '../part/result';
import { go, linkHere, usePlace, viewOf } from '../route';
import type { Json, JsonObject } from '../rows';
import { named, useSpeech, type Speech } from '../text/index';
import { chosen } from './traffic';
import { PURPOSES, type FlowAnswer, type Totals } from './types';

const GROUPS = ['source', 'destination', 'destination_port', 'protocol', 'source_as', 'destination_as', 'exporter', 'flows'] as const;
const SUMS = ['bytes', 'packets', 'flows', 'estimated_bytes', 'estimated_packets'] as const;
const ROWS = 20;
const LINES = 8; /* of the chart; the table holds the others */
const FLOWS = 200; /* listed at most */
const LIST = ['first', 'last', 'protocol', 'source', 'source_port', 'destination', 'destination_port', 'tcp_flags', 'packets', 'bytes', 'sampling', 'exporter'];
const STEP_OF: Record<number, Step> = { 300: '5m', 3600: '1h', 86400: '1d' };
const FLAGS = ['F', 'S', 'R', 'P', 'A', 'U', 'E', 'C']; /* from the lowest bit */

const isCount = (column: string): boolean => /bytes$|packets$|^flows$|^sampling$|unknown_sampling/.test(column);

function cellOf(speech: Speech, column: string, value: Json | undefined): string {
	if (value === null || value === undefined)
		return '–';
	if (column === 'first' || column === 'last')
		return typeof value === 'string' ? speech.moment(value, true) : '–';
	if (typeof value !== 'number')
		return typeof value === 'string' ? value : JSON.stringify(value);
	if (column === 'protocol')
		return protocolName(value);
	if (column === 'tcp_flags')
		return value === 0 ? '–' : FLAGS.filter((_, bit) => (value >> bit) & 1).join('');
	if (column.endsWith('bytes'))
		return speech.bytes(value);
	return isCount(column) ? speech.whole(value) : String(value);
}

/** What the fields of a group are, in one line. */
const groupOf = (speech: Speech, fields: string[], row: Json[]): string => fields.map((field, at) => cellOf(speech, field, row[at])).join(' · ');

function Table({ columns, rows, caption, bar }: { columns: string[]; rows: JsonObject[]; caption: string; bar: string | null }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const amount = (row: JsonObject): number => Number(bar === null ? 0 : row[bar] ?? 0);
	const most = Math.max(1, ...rows.map(amount));
	return (
		<div class={bar === null ? 'scroll bounded' : 'scroll'} role="group" aria-label={caption} tabIndex={0}>
			<table class="top">
				<caption class="hidden">{caption}</caption>
				<thead>
					<tr>
						{columns.map((column) => <th key={column} scope="col" class={isCount(column) ? 'number' : undefined}>{named(t.flow.columns, column)}</th>)}
						{bar !== null && <td class="share-bar" />}
					</tr>
				</thead>
				<tbody>
					{rows.map((row, index) => (
						<tr key={index}>
							{columns.map((column, at) => (at === 0
								? <th key={column} scope="row" class="mono">{cellOf(speech, column, row[column])}</th>
								: <td key={column} class={isCount(column) ? 'number' : 'mono'}>{cellOf(speech, column, row[column])}</td>))}
							{bar !== null && <td class="share-bar"><span style={{ width: `${(amount(row) / most) * 100}%` }} /></td>}
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}

function OverTime({ answer, fields, order, step }: { answer: FlowAnswer; fields: string[]; order: string; step: Step }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const lines = useMemo(() => {
		const greatest = new Set(answer.rows.slice(0, LINES).map((row) => groupOf(speech, fields, fields.map((field) => row[field] ?? null))));
		const points = (answer.series ?? []).map((point) => ({
			time: String(point[0]), key: groupOf(speech, fields, point.slice(1, -1)), packets: Number(point.at(-1)), bytes: 0, sources: 0, sources_error: 0,
		}));
		return linesOf(points.filter(({ key }) => greatest.has(key)), step, 'packets');
	}, [answer, t]);
	return (
		<Series
			lines={lines}
			hatches={[]}
			marks={[]}
			step={step}
			what={named(t.flow.columns, order)}
			additive
			nameOf={(key) => key}
			classOfKey={() => null}
			onRange={(from, to) => go(linkHere({ from: written(from * 1000), to: written(to * 1000) }))}
		/>
	);
}

/** How sure the sums are, and what was looked at for them. */
function Grounds({ answer, totals }: { answer: FlowAnswer; totals: Totals | null }): VNode {
	const { t, whole, compact } = useSpeech();
	const said = [t.flow.scanned(compact(answer.scanned.flows), whole(answer.scanned.parts), whole(answer.scanned.skipped))];
	if (totals && totals.unknown_sampling > 0)
		said.push(t.flow.estimatedSome(whole(totals.unknown_sampling)));
	if (totals?.exact === false)
		said.push(t.flow.inexact(whole(totals.error ?? 0)));
	if (answer.scanned.damaged > 0)
		said.push(t.flow.damaged(whole(answer.scanned.damaged)));
	return <p class="quiet">{said.join(' ')}</p>;
}

function Sums({ answer, totals }: { answer: FlowAnswer; totals: Totals }): VNode {
	const speech = useSpeech();
	const { t, whole, bytes } = speech;
	const order = answer.order ?? 'bytes';
	const columns = answer.columns ?? [];
	const fields = columns.slice(0, Math.max(0, columns.indexOf('flows')));
	const step = STEP_OF[answer.step ?? 0];
	return (
		<>
			<p>{t.flow.totals(whole(totals.flows), whole(totals.packets), bytes(totals.bytes), bytes(totals.estimated_bytes))}</p>
			{step !== undefined && <OverTime answer={answer} fields={fields} order={order} step={step} />}
			{fields.length > 0 && <Table columns={[...fields, ...SUMS.filter((sum) => columns.includes(sum))]} rows={answer.rows} caption={t.flow.answer} bar={order} />}
		</>
	);
}

function Answer({ loaded, list }: { loaded: Loaded<FlowAnswer>; list: boolean }): VNode {
	const { t } = useSpeech();
	return (
		<Result loaded={loaded} lines={12}>
			{(answer) => {
				const totals = answer.totals ?? null;
				const none = list ? answer.rows.length === 0 : (totals?.flows ?? 0) === 0;
				return (
					<>
						{none ? <Empty text={t.flow.noMatch} hint={t.flow.noMatchHint} /> : list || !totals ? <Table columns={LIST} rows={answer.rows} caption={t.flow.answer} bar={null} /> : <Sums answer={answer} totals={totals} />}
						<Grounds answer={answer} totals={totals} />
					</>
				);
			}}
		</Result>
	);
}

interface Question {
	expression: string;
	purpose: string;
	group: string;
	order: string;
	step: string;
}

/** The same question at the command line. */
function commandOf({ expression, purpose, group, order, step }: Question, from: string | null, to: string | null): string {
	const range = `${from === null ? '' : ` --from ${from}`}${to === null ? '' : ` --to ${to}`}`;
	const sums = group === 'flows' ? ` --limit ${FLOWS}` : ` --top ${ROWS} --by ${group} --order ${order} --series ${step}s`;
	return `noroshi flow query '${expression.replaceAll("'", "'\\''")}' --archive flows --purpose ${purpose}${range}${sums}`;
}

function Asked({ question }: { question: Question }): VNode {
	const { expression, purpose, group, order, step } = question;
	const view = viewOf(usePlace().query);
	const list = group === 'flows';
	const loaded = useUrl<FlowAnswer>(apiUrl('flow/query', {
		expression, purpose, from: view.from, to: view.to,
		...(list ? { limit: FLOWS } : { top: ROWS, by: group, order, series: step }),
	}));
	return (
		<>
			<Answer loaded={loaded} list={list} />
			<Command text={commandOf(question, view.from, view.to)} />
		</>
	);
}

export function AskCard(): VNode {
	const { t } = useSpeech();
	const { query } = usePlace();
	const asked = query.get('q');
	const purpose = PURPOSES.find((each) => each === query.get('purpose')) ?? '';
	const [typed, setTyped] = useState<string | null>(null);
	const [forWhat, setForWhat] = useState<string | null>(null);
	const question: Question = {
		expression: asked ?? '',
		purpose,
		group: chosen(query.get('group'), GROUPS),
		order: chosen(query.get('order'), SUMS),
		step: query.get('series') ?? '3600',
	};
	const ask = (event: Event): void => {
		event.preventDefault();
		const form = new FormData(event.currentTarget as HTMLFormElement);
		const field = (name: string): string => {
			const value = form.get(name);
			return typeof value === 'string' ? value : '';
		};
		const expression = field('expression').trim();
		go(linkHere({ q: expression === '' ? 'any' : expression, purpose: field('purpose'), group: field('group'), order: field('order'), series: field('series') }));
	};
	return (
		<section class="card" aria-labelledby="ask-head">
			<h2 id="ask-head">{t.flow.ask}</h2>
			<form class="ask" onSubmit={ask}>
				<label class="ask-expression">
					<span>{t.flow.expression}</span>
					<input name="expression" class="mono" spellcheck={false} autocomplete="off" placeholder={t.flow.example} value={typed ?? asked ?? ''} onInput={(event) => setTyped(event.currentTarget.value)} />
				</label>
				<label>
					<span>{t.flow.purpose}</span>
					<select name="purpose" required value={forWhat ?? purpose} onChange={(event) => setForWhat(event.currentTarget.value)}>
						<option value="">{t.flow.choose}</option>
						{PURPOSES.map((each) => <option key={each} value={each}>{t.flow.purposes[each]}</option>)}
					</select>
				</label>
				<label>
					<span>{t.flow.group}</span>
					<select name="group">
						{GROUPS.map((each) => <option key={each} value={each} selected={each === question.group}>{each === 'flows' ? t.flow.list : named(t.flow.columns, each)}</option>)}
					</select>
				</label>
				<label>
					<span>{t.flow.order}</span>
					<select name="order">
						{SUMS.map((each) => <option key={each} value={each} selected={each === question.order}>{named(t.flow.columns, each)}</option>)}
					</select>
				</label>
				<label>
					<span>{t.series.step}</span>
					<select name="series">
						{[['300', t.series.step5m], ['3600', t.series.step1h], ['86400', t.series.step1d]].map(([value, name]) => <option key={value} value={value} selected={value === question.step}>{name}</option>)}
					</select>
				</label>
				<button type="submit" class="primary">{t.flow.send}</button>
			</form>
			<p class="quiet">{t.flow.secrecy}</p>
			{asked !== null && purpose !== '' && <Asked key={JSON.stringify(question)} question={question} />}
		</section>
	);
}
