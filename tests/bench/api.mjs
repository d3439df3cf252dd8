#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// How long the API takes over a long store: every named query, over ranges from an hour to all that is stored, with odd
// ends, with and without research scanners, with filters and further pages, through the real server on loopback; then
// the same questions from eight clients at once, while bench-year beside PROGRAM commits each second.
// Prints a table of milliseconds (p50, p99, worst) and puts it into build/bench.json as "api".
//
//   api.mjs PROGRAM STORE [ROUNDS]
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync, statSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { dirname } from 'node:path'

const [program, store, roundsText] = process.argv.slice(2)
if (!program || !store) {
	console.error('usage: api.mjs PROGRAM STORE [ROUNDS]')
	process.exit(2)
}
const rounds = Number(roundsText ?? 5)
const port = 18000 + (process.pid % 1000)
const client = () => new Agent({ keepAlive: true, maxSockets: 1 })
const clients = 8
const hour = 3600, day = 86400
const goal = 50 // ms, of p99

function ask(path, agent) {
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

// The same with the threads that have ended, in steps of 10 ms.
function cpuOfAll() {
	const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1].split(' ')
	return (Number(fields[11]) + Number(fields[12])) * 10
}

async function timed(path, agent) {
	const before = cpu()
	const answer = await ask(path, agent)
	return { ...answer, cpu: cpu() - before }
}

