// SPDX-License-Identifier: Apache-2.0
// The states of an answer: on its way (a skeleton of the final height), here, old, or failed (what happened, what to do).
import type { ComponentChildren, VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { ApiError, Loaded } from '../api';
import { usePlace } from '../route';
import { useSpeech, type Text } from '../text/index';

export function Skeleton({ lines }: { lines: number }): VNode {
	const { t } = useSpeech();
	return (
		<div class="skeleton" role="status">
			<span class="hidden">{t.states.loading}</span>
			{Array.from({ length: lines }, (_, index) => <div key={index} class={`bone bone-${index % 3}`} />)}
		</div>
	);
}

function errorWords(error: ApiError, t: Text): [string, string] {
	if (error.status === 0)
		return [t.states.errorUnreachable, t.states.errorUnreachableHint];
	if (error.status < 500)
		return [t.states.errorBad, t.states.errorBadHint];
	return [t.states.errorServer, t.states.errorServerHint];
}

function Failure({ error, retry }: { error: ApiError; retry: () => void }): VNode {
	const { t } = useSpeech();
	const { path } = usePlace();
	const [what, hint] = errorWords(error, t);
	return (
		<div class="notice notice-error" role="alert">
			<p class="notice-head">{what}</p>
			<p>{hint}</p>
			{error.message !== '' && <p><code>{error.message}</code></p>}
			<p class="actions">
				<button type="button" onClick={retry}>{t.states.retry}</button>
				{error.status >= 400 && error.status < 500 && <a href={path}>{t.states.clear}</a>}
			</p>
		</div>
	);
}

interface Props<T> {
	loaded: Loaded<T>;
	/** Height of the skeleton in lines, so that nothing jumps. */
	lines: number;
	children: (data: T) => ComponentChildren;
}

export function Result<T>({ loaded, lines, children }: Props<T>): VNode {
	const { t, ago } = useSpeech();
	if (loaded.data === null)
		return loaded.error ? <Failure error={loaded.error} retry={loaded.retry} /> : <Skeleton lines={lines} />;
	return (
		<div class={loaded.loading ? 'result busy' : 'result'} aria-busy={loaded.loading}>
			{loaded.error && (
				<p class="notice notice-stale" role="status">
					{t.states.stale(ago(Date.now() - loaded.at))}{' '}
					<button type="button" onClick={loaded.retry}>{t.states.retry}</button>
				</p>
			)}
			{children(loaded.data)}
		</div>
	);
}

/** A command to copy. */
export function Command({ text }: { text: string }): VNode {
	const { t } = useSpeech();
	const [copied, setCopied] = useState(false);
	const copy = (): void => {
		navigator.clipboard.writeText(text).then(() => setCopied(true), () => setCopied(false));
	};
	return (
		<div class="command">
			<code>{text}</code>
			<button type="button" onClick={copy}>{copied ? t.states.copied : t.states.copy}</button>
		</div>
	);
}

export function Empty({ text, hint, children }: { text?: string; hint?: string; children?: ComponentChildren }): VNode {
	const { t } = useSpeech();
	const { path, query } = usePlace();
	return (
		<div class="notice notice-empty">
			<p class="notice-head">{text ?? t.states.empty}</p>
			<p>{hint ?? t.states.emptyHint}</p>
			{children}
			{(query.has('from') || query.has('to')) && <p class="actions"><a href={path}>{t.states.wholeRange}</a></p>}
		</div>
	);
}
