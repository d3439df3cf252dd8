// SPDX-License-Identifier: Apache-2.0
// Sources by country on the outline of the land. No borders are drawn: they are disputed, and no figure needs them.
import { geoEqualEarth, geoGraticule10, geoPath, type GeoPermissibleObjects, type GeoProjection } from 'd3-geo';
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import { middleOf } from '../data/countries';
import { go, linkTo } from '../route';
import type { Country } from '../rows';
import { useSpeech } from '../text/index';
import { useWidth } from './size';

let land: Promise<GeoPermissibleObjects> | null = null;

function loadLand(): Promise<GeoPermissibleObjects> {
	land ??= fetch('/land.json')
		.then((response) => response.json() as Promise<Topology<{ land: GeometryCollection }>>)
		.then((topology) => feature(topology, topology.objects.land));
	return land;
}

export const countryHref = (code: string): string => linkTo(`/telescope/atlas/${code}`);

interface Circle {
	row: Country;
	x: number;
	y: number;
	radius: number;
}

function circlesOf(rows: Country[], projection: GeoProjection, width: number): Circle[] {
	const most = Math.max(1, ...rows.map((row) => row.sources));
	const largest = Math.max(12, width / 36);
	return rows
		.flatMap((row): Circle[] => {
			const middle = middleOf(row.country);
			const point = middle === null ? null : projection(middle);
			return point ? [{ row, x: point[0], y: point[1], radius: Math.max(2, largest * Math.sqrt(row.sources / most)) }] : [];
		})
		.sort((a, b) => b.radius - a.radius);
}

interface Props {
	rows: Country[];
	/** The country that the list points at. */
	lit: string | null;
	onLight: (country: string | null) => void;
}

export function Atlas({ rows, lit, onLight }: Props): VNode {
	const speech = useSpeech();
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
	const projection = geoEqualEarth().fitExtent([[2, 2], [Math.max(4, width - 2), Math.max(4, height - 2)]], { type: 'Sphere' });
	const path = geoPath(projection);
	const circles = circlesOf(rows, projection, width);
	const top = circles.slice(0, 3).map(({ row }) => `${speech.country(row.country)} ${speech.whole(row.sources)}`);
	return (
		<div class="atlas" ref={ref}>
			<svg width={width} height={height} role="img" aria-label={speech.t.atlas.summary(speech.whole(circles.length), top.join(', '))}>
				<path class="sea" d={path({ type: 'Sphere' }) ?? ''} />
				<path class="graticule" d={path(geoGraticule10()) ?? ''} />
				{shape && <path class="land" d={path(shape) ?? ''} />}
				{circles.map(({ row, x, y, radius }) => (
					<circle
						key={row.country}
						class={lit === row.country ? 'place lit' : 'place'}
						cx={x}
						cy={y}
						r={radius}
						onClick={() => go(countryHref(row.country))}
						onPointerEnter={() => onLight(row.country)}
						onPointerLeave={() => onLight(null)}
					/>
				))}
			</svg>
			<p class="legend">{speech.t.atlas.note}</p>
		</div>
	);
}
