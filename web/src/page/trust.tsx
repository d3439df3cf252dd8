// SPDX-License-Identifier: Apache-2.0
// Can we prove it? The ledger's head and growth, the clock against its references, and a file judged by its seal.
import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { again, apiUrl, useUrl } from '../api';
import { ClockChart, holdsOf, type Hold } from '../chart/clock';
import { linesOf } from '../chart/lines';
import { Series } from '../chart/series';
import { Switch } from '../part/bar';
import { Command, Result } from '../part/result';
import { Rich } from '../part/rich';
import { go, linkHere, usePlace, viewOf } from '../route';
import { named, useSpeech } from '../text/index';
import { Drop } from '../trust/drop';
import { EntryTable } from '../trust/entries';
import type { Clock, Head, Ledger, Tally } from '../trust/types';

const HEAD = '/api/v1/trust';
const ASK_EVERY = 20_000; /* ms */
const ROOT_SHOWN = 12; /* characters */
const HOLDS_SHOWN = 20;

/** How old a checkpoint is; a clock that is a little behind its writer's makes it no younger than now. */
function useAge(): (now: string, time: string) => string {
	const { t, ago } = useSpeech();
	return (now, time) => {
		const age = Date.parse(now) - Date.parse(time);
		return age < 60_000 ? t.trust.justNow : ago(age);
	};
}

/** "The ledger has **1,204** entries; its newest checkpoint is 3 minutes old and was signed by log.example." */
function Situation({ head }: { head: Head }): VNode {
	const { t, whole } = useSpeech();
	const age = useAge();
	const ledger = head.ledger;
	if (!ledger)
		return <h1 class="situation">{t.trust.noLedger}</h1>;
	if (!ledger.checkpoint)
		return <h1 class="situation">{t.trust.states[ledger.state]}</h1>;
	return <h1 class="situation"><Rich text={t.trust.situation(whole(ledger.checkpoint.size), age(head.time, ledger.checkpoint.time))} /></h1>;
}

function Checkpoint({ ledger, now }: { ledger: Ledger; now: string }): VNode | null {
	const speech = useSpeech();
	const { t, whole, moment, zone } = speech;
	const age = useAge();
	const point = ledger.checkpoint;
	if (!point)
		return null;
	return (
		<dl class="facts">
			<div><dt>{t.trust.origin}</dt><dd class="mono break">{point.origin}</dd></div>
			<div><dt>{t.trust.size}</dt><dd class="size">{whole(point.size)}</dd></div>
			<div><dt>{t.trust.root}</dt><dd><code title={point.root}>{`${point.root.slice(0, ROOT_SHOWN)}…`}</code></dd></div>
			<div><dt>{t.trust.written}</dt><dd>{`${moment(point.time, true)} ${zone} (${age(now, point.time)})`}</dd></div>
			<div><dt>{t.trust.signed}</dt><dd>{point.signature_checked ? t.trust.signedYes : t.trust.signedUnknown}</dd></div>
			<div><dt>{t.trust.witnesses}</dt><dd>{point.witnesses.length === 0 ? t.trust.witnessNone : point.witnesses.map(({ name, time }) => `${name} (${moment(time, true)})`).join(t.trust.listComma)}</dd></div>
		</dl>
	);
}

function State({ ledger }: { ledger: Ledger }): VNode | null {
	const { t, whole } = useSpeech();
	if (ledger.state === 'current' && ledger.trouble === null)
		return null;
	return (
		<div class={ledger.state === 'broken' ? 'notice notice-error' : 'notice'} role={ledger.state === 'broken' ? 'alert' : undefined}>
			<p class="notice-head">{ledger.state === 'current' ? t.trust.troubled : t.trust.states[ledger.state]}</p>
			{ledger.state === 'reading' && <p>{t.trust.readSoFar(whole(ledger.entries))}</p>}
			{ledger.trouble !== null && <p><code>{ledger.trouble}</code></p>}
		</div>
	);
}

