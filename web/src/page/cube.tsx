// SPDX-License-Identifier: Apache-2.0
// Who sends what where, packet by packet? The Cube, what it points at, and the same packets as rows.
import type { VNode } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Cube } from '../chart/cube';
import { cover, darkAxis, parseAddress, parsePrefix, portPlace, sourceAxis, type Prefix } from '../cube/address';
import { Field, type Rules } from '../cube/field';
import type { Axes } from '../cube/frame';
import { lookOf, LOOKS, passes, sieveOf, TRAFFIC, type Sieve } from '../cube/look';
import { portLabel, protocolName } from '../format';
import { onBurst } from '../live/client';
import { BITS, type Particle } from '../live/events';
import { useCalm, useLive } from '../live/use';
import { portHref } from '../chart/ring';
import { LiveState, NothingLive, PauseButton } from '../part/live';
import { LookMark } from '../part/look';
import { sourceHref } from '../part/search';
import { go, linkHere, usePlace } from '../route';
import { useSpeech } from '../text/index';
import { Page } from './tables';

const ROWS = 14;
const ROWS_EVERY = 500; /* ms */
const SPEEDS = ['0.25', '1', '4'] as const;
const COUNTRY_LIMIT = 60;

/** The axes for the dark prefixes that the sensors name; where they name none, for all that has come so far. */
function axesOf(dark: Prefix[], seen: Prefix[]): Axes {
	const prefixes = dark.length > 0 ? dark : seen;
	const families = { four: prefixes.some((prefix) => !prefix.six), six: prefixes.some((prefix) => prefix.six) };
	return { source: sourceAxis(families.four || families.six ? families : { four: true, six: false }), destination: darkAxis(prefixes) };
}

function rulesOf(axes: Axes, sieve: Sieve): Rules {
	const spread = (share: number): number => share * 2 - 1;
	const place = (text: string, axis: Axes['source']): number => {
		const address = parseAddress(text);
		return spread(address ? axis.place(address) : 0);
	};
	return {
		route(particle, ret) {
			ret.fromX = spread(portPlace(particle.sourcePort));
			ret.fromY = place(particle.source, axes.source);
			ret.toX = spread(portPlace(particle.destinationPort));
			ret.toY = place(particle.destination, axes.destination);
		},
		look: (particle) => LOOKS.indexOf(lookOf(particle)),
		shows: (particle) => passes(sieve, particle),
	};
}

/** Prefixes that hold every destination so far, one of each family. */
function grown(seen: Prefix[], particles: Particle[]): Prefix[] {
	let [four, six] = [seen.find((prefix) => !prefix.six), seen.find((prefix) => prefix.six)];
	for (const { destination } of particles) {
		const address = parseAddress(destination);
		if (address?.six === true)
			six = cover(six ?? address, address);
		else if (address)
			four = cover(four ?? address, address);
	}
	const all = [four, six].filter((prefix) => prefix !== undefined);
	return all.map((prefix) => prefix.text).join() === seen.map((prefix) => prefix.text).join() ? seen : all;
}

/** `rest`: what is meant where nothing is chosen. */
function Choice({ parameter, label, choices, rest }: { parameter: string; label: string; choices: [string, string][]; rest?: string }): VNode {
	const { t } = useSpeech();
	const { query } = usePlace();
	return (
		<label>
			<span>{label}</span>
			<select value={query.get(parameter) ?? ''} onChange={(event) => go(linkHere({ [parameter]: event.currentTarget.value }), true)}>
				<option value="">{rest ?? t.table.all}</option>
				{choices.map(([value, name]) => <option key={value} value={value}>{name}</option>)}
			</select>
		</label>
	);
}

function Filters({ countries }: { countries: string[] }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const { query } = usePlace();
	const chosen = query.get('country');
	const offered = [...new Set([...countries, ...(chosen === null ? [] : [chosen])])].filter((code) => code !== '');
	return (
		<div class="table-tools">
			<Choice parameter="traffic" label={t.column.categories} choices={TRAFFIC.map((each) => [each, t.cube.traffic[each]])} />
			<Choice parameter="protocol" label={t.table.protocol} choices={[6, 17, 1, 58].map((each) => [String(each), protocolName(each).toUpperCase()])} />
			<label>
				<span>{t.column.port}</span>
				<input type="number" min="0" max="65535" inputMode="numeric" value={query.get('port') ?? ''} onInput={(event) => go(linkHere({ port: event.currentTarget.value }), true)} />
			</label>
			<Choice parameter="country" label={t.column.country} choices={offered.map((code): [string, string] => [code, speech.country(code)]).sort((a, b) => a[1].localeCompare(b[1]))} />
			<Choice parameter="speed" label={t.cube.speed} rest={t.cube.speeds['1']} choices={SPEEDS.filter((each) => each !== '1').map((each) => [each, t.cube.speeds[each]])} />
		</div>
	);
}

function Legend(): VNode {
	const { t } = useSpeech();
	return (
		<ul class="cube-legend" aria-label={t.cube.legend}>
			{LOOKS.map((look) => <li key={look}><LookMark look={look} />{t.cube.looks[look]}</li>)}
		</ul>
	);
}

const tools = ({ bits }: Particle): string[] => (['mirai', 'zmap', 'masscan'] as const).filter((tool) => (bits & BITS[tool]) !== 0);

