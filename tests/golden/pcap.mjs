// SPDX-License-Identifier: Apache-2.0
// Writes a small pcap (raw IPv4) from lines on standard input, for tests that need packets at exact times.
// usage: node pcap.mjs OUT < LINES
//   TIME SOURCE DESTINATION tcp FLAGS SPORT DPORT [seq=N] [id=N] [window=N] [ttl=N]     FLAGS: letters of FSRPAU
//   TIME SOURCE DESTINATION udp SPORT DPORT
//   TIME SOURCE DESTINATION icmp TYPE CODE
// TIME is Unix seconds with decimals; address+N is the N-th address after it.
import { readFileSync, writeFileSync } from "node:fs";

const LINKTYPE_RAW = 101;
const FLAGS = { F: 1, S: 2, R: 4, P: 8, A: 16, U: 32 };

function address(text) {
	const [quad, plus] = text.split("+");
	const value = quad.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
	return value + Number(plus ?? 0);
}

function tcp(words, extra) {
	const [flags, sport, dport] = words;
	const b = Buffer.alloc(20);
	b.writeUInt16BE(Number(sport), 0);
	b.writeUInt16BE(Number(dport), 2);
	b.writeUInt32BE(Number(extra.seq ?? 1), 4);
	b[12] = 5 << 4;
	b[13] = [...flags].reduce((sum, letter) => sum | FLAGS[letter], 0);
	b.writeUInt16BE(Number(extra.window ?? 4242), 14);
	return [6, b];
}

function udp(words) {
	const b = Buffer.alloc(8);
	b.writeUInt16BE(Number(words[0]), 0);
	b.writeUInt16BE(Number(words[1]), 2);
	b.writeUInt16BE(8, 4);
	return [17, b];
}

function icmp(words) {
	const b = Buffer.alloc(8);
	b[0] = Number(words[0]);
	b[1] = Number(words[1]);
	return [1, b];
}

function record(line) {
	const [time, source, destination, protocol, ...rest] = line.split(/\s+/);
	const extra = Object.fromEntries(rest.filter((w) => w.includes("=")).map((w) => w.split("=")));
	const words = rest.filter((w) => !w.includes("="));
	const [number, body] = { tcp, udp, icmp }[protocol](words, extra);
	const ip = Buffer.alloc(20);
	ip[0] = 0x45;
	ip.writeUInt16BE(20 + body.length, 2);
	ip.writeUInt16BE(Number(extra.id ?? 7), 4);
	ip[8] = Number(extra.ttl ?? 50);
	ip[9] = number;
	ip.writeUInt32BE(address(source), 12);
	ip.writeUInt32BE(address(destination), 16);
	const header = Buffer.alloc(16);
	const [seconds, decimals = ""] = time.split(".");
	header.writeUInt32LE(Number(seconds), 0);
	header.writeUInt32LE(Number(decimals.padEnd(6, "0").slice(0, 6)), 4);
	header.writeUInt32LE(ip.length + body.length, 8);
	header.writeUInt32LE(ip.length + body.length, 12);
	return Buffer.concat([header, ip, body]);
}

const file = Buffer.alloc(24);
file.writeUInt32LE(0xa1b2c3d4, 0);
file.writeUInt16LE(2, 4);
file.writeUInt16LE(4, 6);
file.writeUInt32LE(65535, 16);
file.writeUInt32LE(LINKTYPE_RAW, 20);
const lines = readFileSync(0, "utf8").split("\n").filter((line) => line && !line.startsWith("#"));
writeFileSync(process.argv[2], Buffer.concat([file, ...lines.map(record)]));
