// SPDX-License-Identifier: Apache-2.0
// One source, down to the evidence: which rule, which figures, which packet.
import type { VNode } from 'preact';
import { useAnswer } from '../api';
import { portHref } from '../chart/ring';
import { serviceName } from '../data/ports';
import { portLabel, protocolName, words } from '../format';
import { addressOf } from '../part/address';
import { ClassMark } from '../part/class';
import { Evidence } from '../part/evidence';
import { Empty, Result } from '../part/result';
import { Rich } from '../part/rich';
import { usePlace } from '../route';
import { jsonObject, type Json, type JsonObject, type SourceDay } from '../rows';
import { named, useSpeech, type Speech } from '../text/index';
import * as column from './columns';
import { FindingTable } from './findings';
import { Page } from './tables';

const RESEARCH_PORTS = 30;
const NICTER_PACKETS = 300_000;
const SCALED_PACKETS = 1000;
const SCALED_PER_DARK = 1.03;

const numberIn = (object: JsonObject, key: string): number => (typeof object[key] === 'number' ? object[key] : 0);
const objectIn = (value: Json | undefined): JsonObject => (value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {});

/** The rule, what it asks for, and what this day had. */
function ResearchVerdict({ day, evidence }: { day: SourceDay; evidence: JsonObject }): VNode {
	const speech = useSpeech();
	const { t, whole } = speech;
	const [rule = ''] = day.research.split(':');
	const facts = objectIn(evidence.research);
	const dark = numberIn(facts, 'dark_addresses');
	const needed = rule === 'nicter' ? NICTER_PACKETS : rule === 'scaled' && dark > 0 ? Math.max(SCALED_PACKETS, Math.ceil(SCALED_PER_DARK * dark)) : 0;
	const version = numberIn(facts, 'list_version');
	return (
		<li>
			<strong>{t.evidence.verdictResearch(column.ruleNames(speech, day.research))}</strong>
			<p>{named(t.evidence.researchRules, rule)}</p>
			<p>
				<Rich text={t.evidence.thisDay(whole(day.scan_packets), whole(day.ports))} />
				{needed > 0 && ` ${t.evidence.needed(whole(needed), whole(RESEARCH_PORTS))}`}
				{version > 0 && ` ${t.evidence.listVersion(String(version))}`}
			</p>
		</li>
	);
}

function ToolVerdict({ tool, evidence }: { tool: string; evidence: JsonObject }): VNode {
	const { t, whole } = useSpeech();
	const all = Array.isArray(evidence.tools) ? evidence.tools.map(objectIn) : [];
	const facts = all.find((each) => each.tool === tool) ?? {};
	const variant = typeof facts.variant === 'string' ? named(t.evidence.values, facts.variant) : '';
	return (
		<li>
			<strong>{`${t.evidence.verdictTool(named(t.toolNames, tool))} ${variant}`.trim()}</strong>
			<p>{named(t.evidence.toolRules, tool)}</p>
			{numberIn(facts, 'matched') > 0 && <p><Rich text={t.evidence.matched(whole(numberIn(facts, 'matched')), whole(numberIn(evidence, 'syns')))} /></p>}
		</li>
	);
}

function Verdicts({ day, evidence }: { day: SourceDay; evidence: JsonObject }): VNode {
	const { t } = useSpeech();
	const tools = words(day.tools);
	if (tools.length === 0 && day.research === '')
		return <p class="no-verdict">{t.sourcePage.noVerdict}</p>;
	return (
		<ul class="verdicts">
			{day.research !== '' && <ResearchVerdict day={day} evidence={evidence} />}
			{tools.map((tool) => <ToolVerdict key={tool} tool={tool} evidence={evidence} />)}
		</ul>
	);
}

function factsOf(day: SourceDay, speech: Speech): [string, string][] {
	const { t, whole } = speech;
	return [
		[t.column.packets, whole(day.packets)],
		[t.column.scanPackets, whole(day.scan_packets)],
		[t.column.ports, whole(day.ports)],
		[`${t.column.first} (${speech.zone})`, speech.moment(day.first, true)],
		[`${t.column.last} (${speech.zone})`, speech.moment(day.last, true)],
		[t.sourcePage.traffic, words(day.categories).map((name) => named(t.categories, name)).join(', ')],
		[t.sourcePage.marks, words(day.marks).map((mark) => named(t.marks, mark)).join(', ')],
		[t.column.country, day.country === '' ? '' : speech.country(day.country)],
		[t.column.network, day.asn === 0 ? '' : column.networkName(day)],
	];
}

