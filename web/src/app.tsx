// SPDX-License-Identifier: Apache-2.0
// The frame around every page: navigation, the bar, the overlays, and which page a path is.
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useStatus } from './api';
import { protocolNumber } from './format';
import { useFollow } from './live/use';
import { AtlasPage, CountryPage } from './page/atlas';
import { C2Page } from './page/c2';
import { C2ServerPage } from './page/c2_server';
import { CubePage } from './page/cube';
import { FindingsPage } from './page/findings';
import { FlowsPage } from './page/flows';
import { Ipv6Page } from './page/ipv6';
import { OverviewPage } from './page/overview';
import { PortPage } from './page/port';
import { SourcePage } from './page/source';
import { CampaignsPage, Page, PortsPage, ScannersPage, SourcesPage, ToolsPage, VictimsPage } from './page/tables';
import { TelescopePage } from './page/telescope';
import { TrustPage } from './page/trust';
import { WarningsPage } from './page/warnings';
import { Alarms } from './part/alarm';
import { Bar } from './part/bar';
import { Help } from './part/help';
import { useKeys, type Overlay } from './part/keys';
import { Command } from './part/result';
import { Search } from './part/search';
import { theme, useLanguage, useTheme, type Theme } from './preferences';
import { linkTo, usePlace } from './route';
import { speak, useSpeech, type Text } from './text/index';

interface Route {
	path: RegExp;
	title: (t: Text, match: RegExpExecArray) => string;
	page: (match: RegExpExecArray) => VNode;
}

const ROUTES: Route[] = [
	{ path: /^\/$/, title: (t) => t.overview.title, page: () => <OverviewPage /> },
	{ path: /^\/telescope$/, title: (t) => t.navigation.telescopeHome, page: () => <TelescopePage /> },
	{ path: /^\/telescope\/ports$/, title: (t) => t.navigation.ports, page: () => <PortsPage /> },
	{
		path: /^\/telescope\/ports\/(tcp|udp)\/(\d{1,5})$/,
		title: (t, match) => t.portPage.title(`${match[2] ?? ''}/${match[1] ?? ''}`),
		page: (match) => <PortPage key={match[0]} protocol={protocolNumber(match[1] ?? '') ?? 6} port={Number(match[2])} />,
	},
	{ path: /^\/telescope\/sources$/, title: (t) => t.navigation.sources, page: () => <SourcesPage /> },
	{ path: /^\/telescope\/source$/, title: (t) => t.navigation.sources, page: () => <SourcePage /> },
	{ path: /^\/telescope\/scanners$/, title: (t) => t.navigation.scanners, page: () => <ScannersPage /> },
	{ path: /^\/telescope\/tools$/, title: (t) => t.navigation.tools, page: () => <ToolsPage /> },
	{ path: /^\/telescope\/victims$/, title: (t) => t.navigation.victims, page: () => <VictimsPage /> },
	{ path: /^\/telescope\/campaigns$/, title: (t) => t.navigation.campaigns, page: () => <CampaignsPage /> },
	{ path: /^\/telescope\/atlas$/, title: (t) => t.navigation.atlas, page: () => <AtlasPage /> },
	{ path: /^\/telescope\/atlas\/([A-Z]{2})$/, title: (t) => t.navigation.atlas, page: (match) => <CountryPage key={match[0]} code={match[1] ?? ''} /> },
	{ path: /^\/telescope\/cube$/, title: (t) => t.navigation.cube, page: () => <CubePage /> },
	{ path: /^\/telescope\/warnings$/, title: (t) => t.navigation.warnings, page: () => <WarningsPage /> },
	{ path: /^\/telescope\/ipv6$/, title: (t) => t.navigation.ipv6, page: () => <Ipv6Page /> },
	{ path: /^\/flows$/, title: (t) => t.navigation.flows, page: () => <FlowsPage /> },
	{ path: /^\/c2$/, title: (t) => t.navigation.c2, page: () => <C2Page /> },
	{ path: /^\/c2\/server$/, title: (t) => t.navigation.c2, page: () => <C2ServerPage /> },
	{ path: /^\/trust$/, title: (t) => t.navigation.trust, page: () => <TrustPage /> },
	{ path: /^\/findings$/, title: (t) => t.navigation.findings, page: () => <FindingsPage /> },
];

function NotFound(): VNode {
	const { t } = useSpeech();
	return <Page title={t.page.notFound} lead={t.page.notFoundHint}><p class="actions"><a href="/">{t.navigation.overview}</a></p></Page>;
}

function StoreEmpty({ store }: { store: string }): VNode {
	const { t } = useSpeech();
	return (
		<Page title={t.states.storeEmpty} lead={t.states.storeEmptyHint}>
			<Command text={`noroshi telescope read capture.pcap --store ${store}`} />
			<Command text={`noroshi world darknet --seed 1 --packets 1000000 --out world.pcap && noroshi telescope read world.pcap --store ${store}`} />
		</Page>
	);
}

