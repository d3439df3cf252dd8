// SPDX-License-Identifier: Apache-2.0
// One server: all reasons, the beats of its clients, what else they obey, and what people say of it.
import type { VNode } from 'preact';
import { apiUrl, useUrl } from '../api';
import { PurposeForm, useDay, usePurpose } from '../c2/ask';
import { Feedback } from '../c2/feedback';
import { Graph } from '../c2/graph';
import { Alarm, Confidence, FlowsLink, useBucket, useReason } from '../c2/part';
import { BeatRaster } from '../c2/raster';
import { placeOf } from '../c2/servers';
import { serviceOf, type ServerDetail, type Service } from '../c2/types';
import { Waterfall } from '../c2/waterfall';
import { addressOf } from '../part/address';
import { Command, Empty, Result } from '../part/result';
import { Rich } from '../part/rich';
import { linkHere, linkTo, usePlace } from '../route';
import { useSpeech } from '../text/index';

function Head({ detail }: { detail: ServerDetail }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const bucket = useBucket();
	const { server } = detail;
	const said = t.c2.sentence(bucket(server.clients), speech.span(server.first, server.last), speech.zone);
	return (
		<header class="page-head">
			<p class="marks"><Alarm alarm={server.alarm} feedback={server.feedback} /> <Confidence value={server.confidence} /></p>
			<p class="lead">
				<Rich text={said} /> {server.period > 0 && <Rich text={t.c2.every(speech.period(server.period))} />} {placeOf(speech, server)}
			</p>
			<p class="actions">
				<FlowsLink server={server} />
				<a href={linkTo('/c2')}>{t.c2.backToList}</a>
			</p>
		</header>
	);
}

const APPROVE = 'noroshi flow identify --archive flows --approve FILE --sign PERSON.key';
const ANSWER = 'noroshi flow identify --archive flows --flow-keys flows.keys --answer FILE';

/** Nobody here can name a client; the page says who can, and how. */
function Identify({ identify }: { identify: ServerDetail['identify'] }): VNode {
	const { t } = useSpeech();
	const say = useReason();
	return (
		<details class="how identify">
			<summary>{t.c2.whoIsIt}</summary>
			<p>{say(identify)}</p>
			<ol>
				{[[t.c2.request, identify.command], [t.c2.approve, APPROVE], [t.c2.answer, ANSWER]].map(([what, command]) => (
					<li key={command}>{what}<Command text={command ?? ''} /></li>
				))}
			</ol>
		</details>
	);
}

function Similar({ services }: { services: Service[] }): VNode {
	const { t } = useSpeech();
	if (services.length === 0)
		return <p class="quiet">{t.c2.noSimilar}</p>;
	return (
		<>
			<p>{t.c2.similarHint}</p>
			<ul class="similar">{services.map((service) => <li key={serviceOf(service)}><FlowsLink server={service} brief /></li>)}</ul>
		</>
	);
}

function Days({ days, shown }: { days: ServerDetail['days']; shown: string }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	const bucket = useBucket();
	return (
		<div class="scroll" role="group" aria-label={t.c2.days} tabIndex={0}>
			<table>
				<caption class="hidden">{t.c2.days}</caption>
				<thead>
					<tr>
						<th scope="col">{t.column.day}</th>
						<th scope="col">{t.c2.confidence}</th>
						<th scope="col">{t.c2.state}</th>
						<th scope="col" class="number">{t.c2.clients}</th>
					</tr>
				</thead>
				<tbody>
					{days.map((each) => (
						<tr key={each.day}>
							<th scope="row"><a href={linkHere({ day: each.day.slice(0, 10) })} aria-current={each.day === shown ? 'date' : undefined}>{speech.day(each.day)}</a></th>
							<td><Confidence value={each.confidence} /></td>
							<td><Alarm alarm={each.alarm} /></td>
							<td class="number">{bucket(each.clients)}</td>
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}

function Detail({ detail }: { detail: ServerDetail }): VNode {
	const { t } = useSpeech();
	const { server, raster, graph } = detail;
	return (
		<>
			<Head detail={detail} />
			<section class="card" aria-labelledby="why-head">
				<h2 id="why-head">{t.c2.why}</h2>
				<Waterfall reasons={server.reasons} confidence={server.confidence} sum={server.llr} />
			</section>
			<section class="card" aria-labelledby="raster-head">
				<h2 id="raster-head">{t.c2.raster}</h2>
				{raster.clients.length > 0 ? <BeatRaster raster={raster} /> : <p class="quiet">{t.c2.noBeats}</p>}
				<Identify identify={detail.identify} />
			</section>
			<section class="card" aria-labelledby="graph-head">
				<h2 id="graph-head">{t.c2.graph}</h2>
				{graph.clients.length > 0 ? <Graph server={server} clients={graph.clients} cut={graph.cut} /> : <p class="quiet">{t.c2.noBeats}</p>}
			</section>
			<section class="card" aria-labelledby="feedback-head">
				<h2 id="feedback-head">{t.c2.feedback}</h2>
				<Feedback server={server} opinions={detail.feedback} />
			</section>
			<div class="columns">
				<section class="card" aria-labelledby="days-head">
					<h2 id="days-head">{t.c2.days}</h2>
					<Days days={detail.days} shown={server.day} />
				</section>
				<section class="card" aria-labelledby="similar-head">
					<h2 id="similar-head">{t.c2.similar}</h2>
					<Similar services={server.similar} />
				</section>
			</div>
		</>
	);
}

function Asked({ service, purpose }: { service: Service; purpose: string }): VNode {
	const { t } = useSpeech();
	const day = useDay();
	const { address, port, protocol } = service;
	const loaded = useUrl<ServerDetail>(apiUrl(`flow/servers/${address}/${port}/${protocol}`, { purpose, day }));
	if (loaded.error?.code === 'not-found')
		return <Empty text={t.c2.notRanked(serviceOf(service))} hint={t.c2.notRankedHint}><p class="actions"><FlowsLink server={service} /><a href={linkTo('/c2')}>{t.c2.backToList}</a></p></Empty>;
	return <Result loaded={loaded} lines={24}>{(detail) => <Detail detail={detail} />}</Result>;
}

export function C2ServerPage(): VNode {
	const { t } = useSpeech();
	const { query } = usePlace();
	const purpose = usePurpose();
	const [address, port, protocol] = [addressOf(query.get('address') ?? ''), Number(query.get('port')), query.get('protocol') ?? ''];
	if (address === null || !Number.isInteger(port) || port < 0 || port > 65535 || !/^[a-z0-9-]{1,16}$/.test(protocol))
		return (
			<>
				<h1>{t.c2.server}</h1>
				<Empty text={t.c2.badServer} hint={t.c2.badServerHint} />
			</>
		);
	const service = { address, port, protocol };
	return (
		<div class="flow-page c2-server">
			<h1 class="mono">{serviceOf(service)}</h1>
			{purpose === null ? <PurposeForm /> : <Asked key={serviceOf(service)} service={service} purpose={purpose} />}
		</div>
	);
}
