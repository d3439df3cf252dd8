// SPDX-License-Identifier: Apache-2.0
// Who is knocking at our unused doors, and with which tools? The ring, the lines, the Atlas.
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { useAnswer } from '../api';
import { portHref, Ring } from '../chart/ring';
import { TOP } from '../chart/slices';
import { serviceName } from '../data/ports';
import { portLabel, protocolName } from '../format';
import { toneOf } from '../part/class';
import { Sources } from '../part/figure';
import { Empty, Result } from '../part/result';
import { linkTo } from '../route';
import type { Port } from '../rows';
import { named, useSpeech } from '../text/index';
import { AtlasCard, useCountries } from './atlas';
import { Situation } from './overview';
import { SeriesCard } from './series';

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

const LISTED = 12; /* countries beside the map */

export function TelescopePage(): VNode {
	const { t } = useSpeech();
	const [lit, setLit] = useState<string | null>(null);
	const summary = useAnswer('telescope/summary');
	const ports = useAnswer('telescope/ports');
	const countries = useCountries();
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
			</section>
		</>
	);
}
