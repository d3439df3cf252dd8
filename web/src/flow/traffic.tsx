// SPDX-License-Identifier: Apache-2.0
// How much goes through over time: by service, AS, country or exporter, as it was exported or estimated.
import { useMemo } from 'preact/hooks';
import type { VNode } from 'preact';
import { apiUrl, useUrl } from '../api';
import { linesOf, type Step } from '../chart/lines';
import { Series } from '../chart/series';
import { serviceName } from '../data/ports';
import { Switch } from '../part/bar';
import { written } from '../part/range';
import { Empty, Result } from '../part/result';
import { go, linkHere, usePlace, viewOf } from '../route';
import type { Answer } from '../rows';
import { useSpeech, type Speech } from '../text/index';
import { DIMENSIONS, ORDERS, type Dimension, type Order, type TrafficRow } from './types';

const STEPS: [Step, ...Step[]] = ['5m', '1h', '1d'];
const PAGE = 10_000; /* the most rows of one page */
const PAGES = 5;
const LINES = 8; /* the largest; the rest is one more */

export const chosen = <T extends string>(text: string | null, choices: readonly [T, ...T[]]): T => choices.find((choice) => choice === text) ?? choices[0];

/** "443/tcp https", "AS64500", "日本"; what is left of a step, "others". */
export function nameOfKey(speech: Speech, dimension: Dimension, row: { key: string; name: string }): string {
	if (row.key === 'other')
		return speech.t.flow.others;
	if (dimension === 'country')
		return speech.country(row.key);
	if (dimension === 'service') {
		const [protocol = '', port] = row.key.split('/');
		return port === undefined ? protocol : `${port}/${protocol} ${serviceName(protocol, Number(port))}`.trim();
	}
	return row.name === '' ? row.key : `${row.key} ${row.name}`;
}

const valueOf = (row: TrafficRow, order: Order, estimated: boolean): number =>
	order === 'flows' ? row.flows : order === 'packets' ? (estimated ? row.estimated_packets : row.packets) : estimated ? row.estimated_bytes : row.bytes;

interface Choice {
	dimension: Dimension;
	step: Step;
	order: Order;
	estimated: boolean;
}

function Choices({ dimension, step, order, estimated }: Choice): VNode {
	const { t } = useSpeech();
	const steps: Record<Step, string> = { '5m': t.series.step5m, '1h': t.series.step1h, '1d': t.series.step1d };
	return (
		<div class="chart-tools">
			<Switch label={t.series.by} choices={DIMENSIONS.map((each) => ({ name: t.flow.dimensions[each], href: linkHere({ by: each === DIMENSIONS[0] ? null : each }), chosen: each === dimension }))} />
			<Switch label={t.series.step} choices={STEPS.map((each) => ({ name: steps[each], href: linkHere({ step: each === STEPS[0] ? null : each }), chosen: each === step }))} />
			<Switch label={t.series.measure} choices={ORDERS.map((each) => ({ name: t.flow.measures[each], href: linkHere({ measure: each === ORDERS[0] ? null : each }), chosen: each === order }))} />
			{order !== 'flows' && (
				<Switch
					label={t.flow.counted}
					choices={[
						{ name: t.flow.estimated, href: linkHere({ counted: null }), chosen: estimated },
						{ name: t.flow.exported, href: linkHere({ counted: 'exported' }), chosen: !estimated },
					]}
				/>
			)}
		</div>
	);
}

function Chart({ answer, choice }: { answer: Answer<TrafficRow>; choice: Choice }): VNode {
	const speech = useSpeech();
	const { t, whole } = speech;
	const { dimension, step, order, estimated } = choice;
	const names = useMemo(() => new Map(answer.rows.map((row) => [row.key, nameOfKey(speech, dimension, row)])), [answer, dimension, t]);
	const lines = useMemo(
		() => linesOf(answer.rows.map((row) => ({ time: row.time, key: row.key, packets: valueOf(row, order, estimated), bytes: 0, sources: 0, sources_error: 0 })), step, 'packets'),
		[answer, step, order, estimated],
	);
	const unknown = answer.rows.reduce((sum, row) => sum + row.unknown_flows, 0);
	if (answer.rows.length === 0)
		return <Empty text={t.flow.noTraffic} hint={t.flow.noTrafficHint} />;
	return (
		<>
			{answer.next !== null && <p class="partial">{t.series.partial}</p>}
			<Series
				key={dimension}
				lines={lines}
				hatches={[]}
				marks={[]}
				step={step}
				what={t.flow.measures[order]}
				additive
				nameOf={(key) => names.get(key) ?? key}
				classOfKey={() => null}
				onRange={(from, to) => go(linkHere({ from: written(from * 1000), to: written(to * 1000) }))}
			/>
			{estimated && order !== 'flows' && <p class="quiet">{unknown === 0 ? t.flow.estimatedAll : t.flow.estimatedWithout(whole(unknown))}</p>}
		</>
	);
}

export function TrafficCard(): VNode {
	const { t } = useSpeech();
	const { query } = usePlace();
	const view = viewOf(query);
	const choice: Choice = {
		dimension: chosen(query.get('by'), DIMENSIONS),
		step: chosen(query.get('step'), STEPS),
		order: chosen(query.get('measure'), ORDERS),
		estimated: query.get('counted') !== 'exported',
	};
	const loaded = useUrl<Answer<TrafficRow>>(apiUrl('flow/traffic', { from: view.from, to: view.to, dimension: choice.dimension, step: choice.step, top: LINES, limit: PAGE }), PAGES);
	return (
		<section class="card" aria-labelledby="traffic-head">
			<h2 id="traffic-head">{t.flow.traffic}</h2>
			<Choices {...choice} />
			<Result loaded={loaded} lines={12}>{(answer) => <Chart answer={answer} choice={choice} />}</Result>
		</section>
	);
}
