// SPDX-License-Identifier: Apache-2.0
// Columns that several tables share.
import type { Column } from '../part/table';
import { ClassMark } from '../part/class';
import { Sources } from '../part/figure';
import { serviceName } from '../data/ports';
import { portLabel, protocolName, words } from '../format';
import { named, type Speech } from '../text/index';

export const text = <Row,>(key: string, head: string, value: (row: Row) => string): Column<Row> => ({ key, head, value, cell: value });

export const number = <Row,>(speech: Speech, key: string, head: string, value: (row: Row) => number): Column<Row> => ({
	key, head, value, number: true, cell: (row) => speech.whole(value(row)),
});

export const wide = <Row,>(column: Column<Row>): Column<Row> => ({ ...column, wide: true });

export const port = <Row extends { protocol: number; port: number }>({ t }: Speech): Column<Row> => ({
	key: 'port',
	head: t.column.port,
	value: (row) => portLabel(row.protocol, row.port),
	cell: (row) => (
		<>
			<span class="mono">{portLabel(row.protocol, row.port)}</span>{' '}
			<span class="service">{serviceName(protocolName(row.protocol), row.port)}</span>
		</>
	),
});

export const portClass = <Row extends { class: string }>({ t }: Speech): Column<Row> => ({
	key: 'class', head: t.column.class, value: (row) => named(t.classes, row.class), cell: (row) => <ClassMark name={row.class} />,
});

export const sources = <Row extends { sources: number; sources_error: number }>({ t }: Speech): Column<Row> => ({
	key: 'sources', head: t.column.sources, number: true, value: (row) => row.sources, cell: (row) => <Sources value={row.sources} error={row.sources_error} />,
});

export const address = <Row extends { address: string }>({ t }: Speech): Column<Row> => ({
	key: 'address', head: t.column.address, value: (row) => row.address, cell: (row) => <span class="mono">{row.address}</span>,
});

export const time = <Row,>(speech: Speech, key: string, head: string, value: (row: Row) => string): Column<Row> => ({
	key, head: `${head} (${speech.zone})`, value, cell: (row) => <time dateTime={value(row)}>{speech.moment(value(row))}</time>,
});

export const country = <Row extends { country: string }>(speech: Speech): Column<Row> => ({
	key: 'country', head: speech.t.column.country, value: (row) => speech.country(row.country), cell: (row) => (row.country === '' ? '–' : speech.country(row.country)),
});

export const networkName = (row: { asn: number; as_name: string }): string => (row.asn === 0 ? '–' : `AS${row.asn} ${row.as_name}`.trim());

export const network = <Row extends { asn: number; as_name: string }>({ t }: Speech): Column<Row> => text('network', t.column.network, networkName);

/** "scaled" → its name, "list:NAME" → the list; several with commas where days differ. */
export const ruleNames = ({ t }: Speech, rules: string): string =>
	words(rules).map((rule) => (rule.startsWith('list:') ? t.researchList(rule.slice(5)) : named(t.researchNames, rule))).join(', ');

export const toolList = ({ t }: Speech, tools: string): string => words(tools).map((tool) => named(t.toolNames, tool)).join(', ');
