// SPDX-License-Identifier: Apache-2.0
// One table for every named query: filters, paging by cursor, export, arrow keys. What it shows stands in the URL.
import type { ComponentChildren, TargetedKeyboardEvent, VNode } from 'preact';
import { Fragment } from 'preact';
import { useState } from 'preact/hooks';
import { apiUrl, useAnswer, useViewParameters } from '../api';
import { go, linkHere, usePlace, type Changes } from '../route';
import type { Answer, Queries } from '../rows';
import { useSpeech } from '../text/index';
import { Empty, Result } from './result';

export interface Column<Row> {
	key: string;
	head: string;
	cell: (row: Row) => ComponentChildren;
	/** What to sort and filter by; absent: the column does neither. */
	value?: (row: Row) => number | string;
	number?: boolean;
	/** Left out on narrow screens. */
	wide?: boolean;
}

/** A filter that the API itself knows. */
export interface Filter {
	parameter: string;
	label: string;
	choices: [value: string, label: string][];
	/** What is shown where nothing is chosen; absent: all. */
	rest?: string;
}

interface Props<Name extends keyof Queries> {
	name: Name;
	caption: string;
	columns: Column<Queries[Name]>[];
	rowKey: (row: Queries[Name]) => string;
	/** Where the row leads; its first cell becomes the link. */
	href?: (row: Queries[Name]) => string;
	/** Or what opens below it; its first cell becomes the button. */
	detail?: (row: Queries[Name]) => ComponentChildren;
	detailLabel?: (row: Queries[Name]) => string;
	parameters?: Changes;
	filters?: Filter[];
	/** Prefix of this table's keys in the URL where a page has two. */
	id?: string;
	empty?: ComponentChildren;
}

type Sort = { key: string; down: boolean } | null;

function sortOf(text: string | null): Sort {
	if (text === null || text === '')
		return null;
	return text.startsWith('-') ? { key: text.slice(1), down: true } : { key: text, down: false };
}

function compare(a: number | string, b: number | string): number {
	if (typeof a === 'number' && typeof b === 'number')
		return a - b;
	return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function arrange<Row>(rows: Row[], columns: Column<Row>[], sort: Sort, filter: string): Row[] {
	const wanted = filter.trim().toLowerCase();
	const found = wanted === '' ? rows : rows.filter((row) => columns.some((column) => String(column.value?.(row) ?? '').toLowerCase().includes(wanted)));
	const value = columns.find((column) => column.key === sort?.key)?.value;
	if (!sort || !value)
		return found;
	return [...found].sort((a, b) => compare(value(a), value(b)) * (sort.down ? -1 : 1));
}

/** Arrow keys, Home and End go from row to row; the whole table is one stop of the Tab key. */
function moveFocus(event: TargetedKeyboardEvent<HTMLElement>): void {
	const stops = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-row]')];
	const at = stops.findIndex((stop) => stop === document.activeElement);
	if (at < 0)
		return;
	const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: stops.length - 1 }[event.key];
	if (target === undefined)
		return;
	event.preventDefault();
	stops[target]?.focus();
}

function Heads<Row>({ columns, sort, sortable, sortKey }: { columns: Column<Row>[]; sort: Sort; sortable: boolean; sortKey: string }): VNode {
	const { t } = useSpeech();
	return (
		<tr>
			{columns.map((column) => {
				const mine = sort?.key === column.key;
				const next = mine && sort.down ? column.key : `-${column.key}`;
				return (
					<th
						key={column.key}
						scope="col"
						class={classOf(column)}
						aria-sort={sortable && mine ? (sort.down ? 'descending' : 'ascending') : undefined}
					>
						{sortable && column.value ? (
							<button type="button" class="sort" title={t.table.sortBy(column.head)} onClick={() => go(linkHere({ [sortKey]: next }), true)}>
								{column.head}
								<span class="sort-mark" aria-hidden="true">{mine ? (sort.down ? '↓' : '↑') : ''}</span>
							</button>
						) : (
							column.head
						)}
					</th>
				);
			})}
		</tr>
	);
}

function classOf(column: { number?: boolean; wide?: boolean }): string | undefined {
	const names = [column.number === true ? 'number' : '', column.wide === true ? 'wide' : ''].filter((name) => name !== '');
	return names.length > 0 ? names.join(' ') : undefined;
}

interface RowProps<Name extends keyof Queries> {
	table: Props<Name>;
	row: Queries[Name];
	index: number;
	current: boolean;
	onFocus: () => void;
	open: boolean;
	onToggle: () => void;
}

function Row<Name extends keyof Queries>({ table, row, index, current, onFocus, open, onToggle }: RowProps<Name>): VNode {
	const lead = (content: ComponentChildren): ComponentChildren => {
		const stop = { 'data-row': index, tabIndex: current ? 0 : -1, onFocus };
		if (table.href)
			return <a class="row-link" href={table.href(row)} {...stop}>{content}</a>;
		if (table.detail)
			return (
				<button type="button" class="row-button" aria-expanded={open} aria-label={table.detailLabel?.(row)} onClick={onToggle} {...stop}>
					<span class="turn" aria-hidden="true" />
					{content}
				</button>
			);
		return content;
	};
	return (
		<Fragment>
			<tr class={open ? 'open' : undefined}>
				{table.columns.map((column, at) =>
					at === 0 ? (
						<th key={column.key} scope="row" class={classOf(column)}>{lead(column.cell(row))}</th>
					) : (
						<td key={column.key} class={classOf(column)}>{column.cell(row)}</td>
					),
				)}
			</tr>
			{open && table.detail && (
				<tr class="detail">
					<td colSpan={table.columns.length}>{table.detail(row)}</td>
				</tr>
			)}
		</Fragment>
	);
}

