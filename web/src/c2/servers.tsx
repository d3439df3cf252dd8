// SPDX-License-Identifier: Apache-2.0
// The ranked servers of a day: how sure, who obeys, and the heaviest reasons.
import type { VNode } from 'preact';
import { Empty } from '../part/result';
import { DataTable, type Column } from '../part/table';
import * as column from '../page/columns';
import type { Changes } from '../route';
import { useSpeech, type Speech } from '../text/index';
import { Alarm, Confidence, Heaviest, serverHref, useBucket, useReason } from './part';
import { serviceOf, type Server, type Service } from './types';

const PAGE = 100;

/** The bar's range, sensor (of the telescope) and research switch are no questions to verdicts: a day is. */
export const questionOf = (purpose: string, day: string | null): Changes => ({ purpose, day, sensor: null, from: null, to: null, research: null, limit: PAGE });

/** "AS64501, Netherlands". */
export function placeOf(speech: Speech, server: Server): string {
	const parts = [server.as === 0 ? '' : `AS${server.as}`, server.country === '' ? '' : speech.country(server.country)].filter((part) => part !== '');
	return parts.length > 0 ? parts.join(speech.t.c2.comma) : '–';
}

export function ServiceName({ service }: { service: Service }): VNode {
	return <span class="mono">{serviceOf(service)}</span>;
}

/** `empty`: what is said where no server was found. */
export function Servers({ purpose, day, empty }: { purpose: string; day: string | null; empty: VNode }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const bucket = useBucket();
	const say = useReason();
	const columns: Column<Server>[] = [
		{ key: 'server', head: t.c2.server, value: serviceOf, cell: (row) => <ServiceName service={row} /> },
		{ key: 'confidence', head: t.c2.confidence, value: (row) => row.confidence, cell: (row) => <Confidence value={row.confidence} /> },
		{ key: 'alarm', head: t.c2.state, value: (row) => row.alarm, cell: (row) => <Alarm alarm={row.alarm} feedback={row.feedback} /> },
		column.wide({ key: 'clients', head: t.c2.clients, number: true, value: (row) => row.clients, cell: (row) => bucket(row.clients) }),
		column.wide({ key: 'place', head: t.c2.place, value: (row) => placeOf(speech, row), cell: (row) => placeOf(speech, row) }),
		column.wide({
			key: 'seen', head: `${t.c2.seenFromTo} (${speech.zone})`, value: (row) => row.last, cell: (row) => (
				<span class="from-to">
					<time dateTime={row.first}>{speech.moment(row.first)}</time>
					<time dateTime={row.last}>{speech.moment(row.last)}</time>
				</span>
			),
		}),
		column.wide({ key: 'why', head: t.column.reason, value: (row) => row.reasons.map(say).join(' '), cell: (row) => <Heaviest reasons={row.reasons} /> }),
	];
	return (
		<DataTable
			name="flow/servers"
			caption={t.c2.servers}
			columns={columns}
			rowKey={serviceOf}
			href={serverHref}
			parameters={questionOf(purpose, day)}
			filters={[{ parameter: 'alarm', label: t.c2.state, choices: [['only', t.c2.alarmsOnly]], rest: t.c2.allRanked }]}
			empty={empty}
		/>
	);
}

export function NoAlarm(): VNode {
	const { t } = useSpeech();
	return <Empty text={t.c2.noAlarm} hint={t.c2.noAlarmHint} />;
}
