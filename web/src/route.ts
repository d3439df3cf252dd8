// SPDX-License-Identifier: Apache-2.0
// Where we are is the URL and nothing else: a link shows a colleague the same view.
import { state, useWatch } from './state';

export type Research = 'with' | 'without' | 'only';

export interface Place {
	path: string;
	query: URLSearchParams;
}

/** What the bar sets; it goes along from page to page. */
export interface View {
	from: string | null;
	to: string | null;
	sensor: string | null;
	research: Research;
}

export type Changes = Record<string, string | number | null>;

const VIEW_KEYS = ['from', 'to', 'sensor', 'research'];

/* Who has said for what purpose, and of which day, says it once for all pages of an area. */
const AREA_KEYS: Record<string, string[]> = { c2: ['purpose', 'day'] };

const areaOf = (path: string): string => path.split('/')[1] ?? '';

function read(): Place {
	const path = location.pathname.replace(/\/+$/, '');
	return { path: path === '' ? '/' : path, query: new URLSearchParams(location.search) };
}

const place = state<Place>(read());
addEventListener('popstate', () => place.set(read()));

export const usePlace = (): Place => useWatch(place);

export function viewOf(query: URLSearchParams): View {
	const research = query.get('research');
	return {
		from: query.get('from'),
		to: query.get('to'),
		sensor: query.get('sensor'),
		research: research === 'without' || research === 'only' ? research : 'with',
	};
}

function href(path: string, query: URLSearchParams, changes: Changes): string {
	for (const [key, value] of Object.entries(changes))
		if (value === null || value === '')
			query.delete(key);
		else
			query.set(key, String(value));
	// Colons and slashes may stand in a query (RFC 3986, 3.4); they are easier to read unescaped.
	const text = query.toString().replaceAll('%3A', ':').replaceAll('%2F', '/');
	return text === '' ? path : `${path}?${text}`;
}

/** A link to another page: the view goes along, the page's own parameters do not, but for those of its area. */
export function linkTo(path: string, changes: Changes = {}): string {
	const query = new URLSearchParams();
	const area = areaOf(path);
	for (const key of [...VIEW_KEYS, ...(area === areaOf(place.get().path) ? (AREA_KEYS[area] ?? []) : [])]) {
		const value = place.get().query.get(key);
		if (value !== null)
			query.set(key, value);
	}
	return href(path, query, changes);
}

/** A link to this page with some parameters changed. Paging starts again unless `after` is among them. */
export function linkHere(changes: Changes): string {
	const { path, query } = place.get();
	return href(path, new URLSearchParams(query), { after: null, ...changes });
}

export function go(target: string, replace = false): void {
	if (replace)
		history.replaceState(null, '', target);
	else
		history.pushState(null, '', target);
	const before = place.get().path;
	place.set(read());
	if (place.get().path !== before)
		scrollTo(0, 0);
}

/** The page above: /telescope/ports/tcp/23 → /telescope/ports → /telescope → /. */
export function above(path: string): string {
	const parts = path.split('/').filter((part) => part !== '');
	parts.pop();
	if (parts[1] === 'ports' && parts.length === 3)
		parts.pop();
	return `/${parts.join('/')}`;
}

/** Follows links of our own pages without loading the document again. */
export function followLinks(): void {
	document.addEventListener('click', (event) => {
		if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
			return;
		// By attributes: a link inside a picture (SVG) has no strings as properties.
		const anchor = event.target instanceof Element ? event.target.closest('a') : null;
		const target = anchor?.getAttribute('href') ?? '#';
		if (!anchor || anchor.hasAttribute('download') || anchor.hasAttribute('target') || target.startsWith('#'))
			return;
		const url = new URL(target, location.href);
		if (url.origin !== location.origin || url.pathname.startsWith('/api/'))
			return;
		event.preventDefault();
		go(url.pathname + url.search);
	});
}
