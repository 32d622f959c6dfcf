// Segment's library for Node (`@segment/analytics-node`) with its own defaults: only host, key and the size of
// batches are ours.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { promisify } from 'node:util'

import { pause } from '../support/eventually.mjs'
import { blocks } from '../support/pages.mjs'
import { Proxy } from '../support/proxy.mjs'
import { Server } from '../support/server.mjs'
import { kinds, numbersOf, upTo } from '../support/expected.mjs'

const { SEGMENT_PACKAGES } = process.env
const { Analytics } = createRequire(join(SEGMENT_PACKAGES, 'package.json'))('@segment/analytics-node')

/** Every host that this process opens a connection to. */
const hosts = new Set()
const connect = Socket.prototype.connect
Socket.prototype.connect = function (...args) {
  const [options] = Array.isArray(args[0]) ? args[0] : args
  if (!options?.path) hosts.add(options?.host ?? options)
  return connect.apply(this, args)
}

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
  assert.deepEqual([...hosts], ['127.0.0.1'], 'nothing was asked of other hosts')
})

/** The library, and the errors that it reports. */
function library(options) {
  const analytics = new Analytics({ writeKey: project.sk, host: proxy.url, flushAt: 10, flushInterval: 100, ...options })
  const errors = []
  analytics.on('error', error => errors.push(error))
  return { analytics, errors }
}

test('each kind of message is stored as the documentation says', async () => {
  const { analytics, errors } = library()
  const visitor = { anonymousId: 'visitor-1', userId: 'user-1' }
  const campaign = { name: 'May', source: 'newsletter', medium: 'email' }
  const context = { ip: '81.2.69.160', page: { url: 'https://shop.example/sale', referrer: 'https://www.google.com/' }, campaign }
  analytics.identify({ ...visitor, traits: { plan: 'pro' } })
  analytics.track({ ...visitor, event: 'Order Completed', properties: { total: 49.5 }, context })
  analytics.page({ ...visitor, category: 'Docs', name: 'Node', properties: { url: 'https://shop.example/docs?a=b', title: 'Docs' } })
  analytics.screen({ userId: 'user-1', name: 'Home', properties: { level: 3 } })
  analytics.group({ ...visitor, groupId: 'group-1', traits: { employees: 12 } })
  analytics.alias({ userId: 'user-1', previousId: 'visitor-0' })
  await analytics.closeAndFlush({ timeout: 30_000 })
  assert.deepEqual(errors, [])
  assert.deepEqual([...new Set(proxy.requests.map(({ path }) => path))], ['/v1/batch'])
  const rows = await server.rows(project)
  const of = (name, wanted = () => true) => rows.find(row => row.event_name === name && wanted(row))
  assert.equal(rows.length, 6)
  assert.deepEqual(kinds(of('$identify', row => 'plan' in row.properties)), ['visitor-1', 'user-1', null, { plan: 'pro' }])
  const order = of('Order Completed')
  assert.deepEqual(kinds(order), ['visitor-1', 'user-1', 'https://shop.example/sale?utm_source=newsletter&utm_medium=email&utm_campaign=May', { total: 49.5 }])
  assert.deepEqual([order.source, order.campaign, order.country, order.referrer], ['newsletter', 'May', 'GB', 'https://www.google.com/'])
  const page = of('$pageview')
  assert.deepEqual(kinds(page), ['visitor-1', 'user-1', 'https://shop.example/docs?a=b', { name: 'Node', category: 'Docs', title: 'Docs' }])
  assert.equal(page.path, '/docs')
  const screen = of('$screen')
  assert.deepEqual([screen.user_id, screen.properties], ['user-1', { name: 'Home', level: 3 }])
  assert.match(screen.anonymous_id, /^user_[0-9a-f]{32}$/)
  assert.deepEqual(kinds(of('$group')), ['visitor-1', 'user-1', null, { groupId: 'group-1', employees: 12 }])
  assert.deepEqual(kinds(of('$identify', row => row.anonymous_id === 'visitor-0')), ['visitor-0', 'user-1', null, {}])
  const ids = proxy.requests.flatMap(({ body }) => JSON.parse(body).batch.map(({ messageId }) => messageId))
  assert.deepEqual(rows.map(row => row.event_id).sort(), ids.sort())
})

test('a server that is killed and comes back on its port has everything once', async () => {
  const { analytics, errors } = library({ host: server.url })
  const numbered = async (from, to) => {
    for (let n = from; n < to; n++) {
      analytics.track({ anonymousId: 'visitor-1', event: 'numbered', properties: { n } })
      await pause(2)
    }
  }
  await numbered(0, 100)
  await server.kill()
  await numbered(100, 150)
  await server.restartThere()
  await numbered(150, 200)
  await analytics.closeAndFlush({ timeout: 30_000 })
  proxy.target = server.url
  assert.deepEqual(errors, [])
  assert.deepEqual(numbersOf(await server.rows(project)), upTo(200))
})

test('lost responses, 503 and 429 store nothing twice', async () => {
  const { analytics, errors } = library()
  proxy.faults = ['lose the response', { status: 503 }, { status: 429, headers: { 'retry-after': '1' } }, 'cut']
  for (const n of upTo(50)) analytics.track({ anonymousId: 'visitor-1', event: 'numbered', properties: { n } })
  await analytics.closeAndFlush({ timeout: 30_000 })
  assert.deepEqual(errors, [])
  assert.ok(proxy.requests.length > 5, 'something was sent twice')
  assert.deepEqual(numbersOf(await server.rows(project)), upTo(50))
})

test('a wrong key is reported, and not tried again', async () => {
  const { analytics, errors } = library({ writeKey: project.sk.slice(0, -1) })
  analytics.track({ anonymousId: 'visitor-1', event: 'numbered', properties: { n: 0 } })
  await analytics.closeAndFlush({ timeout: 30_000 })
  assert.equal(errors.length, 1)
  assert.match(String(errors[0].reason), /\[401\]/)
  assert.equal(proxy.requests.length, 1)
})

test('an event that is too large is reported and costs no other', async () => {
  const { analytics, errors } = library()
  for (const n of upTo(10)) {
    analytics.track({ anonymousId: 'visitor-1', event: 'numbered', properties: { n, text: 'x'.repeat(n === 3 ? 9000 : 10) } })
  }
  await analytics.closeAndFlush({ timeout: 30_000 })
  assert.match(String(errors[0].reason), /\[400\]/)
  assert.equal(proxy.requests.length, 1)
  assert.deepEqual(numbersOf(await server.rows(project)), upTo(10).filter(n => n !== 3))
})

test('the program of the documentation stores what it says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millimetric-segment-'))
  try {
    symlinkSync(join(SEGMENT_PACKAGES, 'node_modules'), join(folder, 'node_modules'))
    const { code } = blocks('segment.md', 'js').find(({ name }) => name === 'server.mjs')
    writeFileSync(join(folder, 'server.mjs'), code)
    const environment = { PATH: process.env.PATH, MILLIMETRIC_HOST: server.url, MILLIMETRIC_KEY: project.sk }
    await promisify(execFile)(process.execPath, [join(folder, 'server.mjs')], { env: environment })
    assert.deepEqual((await server.rows(project)).map(row => row.event_name), ['Invoice Sent'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
