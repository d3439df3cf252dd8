// SPDX-License-Identifier: Apache-2.0
// One port: how much, since when, from whom.
import type { VNode } from 'preact';
import { useAnswer } from '../api';
import { serviceName } from '../data/ports';
import { portLabel, protocolName } from '../format';
import { ClassMark } from '../part/class';
import { Certainty } from '../part/figure';
import { Empty, Result } from '../part/result';
import { Rich } from '../part/rich';
import { useSpeech } from '../text/index';
import { Page, SourceTable } from './tables';
import { SeriesCard } from './series';

export function PortPage({ protocol, port }: { protocol: number; port: number }): VNode {
	const { t, whole, percent } = useSpeech();
	// Every answer about a port is a row of telescope/ports; the first page of its protocol nearly always holds it.
	const loaded = useAnswer('telescope/ports', { protocol, limit: 1000 });
	const label = `${portLabel(protocol, port)} ${serviceName(protocolName(protocol), port)}`.trim();
	return (
		<Page title={t.portPage.title(label)}>
			<Result loaded={loaded} lines={2}>
				{(answer) => {
					const row = answer.rows.find((each) => each.port === port);
					if (!row)
						return answer.next === null ? <Empty text={t.portPage.nothing} /> : <p class="lead">{t.portPage.few}</p>;
					return (
						<p class="lead">
							<Rich text={t.portPage.sentence(whole(row.packets), whole(row.sources), percent(row.share))} />{' '}
							<Certainty error={row.sources_error} /> <ClassMark name={row.class} />
						</p>
					);
				}}
			</Result>
			<SeriesCard ports={loaded.data?.rows ?? []} fixed={{ protocol, port }} />
			<section aria-labelledby="sources-head">
				<h2 id="sources-head">{t.portPage.sources}</h2>
				<SourceTable caption={t.portPage.sources} packets={t.portPage.packetsHere} parameters={{ protocol, port }} />
			</section>
		</Page>
	);
}
