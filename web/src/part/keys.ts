// SPDX-License-Identifier: Apache-2.0
// The keyboard: `/` searches, `g` and a letter goes to a page, `r` turns research scanners, Esc goes up, `?` helps.
import { useEffect } from 'preact/hooks';
import { above, go, linkHere, linkTo, viewOf } from '../route';

type PageName = 'overview' | 'telescopeHome' | 'ports' | 'sources' | 'scanners' | 'tools' | 'victims' | 'campaigns' | 'atlas' | 'cube' | 'warnings' | 'ipv6' | 'flows' | 'c2' | 'findings' | 'trust';

export const PAGE_KEYS: { key: string; path: string; name: PageName }[] = [
	{ key: 'o', path: '/', name: 'overview' },
	{ key: 't', path: '/telescope', name: 'telescopeHome' },
	{ key: 'p', path: '/telescope/ports', name: 'ports' },
	{ key: 's', path: '/telescope/sources', name: 'sources' },
	{ key: 'r', path: '/telescope/scanners', name: 'scanners' },
	{ key: 'l', path: '/telescope/tools', name: 'tools' },
	{ key: 'v', path: '/telescope/victims', name: 'victims' },
	{ key: 'm', path: '/telescope/campaigns', name: 'campaigns' },
	{ key: 'a', path: '/telescope/atlas', name: 'atlas' },
	{ key: 'c', path: '/telescope/cube', name: 'cube' },
	{ key: 'w', path: '/telescope/warnings', name: 'warnings' },
	{ key: '6', path: '/telescope/ipv6', name: 'ipv6' },
	{ key: 'n', path: '/flows', name: 'flows' },
	{ key: '2', path: '/c2', name: 'c2' },
	{ key: 'f', path: '/findings', name: 'findings' },
	{ key: 'u', path: '/trust', name: 'trust' },
];

const GO_WAIT = 1500; /* ms in which a letter may follow `g` */

export type Overlay = 'search' | 'help' | null;

const writes = (target: EventTarget | null): boolean =>
	target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'SELECT', 'TEXTAREA'].includes(target.tagName));

function nextResearch(): string {
	const { research } = viewOf(new URLSearchParams(location.search));
	return linkHere({ research: { with: 'without', without: 'only', only: null }[research] });
}

/** Esc closes what is open nearest first: a detail, a field, then the page. */
function escape(event: KeyboardEvent): void {
	if (writes(event.target)) {
		(event.target as HTMLElement).blur();
		return;
	}
	const open = document.querySelector<HTMLElement>('details.custom[open], .row-button[aria-expanded="true"]');
	if (open instanceof HTMLDetailsElement)
		open.open = false;
	else if (open)
		open.click();
	else if (location.pathname !== '/')
		go(linkTo(above(location.pathname)));
}

export function useKeys(setOverlay: (overlay: Overlay) => void): void {
	useEffect(() => {
		let goSince = 0;
		const actions: Record<string, () => void> = {
			'/': () => setOverlay('search'),
			'?': () => setOverlay('help'),
			r: () => go(nextResearch()),
			ArrowDown: () => document.querySelector<HTMLElement>('[data-row]')?.focus(),
		};
		const listen = (event: KeyboardEvent): void => {
			if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector('dialog[open]'))
				return;
			if (event.key === 'Escape') {
				escape(event);
				return;
			}
			if (writes(event.target))
				return;
			const page = Date.now() - goSince < GO_WAIT ? PAGE_KEYS.find(({ key }) => key === event.key) : undefined;
			goSince = event.key === 'g' ? Date.now() : 0;
			const atRest = document.activeElement === document.body || document.activeElement?.id === 'main';
			const action = page ? (): void => go(linkTo(page.path)) : event.key === 'ArrowDown' && !atRest ? undefined : actions[event.key];
			if (!action)
				return;
			event.preventDefault();
			action();
		};
		addEventListener('keydown', listen);
		return () => removeEventListener('keydown', listen);
	}, [setOverlay]);
}
