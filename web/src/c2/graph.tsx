// SPDX-License-Identifier: Apache-2.0
// Who obeys this server, and which others do they obey? Servers left, clients right; the same figures as a table.
import type { TargetedKeyboardEvent, VNode } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { useWidth } from '../chart/size';
import { useSpeech } from '../text/index';
import { boxWidth, dotOf, pictureOf, shortened, type GroupNode, type Picture, type ServerNode } from './graph_layout';
import { Alarm, Confidence, serverHref } from './part';
import type { Meeting, Server } from './types';

const LETTER = 7.4; /* px of a character of a server's name */
const NARROW = 560;
const EDGE = 14; /* px around */
const LISTED = 200; /* rows of the table */

interface Lit {
	servers: Set<number>;
	groups: Set<number>;
}

/** What belongs to a server or a group that is pointed at or focused. */
function litOf(picture: Picture, place: { server: number } | { group: number } | null): Lit | null {
	if (!place)
		return null;
	if ('group' in place)
		return { servers: new Set(picture.groups[place.group]?.servers ?? []), groups: new Set([place.group]) };
	const groups = picture.groups.flatMap((group, index) => (group.servers.includes(place.server) ? [index] : []));
	return { servers: new Set([place.server]), groups: new Set(groups) };
}

/** Arrows go from server to server; the picture is one stop of the Tab key. */
function moveFocus(event: TargetedKeyboardEvent<SVGSVGElement>): void {
	const stops = [...event.currentTarget.querySelectorAll<SVGElement>('[data-server]')];
	const at = stops.findIndex((stop) => stop === document.activeElement);
	const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: stops.length - 1 }[event.key];
	if (at < 0 || target === undefined)
		return;
	event.preventDefault();
	stops[target]?.focus();
}

interface Places {
	/** x of the servers' marks and of the boxes of clients. */
	server: number;
	group: number;
	letters: number;
}

function Edges({ picture, places, lit }: { picture: Picture; places: Places; lit: Lit | null }): VNode {
	return (
		<g class="edges">
			{picture.groups.flatMap((group, at) => group.servers.map((index) => {
				const [y, end] = [picture.servers[index]?.y ?? 0, group.y + group.height / 2];
				const [x, far] = [places.server + 8, places.group];
				const bend = (far - x) / 2;
				const shown = !lit || (lit.servers.has(index) && lit.groups.has(at));
				return (
					<path
						key={`${at} ${index}`}
						class={shown ? (lit ? 'lit' : undefined) : 'dim'}
						stroke-width={Math.min(6, 1 + Math.log2(group.clients.length))}
						d={`M${x} ${y}C${x + bend} ${y} ${far - bend} ${end} ${far} ${end}`}
					/>
				);
			}))}
		</g>
	);
}

function ServerMark({ node, index, places, dim, current, onLight }: { node: ServerNode; index: number; places: Places; dim: boolean; current: boolean; onLight: (on: boolean) => void }): VNode {
	const { t, whole, surely } = useSpeech();
	const alarm = node.server.alarm > 0;
	return (
		<a
			href={serverHref(node.server)}
			class={`graph-server${alarm ? ' urgent' : ''}${dim ? ' dim' : ''}${index === 0 ? ' self' : ''}`}
			data-server={index}
			tabIndex={current ? 0 : -1}
			onFocus={() => onLight(true)}
			onBlur={() => onLight(false)}
			onPointerEnter={() => onLight(true)}
			onPointerLeave={() => onLight(false)}
		>
			<title>{alarm ? t.c2.graphAlarm(node.name) : node.name}</title>
			<rect class="hit" x={0} y={node.y - 18} width={places.server + 10} height={36} />
			<text x={places.server - 14} y={node.y - 2} text-anchor="end" class="mono">{shortened(node.name, places.letters)}</text>
			<text x={places.server - 14} y={node.y + 13} text-anchor="end" class="note">{`${alarm ? '▲ ' : ''}${surely(node.server.confidence)} · ${t.c2.shared(whole(node.shared))}`}</text>
			{alarm ? <path d={`M${places.server - 8} ${node.y + 7}h16l-8 -14z`} /> : <rect class="mark" x={places.server - 7} y={node.y - 7} width={14} height={14} rx={2} />}
		</a>
	);
}

