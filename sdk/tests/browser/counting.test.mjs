// What a page with the snippet counts, and what it does not.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { undriven, withoutStorage } from '../support/chromium.mjs'
import { eventually } from '../support/eventually.mjs'
import { STUB, html } from '../support/site.mjs'
import { ready, summary, world } from '../support/world.mjs'

const it = world()

test('a page with only the snippet yields classified page views', async () => {
  await it.open('/sale?utm_source=facebook&utm_medium=cpc&utm_campaign=spring')
  const [row] = await it.server.rowsOnce(it.project, '$pageview')
  assert.deepEqual(
    [row.event_name, row.path, row.source, row.medium, row.campaign, row.browser, row.os, row.device_type],
    ['$pageview', '/sale', 'facebook', 'paid', 'spring', 'chrome', 'linux', 'desktop'],
  )
  assert.equal(row.url, `${it.site.origin}/sale?utm_source=facebook&utm_medium=cpc&utm_campaign=spring`)
  assert.equal(row.referrer, null)
  assert.match(row.event_id, /^evt_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.deepEqual(row.properties, { $viewport_w: 1280, $viewport_h: 720, $language: 'en-GB', $timezone: 'Europe/Berlin' })
})

test('events go as text without a preflight, and no cookie is set', async () => {
  const page = await it.open()
  await it.ending(page)
  const [request] = it.proxy.requests
  assert.equal(request.path, `/v1/batch?key=${it.project.pk}`)
  assert.equal(request.headers['content-type'], 'text/plain;charset=UTF-8')
  assert.equal(request.headers.cookie, undefined)
  assert.deepEqual(await page.context().cookies(), [])
})

test('a visitor comes back under the same id, which a reset changes', async () => {
  const context = await it.visitor()
  const first = await it.openIn(context, '/first')
  const id = await first.evaluate(() => mm.getAnonymousId())
  assert.equal(await first.evaluate(() => localStorage.mm_aid), id)
  const second = await it.openIn(context, '/second')
  assert.equal(await second.evaluate(() => mm.getAnonymousId()), id)
  await second.evaluate(() => mm.reset())
  await it.ending(second)
  const rows = await it.server.rowsWhen(it.project, 'all are there', rows => rows.length === 3)
  const ids = Object.fromEntries(rows.map(row => [row.path + row.event_name, row.anonymous_id]))
  assert.equal(ids['/first$pageview'], id)
  assert.equal(ids['/second$pageview'], id)
  assert.notEqual(ids['/secondthe end'], id)
})

test('every page within the page counts once, and a changed query or a slash at the end makes none', async () => {
  const page = await it.open('/')
  await page.evaluate(() => {
    history.pushState({}, '', '/products')
    // As some routers do right after a navigation.
    history.replaceState({}, '', '/products/')
    history.pushState({}, '', '/products?page=2')
    for (const q of ['s', 'sh', 'shoe']) history.pushState({}, '', `/products/?q=${q}`)
    history.pushState({ open: 'dialog' }, '', location.href)
    history.replaceState({}, '', '/products?page=2&sort=price')
    history.replaceState({}, '', '/basket')
    location.hash = 'part'
  })
  await page.evaluate(() => new Promise(done => {
    addEventListener('popstate', done, { once: true })
    history.go(-3)
  }))
  assert.deepEqual(await it.ending(page), [
    '$pageview /',
    '$pageview /basket',
    '$pageview /products/',
    '$pageview /products',
  ].sort())
})

test('with countQuery a changed query is a page view', async () => {
  it.site.page = html(it.snippet('data-count-query'))
  const page = await it.open('/shop?page=1')
  await page.evaluate(() => {
    history.pushState({}, '', '/shop?page=2')
    history.replaceState({}, '', '/shop/?page=2')
    history.replaceState({}, '', '/shop/?page=3')
    history.pushState({}, '', '/shop/?page=3#top')
  })
  assert.deepEqual(await it.ending(page), ['$pageview /shop', '$pageview /shop', '$pageview /shop/'])
})

test('within the page the page before is the referrer, and only the landing page has the one of the document', async () => {
  const context = await it.visitor()
  const page = await context.newPage()
  await page.goto(`${it.site.origin}/?gclid=abc`, { referer: 'https://www.google.com/' })
  await ready(page)
  await page.evaluate(() => {
    mm.track('on the landing page')
    history.replaceState({}, '', '/?gclid=abc&filter=new#top')
    mm.track('with another query')
    history.pushState({}, '', '/pricing')
    mm.track('signup')
    history.pushState({}, '', '/thanks')
  })
  await it.ending(page)
  const rows = await it.server.rows(it.project)
  const seen = rows.filter(row => row.event_name !== 'the end').map(row => [row.event_name, row.path, row.referrer, `${row.source} / ${row.medium}`])
  const { origin } = it.site
  assert.deepEqual(seen.sort(), [
    ['$pageview', '/', 'https://www.google.com/', 'google / paid'],
    ['on the landing page', '/', 'https://www.google.com/', 'google / paid'],
    ['with another query', '/', 'https://www.google.com/', 'google / paid'],
    ['$pageview', '/pricing', `${origin}/?gclid=abc&filter=new`, 'internal / direct'],
    ['signup', '/pricing', `${origin}/?gclid=abc&filter=new`, 'internal / direct'],
    ['$pageview', '/thanks', `${origin}/pricing`, 'internal / direct'],
  ].sort())
})

test('with hash routing the part after the hash is part of the path', async () => {
  it.site.page = html(it.snippet('data-hash-routing'))
  const page = await it.open('/app#/inbox')
  await page.evaluate(() => new Promise(done => {
    addEventListener('popstate', () => setTimeout(done), { once: true })
    location.hash = '/sent'
  }))
  assert.deepEqual(await it.ending(page), ['$pageview /app/inbox', '$pageview /app/sent'])
})

test('without automatic page views only what is asked for counts', async () => {
  it.site.page = html(it.snippet('data-auto-page-view="false"'))
  const page = await it.open('/')
  await page.evaluate(() => {
    history.pushState({}, '', '/other')
    mm.page('Other', { kind: 'virtual' })
  })
  assert.deepEqual(await it.ending(page), ['$pageview /other'])
  const [row] = await it.server.rows(it.project)
  assert.deepEqual([row.properties.name, row.properties.kind], ['Other', 'virtual'])
})

test('a page that comes back from the back/forward cache counts again', async () => {
  it.site.pages = {
    '/a': html(it.snippet(), `<script>
      addEventListener('pageshow', event => {
        if (event.persisted) { mm.track('restored'); mm.flush() }
        else setTimeout(() => location.href = '/b', 500)
      })</script>`),
    '/b': html(it.snippet(), `<script>addEventListener('load', () => setTimeout(() => history.back(), 500))</script>`),
  }
  const rows = await undriven(`${it.site.origin}/a`, () => it.server.rowsWhen(it.project, 'both pages are counted, one twice', rows => rows.length >= 4))
  assert.deepEqual(summary(rows), ['$pageview /a', '$pageview /a', '$pageview /b', 'restored /a'])
})

test('a page rendered ahead counts when it is shown, and not before', async () => {
  const rules = JSON.stringify({ prerender: [{ source: 'list', urls: ['/next'] }] })
  it.site.pages = {
    '/': html(it.snippet() + `<script type="speculationrules">${rules}</script>`, `<script>
      const look = async () => {
        const ahead = await (await fetch('/is-ahead', { cache: 'no-store' })).text()
        if (ahead === 'yes') location.href = '/next'
        else setTimeout(look, 100)
      }
      look()</script>`),
    '/is-ahead': () => it.site.asked.includes('/ahead') ? 'yes' : 'no',
    '/next': html(STUB + it.snippet(), `<script>
      mm.track('begun ahead')
      if (document.prerendering) addEventListener('load', () => fetch('/ahead'))
      else fetch('/not-ahead')
      document.addEventListener('prerenderingchange', () => mm.track('shown'))</script>`),
  }
  await undriven(`${it.site.origin}/`, async () => {
    await eventually('the page is rendered ahead', () => it.site.asked.includes('/ahead') || it.site.asked.includes('/not-ahead'))
    assert.ok(!it.site.asked.includes('/not-ahead'), 'the browser did not render ahead')
    const rows = await it.server.rowsOnce(it.project, 'shown')
    assert.deepEqual(summary(rows), ['$pageview /', '$pageview /next', 'begun ahead /next', 'shown /next'])
  })
})

test('who asks not to be tracked is not: no request, no listener, nothing stored', async () => {
  const signals = ["Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true })", "Object.defineProperty(Navigator.prototype, 'doNotTrack', { get: () => '1' })"]
  for (const signal of signals) {
    const context = await it.visitor()
    await context.addInitScript(signal)
    const page = await it.openIn(context)
    const seen = await page.evaluate(async () => {
      const { pushState } = history
      mm.track('signup')
      mm.identify('user-1')
      mm.optIn()
      await mm.flush()
      return { id: mm.getAnonymousId(), kept: { ...localStorage }, own: history.pushState !== pushState || Object.hasOwn(history, 'pushState') }
    })
    assert.deepEqual(seen, { id: undefined, kept: {}, own: false })
  }
  assert.deepEqual(it.proxy.requests, [])
  it.site.page = html(it.snippet('data-respect-dnt="false"'))
  const context = await it.visitor()
  await context.addInitScript(signals[0])
  assert.deepEqual(await it.ending(await it.openIn(context)), ['$pageview /'])
})

test('who opts out is not counted in any tab or visit until they opt in again', async () => {
  const context = await it.visitor()
  const first = await it.openIn(context, '/first')
  const other = await it.openIn(context, '/other')
  await it.server.rowsWhen(it.project, 'both views are stored', rows => rows.length === 2)
  await first.evaluate(() => {
    mm.track('never sent')
    mm.optOut()
    mm.track('nor this')
  })
  // Storage reaches the other tab's process a moment later.
  await other.waitForFunction(() => localStorage.mm_out)
  await other.evaluate(() => mm.track('nor in this tab'))
  assert.deepEqual(await first.evaluate(() => ({ ...localStorage })), { mm_out: '1' })
  const later = await it.openIn(context, '/later')
  assert.equal(await later.evaluate(() => mm.getAnonymousId()), undefined)
  await later.evaluate(() => mm.optIn())
  assert.deepEqual(await it.ending(later), ['$pageview /first', '$pageview /later', '$pageview /other'])
})

test('calls made before the script is there are kept, in order', async () => {
  it.site.page = html(STUB + `<script>
    mm.setAnonymousId('from-the-server')
    mm.track('early', { n: 1 })
    mm.identify('user-1', { plan: 'pro' })</script>` + it.snippet())
  const page = await it.open('/')
  await page.evaluate(() => mm.track('late'))
  await it.ending(page)
  const rows = await it.server.rows(it.project)
  const sent = rows.map(row => [row.event_name, row.anonymous_id, row.user_id])
  for (const expected of [
    ['early', 'from-the-server', null],
    ['$identify', 'from-the-server', 'user-1'],
    ['$pageview', 'from-the-server', 'user-1'],
    ['late', 'from-the-server', 'user-1'],
  ]) assert.ok(sent.some(it => JSON.stringify(it) === JSON.stringify(expected)), `${expected} in ${JSON.stringify(sent)}`)
  assert.equal(rows.find(row => row.event_name === '$identify').properties.plan, 'pro')
})

test('the script begins by hand when its tag has no key, and a second tag changes nothing', async () => {
  const tag = `<script src="${it.proxy.url}/v1/a.js"></script>`
  it.site.page = html(tag + tag, `<script>mm.init({ key: '${it.project.pk}' }); mm.init({ key: 'another' })</script>`)
  const page = await it.open('/')
  assert.deepEqual(await it.ending(page), ['$pageview /'])
})

test('the package counts what the script counts, to the origin of the page where no host is given', async () => {
  it.site.pages['/track.js'] = readFileSync(`${process.env.SDK_BUILD}/browser/dist/index.mjs`, 'utf8')
  it.site.page = html(`<script type="module">
    import * as all from '/track.js'
    all.track('before init')
    all.init({ key: '${it.project.pk}', host: '${it.proxy.url}' })
    window.mm = all</script>`)
  const page = await it.open('/')
  await page.evaluate(() => history.pushState({}, '', '/next'))
  assert.deepEqual(await it.ending(page), ['$pageview /', '$pageview /next', 'before init /'])

  it.site.page = it.site.page.replace(`, host: '${it.proxy.url}'`, ', flushIntervalMs: 1')
  await it.open('/')
  await eventually('it is sent to the site itself', () => it.site.asked.includes(`/v1/batch?key=${it.project.pk}`))
})

test('a strict content security policy is no hindrance', async () => {
  it.site.headers = { 'content-security-policy': `default-src 'none'; script-src ${it.proxy.url}; connect-src ${it.proxy.url}; require-trusted-types-for 'script'` }
  const context = await it.visitor()
  const page = await context.newPage()
  const said = []
  page.on('console', message => said.push(message.text()))
  page.on('pageerror', error => said.push(String(error)))
  await page.goto(`${it.site.origin}/strict`)
  assert.deepEqual(summary(await it.server.rowsOnce(it.project, '$pageview')), ['$pageview /strict'])
  assert.deepEqual(said.filter(text => !text.includes('favicon')), [])
})

test('a browser that forbids storage is counted all the same', () => withoutStorage(async context => {
  const page = await context.newPage()
  const errors = []
  page.on('pageerror', error => errors.push(String(error)))
  await page.goto(`${it.site.origin}/`)
  await ready(page)
  const blocked = await page.evaluate(() => {
    try { return String(localStorage) } catch (error) { return error.name }
  })
  assert.equal(blocked, 'SecurityError')
  assert.deepEqual(await it.ending(page), ['$pageview /'])
  const rows = await it.server.rows(it.project)
  assert.equal(new Set(rows.map(row => row.anonymous_id)).size, 1)
  assert.deepEqual(errors, [])
}))

test('in memory only, nothing is stored', async () => {
  it.site.page = html(it.snippet('data-storage="memory"'))
  const page = await it.open('/')
  assert.deepEqual(await it.ending(page), ['$pageview /'])
  assert.deepEqual(await page.evaluate(() => ({ ...localStorage })), {})
})

test('what cannot be sent as it is never harms the page', async () => {
  const page = await it.open('/')
  const errors = []
  page.on('pageerror', error => errors.push(String(error)))
  await page.evaluate(() => {
    const ring = {}
    ring.ring = ring
    mm.track('ring', ring)
    mm.track('number', { n: 1n })
    mm.track('getter', { get it() { throw new Error('mine') } })
    mm.track('large', { text: 'ü'.repeat(5000) })
    mm.track('x'.repeat(200))
    mm.track()
    mm.init()
    mm.setAnonymousId()
  })
  await it.ending(page)
  const rows = await it.server.rows(it.project)
  const names = rows.map(row => row.event_name)
  assert.ok(names.includes('x'.repeat(128)))
  for (const lost of ['ring', 'number', 'getter']) assert.ok(!names.includes(lost))
  const { properties } = rows.find(row => row.event_name === 'large')
  assert.deepEqual(Object.keys(properties), ['__truncated', 'original_bytes'])
  assert.ok(properties.original_bytes > 10_000 && properties.original_bytes < 10_200)
  assert.deepEqual(errors, [])
})
