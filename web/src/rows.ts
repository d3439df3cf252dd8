// SPDX-License-Identifier: Apache-2.0
// The rows of the API (/api/v1/openapi.json), query by query.
import type { DetectStatus, Host, Server } from './c2/types';
import type { StoredExporter, TrafficRow } from './flow/types';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = Record<string, Json>;

/** `error`: relative standard error; 0 = exact, below 0 = at least. */
interface Counted {
	packets: number;
	sources: number;
	sources_error: number;
}

interface Origin {
	country: string;
	asn: number;
	as_name: string;
}

export interface Coverage {
	sensor: string;
	first: string;
	last: string;
	sources_exact: number;
	runs: number;
}

export interface Summary extends Counted {
	bytes: number;
	scan_packets: number;
	backscatter_packets: number;
	research_packets: number;
	research_sources: number;
	top_protocol: number;
	top_port: number;
	top_class: string;
	top_packets: number;
	findings: number;
}

export interface Port extends Counted {
	protocol: number;
	port: number;
	class: string;
	bytes: number;
	share: number;
}

export interface Sample extends Counted {
	time: string;
	key: string;
	bytes: number;
}

export interface Country extends Counted {
	country: string;
}

export interface Network extends Counted, Origin {}

export interface Source extends Origin {
	address: string;
	packets: number;
	scan_packets: number;
	ports: number;
	first: string;
	last: string;
	categories: string;
	tools: string;
	research: string;
	marks: string;
}

export interface SourceDay extends Source {
	time: string;
	sensor: string;
	evidence: JsonObject | string | null;
}

export interface SourcePort {
	protocol: number;
	port: number;
	class: string;
	packets: number;
	bytes: number;
}

export interface Tool extends Counted {
	tool: string;
}

export interface Scanner extends Origin {
	address: string;
	packets: number;
	ports: number;
	rule: string;
	first: string;
	last: string;
}

export interface Victim extends Origin {
	address: string;
	prefix_length: number; /* 32 or 128: one host */
	addresses: number;
	protocol: number;
	first: string;
	last: string;
	packets: number;
	peak_60s: number;
	targets: number;
	target_port: number;
	rate: number;
}

export interface Campaign {
	time: string;
	signature: string;
	sources: number;
	packets: number;
	protocol: number;
	port: number;
	first: string;
	last: string;
}

export interface Run {
	time: string;
	input: string;
	frames: number;
	packets: number;
	bytes: number;
	late: number;
	first: string;
	last: string;
	dropped: JsonObject | string | null;
	dark: number;
	rules: string;
}

export interface Finding {
	sensor: string;
	sense: string;
	kind: string;
	subject: string;
	first: string;
	last: string;
	count: number;
	confidence: number;
	severity: number;
	reason_en: string;
	reason_ja: string;
	evidence: JsonObject | string | null;
}

/** A time in which a sense did not see everything. `last`: null while it goes on; `packets`: 0 where nobody knows. */
export interface Gap {
	sensor: string;
	sense: string;
	first: string;
	last: string | null;
	cause: string;
	packets: number;
	text_en: string;
	text_ja: string;
}

export interface Warning {
	sensor: string;
	time: string;
	/** End of the last slot in which it lasted. */
	last: string;
	kind: string;
	/** "tcp/23", a country code, or an address. */
	key: string;
	value: number;
	score: number;
	sources: number;
	packets: number;
	/** 1: a finding, too; 0: asked for by notable=all. */
	notable: number;
	evidence: JsonObject | string | null;
	reason_en: string;
	reason_ja: string;
}

export interface Ipv6 extends Counted {
	time: string;
	dimension: string;
	/** A pattern of destinations, or the length of source prefixes: "/64". */
	key: string;
	destinations: number;
}

export interface Ipv6Network extends Origin {
	network: string;
	length: number;
	packets: number;
	sources: number;
	ports: number;
	first: string;
	last: string;
}

export interface Queries {
	'telescope/summary': Summary;
	'telescope/ports': Port;
	'telescope/series': Sample;
	'telescope/countries': Country;
	'telescope/networks': Network;
	'telescope/sources': Source;
	'telescope/source': SourceDay;
	'telescope/source-ports': SourcePort;
	'telescope/tools': Tool;
	'telescope/scanners': Scanner;
	'telescope/victims': Victim;
	'telescope/campaigns': Campaign;
	'telescope/runs': Run;
	'telescope/ipv6': Ipv6;
	'telescope/ipv6-networks': Ipv6Network;
	findings: Finding;
	gaps: Gap;
	warnings: Warning;
	'flow/traffic': TrafficRow;
	'flow/exporters': StoredExporter;
	'flow/servers': Server;
	'flow/hosts': Host;
}

export interface Answer<Row> {
	/** Times; null, read as a time that is none, where nothing is stored. */
	from: string;
	to: string;
	rows: Row[];
	next: string | null;
}

export interface LiveStatus {
	sensor: string;
	interface: string;
	since: string;
	packets: number;
	dropped: number;
	state: 'running' | 'restarting' | 'down';
	/** Layers of the sandbox that its kernel does not have. */
	sandbox_missing?: string | null;
}

/** Where flows come in, and what is kept of them. */
export interface FlowStatus {
	listener: { sockets: { listen: string }[]; kernel_dropped: number; queue_dropped: number; restarts: number };
	archive: { state: string; refused: number; flows: number; bytes: number; segments: number; oldest: string | null; newest: string | null } | null;
	/** Absent or null where nothing is detected. */
	detect?: DetectStatus | null;
}

export interface Status {
	version: string;
	time: string;
	store: string;
	sensors: Coverage[];
	world: boolean;
	/** Absent where the server cannot watch; empty where it watches nothing. */
	live?: LiveStatus[];
	webhooks?: { receiver: string; delivered: number; waiting: number }[];
	/** Of the server's own process. */
	sandbox_missing?: string | null;
	/** Clients that were closed since the start: too slow, too many. */
	http?: { connections: number; limit: number; overdue: number; shed: number };
	/** Absent or null where no flows are received. */
	flow?: FlowStatus | null;
}

/** A JSON column: an object, or its text. Never trusted to be well-formed. */
export function jsonObject(value: JsonObject | string | null): JsonObject {
	if (typeof value !== 'string')
		return value ?? {};
	try {
		const parsed = JSON.parse(value) as Json;
		return parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed) ? parsed : {};
	} catch {
		return {};
	}
}
