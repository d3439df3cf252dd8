// SPDX-License-Identifier: Apache-2.0
// A clock reference for tests: ntp.mjs OFFSETS. Answers NTP on loopback, ports of the system's choice, one for each
// line of OFFSETS, which holds seconds that this server is ahead of the machine, or "silent". The file is read again
// for each answer. Prints the ports.
import dgram from 'node:dgram';
import { readFileSync } from 'node:fs';

const [file] = process.argv.slice(2);
const lines = () => readFileSync(file, 'utf8').trim().split('\n');

function stamp(milliseconds) {
	const seconds = Math.floor(milliseconds / 1000);
	const bytes = Buffer.alloc(8);
	bytes.writeUInt32BE((seconds + 2208988800) % 2 ** 32, 0);
	bytes.writeUInt32BE(Math.floor(((milliseconds / 1000) - seconds) * 2 ** 32), 4);
	return bytes;
}

const now = () => performance.timeOrigin + performance.now();

function serve(index) {
	const socket = dgram.createSocket('udp4');
	socket.on('message', (question, from) => {
		const offset = lines()[index];
		if (offset === 'silent') return;
		const answer = Buffer.alloc(48);
		answer[0] = 4 << 3 | 4; // version 4, server
		answer[1] = 2; // stratum
		answer.writeUInt32BE(65, 8); // root dispersion: 1 ms
		const at = stamp(Date.now() + Number(offset) * 1000 + (now() % 1));
		question.copy(answer, 24, 40, 48);
		at.copy(answer, 32);
		at.copy(answer, 40);
		socket.send(answer, from.port, from.address);
	});
	return new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve(socket.address().port)));
}

const ports = await Promise.all(lines().map((line, index) => serve(index)));
process.stdout.write(`${ports.join(' ')}\n`);
