#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// How long the API takes over a long store: every named query, over ranges from an hour to all that is stored, with odd
// ends, with and without research scanners, with filters and further pages, through the real server on loopback.
// Prints a table of milliseconds (p50, p99) and puts it into build/bench.json as "api".
//
//   api.mjs PROGRAM STORE [ROUNDS]
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync, statSync } from 'node:fs'
import { Agent, get } from 'node:http'

const [program, store, roundsText] = process.argv.slice(2)
if (!program || !store) {
	console.error('usage: api.mjs PROGRAM STORE [ROUNDS]')
	process.exit(2)
}
const rounds = Number(roundsText ?? 5)
const port = 18000 + (process.pid % 1000)
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
const hour = 3600, day = 86400

function ask(path) {
	return new Promise((resolve, reject) => {
		const start = process.hrtime.bigint()
		get({ host: '127.0.0.1', port, path: `/api/v1/${path}`, agent }, (response) => {
			const parts = []
			response.on('data', (part) => parts.push(part))
			response.on('end', () => {
				const ms = Number(process.hrtime.bigint() - start) / 1e6
				const body = Buffer.concat(parts).toString()
				if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode} ${body.slice(0, 200)}`))
				else resolve({ ms, body })
			})
		}).on('error', reject)
	})
}

// Processor time of all of the server's threads, ms: other work on the machine does not add to it.
let server
function cpu() {
	let sum = 0
	for (const task of readdirSync(`/proc/${server.pid}/task`)) {
		try {
			sum += Number(readFileSync(`/proc/${server.pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e6
		} catch {
			// a thread that has just ended
		}
	}
	return sum
}

async function timed(path) {
	const before = cpu()
	const answer = await ask(path)
	return { ...answer, cpu: cpu() - before }
}

async function start() {
	server = spawn(program, ['serve', '--store', store, '--listen', `127.0.0.1:${port}`], { stdio: 'ignore' })
	for (let i = 0; i < 200; i++) {
		try {
			await ask('status')
			return
		} catch {
			await new Promise((resolve) => setTimeout(resolve, 100))
		}
	}
	server.kill()
	throw new Error('the server does not answer')
}

// A seeded choice, so that two runs ask the same.
let state = 12345
function random() {
	state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
	return state / 0x7fffffff
}

// from and to in seconds, at a random place inside what is stored; odd: ends that no step has.
function rangesOf(first, last) {
	const within = (length, unit) => {
		const room = Math.max(0, last - first - length)
		const from = first + Math.floor((random() * room) / unit) * unit
		return [from, Math.min(from + length, last)]
	}
	const odd = (length) => {
		const [from, to] = within(length, 300)
		return [from + 3 * hour + 300, to - 5 * hour - 300]
	}
	return {
		'5 min': () => within(300, 300),
		hour: () => within(hour, hour),
		day: () => within(day, day),
		'day, odd': () => odd(2 * day),
		week: () => within(7 * day, day),
		month: () => within(31 * day, day),
		quarter: () => within(92 * day, day),
		'quarter, odd': () => odd(92 * day),
		year: () => [first, last],
		'year less 5 min': () => [first + 300, last - 300],
		'year less hours': () => [first + hour * Math.ceil(random() * 20), last - hour * Math.ceil(random() * 20)],
		'year less days': () => [first + day * Math.ceil(random() * 29) + hour, last - day * Math.ceil(random() * 29) - hour],
	}
}

const research = ['', '&research=without', '&research=only']
const questions = [
	...research.map((r) => ['telescope/summary', r]),
	...research.map((r) => ['telescope/ports', r]),
	['telescope/ports', '&protocol=17'], ['telescope/ports', '&class=iot'], ['telescope/ports', '&limit=1000'],
	['telescope/ports', '&limit=1000&research=without'], ['telescope/ports', '', 3],
	...research.map((r) => ['telescope/categories', r]),
	...research.map((r) => ['telescope/classes', r]), ['telescope/tools', ''],
	...research.map((r) => ['telescope/countries', r]),
	...research.map((r) => ['telescope/networks', r]),
	['telescope/networks', '&country=AA'], ['telescope/networks', '&limit=1000'], ['telescope/networks', '', 3],
	...['5m', '1h', '1d'].flatMap((step) => [
		['telescope/series', `&step=${step}&category=all`], ['telescope/series', `&step=${step}&research=without`],
		['telescope/series', `&step=${step}&by=class`], ['telescope/series', `&step=${step}&by=port`],
		['telescope/series', `&step=${step}&by=port&protocol=6&port=23`],
		['telescope/series', `&step=${step}&by=port&protocol=6&port=RARE`],
		['telescope/series', `&step=${step}&by=port&class=iot&research=without`]]),
	['telescope/series', '&step=1h&category=all&limit=10000'], ['telescope/series', '&step=5m&by=port&limit=10000'],
	...research.map((r) => ['telescope/sources', r]),
	['telescope/sources', '&tool=mirai'], ['telescope/sources', '&country=AA'], ['telescope/sources', '&limit=1000'],
	['telescope/sources', '&protocol=6&port=23'], ['telescope/sources', '&port=23'], ['telescope/sources', '&protocol=17'],
	['telescope/sources', '&protocol=6&port=23&tool=mirai&research=without'], ['telescope/sources', '&address=ADDRESS'],
	['telescope/sources', '', 3],
	['telescope/source', '&address=ADDRESS'], ['telescope/source-ports', '&address=ADDRESS'],
	['telescope/scanners', ''], ['telescope/victims', ''], ['telescope/campaigns', ''], ['telescope/runs', ''],
	['findings', ''], ['findings', '&kind=infected-host'], ['findings', '&research=without'],
	['findings', '&subject=ADDRESS'], ['gaps', ''], ['warnings', ''],
]

const quantile = (values, q) => values[Math.min(values.length - 1, Math.ceil(values.length * q) - 1)]

async function main() {
	await start()
	const result = { rounds, store_bytes: statSync(store).size, all_ms: {}, worst: [], rows: [] }
	try {
		const coverage = JSON.parse((await ask('coverage')).body).rows
		const first = Date.parse(coverage[0].first) / 1000, last = Date.parse(coverage[0].last) / 1000
		result.days = (last - first) / day
		const busiest = JSON.parse((await ask('telescope/sources?limit=20')).body).rows
		const rare = JSON.parse((await ask(`telescope/ports?protocol=6&limit=1000&from=${last - 30 * day}&to=${last}`)).body).rows.at(-1)
		const ranges = rangesOf(first, last)
		const all = [], allCpu = []
		for (const [path, more, page] of questions) {
			const row = { path, parameters: more.slice(1) + (page ? ` page ${page}` : ''), ms: {} }
			const ofRow = [], cpuOfRow = []
			for (const [name, range] of Object.entries(ranges)) {
				const times = [], cpus = []
				for (let i = 0; i < rounds; i++) {
					const [from, to] = range()
					const address = busiest[Math.floor(random() * busiest.length)].address
					const url = `${path}?from=${from}&to=${Math.max(to, from + 300)}${more}`
						.replace('ADDRESS', address).replace('RARE', String(rare?.port ?? 1))
					let answer = await timed(url)
					for (let p = 1; p < (page ?? 1); p++) {
						const next = JSON.parse(answer.body).next
						if (!next) break
						answer = await timed(`${url}&after=${next}`)
					}
					times.push(answer.ms)
					cpus.push(answer.cpu)
				}
				times.sort((a, b) => a - b)
				cpus.sort((a, b) => a - b)
				row.ms[name] = [quantile(times, 0.5), times.at(-1), cpus.at(-1)].map((ms) => Math.round(ms * 10) / 10)
				ofRow.push(...times)
				cpuOfRow.push(...cpus)
			}
			ofRow.sort((a, b) => a - b)
			cpuOfRow.sort((a, b) => a - b)
			row.p50 = Math.round(quantile(ofRow, 0.5) * 10) / 10
			row.p99 = Math.round(quantile(ofRow, 0.99) * 10) / 10
			row.cpu_p99 = Math.round(quantile(cpuOfRow, 0.99) * 10) / 10
			result.rows.push(row)
			all.push(...ofRow)
			allCpu.push(...cpuOfRow)
			if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${result.rows.length} of ${questions.length}`)
		}
		all.sort((a, b) => a - b)
		allCpu.sort((a, b) => a - b)
		const figures = (v) => ({ p50: quantile(v, 0.5), p99: quantile(v, 0.99), worst: v.at(-1) })
		result.all_ms = { questions: all.length, ...figures(all) }
		result.all_cpu_ms = figures(allCpu)
	} finally {
		server.kill()
	}
	if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
	return result
}

function print(result) {
	const names = Object.keys(result.rows[0].ms)
	console.log(`${result.days} days, ${(result.store_bytes / 1e9).toFixed(2)} GB; worst processor ms of ${result.rounds} rounds; p50, p99: as the client saw it`)
	console.log(['question'.padEnd(62), ...names.map((name) => name.slice(0, 8).padStart(8)), 'cpu p99'.padStart(7), 'p50'.padStart(7), 'p99'.padStart(7)].join(' '))
	for (const row of result.rows) {
		const label = `${row.path} ${row.parameters}`.trim().slice(0, 62).padEnd(62)
		console.log([label, ...names.map((name) => String(row.ms[name][2]).padStart(8)), String(row.cpu_p99).padStart(7), String(row.p50).padStart(7), String(row.p99).padStart(7)].join(' '))
	}
	const { questions: count, p50, p99, worst } = result.all_ms
	const cpus = result.all_cpu_ms
	console.log(`${count} questions: p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, worst ${worst.toFixed(1)} ms;`,
		`processor: p50 ${cpus.p50.toFixed(1)}, p99 ${cpus.p99.toFixed(1)}, worst ${cpus.worst.toFixed(1)} ms`)
}

const result = await main()
print(result)
const file = 'build/bench.json'
const bench = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
bench.api = result
writeFileSync(file, `${JSON.stringify(bench, null, '\t')}\n`)
