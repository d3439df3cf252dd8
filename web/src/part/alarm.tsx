// SPDX-License-Identifier: Apache-2.0
// What has just been found: said politely to who listens, shown to who looks only where it asks for action.
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useLive } from '../live/use';
import { useLanguage } from '../preferences';
import { usePlace } from '../route';
import type { Finding } from '../rows';
import { URGENT } from '../severity';
import { named, useSpeech } from '../text/index';
import { subjectHref } from './search';

const SAY_EVERY = 5000; /* ms: what comes faster is said together */

const keyOf = (finding: Finding): string => `${finding.sensor} ${finding.kind} ${finding.subject} ${finding.first}`;

/** Findings that were not there before, gathered for a while; nothing twice, though its count may grow. */
function useNews(): Finding[] {
	const { findings } = useLive();
	const seen = useRef(new Set<string>()).current;
	const waiting = useRef<Finding[]>([]);
	const [news, setNews] = useState<Finding[]>([]);
	useEffect(() => {
		const fresh = findings.filter((finding) => !seen.has(keyOf(finding)));
		fresh.forEach((finding) => seen.add(keyOf(finding)));
		waiting.current = [...fresh, ...waiting.current];
		if (findings.length === 0)
			seen.clear();
	}, [findings]);
	useEffect(() => {
		const say = (): void => {
			if (waiting.current.length > 0)
				setNews(waiting.current);
			waiting.current = [];
		};
		const timer = setInterval(say, SAY_EVERY);
		return () => clearInterval(timer);
	}, []);
	return news;
}

export function Alarms(): VNode {
	const { t, whole } = useSpeech();
	const language = useLanguage();
	const { findings } = useLive();
	const here = usePlace().path === '/'; /* the overview shows them itself */
	const news = useNews();
	const [gone, setGone] = useState<Set<string>>(new Set());
	const first = news[0];
	const said = !first ? '' : t.live.found(named(t.kinds, first.kind), first.subject, news.length > 1 ? whole(news.length - 1) : '');
	const alarm = findings.find((finding) => finding.severity >= URGENT && !gone.has(keyOf(finding)));
	const more = findings.filter((finding) => finding.severity >= URGENT && !gone.has(keyOf(finding))).length - 1;
	return (
		<>
			<p class="hidden" role="status">{said}</p>
			{alarm && !here && (
				<aside class="alarm" aria-label={t.live.alarm}>
					<p class="alarm-head"><strong>{named(t.kinds, alarm.kind)}</strong> <a class="mono" href={subjectHref(alarm.subject) ?? ''}>{alarm.subject}</a></p>
					<p class="wide">{language === 'ja' ? alarm.reason_ja : alarm.reason_en}</p>
					<p class="actions">
						{more > 0 && <span>{t.live.more(whole(more))}</span>}
						<button type="button" onClick={() => setGone(new Set(findings.map(keyOf)))}>{t.live.dismiss}</button>
					</p>
				</aside>
			)}
		</>
	);
}
