// SPDX-License-Identifier: Apache-2.0
import type { VNode } from 'preact';
import { useSpeech } from '../text/index';
import { Dialog } from './dialog';
import { PAGE_KEYS } from './keys';

export function Help({ onClose }: { onClose: () => void }): VNode {
	const { t } = useSpeech();
	const keys: [string[], string][] = [
		[['/'], t.help.search],
		[['↑', '↓'], t.help.rows],
		[['Enter'], t.help.open],
		[['r'], t.help.research],
		[['Esc'], t.help.up],
		[['?'], t.help.help],
	];
	return (
		<Dialog title={t.help.title} onClose={onClose}>
			<dl class="keys">
				{keys.map(([names, meaning]) => (
					<div key={meaning}>
						<dt>{names.map((name) => <kbd key={name}>{name}</kbd>)}</dt>
						<dd>{meaning}</dd>
					</div>
				))}
			</dl>
			<h3>{t.help.go}</h3>
			<dl class="keys pages">
				{PAGE_KEYS.map(({ key, name }) => (
					<div key={key}>
						<dt><kbd>{'g'}</kbd><kbd>{key}</kbd></dt>
						<dd>{t.navigation[name]}</dd>
					</div>
				))}
			</dl>
			<h3>{t.help.words}</h3>
			<dl class="glossary">
				{t.help.glossary.map(([word, meaning]) => (
					<div key={word}>
						<dt>{word}</dt>
						<dd>{meaning}</dd>
					</div>
				))}
			</dl>
		</Dialog>
	);
}
