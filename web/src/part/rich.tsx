// SPDX-License-Identifier: Apache-2.0
import { Fragment, type VNode } from 'preact';
import { useSpeech } from '../text/index';

/** A sentence of the dictionary: what stands between ** is a figure. */
export function Rich({ text }: { text: string }): VNode {
	return <>{text.split('**').map((piece, index) => (index % 2 === 1 ? <strong key={index}>{piece}</strong> : piece))}</>;
}

/** The sentence at the head of a page, phrase by phrase: a line breaks between them first. */
export function Phrases({ parts }: { parts: string[] }): VNode {
	const { t } = useSpeech();
	return (
		<h1 class="situation">
			{parts.map((part, index) => (
				<Fragment key={part}>
					<span class="phrase"><Rich text={part + (index < parts.length - 1 ? t.situation.comma : t.situation.stop)} /></span>
					{t.situation.gap}
				</Fragment>
			))}
		</h1>
	);
}
