// SPDX-License-Identifier: Apache-2.0
// The Cube: left the sources (address upwards, port in depth), right the dark range alike; each packet flies across.
import type { TargetedKeyboardEvent, TargetedPointerEvent, TargetedWheelEvent, VNode } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Camera, HALF } from '../cube/camera';
import type { Field, Rules } from '../cube/field';
import { labelsOf, linesOf, placeLabels, type Axes } from '../cube/frame';
import { nearest } from '../cube/pick';
import type { Scene } from '../cube/scene';
import { useArrivals, useStage, useStill } from '../cube/stage';
import { setPaused } from '../live/client';
import type { Particle } from '../live/events';
import { useSpeech } from '../text/index';

const FLIGHT = 1.6; /* s from plane to plane */
const GLOW = 4; /* s that a landing is seen */
const STILL_GLOW = 10;
const TRAIL = 0.3;
const TURN = 0.12; /* radians of one key press */
const DRAG = 0.006; /* radians per pixel */
const ZOOM = 1.15;
const HOVER_EVERY = 80; /* ms */
const NEVER = 1e-6; /* s: a flight that is over at once */

interface Props {
	field: Field;
	axes: Axes;
	rules: Rules;
	running: boolean;
	speed: number;
	pinned: boolean;
	onPick: (particle: Particle | null, pinned: boolean) => void;
}

function Measurement({ scene, field }: { scene: { current: Scene | null }; field: Field }): VNode {
	const { t, whole } = useSpeech();
	const [seen, setSeen] = useState({ frames: 0, busy: 0, draws: 0, alive: 0, crowded: 0 });
	useEffect(() => {
		let before = { ...(scene.current?.counters ?? { frames: 0, draws: 0, uploads: 0, busy: 0 }), at: performance.now() };
		const timer = setInterval(() => {
			const now = scene.current;
			if (!now)
				return;
			const { counters } = now;
			const frames = counters.frames - before.frames;
			const each = Math.max(1, frames);
			setSeen({
				frames: (frames * 1000) / (performance.now() - before.at),
				busy: (counters.busy - before.busy) / each,
				draws: (counters.draws - before.draws) / each,
				alive: field.alive(now.oldest, now.now),
				crowded: field.crowded,
			});
			before = { ...counters, at: performance.now() };
		}, 1000);
		return () => clearInterval(timer);
	}, []);
	return (
		<p class="cube-measure mono" data-frames={seen.frames.toFixed(1)} data-alive={seen.alive} data-busy={seen.busy.toFixed(3)} data-draws={seen.draws}>
			{t.cube.measured(seen.frames.toFixed(0), whole(seen.alive), seen.busy.toFixed(2), seen.draws.toFixed(0), whole(seen.crowded))}
		</p>
	);
}

