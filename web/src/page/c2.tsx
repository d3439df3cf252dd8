// SPDX-License-Identifier: Apache-2.0
// Who commands, who obeys, how sure are we? The servers of a day in the order of their evidence, and the hosts behind.
import type { VNode } from 'preact';
import { apiUrl, useStatus, useUrl } from '../api';
import { PurposeForm, useDay, usePurpose } from '../c2/ask';
import { Detector } from '../c2/detector';
import { Hosts } from '../c2/hosts';
import { NoAlarm, questionOf, Servers } from '../c2/servers';
import type { DetectStatus, Server } from '../c2/types';
import type { Purpose } from '../flow/types';
import { Command, Empty, Result } from '../part/result';
import { Phrases } from '../part/rich';
import { usePlace } from '../route';
import type { Answer } from '../rows';
import { useSpeech } from '../text/index';

function HowTo(): VNode {
	const { t } = useSpeech();
	return (
		<section class="card" aria-labelledby="how-head">
			<h2 id="how-head">{t.flow.howToHead}</h2>
			<p>{t.c2.howToText}</p>
			<Command text="noroshi serve --store noroshi.db --flow-listen udp:0.0.0.0:2055 --flow-archive flows --flow-own 198.51.100.0/24" />
			<Command text="noroshi flow detect --archive flows --purpose c2-detection --json" />
		</section>
	);
}

/** "**2** servers give an alarm on 2026-11-24; **3** ranked, the surest at **99.3 %**." */
function Situation({ rows, more }: { rows: Server[]; more: boolean }): VNode {
	const { t, whole, day, surely } = useSpeech();
	const first = rows[0];
	if (!first)
		return <h1 class="situation">{t.c2.nothing}</h1>;
	const alarms = rows.filter(({ alarm }) => alarm > 0);
	const surest = rows.reduce((best, row) => (row.confidence > best.confidence ? row : best), first);
	const parts = [alarms.length > 0 ? t.c2.alarms(whole(alarms.length), alarms.length === 1, day(first.day)) : t.c2.quiet(day(first.day))];
	parts.push(t.c2.ranks(more ? t.c2.andMore(whole(rows.length)) : whole(rows.length), surely(surest.confidence)));
	return <Phrases parts={parts} />;
}

/** Nothing stands in the list: because nothing was looked at, because nobody looked yet, or because the day was quiet. */
function Nothing({ detect }: { detect: DetectStatus | null }): VNode {
	const { t, whole, moment, zone } = useSpeech();
	const { query } = usePlace();
	if (query.get('alarm') === 'only')
		return <NoAlarm />;
	if (query.has('day') || query.has('to'))
		return <Empty text={t.c2.dayEmpty} hint={t.c2.dayEmptyHint} />;
	if (!detect)
		return <Empty text={t.c2.off} hint={t.c2.offHint}><Command text="noroshi flow detect --archive flows --purpose c2-detection --json" /></Empty>;
	if (detect.look.last === null)
		return <Empty text={t.c2.noLook} hint={detect.look.next === null ? t.c2.noLookHint : t.c2.noLookUntil(`${moment(detect.look.next)} ${zone}`)} />;
	return <Empty text={t.c2.quietDay} hint={t.c2.quietDayHint(whole(detect.candidates), whole(detect.flows))} />;
}

function Found({ answer, purpose, day, detect }: { answer: Answer<Server>; purpose: Purpose; day: string | null; detect: DetectStatus | null }): VNode {
	const { t } = useSpeech();
	return (
		<>
			<header class="page-head"><Situation rows={answer.rows} more={answer.next !== null} /></header>
			<PurposeForm />
			<section aria-labelledby="servers-head">
				<h2 id="servers-head">{t.c2.servers}</h2>
				<Servers purpose={purpose} day={day} empty={<Nothing detect={detect} />} />
			</section>
			<section aria-labelledby="hosts-head">
				<h2 id="hosts-head">{t.c2.hosts}</h2>
				<Hosts purpose={purpose} day={day} />
			</section>
		</>
	);
}

/** The list asks the same question: it comes when this answer is here, so that unfiltered it is one question, recorded once. */
function Asked({ purpose, detect }: { purpose: Purpose; detect: DetectStatus | null }): VNode {
	const { t } = useSpeech();
	const day = useDay();
	const loaded = useUrl<Answer<Server>>(apiUrl('flow/servers', questionOf(purpose, day)));
	if (loaded.error?.code === 'no-archive')
		return (
			<>
				<h1>{t.flow.howTo}</h1>
				<HowTo />
			</>
		);
	return <Result loaded={loaded} lines={24}>{(answer) => <Found answer={answer} purpose={purpose} day={day} detect={detect} />}</Result>;
}

export function C2Page(): VNode {
	const { t } = useSpeech();
	const purpose = usePurpose();
	const detect = useStatus().data?.flow?.detect ?? null;
	return (
		<div class="flow-page">
			{purpose === null && (
				<header class="page-head">
					<h1>{t.c2.question}</h1>
					<p class="lead">{t.c2.lead}</p>
				</header>
			)}
			{purpose === null && <PurposeForm />}
			{purpose !== null && <Asked purpose={purpose} detect={detect} />}
			{detect && <Detector detect={detect} />}
		</div>
	);
}
