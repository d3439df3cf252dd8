// SPDX-License-Identifier: Apache-2.0
import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { apiUrl, useSensors } from '../api';
import { usePlace, viewOf } from '../route';
import { useWatch } from '../state';
import { follow, live, type Live } from './client';
import type { Pulse } from './events';

export const useLive = (): Live => useWatch(live);

/** Opens the connection where the server names a live sensor: one without one is never asked. */
export function useFollow(): void {
	const { sensor } = viewOf(usePlace().query);
	const running = useSensors()?.some((each) => sensor === null || each.sensor === sensor);
	useEffect(() => {
		if (running !== undefined)
			follow(running ? apiUrl('live', { sensor }) : null);
	}, [running, sensor]);
}

/** All sensors together, second by second, oldest first. */
export function together(pulses: Live['pulses']): Pulse[] {
	const [only, ...others] = [...pulses.values()];
	if (only !== undefined && others.length === 0)
		return [...only];
	const seconds = new Map<number, Pulse>();
	for (const pulse of [...pulses.values()].flat()) {
		const time = Math.floor(pulse.time / 1000) * 1000;
		const sum = seconds.get(time);
		seconds.set(time, sum ? added(sum, pulse) : { ...pulse, time });
	}
	return [...seconds.values()].sort((a, b) => a.time - b.time);
}

function added(a: Pulse, b: Pulse): Pulse {
	const sum = (x: Record<string, number>, y: Record<string, number>): Record<string, number> =>
		Object.fromEntries([...new Set([...Object.keys(x), ...Object.keys(y)])].map((key) => [key, (x[key] ?? 0) + (y[key] ?? 0)]));
	return {
		...a,
		packets: a.packets + b.packets,
		bytes: a.bytes + b.bytes,
		sources: a.sources + b.sources,
		categories: sum(a.categories, b.categories),
		countries: [...a.countries, ...b.countries],
		dropped: sum(a.dropped, b.dropped),
		delay: Math.max(a.delay, b.delay),
		day: { packets: a.day.packets + b.day.packets, sources: a.day.sources + b.day.sources },
	};
}

/** The newest value, but the one before as long as the pointer or the focus is inside: nothing moves under either. */
export function useCalm<T>(value: T): { shown: T; held: boolean; ref: RefObject<HTMLDivElement | null> } {
	const ref = useRef<HTMLDivElement>(null);
	const [busy, setBusy] = useState(false);
	const kept = useRef(value);
	useEffect(() => {
		const element = ref.current;
		if (!element)
			return;
		let [pointer, focus] = [false, false];
		const tell = (): void => setBusy(pointer || focus);
		const listen: [string, () => void][] = [
			['pointerenter', () => (pointer = true)],
			['pointerleave', () => (pointer = false)],
			['focusin', () => (focus = true)],
			['focusout', () => (focus = false)],
		];
		const wrapped = listen.map(([type, act]): [string, () => void] => [type, () => { act(); tell(); }]);
		for (const [type, act] of wrapped)
			element.addEventListener(type, act);
		return () => wrapped.forEach(([type, act]) => element.removeEventListener(type, act));
	}, []);
	if (!busy)
		kept.current = value;
	return { shown: kept.current, held: busy && kept.current !== value, ref };
}

/** The time now, told again every `ms`; stands still while `running` is false. */
export function useNow(ms: number, running: boolean): number {
	const [now, setNow] = useState(Date.now());
	useEffect(() => {
		setNow(Date.now());
		if (!running)
			return;
		const timer = setInterval(() => setNow(Date.now()), ms);
		return () => clearInterval(timer);
	}, [ms, running]);
	return now;
}