export function Cube({ field, axes, rules, running, speed, pinned, onPick }: Props): VNode {
	const { t } = useSpeech();
	const still = useStill();
	const camera = useMemo(() => new Camera(), []);
	const look = useMemo(() => ({ flight: FLIGHT, glow: GLOW, half: HALF, arc: 0, trail: TRAIL, still: false }), []);
	look.still = still;
	look.flight = still ? NEVER : FLIGHT / speed;
	look.glow = still ? STILL_GLOW : GLOW / Math.min(1, speed);
	const marks = useRef<(HTMLElement | null)[]>([]);
	const size = useRef<[number, number]>([0, 0]);
	const [measuring, setMeasuring] = useState(false);
	const labels = useMemo(() => labelsOf(axes, { source: t.cube.sourcePlane, destination: t.cube.destinationPlane }), [axes, t]);

	const show = (): void => {
		const [width, height] = size.current;
		camera.update(width / Math.max(1, height));
		placeLabels(labels, marks.current as HTMLElement[], camera, width, height);
		stage.wake();
	};
	const stage = useStage({ field, matrix: camera.matrix, look, running, onSize: (width, height) => {
		size.current = [width, height];
		show();
	} });
	useArrivals(field, stage.scene);
	useEffect(() => stage.scene.current?.setLines(linesOf(axes)), [axes, stage.round]);
	useEffect(show, [labels, stage.round, rules, speed]);

	const pick = (event: TargetedPointerEvent<HTMLElement>): number => {
		const box = event.currentTarget.getBoundingClientRect();
		return nearest(field, camera, look, stage.scene.current?.now ?? 0, event.clientX - box.left, event.clientY - box.top, box.width, box.height);
	};
	const light = (slot: number, pin: boolean): void => {
		if (stage.scene.current)
			stage.scene.current.lit = slot;
		onPick(slot < 0 ? null : (field.packets[slot] ?? null), pin && slot >= 0);
		stage.wake();
	};
	useEffect(() => {
		if (!pinned && stage.scene.current)
			stage.scene.current.lit = -1;
	}, [pinned]);

	const drag = useRef({ id: -1, x: 0, y: 0, moved: 0, hovered: 0 }).current;
	const pointer = {
		onPointerDown(event: TargetedPointerEvent<HTMLElement>): void {
			Object.assign(drag, { id: event.pointerId, x: event.clientX, y: event.clientY, moved: 0 });
			event.currentTarget.setPointerCapture(event.pointerId);
		},
		onPointerMove(event: TargetedPointerEvent<HTMLElement>): void {
			if (drag.id === event.pointerId) {
				const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
				drag.moved += Math.abs(dx) + Math.abs(dy);
				camera.turn(-dx * DRAG, dy * DRAG);
				Object.assign(drag, { x: event.clientX, y: event.clientY });
				show();
			} else if (!pinned && event.pointerType === 'mouse' && event.timeStamp - drag.hovered > HOVER_EVERY) {
				drag.hovered = event.timeStamp;
				light(pick(event), false);
			}
		},
		onPointerUp(event: TargetedPointerEvent<HTMLElement>): void {
			drag.id = -1;
			if (drag.moved < 4)
				light(pick(event), true);
		},
		onPointerCancel(): void {
			drag.id = -1;
		},
		onWheel(event: TargetedWheelEvent<HTMLElement>): void {
			// Only where the reader has chosen the picture: else the page scrolls.
			if (document.activeElement !== event.currentTarget)
				return;
			event.preventDefault();
			zoom(event.deltaY > 0 ? ZOOM : 1 / ZOOM);
		},
	};
	const turn = (yaw: number, pitch: number): void => {
		camera.turn(yaw, pitch);
		show();
	};
	const zoom = (factor: number): void => {
		camera.zoom(factor);
		show();
	};
	const home = (): void => {
		camera.home();
		show();
	};
	const keys: Record<string, () => void> = {
		ArrowLeft: () => turn(TURN, 0), ArrowRight: () => turn(-TURN, 0), ArrowUp: () => turn(0, TURN), ArrowDown: () => turn(0, -TURN),
		'+': () => zoom(1 / ZOOM), '=': () => zoom(1 / ZOOM), '-': () => zoom(ZOOM), '0': home, ' ': () => setPaused(running),
	};
	const press = (event: TargetedKeyboardEvent<HTMLElement>): void => {
		const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
		if (!act)
			return;
		event.preventDefault();
		act();
	};
	return (
		<>
			<div class="cube" role="application" aria-roledescription={t.cube.role} aria-label={t.cube.summary} tabIndex={0} onKeyDown={press} {...pointer}>
				<canvas ref={stage.canvas} aria-hidden="true" />
				<div class="cube-labels" aria-hidden="true">
					{labels.map((label, index) => (
						<span key={label.key} class={label.axis === 'title' ? 'cube-title' : 'mono'} ref={(element: HTMLElement | null) => { marks.current[index] = element; }}>{label.text}</span>
					))}
				</div>
				{!stage.able && <p class="notice cube-unable">{t.cube.unable}</p>}
			</div>
			<div class="cube-tools">
				<span class="quiet">{t.cube.keys}</span>
				<button type="button" aria-label={t.cube.turnLeft} onClick={() => turn(3 * TURN, 0)}>{'⟲'}</button>
				<button type="button" aria-label={t.cube.turnRight} onClick={() => turn(-3 * TURN, 0)}>{'⟳'}</button>
				<button type="button" aria-label={t.cube.nearer} onClick={() => zoom(1 / ZOOM)}>{'+'}</button>
				<button type="button" aria-label={t.cube.farther} onClick={() => zoom(ZOOM)}>{'−'}</button>
				<button type="button" onClick={home}>{t.cube.home}</button>
				<button type="button" aria-pressed={measuring} onClick={() => setMeasuring(!measuring)}>{t.cube.measure}</button>
			</div>
			{measuring && <Measurement scene={stage.scene} field={field} />}
		</>
	);
}
