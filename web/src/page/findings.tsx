// SPDX-License-Identifier: Apache-2.0
import type { ComponentChildren, VNode } from 'preact';
import { pageOf } from '../c2/today';
import type { Reason } from '../c2/types';
import { Waterfall } from '../c2/waterfall';
import { words } from '../format';
import { useLanguage } from '../preferences';
import { Evidence } from '../part/evidence';
import { subjectHref } from '../part/search';
import { DataTable, type Column } from '../part/table';
import { linkTo, type Changes } from '../route';
import { jsonObject, type Finding, type Json, type JsonObject } from '../rows';
import { URGENT } from '../severity';
import { named, useSpeech } from '../text/index';
import * as column from './columns';
import { Page } from './tables';

/* Findings that are warnings, too: there they have their figures and their line. */
const EARLY = new Set(['early-warning-change', 'early-warning-spread', 'slow-scanner', 'aggressive-scanner']);

export function Severity({ value }: { value: number }): VNode {
	const { t } = useSpeech();
	return <span class={value >= URGENT ? 'severity urgent' : 'severity'}>{t.severities[value] ?? String(value)}</span>;
}

const isReason = (value: Json): boolean =>
	value !== null && typeof value === 'object' && !Array.isArray(value) && typeof value.code === 'string' && typeof value.text_en === 'string' && typeof value.text_ja === 'string' &&
	typeof value.value === 'number' && typeof value.weight === 'number';

/** The weighed reasons of a verdict on flows; none where the evidence is of another kind. */
function reasonsIn({ reasons }: JsonObject): Reason[] {
	return Array.isArray(reasons) && reasons.every(isReason) ? (reasons as unknown as Reason[]) : [];
}

/* What a verdict's evidence says that stands above it already. */
const TOLD = ['kind', 'subject', 'confidence', 'clients', 'first_seen', 'last_seen', 'reasons', 'similar', 'alarm'];

export function FindingDetail({ finding }: { finding: Finding }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const href = subjectHref(finding.subject);
	const reason = useLanguage() === 'ja' ? finding.reason_ja : finding.reason_en;
	const evidence = jsonObject(finding.evidence);
	const reasons = reasonsIn(evidence);
	return (
		<div class="finding">
			<p>{reason}</p>
			<p class="quiet">
				{`${t.finding.seen(speech.span(finding.first, finding.last), speech.zone)} · ${t.finding.confidence(speech.percent(finding.confidence))} · ${words(finding.sensor).join(', ')}`}
			</p>
			<p class="actions">
				{href !== null && <a href={href}>{t.finding.openSource}</a>}
				{finding.kind === 'c2-server' && <a href={pageOf(finding)}>{t.c2.open}</a>}
				{EARLY.has(finding.kind) && <a href={linkTo('/telescope/warnings')}>{t.warnings.all}</a>}
			</p>
			<h2>{t.finding.evidence}</h2>
			{reasons.length > 0 && <Waterfall reasons={reasons} confidence={finding.confidence} />}
			<Evidence object={evidence} told={reasons.length > 0 ? TOLD : []} />
		</div>
	);
}

interface TableProps {
	parameters?: Changes;
	id?: string;
	filters?: boolean;
	empty?: ComponentChildren;
}

export function FindingTable({ parameters, id, filters = true, empty }: TableProps): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const language = useLanguage();
	const columns: Column<Finding>[] = [
		column.text('kind', t.column.kind, (row) => named(t.kinds, row.kind)),
		{ key: 'subject', head: t.column.subject, value: (row) => row.subject, cell: (row) => <span class="mono">{row.subject}</span> },
		{ key: 'severity', head: t.column.severity, value: (row) => row.severity, cell: (row) => <Severity value={row.severity} /> },
		column.wide({ key: 'reason', head: t.column.reason, value: (row) => (language === 'ja' ? row.reason_ja : row.reason_en), cell: (row) => <span class="prose">{language === 'ja' ? row.reason_ja : row.reason_en}</span> }),
		column.wide(column.number(speech, 'count', t.column.count, (row) => row.count)),
		column.wide(column.time(speech, 'last', t.column.last, (row) => row.last)),
	];
	return (
		<DataTable
			name="findings"
			caption={t.navigation.findings}
			columns={columns}
			rowKey={(row) => `${row.sensor} ${row.kind} ${row.subject} ${row.first}`}
			detail={(row) => <FindingDetail finding={row} />}
			detailLabel={(row) => t.finding.show(named(t.kinds, row.kind), row.subject)}
			parameters={parameters ?? {}}
			id={id ?? ''}
			empty={empty}
			filters={filters ? [{ parameter: 'kind', label: t.column.kind, choices: Object.entries(t.kinds) }] : []}
		/>
	);
}

export function FindingsPage(): VNode {
	const { t } = useSpeech();
	return (
		<Page title={t.page.findings}>
			<FindingTable />
		</Page>
	);
}
