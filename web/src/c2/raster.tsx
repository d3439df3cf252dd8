// SPDX-License-Identifier: Apache-2.0
// The beat raster: one row for each client, time of day to the right; a rhythm that is kept by many is seen at once.
import type { RefObject, VNode } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { colours } from '../chart/series';
import { useWidth } from '../chart/size';
import { useTheme } from '../preferences';
import { useSpeech } from '../text/index';
import { activeOf, cellAt, countsOf, edgesOf, moved, MOST, rowHeight, type Cell } from './raster_math';
import type { Beats, Raster } from './types';

const GUTTER = 24; /* px: the number of a row, and what marks it */
const PROFILE = 36; /* px: how many clients, above the rows */
const LABEL_ROWS = 8; /* of so many rows each fourth or so has its number */
const AXIS = 20;
const HOURS = [0, 3, 6, 9, 12, 15, 18, 21];

/** Opacity of a cell: one beat is seen, fifteen are full. */
const weightOf = (count: number): number => 0.5 + 0.5 * (Math.log2(Math.min(count, MOST)) / Math.log2(MOST));

interface Drawing {
	counts: Uint8Array;
	raster: Raster;
	width: number;
	row: number;
}

/** In device pixels, so that no cell is blurred or wider than its neighbour by more than one of them. */
function draw(canvas: HTMLCanvasElement, { counts, raster, width, row }: Drawing): void {
	const context = canvas.getContext('2d');
	const parent = canvas.parentElement;
	if (!context || !parent)
		return;
	const scale = globalThis.devicePixelRatio || 1;
	const rows = raster.clients.length;
	canvas.width = Math.round(width * scale);
	canvas.height = Math.round((PROFILE + rows * row) * scale);
	const colour = colours(parent);
	const [ink, ground, line, muted] = [colour('accent'), colour('sunken'), colour('line'), colour('strong-line')];
	const edges = edgesOf(raster.bins, canvas.width);
	const top = Math.round(PROFILE * scale);
	const active = activeOf(counts, raster.bins);
	const most = Math.max(1, ...active);
	context.fillStyle = muted;
	active.forEach((clients, bin) => {
		const tall = Math.round(((PROFILE - 4) * scale * clients) / most);
		context.fillRect(edges[bin] ?? 0, top - tall, (edges[bin + 1] ?? 0) - (edges[bin] ?? 0), tall);
	});
	for (let index = 0; index < rows; index++) {
		const y = Math.round((PROFILE + index * row) * scale);
		const next = Math.round((PROFILE + (index + 1) * row) * scale) - Math.max(1, Math.floor(scale));
		context.globalAlpha = 1;
		context.fillStyle = ground;
		context.fillRect(0, y, canvas.width, next - y);
		context.fillStyle = ink;
		for (let bin = 0; bin < raster.bins; bin++) {
			const count = counts[index * raster.bins + bin] ?? 0;
			if (count === 0)
				continue;
			context.globalAlpha = weightOf(count);
			context.fillRect(edges[bin] ?? 0, y, (edges[bin + 1] ?? 0) - (edges[bin] ?? 0), next - y);
		}
	}
	context.globalAlpha = 1;
	context.fillStyle = line;
	for (const hour of HOURS.slice(1))
		context.fillRect(edges[Math.round((hour * 3600) / raster.step)] ?? 0, 0, 1, canvas.height);
}

function useDrawing(canvas: RefObject<HTMLCanvasElement | null>, drawing: Drawing): void {
	const theme = useTheme();
	useEffect(() => {
		if (!canvas.current || drawing.width <= 0)
			return;
		const element = canvas.current;
		const again = (): void => draw(element, drawing);
		again();
		const scheme = matchMedia('(prefers-color-scheme: dark)');
		scheme.addEventListener('change', again);
		return () => scheme.removeEventListener('change', again);
	}, [drawing.counts, drawing.width, drawing.row, theme]);
}

/** "3: 100::… · 03:05 to 03:10 · 2 beats"; what is under the pointer or the keys. */
function Readout({ raster, counts, cell, id }: { raster: Raster; counts: Uint8Array; cell: Cell | null; id: string }): VNode {
	const { t, whole, moment, zone } = useSpeech();
	const client = cell ? raster.clients[cell.row] : undefined;
	if (!cell || !client)
		return <p class="readout quiet" id={id}>{t.c2.rasterKeys}</p>;
	const start = Date.parse(raster.from) + cell.bin * raster.step * 1000;
	const count = counts[cell.row * raster.bins + cell.bin] ?? 0;
	const many = count >= MOST ? t.c2.andMore(whole(count)) : whole(count);
	return (
		<p class="readout" id={id} role="status">
			<span class="mono">{`${cell.row + 1} · ${client.client}`}</span>
			{client.known_infected > 0 && <span class="severity urgent">{`▲ ${t.c2.knownInfected}`}</span>}
			<span>{`${moment(start)} – ${moment(start + raster.step * 1000).slice(-5)} ${zone}`}</span>
			<strong>{t.c2.beats(many, count === 1)}</strong>
		</p>
	);
}