function Group({ group, x, dim, onLight }: { group: GroupNode; x: number; dim: boolean; onLight: (on: boolean) => void }): VNode {
	const { t, whole } = useSpeech();
	return (
		<g class={dim ? 'graph-group dim' : 'graph-group'} transform={`translate(${x} ${group.y})`} onPointerEnter={() => onLight(true)} onPointerLeave={() => onLight(false)}>
			<rect class="box" width={boxWidth(group)} height={group.height} rx={6} />
			<text x={8} y={14} class="note">{t.c2.clientCount(whole(group.clients.length), group.clients.length === 1)}</text>
			{group.clients.map((client, index) => {
				const [cx, cy] = dotOf(group, index);
				return client.known_infected > 0
					? <path key={client.client} class="infected" d={`M${cx - 5} ${cy + 4}h10l-5 -9z`}><title>{`${client.client} ${t.c2.knownInfected}`}</title></path>
					: <circle key={client.client} cx={cx} cy={cy} r={3.6}><title>{client.client}</title></circle>;
			})}
		</g>
	);
}

function Drawing({ picture, width, places }: { picture: Picture; width: number; places: Places }): VNode {
	const { t, whole } = useSpeech();
	const [place, setPlace] = useState<{ server: number } | { group: number } | null>(null);
	const [current, setCurrent] = useState(0);
	const lit = litOf(picture, place);
	const drawn = picture.groups.reduce((sum, group) => sum + group.clients.length, 0);
	return (
		<svg class="graph" width={width} height={picture.height + 2 * EDGE} viewBox={`0 ${-EDGE} ${width} ${picture.height + 2 * EDGE}`} role="group" aria-label={t.c2.graphSummary(whole(picture.servers.length), whole(drawn))} onKeyDown={moveFocus}>
			<Edges picture={picture} places={places} lit={lit} />
			{picture.groups.map((group, index) => (
				<Group key={group.servers.join()} group={group} x={places.group} dim={lit !== null && !lit.groups.has(index)} onLight={(on) => setPlace(on ? { group: index } : null)} />
			))}
			{picture.servers.map((node, index) => (
				<ServerMark
					key={node.name}
					node={node}
					index={index}
					places={places}
					dim={lit !== null && !lit.servers.has(index)}
					current={index === Math.min(current, picture.servers.length - 1)}
					onLight={(on) => {
						if (on)
							setCurrent(index);
						setPlace(on ? { server: index } : null);
					}}
				/>
			))}
		</svg>
	);
}

function Table({ servers }: { servers: ServerNode[] }): VNode {
	const { t, whole } = useSpeech();
	return (
		<details class="figures">
			<summary>{t.c2.graphTable}</summary>
			<div class="scroll bounded" role="group" aria-label={t.c2.graphTable} tabIndex={0}>
				<table>
					<caption class="hidden">{t.c2.graphTable}</caption>
					<thead>
						<tr>
							<th scope="col">{t.c2.server}</th>
							<th scope="col">{t.c2.confidence}</th>
							<th scope="col">{t.c2.state}</th>
							<th scope="col" class="number">{t.c2.sharedHead}</th>
						</tr>
					</thead>
					<tbody>
						{servers.map((node) => (
							<tr key={node.name}>
								<th scope="row"><a class="mono" href={serverHref(node.server)}>{node.name}</a></th>
								<td><Confidence value={node.server.confidence} /></td>
								<td><Alarm alarm={node.server.alarm} /></td>
								<td class="number">{whole(node.shared)}</td>
							</tr>
						))}
					</tbody>
				</table>
			</div>
		</details>
	);
}

export function Graph({ server, clients, cut }: { server: Server; clients: Meeting[]; cut: boolean }): VNode {
	const { t, whole } = useSpeech();
	const [ref, width] = useWidth<HTMLDivElement>();
	const places = useMemo((): Places => {
		const mark = Math.round(width * (width < NARROW ? 0.5 : 0.42));
		return { server: mark, group: Math.round(width * (width < NARROW ? 0.66 : 0.62)), letters: Math.floor((mark - 14) / LETTER) };
	}, [width]);
	const picture = useMemo(() => pictureOf(server, clients, Math.max(96, width - places.group)), [server, clients, width, places]);
	const more = [
		picture.more.length > 0 ? t.c2.moreServers(whole(picture.more.length)) : '',
		picture.moreClients > 0 || cut ? t.c2.moreClients(whole(picture.moreClients), cut) : '',
	].filter((text) => text !== '');
	return (
		<div ref={ref}>
			{picture.servers.length === 1 && <p>{t.c2.graphAlone}</p>}
			{width > 0 && <Drawing picture={picture} width={width} places={places} />}
			{more.length > 0 && <p class="partial">{more.join(' ')}</p>}
			<p class="legend">{t.c2.graphLegend}</p>
			<Table servers={[...picture.servers, ...picture.more].slice(0, LISTED)} />
		</div>
	);
}