function Kinds({ ledger }: { ledger: Ledger }): VNode {
	const { t, whole } = useSpeech();
	return (
		<table class="small kinds">
			<caption>{t.trust.byKind}</caption>
			<thead><tr><th scope="col">{t.trust.kind}</th><th scope="col" class="number">{t.trust.count}</th></tr></thead>
			<tbody>
				{[...ledger.kinds].sort((a, b) => b.entries - a.entries).map((each) => (
					<tr key={each.kind}><th scope="row">{named(t.trust.kinds, each.kind)}</th><td class="number">{whole(each.entries)}</td></tr>
				))}
			</tbody>
		</table>
	);
}

function Growth({ ledger }: { ledger: Ledger }): VNode {
	const { t } = useSpeech();
	const { query } = usePlace();
	const view = viewOf(query);
	const step = query.get('step') === '1h' ? '1h' : '1d';
	const [from, to] = [Date.parse(view.from ?? ''), Date.parse(view.to ?? '')];
	const spans = (step === '1h' ? ledger.hours : ledger.days).filter(({ time }) => {
		const at = Date.parse(time);
		return !(at + (step === '1h' ? 3_600_000 : 86_400_000) <= from) && !(at >= to);
	});
	const samples = spans.map(({ time, kind, entries }) => ({ time, key: kind, packets: entries, sources: 0, sources_error: 0, bytes: 0 }));
	return (
		<>
			<Switch
				label={t.trust.step}
				choices={[
					{ name: t.trust.perDay, href: linkHere({ step: null }), chosen: step === '1d' },
					{ name: t.trust.perHour, href: linkHere({ step: '1h' }), chosen: step === '1h' },
				]}
			/>
			{samples.length === 0 ? <p class="quiet">{t.trust.noGrowth}</p> : (
				<Series
					lines={linesOf(samples, step, 'packets')}
					step={step}
					what={t.trust.growth}
					additive
					nameOf={(kind) => named(t.trust.kinds, kind)}
					classOfKey={(kind) => ({ token: 'iot', seal: 'windows' })[kind] ?? null}
					hatches={[]}
					marks={[]}
					onRange={(first, last) => go(linkHere({ from: new Date(first * 1000).toISOString(), to: new Date(last * 1000).toISOString() }))}
				/>
			)}
		</>
	);
}

