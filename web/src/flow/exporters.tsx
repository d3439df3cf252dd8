// SPDX-License-Identifier: Apache-2.0
// Who exports, what of it was lost on the way and where, and what is known of sampling, timers and clocks.
import type { VNode } from 'preact';
import { useSpeech, named, type Speech } from '../text/index';
import type { FlowStatus } from '../rows';
import type { Exporter, Rate } from './types';

const URGENT_LOSS = 0.001; /* of what was sent: above it the figures of an exporter mislead */

/** Of what it sent, as its sequence numbers say. */
export const lostShare = ({ lost }: Exporter): number => (lost.network === 0 ? 0 : lost.network / (lost.network + lost.received));

const rateOf = (speech: Speech, { rate, from, interface: index, selector }: Rate): string =>
	`${speech.t.flow.rate(speech.whole(rate))} ${named(speech.t.flow.rateFrom, from)}${index === undefined ? '' : ` ${index}`}${selector === undefined ? '' : ` ${selector}`}`;

function Sampling({ exporter }: { exporter: Exporter }): VNode {
	const speech = useSpeech();
	const [first, ...more] = exporter.sampling;
	if (!first)
		return <span class="severity">{speech.t.flow.unknownRate}</span>;
	return <span title={exporter.sampling.map((rate) => rateOf(speech, rate)).join('\n')}>{rateOf(speech, first)}{more.length > 0 && ` +${more.length}`}</span>;
}

function Lost({ exporter }: { exporter: Exporter }): VNode {
	const { t, whole, percent } = useSpeech();
	const share = lostShare(exporter);
	if (exporter.lost.network === 0)
		return <>{t.flow.nothingLost}</>;
	return <span class={share > URGENT_LOSS ? 'severity urgent' : undefined}>{`${whole(exporter.lost.network)} ${named(t.flow.units, exporter.lost.unit)} (${percent(share)})`}</span>;
}

function Timers({ exporter }: { exporter: Exporter }): VNode {
	const { t, seconds } = useSpeech();
	const one = (value: number, from: string | null): string => (value === 0 ? '–' : `${seconds(value)}${from === 'learnt' ? t.flow.learnt : ''}`);
	return <>{`${one(exporter.active_timeout, exporter.active_timeout_from)} / ${one(exporter.inactive_timeout, exporter.inactive_timeout_from)}`}</>;
}

const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((all, count) => all + count, 0);

function Dropped({ counts }: { counts: Record<string, number> }): VNode {
	const { t, whole } = useSpeech();
	const all = sum(counts);
	return all === 0 ? <>{'–'}</> : <span title={Object.entries(counts).map(([cause, count]) => `${named(t.flow.causes, cause)}: ${whole(count)}`).join('\n')}>{whole(all)}</span>;
}

/** Against our clock: in ms, or where it is set wrong in seconds and days. */
function Offset({ ms }: { ms: number | null }): VNode {
	const { t, milliseconds, seconds } = useSpeech();
	if (ms === null)
		return <>{'–'}</>;
	if (Math.abs(ms) < 10_000)
		return <>{milliseconds(ms)}</>;
	return <span class="severity">{(ms < 0 ? t.flow.behind : t.flow.ahead)(seconds(Math.abs(ms) / 1000))}</span>;
}

function Row({ exporter }: { exporter: Exporter }): VNode {
	const { t, whole, moment } = useSpeech();
	return (
		<tr>
			<th scope="row"><span class="mono">{exporter.exporter}</span>{' '}<span class="quiet">{t.flow.domain(String(exporter.domain))}</span></th>
			<td>{named(t.flow.exports, exporter.export)}</td>
			<td class="number">{whole(exporter.records)}</td>
			<td><Lost exporter={exporter} /></td>
			<td class="number"><Dropped counts={exporter.dropped} /></td>
			<td><Sampling exporter={exporter} /></td>
			<td><Timers exporter={exporter} /></td>
			<td class="number"><Offset ms={exporter.clock_offset_ms} /></td>
			<td><time dateTime={exporter.last_seen}>{moment(exporter.last_seen, true)}</time></td>
		</tr>
	);
}

const listening = (status: FlowStatus, comma: string): string => status.listener.sockets.map(({ listen }) => listen).join(comma);

export function Exporters({ exporters, status }: { exporters: Exporter[]; status: FlowStatus | null }): VNode {
	const { t, zone } = useSpeech();
	if (exporters.length === 0)
		return <p class="quiet">{t.flow.noExporters(status ? listening(status, t.flow.comma) : '–')}</p>;
	return (
		<div class="scroll bounded" role="group" aria-label={t.flow.exporters} tabIndex={0}>
			<table class="small">
				<caption class="hidden">{t.flow.exporters}</caption>
				<thead>
					<tr>
						<th scope="col">{t.flow.columns.exporter}</th>
						<th scope="col">{t.flow.format}</th>
						<th scope="col" class="number">{t.flow.columns.flows}</th>
						<th scope="col">{t.flow.lost}</th>
						<th scope="col" class="number">{t.flow.dropped}</th>
						<th scope="col">{t.flow.columns.sampling}</th>
						<th scope="col">{t.flow.timers}</th>
						<th scope="col" class="number">{t.flow.clock}</th>
						<th scope="col">{`${t.column.last} (${zone})`}</th>
					</tr>
				</thead>
				<tbody>{exporters.map((exporter) => <Row key={`${exporter.exporter} ${exporter.domain} ${exporter.export} ${exporter.port ?? ''}`} exporter={exporter} />)}</tbody>
			</table>
		</div>
	);
}

/** Where else something was lost, and what is kept. */
export function Keeping({ status }: { status: FlowStatus }): VNode {
	const { t, whole, bytes, moment, zone } = useSpeech();
	const { archive, listener } = status;
	return (
		<dl class="facts">
			<div><dt>{t.flow.listening}</dt><dd class="mono">{listening(status, t.flow.comma)}</dd></div>
			<div><dt>{t.flow.lostKernel}</dt><dd>{whole(listener.kernel_dropped)}</dd></div>
			<div><dt>{t.flow.lostQueue}</dt><dd>{whole(listener.queue_dropped)}</dd></div>
			{archive && (
				<>
					<div><dt>{t.flow.kept}</dt><dd>{t.flow.keptFlows(whole(archive.flows), bytes(archive.bytes), archive.flows === 0 ? '–' : (archive.bytes / archive.flows).toFixed(1))}</dd></div>
					{archive.oldest !== null && <div><dt>{t.flow.oldest}</dt><dd>{`${moment(archive.oldest)} ${zone}`}</dd></div>}
				</>
			)}
		</dl>
	);
}
