// SPDX-License-Identifier: Apache-2.0
// A canvas with a scene on it, for as long as the page is there: size, colours, clock, lost contexts.
import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { onBurst } from '../live/client';
import { useTheme } from '../preferences';
import type { Field } from './field';
import { COLOURS, LOOKS } from './look';
import { Scene, type Colours, type Look3D } from './scene';

const PIXEL_LIMIT = 2; /* device pixels per pixel: finer ones nobody sees */
const STILL_EVERY = 1000; /* ms between two pictures where nothing may move */

export function useMedia(query: string): boolean {
	const [matches, setMatches] = useState(matchMedia(query).matches);
	useEffect(() => {
		const media = matchMedia(query);
		const listen = (): void => setMatches(media.matches);
		listen();
		media.addEventListener('change', listen);
		return () => media.removeEventListener('change', listen);
	}, [query]);
	return matches;
}

export const useStill = (): boolean => useMedia('(prefers-reduced-motion: reduce)');

/** Colours as four numbers: the style sheet alone knows them. One pixel of a canvas reads any way of writing them. */
function coloursOf(element: HTMLElement): Colours {
	const probe = document.createElement('span');
	element.append(probe);
	const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
	const read = (name: string): number[] => {
		probe.style.color = `var(--${name})`;
		if (!context)
			return [0.5, 0.5, 0.5, 1];
		context.fillStyle = getComputedStyle(probe).color;
		context.fillRect(0, 0, 1, 1);
		return [...context.getImageData(0, 0, 1, 1).data].map((value) => value / 255);
	};
	const colours = {
		looks: new Float32Array(LOOKS.flatMap((look) => read(COLOURS[look]))),
		line: new Float32Array(read('strong-line')),
		dark: read('card').slice(0, 3).every((value) => value < 0.5),
	};
	probe.remove();
	return colours;
}

export interface Stage {
	canvas: RefObject<HTMLCanvasElement | null>;
	/** null until it stands, and where the browser cannot. */
	scene: RefObject<Scene | null>;
	/** false: no WebGL2 here. */
	able: boolean;
	/** Draws once more, though nothing moves. */
	wake: () => void;
	/** Changes with each new scene: lines must be set again. */
	round: number;
}

interface Options {
	field: Field;
	matrix: Float32Array;
	look: Look3D;
	running: boolean;
	/** After the picture changed its size, CSS pixels. */
	onSize: (width: number, height: number) => void;
}

export function useStage({ field, matrix, look, running, onSize }: Options): Stage {
	const canvas = useRef<HTMLCanvasElement>(null);
	const scene = useRef<Scene | null>(null);
	const [able, setAble] = useState(true);
	const [round, setRound] = useState(0);
	const pending = useRef(0);
	const theme = useTheme();
	const scheme = useMedia('(prefers-color-scheme: dark)');
	const resized = useRef(onSize);
	resized.current = onSize;

	const wake = useRef(() => {
		pending.current ||= requestAnimationFrame(() => {
			pending.current = 0;
			scene.current?.draw();
		});
	}).current;

	useEffect(() => {
		const element = canvas.current;
		if (!element)
			return;
		const fit = (): void => {
			scene.current?.resize(element.clientWidth, element.clientHeight, Math.min(devicePixelRatio, PIXEL_LIMIT));
			resized.current(element.clientWidth, element.clientHeight);
			wake();
		};
		const make = (): void => {
			const now = scene.current?.now ?? 0;
			scene.current = Scene.on(element, field, matrix, look);
			if (scene.current)
				scene.current.now = now; /* births are told by the clock of the scene before */
			setAble(scene.current !== null);
			setRound((before) => before + 1);
			fit();
		};
		// The graphics card may be taken away and come back: then all that lay on it is made anew.
		const lose = (event: Event): void => event.preventDefault();
		element.addEventListener('webglcontextlost', lose);
		element.addEventListener('webglcontextrestored', make);
		const observer = new ResizeObserver(fit);
		observer.observe(element);
		make();
		return () => {
			observer.disconnect();
			element.removeEventListener('webglcontextlost', lose);
			element.removeEventListener('webglcontextrestored', make);
			cancelAnimationFrame(pending.current);
			pending.current = 0;
			scene.current?.close();
			scene.current = null;
		};
	}, []);

	useEffect(() => {
		if (canvas.current?.parentElement)
			scene.current?.setColours(coloursOf(canvas.current.parentElement));
		wake();
	}, [round, theme, scheme]);

	useEffect(() => {
		if (!running || !able)
			return;
		let last = performance.now();
		if (look.still) {
			const timer = setInterval(() => {
				scene.current?.advance((performance.now() - last) / 1000);
				last = performance.now();
				wake();
			}, STILL_EVERY);
			return () => clearInterval(timer);
		}
		let frame = 0;
		const move = (now: number): void => {
			frame = requestAnimationFrame(move);
			scene.current?.advance(Math.max(0, now - last) / 1000);
			last = now;
			scene.current?.draw();
		};
		frame = requestAnimationFrame(move);
		return () => cancelAnimationFrame(frame);
	}, [running, able, look.still]);

	return { canvas, scene, able, wake, round };
}

const LATEST = 1; /* s: packets of one burst start within this time */

/** Starts the packets of each burst as far apart as they were sent. */
export function useArrivals(field: Field, scene: RefObject<Scene | null>): void {
	useEffect(() => onBurst((burst) => {
		const now = scene.current?.now ?? 0;
		const oldest = scene.current?.oldest ?? 0;
		const lit = field.packets[scene.current?.lit ?? -1];
		for (const particle of burst.particles)
			field.add(particle, now + Math.min(LATEST, (particle.time - burst.since) / 1000), oldest);
		// The place of the packet that is pointed at may have gone to another.
		if (scene.current && field.packets[scene.current.lit] !== lit)
			scene.current.lit = -1;
	}), [field]);
}
