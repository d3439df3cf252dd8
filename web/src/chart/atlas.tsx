// SPDX-License-Identifier: Apache-2.0
// Sources by country on the outline of the land. No borders are drawn: they are disputed, and no figure needs them.
import { geoEqualEarth, geoGraticule10, geoPath, type GeoPermissibleObjects, type GeoProjection } from 'd3-geo';
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import { middleOf } from '../data/countries';
import { go, linkTo } from '../route';
import { useWidth } from './size';

let land: Promise<GeoPermissibleObjects> | null = null;

function loadLand(): Promise<GeoPermissibleObjects> {
	land ??= fetch('/land.json')
		.then((response) => response.json() as Promise<Topology<{ land: GeometryCollection }>>)
		.then((topology) => feature(topology, topology.objects.land));
	return land;
}

export const countryHref = (code: string): string => linkTo(`/telescope/atlas/${code}`);

/** A country and what its circle stands for. */
export interface Place {
	country: string;
	weight: number;
}

interface Circle {
	place: Place;
	x: number;
	y: number;
	radius: number;
}

function circlesOf(places: Place[], projection: GeoProjection, width: number): Circle[] {
	const most = Math.max(1, ...places.map((place) => place.weight));
	const largest = Math.max(12, width / 36);
	return places
		.flatMap((place): Circle[] => {
			const middle = middleOf(place.country);
			const point = middle === null ? null : projection(middle);
			return point ? [{ place, x: point[0], y: point[1], radius: Math.max(2, largest * Math.sqrt(place.weight / most)) }] : [];
		})
		.sort((a, b) => b.radius - a.radius);
}

interface Props {
	places: Place[];
	/** The country that the list points at. */
	lit: string | null;
	onLight: (country: string | null) => void;
	/** Says the picture in words, from the circles drawn, largest first. */
	summary: (count: number, top: Place[]) => string;
	note: string;
	/** Something over the map, of the same size. */
	over?: (projection: GeoProjection, width: number, height: number) => ComponentChildren;
}

export function Atlas({ places, lit, onLight, summary, note, over }: Props): VNode {
	const [ref, width] = useWidth<HTMLDivElement>();
	const [shape, setShape] = useState<GeoPermissibleObjects | null>(null);
	useEffect(() => {
		let here = true;
		loadLand().then((loaded) => here && setShape(loaded), () => undefined); /* the circles and the list stand without it */
		return () => {
			here = false;
		};
	}, []);
	const height = Math.round(width * 0.487);
	const { projection, map } = useMemo(() => {
		const made = geoEqualEarth().fitExtent([[2, 2], [Math.max(4, width - 2), Math.max(4, height - 2)]], { type: 'Sphere' });
		const path = geoPath(made);
		return { projection: made, map: { sea: path({ type: 'Sphere' }) ?? '', graticule: path(geoGraticule10()) ?? '', land: shape ? (path(shape) ?? '') : '' } };
	}, [width, height, shape]);
	const circles = circlesOf(places, projection, width);
	return (
		<div class="atlas" ref={ref}>
			<svg width={width} height={height} role="img" aria-label={summary(circles.length, circles.slice(0, 3).map(({ place }) => place))}>
				<path class="sea" d={map.sea} />
				<path class="graticule" d={map.graticule} />
				<path class="land" d={map.land} />
				{circles.map(({ place, x, y, radius }) => (
					<circle
						key={place.country}
						class={lit === place.country ? 'place lit' : 'place'}
						cx={x}
						cy={y}
						r={radius}
						onClick={() => go(countryHref(place.country))}
						onPointerEnter={() => onLight(place.country)}
						onPointerLeave={() => onLight(null)}
					/>
				))}
			</svg>
			{width > 0 && over?.(projection, width, height)}
			<p class="legend">{note}</p>
		</div>
	);
}
