// SPDX-License-Identifier: Apache-2.0
// One port: how much, since when, from whom.
import type { VNode } from 'preact';
import { useAnswer } from '../api';
import { serviceName } from '../data/ports';
import { portLabel, protocolName } from '../format';
import { ClassMark } from '../part/class';
import { HowKnown } from '../part/figure';
import { Empty, Result } from '../part/result';
import { Rich } from '../part/rich';
import { useSpeech } from '../text/index';
import { SeriesCard } from './series';
import { Page, SourceTable } from './tables';
import { useWarnings, WarningList } from './warnings';

export function PortPage({ protocol, port }: { protocol: number; port: number }): VNode {
	const { t, whole, percent, about } = useSpeech();
	// Every answer about a port is a row of telescope/ports; the first page of its protocol nearly always holds it.
	const loaded = useAnswer('telescope/ports', { protocol, limit: 1000 });
	const { warnings, marks } = useWarnings(`${protocolName(protocol)}/${port}`);
	const label = `${portLabel(protocol, port)} ${serviceName(protocolName(protocol), port)}`.trim();
	return (
		<Page title={t.portPage.title(label)}>
			<Result loaded={loaded} lines={2}>
				{(answer) => {
					const row = answer.rows.find((each) => each.port === port);
					if (!row)
						return answer.next === null ? <Empty text={t.portPage.nothing} /> : <p class="lead">{t.portPage.few}</p>;
					return (
						<>
							<p class="lead">
								<Rich text={t.portPage.sentence(whole(row.packets), about(row.sources, row.sources_error, true), percent(row.share))} /> <ClassMark name={row.class} />
							</p>
							<HowKnown value={row.sources} error={row.sources_error} />
						</>
					);
				}}
			</Result>
			<SeriesCard ports={loaded.data?.rows ?? []} fixed={{ protocol, port }} marks={marks} />
			{warnings.length > 0 && (
				<section aria-labelledby="warnings-head">
					<h2 id="warnings-head">{t.navigation.warnings}</h2>
					<WarningList warnings={warnings} />
				</section>
			)}
			<section aria-labelledby="sources-head">
				<h2 id="sources-head">{t.portPage.sources}</h2>
				<SourceTable caption={t.portPage.sources} packets={t.portPage.packetsHere} parameters={{ protocol, port }} />
			</section>
		</Page>
	);
}
