// SPDX-License-Identifier: Apache-2.0
// The tables of the telescope, each with its question.
import type { ComponentChildren, VNode } from 'preact';
import { portHref } from '../chart/ring';
import { portLabel } from '../format';
import { Rich } from '../part/rich';
import { sourceHref } from '../part/search';
import { DataTable, type Column } from '../part/table';
import { linkTo, type Changes } from '../route';
import type { Campaign, Network, Port, Scanner, Source, Tool, Victim } from '../rows';
import { named, useSpeech, type Speech } from '../text/index';
import * as column from './columns';

export function Page({ title, lead, children }: { title: string; lead?: string; children: ComponentChildren }): VNode {
	return (
		<>
			<h1>{title}</h1>
			{lead !== undefined && <p class="lead"><Rich text={lead} /></p>}
			{children}
		</>
	);
}

export function PortsPage(): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const columns: Column<Port>[] = [
		column.port(speech),
		column.wide(column.portClass(speech)),
		column.number(speech, 'packets', t.column.packets, (row) => row.packets),
		column.sources(speech),
		column.wide({ key: 'share', head: t.column.share, number: true, value: (row) => row.share, cell: (row) => speech.percent(row.share) }),
		column.wide({ key: 'bytes', head: t.column.bytes, number: true, value: (row) => row.bytes, cell: (row) => speech.bytes(row.bytes) }),
	];
	return (
		<Page title={t.page.ports} lead={t.page.portsLead}>
			<DataTable
				name="telescope/ports"
				caption={t.navigation.ports}
				columns={columns}
				rowKey={(row) => portLabel(row.protocol, row.port)}
				href={(row) => portHref(row.protocol, row.port)}
				filters={[
					{ parameter: 'protocol', label: t.table.protocol, choices: [['6', 'TCP'], ['17', 'UDP']] },
					{ parameter: 'class', label: t.column.class, choices: Object.entries(t.classes) },
				]}
			/>
		</Page>
	);
}

function sourceColumns(speech: Speech, packets: string): Column<Source>[] {
	const { t } = speech;
	return [
		column.address(speech),
		column.number(speech, 'packets', packets, (row) => row.packets),
		column.wide(column.number(speech, 'ports', t.column.ports, (row) => row.ports)),
		column.text('tools', t.column.tools, (row) => column.toolList(speech, row.tools)),
		column.wide(column.text('research', t.column.research, (row) => column.ruleNames(speech, row.research))),
		column.wide(column.country(speech)),
		column.wide(column.network(speech)),
		column.wide(column.time(speech, 'last', t.column.last, (row) => row.last)),
	];
}

export function SourceTable({ caption, packets, parameters, id, tools }: { caption: string; packets: string; parameters?: Changes; id?: string; tools?: boolean }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	return (
		<DataTable
			name="telescope/sources"
			caption={caption}
			columns={sourceColumns(speech, packets)}
			rowKey={(row) => row.address}
			href={(row) => sourceHref(row.address)}
			parameters={parameters ?? {}}
			id={id ?? ''}
			filters={tools === false ? [] : [{ parameter: 'tool', label: t.column.tools, choices: Object.entries(t.toolNames) }]}
		/>
	);
}

export function SourcesPage(): VNode {
	const { t } = useSpeech();
	return (
		<Page title={t.page.sources} lead={t.page.sourcesLead}>
			<SourceTable caption={t.navigation.sources} packets={t.column.packets} />
		</Page>
	);
}

export function ScannersPage(): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const columns: Column<Scanner>[] = [
		column.address(speech),
		column.text('rule', t.column.rule, (row) => column.ruleNames(speech, row.rule)),
		column.number(speech, 'packets', t.column.packets, (row) => row.packets),
		column.wide(column.number(speech, 'ports', t.column.ports, (row) => row.ports)),
		column.wide(column.country(speech)),
		column.wide(column.network(speech)),
		column.wide(column.time(speech, 'first', t.column.first, (row) => row.first)),
		column.wide(column.time(speech, 'last', t.column.last, (row) => row.last)),
	];
	return (
		<Page title={t.page.scanners} lead={t.page.scannersLead}>
			<DataTable name="telescope/scanners" caption={t.navigation.scanners} columns={columns} rowKey={(row) => `${row.address} ${row.first}`} href={(row) => sourceHref(row.address)} />
		</Page>
	);
}

