// SPDX-License-Identifier: Apache-2.0
// A count with the answer to "how sure?": exact, estimated with its error, or "at least".
import type { VNode } from 'preact';
import { useSpeech } from '../text/index';

export function Certainty({ error }: { error: number }): VNode {
	const { t, percent } = useSpeech();
	if (error === 0)
		return <span class="certainty" title={t.figure.exactLong}>{t.figure.exact}</span>;
	if (error < 0)
		return <span class="certainty" title={t.figure.atLeastLong}>{t.figure.atLeast}</span>;
	return <span class="certainty" title={t.figure.errorLong(percent(error))}>{t.figure.error(percent(error))}</span>;
}

export function Sources({ value, error }: { value: number; error: number }): VNode {
	const { whole } = useSpeech();
	return (
		<span class="counted">
			{whole(value)} {error === 0 ? null : <Certainty error={error} />}
		</span>
	);
}
