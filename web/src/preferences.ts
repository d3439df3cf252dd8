// SPDX-License-Identifier: Apache-2.0
// What belongs to the reader and not to the view: language, colours, time zone. Kept in this browser.
import { state, useWatch, type State } from './state';

export type Language = 'en' | 'ja';
export type Theme = 'auto' | 'light' | 'dark';
export type Zone = 'utc' | 'local';

function stored<T extends string>(key: string, choices: readonly T[], fallback: T): State<T> {
	let initial = fallback;
	try {
		const found = localStorage.getItem(`noroshi.${key}`);
		initial = choices.find((choice) => choice === found) ?? fallback;
	} catch {
		/* storage is closed to us: the choice lasts as long as the page */
	}
	const value = state<T>(initial);
	value.watch(() => {
		try {
			localStorage.setItem(`noroshi.${key}`, value.get());
		} catch {
			/* as above */
		}
	});
	return value;
}

export const language = stored<Language>('language', ['en', 'ja'], navigator.language.startsWith('ja') ? 'ja' : 'en');
export const theme = stored<Theme>('theme', ['auto', 'light', 'dark'], 'auto');
export const zone = stored<Zone>('zone', ['utc', 'local'], 'utc');

function show(): void {
	document.documentElement.lang = language.get();
	document.documentElement.dataset.theme = theme.get();
}

export function applyPreferences(): void {
	show();
	language.watch(show);
	theme.watch(show);
}

export const useLanguage = (): Language => useWatch(language);
export const useTheme = (): Theme => useWatch(theme);
export const useZone = (): Zone => useWatch(zone);
