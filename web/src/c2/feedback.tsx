// SPDX-License-Identifier: Apache-2.0
// What people say of a verdict. It is written durably before it is answered, and the detector learns from it.
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { ApiError, post, refresh } from '../api';
import { named, useSpeech } from '../text/index';
import { VERDICTS, type Opinion, type Server, type Verdict } from './types';

const NOTE = 200; /* bytes */
const NAME = 60;
const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Who speaks, kept while the console is open: a desk says it once. */
let speaker = '';

interface Recorded extends Opinion {
	subject: string;
}

type Outcome = { recorded: Recorded } | { refused: string } | null;

function Said({ outcome }: { outcome: Outcome }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	if (!outcome)
		return <div role="status" />;
	if ('refused' in outcome)
		return <div role="alert" class="notice notice-error"><p class="notice-head">{t.c2.notRecorded}</p>{outcome.refused !== '' && <p><code>{outcome.refused}</code></p>}</div>;
	const { verdict, by, time } = outcome.recorded;
	return <div role="status" class="recorded">{t.c2.recorded(named(t.c2.verdicts, verdict), by, `${speech.moment(time, true)} ${speech.zone}`)}</div>;
}

function Opinions({ opinions }: { opinions: Opinion[] }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	if (opinions.length === 0)
		return <p class="quiet">{t.c2.noFeedback}</p>;
	return (
		<ul class="changed opinions">
			{opinions.map((opinion, index) => (
				<li key={index}>
					<p class="changed-head">
						<strong>{named(t.c2.verdicts, opinion.verdict)}</strong>
						<span class="by">{opinion.by}</span>
						<time class="quiet" dateTime={opinion.time}>{`${speech.moment(opinion.time)} ${speech.zone}`}</time>
					</p>
					{opinion.note !== '' && <p class="by">{opinion.note}</p>}
				</li>
			))}
		</ul>
	);
}

function Form({ server, onAnswer, standing }: { server: Server; onAnswer: (outcome: Outcome) => void; standing: boolean }): VNode {
	const { t } = useSpeech();
	const [by, setBy] = useState(speaker);
	const [note, setNote] = useState('');
	const [sending, setSending] = useState(false);
	const long = bytesOf(by.trim()) > NAME || bytesOf(note) > NOTE;
	const fits = by.trim() !== '' && !long;
	const say = (verdict: Verdict): void => {
		speaker = by.trim();
		setSending(true);
		onAnswer(null);
		post('flow/feedback', { subject: server.address, port: server.port, protocol: server.protocol, verdict, note, by: speaker }).then(
			(answer) => {
				setNote('');
				onAnswer(answer as { recorded: Recorded });
				refresh();
			},
			(cause: unknown) => onAnswer({ refused: cause instanceof ApiError ? cause.message : String(cause) }),
		).finally(() => setSending(false));
	};
	return (
		<form class="ask" onSubmit={(event) => event.preventDefault()}>
			<label>
				<span>{t.c2.by}</span>
				<input name="by" required autocomplete="name" maxLength={NAME} value={by} onInput={(event) => setBy(event.currentTarget.value)} />
			</label>
			<label class="ask-expression">
				<span>{t.c2.note}</span>
				<input name="note" autocomplete="off" maxLength={NOTE} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
			</label>
			{long && <p role="alert" class="too-long">{t.c2.noteLong}</p>}
			<div class="actions" role="group" aria-label={t.c2.feedback}>
				{VERDICTS.map((verdict) => (
					<button key={verdict} type="button" data-verdict={verdict} disabled={!fits || sending || (verdict === 'withdrawn' && !standing)} onClick={() => say(verdict)}>{t.c2.say[verdict]}</button>
				))}
			</div>
		</form>
	);
}

export function Feedback({ server, opinions }: { server: Server; opinions: Opinion[] }): VNode {
	const { t } = useSpeech();
	const [outcome, setOutcome] = useState<Outcome>(null);
	return (
		<>
			<p>{t.c2.feedbackHint}</p>
			<Form server={server} onAnswer={setOutcome} standing={server.feedback !== ''} />
			<Said outcome={outcome} />
			<Opinions opinions={opinions} />
		</>
	);
}
