// SPDX-License-Identifier: Apache-2.0
// From where? The map with its list, and one country.
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { useAnswer } from '../api';
import { Atlas, countryHref } from '../chart/atlas';
import { Sources } from '../part/figure';
import { useLive } from '../live/use';
import { Switch } from '../part/bar';
import { NothingLive } from '../part/live';
import { Command, Empty, Result } from '../part/result';
import { linkHere, linkTo, usePlace } from '../route';
import type { Country } from '../rows';
import { useSpeech } from '../text/index';
import { LiveAtlas } from './atlas_live';
import { NetworkTable, Page, SourceTable } from './tables';

const COUNTRIES = 300; /* more than there are */

export const useCountries = (): ReturnType<typeof useAnswer<'telescope/countries'>> => useAnswer('telescope/countries', { limit: COUNTRIES });

interface TableProps {
	rows: Country[];
	lit: string | null;
	onLight: (country: string | null) => void;
}

function CountryTable({ rows, lit, onLight }: TableProps): VNode {
	const speech = useSpeech();
	const { t } = speech;
	return (
		<table class="top">
			<caption>{t.atlas.list}</caption>
			<thead>
				<tr>
					<th scope="col">{t.column.country}</th>
					<th scope="col" class="number">{t.column.packets}</th>
					<th scope="col" class="number">{t.column.sources}</th>
				</tr>
			</thead>
			<tbody>
				{rows.map((row) => (
					<tr
						key={row.country}
						class={lit !== null && lit === row.country ? 'lit' : undefined}
						onPointerEnter={() => onLight(row.country)}
						onPointerLeave={() => onLight(null)}
					>
						<th scope="row">{row.country === '' ? t.atlas.unknown : <a href={countryHref(row.country)}>{speech.country(row.country)}</a>}</th>
						<td class="number">{speech.whole(row.packets)}</td>
						<td class="number"><Sources value={row.sources} error={row.sources_error} /></td>
					</tr>
				))}
			</tbody>
		</table>
	);
}

/** `listed`: how many countries stand beside the map; all where it is left out. */
export function AtlasCard({ rows, listed }: { rows: Country[]; listed?: number }): VNode {
	const { t, whole, country } = useSpeech();
	const [lit, setLit] = useState<string | null>(null);
	if (!rows.some((row) => row.country !== ''))
		return (
			<Empty text={t.atlas.noCountries} hint={t.atlas.noCountriesHint}>
				<Command text="noroshi telescope read capture.pcap --mmdb country.mmdb --store noroshi.db" />
			</Empty>
		);
	return (
		<div class="with-list map">
			<Atlas
				places={rows.map((row) => ({ country: row.country, weight: row.sources }))}
				lit={lit}
				onLight={setLit}
				summary={(count, top) => t.atlas.summary(whole(count), top.map((place) => `${country(place.country)} ${whole(place.weight)}`).join(', '))}
				note={t.atlas.note}
			/>
			<div>
				<CountryTable rows={rows.slice(0, listed ?? rows.length)} lit={lit} onLight={setLit} />
				{listed !== undefined && rows.length > listed && <p class="more"><a href={linkTo('/telescope/atlas')}>{t.atlas.all}</a></p>}
			</div>
		</div>
	);
}

function StoredAtlas(): VNode {
	const { t } = useSpeech();
	const countries = useCountries();
	return (
		<section class="card" aria-label={t.atlas.title}>
			<Result loaded={countries} lines={20}>{(answer) => <AtlasCard rows={answer.rows} />}</Result>
		</section>
	);
}

/** What is stored, or what comes just now: a link says which. */
export function AtlasPage(): VNode {
	const { t } = useSpeech();
	const off = useLive().state === 'off';
	const now = usePlace().query.get('show') === 'live';
	return (
		<Page title={t.page.atlas}>
			{(!off || now) && (
				<Switch
					label={t.atlas.show}
					choices={[
						{ name: t.atlas.stored, href: linkHere({ show: null }), chosen: !now },
						{ name: t.live.title, href: linkHere({ show: 'live' }), chosen: now },
					]}
				/>
			)}
			{!now ? <StoredAtlas /> : off ? <NothingLive text={t.cube.nothing} /> : <LiveAtlas />}
		</Page>
	);
}

export function CountryPage({ code }: { code: string }): VNode {
	const { t, country } = useSpeech();
	return (
		<Page title={t.countryPage.title(country(code))}>
			<section aria-labelledby="networks-head">
				<h2 id="networks-head">{t.countryPage.networks}</h2>
				<NetworkTable country={code} />
			</section>
			<section aria-labelledby="sources-head">
				<h2 id="sources-head">{t.countryPage.sources}</h2>
				<SourceTable caption={t.countryPage.sources} packets={t.column.packets} parameters={{ country: code }} />
			</section>
		</Page>
	);
}
