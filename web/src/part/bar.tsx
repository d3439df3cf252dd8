// SPDX-License-Identifier: Apache-2.0
// The bar that stays the same on every page: time range, sensor, research scanners, time zone.
import type { VNode } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { refresh, useGrowth } from '../api';
import { useZone, zone as zonePreference } from '../preferences';
import { go, linkHere, usePlace, viewOf, type Research } from '../route';
import type { Status } from '../rows';
import { useSpeech } from '../text/index';
import { fromField, newest, oldest, presetOf, presetRange, toField, written, PRESETS, type Preset } from './range';

/** Links that look like one switch; the chosen one is marked for everybody. */
export function Switch({ label, choices }: { label: string; choices: { name: string; href: string; chosen: boolean }[] }): VNode {
	return (
		<div class="switch" role="group" aria-label={label}>
			{choices.map((choice) => (
				<a key={choice.name} href={choice.href} aria-current={choice.chosen ? 'true' : undefined}>{choice.name}</a>
			))}
		</div>
	);
}

/** Begins with the range that is shown; with none chosen, with what is stored. */
function CustomRange({ chosen, status }: { chosen: boolean; status: Status | null }): VNode {
	const { t } = useSpeech();
	const zone = useZone();
	const view = viewOf(usePlace().query);
	const sensors = status?.sensors ?? [];
	const [first, last] = [oldest(sensors), newest(sensors)];
	const shownFrom = toField(view.from ?? (first === null ? null : written(first)), zone);
	const shownTo = toField(view.to ?? (last === null ? null : written(last)), zone);
	const details = useRef<HTMLDetailsElement>(null);
	const [from, setFrom] = useState<string | null>(null);
	const [to, setTo] = useState<string | null>(null);
	const show = (event: Event): void => {
		event.preventDefault();
		go(linkHere({
			from: fromField(from ?? shownFrom, zone),
			to: fromField(to ?? shownTo, zone),
		}));
		setFrom(null);
		setTo(null);
		if (details.current)
			details.current.open = false;
	};
	return (
		<details class="custom" ref={details}>
			<summary aria-current={chosen ? 'true' : undefined}>{t.bar.custom}</summary>
			<form onSubmit={show}>
				<label>
					<span>{`${t.bar.from} (${zone === 'utc' ? 'UTC' : t.bar.local})`}</span>
					<input type="datetime-local" value={from ?? shownFrom} onInput={(event) => setFrom(event.currentTarget.value)} />
				</label>
				<label>
					<span>{t.bar.to}</span>
					<input type="datetime-local" value={to ?? shownTo} onInput={(event) => setTo(event.currentTarget.value)} />
				</label>
				<button type="submit" class="primary">{t.bar.apply}</button>
			</form>
		</details>
	);
}

function RangeControl({ status }: { status: Status | null }): VNode {
	const { t } = useSpeech();
	const view = viewOf(usePlace().query);
	const last = newest(status?.sensors ?? []);
	const chosen = presetOf(view.from, view.to, last);
	const preset = (key: Preset): { name: string; href: string; chosen: boolean } => ({
		name: t.bar[key],
		href: last === null ? linkHere({}) : linkHere({ ...presetRange(key, last) }),
		chosen: chosen === key,
	});
	return (
		<div class="control">
			<span class="control-name">{t.bar.range}</span>
			<Switch
				label={t.bar.range}
				choices={[
					{ name: t.bar.whole, href: linkHere({ from: null, to: null }), chosen: chosen === 'whole' },
					...(Object.keys(PRESETS) as Preset[]).map(preset),
				]}
			/>
			<CustomRange chosen={chosen === 'custom'} status={status} />
		</div>
	);
}

function ResearchControl(): VNode {
	const { t } = useSpeech();
	const { research } = viewOf(usePlace().query);
	const choices: Research[] = ['with', 'without', 'only'];
	return (
		<div class="control">
			<span class="control-name">{t.bar.research}</span>
			<Switch
				label={t.bar.research}
				choices={choices.map((choice) => ({
					name: t.bar[choice],
					href: linkHere({ research: choice === 'with' ? null : choice }),
					chosen: research === choice,
				}))}
			/>
		</div>
	);
}

function SensorControl({ status }: { status: Status | null }): VNode | null {
	const { t } = useSpeech();
	const { sensor } = viewOf(usePlace().query);
	const names = [...new Set([...(status?.sensors ?? []).map((row) => row.sensor), ...(sensor === null ? [] : [sensor])])];
	return (
		<label class="control">
			<span class="control-name">{t.bar.sensor}</span>
			<select value={sensor ?? ''} onChange={(event) => go(linkHere({ sensor: event.currentTarget.value }))}>
				<option value="">{t.bar.everySensor}</option>
				{names.map((name) => <option key={name} value={name}>{name}</option>)}
			</select>
		</label>
	);
}

function ZoneControl(): VNode {
	const { t } = useSpeech();
	const zone = useZone();
	return (
		<div class="control">
			<span class="control-name">{t.bar.zone}</span>
			<div class="switch" role="group" aria-label={t.bar.zone}>
				{(['utc', 'local'] as const).map((choice) => (
					<button key={choice} type="button" aria-pressed={zone === choice} onClick={() => zonePreference.set(choice)}>
						{choice === 'utc' ? 'UTC' : t.bar.local}
					</button>
				))}
			</div>
		</div>
	);
}

function Freshness({ status }: { status: Status | null }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const grown = useGrowth(status);
	const last = newest(status?.sensors ?? []);
	return (
		<p class="freshness">
			{last !== null && status && (
				<span>{t.bar.newest(`${speech.moment(last)} ${speech.zone}`, speech.ago(Date.parse(status.time) - last))}</span>
			)}
			{status?.world === true && <span class="tag">{t.bar.world}</span>}
			{grown && (
				<span class="grown" role="status">
					{t.bar.grown} <button type="button" onClick={refresh}>{t.bar.showNew}</button>
				</span>
			)}
		</p>
	);
}

/** On a narrow screen the bar is one line that says what is shown, and opens. */
function Fold({ open, onToggle, status }: { open: boolean; onToggle: () => void; status: Status | null }): VNode {
	const { t, zone, span } = useSpeech();
	const view = viewOf(usePlace().query);
	const chosen = presetOf(view.from, view.to, newest(status?.sensors ?? []));
	const range = chosen === 'custom' ? span(view.from ?? '', view.to ?? '') : t.bar[chosen];
	return (
		<button type="button" class="fold" aria-expanded={open} aria-controls="bar-controls" onClick={onToggle}>
			{t.bar.shown(range, t.bar.researchShort[view.research], zone)}
		</button>
	);
}

export function Bar({ status }: { status: Status | null }): VNode {
	const { t } = useSpeech();
	const [open, setOpen] = useState(false);
	return (
		<section class="bar" aria-label={t.bar.label}>
			<Fold open={open} onToggle={() => setOpen(!open)} status={status} />
			<div id="bar-controls" class={open ? 'bar-controls open' : 'bar-controls'}>
				<RangeControl status={status} />
				<ResearchControl />
				<SensorControl status={status} />
			</div>
			<div class="bar-second">
				<Freshness status={status} />
				<ZoneControl />
			</div>
		</section>
	);
}
