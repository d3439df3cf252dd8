// SPDX-License-Identifier: Apache-2.0
// For the overview: today's alarms against their budget, and the newest of them. Counts and findings need no purpose; the page C&C does.
import type { VNode } from 'preact';
import { useAnswer, useStatus } from '../api';
import { Result } from '../part/result';
import { Rich } from '../part/rich';
import { linkTo } from '../route';
import { jsonObject, type Finding } from '../rows';
import { useSpeech } from '../text/index';
import { Confidence, useReason } from './part';
import { serviceOf, type Service } from './types';

const NEWEST = 3;

/** The service that a finding about a C&C server is about: its subject is the address alone. */
export function serviceIn(finding: Finding): Service {
	const { port, protocol } = jsonObject(finding.evidence);
	return typeof port === 'number' && typeof protocol === 'string' ? { address: finding.subject, port, protocol } : { address: finding.subject, port: 0, protocol: '' };
}

/** Its page asks for the purpose first. */
export const pageOf = (finding: Finding): string => linkTo('/c2/server', { ...serviceIn(finding) });

function Newest({ findings }: { findings: Finding[] }): VNode {
	const speech = useSpeech();
	const say = useReason();
	return (
		<ul class="changed">
			{findings.map((finding) => (
				<li key={`${finding.subject} ${finding.first}`}>
					<p class="changed-head">
						<a class="mono" href={pageOf(finding)}>{serviceOf(serviceIn(finding))}</a>
						<Confidence value={finding.confidence} />
						<time class="quiet" dateTime={finding.last}>{`${speech.moment(finding.last)} ${speech.zone}`}</time>
					</p>
					<p>{say({ text_en: finding.reason_en, text_ja: finding.reason_ja })}</p>
				</li>
			))}
		</ul>
	);
}

/** Nothing where nothing is detected. */
export function C2Card(): VNode | null {
	const { t, whole } = useSpeech();
	const detect = useStatus().data?.flow?.detect;
	const loaded = useAnswer('findings', { kind: 'c2-server', research: null, limit: NEWEST });
	if (!detect)
		return null;
	const { today, per_day: budget } = detect.alarms;
	return (
		<section class="card c2-card" aria-labelledby="c2-head">
			<h2 id="c2-head">{t.c2.today}</h2>
			<p>{today > 0 ? <Rich text={t.c2.todayAlarms(whole(today), whole(budget))} /> : t.c2.todayQuiet}</p>
			<Result loaded={loaded} lines={NEWEST}>{({ rows }) => (rows.length > 0 ? <Newest findings={rows} /> : null)}</Result>
			<p class="more"><a href={linkTo('/c2')}>{t.c2.open}</a></p>
		</section>
	);
}