function Picked({ particle, pinned, onRelease }: { particle: Particle | null; pinned: boolean; onRelease: () => void }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	if (!particle)
		return <p class="quiet cube-picked">{t.cube.pickHint}</p>;
	const named = tools(particle).map((tool) => t.toolNames[tool] ?? tool);
	const facts: [string, VNode | string][] = [
		[t.column.address, <a key="a" class="mono" href={sourceHref(particle.source)}>{particle.source}</a>],
		[t.evidence.keys.source_port ?? '', String(particle.sourcePort)],
		[t.evidence.keys.destination ?? '', <span key="d" class="mono">{particle.destination}</span>],
		[t.column.port, particle.protocol === 6 || particle.protocol === 17
			? <a key="p" href={portHref(particle.protocol, particle.destinationPort)}>{portLabel(particle.protocol, particle.destinationPort)}</a>
			: `${protocolName(particle.protocol)} ${particle.destinationPort}`],
		[t.column.country, speech.country(particle.country)],
		[t.column.categories, t.cube.looks[lookOf(particle)]],
		[t.column.tools, named.join(', ')],
		[t.column.time, `${speech.moment(particle.time, true)} ${speech.zone}`],
	];
	return (
		<div class="cube-picked">
			<dl class="facts">
				{facts.filter(([, value]) => value !== '').map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
			</dl>
			{pinned && <p class="actions"><button type="button" onClick={onRelease}>{t.cube.release}</button></p>}
		</div>
	);
}

function Recent({ field, running }: { field: Field; running: boolean }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const [rows, setRows] = useState<Particle[]>([]);
	useEffect(() => {
		const read = (): void => setRows(field.newest(ROWS));
		read();
		if (!running)
			return;
		const timer = setInterval(read, ROWS_EVERY);
		return () => clearInterval(timer);
	}, [field, running]);
	const { shown, held, ref } = useCalm(rows);
	return (
		<div ref={ref} class="scroll" role="group" aria-label={t.cube.recent} tabIndex={0}>
			<table class="top cube-rows">
				<caption>{`${t.cube.recent}${held ? ` · ${t.live.held}` : ''}`}</caption>
				<thead>
					<tr>
						<th scope="col" class="wide">{`${t.column.time} (${speech.zone})`}</th>
						<th scope="col">{t.cube.source}</th>
						<th scope="col">{t.cube.destination}</th>
						<th scope="col">{t.column.categories}</th>
					</tr>
				</thead>
				<tbody>
					{shown.map((particle, index) => (
						<tr key={index}>
							<td class="mono wide">{speech.moment(particle.time, true).slice(11)}</td>
							<th scope="row"><a class="mono" href={sourceHref(particle.source)}>{particle.source}</a></th>
							<td><span class="mono">{particle.destination}</span> <span class="mono">{portLabel(particle.protocol, particle.destinationPort)}</span></td>
							<td class="look-cell"><LookMark look={lookOf(particle)} /><span class="on-wide">{t.cube.looks[lookOf(particle)]}</span></td>
						</tr>
					))}
				</tbody>
			</table>
			{shown.length === 0 && <p class="quiet">{t.cube.waiting}</p>}
		</div>
	);
}

/** Each figure says what it stands for: the server sends at most so many particles a second. */
function Standing({ of, drawn }: { of: number; drawn: number }): VNode {
	const { t, whole } = useSpeech();
	return <p class="quiet" role="note">{drawn >= of ? t.cube.every : t.cube.sampled(whole(drawn), whole(of))}</p>;
}

function LiveCube(): VNode {
	const { t } = useSpeech();
	const { hello, state, pulses } = useLive();
	const { query } = usePlace();
	const sieve = sieveOf(query);
	const dark = useMemo(() => (hello?.sensors ?? []).flatMap((sensor) => sensor.dark.flatMap((text) => parsePrefix(text) ?? [])), [hello]);
	const [seen, setSeen] = useState<Prefix[]>([]);
	const axes = useMemo(() => axesOf(dark, seen), [dark, seen]);
	const rules = useMemo(() => rulesOf(axes, sieve), [axes, JSON.stringify(sieve)]);
	const field = useMemo(() => new Field(rules), []);
	const [pick, setPick] = useState<{ particle: Particle | null; pinned: boolean }>({ particle: null, pinned: false });
	const [share, setShare] = useState({ of: 0, drawn: 0 });
	useEffect(() => field.rule(rules), [rules]);
	useEffect(() => onBurst((burst) => {
		setShare({ of: burst.of, drawn: burst.particles.length });
		if (dark.length === 0)
			setSeen((before) => grown(before, burst.particles));
	}), [dark]);
	const countries = [...new Set([...pulses.values()].flat().flatMap((pulse) => pulse.countries.map((each) => each.country)))].slice(0, COUNTRY_LIMIT);
	const speed = Number(SPEEDS.find((each) => each === query.get('speed')) ?? '1');
	const running = state !== 'paused';
	return (
		<>
			<div class="live-line">
				<LiveState />
				<PauseButton />
				<Standing {...share} />
			</div>
			<Filters countries={countries} />
			<div class="cube-columns">
				<section class="card cube-card" aria-label={t.navigation.cube}>
					<Cube field={field} axes={axes} rules={rules} running={running} speed={speed} pinned={pick.pinned} onPick={(particle, pinned) => setPick({ particle, pinned })} />
				</section>
				<section class="card cube-side" aria-label={t.cube.packet}>
					<Legend />
					<Picked {...pick} onRelease={() => setPick({ particle: null, pinned: false })} />
					<details class="how">
						<summary>{t.cube.reading}</summary>
						<ul>{t.cube.readings.map((each) => <li key={each}>{each}</li>)}</ul>
					</details>
				</section>
			</div>
			<Recent field={field} running={running} />
		</>
	);
}

export function CubePage(): VNode {
	const { t } = useSpeech();
	const off = useLive().state === 'off';
	return (
		<Page title={t.page.cube} lead={t.page.cubeLead}>
			{off ? <NothingLive text={t.cube.nothing} /> : <LiveCube />}
		</Page>
	);
}
