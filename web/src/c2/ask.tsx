// SPDX-License-Identifier: Apache-2.0
// Who looks at what hosts do says for what, as on the page Flows; the address bar keeps it, the server records it.
import type { VNode } from 'preact';
import { go, linkHere, usePlace, viewOf } from '../route';
import { useSpeech } from '../text/index';
import { PURPOSES, type Purpose } from '../flow/types';

export function usePurpose(): Purpose | null {
	const asked = usePlace().query.get('purpose');
	return PURPOSES.find((each) => each === asked) ?? null;
}

/** The day that is asked for: chosen here, or the last one of the bar's range; null: the newest there is. */
export function useDay(): string | null {
	const { query } = usePlace();
	const day = query.get('day');
	if (day !== null)
		return day;
	const end = Date.parse(viewOf(query).to ?? '');
	return Number.isNaN(end) ? null : new Date(end - 1).toISOString().slice(0, 10);
}

export function PurposeForm(): VNode {
	const { t } = useSpeech();
	const purpose = usePurpose();
	const day = useDay();
	const ask = (event: Event): void => {
		event.preventDefault();
		const form = new FormData(event.currentTarget as HTMLFormElement);
		const field = (name: string): string => {
			const value = form.get(name);
			return typeof value === 'string' ? value : '';
		};
		go(linkHere({ purpose: field('purpose'), day: field('day'), host_after: null }));
	};
	return (
		<section class={purpose === null ? 'card' : 'asked'} aria-labelledby="purpose-head">
			<h2 id="purpose-head" class={purpose === null ? undefined : 'hidden'}>{t.c2.forWhat}</h2>
			<form class="ask" onSubmit={ask} key={`${purpose ?? ''} ${day ?? ''}`}>
				<label>
					<span>{t.flow.purpose}</span>
					<select name="purpose" required>
						<option value="">{t.flow.choose}</option>
						{PURPOSES.map((each) => <option key={each} value={each} selected={each === purpose}>{t.flow.purposes[each]}</option>)}
					</select>
				</label>
				<label>
					<span>{t.c2.day}</span>
					<input type="date" name="day" value={day ?? ''} />
				</label>
				<button type="submit" class={purpose === null ? 'primary' : undefined}>{t.c2.show}</button>
			</form>
			<p class="quiet">{t.c2.secrecy}</p>
		</section>
	);
}
