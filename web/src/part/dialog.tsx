// SPDX-License-Identifier: Apache-2.0
// A modal dialog: the browser keeps the focus inside and gives it back; Esc and a click outside close it.
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useSpeech } from '../text/index';

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }): VNode {
	const { t } = useSpeech();
	const ref = useRef<HTMLDialogElement>(null);
	const gone = useRef(false); /* the close event of a dialog that is gone comes late: it must not close the next one */
	useEffect(() => {
		const dialog = ref.current;
		dialog?.showModal();
		dialog?.querySelector<HTMLElement>('input')?.focus();
		return () => {
			gone.current = true;
			dialog?.close();
		};
	}, []);
	return (
		<dialog ref={ref} aria-label={title} onClose={() => gone.current || onClose()} onClick={(event) => event.target === ref.current && onClose()}>
			<div class="dialog">
				<header>
					<h2>{title}</h2>
					<button type="button" class="plain" onClick={onClose}>{t.tools.close}</button>
				</header>
				{children}
			</div>
		</dialog>
	);
}
