// SPDX-License-Identifier: Apache-2.0
// What lists and details of verdicts share: how sure, whether it is an alarm, what it is about, and why in the reader's language.
import type { VNode } from 'preact';
import { useLanguage } from '../preferences';
import { linkTo, usePlace } from '../route';
import { useSpeech } from '../text/index';
import { bucketOf } from './evidence';
import { serviceOf, type Reason, type Service } from './types';

/** A bar and its number; never rounded up to certainty. */
export function Confidence({ value }: { value: number }): VNode {
	const { surely } = useSpeech();
	return (
		<span class="confidence">
			<span class="confidence-bar" aria-hidden="true"><span style={{ width: `${Math.max(0, Math.min(1, value)) * 100}%` }} /></span>
			<span class="number">{surely(value)}</span>
		</span>
	);
}

/** Shape and word, not colour alone. */
export function Alarm({ alarm, feedback = '' }: { alarm: number; feedback?: string }): VNode {
	const { t } = useSpeech();
	return (
		<span class="marks">
			{alarm > 0 ? <span class="severity urgent">{`▲ ${t.c2.alarm}`}</span> : <span class="quiet">{t.c2.ranked}</span>}
			{(feedback === 'confirmed' || feedback === 'benign') && <span class="severity">{`${feedback === 'confirmed' ? '✓' : '○'} ${t.c2.verdicts[feedback]}`}</span>}
		</span>
	);
}

/** The sentence of a reason as this reader wants it. */
export function useReason(): (reason: { text_en: string; text_ja: string }) => string {
	const language = useLanguage();
	return (reason) => (language === 'ja' ? reason.text_ja : reason.text_en);
}

const HEAVIEST = 2;

/** The heaviest reasons, in words. */
export function Heaviest({ reasons }: { reasons: Reason[] }): VNode {
	const { t, whole } = useSpeech();
	const say = useReason();
	const rest = reasons.length - HEAVIEST;
	return (
		<span class="prose heaviest">
			{reasons.slice(0, HEAVIEST).map((reason) => <span key={reason.code} class="item">{say(reason)}</span>)}
			{rest > 0 && <span class="quiet">{t.c2.moreReasons(whole(rest), rest === 1)}</span>}
		</span>
	);
}

/** "10–19": how many there are without saying exactly. */
export function useBucket(): (count: number) => string {
	const { t, whole } = useSpeech();
	return (count) => {
		const [least, most] = bucketOf(count);
		return most === null ? t.c2.andMore(whole(least)) : least === most ? whole(least) : `${whole(least)}–${whole(most)}`;
	};
}

/** The page of a server; day and purpose go along (route.ts). */
export const serverHref = ({ address, port, protocol }: Service): string => linkTo('/c2/server', { address, port, protocol });

/** What the archive holds of a server, asked on the page Flows for the purpose of this page. */
export function FlowsLink({ server, brief = false }: { server: Service; brief?: boolean }): VNode {
	const { t } = useSpeech();
	const purpose = usePlace().query.get('purpose');
	return <a href={linkTo('/flows', { q: `ip ${server.address} and port ${server.port}`, group: 'flows', purpose })} class={brief ? 'mono break' : undefined}>{brief ? serviceOf(server) : t.c2.askFlows(serviceOf(server))}</a>;
}
