// SPDX-License-Identifier: Apache-2.0
// Who finds an IPv6 darknet, and how were its addresses chosen? One scanner has a network to itself, so networks are counted, too.
import type { VNode } from 'preact';
import { Command, Empty } from '../part/result';
import { DataTable, type Column } from '../part/table';
import type { Ipv6, Ipv6Network } from '../rows';
import { named, useSpeech, type Speech } from '../text/index';
import * as column from './columns';
import { Page } from './tables';

const rowKey = (row: Ipv6): string => `${row.time} ${row.key}`;

function columnsOf(speech: Speech, head: string, nameOf: (key: string) => string, sources: string): Column<Ipv6>[] {
	const { t } = speech;
	return [
		column.text('key', head, (row) => nameOf(row.key)),
		column.number(speech, 'packets', t.column.packets, (row) => row.packets),
		{ ...column.sources(speech), head: sources },
		column.wide({ key: 'destinations', head: t.ipv6.destinations, number: true, value: (row) => row.destinations, cell: (row) => `${t.figure.about}${speech.whole(row.destinations)}` }),
		{ key: 'day', head: `${t.column.day} (UTC)`, value: (row) => row.time, cell: (row) => speech.day(row.time) },
	];
}

function Networks(): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const columns: Column<Ipv6Network>[] = [
		{ key: 'network', head: t.column.network, value: (row) => row.network, cell: (row) => <span class="mono">{`${row.network}/${row.length}`}</span> },
		column.number(speech, 'packets', t.column.packets, (row) => row.packets),
		column.number(speech, 'sources', t.ipv6.addresses, (row) => row.sources),
		column.wide(column.number(speech, 'ports', t.column.ports, (row) => row.ports)),
		column.wide(column.country(speech)),
		column.wide({ ...column.network(speech), key: 'as', head: t.ipv6.holder }),
		column.wide(column.time(speech, 'last', t.column.last, (row) => row.last)),
	];
	return (
		<DataTable
			name="telescope/ipv6-networks"
			caption={t.ipv6.networks}
			columns={columns}
			rowKey={(row) => `${row.network} ${row.length}`}
			parameters={{ research: null }}
			id="networks_"
			filters={[{ parameter: 'length', label: t.ipv6.length, choices: ['32', '48', '64'].map((length) => [length, `/${length}`]), rest: '/64' }]}
			empty={<Nothing />}
		/>
	);
}

function Nothing(): VNode {
	const { t } = useSpeech();
	return (
		<Empty text={t.ipv6.nothing} hint={t.ipv6.nothingHint}>
			<Command text="noroshi telescope read capture.pcap --dark 2001:db8::/32 --store noroshi.db" />
		</Empty>
	);
}

export function Ipv6Page(): VNode {
	const speech = useSpeech();
	const { t } = speech;
	return (
		<Page title={t.page.ipv6} lead={t.page.ipv6Lead}>
			<section aria-labelledby="patterns-head">
				<h2 id="patterns-head">{t.ipv6.patterns}</h2>
				<DataTable
					name="telescope/ipv6"
					caption={t.ipv6.patterns}
					columns={columnsOf(speech, t.ipv6.pattern, (key) => named(t.ipv6.patternNames, key), t.column.sources)}
					rowKey={rowKey}
					parameters={{ dimension: 'pattern', research: null }}
					id="patterns_"
					empty={<p class="quiet">{t.states.empty}</p>}
				/>
			</section>
			<section aria-labelledby="lengths-head">
				<h2 id="lengths-head">{t.ipv6.lengths}</h2>
				<DataTable
					name="telescope/ipv6"
					caption={t.ipv6.lengths}
					columns={columnsOf(speech, t.ipv6.length, (key) => key, t.ipv6.distinct)}
					rowKey={rowKey}
					parameters={{ dimension: 'length', research: null }}
					id="lengths_"
					empty={<p class="quiet">{t.states.empty}</p>}
				/>
			</section>
			<section aria-labelledby="networks-head">
				<h2 id="networks-head">{t.ipv6.networks}</h2>
				<Networks />
			</section>
		</Page>
	);
}
