// SPDX-License-Identifier: Apache-2.0
// What the API says of flows (/api/v1/flow/…).
import type { JsonObject } from '../rows';

export const DIMENSIONS = ['service', 'as', 'country', 'exporter'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export const PURPOSES = ['c2-detection', 'notification', 'own-operation'] as const;
export type Purpose = (typeof PURPOSES)[number];

export const ORDERS = ['bytes', 'packets', 'flows'] as const;
export type Order = (typeof ORDERS)[number];

/** What the store knows of an exporter; `detail` is as the collector reports it. */
export interface StoredExporter {
	exporter: string;
	domain: number;
	detail: JsonObject | string | null;
}

/** Sums of one step; `estimated_…` are multiplied by the sampling rates, of flows whose rate is known. */
export interface TrafficRow {
	time: string;
	key: string;
	name: string;
	flows: number;
	packets: number;
	bytes: number;
	estimated_packets: number;
	estimated_bytes: number;
	unknown_flows: number;
}

/** An answer of flow/query: rows are flows, or with `top` one for each group; a point of the series is a time, a
 * group's fields and the value of `order`. */
export interface FlowAnswer {
	from: string | null;
	to: string | null;
	purpose: string;
	expression: string;
	scanned: { flows: number; parts: number; skipped: number; damaged: number; bytes: number };
	totals?: Totals;
	order?: string;
	columns?: string[];
	rows: JsonObject[];
	step?: number;
	series?: (string | number | null)[][];
}

export interface Totals {
	flows: number;
	packets: number;
	bytes: number;
	estimated_packets: number;
	estimated_bytes: number;
	unknown_sampling: number;
	first: string | null;
	last: string | null;
	exact?: boolean;
	error?: number;
}

export interface Rate {
	rate: number;
	from: string;
	interface?: number;
	selector?: number;
	effective?: number;
}

export interface Exporter {
	exporter: string;
	domain: number;
	export: string;
	port?: number;
	first_seen: string;
	last_seen: string;
	datagrams: number;
	records: number;
	options_records: number;
	templates: number;
	pending_bytes: number;
	dropped: Record<string, number>;
	lost: { unit: string; standard: boolean; received: number; network: number; unknown: number; restarts: number; exporter?: number };
	sampling: Rate[];
	active_timeout: number;
	active_timeout_from: string | null;
	inactive_timeout: number;
	inactive_timeout_from: string | null;
	clock_offset_ms: number | null;
}

/** flow/collector: what the parser knows of its exporters. */
export interface Collector {
	time: string;
	records: number;
	dropped: Record<string, number>;
	lost: { kernel_datagrams: number; queue_flows: number };
	exporters: Exporter[];
}
