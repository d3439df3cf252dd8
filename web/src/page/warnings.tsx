// SPDX-License-Identifier: Apache-2.0
// What begins to change? Early warnings, each with its figures, the line around it, and the page of its port, country or address.
import type { VNode } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useAnswer, useSeries } from '../api';
import { linesOf } from '../chart/lines';
import type { Mark } from '../chart/series';
import { Spark } from '../chart/spark';
import { protocolNumber } from '../format';
import { Evidence } from '../part/evidence';
import { written } from '../part/range';
import { Empty } from '../part/result';
import { subjectHref } from '../part/search';
import { DataTable, type Column } from '../part/table';
import { useLanguage } from '../preferences';
import { jsonObject, type Warning } from '../rows';
import { named, useSpeech } from '../text/index';
import * as column from './columns';
import { Page } from './tables';

const AROUND = 6 * 3_600_000; /* ms before a warning that its line shows */
const AFTER = 3_600_000;
const SPARK = { width: 160, height: 30 };
const MOST = 1000;

/** True once the element has been on the screen: what nobody sees asks no question. */
function useSeen(): [(element: HTMLElement | null) => void, boolean] {
	const [seen, setSeen] = useState(false);
	const watcher = useRef<IntersectionObserver | null>(null);
	useEffect(() => () => watcher.current?.disconnect(), []);
	const follow = useRef((element: HTMLElement | null) => {
		watcher.current?.disconnect();
		if (!element)
			return;
		watcher.current = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && setSeen(true));
		watcher.current.observe(element);
	}).current;
	return [follow, seen];
}

function PortSpark({ warning, protocol, port }: { warning: Warning; protocol: number; port: number }): VNode {
	const { t, whole } = useSpeech();
	const began = Date.parse(warning.time);
	const loaded = useSeries({
		by: 'port', step: '5m', protocol, port, sensor: warning.sensor,
		from: written(began - AROUND), to: written(Math.max(began, Date.parse(warning.last) || 0) + AFTER),
	});
	const { times, lines } = linesOf(loaded.data?.rows ?? [], '5m', 'sources');
	const line = lines[0];
	if (!line)
		return <span class="quiet">{loaded.loading ? '…' : '–'}</span>;
	const mark = times.findIndex((time) => time * 1000 >= began);
	return <Spark {...SPARK} values={line.values} summary={t.warnings.spark(whole(line.most))} {...(mark < 0 ? {} : { mark })} />;
}

function Line({ warning }: { warning: Warning }): VNode {
	const [follow, seen] = useSeen();
	const match = /^(tcp|udp)\/(\d+)$/.exec(warning.key);
	return (
		<span class="spark-cell" ref={follow}>
			{match && seen ? <PortSpark warning={warning} protocol={protocolNumber(match[1] ?? '') ?? 6} port={Number(match[2])} /> : '–'}
		</span>
	);
}

const useReason = (): ((warning: Warning) => string) => {
	const language = useLanguage();
	return (warning) => (language === 'ja' ? warning.reason_ja : warning.reason_en);
};

function Detail({ warning }: { warning: Warning }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const reason = useReason();
	const href = subjectHref(warning.key);
	return (
		<div class="finding">
			<p>{reason(warning)}</p>
			<p class="quiet">{`${t.finding.seen(speech.span(warning.time, warning.last), speech.zone)} · ${warning.sensor}`}</p>
			{href !== null && <p class="actions"><a href={href}>{t.warnings.open(/^[A-Z]{2}$/.test(warning.key) ? speech.country(warning.key) : warning.key)}</a></p>}
			<h2>{t.finding.evidence}</h2>
			<Evidence object={jsonObject(warning.evidence)} />
		</div>
	);
}

/** The warnings about one key, and the marks that they make in its series. */
export function useWarnings(key: string): { warnings: Warning[]; marks: Mark[] } {
	const speech = useSpeech();
	const { t } = speech;
	const { data } = useAnswer('warnings', { research: null, limit: MOST });
	const warnings = useMemo(() => (data?.rows ?? []).filter((row) => row.key === key), [data, key]);
	const marks = useMemo(
		() => warnings.map((row) => ({ at: Date.parse(row.time) / 1000, label: t.warnings.mark(named(t.warnings.kinds, row.kind), speech.moment(row.time)) })),
		[warnings, t, speech.zone],
	);
	return { warnings, marks };
}

export function WarningList({ warnings }: { warnings: Warning[] }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const reason = useReason();
	return (
		<ul class="changed card">
			{warnings.map((warning) => (
				<li key={`${warning.kind} ${warning.time} ${warning.sensor}`}>
					<p class="changed-head">
						<span aria-hidden="true">{'▼'}</span>
						<strong>{named(t.warnings.kinds, warning.kind)}</strong>
						<span class="quiet">{t.warnings.score(String(Number(warning.score.toPrecision(3))))}</span>
						<time class="quiet" dateTime={warning.time}>{`${speech.moment(warning.time)} ${speech.zone}`}</time>
					</p>
					<p>{reason(warning)}</p>
				</li>
			))}
		</ul>
	);
}

export function WarningsPage(): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const reason = useReason();
	const columns: Column<Warning>[] = [
		column.text('kind', t.warnings.kind, (row) => named(t.warnings.kinds, row.kind)),
		{ key: 'key', head: t.warnings.key, value: (row) => row.key, cell: (row) => <Key name={row.key} /> },
		{ key: 'score', head: t.warnings.scoreHead, number: true, value: (row) => row.score, cell: (row) => String(Number(row.score.toPrecision(3))) },
		column.wide(column.number(speech, 'sources', t.column.sources, (row) => row.sources)),
		column.wide(column.number(speech, 'packets', t.column.packets, (row) => row.packets)),
		{ key: 'line', head: t.warnings.line, wide: true, cell: (row) => <Line warning={row} /> },
		column.wide({ key: 'reason', head: t.column.reason, value: reason, cell: (row) => <span class="prose">{reason(row)}</span> }),
		column.wide(column.time(speech, 'time', t.column.time, (row) => row.time)),
	];
	return (
		<Page title={t.page.warnings} lead={t.page.warningsLead}>
			<DataTable
				name="warnings"
				caption={t.navigation.warnings}
				columns={columns}
				rowKey={(row) => `${row.sensor} ${row.kind} ${row.key} ${row.time}`}
				detail={(row) => <Detail warning={row} />}
				detailLabel={(row) => t.finding.show(named(t.warnings.kinds, row.kind), row.key)}
				parameters={{ research: null }}
				filters={[{ parameter: 'kind', label: t.warnings.kind, choices: Object.entries(t.warnings.kinds) }]}
				empty={<Empty text={t.warnings.nothing} hint={t.warnings.nothingHint} />}
			/>
		</Page>
	);
}

function Key({ name }: { name: string }): VNode {
	const { country } = useSpeech();
	const href = subjectHref(name);
	const text = /^[A-Z]{2}$/.test(name) ? country(name) : name;
	return href === null ? <span class="mono">{text}</span> : <a class={text === name ? 'mono' : undefined} href={href}>{text}</a>;
}
