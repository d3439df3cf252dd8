// SPDX-License-Identifier: Apache-2.0
// What /api/v1/trust answers (openapi.json).
import type { JsonObject } from '../rows';

export interface Checkpoint {
	origin: string;
	size: number;
	root: string;
	signature_checked: boolean;
	witnesses: { name: string; time: string }[];
	time: string;
}

export interface KindCount {
	kind: string;
	entries: number;
}

export interface SpanCount extends KindCount {
	time: string;
}

export interface Ledger {
	state: 'waiting' | 'reading' | 'current' | 'broken';
	trouble: string | null;
	checkpoint: Checkpoint | null;
	entries: number;
	undated: number;
	kinds: KindCount[];
	hours: SpanCount[];
	days: SpanCount[];
}

export interface Head {
	time: string;
	verify: boolean;
	ledger: Ledger | null;
}

export interface ClockPoint {
	time: string;
	state: 'run' | 'hold';
	reason: string;
	offset_us: number | null;
	bound_us: number | null;
	agreeing: number;
}

export interface Tally {
	name: string;
	asked: number;
	answered: number;
	mean_us: number | null;
	p95_us: number | null;
	bound_max_us: number | null;
}

export interface ClockHour {
	hour: string;
	held_us: number;
	bound_max_us: number;
	references: Tally[];
}

export interface Clock {
	limit_us: number;
	forgotten: number;
	points: ClockPoint[];
	hours: ClockHour[];
}

export interface Entry {
	index: number;
	kind: string;
	time: string | null;
	entry: JsonObject | null;
}

export interface Entries {
	rows: Entry[];
	next: number | null;
}

export interface Reason {
	code: string;
	fatal: boolean;
	text_en: string;
	text_ja: string;
}

interface Judged {
	indication: string;
	reasons: Reason[];
}

export interface Signature extends Judged {
	form: string;
	level: string;
	signer: string | null;
	organisation: string | null;
	corporate_number?: string;
	corporate_number_valid?: boolean;
	claimed_time: string | null;
	proven_time: string | null;
	renew_by: string | null;
	later_changes: boolean;
	checked: string[];
	time_stamps: { kind: string; indication: string; time: string; authority: string | null; uncovered?: string }[];
}

export interface SealVerdict {
	kind: 'seal';
	valid: boolean;
	signatures: Signature[];
}

export interface TokenVerdict extends Judged {
	kind: 'token' | 'evidence';
	valid: boolean;
	time?: string;
	accuracy_us?: number;
	authority?: string | null;
	policy?: string;
}

export type Verdict = SealVerdict | TokenVerdict;