// The page that a question is about: those before it are asked for, and not timed.
async function page(url, number, agent) {
	let answer = await timed(url, agent)
	for (let p = 1; p < number; p++) {
		const next = JSON.parse(answer.body).next
		if (!next) break
		answer = await timed(`${url}&after=${next}`, agent)
	}
	return answer
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

const sorted = (values) => [...values].sort((a, b) => a - b)
const quantile = (values, q) => sorted(values)[Math.min(values.length - 1, Math.ceil(values.length * q) - 1)]
const round = (ms) => Math.round(ms * 10) / 10
const labelOf = ([path, more, page]) => `${path} ${more.slice(1)}${page ? ` page ${page}` : ''}`.trim()

// p50, p99 and worst of what was measured, and where the worst was.
function figures(samples, key) {
	const worst = samples.reduce((a, b) => (b[key] > a[key] ? b : a))
	const values = samples.map((sample) => sample[key])
	return { p50: round(quantile(values, 0.5)), p99: round(quantile(values, 0.99)), worst: round(worst[key]), kind: worst.kind, range: worst.range }
}

// All questions in all ranges, in the order of the table. Their ends are drawn here, so that two runs ask the same.
async function questionsOf() {
	const agent = client()
	const rows = async (path) => JSON.parse((await ask(path, agent)).body).rows
	const coverage = JSON.parse((await ask('coverage', agent)).body) // whole hours: not what a writer of ours left behind them
	const first = Date.parse(coverage.from) / 1000, last = Date.parse(coverage.to) / 1000
	const busiest = await rows('telescope/sources?limit=20')
	const rare = (await rows(`telescope/ports?protocol=6&limit=1000&from=${last - 30 * day}&to=${last}`)).at(-1)
	agent.destroy()
	const list = []
	for (const question of questions) {
		for (const [range, ends] of Object.entries(rangesOf(first, last))) {
			for (let i = 0; i < rounds; i++) {
				const [from, to] = ends()
				const address = busiest[Math.floor(random() * busiest.length)].address
				const url = `${question[0]}?from=${from}&to=${Math.max(to, from + 300)}${question[1]}`
					.replace('ADDRESS', address).replace('RARE', String(rare?.port ?? 1))
				list.push({ kind: labelOf(question), range, url, page: question[2] ?? 1 })
			}
		}
	}
	return { list, days: (last - first) / day }
}

function progress(done, all) {
	if (process.stderr.isTTY) process.stderr.write(done < all ? `\r\x1b[K${done} of ${all}` : '\r\x1b[K')
}

async function oneAfterTheOther(list) {
	const agent = client(), samples = []
	for (const { kind, range, url, page: number } of list) {
		const { ms, cpu: processor } = await page(url, number, agent)
		samples.push({ kind, range, ms, cpu: processor })
		progress(samples.length, list.length)
	}
	agent.destroy()
	return samples
}

// The questions in a seeded disorder, eight at a time, beside a writer that commits each second.
async function atOnce(list, days) {
	const program = `${dirname(process.argv[2])}/tests/bench/bench-year`
	if (!existsSync(program)) return undefined
	const writer = spawn(program, [store, String(Math.round(days)), '5000', '86400'], { stdio: ['ignore', 'pipe', 'inherit'] })
	let commits = 0
	writer.stdout.on('data', (text) => (commits += text.toString().split('\n').length - 1))
	const waiting = list.map((question) => ({ question, order: random() })).sort((a, b) => a.order - b.order)
	const samples = [], before = cpuOfAll(), start = Date.now()
	await Promise.all(Array.from({ length: clients }, async () => {
		const agent = client()
		for (let next; (next = waiting.pop()); ) {
			const { kind, range, url, page: number } = next.question
			samples.push({ kind, range, ms: (await page(url, number, agent)).ms })
			progress(samples.length, list.length)
		}
		agent.destroy()
	}))
	const seconds = (Date.now() - start) / 1000, processor = (cpuOfAll() - before) / samples.length
	writer.kill()
	return { clients, commits, seconds: round(seconds), per_second: round(samples.length / seconds), cpu_mean: round(processor), ms: figures(samples, 'ms') }
}

// One row a question: worst processor time by range, quantiles over all ranges.
function rowsOf(samples) {
	const kinds = new Map()
	for (const sample of samples) kinds.set(sample.kind, [...(kinds.get(sample.kind) ?? []), sample])
	return [...kinds].map(([kind, of]) => {
		const cpu_ms = {}
		for (const sample of of) cpu_ms[sample.range] = Math.max(cpu_ms[sample.range] ?? 0, round(sample.cpu))
		return { kind, cpu_ms, cpu: figures(of, 'cpu'), ms: figures(of, 'ms') }
	})
}

async function main() {
	await start()
	try {
		const { list, days } = await questionsOf()
		const samples = await oneAfterTheOther(list), rows = rowsOf(samples)
		return {
			days, rounds, store_bytes: statSync(store).size, questions: samples.length,
			cpu: figures(samples, 'cpu'), ms: figures(samples, 'ms'),
			over: rows.filter((row) => row.cpu.worst > goal).map((row) => row.kind),
			at_once: await atOnce(list, days), rows,
		}
	} finally {
		server.kill()
	}
}

function print(result) {
	const names = Object.keys(result.rows[0].cpu_ms)
	console.log(`${result.days} days, ${(result.store_bytes / 1e9).toFixed(2)} GB; worst processor ms of ${result.rounds} rounds; p50, p99: as the client saw it`)
	console.log(['question'.padEnd(62), ...names.map((name) => name.slice(0, 8).padStart(8)), 'cpu p99'.padStart(7), 'p50'.padStart(7), 'p99'.padStart(7)].join(' '))
	for (const row of result.rows)
		console.log([row.kind.slice(0, 62).padEnd(62), ...names.map((name) => String(row.cpu_ms[name]).padStart(8)), ...[row.cpu.p99, row.ms.p50, row.ms.p99].map((ms) => String(ms).padStart(7))].join(' '))
	const line = (name, { p50, p99, worst, kind, range }) =>
		console.log(`${name.padEnd(46)}p50 ${p50}, p99 ${p99}, worst ${worst} ms: ${kind} (${range})`)
	console.log('')
	line(`API, ${result.questions} questions, processor`, result.cpu)
	line(`API, ${result.questions} questions, as the client saw it`, result.ms)
	console.log(`${`API, kinds over ${goal} ms of processor`.padEnd(46)}${result.over.length} of ${result.rows.length}${result.over.map((kind, i) => `${i ? '; ' : ': '}${kind}`).join('')}`)
	const beside = result.at_once
	if (!beside) return
	line(`API, ${beside.clients} clients at once, ${beside.commits} commits beside`, beside.ms)
	console.log(`${' '.repeat(46)}${beside.per_second} questions/s, ${beside.cpu_mean} ms of processor each`)
}

const result = await main()
print(result)
const file = 'build/bench.json'
const bench = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
bench.api = result
writeFileSync(file, `${JSON.stringify(bench, null, '\t')}\n`)
