// SPDX-License-Identifier: Apache-2.0
// How the live connection is, in a word and a mark; and the button that pauses it.
import type { VNode } from 'preact';
import { setPaused } from '../live/client';
import { useLive, useNow } from '../live/use';
import { useSpeech } from '../text/index';
import { Command, Empty } from './result';

export function LiveState(): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const { state, heard, missed } = useLive();
	const waiting = state === 'stale' || state === 'reconnecting' || state === 'paused';
	const now = useNow(1000, waiting);
	const age = waiting && heard > 0 ? t.live.since(speech.seconds(Math.round((now - heard) / 1000))) : '';
	const lost = state === 'paused' && missed > 0 ? t.live.missed(speech.whole(missed)) : '';
	return (
		<span class={`live-state live-${state}`} data-state={state}>
			<i class="live-mark" aria-hidden="true" />
			<span role="status">{t.live.states[state]}</span>
			{age !== '' && <span class="quiet">{age}</span>}
			{lost !== '' && <span class="quiet">{lost}</span>}
		</span>
	);
}

export function PauseButton(): VNode {
	const { t } = useSpeech();
	const paused = useLive().state === 'paused';
	return <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>{paused ? t.live.resume : t.live.pause}</button>;
}

/** What a page says that shows only what is live, while nothing is. */
export function NothingLive({ text }: { text: string }): VNode {
	const { t } = useSpeech();
	return (
		<Empty text={text} hint={t.live.offHint}>
			<Command text="sudo noroshi serve --watch eth1 --dark 192.0.2.0/24 --store live.db --listen 127.0.0.1:8481" />
		</Empty>
	);
}
