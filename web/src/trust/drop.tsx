// SPDX-License-Identifier: Apache-2.0
// Where a file and its seal are dropped, or chosen by keyboard.
import type { TargetedDragEvent, VNode } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { ApiError } from '../api';
import { Command } from '../part/result';
import { useSpeech } from '../text/index';
import { judge, obstacleOf, pairOf, type Obstacle } from './judge';
import type { Verdict } from './types';
import { Outcome, VerdictView } from './verdict';

type Shown =
	| { what: 'nothing' }
	| { what: 'busy' }
	| { what: 'obstacle'; obstacle: Obstacle }
	| { what: 'failed'; text: string }
	| { what: 'verdict'; verdict: Verdict; name: string };

function failure(cause: unknown): Shown {
	if (cause instanceof ApiError)
		return { what: 'failed', text: cause.message };
	return { what: 'obstacle', obstacle: 'unreadable' };
}

async function look(files: File[]): Promise<Shown> {
	const pair = pairOf(files);
	const obstacle = typeof pair === 'string' ? pair : obstacleOf(pair);
	if (typeof pair === 'string' || obstacle !== null)
		return { what: 'obstacle', obstacle: obstacle ?? 'none' };
	try {
		return { what: 'verdict', verdict: await judge(pair), name: (pair.file ?? pair.proof).name };
	} catch (cause) {
		return failure(cause);
	}
}

function Answer({ shown }: { shown: Shown }): VNode | null {
	const { t } = useSpeech();
	switch (shown.what) {
	case 'busy':
		return <p class="quiet">{t.trust.judging}</p>;
	case 'obstacle':
		return <Outcome look="open" head={t.trust.obstacles[shown.obstacle]} />;
	case 'failed':
		return <Outcome look="open" head={t.trust.notJudged}>{shown.text !== '' && <p><code>{shown.text}</code></p>}</Outcome>;
	case 'verdict':
		return <VerdictView verdict={shown.verdict} name={shown.name} />;
	default:
		return null;
	}
}

export function Drop({ able }: { able: boolean }): VNode {
	const { t } = useSpeech();
	const [shown, setShown] = useState<Shown>({ what: 'nothing' });
	const [over, setOver] = useState(false);
	/** A later drop overtakes an earlier one that is still being judged. */
	const round = useRef(0);
	const take = (list: FileList | null | undefined): void => {
		const files = [...(list ?? [])];
		if (files.length === 0)
			return;
		const mine = ++round.current;
		setShown({ what: 'busy' });
		void look(files).then((next) => mine === round.current && setShown(next));
	};
	const drop = (event: TargetedDragEvent<HTMLElement>): void => {
		event.preventDefault();
		setOver(false);
		take(event.dataTransfer?.files);
	};
	if (!able)
		return (
			<>
				<p>{t.trust.noJudge}</p>
				<Command text="noroshi serve --store noroshi.db --trust-ca keys/ca.pem --trust-crl keys/ca.crl" />
			</>
		);
	return (
		<>
			<label
				class={over ? 'drop over' : 'drop'}
				onDragOver={(event) => {
					event.preventDefault();
					setOver(true);
				}}
				onDragLeave={() => setOver(false)}
				onDrop={drop}
			>
				<strong>{t.trust.dropHere}</strong>
				<span class="quiet">{t.trust.dropHint}</span>
				<input
					type="file"
					class="hidden"
					multiple
					aria-label={t.trust.choose}
					onChange={(event) => {
						take(event.currentTarget.files);
						event.currentTarget.value = '';
					}}
				/>
				<span class="choose" aria-hidden="true">{t.trust.chooseShort}</span>
			</label>
			<p class="quiet small">{t.trust.stays}</p>
			<div class="verdict" role="status" aria-label={t.trust.result}><Answer shown={shown} /></div>
		</>
	);
}
