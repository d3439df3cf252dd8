// SPDX-License-Identifier: Apache-2.0
// What the API says of C&C servers and their clients (/api/v1/flow/servers, hosts, feedback). Clients are pseudonyms.

/** A reason in both languages; `weight`: nats, what it says for (or, below 0, against) the verdict. */
export interface Reason {
	code: string;
	text_en: string;
	text_ja: string;
	value: number;
	weight: number;
}

export interface Service {
	address: string;
	port: number;
	protocol: string;
}

interface Judged extends Service {
	sensor: string;
	day: string;
	confidence: number;
	/** 1: within the budget of alarms. */
	alarm: number;
	first: string;
	last: string;
	looked: string;
	reasons: Reason[];
}

export interface Server extends Judged {
	/** null: an alarm of earlier in the day that ranks no more. */
	rank: number | null;
	/** Sum of the weights, nats. */
	llr: number;
	clients: number;
	/** 0: not known. */
	as: number;
	country: string;
	/** s; 0: none. */
	period: number;
	feedback: string;
	similar: Service[];
}

export interface Host extends Judged {
	kind: string;
}

export const HOST_KINDS = ['infected-host', 'scanner', 'ddos-source', 'ddos-victim'] as const;

interface Client {
	client: string;
	first: string;
	last: string;
	beats: number;
	known_infected: number;
}

/** `bins`: one hex digit for each step; f: 15 and more. */
export interface Beats extends Client {
	bins: string;
}

export interface Raster {
	from: string;
	step: number;
	bins: number;
	cut: boolean;
	clients: Beats[];
}

export interface OtherServer extends Service {
	confidence: number;
	alarm: number;
	beats: number;
}

export interface Meeting extends Client {
	servers: OtherServer[];
}

export const VERDICTS = ['confirmed', 'benign', 'withdrawn'] as const;
export type Verdict = (typeof VERDICTS)[number];

export interface Opinion {
	time: string;
	verdict: string;
	by: string;
	note: string;
}

export interface ServerDetail {
	server: Server;
	days: { day: string; confidence: number; alarm: number; clients: number }[];
	raster: Raster;
	graph: { cut: boolean; clients: Meeting[] };
	feedback: Opinion[];
	identify: { command: string; text_en: string; text_ja: string };
}

/** How the detector is; null where it is off. */
export interface DetectStatus {
	flows: number;
	servers: number;
	pairs: number;
	hosts: number;
	servers_let_go: number;
	pairs_let_go: number;
	hosts_let_go: number;
	/** Of the last look. */
	candidates: number;
	beats: number;
	beats_let_go: number;
	memory: number;
	queue: { flows: number; room: number; dropped: number };
	look: { running: boolean; last: string | null; next: string | null; duration: number; failed: string | null };
	alarms: { per_day: number; today: number };
	known: { infected: number; c2: number; confirmed: number; benign: number };
}

export const serviceOf = ({ address, port, protocol }: Service): string =>
	port === 0 && protocol === '' ? address : `${address.includes(':') ? `[${address}]` : address}:${port}/${protocol}`;
