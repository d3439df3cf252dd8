// SPDX-License-Identifier: Apache-2.0
// What do the routers see? Traffic over time, how well its exporters are heard, and a question to the archive.
import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { again, STATUS, useAnswer, useStatus, useUrl } from '../api';
import { AskCard } from '../flow/ask';
import { Exporters, Keeping, lostShare } from '../flow/exporters';
import { TrafficCard } from '../flow/traffic';
import type { Collector, Exporter } from '../flow/types';
import { Command, Result } from '../part/result';
import { Phrases } from '../part/rich';
import { jsonObject, type FlowStatus } from '../rows';
import { useSpeech } from '../text/index';

const COLLECTOR = '/api/v1/flow/collector';
const ASK_EVERY = 5_000; /* ms */
const STORED = 1000; /* exporters: the largest page */

/** "7 exporters have sent **1.2 M** flows; **0.2 %** of what one of them sent was lost on the way." */
function Situation({ exporters }: { exporters: Exporter[] }): VNode {
	const { t, compact, percent, whole } = useSpeech();
	const worst = exporters.reduce((most, exporter) => (lostShare(exporter) > (most ? lostShare(most) : 0) ? exporter : most), exporters[0]);
	const parts = [t.flow.heard(whole(new Set(exporters.map(({ exporter }) => exporter)).size), compact(exporters.reduce((sum, { records }) => sum + records, 0)))];
	if (worst)
		parts.push(lostShare(worst) > 0 ? t.flow.worst(percent(lostShare(worst)), worst.exporter) : t.flow.allHeard);
	return <Phrases parts={parts} />;
}

function Paused({ refused }: { refused: number }): VNode {
	const { t, whole } = useSpeech();
	return (
		<div class="notice notice-error" role="alert">
			<p class="notice-head">{t.flow.paused}</p>
			<p>{t.flow.pausedHint(whole(refused))}</p>
		</div>
	);
}

function HowTo(): VNode {
	const { t } = useSpeech();
	return (
		<section class="card" aria-labelledby="how-head">
			<h2 id="how-head">{t.flow.howToHead}</h2>
			<p>{t.flow.howToText}</p>
			<Command text="noroshi serve --store noroshi.db --flow-listen udp:0.0.0.0:2055 --flow-archive flows --flow-own 198.51.100.0/24" />
			<Command text="noroshi world flows --seed 1 --out world-flows.pcap && noroshi flow read world-flows.pcap --json" />
		</section>
	);
}

/** `status` null: nothing is received now, what is stored is shown. */
function Flows({ exporters, status }: { exporters: Exporter[]; status: FlowStatus | null }): VNode {
	const { t } = useSpeech();
	return (
		<>
			<header class="page-head"><Situation exporters={exporters} /></header>
			{status?.archive?.state === 'paused' && <Paused refused={status.archive.refused} />}
			<TrafficCard />
			<section class="card" aria-labelledby="exporters-head">
				<h2 id="exporters-head">{t.flow.exporters}</h2>
				<Exporters exporters={exporters} status={status} />
				{status && <Keeping status={status} />}
			</section>
			<AskCard />
		</>
	);
}

/** Of this minute; who has not sent since the start is known from the store. */
function Listening({ stored, status }: { stored: Exporter[]; status: FlowStatus }): VNode {
	const loaded = useUrl<Collector>(COLLECTOR);
	useEffect(() => {
		const timer = setInterval(() => {
			if (document.hidden)
				return;
			again(COLLECTOR);
			again(STATUS);
		}, ASK_EVERY);
		return () => clearInterval(timer);
	}, []);
	return <Result loaded={loaded} lines={24}>{({ exporters }) => <Flows exporters={exporters.length > 0 ? exporters : stored} status={status} />}</Result>;
}

function Page({ flow }: { flow: FlowStatus | null }): VNode {
	const { t } = useSpeech();
	const loaded = useAnswer('flow/exporters', { limit: STORED });
	return (
		<Result loaded={loaded} lines={24}>
			{({ rows }) => {
				const stored = rows.map((row) => jsonObject(row.detail) as unknown as Exporter);
				if (flow)
					return <Listening stored={stored} status={flow} />;
				return stored.length > 0 ? <Flows exporters={stored} status={null} /> : (
					<>
						<h1>{t.flow.howTo}</h1>
						<HowTo />
					</>
				);
			}}
		</Result>
	);
}

export function FlowsPage(): VNode {
	const loaded = useStatus();
	return (
		<div class="flow-page">
			<Result loaded={loaded} lines={24}>{({ flow }) => <Page flow={flow ?? null} />}</Result>
		</div>
	);
}
