// Segment's library for browsers (`@segment/analytics-next`), bundled into a page of a site as a developer does
// it: with `cdnURL` as the only setting.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'

import { launch, visitor } from '../support/chromium.mjs'
import { eventually, pause } from '../support/eventually.mjs'
import { blocks } from '../support/pages.mjs'
import { Server } from '../support/server.mjs'
import { Site, html } from '../support/site.mjs'
import { kinds, numbersOf, upTo } from '../support/expected.mjs'

const { NODE_PACKAGES, SEGMENT_PACKAGES } = process.env
const esbuild = createRequire(join(NODE_PACKAGES, 'package.json'))('esbuild')

/** A program as a bundler makes it. */
const bundled = contents =>
  esbuild.buildSync({
    stdin: { contents, resolveDir: SEGMENT_PACKAGES },
    bundle: true,
    write: false,
    format: 'iife',
    define: { 'process.env.NODE_ENV': '"production"' },
  }).outputFiles[0].text

const LIBRARY = bundled(`
import { AnalyticsBrowser } from '@segment/analytics-next'
window.failures = []
window.begin = (writeKey, cdnURL, options) => {
  window.analytics = AnalyticsBrowser.load({ writeKey, cdnURL }, options)
  window.loaded = window.analytics.then(([it]) => it.on('error', ({ reason }) => window.failures.push(String(reason))), error => window.failures.push(String(error)))
}`)

let server, site, project, browser
const contexts = []
before(async () => {
  server = await Server.start()
  browser = await launch()
})
beforeEach(async () => {
  await site?.stop()
  site = await Site.start()
  project = await server.project(site.origin)
  site.pages['/library.js'] = LIBRARY
  site.page = html('<script src="/library.js"></script>')
})
after(async () => {
  for (const context of contexts) await context.close()
  await browser.close()
  await site.stop()
  await server.stop()
})

/** A fresh profile, and every request that it made, in order. */
async function profile() {
  const context = await visitor(browser)
  contexts.push(context)
  const requests = []
  context.on('request', request => requests.push(request))
  return { context, requests }
}

/** A page in which the library has begun. */
async function open({ context }, { path = '/', key = project.pk, options } = {}) {
  const page = await context.newPage()
  await page.goto(site.origin + path)
  await page.evaluate(([key, host, options]) => window.begin(key, host, options), [key, server.url, options])
  return page
}

const events = requests => requests.filter(request => /\/v1\/[tipsgab]$/.test(request.url()))
const settings = requests => requests.filter(request => request.url().endsWith('/settings'))
const count = (page, from, to) =>
  page.evaluate(([from, to]) => {
    for (let n = from; n < to; n++) window.analytics.track('numbered', { n })
  }, [from, to])

/** Waits until 0..to are stored, and checks that each is there once. */
async function eachOnce(to) {
  const rows = await server.rowsWhen(project, `${to} events are stored`, rows => numbersOf(rows).length >= to)
  assert.deepEqual(numbersOf(rows), upTo(to))
}

/** Only the site and the server were asked for anything. */
function nothingElsewhere(requests) {
  const own = [site.origin, server.url]
  const others = requests.map(request => request.url()).filter(url => !own.includes(new URL(url).origin))
  assert.deepEqual(others, [])
}

test('each kind of message is stored as the documentation says, and nothing goes elsewhere', async () => {
  const visit = await profile()
  const page = await open(visit, { path: '/sale?utm_source=newsletter&utm_medium=email&utm_campaign=May&token=secret' })
  await page.evaluate(async () => {
    const { analytics } = window
    await analytics.setAnonymousId('visitor-1')
    await analytics.page('Shop', 'Sale', { color: 'red' })
    await analytics.identify('user-1', { plan: 'pro' })
    await analytics.track('Order Completed', { total: 49.5 })
    await analytics.screen('App', 'Home')
    await analytics.group('group-1', { employees: 12 })
    await analytics.alias('user-1', 'visitor-0')
  })
  const rows = await server.rowsWhen(project, 'six events are stored', rows => rows.length >= 6)
  const of = (name, wanted = () => true) => rows.find(row => row.event_name === name && wanted(row))
  const url = `${site.origin}/sale?utm_source=newsletter&utm_medium=email&utm_campaign=May&token=`
  const view = of('$pageview')
  assert.deepEqual(kinds(view), ['visitor-1', null, url, { name: 'Sale', category: 'Shop', title: 'A page', color: 'red' }])
  assert.deepEqual([view.path, view.source, view.campaign, view.browser], ['/sale', 'newsletter', 'May', 'chrome'])
  assert.deepEqual(kinds(of('$identify', row => 'plan' in row.properties)), ['visitor-1', 'user-1', url, { plan: 'pro' }])
  assert.deepEqual(kinds(of('Order Completed')), ['visitor-1', 'user-1', url, { total: 49.5 }])
  assert.deepEqual([of('$screen').properties.name, of('$screen').properties.category], ['Home', 'App'])
  assert.deepEqual(kinds(of('$group')), ['visitor-1', 'user-1', url, { groupId: 'group-1', employees: 12 }])
  const alias = of('$identify', row => row.anonymous_id === 'visitor-0')
  assert.deepEqual([alias.user_id, alias.properties], ['user-1', {}])
  assert.equal(settings(visit.requests).length, 1)
  assert.deepEqual(events(visit.requests).map(request => new URL(request.url()).pathname).sort(), ['/v1/a', '/v1/g', '/v1/i', '/v1/p', '/v1/s', '/v1/t'])
  nothingElsewhere(visit.requests)
})

