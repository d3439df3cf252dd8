// SPDX-License-Identifier: Apache-2.0
// What serve answers of C&C servers, made up: a day of a botnet with 64 clients of one rhythm, and what a test changes in it.

const DAY = '2026-11-24T00:00:00Z';
const at = (minutes) => new Date(Date.parse(DAY) + minutes * 60_000).toISOString().replace('Z', '000Z');
const pseudonym = (index) => `100::${(0x5f2e + index).toString(16)}:81c3:aa00:${(0x17d2 + 7 * index).toString(16)}`;
const reason = (code, text_en, text_ja, value, weight) => ({ code, text_en, text_ja, value, weight });

const REASONS = [
	reason('comb', '34 clients come back every 60.1 s (z 41.2)', '34台のクライアントが60.1秒ごとに接続（z 41.2）', 60.1, 6.2),
	reason('infected', '3 of its clients are known to be infected', 'クライアントのうち3台が感染端末として知られている', 3, 3.4),
	reason('sizes', '97 % of its connections are of the same size', '接続の97%が同じ大きさ', 0.97, 2.1),
	reason('popular', 'It is met by more clients than most C&C servers', '多くのC&Cサーバより広く使われている', 34, -0.9),
];

export const server = (rank, more = {}) => ({
	sensor: 'flow', day: DAY, rank, address: '203.0.113.9', port: 8443, protocol: 'tcp', confidence: 0.9939, llr: 11.02, alarm: 1, clients: 34, first: at(3), last: at(598), looked: at(600),
	as: 64501, country: 'NL', period: 60.1, feedback: '', reasons: REASONS, similar: [{ address: '198.51.100.20', port: 443, protocol: 'tcp' }], ...more,
});

export const SERVERS = [
	server(1),
	server(2, { address: '2001:db8:77::9', port: 443, confidence: 0.971, llr: 8.3, clients: 7, country: '', as: 0, period: 0, feedback: 'confirmed' }),
	server(3, { address: '198.51.100.77', port: 6667, confidence: 0.62, llr: 3.1, alarm: 0, clients: 120, reasons: REASONS.slice(2) }),
];

export const HOSTS = [
	{ sensor: 'flow', day: DAY, kind: 'infected-host', address: pseudonym(0), port: 8443, protocol: 'tcp', confidence: 0.97, alarm: 1, first: at(3), last: at(590), looked: at(600),
		reasons: [reason('confirmed-server', 'It connects to 203.0.113.9 port 8443/tcp, which is confirmed as a C&C server', '203.0.113.9のポート8443/tcp（C&Cサーバと確認済み）に接続', 12, 4.6)] },
	{ sensor: 'flow', day: DAY, kind: 'scanner', address: pseudonym(40), port: 23, protocol: 'tcp', confidence: 0.88, alarm: 0, first: at(30), last: at(90), looked: at(600),
		reasons: [reason('fan-out', 'It tried 1,204 hosts at port 23/tcp', 'ポート23/tcpで1,204台を試行', 1204, 2.2)] },
];

/** One hex digit for each 5 minutes: clients that joined one after the other and beat alike, with a pause in the night. */
function bins(index) {
	let digits = '';
	for (let bin = 0; bin < 288; bin++)
		digits += bin < index || (bin > 140 && bin < 156) ? '0' : ((bin * 7 + index * 3) % 5 === 0 ? 'f' : String((bin + index) % 3 === 0 ? 5 : (index % 4)));
	return digits;
}

const other = (octet, more = {}) => ({ address: `203.0.113.${octet}`, port: 443, protocol: 'tcp', confidence: 0.41, alarm: 0, beats: 9, ...more });