function Rows<Name extends keyof Queries>({ table, answer }: { table: Props<Name>; answer: Answer<Queries[Name]> }): VNode {
	const { t } = useSpeech();
	const { query } = usePlace();
	const [current, setCurrent] = useState(0);
	const [open, setOpen] = useState<string | null>(null);
	const id = table.id ?? '';
	// Only a whole answer may be sorted here: a sorted first page would pass for the top of everything.
	const whole = answer.next === null && !query.has(`${id}after`);
	const sort = whole ? sortOf(query.get(`${id}sort`)) : null;
	const rows = arrange(answer.rows, table.columns, sort, query.get(`${id}filter`) ?? '');
	const at = Math.min(current, Math.max(0, rows.length - 1));
	return (
		<>
			<div class="scroll" role="group" aria-label={table.caption} tabIndex={0}>
				<table onKeyDown={moveFocus}>
					<caption class="hidden">{`${table.caption}. ${table.href ?? table.detail ? t.table.keys : ''}`}</caption>
					<thead>
						<Heads columns={table.columns} sort={sort} sortable={whole} sortKey={`${id}sort`} />
					</thead>
					<tbody>
						{rows.map((row, index) => {
							const key = table.rowKey(row);
							return (
								<Row
									key={key}
									table={table}
									row={row}
									index={index}
									current={index === at}
									onFocus={() => setCurrent(index)}
									open={open === key}
									onToggle={() => setOpen(open === key ? null : key)}
								/>
							);
						})}
					</tbody>
				</table>
			</div>
			<Foot table={table} answer={answer} shown={rows.length} whole={whole} />
		</>
	);
}

function Foot<Name extends keyof Queries>({ table, answer, shown, whole }: { table: Props<Name>; answer: Answer<Queries[Name]>; shown: number; whole: boolean }): VNode {
	const { t, whole: number } = useSpeech();
	const { query } = usePlace();
	const key = `${table.id ?? ''}after`;
	const count = answer.rows.length;
	return (
		<div class="table-foot">
			<p role="status">
				{shown === count ? t.table.rows(number(count)) : t.table.someRows(number(shown), number(count))}
				{answer.next !== null && ` · ${t.table.more}`}
			</p>
			{!whole && <p class="quiet wide">{t.table.order}</p>}
			{(query.has(key) || answer.next !== null) && (
				<p class="actions">
					{query.has(key) && <a href={linkHere({ [key]: null })}>{t.table.first}</a>}
					{answer.next !== null && <a href={linkHere({ [key]: answer.next })} rel="next">{t.table.next}</a>}
				</p>
			)}
		</div>
	);
}

function Tools<Name extends keyof Queries>({ table }: { table: Props<Name> }): VNode {
	const { t } = useSpeech();
	const { query } = usePlace();
	const view = useViewParameters();
	const id = table.id ?? '';
	const shown = { ...view, ...filterValues(table, query), ...table.parameters, limit: 1000 };
	return (
		<div class="table-tools">
			{table.filters?.map((filter) => (
				<label key={filter.parameter}>
					<span>{filter.label}</span>
					<select
						value={query.get(filter.parameter) ?? ''}
						onChange={(event) => go(linkHere({ [filter.parameter]: event.currentTarget.value }))}
					>
						<option value="">{filter.rest ?? t.table.all}</option>
						{filter.choices.map(([value, label]) => <option key={value} value={value}>{label}</option>)}
					</select>
				</label>
			))}
			<label>
				<span>{t.table.filter}</span>
				<input
					type="search"
					placeholder={t.table.filterHint}
					value={query.get(`${id}filter`) ?? ''}
					onInput={(event) => go(linkHere({ [`${id}filter`]: event.currentTarget.value, [`${id}after`]: query.get(`${id}after`) }), true)}
				/>
			</label>
			<span class="export" role="group" aria-label={`${t.table.export}: ${table.caption}`}>
				<span class="quiet">{t.table.export}</span>
				<a href={apiUrl(table.name, { ...shown, format: 'csv' })} download>{'CSV'}</a>
				<a href={apiUrl(table.name, shown)} download={`${table.name.replace('/', '-')}.json`}>{'JSON'}</a>
			</span>
		</div>
	);
}

function filterValues<Name extends keyof Queries>(table: Props<Name>, query: URLSearchParams): Changes {
	return Object.fromEntries((table.filters ?? []).map((filter) => [filter.parameter, query.get(filter.parameter)]));
}

export function DataTable<Name extends keyof Queries>(table: Props<Name>): VNode {
	const { query } = usePlace();
	const loaded = useAnswer(table.name, {
		...filterValues(table, query),
		...table.parameters,
		after: query.get(`${table.id ?? ''}after`),
	});
	const searching = (table.filters ?? []).length > 0;
	return (
		<div class="table">
			{(loaded.data?.rows.length !== 0 || searching) && <Tools table={table} />}
			<Result loaded={loaded} lines={12}>
				{(answer) => (answer.rows.length === 0 ? (table.empty ?? <Empty />) : <Rows table={table} answer={answer} />)}
			</Result>
		</div>
	);
}
