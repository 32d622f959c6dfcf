// The Node package against a real server: what is tracked is stored exactly once, and what goes wrong
// is reported without harm.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, beforeEach, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

import { eventually } from '../support/eventually.mjs'
import { Proxy } from '../support/proxy.mjs'
import { Server } from '../support/server.mjs'

const PACKAGE = pathToFileURL(`${process.env.SDK_BUILD}/node/dist/index.js`).href
const { MillimetricClient, MillimetricError, flush, init, shutdown, track } = await import(PACKAGE)

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

const client = options => new MillimetricClient({ key: project.sk, host: `${proxy.url}/`, ...options })
const numbers = rows => rows.map(row => row.properties.n).sort((a, b) => a - b)
const upTo = count => Array.from({ length: count }, (_, n) => n)
const numbered = n => ({ event: 'numbered', properties: { n } })
const paths = () => proxy.requests.map(request => request.path)

test('an event that was awaited is stored, with whom it is about', async () => {
  await client().track({
    event: 'order_paid',
    user_id: 'user-1',
    anonymous_id: 'visitor-1',
    url: 'https://shop.example/thanks?utm_source=news&utm_medium=email',
    properties: { total: 49 },
    context: { ip: '81.2.69.160', user_agent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1' },
  })
  const [row] = await server.rows(project)
  assert.deepEqual(
    [row.event_name, row.user_id, row.anonymous_id, row.source, row.device_type, row.os, row.country],
    ['order_paid', 'user-1', 'visitor-1', 'news', 'mobile', 'ios', 'GB'],
  )
  assert.deepEqual(row.properties, { total: 49 })
  assert.match(row.event_id, /^evt_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.deepEqual(paths(), ['/v1/track'])
  assert.equal(proxy.requests[0].headers.authorization, `Bearer ${project.sk}`)
})

test('identifying stores the link and the traits', async () => {
  await client().identify({ anonymous_id: 'visitor-1', user_id: 'user-1', traits: { plan: 'pro' } })
  const [row] = await server.rows(project)
  assert.deepEqual([row.event_name, row.anonymous_id, row.user_id, row.properties], ['$identify', 'visitor-1', 'user-1', { plan: 'pro' }])
  await assert.rejects(client().identify({ anonymous_id: 'visitor-1' }), { code: 'invalid_payload' })
})

test('events that wait go in one batch, when there are enough or the time has come', async () => {
  const batching = client({ flushAt: 10, flushIntervalMs: 50 })
  for (const n of upTo(13)) await batching.track(numbered(n))
  const rows = await server.rowsWhen(project, 'all are stored', rows => rows.length === 13)
  assert.deepEqual(numbers(rows), upTo(13))
  assert.deepEqual(paths(), ['/v1/batch', '/v1/batch'])
  assert.deepEqual(proxy.requests.map(({ body }) => JSON.parse(body).events.length), [10, 3])
})

test('5000 events at once arrive, each once, in batches and one by one', async () => {
  const batching = client({ flushAt: 20 })
  for (const n of upTo(5000)) batching.track(numbered(n))
  await batching.flush()
  assert.deepEqual(numbers(await server.rows(project)), upTo(5000))
  assert.ok(proxy.requests.every(({ body }) => JSON.parse(body).events.length <= 1000))
  project = await server.project()
  const single = client()
  await Promise.all(upTo(500).map(n => single.track(numbered(n))))
  assert.deepEqual(numbers(await server.rows(project)), upTo(500))
})

test('no request is above ten megabytes', async () => {
  const batching = client({ flushAt: 2000, maxQueue: 2000 })
  const text = 'x'.repeat(8000)
  for (const n of upTo(1500)) batching.track({ event: 'numbered', url: `https://shop.example/${'y'.repeat(2000)}`, referrer: 'z'.repeat(2000), properties: { n, text } })
  await batching.flush()
  assert.deepEqual(numbers(await server.rows(project)), upTo(1500))
  const sizes = proxy.requests.map(({ body }) => Buffer.byteLength(body))
  assert.ok(sizes.length > 1 && Math.max(...sizes) <= 10 * 1024 * 1024, String(sizes))
})

test('503, 429, broken connections and lost responses are retried with the same ids', async () => {
  proxy.faults = [{ status: 503 }, { status: 429, headers: { 'retry-after': '1' } }, 'cut', 'lose the response']
  await client({ maxRetries: 4 }).track(numbered(0))
  assert.deepEqual(numbers(await server.rows(project)), [0])
  assert.equal(proxy.requests.length, 5)
  assert.equal(new Set(proxy.sent().map(event => event.event_id)).size, 1)
  assert.equal(new Set(proxy.sent().map(event => event.timestamp)).size, 1)
})

test('a server that is killed and comes back has everything once', async () => {
  const batching = client({ flushAt: 5, flushIntervalMs: 50 })
  for (const n of upTo(20)) batching.track(numbered(n))
  await server.kill()
  for (const n of upTo(20)) batching.track(numbered(20 + n))
  await assert.rejects(batching.flush(), { code: 'unreachable', retryable: true })
  await server.restart()
  proxy.target = server.url
  await batching.flush()
  assert.deepEqual(numbers(await server.rows(project)), upTo(40))
})

test('after the last retry the events wait at the head, and the next flush sends them first', async () => {
  const batching = client({ flushAt: 100, flushIntervalMs: 3_600_000, maxRetries: 1 })
  batching.track(numbered(0))
  batching.track(numbered(1))
  proxy.fault = { status: 503, body: '{"error":"overloaded","message":"try again"}' }
  await assert.rejects(batching.flush(), error => {
    assert.ok(error instanceof MillimetricError)
    assert.deepEqual([error.code, error.status, error.retryable], ['overloaded', 503, true])
    return true
  })
  assert.equal(proxy.requests.length, 2)
  batching.track(numbered(2))
  proxy.fault = undefined
  await batching.flush()
  assert.deepEqual(JSON.parse(proxy.requests.at(-1).body).events.map(event => event.properties.n), [0, 1, 2])
  await batching.flush()
})

test('one by one too, what failed stays in the queue and its promise is rejected', async () => {
  const single = client({ maxRetries: 0, flushIntervalMs: 3_600_000 })
  proxy.fault = 'cut'
  const results = await Promise.allSettled(upTo(20).map(n => single.track(numbered(n))))
  assert.ok(results.every(({ reason }) => reason?.code === 'unreachable'))
  proxy.fault = undefined
  await single.flush()
  assert.deepEqual(numbers(await server.rows(project)), upTo(20))
})

test('while the server asks for patience nothing is sent and nobody waits', async () => {
  const single = client()
  proxy.faults = [{ status: 429, headers: { 'retry-after': '3600' }, body: '{"error":"quota_exceeded"}' }]
  await assert.rejects(single.track(numbered(0)), { code: 'quota_exceeded', retryAfterMs: 3_600_000 })
  await assert.rejects(single.track(numbered(1)), { code: 'quota_exceeded' })
  assert.equal(proxy.requests.length, 1)
  await single.flush()
  assert.deepEqual(numbers(await server.rows(project)), [0, 1])
})

test('a refusal is thrown with its code and is not retried', async () => {
  await assert.rejects(client().track({ event: '' }), error => {
    assert.deepEqual([error.code, error.status, error.retryable], ['invalid_payload', 400, false])
    assert.deepEqual(Object.keys(error.details.fieldErrors), ['event'])
    assert.match(error.requestId, /^req_/)
    return true
  })
  await assert.rejects(client({ key: project.rk }).track(numbered(0)), { code: 'insufficient_scope', status: 403 })
  await assert.rejects(client({ key: 'sk_live_typo' }).track(numbered(0)), { code: 'malformed_api_key', status: 401 })
  assert.equal(proxy.requests.length, 3)
})

test('a batch that is refused for one event goes on without it, and flush tells', async () => {
  const batching = client({ flushAt: 100 })
  for (const n of upTo(5)) {
    batching.track(numbered(n))
    if (n === 2) batching.track({ event: 'wrong', url: 'not a url' })
  }
  await assert.rejects(batching.flush(), error => {
    assert.deepEqual(Object.keys(error.details.fieldErrors), ['events.3.url'])
    return true
  })
  assert.deepEqual(numbers(await server.rows(project)), upTo(5))
  await batching.flush()
})

test('a batch that is too large for something on the way is halved', async () => {
  const batching = client({ flushAt: 100 })
  proxy.faults = [{ status: 413 }, { status: 413 }]
  for (const n of upTo(40)) batching.track(numbered(n))
  await batching.flush()
  assert.deepEqual(numbers(await server.rows(project)), upTo(40))
  assert.deepEqual(proxy.requests.map(({ body }) => JSON.parse(body).events.length), [40, 20, 10, 10, 10, 10])
})

test('the queue is bounded', async () => {
  const bounded = client({ flushAt: 100, flushIntervalMs: 3_600_000, maxQueue: 3 })
  for (const n of upTo(3)) await bounded.track(numbered(n))
  await assert.rejects(bounded.track(numbered(3)), { code: 'queue_full' })
  await bounded.flush()
  await bounded.track(numbered(3))
  await bounded.flush()
  assert.deepEqual(numbers(await server.rows(project)), upTo(4))
})

test('a shutdown sends what waits and takes no more', async () => {
  const batching = client({ flushAt: 100, flushIntervalMs: 3_600_000 })
  batching.track(numbered(0))
  await batching.shutdown()
  assert.deepEqual(numbers(await server.rows(project)), [0])
  await assert.rejects(batching.track(numbered(1)), { code: 'closed' })
})

test('the functions use the client that init made', async () => {
  const made = init({ key: project.sk, host: proxy.url, flushAt: 5 })
  await track(numbered(0))
  await made.track(numbered(1))
  await flush()
  assert.deepEqual(numbers(await server.rows(project)), [0, 1])
  await shutdown()
  assert.throws(() => init({ key: project.sk }), TypeError)
})

/** Runs a module in a process of its own, and returns what it printed. */
async function run(code) {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', `
    import { MillimetricClient, track } from ${JSON.stringify(PACKAGE)}
    const client = options => new MillimetricClient({ key: ${JSON.stringify(project.sk)}, host: ${JSON.stringify(proxy.url)}, ...options })
    ${code}`])
  return stdout.trim()
}

test('waiting events keep no process alive', async () => {
  await run(`client({ flushAt: 100, flushIntervalMs: 3_600_000 }).track({ event: 'numbered' })`)
  assert.deepEqual(proxy.requests, [])
})

test('a process stays for what somebody waits for', async () => {
  proxy.faults = [{ status: 503 }, { status: 503 }]
  await run(`const it = client({ flushAt: 100 }); it.track({ event: 'numbered', properties: { n: 0 } }); await it.flush()`)
  assert.deepEqual(numbers(await server.rows(project)), [0])
})

test('what nobody waits for never ends a process', async () => {
  const said = await run(`
    client({ maxRetries: 0 }).track({ event: '' })
    client({ host: 'http://127.0.0.1:9', maxRetries: 0 }).track({ event: 'a' })
    client({ flushAt: 9 }).track({ event: 'a', properties: { n: 1n } })
    client().identify({})
    client().identify()
    client().track()
    track({ event: 'without init' })
    setTimeout(() => console.log('alive'), 500)`)
  assert.equal(said, 'alive')
})

test('the package is there for require too', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--eval', `console.log(Object.keys(require(${JSON.stringify(`${process.env.SDK_BUILD}/node/dist/index.cjs`)})).sort().join())`])
  assert.equal(stdout.trim(), 'MillimetricClient,MillimetricError,flush,identify,init,shutdown,track')
})

test('the error of a background flush is reported by the next flush', async () => {
  const batching = client({ flushAt: 2 })
  batching.track({ event: '' })
  batching.track({ event: '' })
  await eventually('it was refused', () => proxy.requests.length === 1)
  await assert.rejects(batching.flush(), { code: 'invalid_payload' })
  await batching.flush()
})