/** One day: what was judged, why, and the figures. The newest is open, the others say in one line what they hold. */
function Day({ day, open }: { day: SourceDay; open: boolean }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const judged = [column.ruleNames(speech, day.research), column.toolList(speech, day.tools)].filter((word) => word !== '').join(', ');
	const evidence = jsonObject(day.evidence);
	return (
		<details class="card day" open={open}>
			<summary>
				<h3>{`${speech.day(day.time)} UTC`}</h3>
				<span class="quiet">{[day.sensor, t.sourcePage.dayPackets(speech.whole(day.packets)), judged].filter((word) => word !== '').join(' · ')}</span>
			</summary>
			<div class="day-columns">
				<div>
					<h4>{t.sourcePage.how}</h4>
					<Verdicts day={day} evidence={evidence} />
					<Evidence object={evidence} told={['tools', 'research']} />
				</div>
				<div>
					<h4>{t.sourcePage.figures}</h4>
					<dl class="facts">
						{factsOf(day, speech).filter(([, value]) => value !== '').map(([name, value]) => (
							<div key={name}>
								<dt>{name}</dt>
								<dd>{value}</dd>
							</div>
						))}
					</dl>
				</div>
			</div>
		</details>
	);
}

function SourcePorts({ address }: { address: string }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const loaded = useAnswer('telescope/source-ports', { address, limit: 200 });
	return (
		<Result loaded={loaded} lines={6}>
			{(answer) =>
				answer.rows.length === 0 ? <p class="quiet">{t.states.empty}</p> : (
					<PortBars rows={answer.rows.map((row) => ({ ...row, href: portHref(row.protocol, row.port) }))} />
				)}
		</Result>
	);
}

function PortBars({ rows }: { rows: { protocol: number; port: number; class: string; packets: number; href: string }[] }): VNode {
	const { t, whole } = useSpeech();
	const most = Math.max(1, ...rows.map((row) => row.packets));
	return (
		<div class="scroll bounded" role="group" aria-label={t.sourcePage.ports} tabIndex={0}>
			<table class="top">
				<caption class="hidden">{t.sourcePage.ports}</caption>
				<thead>
					<tr>
						<th scope="col">{t.column.port}</th>
						<th scope="col" class="wide">{t.column.class}</th>
						<th scope="col" class="number">{t.column.packets}</th>
						<td class="share-bar" />
					</tr>
				</thead>
				<tbody>
					{rows.map((row) => (
						<tr key={portLabel(row.protocol, row.port)}>
							<th scope="row"><a href={row.href}><span class="mono">{portLabel(row.protocol, row.port)}</span>{' '}{serviceName(protocolName(row.protocol), row.port)}</a></th>
							<td class="wide"><ClassMark name={row.class} /></td>
							<td class="number">{whole(row.packets)}</td>
							<td class="share-bar"><span style={{ width: `${(row.packets / most) * 100}%` }} /></td>
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}

function Days({ days }: { days: SourceDay[] }): VNode {
	const speech = useSpeech();
	const { t, whole } = speech;
	const first = days.map((day) => day.first).sort()[0] ?? '';
	const last = days.map((day) => day.last).sort().at(-1) ?? '';
	const packets = days.reduce((sum, day) => sum + day.packets, 0);
	const ports = Math.max(...days.map((day) => day.ports));
	return (
		<>
			<p class="lead"><Rich text={t.sourcePage.sentence(whole(packets), whole(ports), speech.span(first, last), speech.zone)} /></p>
			<section aria-labelledby="days-head">
				<h2 id="days-head">{t.sourcePage.days}</h2>
				{[...days].reverse().map((day, index) => <Day key={`${day.time} ${day.sensor}`} day={day} open={index === 0} />)}
			</section>
		</>
	);
}

function Source({ address }: { address: string }): VNode {
	const { t } = useSpeech();
	const loaded = useAnswer('telescope/source', { address });
	return (
		<>
			<h1 class="mono">{address}</h1>
			<Result loaded={loaded} lines={14}>
				{({ rows }) => (rows.length > 0 ? <Days days={rows} /> : <Empty text={t.sourcePage.unknown(address)} hint={t.sourcePage.unknownHint} />)}
			</Result>
			{loaded.data?.rows.length !== 0 && (
				<section aria-labelledby="ports-head">
					<h2 id="ports-head">{t.sourcePage.ports}</h2>
					<SourcePorts address={address} />
				</section>
			)}
			<section aria-labelledby="findings-head">
				<h2 id="findings-head">{t.sourcePage.findings}</h2>
				<FindingTable parameters={{ subject: address }} id="findings_" filters={false} empty={<p class="quiet">{t.sourcePage.noFindings}</p>} />
			</section>
		</>
	);
}

export function SourcePage(): VNode {
	const { t } = useSpeech();
	const asked = usePlace().query.get('address') ?? '';
	const address = addressOf(asked);
	if (address === null)
		return <Page title={t.navigation.sources}><Empty text={t.sourcePage.badAddress(asked)} hint={t.sourcePage.badAddressHint} /></Page>;
	return <Source key={address} address={address} />;
}
