// SPDX-License-Identifier: Apache-2.0
// Clients that hold connections: idle.mjs URL IDLE DRIPPING. The first send nothing, the others a body of which one
// byte comes each second. Prints a line when all stand and one when the server has closed them all.
import net from 'node:net';

const [url, idle, dripping] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const wanted = { idle: Number(idle), dripping: Number(dripping) };
let opened = 0;
let closed = 0;
let dropped = 0;

function say(object) {
	process.stdout.write(`${JSON.stringify(object)}\n`);
}

function ended(drips) {
	if (drips) dropped++;
	else closed++;
	if (closed === wanted.idle && dropped === wanted.dripping) say({ closed, dropped });
}

function connect(drips) {
	const socket = net.connect({ host: hostname, port: Number(port) }, () => {
		if (drips) {
			socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/timestamp-query\r\nContent-Length: 60000\r\n\r\n');
			const timer = setInterval(() => socket.write('0'), 1000);
			socket.on('close', () => clearInterval(timer));
		}
		if (++opened === wanted.idle + wanted.dripping) say({ opened: wanted.idle, dripped: wanted.dripping });
	});
	socket.on('error', () => {});
	socket.on('close', () => ended(drips));
	socket.resume();
}

for (let i = 0; i < wanted.idle; i++) connect(false);
for (let i = 0; i < wanted.dripping; i++) connect(true);
setTimeout(() => {
	say({ closed, dropped, after: '25 s' });
	process.exit(1);
}, 25000).unref();
