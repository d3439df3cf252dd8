// SPDX-License-Identifier: Apache-2.0
// From where just now? Packets fly over the same map, and the list beside it counts the last two minutes.
import type { GeoProjection } from 'd3-geo';
import type { VNode } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Atlas, countryHref, type Place } from '../chart/atlas';
import { Field, type Rules } from '../cube/field';
import { lookOf, LOOKS } from '../cube/look';
import { useArrivals, useStage, useStill } from '../cube/stage';
import { middleOf } from '../data/countries';
import { useCalm, useLive } from '../live/use';
import { LiveState, PauseButton } from '../part/live';
import { LookMark } from '../part/look';
import { useSpeech } from '../text/index';

const FLIGHT = 1.5; /* s */
const ARC = 0.22; /* of half the map's height */
const FOOT = 30; /* px below the map, where packets land */
const SPREAD = 0.006; /* packets of one country start a little apart */
const LISTED = 20;
const IDENTITY = new Float32Array([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);

/** Where each country's packets start, -1 to 1 of the picture; computed once for each. */
function rulesFor(projection: GeoProjection, width: number, height: number): Rules {
	const known = new Map<string, [number, number]>();
	const placeOf = (country: string): [number, number] => {
		let place = known.get(country);
		if (!place) {
			const point = projection(middleOf(country) ?? [0, 0]) ?? [0, 0];
			known.set(country, (place = [(point[0] / width) * 2 - 1, 1 - (point[1] / height) * 2]));
		}
		return place;
	};
	let turn = 0;
	return {
		route({ country }, ret) {
			const [x, y] = placeOf(country);
			turn += 2.4; /* the golden angle, about: neighbours in time never start at one point */
			ret.fromX = x + SPREAD * Math.cos(turn);
			ret.fromY = y + SPREAD * 2 * Math.sin(turn);
			ret.toX = 0;
			ret.toY = -1 + FOOT / height;
		},
		look: (particle) => LOOKS.indexOf(lookOf(particle)),
		shows: ({ country }) => middleOf(country) !== null,
	};
}

function Flights({ projection, width, height, running }: { projection: GeoProjection; width: number; height: number; running: boolean }): VNode {
	const { t } = useSpeech();
	const still = useStill();
	const full = height + FOOT;
	const rules = useMemo(() => rulesFor(projection, width, full), [projection, width, full]);
	const field = useMemo(() => new Field(rules), []);
	const look = useMemo(() => ({ flight: FLIGHT, glow: 0.25, half: 0, arc: ARC, trail: 0.25, still: false }), []);
	look.still = still;
	const stage = useStage({ field, matrix: IDENTITY, look, running, onSize: () => undefined });
	useEffect(() => field.rule(rules), [rules]);
	useArrivals(field, stage.scene);
	return (
		<>
			<canvas class="flights" ref={stage.canvas} aria-hidden="true" width={width} height={full} />
			<p class="flights-foot">{t.atlas.telescope}</p>
		</>
	);
}

function Countries({ places, total, lit, onLight }: { places: Place[]; total: number; lit: string | null; onLight: (country: string | null) => void }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const { shown, held, ref } = useCalm(places);
	return (
		<div ref={ref}>
			<table class="top">
				<caption>{`${t.atlas.liveList}${held ? ` · ${t.live.held}` : ''}`}</caption>
				<thead>
					<tr>
						<th scope="col">{t.column.country}</th>
						<th scope="col" class="number">{t.column.packets}</th>
						<th scope="col" class="number">{t.atlas.share}</th>
					</tr>
				</thead>
				<tbody>
					{shown.slice(0, LISTED).map((place) => (
						<tr key={place.country} class={lit !== null && lit === place.country ? 'lit' : undefined} onPointerEnter={() => onLight(place.country)} onPointerLeave={() => onLight(null)}>
							<th scope="row">{place.country === '' ? t.atlas.unknown : <a href={countryHref(place.country)}>{speech.country(place.country)}</a>}</th>
							<td class="number">{speech.whole(place.weight)}</td>
							<td class="number">{speech.percent(place.weight / Math.max(1, total))}</td>
						</tr>
					))}
				</tbody>
			</table>
			{shown.length === 0 && <p class="quiet">{t.cube.waiting}</p>}
		</div>
	);
}

export function LiveAtlas(): VNode {
	const { t, whole, country } = useSpeech();
	const { pulses, state } = useLive();
	const [lit, setLit] = useState<string | null>(null);
	const places = useMemo(() => {
		const sums = new Map<string, number>();
		for (const pulse of [...pulses.values()].flat())
			for (const each of pulse.countries)
				sums.set(each.country, (sums.get(each.country) ?? 0) + each.packets);
		return [...sums].map(([code, weight]) => ({ country: code, weight })).sort((a, b) => b.weight - a.weight);
	}, [pulses]);
	const total = places.reduce((sum, place) => sum + place.weight, 0);
	const running = state !== 'paused';
	return (
		<section class="card" aria-label={t.atlas.title}>
			<div class="live-line">
				<LiveState />
				<PauseButton />
				<ul class="cube-legend">{LOOKS.map((look) => <li key={look}><LookMark look={look} />{t.cube.looks[look]}</li>)}</ul>
			</div>
			<div class="with-list map">
				<Atlas
					places={places}
					lit={lit}
					onLight={setLit}
					summary={(count, top) => t.atlas.liveSummary(whole(count), top.map((place) => `${country(place.country)} ${whole(place.weight)}`).join(', '))}
					note={t.atlas.liveNote}
					over={(projection, width, height) => <Flights projection={projection} width={width} height={height} running={running} />}
				/>
				<Countries places={places} total={total} lit={lit} onLight={setLit} />
			</div>
		</section>
	);
}
