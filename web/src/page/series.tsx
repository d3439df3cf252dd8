// SPDX-License-Identifier: Apache-2.0
// Over time: by kind of traffic, class of port or port; in steps of 5 minutes, an hour or a day.
import type { VNode } from 'preact';
import { useSeries } from '../api';
import { useMemo } from 'preact/hooks';
import { linesOf, type Lines, type Measure, type Step } from '../chart/lines';
import { Series, type Mark } from '../chart/series';
import { serviceName } from '../data/ports';
import { protocolNumber } from '../format';
import { useGaps } from '../live/found';
import { Switch } from '../part/bar';
import { GapList } from '../part/gaps';
import { written } from '../part/range';
import { Empty, Result } from '../part/result';
import { go, linkHere, usePlace, type Changes } from '../route';
import type { Answer, Gap, Port, Sample } from '../rows';
import { named, useSpeech, type Text } from '../text/index';

const STEPS: Step[] = ['5m', '1h', '1d'];
const STEP: Step = '1h'; /* where the link says nothing; for the others it is the first */
const MEASURES = ['packets', 'sources'] as const;
const CUTS = ['category', 'class', 'port'] as const;
type Cut = (typeof CUTS)[number];
/* Categories that overlap with those shown: there for the asking. */
const QUIET = new Set(['all', 'tcp_syn', 'tcp_syn_ack', 'tcp_rst', 'tcp_other', 'udp', 'icmp', 'other']);

const quietLast = ({ times, lines }: Lines): Lines => ({
	times,
	lines: [...lines.filter((line) => !QUIET.has(line.key)), ...lines.filter((line) => QUIET.has(line.key))],
});

const pick = <T extends string>(text: string | null, choices: readonly T[], fallback: T): T => choices.find((choice) => choice === text) ?? fallback;

function nameOfKey(by: Cut, key: string, t: Text): string {
	if (by === 'category')
		return named(t.categories, key);
	if (by === 'class')
		return named(t.classes, key);
	const [protocol = '', port = ''] = key.split('/');
	return `${port}/${protocol} ${serviceName(protocol, Number(port))}`.trim();
}

/** The class that colours a line; null where lines are not about ports. */
function classOf(by: Cut, key: string, ports: Port[]): string | null {
	if (by !== 'port')
		return by === 'class' ? key : null;
	const [protocol = '', number = ''] = key.split('/');
	return ports.find((port) => port.protocol === protocolNumber(protocol) && port.port === Number(number))?.class ?? 'other';
}

interface Choice {
	by: Cut;
	step: Step;
	measure: Measure;
}

function Choices({ by, step, measure, fixed }: Choice & { fixed: boolean }): VNode {
	const { t } = useSpeech();
	const steps: Record<Step, string> = { '5m': t.series.step5m, '1h': t.series.step1h, '1d': t.series.step1d };
	return (
		<div class="chart-tools">
			{!fixed && <Switch label={t.series.by} choices={CUTS.map((cut) => ({ name: t.series[cut], href: linkHere({ by: cut === CUTS[0] ? null : cut }), chosen: cut === by }))} />}
			<Switch label={t.series.step} choices={STEPS.map((each) => ({ name: steps[each], href: linkHere({ step: each === STEP ? null : each }), chosen: each === step }))} />
			<Switch label={t.series.measure} choices={MEASURES.map((each) => ({ name: t.column[each], href: linkHere({ measure: each === MEASURES[0] ? null : each }), chosen: each === measure }))} />
		</div>
	);
}

/** The gaps that touch what is drawn; those that go on reach to its end. */
function touching(gaps: Gap[], from: string, to: string): Gap[] {
	return gaps.filter((gap) => Date.parse(gap.first) < Date.parse(to) && (gap.last === null || Date.parse(gap.last) > Date.parse(from)));
}

function Chart({ answer, choice, ports, gaps, marks }: { answer: Answer<Sample>; choice: Choice; ports: Port[]; gaps: Gap[]; marks: Mark[] }): VNode {
	const { t, percent } = useSpeech();
	const { by, step, measure } = choice;
	const error = answer.rows.reduce((most, row) => Math.max(most, row.sources_error), 0);
	const shown = touching(gaps, answer.from, answer.to);
	const drawn = shown.map((gap) => `${gap.first} ${gap.last ?? ''}`).join();
	const hatches = useMemo(() => shown.map((gap) => ({ from: Date.parse(gap.first) / 1000, to: Date.parse(gap.last ?? answer.to) / 1000 })), [drawn, answer.to]);
	const lines = useMemo(() => quietLast(linesOf(answer.rows, step, measure)), [answer, step, measure]);
	if (answer.rows.length === 0)
		return <Empty />;
	return (
		<>
			{answer.next !== null && <p class="partial">{t.series.partial}</p>}
			<Series
				key={by}
				lines={lines}
				hatches={hatches}
				marks={marks}
				step={step}
				what={t.column[measure]}
				additive={measure === 'packets'}
				nameOf={(key) => nameOfKey(by, key, t)}
				classOfKey={(key) => classOf(by, key, ports)}
				{...(by === 'category' ? { quiet: QUIET } : {})}
				onRange={(from, to) => go(linkHere({ from: written(from * 1000), to: written(to * 1000) }))}
			/>
			{measure === 'sources' && <p class="quiet">{error === 0 ? t.series.exact : t.series.estimated(percent(error))}</p>}
			{shown.length > 0 && (
				<>
					<h3 class="gap-head">{t.gaps.title}</h3>
					<GapList gaps={shown} />
				</>
			)}
		</>
	);
}

const NO_MARKS: Mark[] = [];

/** `fixed`: the parameters of one port's own page; then there is nothing to cut by. */
export function SeriesCard({ ports, fixed, marks = NO_MARKS }: { ports: Port[]; fixed?: Changes; marks?: Mark[] }): VNode {
	const { t } = useSpeech();
	const { query } = usePlace();
	const choice: Choice = {
		by: fixed ? 'port' : pick(query.get('by'), CUTS, CUTS[0]),
		step: pick(query.get('step'), STEPS, STEP),
		measure: pick(query.get('measure'), MEASURES, MEASURES[0]),
	};
	const loaded = useSeries({ by: choice.by, step: choice.step, ...fixed });
	const gaps = useGaps().data?.rows ?? [];
	return (
		<section class="card" aria-labelledby="series-head">
			<h2 id="series-head">{t.series.title}</h2>
			<Choices {...choice} fixed={fixed !== undefined} />
			<Result loaded={loaded} lines={12}>{(answer) => <Chart answer={answer} choice={choice} ports={ports} gaps={gaps} marks={marks} />}</Result>
		</section>
	);
}
