// Each event gets there exactly once, whatever happens on the way.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { eventually, pause } from '../support/eventually.mjs'
import { html } from '../support/site.mjs'
import { ready, world } from '../support/world.mjs'

const it = world()

/** Tracks the numbers from..to in the page. */
const count = (page, from, to) =>
  page.evaluate(([from, to]) => {
    for (let n = from; n < to; n++) mm.track('numbered', { n })
  }, [from, to])

/** Waits until 0..to are stored, and checks that each is there once, beside as many page views as said. */
async function eachOnce(to, views) {
  const rows = await it.server.rowsWhen(it.project, `${to} numbered events and ${views} page views are stored`, rows => rows.length >= to + views)
  const numbers = rows.filter(row => row.event_name === 'numbered').map(row => row.properties.n)
  assert.deepEqual(numbers.sort((a, b) => a - b), Array.from({ length: to }, (_, n) => n))
  assert.equal(rows.filter(row => row.event_name === '$pageview').length, views)
  assert.equal(rows.length, to + views)
}

/** Where tabs keep what is not confirmed: a name for each. */
const places = page => page.evaluate(() => Object.keys(localStorage).filter(name => name.startsWith('mm_q')))

/** Waits until so many tabs keep something. */
const keeping = (tabs, page) => eventually(`tabs that keep something: ${tabs}`, async () => (await places(page)).length === tabs)

/** Nothing waits or is on its way any more, neither in the page nor in storage. */
const idle = page => keeping(0, page)

test('what waits when a tab is closed is sent', async () => {
  const page = await it.open()
  await count(page, 0, 15)
  await it.close(page)
  await eachOnce(15, 1)
})

test('what waits when the visitor goes to another site is sent', async () => {
  const page = await it.open()
  await count(page, 0, 15)
  await page.goto('about:blank')
  await eachOnce(15, 1)
})

test('more than one request can carry is kept for the next visit', async () => {
  const context = await it.visitor()
  const page = await it.openIn(context)
  it.proxy.fault = 'cut'
  await page.evaluate(() => {
    for (let n = 0; n < 300; n++) mm.track('numbered', { n, text: 'é'.repeat(250) })
  })
  await it.close(page)
  // What a tab keeps is written beside its end: a page without the script sees when it is there.
  it.site.pages['/quiet'] = html('')
  const quiet = await context.newPage()
  await quiet.goto(`${it.site.origin}/quiet`)
  await keeping(1, quiet)
  it.proxy.fault = undefined
  await it.openIn(context)
  await eachOnce(300, 2)
  const largest = Math.max(...it.proxy.requests.map(({ body }) => Buffer.byteLength(body)))
  assert.ok(largest < 64 * 1024, `${largest} bytes`)
})

test('ten seconds without a network lose nothing', async () => {
  const context = await it.visitor()
  const page = await it.openIn(context)
  await context.setOffline(true)
  await count(page, 0, 30)
  await pause(10_000)
  await count(page, 30, 40)
  await context.setOffline(false)
  await eachOnce(40, 1)
  await idle(page)
})

test('a server that is killed and comes back has everything once', async () => {
  const page = await it.open()
  await count(page, 0, 30)
  await it.server.kill()
  await count(page, 30, 70)
  await keeping(1, page)
  await it.server.restart()
  it.proxy.target = it.server.url
  await eachOnce(70, 1)
  await idle(page)
})

test('responses that never arrive cause no duplicates', async () => {
  const page = await it.open()
  it.proxy.faults = ['lose the response', 'lose the response']
  await count(page, 0, 25)
  await eachOnce(25, 1)
  await idle(page)
  const sent = it.proxy.sent().map(event => event.event_id)
  assert.ok(sent.length > new Set(sent).size, 'something was sent twice')
  await eachOnce(25, 1)
})

test('503, 429 and broken connections are waited out', async () => {
  const page = await it.open()
  it.proxy.faults = [{ status: 503 }, { status: 429, headers: { 'retry-after': '1' } }, 'cut', { status: 408 }]
  await count(page, 0, 25)
  await eachOnce(25, 1)
  assert.deepEqual(it.proxy.requests.slice(0, 5).map(({ fault }) => fault), [503, 429, 'cut', 408, undefined])
})

test('a pause that the server asks for is kept, also by a tab that is left', async () => {
  const page = await it.open()
  await it.server.rowsOnce(it.project, '$pageview')
  it.proxy.faults = [{ status: 429, headers: { 'retry-after': '3600' } }]
  await count(page, 0, 20)
  await keeping(1, page)
  const before = it.proxy.requests.length
  await count(page, 20, 45)
  const context = page.context()
  await it.close(page)
  assert.equal(it.proxy.requests.length, before)
  await it.openIn(context)
  await eachOnce(45, 2)
})

test('a refused key is not tried again and again', async () => {
  const page = await it.open()
  await it.server.rowsOnce(it.project, '$pageview')
  it.proxy.faults = [{ status: 403 }]
  await count(page, 0, 20)
  await eventually('it was refused', () => it.proxy.requests.some(({ fault }) => fault === 403))
  assert.deepEqual(await it.ending(page), ['$pageview /'])
})

test('one event that the server refuses costs no other', async () => {
  it.site.page = html(it.snippet('data-flush-interval-ms="50"'))
  const page = await it.open()
  await page.evaluate(() => {
    const deep = {}
    let inner = deep
    for (let level = 0; level < 40; level++) inner = inner.inner = {}
    for (let n = 0; n < 25; n++) {
      if (n === 7 || n === 20) mm.track('too deep', deep)
      mm.track('numbered', { n })
    }
  })
  await eachOnce(25, 1)
})

test('two tabs of one visitor that fail and close lose and double nothing', async () => {
  const context = await it.visitor()
  const [one, two] = [await it.openIn(context, '/one'), await it.openIn(context, '/two')]
  await it.server.rowsWhen(it.project, 'both views are stored', rows => rows.length === 2)
  it.proxy.fault = { status: 503 }
  await count(one, 0, 30)
  await count(two, 30, 60)
  for (const page of [one, two]) await keeping(2, page)
  // One closes, the other lives on while a third takes over what both keep.
  await it.close(one)
  it.proxy.fault = undefined
  const three = await it.openIn(context, '/three')
  await count(three, 60, 70)
  await eachOnce(70, 3)
  await idle(three)
  await two.evaluate(() => dispatchEvent(new Event('online')))
  await it.close(two)
  await eachOnce(70, 3)
})

test('what is too old to be sure about is not sent again', async () => {
  const context = await it.visitor()
  const page = await it.openIn(context)
  await it.server.rowsOnce(it.project, '$pageview')
  const kept = days => JSON.stringify([{ event: `of ${days} days`, timestamp: new Date(Date.now() - days * 864e5), anonymous_id: 'a' }])
  await page.evaluate(([key, old, young]) => {
    localStorage[`mm_q${key}old`] = old
    localStorage[`mm_q${key}young`] = young
    localStorage[`mm_q${key}broken`] = '['
    localStorage['mm_qother'] = young
  }, [it.project.pk, kept(7), kept(5)])
  const next = await it.openIn(context, '/next')
  assert.deepEqual(await it.ending(next), ['$pageview /', '$pageview /next', 'of 5 days null'])
  assert.deepEqual(await places(next), ['mm_qother'])
})

test('5000 events in a burst arrive, each once', async () => {
  const page = await it.open()
  await count(page, 0, 5000)
  await eachOnce(5000, 1)
  await ready(page)
})
