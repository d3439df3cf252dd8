// SPDX-License-Identifier: Apache-2.0
// How the detector is: the budget of alarms against what was realised, its last look, and what it had to let go.
import type { VNode } from 'preact';
import { Rich } from '../part/rich';
import { useSpeech, type Speech } from '../text/index';
import type { DetectStatus } from './types';

const PIPS = 60; /* a larger budget is a bar without single places */

/** One place for each alarm that a day may have, those of today filled; what is beyond the budget stands behind it. */
function Budget({ alarms }: { alarms: DetectStatus['alarms'] }): VNode {
	const { t, whole } = useSpeech();
	const budget = Math.max(0, Math.round(alarms.per_day));
	const places = Math.max(budget, alarms.today);
	return (
		<div class="budget">
			<p class="budget-said"><Rich text={t.c2.budget(whole(alarms.today), whole(alarms.per_day))} /></p>
			{places > PIPS
				? <span class="confidence-bar" aria-hidden="true"><span style={{ width: `${Math.min(1, alarms.today / Math.max(1, budget)) * 100}%` }} /></span>
				: <span class="pips" aria-hidden="true">{Array.from({ length: places }, (_, index) => <i key={index} class={`${index < alarms.today ? 'full' : ''}${index >= budget ? ' beyond' : ''}`} />)}</span>}
			<p class="quiet">{t.c2.budgetHint}</p>
		</div>
	);
}

/** Looked, found, kept, lost: each only where it says something. */
function factsOf({ t, whole, bytes, moment, zone, seconds }: Speech, detect: DetectStatus): [string, string][] {
	const { look, known } = detect;
	const letGo = detect.servers_let_go + detect.pairs_let_go + detect.hosts_let_go + detect.beats_let_go;
	return [
		[t.c2.lastLook, look.last === null ? t.c2.never : `${moment(look.last, true)} ${zone}${t.c2.took(seconds(look.duration))}`],
		[t.c2.nextLook, look.running ? t.c2.looking : look.next === null ? '–' : `${moment(look.next, true)} ${zone}`],
		[t.c2.candidates, t.c2.candidatesBeats(whole(detect.candidates), whole(detect.beats))],
		[t.c2.flowsSeen, whole(detect.flows)],
		[t.c2.held, t.c2.heldParts(whole(detect.servers), whole(detect.pairs), whole(detect.hosts), bytes(detect.memory))],
		[t.c2.letGo, letGo === 0 ? t.flow.nothingLost : t.c2.letGoParts(whole(detect.servers_let_go), whole(detect.pairs_let_go), whole(detect.hosts_let_go), whole(detect.beats_let_go))],
		[t.c2.queue, detect.queue.dropped === 0 ? t.flow.nothingLost : whole(detect.queue.dropped)],
		[t.c2.known, t.c2.knownParts(whole(known.infected), whole(known.c2), whole(known.confirmed), whole(known.benign))],
	];
}

export function Detector({ detect }: { detect: DetectStatus }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	return (
		<section class="card" aria-labelledby="detector-head">
			<h2 id="detector-head">{t.c2.detector}</h2>
			{detect.look.failed !== null && (
				<div class="notice notice-error" role="alert">
					<p class="notice-head">{t.c2.lookFailed}</p>
					<p><code>{detect.look.failed}</code></p>
				</div>
			)}
			<div class="detector">
				<Budget alarms={detect.alarms} />
				<dl class="facts">{factsOf(speech, detect).map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
			</div>
		</section>
	);
}
