// SPDX-License-Identifier: Apache-2.0
// `/`: an address or a port goes straight to its page; services, tools and countries by their names.
import type { TargetedKeyboardEvent, VNode } from 'preact';
import { useState } from 'preact/hooks';
import { countryHref } from '../chart/atlas';
import { countryCodes } from '../data/countries';
import { portsNamed, serviceName } from '../data/ports';
import { portLabel } from '../format';
import { go, linkTo } from '../route';
import { useSpeech, type Speech } from '../text/index';
import { addressOf } from './address';
import { Dialog } from './dialog';

interface Target {
	label: string;
	href: string;
}

const LIMIT = 8;
const PSEUDONYM = '100::'; /* of a client in flows (100::/64): no source of packets has such an address */

function portTargets(text: string, { t }: Speech): Target[] {
	const match = /^(?:(tcp|udp)[/ ]?)?(\d{1,5})(?:[/ ]?(tcp|udp))?$/i.exec(text);
	if (!match || Number(match[2]) > 65535)
		return [];
	const asked = (match[1] ?? match[3])?.toLowerCase();
	return ['tcp', 'udp'].filter((protocol) => asked === undefined || asked === protocol).map((protocol) => portTarget(protocol, Number(match[2]), t));
}

function portTarget(protocol: string, port: number, t: Speech['t']): Target {
	const label = portLabel(protocol === 'tcp' ? 6 : 17, port);
	return { label: t.search.port(label, serviceName(protocol, port)), href: linkTo(`/telescope/ports/${protocol}/${port}`) };
}

export const sourceHref = (address: string): string => linkTo('/telescope/source', { address });

/** Where a subject of a finding or the key of a warning leads: a source, a port, a country; null where there is no page. */
export function subjectHref(subject: string): string | null {
	const port = /^(tcp|udp)\/(\d{1,5})$/.exec(subject);
	if (port)
		return linkTo(`/telescope/ports/${port[1] ?? ''}/${port[2] ?? ''}`);
	if (/^[A-Z]{2}$/.test(subject))
		return countryHref(subject);
	return addressOf(subject) === null || subject.startsWith(PSEUDONYM) ? null : sourceHref(subject);
}

function targetsOf(text: string, speech: Speech): Target[] {
	const wanted = text.trim();
	if (wanted === '')
		return [];
	const { t } = speech;
	const address = addressOf(wanted);
	if (address !== null)
		return [{ label: t.search.source(address), href: sourceHref(address) }];
	const ports = portTargets(wanted, speech);
	if (ports.length > 0)
		return ports;
	const lower = wanted.toLowerCase();
	const tools = Object.entries(t.toolNames)
		.filter(([, name]) => name.toLowerCase().startsWith(lower))
		.map(([tool, name]) => ({ label: t.search.tool(name), href: linkTo('/telescope/sources', { tool }) }));
	const countries = countryCodes()
		.map((code) => ({ code, name: speech.country(code) }))
		.filter(({ code, name }) => code.toLowerCase() === lower || (wanted.length > 1 && name.toLowerCase().startsWith(lower)))
		.map(({ code, name }) => ({ label: t.search.country(name), href: countryHref(code) }));
	return [...tools, ...portsNamed(wanted).map(([protocol, port]) => portTarget(protocol, port, t)), ...countries].slice(0, LIMIT);
}

export function Search({ onClose }: { onClose: () => void }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const [text, setText] = useState('');
	const targets = targetsOf(text, speech);
	const open = (target: Target | undefined): void => {
		if (!target)
			return;
		onClose();
		go(target.href);
	};
	const move = (event: TargetedKeyboardEvent<HTMLElement>): void => {
		if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp')
			return;
		event.preventDefault();
		const stops = [...event.currentTarget.querySelectorAll<HTMLElement>('input, li a')];
		const at = stops.findIndex((stop) => stop === document.activeElement);
		stops[at + (event.key === 'ArrowDown' ? 1 : -1)]?.focus();
	};
	return (
		<Dialog title={t.search.title} onClose={onClose}>
			<form
				class="search"
				onKeyDown={move}
				onSubmit={(event) => {
					event.preventDefault();
					open(targets[0]);
				}}
			>
				<label for="search-text">{t.search.label}</label>
				<input id="search-text" type="search" autocomplete="off" placeholder={t.search.hint} value={text} onInput={(event) => setText(event.currentTarget.value)} />
				<div role="status">{text.trim() !== '' && targets.length === 0 ? <p class="quiet">{t.search.nothing}</p> : null}</div>
				{targets.length > 0 && (
					<ul aria-label={t.search.results}>
						{targets.map((target) => <li key={target.href}><a href={target.href} onClick={onClose}>{target.label}</a></li>)}
					</ul>
				)}
			</form>
		</Dialog>
	);
}
