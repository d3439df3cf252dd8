// SPDX-License-Identifier: Apache-2.0
// What needs me now? One sentence, two pictures, what changed, and whether the sense sees well.
import type { VNode } from 'preact';
import { useAnswer, useSensors, useStatus, type Loaded } from '../api';
import { C2Card } from '../c2/today';
import { Ring } from '../chart/ring';
import { Strips } from '../chart/strips';
import { serviceName } from '../data/ports';
import { portLabel, protocolName } from '../format';
import { useFindings, useGaps } from '../live/found';
import { useCalm, useLive } from '../live/use';
import { HowKnown } from '../part/figure';
import { GapList } from '../part/gaps';
import { LiveStrip } from '../part/strip';
import { Empty, Result, Skeleton } from '../part/result';
import { Phrases } from '../part/rich';
import { subjectHref } from '../part/search';
import { useLanguage } from '../preferences';
import { linkTo, usePlace, viewOf } from '../route';
import { jsonObject, type Answer, type Finding, type Gap, type LiveStatus, type Run, type Summary } from '../rows';
import { named, useSpeech } from '../text/index';
import { URGENT } from '../severity';
import { Severity } from './findings';

const DRAWN = 1000; /* findings in the strips: the API's largest page */
const NEWEST = 6;
const URGENT_SHOWN = 3;
const RUNS = 100;

/** "In this range 1.2 M packets from 43 k sources; 27 % of the scans knock at 23/tcp Telnet; 3 findings." */
export function Situation({ answer }: { answer: Answer<Summary> }): VNode {
	const speech = useSpeech();
	const { t, compact, percent } = speech;
	const { research } = viewOf(usePlace().query);
	const summary = answer.rows[0];
	const watched = useLive().state !== 'off';
	if (summary && summary.packets === 0 && summary.findings > 0)
		return <Phrases parts={[t.situation.findings(compact(summary.findings), summary.findings === 1)]} />;
	if (!summary || summary.packets === 0)
		return watched ? <h1 class="situation">{t.live.first}</h1> : <h1>{t.states.empty}</h1>;
	const label = `${portLabel(summary.top_protocol, summary.top_port)} ${serviceName(protocolName(summary.top_protocol), summary.top_port)}`.trim();
	const parts = [t.situation.heard(compact(summary.packets), speech.about(summary.sources, summary.sources_error))];
	if (summary.scan_packets > 0)
		parts.push(t.situation.knock(percent(summary.top_packets / summary.scan_packets), label));
	if (research === 'with' && summary.research_packets > 0)
		parts.push(t.situation.research(percent(summary.research_packets / summary.packets)));
	// The summary counts findings about research scanners too, whatever the bar says.
	if (research === 'with')
		parts.push(summary.findings > 0 ? t.situation.findings(compact(summary.findings), summary.findings === 1) : t.situation.none);
	return (
		<>
			<p class="covers">{t.situation.range(speech.span(answer.from, answer.to), speech.zone)}</p>
			<Phrases parts={parts} />
			<HowKnown value={summary.sources} error={summary.sources_error} />
		</>
	);
}

const keyOf = (finding: Finding): string => `${finding.sensor} ${finding.kind} ${finding.subject} ${finding.first}`;

function FindingList({ findings }: { findings: Finding[] }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const language = useLanguage();
	return (
		<ul class="changed">
			{findings.map((finding) => {
				const href = subjectHref(finding.subject);
				return (
					<li key={keyOf(finding)}>
						<p class="changed-head">
							<Severity value={finding.severity} />
							<strong>{named(t.kinds, finding.kind)}</strong>
							{href === null ? <span class="mono">{finding.subject}</span> : <a class="mono" href={href}>{finding.subject}</a>}
							<time class="quiet" dateTime={finding.last}>{`${speech.moment(finding.last)} ${speech.zone}`}</time>
						</p>
						<p>{language === 'ja' ? finding.reason_ja : finding.reason_en}</p>
					</li>
				);
			})}
		</ul>
	);
}

/** Nothing moves while somebody reads or points here; what has come meanwhile is said. */
function Changed({ findings }: { findings: Finding[] }): VNode {
	const { t } = useSpeech();
	const { shown, held, ref } = useCalm(findings.filter((finding) => finding.severity < URGENT));
	return (
		<div ref={ref}>
			{shown.length === 0 ? <p class="quiet">{t.overview.noFindings}</p> : <FindingList findings={shown.slice(0, NEWEST)} />}
			<p class="quiet held">{held ? t.live.held : ''}</p>
		</div>
	);
}