test('a server that is killed and comes back on its port has everything once', async () => {
  const visit = await profile()
  const page = await open(visit)
  await count(page, 0, 20)
  await server.rowsOnce(project, 'numbered')
  await server.kill()
  await count(page, 20, 40)
  await eventually('sending has failed', () => visit.requests.some(request => request.failure()))
  await server.restartThere()
  await count(page, 40, 50)
  await eachOnce(50)
  nothingElsewhere(visit.requests)
})

test('what waits when a page is left while the server is down is sent by the next one', async () => {
  const visit = await profile()
  const page = await open(visit)
  await count(page, 0, 1)
  await server.rowsOnce(project, 'numbered')
  await server.kill()
  await count(page, 1, 10)
  await eventually('sending has failed', () => visit.requests.some(request => request.failure()))
  await page.goto('about:blank')
  await server.restartThere()
  const next = await open(visit, { path: '/next' })
  await count(next, 10, 12)
  await eachOnce(12)
})

test('responses that never arrive, 503 and 429 store nothing twice', async () => {
  const visit = await profile()
  const faults = ['lost', 503, 429, 'lost']
  const lost = []
  const answer = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Retry-After', 'retry-after': '1' }
  await visit.context.route(/\/v1\/t$/, async route => {
    const fault = route.request().method() === 'POST' ? faults.shift() : undefined
    if (typeof fault === 'number') return route.fulfill({ status: fault, headers: answer })
    if (fault === undefined) return route.continue()
    lost.push((await route.fetch()).status())
    return route.abort()
  })
  const page = await open(visit)
  await count(page, 0, 10)
  await eachOnce(10)
  await eventually('all was sent again', () => events(visit.requests).length >= 14)
  assert.deepEqual(lost, [200, 200], 'these were stored, and the library did not learn it')
  await eachOnce(10)
})

test('batches are stored as well', async () => {
  const visit = await profile()
  const strategy = { strategy: 'batching', config: { size: 5, timeout: 100 } }
  const page = await open(visit, { options: { integrations: { 'Segment.io': { deliveryStrategy: strategy } } } })
  await count(page, 0, 12)
  await eachOnce(12)
  assert.deepEqual([...new Set(events(visit.requests).map(request => new URL(request.url()).pathname))], ['/v1/b'])
})

test('a wrong key is reported when the page loads, and not tried again', async () => {
  const visit = await profile()
  const lines = []
  visit.context.on('console', message => lines.push(message.text()))
  const page = await open(visit, { key: project.pk.slice(0, -1) })
  await count(page, 0, 3)
  await eventually('the error is there', () => page.evaluate(() => window.failures.length > 0))
  assert.match(lines.join('\n'), /malformed_api_key/)
  await pause(2000)
  assert.equal(settings(visit.requests).length, 1)
  assert.equal(events(visit.requests).length, 0)
})

test('an origin that is not allowed is reported when the page loads', async () => {
  const visit = await profile()
  project = await server.project('https://shop.example')
  const page = await open(visit)
  await eventually('the error is there', () => page.evaluate(() => window.failures.some(it => it.includes('origin_not_allowed'))))
  assert.equal(settings(visit.requests).length, 1)
})

test('an event that can never be stored is reported and tried once', async () => {
  const visit = await profile()
  const page = await open(visit)
  await page.evaluate(() => window.analytics.track('large', { text: 'x'.repeat(9000) }))
  await count(page, 0, 2)
  await eachOnce(2)
  await eventually('the error is there', () => page.evaluate(() => window.failures.some(it => it.includes('400'))))
  await pause(2000)
  assert.equal(events(visit.requests).length, 3)
})

test('the program of the documentation counts page views', async () => {
  const { code } = blocks('segment.md', 'js').find(({ name }) => name === 'browser.js')
  const own = code.replaceAll('https://stats.example.com', server.url).replaceAll('pk_live_…', project.pk)
  site.pages['/program.js'] = bundled(own)
  site.page = html('<script src="/program.js"></script>')
  const visit = await profile()
  await (await visit.context.newPage()).goto(`${site.origin}/pricing`)
  const rows = await server.rowsOnce(project, '$pageview')
  assert.equal(rows[0].path, '/pricing')
  nothingElsewhere(visit.requests)
})
