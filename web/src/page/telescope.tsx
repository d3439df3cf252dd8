// SPDX-License-Identifier: Apache-2.0
// Who is knocking at our unused doors, and with which tools? The ring, the lines, the Atlas.
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { useAnswer, useSeries } from '../api';
import { Atlas, countryHref } from '../chart/atlas';
import { linesOf, type Lines, type Measure, type Step } from '../chart/lines';
import { portHref, Ring } from '../chart/ring';
import { Series } from '../chart/series';
import { TOP } from '../chart/slices';
import { serviceName } from '../data/ports';
import { portLabel, protocolName, protocolNumber } from '../format';
import { Switch } from '../part/bar';
import { toneOf } from '../part/class';
import { Sources } from '../part/figure';
import { written } from '../part/range';
import { Command, Empty, Result } from '../part/result';
import { go, linkHere, linkTo, usePlace, type Changes } from '../route';
import type { Country, Port } from '../rows';
import { named, useSpeech } from '../text/index';
import { Situation } from './overview';

function TopTen({ ports, total, lit, onLight }: { ports: Port[]; total: number; lit: string | null; onLight: (key: string | null) => void }): VNode {
	const { t, whole, percent } = useSpeech();
	const top = ports.slice(0, TOP);
	const rest = total - top.reduce((sum, port) => sum + port.packets, 0);
	const share = (packets: number): string => percent(total > 0 ? packets / total : 0);
	return (
		<table class="top">
			<caption>{t.ring.top}</caption>
			<thead>
				<tr>
					<th scope="col">{t.column.port}</th>
					<th scope="col" class="number">{t.column.packets}</th>
					<th scope="col" class="number wide">{t.column.sources}</th>
					<th scope="col" class="number">{t.column.share}</th>
				</tr>
			</thead>
			<tbody>
				{top.map((port) => {
					const label = portLabel(port.protocol, port.port);
					return (
						<tr key={label} class={lit === label ? 'lit' : undefined} onPointerEnter={() => onLight(label)} onPointerLeave={() => onLight(null)}>
							<th scope="row">
								<i class={`swatch tone-${toneOf(port.class)}`} aria-hidden="true" />
								<a href={portHref(port.protocol, port.port)}><span class="mono">{label}</span>{' '}{serviceName(protocolName(port.protocol), port.port)}</a>
								<span class="hidden">{` ${named(t.classes, port.class)}`}</span>
							</th>
							<td class="number">{whole(port.packets)}</td>
							<td class="number wide"><Sources value={port.sources} error={port.sources_error} /></td>
							<td class="number">{share(port.packets)}</td>
						</tr>
					);
				})}
				{rest > 0 && (
					<tr class={lit === 'rest' ? 'lit' : undefined} onPointerEnter={() => onLight('rest')} onPointerLeave={() => onLight(null)}>
						<th scope="row"><i class="swatch tone-rest" aria-hidden="true" /><a href={linkTo('/telescope/ports')}>{t.ring.rest}</a></th>
						<td class="number">{whole(rest)}</td>
						<td class="number wide">{'–'}</td>
						<td class="number">{share(rest)}</td>
					</tr>
				)}
			</tbody>
		</table>
	);
}

const STEPS: Step[] = ['5m', '1h', '1d'];
const CUTS = ['category', 'class', 'port'] as const;
type Cut = (typeof CUTS)[number];
/* Categories that overlap with those shown: there for the asking. */
const QUIET = new Set(['all', 'tcp_syn', 'tcp_syn_ack', 'tcp_rst', 'tcp_other', 'udp', 'icmp', 'other']);

const quietLast = ({ times, lines }: Lines): Lines => ({
	times,
	lines: [...lines.filter((line) => !QUIET.has(line.key)), ...lines.filter((line) => QUIET.has(line.key))],
});

const pick = <T extends string>(text: string | null, choices: readonly T[], fallback: T): T => choices.find((choice) => choice === text) ?? fallback;

