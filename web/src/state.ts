// SPDX-License-Identifier: Apache-2.0
// A value that components can watch.
import { useEffect, useState } from 'preact/hooks';

export interface State<T> {
	get(): T;
	set(value: T): void;
	watch(listener: () => void): () => void;
}

export function state<T>(initial: T): State<T> {
	let current = initial;
	const listeners = new Set<() => void>();
	return {
		get: () => current,
		set(value) {
			if (Object.is(value, current))
				return;
			current = value;
			for (const listener of [...listeners])
				listener();
		},
		watch(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
	};
}

export function useWatch<T>(watched: State<T>): T {
	const [value, setValue] = useState(watched.get());
	useEffect(() => {
		setValue(() => watched.get());
		return watched.watch(() => setValue(() => watched.get()));
	}, [watched]);
	return value;
}