function Brand(): VNode {
	const { t } = useSpeech();
	return (
		<a class="brand" href={linkTo('/')}>
			<svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
				<path d="M5 28h22M9 28l2.500-9h9l2.500 9" />
				<path d="M16 16c-5-4 4-6 0-11m6 8c-3-3 2.500-4 0-8" />
			</svg>
			{t.brand.name}
		</a>
	);
}

function Header({ path, setOverlay }: { path: string; setOverlay: (overlay: Overlay) => void }): VNode {
	const { t } = useSpeech();
	const here = useLanguage();
	const colours = useTheme();
	const next: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' };
	const links: [string, string, boolean][] = [
		['/', t.navigation.overview, path === '/'],
		['/telescope', t.navigation.telescopeHome, path.startsWith('/telescope')],
		['/flows', t.navigation.flows, path === '/flows'],
		['/c2', t.navigation.c2, path.startsWith('/c2')],
		['/findings', t.navigation.findings, path === '/findings'],
		['/trust', t.navigation.trust, path === '/trust'],
	];
	return (
		<header class="top-bar">
			<Brand />
			<nav aria-label={t.navigation.main}>
				{links.map(([target, name, current]) => <a key={target} href={linkTo(target)} aria-current={current ? 'page' : undefined}>{name}</a>)}
			</nav>
			<div class="top-tools">
				<button type="button" class="search-button" onClick={() => setOverlay('search')}>{t.tools.search}<kbd aria-hidden="true">{'/'}</kbd></button>
				<button type="button" title={t.language.otherHint} lang={here === 'ja' ? 'en' : 'ja'} onClick={() => void speak(here === 'ja' ? 'en' : 'ja')}>{t.language.other}</button>
				<button type="button" onClick={() => theme.set(next[colours])}><span class="on-wide">{`${t.tools.theme}: `}</span>{t.tools[colours]}</button>
				<button type="button" aria-label={t.tools.help} onClick={() => setOverlay('help')}>{'?'}</button>
			</div>
		</header>
	);
}

function TelescopeNavigation({ path }: { path: string }): VNode {
	const { t } = useSpeech();
	const links: [string, string][] = [
		['/telescope', t.navigation.picture],
		['/telescope/ports', t.navigation.ports],
		['/telescope/sources', t.navigation.sources],
		['/telescope/scanners', t.navigation.scanners],
		['/telescope/tools', t.navigation.tools],
		['/telescope/victims', t.navigation.victims],
		['/telescope/campaigns', t.navigation.campaigns],
		['/telescope/atlas', t.navigation.atlas],
		['/telescope/cube', t.navigation.cube],
		['/telescope/warnings', t.navigation.warnings],
		['/telescope/ipv6', t.navigation.ipv6],
	];
	const current = (target: string): boolean => (target === '/telescope' ? path === target : path === target || path.startsWith(`${target}/`) || path === target.slice(0, -1));
	const nav = useRef<HTMLElement>(null);
	useEffect(() => nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' }), [path]);
	return (
		<nav class="tabs" ref={nav} aria-label={t.navigation.telescope}>
			{links.map(([target, name]) => <a key={target} href={linkTo(target)} aria-current={current(target) ? 'page' : undefined}>{name}</a>)}
		</nav>
	);
}

export function App(): VNode {
	const { t } = useSpeech();
	const { path } = usePlace();
	const status = useStatus().data;
	const [overlay, setOverlay] = useState<Overlay>(null);
	const main = useRef<HTMLElement>(null);
	const before = useRef(path);
	useKeys(setOverlay);
	useFollow();
	const matched = ROUTES.map((route) => ({ route, match: route.path.exec(path) })).find(({ match }) => match !== null);
	const title = matched?.match ? matched.route.title(t, matched.match) : t.page.notFound;
	useEffect(() => {
		document.title = `${title} · ${t.brand.name}`;
		// A reader of the screen starts at the new page, not at the link that led here.
		if (before.current !== path)
			main.current?.focus({ preventScroll: true });
		before.current = path;
	}, [title, path]);
	// What is proved, and what routers tell, does not hang on what a telescope observed.
	const ofFlows = path === '/flows' || path.startsWith('/c2') || (status?.flow && (path === '/' || path === '/findings'));
	const empty = path !== '/trust' && !ofFlows && status !== null && status.sensors.length === 0 && (status.live ?? []).length === 0;
	return (
		<>
			<a class="skip" href="#main">{t.brand.skip}</a>
			<Header path={path} setOverlay={setOverlay} />
			{!empty && <Bar status={status} />}
			{!empty && path.startsWith('/telescope') && <TelescopeNavigation path={path} />}
			<main id="main" tabIndex={-1} ref={main}>
				{empty ? <StoreEmpty store={status.store} /> : matched?.match ? matched.route.page(matched.match) : <NotFound />}
			</main>
			<Alarms />
			{overlay === 'search' && <Search onClose={() => setOverlay(null)} />}
			{overlay === 'help' && <Help onClose={() => setOverlay(null)} />}
		</>
	);
}