function Gutter({ clients, row }: { clients: Beats[]; row: number }): VNode {
	const every = Math.max(1, Math.ceil(clients.length / LABEL_ROWS));
	return (
		<div class="raster-gutter" aria-hidden="true" style={{ width: `${GUTTER}px`, paddingTop: `${PROFILE}px` }}>
			{clients.map((client, index) => (
				<span key={client.client} class={client.known_infected > 0 ? 'infected' : undefined} style={{ height: `${row}px`, lineHeight: `${row}px` }}>
					{client.known_infected > 0 ? '▲' : index % every === 0 ? index + 1 : ''}
				</span>
			))}
		</div>
	);
}

function Axis({ raster, width }: { raster: Raster; width: number }): VNode {
	const { moment, zone } = useSpeech();
	const span = raster.bins * raster.step;
	const hours = HOURS.filter((hour) => hour * 3600 < span && (width > 480 || hour % 6 === 0));
	return (
		<div class="raster-axis quiet" aria-hidden="true" style={{ marginLeft: `${GUTTER}px`, height: `${AXIS}px` }}>
			{hours.map((hour) => <span key={hour} style={{ left: `${((hour * 3600) / span) * 100}%` }}>{moment(Date.parse(raster.from) + hour * 3_600_000).slice(-5)}</span>)}
			<span class="raster-zone">{zone}</span>
		</div>
	);
}

function Rows({ raster }: { raster: Raster }): VNode {
	const { t, whole, moment, zone } = useSpeech();
	return (
		<details class="figures">
			<summary>{t.c2.rasterTable}</summary>
			<div class="scroll bounded" role="group" aria-label={t.c2.rasterTable} tabIndex={0}>
				<table>
					<caption class="hidden">{t.c2.rasterTable}</caption>
					<thead>
						<tr>
							<th scope="col">{t.c2.client}</th>
							<th scope="col" class="number">{t.c2.beatsHead}</th>
							<th scope="col">{`${t.column.first} (${zone})`}</th>
							<th scope="col">{`${t.column.last} (${zone})`}</th>
							<th scope="col">{t.c2.state}</th>
						</tr>
					</thead>
					<tbody>
						{raster.clients.map((client) => (
							<tr key={client.client}>
								<th scope="row" class="mono">{client.client}</th>
								<td class="number">{whole(client.beats)}</td>
								<td><time dateTime={client.first}>{moment(client.first)}</time></td>
								<td><time dateTime={client.last}>{moment(client.last)}</time></td>
								<td>{client.known_infected > 0 ? t.c2.knownInfected : '–'}</td>
							</tr>
						))}
					</tbody>
				</table>
			</div>
		</details>
	);
}

export function BeatRaster({ raster }: { raster: Raster }): VNode {
	const { t, whole } = useSpeech();
	const [ref, full] = useWidth<HTMLDivElement>();
	const canvas = useRef<HTMLCanvasElement>(null);
	const counts = useMemo(() => countsOf(raster), [raster]);
	const row = rowHeight(raster.clients.length);
	const width = Math.max(0, full - GUTTER);
	const [cell, setCell] = useState<Cell | null>(null);
	useDrawing(canvas, { counts, raster, width, row });
	const press = (event: KeyboardEvent): void => {
		const next = moved(cell ?? { row: 0, bin: 0 }, event.key, raster);
		if (!next || event.ctrlKey || event.metaKey || event.altKey)
			return;
		event.preventDefault();
		setCell(cell ? next : { row: 0, bin: 0 });
	};
	const point = (event: PointerEvent): void => {
		const box = canvas.current?.getBoundingClientRect();
		if (box)
			setCell(cellAt(event.clientX - box.left, event.clientY - box.top - PROFILE, box.width, row, raster));
	};
	const [left, right] = cell ? [(cell.bin * width) / raster.bins, ((cell.bin + 1) * width) / raster.bins] : [0, 0];
	return (
		<div class="raster">
			{raster.cut && <p class="partial">{t.c2.rasterCut(whole(raster.clients.length))}</p>}
			<div class="raster-frame" ref={ref} role="application" aria-roledescription={t.c2.rasterRole} aria-label={t.c2.rasterSummary(whole(raster.clients.length), whole(raster.step / 60))} aria-describedby="raster-readout" tabIndex={0} onKeyDown={press}>
				<Gutter clients={raster.clients} row={row} />
				<div class="raster-plot" onPointerMove={point} onPointerLeave={() => setCell(null)}>
					<canvas ref={canvas} aria-hidden="true" style={{ width: `${width}px`, height: `${PROFILE + raster.clients.length * row}px` }} />
					{cell && (
						<>
							<span class="cross" style={{ left: `${left}px`, width: `${Math.max(1, right - left)}px`, top: 0, bottom: 0 }} />
							<span class="cross" style={{ left: 0, right: 0, top: `${PROFILE + cell.row * row}px`, height: `${row - 1}px` }} />
						</>
					)}
				</div>
			</div>
			<Axis raster={raster} width={width} />
			<Readout raster={raster} counts={counts} cell={cell} id="raster-readout" />
			<p class="legend">{t.c2.rasterLegend(whole(raster.step / 60))}</p>
			<Rows raster={raster} />
		</div>
	);
}