/** What asks for action stands above everything else. */
function Urgent({ findings }: { findings: Finding[] }): VNode | null {
	const { t, whole } = useSpeech();
	const urgent = findings.filter((finding) => finding.severity >= URGENT);
	if (urgent.length === 0)
		return null;
	return (
		<section class="card urgent-card" aria-labelledby="urgent-head">
			<h2 id="urgent-head">{t.overview.urgent(whole(urgent.length), urgent.length === 1)}</h2>
			<FindingList findings={urgent.slice(0, URGENT_SHOWN)} />
			{urgent.length > URGENT_SHOWN && <p class="more"><a href={linkTo('/findings')}>{t.overview.allFindings}</a></p>}
		</section>
	);
}

function Sensors({ sensors, gaps }: { sensors: LiveStatus[]; gaps: Gap[] }): VNode | null {
	const speech = useSpeech();
	const { t, whole } = speech;
	if (sensors.length === 0)
		return null;
	const restarts = (sensor: LiveStatus): number => gaps.filter((gap) => gap.sensor === sensor.sensor && gap.cause === 'crashed').length;
	return (
		<div class="sensors" role="group" aria-label={t.health.sensors} tabIndex={0}>
			<table class="small">
				<caption>{t.health.sensors}</caption>
				<thead>
					<tr>
						<th scope="col">{t.bar.sensor}</th>
						<th scope="col">{t.health.state}</th>
						<th scope="col" class="number">{t.column.packets}</th>
						<th scope="col" class="number">{t.column.dropped}</th>
						<th scope="col" class="number">{t.health.restarts}</th>
					</tr>
				</thead>
				<tbody>
					{sensors.map((sensor) => (
						<tr key={sensor.sensor}>
							<th scope="row">{`${sensor.sensor} (${sensor.interface})`}</th>
							<td><span class={sensor.state === 'running' ? undefined : 'severity urgent'}>{named(t.health.states, sensor.state)}</span></td>
							<td class="number">{whole(sensor.packets)}</td>
							<td class="number">{whole(sensor.dropped)}</td>
							<td class="number">{whole(restarts(sensor))}</td>
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}

function Webhooks(): VNode | null {
	const { t, whole } = useSpeech();
	const receivers = useStatus().data?.webhooks ?? [];
	if (receivers.length === 0)
		return null;
	return (
		<>
			<h3>{t.health.webhooks}</h3>
			<dl class="facts">
				{receivers.map((each) => <div key={each.receiver}><dt class="mono">{each.receiver}</dt><dd>{t.health.webhook(whole(each.delivered), whole(each.waiting))}</dd></div>)}
			</dl>
		</>
	);
}

/** What is not as it should be with the server itself; nothing else is worth the place. */
function Server(): VNode | null {
	const { t, whole } = useSpeech();
	const status = useStatus().data;
	if (status === null)
		return null;
	const missing = status.sandbox_missing ?? status.live?.find((sensor) => sensor.sandbox_missing)?.sandbox_missing;
	const closed = (status.http?.overdue ?? 0) + (status.http?.shed ?? 0);
	if (!missing && closed === 0)
		return null;
	return (
		<>
			<h3>{t.health.server}</h3>
			{missing && <p class="sandbox"><strong>{t.health.unconfined(missing.replace(' and ', t.health.and))}</strong></p>}
			{closed > 0 && <p class="quiet">{t.health.closed(whole(status.http?.overdue ?? 0), whole(status.http?.shed ?? 0))}</p>}
		</>
	);
}

function Gaps(): VNode {
	const { t } = useSpeech();
	const gaps = useGaps();
	const sensors = useSensors() ?? [];
	return (
		<Result loaded={gaps} lines={2}>
			{(answer) => (
				<>
					<Sensors sensors={sensors} gaps={answer.rows} />
					<Webhooks />
					<Server />
					<h3>{t.gaps.title}</h3>
					{answer.rows.length === 0 ? <p class="quiet">{t.gaps.none}</p> : <GapList gaps={answer.rows} />}
				</>
			)}
		</Result>
	);
}

function dropsOf(runs: Run[]): [string, number][] {
	const sums = new Map<string, number>();
	for (const run of runs)
		for (const [cause, count] of Object.entries(jsonObject(run.dropped)))
			if (typeof count === 'number' && count > 0)
				sums.set(cause, (sums.get(cause) ?? 0) + count);
	return [...sums].sort((a, b) => b[1] - a[1]);
}

function Health({ runs }: { runs: Run[] }): VNode {
	const speech = useSpeech();
	const { t, whole } = speech;
	const last = runs.reduce<Run | undefined>((newest, run) => (newest && newest.time >= run.time ? newest : run), undefined);
	if (!last)
		return <p class="quiet">{t.health.noRuns}</p>;
	const sum = (value: (run: Run) => number): number => runs.reduce((total, run) => total + value(run), 0);
	const drops = dropsOf(runs);
	const lost = drops.reduce((total, [, count]) => total + count, 0);
	const frames = sum((run) => run.frames);
	const facts: [string, string][] = [
		[t.health.frames, whole(frames)],
		[t.health.packets, whole(sum((run) => run.packets))],
		[t.health.late, whole(sum((run) => run.late))],
		[t.health.dark, last.dark > 0 ? whole(last.dark) : t.health.darkUnknown],
		[t.health.lastRun, `${speech.moment(last.time)} ${speech.zone}`],
		[t.health.input, last.input],
		[t.health.rules, last.rules],
	];
	return (
		<>
			<dl class="facts">
				{facts.filter(([, value]) => value !== '').map(([name, value]) => (
					<div key={name}>
						<dt>{name}</dt>
						<dd>{value}</dd>
					</div>
				))}
			</dl>
			{lost === 0 ? (
				<p class="quiet">{t.health.complete}</p>
			) : (
				<>
					<p class="partial">{t.health.partial(whole(lost), speech.percent(lost / Math.max(1, frames)))}</p>
					<table class="small">
						<caption class="hidden">{t.health.dropped}</caption>
						<thead><tr><th scope="col">{t.health.cause}</th><th scope="col" class="number">{t.health.count}</th></tr></thead>
						<tbody>
							{drops.map(([cause, count]) => <tr key={cause}><th scope="row">{named(t.drops, cause)}</th><td class="number">{whole(count)}</td></tr>)}
						</tbody>
					</table>
				</>
			)}
		</>
	);
}

/** The range of the answer; of an empty store, that of the findings which have just come. */
function spanOf({ from, to, rows }: Answer<Finding>): { from: string; to: string } {
	if (!Number.isNaN(Date.parse(from)) && !Number.isNaN(Date.parse(to)))
		return { from, to };
	return { from: rows.at(-1)?.first ?? '', to: rows[0]?.last ?? '' };
}

interface BodyProps {
	findings: Loaded<Answer<Finding>>;
	total: number;
}

function Body({ findings, total }: BodyProps): VNode {
	const { t, whole } = useSpeech();
	const ports = useAnswer('telescope/ports');
	const runs = useAnswer('telescope/runs', { limit: RUNS });
	return (
		<>
			<Urgent findings={findings.data?.rows ?? []} />
			<LiveStrip />
			<C2Card />
			<div class="columns">
				<section class="card" aria-labelledby="ring-head">
					<h2 id="ring-head">{t.ring.title}</h2>
					<Result loaded={ports} lines={12}>{(answer) => (answer.rows.length === 0 ? <Empty /> : <Ring ports={answer.rows} total={total} />)}</Result>
					<p class="more"><a href={linkTo('/telescope')}>{t.overview.ringMore}</a></p>
				</section>
				<section class="card" aria-labelledby="kinds-head">
					<h2 id="kinds-head">{t.overview.kinds}</h2>
					<Result loaded={findings} lines={12}>
						{(answer) =>
							answer.rows.length === 0 ? <p class="quiet">{t.overview.noFindings}</p> : (
								<>
									<Strips findings={answer.rows} {...spanOf(answer)} />
									{answer.next !== null && <p class="quiet">{t.overview.truncated(whole(answer.rows.length))}</p>}
								</>
							)}
					</Result>
				</section>
				<section class="card" aria-labelledby="changed-head">
					<h2 id="changed-head">{t.overview.changed} <span class="aside">{t.overview.changedOrder}</span></h2>
					<Result loaded={findings} lines={10}>{(answer) => <Changed findings={answer.rows} />}</Result>
					<p class="more"><a href={linkTo('/findings')}>{t.overview.allFindings}</a></p>
				</section>
				<section class="card health" aria-labelledby="health-head">
					<h2 id="health-head">{t.overview.health}</h2>
					<Gaps />
					<Result loaded={runs} lines={10}>{(answer) => <Health runs={answer.rows} />}</Result>
				</section>
			</div>
		</>
	);
}

/** What stands above the pictures is as tall as what it says: so the page waits until that is known, and nothing jumps. */
export function OverviewPage(): VNode {
	const summary = useAnswer('telescope/summary');
	const status = useStatus();
	const findings = useFindings(DRAWN);
	const known = (loaded: Loaded<unknown>): boolean => loaded.data !== null || loaded.error !== null;
	return (
		<>
			<header class="page-head"><Result loaded={summary} lines={3}>{(answer) => <Situation answer={answer} />}</Result></header>
			{known(status) && known(findings) ? <Body findings={findings} total={summary.data?.rows[0]?.scan_packets ?? 0} /> : <Skeleton lines={24} />}
		</>
	);
}