export function ToolsPage(): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const columns: Column<Tool>[] = [
		column.text('tool', t.column.tools, (row) => named(t.toolNames, row.tool)),
		column.number(speech, 'packets', t.column.packets, (row) => row.packets),
		column.sources(speech),
		{ key: 'how', head: t.sourcePage.how, wide: true, cell: (row) => <span class="prose">{named(t.evidence.toolRules, row.tool)}</span> },
	];
	return (
		<Page title={t.page.tools} lead={t.page.toolsLead}>
			<DataTable name="telescope/tools" caption={t.navigation.tools} columns={columns} rowKey={(row) => row.tool} href={(row) => linkTo('/telescope/sources', { tool: row.tool })} />
		</Page>
	);
}

/** A host, or the network over which an attack is spread. */
const victimLabel = (row: Victim): string => (row.prefix_length === 32 || row.prefix_length === 128 ? row.address : `${row.address}/${row.prefix_length}`);

export function VictimsPage(): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const columns: Column<Victim>[] = [
		{ key: 'address', head: t.column.address, value: victimLabel, cell: (row) => <span class="mono">{victimLabel(row)}</span> },
		column.wide(column.number(speech, 'addresses', t.column.addresses, (row) => row.addresses)),
		{ key: 'attacked', head: t.column.attacked, value: (row) => portLabel(row.protocol, row.target_port), cell: (row) => <span class="mono">{portLabel(row.protocol, row.target_port)}</span> },
		column.number(speech, 'packets', t.column.packets, (row) => row.packets),
		column.wide(column.number(speech, 'peak', t.column.peak, (row) => row.peak_60s)),
		column.wide({ key: 'rate', head: t.column.rate, number: true, value: (row) => row.rate, cell: (row) => (row.rate > 0 ? speech.compact(row.rate) : '–') }),
		column.wide(column.country(speech)),
		column.wide(column.network(speech)),
		column.time(speech, 'first', t.column.first, (row) => row.first),
		column.wide(column.time(speech, 'last', t.column.last, (row) => row.last)),
	];
	return (
		<Page title={t.page.victims} lead={t.page.victimsLead}>
			<DataTable name="telescope/victims" caption={t.navigation.victims} columns={columns} rowKey={(row) => `${victimLabel(row)} ${row.protocol} ${row.first}`} href={(row) => (victimLabel(row) === row.address ? sourceHref(row.address) : linkTo('/findings', { kind: 'ddos-carpet' }))} />
		</Page>
	);
}

export function CampaignsPage(): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const columns: Column<Campaign>[] = [
		{ key: 'signature', head: t.column.signature, value: (row) => row.signature, cell: (row) => <span class="mono break">{row.signature}</span> },
		column.number(speech, 'sources', t.column.sources, (row) => row.sources),
		column.number(speech, 'packets', t.column.packets, (row) => row.packets),
		column.wide(column.port(speech)),
		{ key: 'day', head: `${t.column.day} (UTC)`, value: (row) => row.time, cell: (row) => speech.day(row.time) },
	];
	return (
		<Page title={t.page.campaigns} lead={t.page.campaignsLead}>
			<DataTable name="telescope/campaigns" caption={t.navigation.campaigns} columns={columns} rowKey={(row) => `${row.time} ${row.signature}`} href={(row) => portHref(row.protocol, row.port)} />
		</Page>
	);
}

export function NetworkTable({ country }: { country: string }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const columns: Column<Network>[] = [
		column.network(speech),
		column.number(speech, 'packets', t.column.packets, (row) => row.packets),
		column.sources(speech),
	];
	return <DataTable name="telescope/networks" caption={t.countryPage.networks} columns={columns} rowKey={(row) => `${row.asn} ${row.country}`} parameters={{ country }} id="networks_" />;
}
