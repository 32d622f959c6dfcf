// Segment's library for Python (`segment-analytics-python`) with its own defaults: only host and key are ours.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, beforeEach, test } from 'node:test'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { Proxy } from '../support/proxy.mjs'
import { blocks } from '../support/pages.mjs'
import { Server } from '../support/server.mjs'
import { kinds, numbersOf, upTo } from '../support/expected.mjs'

const SENDER = fileURLToPath(new URL('sender.py', import.meta.url))
const STRANGER = fileURLToPath(new URL('stranger.py', import.meta.url))

let server, proxy, project
before(async () => {
  server = await Server.start()
  proxy = await Proxy.start(server.url)
})
beforeEach(async () => {
  project = await server.project()
  Object.assign(proxy, { faults: [], fault: undefined, requests: [] })
})
after(async () => {
  await proxy.stop()
  await server.stop()
})

/** Runs Python to its end and returns the lines that it printed; `heard` gets each as it comes. */
async function python(args, environment, heard = () => {}) {
  const child = spawn(process.env.SEGMENT_PYTHON, args, { env: { PATH: process.env.PATH, ...environment }, stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = new Promise(resolve => child.once('exit', resolve))
  const lines = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    heard(line)
  }
  assert.equal(await ended, 0)
  return lines
}

/** Runs the sender and returns what it heard. */
async function send(what, { host = proxy.url, key = project.sk, ...more } = {}, heard) {
  const lines = await python([SENDER, what], { HOST: host, KEY: key, ...more }, heard)
  return JSON.parse(lines.at(-1))
}

test('each kind of message is stored as the documentation says, and nothing goes elsewhere', async () => {
  const { hosts, errors } = await send('kinds')
  assert.deepEqual([hosts, errors], [['127.0.0.1'], []])
  assert.deepEqual([...new Set(proxy.requests.map(({ path }) => path))], ['/v1/batch'])
  const rows = await server.rows(project)
  assert.equal(rows.length, 6)
  const of = (name, wanted = () => true) => rows.find(row => row.event_name === name && wanted(row))
  const [identify, order, page, screen, group, alias] = [
    of('$identify', row => 'plan' in row.properties),
    of('Order Completed'),
    of('$pageview'),
    of('$screen'),
    of('$group'),
    of('$identify', row => !('plan' in row.properties)),
  ]
  assert.deepEqual(kinds(identify), ['visitor-1', 'user-1', null, { plan: 'pro' }])
  assert.deepEqual(kinds(order), ['visitor-1', 'user-1', 'https://shop.example/sale?utm_source=newsletter&utm_medium=email&utm_campaign=May', { total: 49.5 }])
  assert.deepEqual([order.source, order.campaign, order.country, order.referrer], ['newsletter', 'May', 'GB', 'https://www.google.com/'])
  assert.deepEqual(kinds(page), ['visitor-1', 'user-1', 'https://shop.example/docs?a=b', { name: 'Python', category: 'Docs', title: 'Docs' }])
  assert.equal(page.path, '/docs')
  assert.deepEqual(kinds(screen), [screen.anonymous_id, 'user-1', null, { name: 'Home', category: 'App', level: 3 }])
  assert.match(screen.anonymous_id, /^user_[0-9a-f]{32}$/)
  assert.deepEqual([group.user_id, group.properties], ['17', { groupId: 'group-1', employees: 12 }])
  assert.deepEqual(kinds(alias), ['visitor-1', 'user-1', null, {}])
})

test('a server that is killed and comes back on its port has everything once', async () => {
  let back
  const killed = async line => {
    if (line !== 'begun') return
    await server.kill()
    await server.restartThere()
  }
  const { errors } = await send('numbers', { host: server.url }, line => (back ??= killed(line)))
  await back
  assert.deepEqual(errors, [])
  assert.deepEqual(numbersOf(await server.rows(project)), upTo(300))
  proxy.target = server.url
})

test('lost responses, 503 and 429 store nothing twice, compressed or not', async () => {
  proxy.faults = ['lose the response', { status: 503 }, { status: 429, headers: { 'retry-after': '1' } }, 'cut']
  const { errors } = await send('numbers', { GZIP: 'yes' })
  assert.deepEqual(errors, [])
  assert.deepEqual(numbersOf(await server.rows(project)), upTo(300))
})

test('a wrong key is reported, and not tried again', async () => {
  const { errors } = await send('too-large', { key: project.sk.slice(0, -1) })
  assert.equal(errors.length, 1)
  assert.match(errors[0].error, /malformed_api_key.*\(401\)$/)
  assert.equal(proxy.requests.length, 1)
})

test('an event that is too large is reported and costs no other', async () => {
  const { errors } = await send('too-large')
  assert.equal(proxy.requests.length, 1)
  assert.equal(errors.length, 1)
  assert.match(errors[0].error, /batch\.3\.properties.*8192.*\(400\)$/)
  assert.deepEqual(numbersOf(await server.rows(project)), upTo(10).filter(n => n !== 3))
})

test('the program of the documentation stores what it says', async () => {
  const code = blocks('python.md', 'python').find(({ code }) => code.includes('segment.analytics')).code
  await python(['-c', code], { MILLIMETRIC_HOST: server.url, MILLIMETRIC_KEY: project.sk })
  assert.deepEqual((await server.rows(project)).map(row => row.event_name).sort(), ['$identify', 'Invoice Sent'])
})

test('a stranger with the reference and a token creates a project and a key, sends, filters by a property, and revokes the key', async () => {
  await server.command('user', 'create', 'ann@example.com', '--role', 'owner')
  const { stdout } = await server.command('user', 'token', 'create', 'ann@example.com', '--scope', 'write', '--json')
  const lines = await python([STRANGER], { DOCS: `${server.url}/docs`, TOKEN: JSON.parse(stdout).token })
  assert.deepEqual(JSON.parse(lines.at(-1)), {
    rows: [{ value: 3 }],
    revoked: { ok: true, was_live: true },
    status: 401,
    error: 'invalid_api_key',
  })
})
