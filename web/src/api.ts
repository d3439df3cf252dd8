// SPDX-License-Identifier: Apache-2.0
// Questions to /api/v1/ and their answers, kept while the console is open.
import { useEffect, useState } from 'preact/hooks';
import { usePlace, viewOf, type Changes } from './route';
import type { Answer, LiveStatus, Queries, Status } from './rows';
import { state, useWatch } from './state';

export class ApiError extends Error {
	constructor(
		readonly status: number,
		readonly code: string,
		text: string,
	) {
		super(text);
	}
}

export interface Loaded<T> {
	/** The last good answer; it stays while the next one is on its way. */
	data: T | null;
	error: ApiError | null;
	loading: boolean;
	/** When `data` came, ms. */
	at: number;
	retry: () => void;
}

interface Kept {
	data: unknown;
	at: number;
}

const KEPT_LIMIT = 60; /* answers; the oldest go first */
const kept = new Map<string, Kept>();
const generation = state(0);

function keep(url: string, data: unknown): Kept {
	const entry = { data, at: Date.now() };
	kept.delete(url);
	kept.set(url, entry);
	const oldest = kept.keys().next().value;
	if (kept.size > KEPT_LIMIT && oldest !== undefined)
		kept.delete(oldest);
	return entry;
}

/** Forgets every answer: the pages ask again. */
export function refresh(): void {
	kept.clear();
	generation.set(generation.get() + 1);
}

interface ErrorBody {
	error?: { code?: string; text?: string };
}

async function request(url: string, options: RequestInit): Promise<unknown> {
	let response: Response;
	try {
		response = await fetch(url, options);
	} catch (cause) {
		if (options.signal?.aborted === true)
			throw cause;
		throw new ApiError(0, 'unreachable', '');
	}
	const body = (await response.json().catch(() => null)) as unknown;
	if (!response.ok) {
		const error = (body as ErrorBody | null)?.error;
		throw new ApiError(response.status, error?.code ?? 'http', error?.text ?? `HTTP ${response.status}`);
	}
	if (body === null)
		throw new ApiError(response.status, 'not-json', '');
	return body;
}

const get = (url: string, signal: AbortSignal): Promise<unknown> => request(url, { signal, headers: { accept: 'application/json' } });

export const post = (path: string, question: unknown): Promise<unknown> =>
	request(`/api/v1/${path}`, { method: 'POST', headers: { accept: 'application/json', 'content-type': 'application/json' }, body: JSON.stringify(question) });

/** Forgets one answer: who shows it asks again, and shows the old one meanwhile. */
export function again(url: string): void {
	kept.delete(url);
	generation.set(generation.get() + 1);
}

/** An answer with the pages after it, `pages` at most, as one. `next` stays where there is still more. */
async function getPages(url: string, pages: number, signal: AbortSignal): Promise<unknown> {
	const all = (await get(url, signal)) as Answer<unknown>;
	for (let page = 1; page < pages && all.next !== null; page++) {
		const more = (await get(`${url}&after=${encodeURIComponent(all.next)}`, signal)) as Answer<unknown>;
		all.rows.push(...more.rows);
		all.next = more.next;
	}
	return all;
}

export function useUrl<T>(url: string, pages = 1): Loaded<T> {
	const round = useWatch(generation);
	const [attempt, setAttempt] = useState(0);
	const [answer, setAnswer] = useState<{ url: string; kept: Kept | null; error: ApiError | null }>({ url: '', kept: null, error: null });

	useEffect(() => {
		const known = kept.get(url);
		if (known) {
			setAnswer({ url, kept: known, error: null });
			return;
		}
		const abort = new AbortController();
		(pages === 1 ? get(url, abort.signal) : getPages(url, pages, abort.signal)).then(
			(data) => setAnswer({ url, kept: keep(url, data), error: null }),
			(cause: unknown) => {
				if (abort.signal.aborted)
					return;
				const error = cause instanceof ApiError ? cause : new ApiError(0, 'internal', String(cause));
				setAnswer((before) => ({ url, kept: before.url === url ? before.kept : null, error }));
			},
		);
		return () => abort.abort();
	}, [url, attempt, round]);

	const known = kept.get(url) ?? answer.kept;
	return {
		data: (known?.data ?? null) as T | null,
		error: answer.url === url ? answer.error : null,
		loading: answer.url !== url && !kept.has(url),
		at: known?.at ?? 0,
		retry: () => setAttempt(attempt + 1),
	};
}

export function apiUrl(query: string, parameters: Changes): string {
	const search = new URLSearchParams();
	for (const [key, value] of Object.entries(parameters))
		if (value !== null && value !== '')
			search.set(key, String(value));
	const text = search.toString();
	return `/api/v1/${query}${text === '' ? '' : `?${text}`}`;
}

/** The parameters of the bar, as the API names them. */
export function useViewParameters(): Changes {
	const view = viewOf(usePlace().query);
	return { sensor: view.sensor, from: view.from, to: view.to, research: view.research === 'with' ? null : view.research };
}

export function useAnswer<Name extends keyof Queries>(name: Name, parameters: Changes = {}): Loaded<Answer<Queries[Name]>> {
	return useUrl(apiUrl(name, { ...useViewParameters(), ...parameters }));
}

const SERIES_PAGE = 10_000; /* the most rows of one page of telescope/series */
const SERIES_PAGES = 5;

export function useSeries(parameters: Changes): Loaded<Answer<Queries['telescope/series']>> {
	return useUrl(apiUrl('telescope/series', { ...useViewParameters(), limit: SERIES_PAGE, ...parameters }), SERIES_PAGES);
}

export const STATUS = '/api/v1/status';

export const useStatus = (): Loaded<Status> => useUrl(STATUS);

/** How the live sensors are is no figure of the view: it is told anew as often as the server is asked. */
const sensors = state<LiveStatus[] | null>(null);

/** null until the server has been asked. */
export function useSensors(): LiveStatus[] | null {
	const asked = useStatus().data;
	return useWatch(sensors) ?? (asked && (asked.live ?? []));
}

/** Asks now and then whether the store has grown. Nothing on the page moves by itself: the reader decides. */
export function useGrowth(status: Status | null): boolean {
	const [grown, setGrown] = useState(false);
	const shown = JSON.stringify(status?.sensors);
	useEffect(() => setGrown(false), [shown]);
	useEffect(() => {
		const timer = setInterval(() => {
			if (document.hidden || status === null)
				return;
			get(STATUS, AbortSignal.timeout(10_000)).then(
				(answer) => {
					const now = answer as Status;
					setGrown(JSON.stringify(now.sensors) !== shown);
					sensors.set(now.live ?? []);
				},
				() => undefined, /* the next question on the page will say that the server is away */
			);
		}, 30_000);
		return () => clearInterval(timer);
	}, [status === null, shown]);
	return grown;
}