function Holds({ holds }: { holds: Hold[] }): VNode {
	const speech = useSpeech();
	const { t, moment, zone } = speech;
	if (holds.length === 0)
		return <p class="quiet">{t.trust.noHolds}</p>;
	return (
		<div class="scroll" role="group" aria-label={t.trust.holds} tabIndex={0}>
			<table class="small">
				<caption class="hidden">{t.trust.holds}</caption>
				<thead><tr><th scope="col">{`${t.trust.holdSince} (${zone})`}</th><th scope="col">{t.trust.holdFor}</th><th scope="col">{t.trust.why}</th></tr></thead>
				<tbody>
					{holds.slice(-HOLDS_SHOWN).reverse().map((hold) => (
						<tr key={hold.from}>
							<th scope="row">{moment(hold.from * 1000, true)}</th>
							<td>{speech.seconds(hold.to - hold.from)}</td>
							<td>{hold.reasons.map((reason) => named(t.trust.reasons, reason)).join(t.trust.then)}</td>
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}

function References({ tallies, hour }: { tallies: Tally[]; hour: string }): VNode {
	const { t, whole, moment, zone, milliseconds } = useSpeech();
	const ms = (value: number | null): string => (value === null ? '–' : milliseconds(value / 1000));
	return (
		<div class="scroll" role="group" aria-label={t.trust.references} tabIndex={0}>
			<table class="small">
				<caption>{t.trust.referencesOf(`${moment(hour)} ${zone}`)}</caption>
				<thead>
					<tr>
						<th scope="col">{t.trust.reference}</th>
						<th scope="col" class="number">{t.trust.answers}</th>
						<th scope="col" class="number">{t.trust.mean}</th>
						<th scope="col" class="number">{t.trust.p95}</th>
						<th scope="col" class="number">{t.trust.boundMost}</th>
					</tr>
				</thead>
				<tbody>
					{tallies.map((tally) => (
						<tr key={tally.name}>
							<th scope="row" class="mono">{tally.name}</th>
							<td class="number">{`${whole(tally.answered)} / ${whole(tally.asked)}`}</td>
							<td class="number">{ms(tally.mean_us)}</td>
							<td class="number">{ms(tally.p95_us)}</td>
							<td class="number">{ms(tally.bound_max_us)}</td>
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}

function ClockView({ clock, now }: { clock: Clock; now: string }): VNode {
	const { t, whole } = useSpeech();
	const view = viewOf(usePlace().query);
	if (clock.points.length === 0)
		return <p class="quiet">{t.trust.noClock}</p>;
	const end = Math.min(Date.parse(now), Date.parse(view.to ?? now)) / 1000;
	const holds = holdsOf(clock.points, end);
	const hour = clock.hours.findLast((each) => each.references.length > 0);
	return (
		<>
			<ClockChart points={clock.points} holds={holds} limit={clock.limit_us} />
			<h3>{t.trust.holds}</h3>
			<Holds holds={holds} />
			{hour && <References tallies={hour.references} hour={hour.hour} />}
			{clock.forgotten > 0 && <p class="quiet">{t.trust.forgotten(whole(clock.forgotten))}</p>}
		</>
	);
}

function LedgerView({ ledger, now }: { ledger: Ledger; now: string }): VNode {
	const { t } = useSpeech();
	const view = viewOf(usePlace().query);
	const clock = useUrl<Clock>(apiUrl('trust/clock', { from: view.from, to: view.to }));
	return (
		<>
			<State ledger={ledger} />
			<div class="columns trust">
				<section class="card" aria-labelledby="growth-head">
					<h2 id="growth-head">{t.trust.growth}</h2>
					<Growth ledger={ledger} />
				</section>
				<section class="card" aria-labelledby="head-head">
					<h2 id="head-head">{t.trust.head}</h2>
					<Checkpoint ledger={ledger} now={now} />
					<Kinds ledger={ledger} />
				</section>
			</div>
			<section class="card" aria-labelledby="clock-head">
				<h2 id="clock-head">{t.trust.clock}</h2>
				<Result loaded={clock} lines={8}>{(answer) => <ClockView clock={answer} now={now} />}</Result>
			</section>
			<section aria-labelledby="entries-head">
				<h2 id="entries-head">{t.trust.entries}</h2>
				<EntryTable kinds={ledger.kinds} />
			</section>
		</>
	);
}

function HowTo(): VNode {
	const { t } = useSpeech();
	return (
		<section class="card" aria-labelledby="how-head">
			<h2 id="how-head">{t.trust.howTo}</h2>
			<p>{t.trust.howToText}</p>
			<Command text="noroshi key new --out keys --origin log.example.org/2026" />
			<Command text="noroshi seal sign --keys keys notice.pdf" />
			<Command text="noroshi serve --store noroshi.db --ledger keys/ledger --ledger-vkey keys/ledger.vkey --trust-ca keys/ca.pem" />
		</section>
	);
}

export function TrustPage(): VNode {
	const { t } = useSpeech();
	const head = useUrl<Head>(HEAD);
	useEffect(() => {
		const timer = setInterval(() => document.hidden || again(HEAD), ASK_EVERY);
		return () => clearInterval(timer);
	}, []);
	return (
		<Result loaded={head} lines={24}>
			{(answer) => (
				<div class="trust-page">
					<header class="page-head"><Situation head={answer} /></header>
					<section class="card" aria-labelledby="verify-head">
						<h2 id="verify-head">{t.trust.verify}</h2>
						<Drop able={answer.verify} />
					</section>
					{answer.ledger ? <LedgerView ledger={answer.ledger} now={answer.time} /> : <HowTo />}
				</div>
			)}
		</Result>
	);
}