export function detail(clients = 64) {
	const list = Array.from({ length: clients }, (_, index) => ({ client: pseudonym(index), first: at(index * 5), last: at(598), beats: 118 - index, known_infected: index % 23 === 2 ? 1 : 0 }));
	const meets = (index) => [...(index % 3 === 0 ? [other(77)] : []), ...(index % 7 === 0 ? [other(78, { alarm: 1, confidence: 0.93 })] : []), ...(index % 11 === 0 ? [{ ...other(79), address: '2001:db8:1234:5678:9abc:def0:1234:5678' }] : [])];
	return {
		server: SERVERS[0],
		days: [{ day: DAY, confidence: 0.9939, alarm: 1, clients: 34 }, { day: '2026-11-23T00:00:00Z', confidence: 0.87, alarm: 0, clients: 21 }],
		raster: { from: DAY, step: 300, bins: 288, cut: clients >= 64, clients: list.slice(0, 64).map((client, index) => ({ ...client, bins: bins(index) })) },
		graph: { cut: false, clients: list.map((client, index) => ({ ...client, servers: meets(index) })) },
		feedback: [],
		identify: {
			command: 'noroshi flow identify --archive flows --request FILE --at 2026-11-24 --reason TEXT PSEUDONYM',
			text_en: 'A client is named only where two persons sign the same request; see noroshi flow identify', text_ja: '契約者の特定には、同じ請求書への2人の署名が必要（noroshi flow identify）',
		},
	};
}

export const DETECT = {
	flows: 1_234_567, ignored: 12, servers: 900, pairs: 4000, hosts: 3000, servers_let_go: 0, pairs_let_go: 41, hosts_let_go: 0, pairs_not_admitted: 100, candidates: 900, beats: 120_000, beats_let_go: 0, memory: 1_073_741_824, caught_up: true,
	queue: { flows: 0, room: 524_288, dropped: 0 },
	look: { running: false, last: at(600), next: at(660), duration: 3.21, failed: null },
	alarms: { per_day: 20, today: 3 },
	known: { infected: 4, c2: 10, confirmed: 1, benign: 2 },
	marks: { servers: 11, clients: 3, let_go: 0 },
};

const FLOW = {
	listener: { sockets: [{ listen: 'udp:0.0.0.0:2055' }], kernel_dropped: 0, queue_dropped: 0, restarts: 0 },
	archive: { state: 'running', refused: 0, flows: 1, bytes: 14, segments: 1, oldest: null, newest: null },
};

/** As the store keeps an alarm: its subject is the address, all else is evidence. */
export const FINDING = {
	sensor: 'flow', sense: 'flow', kind: 'c2-server', subject: '203.0.113.9', first: at(3), last: at(598), count: 34, confidence: 0.9939, severity: 3,
	reason_en: REASONS[0].text_en, reason_ja: REASONS[0].text_ja,
	evidence: { kind: 'c2-server', subject: '203.0.113.9', port: 8443, protocol: 'tcp', confidence: 0.9939, clients: 34, first_seen: at(3), last_seen: at(598), reasons: REASONS, similar: [], alarm: true, follows: false },
};

/** Answers for the server: `changes` holds answers by name (servers, hosts, findings, detail, detect, feedback), each a value or a function of the request; what is asked goes to `page.asked`. */
export const answers = (changes = {}) => async (page) => {
	page.asked = [];
	const given = { servers: SERVERS, hosts: HOSTS, detail: detail(), detect: DETECT, ...changes };
	const json = (route, status, body) => route.fulfill({ status, contentType: 'application/json', body: JSON.stringify(body) });
	const rows = (list) => (Array.isArray(list) ? { from: null, to: null, rows: list, next: null } : list);
	const answer = (name) => async (route) => {
		page.asked.push(route.request());
		const value = typeof given[name] === 'function' ? given[name](route.request()) : given[name];
		if (value?.error)
			return json(route, value.status ?? 404, { error: value.error });
		return json(route, 200, ['servers', 'hosts', 'findings'].includes(name) ? rows(value) : value);
	};
	await page.route('**/api/v1/flow/servers?*', answer('servers'));
	await page.route('**/api/v1/flow/servers/**', answer('detail'));
	await page.route('**/api/v1/flow/hosts?*', answer('hosts'));
	await page.route('**/api/v1/flow/feedback', answer('feedback'));
	if (given.findings)
		await page.route('**/api/v1/findings*', answer('findings'));
	await page.route('**/api/v1/status', async (route) => {
		const body = await (await route.fetch()).json();
		await json(route, 200, { ...body, flow: given.detect === null ? null : { ...(body.flow ?? FLOW), detect: given.detect } });
	});
};
