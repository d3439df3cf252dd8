// SPDX-License-Identifier: Apache-2.0
// The words of the language that is spoken; each language is a file of its own, and only the one that is read is loaded.
import { language as chosen, useLanguage, useZone, type Language } from '../preferences';
import * as format from '../format';
import type { Text } from './en';

export type { Text };

export interface Speech {
	t: Text;
	compact: (value: number) => string;
	whole: (value: number) => string;
	percent: (share: number) => string;
	/** A count with its error: "43 k", "≈ 1.2 M ± 0.8 %", "at least 12". */
	about: (value: number, error: number, long?: boolean) => string;
	/** A probability, "99.3 %", cut. */
	surely: (share: number) => string;
	/** Any value, to four figures. */
	figure: (value: number) => string;
	bytes: (value: number) => string;
	moment: (time: string | number, exact?: boolean) => string;
	day: (time: string | number) => string;
	span: (from: string, to: string) => string;
	ago: (ms: number) => string;
	seconds: (value: number) => string;
	/** "60.1 sec", "22.7 min". */
	period: (value: number) => string;
	/** "0.12 ms", "-500 ms". */
	milliseconds: (value: number) => string;
	zone: string;
	country: (code: string) => string;
}

const SOURCES: Record<Language, () => Promise<Text>> = {
	en: async () => (await import('./en')).en,
	ja: async () => (await import('./ja')).ja,
};
const spoken = new Map<Language, Text>();

/** Loads the words of a language, then speaks it. Where they do not come, the language stays as it is. */
export async function speak(language: Language): Promise<void> {
	spoken.set(language, spoken.get(language) ?? (await SOURCES[language]()));
	chosen.set(language);
}

function wordsOf(language: Language): Text {
	const words = spoken.get(language);
	if (!words)
		throw new Error(`nothing may be shown in "${language}" before speak() has loaded it`);
	return words;
}

/** Words, numbers and times as this reader wants them. */
export function useSpeech(): Speech {
	const language = useLanguage();
	const zone = useZone();
	const t = wordsOf(language);
	return {
		t,
		compact: (value) => format.compact(value, language),
		whole: (value) => format.whole(value, language),
		percent: (share) => format.percent(share, language),
		about: (value, error, long) => {
			const number = (long === true ? format.whole : format.compact)(value, language);
			return error === 0 ? number : error < 0 ? t.figure.atLeastValue(number) : t.figure.value(number, format.percent(error, language));
		},
		surely: (share) => format.surely(share, language),
		figure: (value) => format.figure(value, language),
		bytes: (value) => format.bytes(value, language),
		moment: (time, exact) => format.moment(time, zone, exact),
		// Days are cut by UTC in the store; a day's name must not shift with the reader's zone.
		day: (time) => format.day(time, 'utc'),
		span: (from, to) => format.span(from, to, zone),
		ago: (ms) => format.ago(ms, language),
		period: (value) => format.period(value, language),
		seconds: (value) => format.seconds(value, language),
		milliseconds: (value) => format.milliseconds(value, language),
		zone: format.zoneName(zone),
		country: (code) => format.countryName(code, language) ?? t.atlas.unknown,
	};
}

/** The word of a table that outside data chooses from; the raw name where we know none. */
export const named = (table: Record<string, string>, key: string): string => table[key] ?? key;
