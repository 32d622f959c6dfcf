// What a visit is credited to, with nothing but the snippet on the site.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { rowsOf, signIn } from '../support/dashboard.mjs'
import { html } from '../support/site.mjs'
import { ready, world } from '../support/world.mjs'

const it = world()
/** A page of the dashboard; one account owns the projects of all stories. */
let dashboard

const SEARCH = 'https://www.google.com/'
const SIGN_IN = 'https://accounts.google.com/'
const PAYMENT = 'https://checkout.stripe.com/'

/** Pages of other hosts, which lead back to the site and name themselves as referrer. */
const hosts = async context => {
  const back = { [SEARCH]: '/?gclid=abc&utm_campaign=spring', [SIGN_IN]: '/welcome', [PAYMENT]: '/thanks' }
  for (const [host, path] of Object.entries(back)) {
    const link = `<a id="back" href="${it.site.origin}${path}">Back</a>`
    const body = html('<meta name="referrer" content="unsafe-url">', link)
    await context.route(`${host}**`, route => route.fulfill({ contentType: 'text/html', body }))
  }
}

/** Goes to another host and comes back from there. */
const through = async (page, host, path) => {
  await page.evaluate(host => location.assign(host), host)
  await page.waitForURL(`${host}**`)
  await page.click('#back')
  await page.waitForURL(`${it.site.origin}${path}**`)
  await ready(page)
}

/** An ad, two pages, sign-in, payment, and a purchase; `turn` goes from one page of the site to the next. */
const purchase = async turn => {
  const context = await it.visitor()
  await hosts(context)
  const page = await context.newPage()
  await page.goto(SEARCH)
  await page.click('#back')
  await page.waitForURL(`${it.site.origin}/?gclid=abc**`)
  await ready(page)
  await turn(page, '/pricing')
  await turn(page, '/features')
  await through(page, SIGN_IN, '/welcome')
  await through(page, PAYMENT, '/thanks')
  await page.evaluate(() => {
    mm.track('purchase', { amount: 80, currency: 'EUR' })
    return mm.flush()
  })
  return it.server.rowsOnce(it.project, 'purchase')
}

const range = 'from=2026-01-01&to=2100-01-01'

/** The purchase belongs to the ad, and the ledger says why. */
const credited = async rows => {
  const ask = path => it.server.read(it.project, path)
  const sources = await ask(`/v1/sources?${range}&attribution=session&event=purchase`)
  assert.deepEqual(sources.rows.map(row => [row.source, row.medium, row.events]), [['google', 'paid', 1]])
  const attribution = await ask(`/v1/attribution?${range}&event=purchase&value=amount&models=last_non_direct`)
  assert.deepEqual(attribution.rows.map(row => [row.session_source, row.session_medium, row.currency, row.value.last_non_direct]), [['google', 'paid', 'EUR', 80]])
  const { event_id } = rows.find(row => row.event_name === 'purchase')
  const { session, touches } = await ask(`/v1/explain?event_id=${event_id}`)
  assert.deepEqual([session.rule, session.campaign, session.first_event_id], ['google_click_id', 'spring', rows[0].event_id])
  assert.deepEqual(touches.map(touch => [touch.source, touch.rule, touch.weight.linear]), [['google', 'google_click_id', 1]])
  const sessions = await ask(`/v1/sessions?${range}`)
  assert.deepEqual([sessions.rows[0].sessions, sessions.rows[0].bounces], [1, 0])
}

/** The dashboard says the same: sources, visitors, events, confidence of all events, then of the purchase. */
const shown = async () => {
  dashboard ??= await signIn(await it.visitor(), it.server)
  const overview = new URL(`/projects/${it.project.slug}`, it.server.setup).href
  await dashboard.goto(overview)
  assert.deepEqual(await rowsOf(dashboard, 'sources'), [['google paid', '1', '6', 'high']])
  await dashboard.locator('#events').getByRole('link', { name: 'purchase' }).click()
  await dashboard.waitForURL(`${overview}?*event=purchase*`)
  assert.deepEqual(await rowsOf(dashboard, 'sources'), [['google paid', '1', '1', 'high']])
}

const path = row => `${row.event_name} ${row.path}`
const EVENTS = ['$pageview /', '$pageview /pricing', '$pageview /features', '$pageview /welcome', '$pageview /thanks', 'purchase /thanks']

test('on a site of several pages, a purchase after sign-in and payment is credited to the ad', async () => {
  const rows = await purchase(async (page, to) => {
    await page.evaluate(to => location.assign(to), to)
    await page.waitForURL(`**${to}`)
    await ready(page)
  })
  assert.deepEqual(rows.map(path), EVENTS)
  const { origin } = it.site
  assert.deepEqual(rows.map(row => row.source), ['google', 'internal', 'internal', 'internal', 'internal', 'internal'])
  assert.deepEqual(rows.map(row => row.referrer), [SEARCH, `${origin}/?gclid=abc&utm_campaign=spring`, `${origin}/pricing`, SIGN_IN, PAYMENT, PAYMENT])
  await credited(rows)
  await shown()
})

test('in a single-page app too, whose later pages have the page before as referrer', async () => {
  const rows = await purchase((page, to) => page.evaluate(to => history.pushState({}, '', to), to))
  assert.deepEqual(rows.map(path), EVENTS)
  assert.deepEqual(rows.map(row => row.source), ['google', 'internal', 'internal', 'internal', 'internal', 'internal'])
  await credited(rows)
  await shown()
})
