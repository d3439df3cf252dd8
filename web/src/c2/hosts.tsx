// SPDX-License-Identifier: Apache-2.0
// Hosts that a verdict is about: infected, scanning, taking part in attacks or under one. Clients are pseudonyms.
import type { VNode } from 'preact';
import { DataTable, type Column } from '../part/table';
import * as column from '../page/columns';
import { named, useSpeech } from '../text/index';
import { Alarm, Confidence, Heaviest, useReason } from './part';
import { questionOf } from './servers';
import { HOST_KINDS, serviceOf, type Host } from './types';
import { Waterfall } from './waterfall';

export function Hosts({ purpose, day }: { purpose: string; day: string | null }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const say = useReason();
	const columns: Column<Host>[] = [
		{ key: 'address', head: t.c2.host, value: (row) => row.address, cell: (row) => <span class="mono">{row.address}</span> },
		column.text('kind', t.column.kind, (row) => named(t.kinds, row.kind)),
		{ key: 'confidence', head: t.c2.confidence, value: (row) => row.confidence, cell: (row) => <Confidence value={row.confidence} /> },
		column.wide({ key: 'alarm', head: t.c2.state, value: (row) => row.alarm, cell: (row) => <Alarm alarm={row.alarm} /> }),
		column.wide(column.time(speech, 'last', t.column.last, (row) => row.last)),
		column.wide({ key: 'why', head: t.column.reason, value: (row) => row.reasons.map(say).join(' '), cell: (row) => <Heaviest reasons={row.reasons} /> }),
	];
	return (
		<DataTable
			name="flow/hosts"
			id="host_"
			caption={t.c2.hosts}
			columns={columns}
			rowKey={(row) => `${row.kind} ${serviceOf(row)}`}
			detail={(row) => (
				<div class="finding">
					<p class="quiet">{`${t.finding.seen(speech.span(row.first, row.last), speech.zone)}${row.port > 0 ? ` · ${row.port}/${row.protocol}` : ''} · ${row.sensor}`}</p>
					<Waterfall reasons={row.reasons} confidence={row.confidence} />
				</div>
			)}
			detailLabel={(row) => t.finding.show(named(t.kinds, row.kind), row.address)}
			parameters={questionOf(purpose, day)}
			filters={[{ parameter: 'kind', label: t.column.kind, choices: HOST_KINDS.map((kind) => [kind, named(t.kinds, kind)]) }]}
			empty={<p class="quiet">{t.c2.noHosts}</p>}
		/>
	);
}
