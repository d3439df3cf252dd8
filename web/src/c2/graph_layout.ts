// SPDX-License-Identifier: Apache-2.0
// The server and its clients as a bipartite picture: servers left, clients right, one dot each; clients that meet the same servers stand
// in one box with one line to each of these servers, so that lines are as many as there are kinds of clients, not clients.
import { serviceOf, type Meeting, type OtherServer, type Service } from './types';

export const NODES = 200; /* servers and clients that are drawn */
const SERVERS = 12;
const GROUPS = 12; /* kinds of clients: more of them are told apart by nobody */
const PITCH = 12; /* px from dot to dot */
const PAD = 8;
const LABEL = 18;
const GAP = 10;
const SERVER_ROW = 40;

export interface ServerNode {
	name: string;
	server: Service & { confidence: number; alarm: number };
	/** Clients of this server that it has, too. */
	shared: number;
	y: number;
}

export interface GroupNode {
	/** Indices of servers; 0 is the server that the picture is about. */
	servers: number[];
	clients: Meeting[];
	columns: number;
	y: number;
	height: number;
}

export interface Picture {
	servers: ServerNode[];
	groups: GroupNode[];
	height: number;
	/** Servers that are not drawn. */
	more: ServerNode[];
	moreClients: number;
}

function serversOf(self: ServerNode['server'], clients: Meeting[]): ServerNode[] {
	const found = new Map<string, { server: OtherServer; shared: number }>();
	for (const server of clients.flatMap((client) => client.servers)) {
		const known = found.get(serviceOf(server));
		if (known)
			known.shared++;
		else
			found.set(serviceOf(server), { server, shared: 1 });
	}
	found.delete(serviceOf(self));
	const others = [...found].map(([name, { server, shared }]) => ({ name, server, shared, y: 0 }));
	others.sort((a, b) => b.shared * b.server.confidence - a.shared * a.server.confidence || (a.name < b.name ? -1 : 1));
	return [{ name: serviceOf(self), server: self, shared: clients.length, y: 0 }, ...others];
}

const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** By the servers they meet; ordered by the middle of these, so that lines cross little. */
function groupsOf(clients: Meeting[], places: Map<string, number>): GroupNode[] {
	const groups = new Map<string, GroupNode>();
	for (const client of clients) {
		const servers = [...new Set([0, ...client.servers.flatMap((server) => places.get(serviceOf(server)) ?? [])])].sort((a, b) => a - b);
		const key = servers.join();
		const group = groups.get(key);
		if (group)
			group.clients.push(client);
		else
			groups.set(key, { servers, clients: [client], columns: 1, y: 0, height: 0 });
	}
	return [...groups.values()].sort((a, b) => mean(a.servers) - mean(b.servers) || b.clients.length - a.clients.length);
}

/** As many servers as leave few kinds of clients: with each more, lines cross and say less. */
function chosen(all: ServerNode[], clients: Meeting[]): { servers: ServerNode[]; groups: GroupNode[] } {
	for (let count = Math.min(SERVERS, all.length); ; count--) {
		const servers = all.slice(0, count);
		const groups = groupsOf(clients.slice(0, NODES - count), new Map(servers.map(({ name }, index) => [name, index])));
		if (groups.length <= GROUPS || count <= 2)
			return { servers, groups };
	}
}

/** `room`: px for the boxes of clients. Clients come the busiest first, and those are drawn. */
export function pictureOf(self: ServerNode['server'], clients: Meeting[], room: number): Picture {
	const all = serversOf(self, clients);
	const { servers, groups } = chosen(all, clients);
	const fit = Math.max(1, Math.floor((room - 2 * PAD) / PITCH));
	let y = 0;
	for (const group of groups) {
		group.columns = Math.min(fit, group.clients.length);
		group.height = LABEL + Math.ceil(group.clients.length / group.columns) * PITCH + PAD;
		group.y = y;
		y += group.height + GAP;
	}
	const height = Math.max(y - GAP, servers.length * SERVER_ROW, SERVER_ROW);
	const spare = (height - Math.max(0, y - GAP)) / 2;
	groups.forEach((group) => (group.y += spare));
	servers.forEach((server, index) => (server.y = ((index + 0.5) * height) / servers.length));
	const shown = groups.reduce((sum, group) => sum + group.clients.length, 0);
	return { servers, groups, height, more: all.slice(servers.length), moreClients: clients.length - shown };
}

/** The middle of a client's dot, from the corner of its group's box. */
export const dotOf = (group: GroupNode, index: number): [number, number] =>
	[PAD + PITCH * ((index % group.columns) + 0.5), LABEL + PITCH * (Math.floor(index / group.columns) + 0.5)];

export const boxWidth = (group: GroupNode): number => Math.max(2 * PAD + group.columns * PITCH, 96);

/** A name cut in its middle to `most` characters: both ends of an address tell it from others. */
export function shortened(name: string, most: number): string {
	if (name.length <= most || most < 5)
		return name;
	const tail = Math.floor((most - 1) / 2);
	return `${name.slice(0, most - 1 - tail)}…${name.slice(name.length - tail)}`;
}
