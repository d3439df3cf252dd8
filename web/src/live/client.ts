// SPDX-License-Identifier: Apache-2.0
// The one connection to /api/v1/live. It is opened while something live is served and the page is seen, and says how it is.
import type { Finding, Gap } from '../rows';
import { state } from '../state';
import { burstOf, findingOf, gapOf, helloOf, pulseOf, skippedOf, type Burst, type Hello, type Pulse } from './events';

/** off: nothing live is served. stale: connected, but nothing has come for a while. */
export type LiveState = 'off' | 'connecting' | 'live' | 'paused' | 'reconnecting' | 'stale';

/** What the pages show; a new object for each change. */
export interface Live {
	state: LiveState;
	hello: Hello | null;
	/** The last two minutes of each sensor, oldest first. */
	pulses: ReadonlyMap<string, readonly Pulse[]>;
	/** Findings since the page was opened, newest first. */
	findings: readonly Finding[];
	gaps: readonly Gap[];
	/** When something last came, ms of this machine's clock; 0: never. */
	heard: number;
	/** Packets that came while the reader had paused, and were not drawn. */
	missed: number;
	/** Events that the server left out, since this browser took them too slowly. */
	skipped: number;
}

export const KEPT_SECONDS = 120;
const FINDING_LIMIT = 100;
const GAP_LIMIT = 100;
const STALE_AFTER = 5000; /* ms; a pulse comes each second */
const RETRY = [2000, 4000, 8000, 15_000, 30_000]; /* ms, where the browser itself has given up */

const nothing: Live = { state: 'off', hello: null, pulses: new Map(), findings: [], gaps: [], heard: 0, missed: 0, skipped: 0 };

export const live = state<Live>(nothing);
/** Goes up by one when the connection begins anew: what came in between must be asked for. */
export const connections = state(0);

type BurstListener = (burst: Burst) => void;
const listeners = new Set<BurstListener>();

/** Packets are not kept: whoever draws them listens. */
export function onBurst(listener: BurstListener): () => void {
	listeners.add(listener);
	return () => listeners.delete(listener);
}

let source: EventSource | null = null;
let wanted: string | null = null; /* the address to listen at; null: nothing live is served */
let paused = false;
let failures = 0;
let retry: ReturnType<typeof setTimeout> | undefined;
/* While paused, what comes is gathered here and not shown. */
let behind: Live = nothing;

function change(part: Partial<Live>): void {
	behind = { ...behind, ...part };
	if (paused && behind.state !== 'off')
		live.set({ ...live.get(), state: 'paused', missed: behind.missed });
	else
		live.set(behind);
}

function hear(part: Partial<Live>): void {
	failures = 0;
	change({ ...part, heard: Date.now(), state: 'live' });
}

/** The same finding may come again with a higher count: it replaces the one before. */
const sameFinding = (a: Finding, b: Finding): boolean => a.sensor === b.sensor && a.kind === b.kind && a.subject === b.subject && a.first === b.first;
const sameGap = (a: Gap, b: Gap): boolean => a.sensor === b.sensor && a.sense === b.sense && a.first === b.first && a.cause === b.cause;

function withPulse(pulse: Pulse): ReadonlyMap<string, readonly Pulse[]> {
	const since = pulse.time - KEPT_SECONDS * 1000;
	const before = (behind.pulses.get(pulse.sensor) ?? []).filter((each) => each.time > since && each.time < pulse.time);
	return new Map(behind.pulses).set(pulse.sensor, [...before, pulse]);
}

const HANDLERS: Record<string, (data: string) => void> = {
	hello: (data) => hear({ hello: helloOf(data) }),
	pulse(data) {
		const pulse = pulseOf(data);
		if (pulse)
			hear({ pulses: withPulse(pulse) });
	},
	particles(data) {
		const burst = burstOf(data);
		if (paused) {
			behind = { ...behind, missed: behind.missed + burst.of };
			return;
		}
		for (const listener of listeners)
			listener(burst);
	},
	finding(data) {
		const finding = findingOf(data);
		if (finding)
			hear({ findings: [finding, ...behind.findings.filter((each) => !sameFinding(each, finding))].slice(0, FINDING_LIMIT) });
	},
	skipped: (data) => hear({ skipped: behind.skipped + skippedOf(data) }),
	gap(data) {
		const gap = gapOf(data);
		if (gap)
			hear({ gaps: [gap, ...behind.gaps.filter((each) => !sameGap(each, gap))].slice(0, GAP_LIMIT) });
	},
};

function close(): void {
	clearTimeout(retry);
	source?.close();
	source = null;
}

function open(): void {
	close();
	if (wanted === null || document.hidden)
		return;
	const opened = new EventSource(wanted);
	source = opened;
	opened.addEventListener('open', () => connections.set(connections.get() + 1));
	opened.addEventListener('error', () => {
		change({ state: 'reconnecting' });
		if (opened.readyState !== EventSource.CLOSED)
			return; /* the browser tries again by itself */
		retry = setTimeout(open, RETRY[Math.min(failures++, RETRY.length - 1)]);
	});
	for (const [type, handle] of Object.entries(HANDLERS))
		opened.addEventListener(type, (event: MessageEvent<string>) => handle(event.data));
}

let watch: ReturnType<typeof setInterval> | undefined;

function growStale(): void {
	if (behind.state === 'live' && Date.now() - behind.heard > STALE_AFTER)
		change({ state: 'stale' });
}

/** Listens at `url`; null where nothing live is served. Called again with the same address it changes nothing. */
export function follow(url: string | null): void {
	if (url === wanted)
		return;
	wanted = url;
	paused = false;
	failures = 0;
	behind = { ...nothing, state: url === null ? 'off' : 'connecting' };
	live.set(behind);
	clearInterval(watch);
	if (url !== null)
		watch = setInterval(growStale, 1000);
	open();
}

export function setPaused(stop: boolean): void {
	if (stop === paused || behind.state === 'off')
		return;
	paused = stop;
	change({ missed: 0 });
}

/** A browser opens few connections to one server: a page that nobody sees gives its own back. */
document.addEventListener('visibilitychange', () => {
	if (wanted === null)
		return;
	if (document.hidden)
		close();
	else
		open();
});