/** `fixed`: the parameters of one port's own page; then there is nothing to cut by. */
export function SeriesCard({ ports, fixed }: { ports: Port[]; fixed?: Changes }): VNode {
	const { t } = useSpeech();
	const { query } = usePlace();
	const by: Cut = fixed ? 'port' : pick(query.get('by'), CUTS, 'category');
	const step = pick(query.get('step'), STEPS, '1h');
	const measure: Measure = pick(query.get('measure'), ['packets', 'sources'] as const, 'packets');
	const loaded = useSeries({ by, step, ...fixed });
	const stepNames: Record<Step, string> = { '5m': t.series.step5m, '1h': t.series.step1h, '1d': t.series.step1d };
	const nameOf = (key: string): string => {
		if (by === 'category')
			return named(t.categories, key);
		if (by === 'class')
			return named(t.classes, key);
		const [protocol = '', port = ''] = key.split('/');
		return `${port}/${protocol} ${serviceName(protocol, Number(port))}`.trim();
	};
	const classOfKey = (key: string): string | null => {
		if (by !== 'port')
			return by === 'class' ? key : null;
		const [protocol = '', number = ''] = key.split('/');
		return ports.find((port) => port.protocol === protocolNumber(protocol) && port.port === Number(number))?.class ?? 'other';
	};
	return (
		<section class="card" aria-labelledby="series-head">
			<h2 id="series-head">{t.series.title}</h2>
			<div class="chart-tools">
				{!fixed && <Switch label={t.series.by} choices={CUTS.map((cut) => ({ name: t.series[cut], href: linkHere({ by: cut === 'category' ? null : cut }), chosen: cut === by }))} />}
				<Switch label={t.series.step} choices={STEPS.map((choice) => ({ name: stepNames[choice], href: linkHere({ step: choice === '1h' ? null : choice }), chosen: choice === step }))} />
				<Switch
					label={t.series.measure}
					choices={(['packets', 'sources'] as const).map((choice) => ({ name: t.column[choice], href: linkHere({ measure: choice === 'packets' ? null : choice }), chosen: choice === measure }))}
				/>
			</div>
			<Result loaded={loaded} lines={12}>
				{(answer) =>
					answer.rows.length === 0 ? <Empty /> : (
						<>
							{answer.next !== null && <p class="partial">{t.series.partial}</p>}
						<Series
							key={by}
							lines={quietLast(linesOf(answer.rows, step, measure))}
							step={step}
							what={t.column[measure]}
							additive={measure === 'packets'}
							nameOf={nameOf}
							classOfKey={classOfKey}
							{...(by === 'category' ? { quiet: QUIET } : {})}
							onRange={(from, to) => go(linkHere({ from: written(from * 1000), to: written(to * 1000) }))}
						/>
						</>
					)}
			</Result>
		</section>
	);
}

const LISTED = 12;

export function AtlasCard({ rows, listed }: { rows: Country[]; listed?: number }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const [lit, setLit] = useState<string | null>(null);
	if (!rows.some((row) => row.country !== ''))
		return (
			<Empty text={t.atlas.noCountries} hint={t.atlas.noCountriesHint}>
				<Command text="noroshi telescope read capture.pcap --mmdb country.mmdb --store noroshi.db" />
			</Empty>
		);
	return (
		<div class="with-list map">
			<Atlas rows={rows} lit={lit} onLight={setLit} />
			<table class="top">
				<caption>{t.atlas.list}</caption>
				<thead>
					<tr>
						<th scope="col">{t.column.country}</th>
						<th scope="col" class="number">{t.column.packets}</th>
						<th scope="col" class="number">{t.column.sources}</th>
					</tr>
				</thead>
				<tbody>
					{rows.slice(0, listed ?? rows.length).map((row) => (
						<tr key={row.country} class={lit !== null && lit === row.country ? 'lit' : undefined} onPointerEnter={() => setLit(row.country)} onPointerLeave={() => setLit(null)}>
							<th scope="row">{row.country === '' ? t.atlas.unknown : <a href={countryHref(row.country)}>{speech.country(row.country)}</a>}</th>
							<td class="number">{speech.whole(row.packets)}</td>
							<td class="number"><Sources value={row.sources} error={row.sources_error} /></td>
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}

export function TelescopePage(): VNode {
	const { t } = useSpeech();
	const [lit, setLit] = useState<string | null>(null);
	const summary = useAnswer('telescope/summary');
	const ports = useAnswer('telescope/ports');
	const countries = useAnswer('telescope/countries', { limit: 300 });
	const total = summary.data?.rows[0]?.scan_packets ?? 0;
	return (
		<>
			<header class="page-head">
				<p class="question">{t.page.telescope}</p>
				<Result loaded={summary} lines={3}>{(answer) => <Situation answer={answer} />}</Result>
			</header>
			<section class="card" aria-labelledby="ring-head">
				<h2 id="ring-head">{t.ring.title}</h2>
				<Result loaded={ports} lines={16}>
					{(answer) =>
						answer.rows.length === 0 ? <Empty /> : (
							<div class="with-list">
								<Ring ports={answer.rows} total={total} lit={lit} onLight={setLit} />
								<TopTen ports={answer.rows} total={total} lit={lit} onLight={setLit} />
							</div>
						)}
				</Result>
			</section>
			<SeriesCard ports={ports.data?.rows ?? []} />
			<section class="card" aria-labelledby="atlas-head">
				<h2 id="atlas-head">{t.atlas.title}</h2>
				<Result loaded={countries} lines={14}>{(answer) => <AtlasCard rows={answer.rows} listed={LISTED} />}</Result>
				<p class="more"><a href={linkTo('/telescope/atlas')}>{t.atlas.all}</a></p>
			</section>
		</>
	);
}
