// SPDX-License-Identifier: Apache-2.0
// What needs me now? One sentence, two pictures, what changed, and whether the sense sees well.
import { Fragment, type VNode } from 'preact';
import { useAnswer } from '../api';
import { Ring } from '../chart/ring';
import { Strips } from '../chart/strips';
import { serviceName } from '../data/ports';
import { portLabel, protocolName } from '../format';
import { Result } from '../part/result';
import { Rich } from '../part/rich';
import { sourceHref } from '../part/search';
import { useLanguage } from '../preferences';
import { linkTo, usePlace, viewOf } from '../route';
import { jsonObject, type Answer, type Finding, type Run, type Summary } from '../rows';
import { named, useSpeech } from '../text/index';
import { URGENT } from '../severity';
import { Severity } from './findings';

const DRAWN = 1000; /* findings in the strips: the API's largest page */
const NEWEST = 6;
const RUNS = 100;

/** "In this range 1.2 M packets from 43 k sources; 27 % of the scans knock at 23/tcp Telnet; 3 findings." */
export function Situation({ answer }: { answer: Answer<Summary> }): VNode {
	const speech = useSpeech();
	const { t, compact, percent } = speech;
	const { research } = viewOf(usePlace().query);
	const summary = answer.rows[0];
	if (!summary)
		return <h1>{t.states.empty}</h1>;
	const label = `${portLabel(summary.top_protocol, summary.top_port)} ${serviceName(protocolName(summary.top_protocol), summary.top_port)}`.trim();
	const parts = [t.situation.heard(compact(summary.packets), compact(summary.sources))];
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
			<h1 class="situation">
				{parts.map((part, index) => (
					<Fragment key={part}>
						<span class="phrase"><Rich text={part + (index < parts.length - 1 ? t.situation.comma : t.situation.stop)} /></span>
						{t.situation.gap}
					</Fragment>
				))}
			</h1>
		</>
	);
}

/** What asks for action comes first; within both parts the newest, as the API answers. */
const byUrgency = (findings: Finding[]): Finding[] => [...findings].sort((a, b) => Number(b.severity >= URGENT) - Number(a.severity >= URGENT));

function Changed({ findings }: { findings: Finding[] }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const language = useLanguage();
	if (findings.length === 0)
		return <p class="quiet">{t.overview.noFindings}</p>;
	return (
		<ul class="changed">
			{byUrgency(findings).slice(0, NEWEST).map((finding) => (
				<li key={`${finding.kind} ${finding.subject} ${finding.first}`}>
					<p class="changed-head">
						<Severity value={finding.severity} />
						<strong>{named(t.kinds, finding.kind)}</strong>
						<a class="mono" href={sourceHref(finding.subject)}>{finding.subject}</a>
						<time class="quiet" dateTime={finding.last}>{`${speech.moment(finding.last)} ${speech.zone}`}</time>
					</p>
					<p>{language === 'ja' ? finding.reason_ja : finding.reason_en}</p>
				</li>
			))}
		</ul>
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
		return <p class="quiet">{t.states.empty}</p>;
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

export function OverviewPage(): VNode {
	const { t, whole } = useSpeech();
	const summary = useAnswer('telescope/summary');
	const ports = useAnswer('telescope/ports');
	const findings = useAnswer('findings', { limit: DRAWN });
	const runs = useAnswer('telescope/runs', { limit: RUNS });
	return (
		<>
			<header class="page-head"><Result loaded={summary} lines={3}>{(answer) => <Situation answer={answer} />}</Result></header>
			<div class="columns">
				<section class="card" aria-labelledby="ring-head">
					<h2 id="ring-head">{t.ring.title}</h2>
					<Result loaded={ports} lines={12}>
						{(answer) => <Ring ports={answer.rows} total={summary.data?.rows[0]?.scan_packets ?? 0} />}
					</Result>
					<p class="more"><a href={linkTo('/telescope')}>{t.overview.ringMore}</a></p>
				</section>
				<section class="card" aria-labelledby="kinds-head">
					<h2 id="kinds-head">{t.overview.kinds}</h2>
					<Result loaded={findings} lines={12}>
						{(answer) =>
							answer.rows.length === 0 ? <p class="quiet">{t.overview.noFindings}</p> : (
								<>
									<Strips findings={answer.rows} from={answer.from} to={answer.to} />
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
				<section class="card" aria-labelledby="health-head">
					<h2 id="health-head">{t.overview.health}</h2>
					<Result loaded={runs} lines={10}>{(answer) => <Health runs={answer.rows} />}</Result>
				</section>
			</div>
		</>
	);
}
