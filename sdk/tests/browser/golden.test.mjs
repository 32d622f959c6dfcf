// What the script sends for what a page does, against the payload that the server's tests read too.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'

import { launch, visitor } from '../support/chromium.mjs'
import { html } from '../support/site.mjs'
import { ready } from '../support/world.mjs'

const golden = JSON.parse(readFileSync(new URL('../../../spec/golden/browser.json', import.meta.url)))
const script = readFileSync(new URL('../../browser/a.js', import.meta.url), 'utf8')

let browser
before(async () => (browser = await launch()))
after(() => browser.close())

test('the browser script sends the golden payload', async () => {
  const { url, referrer, viewport, locale, timezone, now } = golden.page
  const context = await visitor(browser, { locale, timezoneId: timezone, viewport })
  const sent = []
  await context.route('**/*', (route, request) => {
    const { pathname } = new URL(request.url())
    if (pathname === '/v1/a.js') return route.fulfill({ contentType: 'application/javascript', body: script })
    if (pathname !== '/v1/batch') return route.fulfill({ contentType: 'text/html', body: html(golden.page.head) })
    sent.push(request)
    return route.fulfill({ status: 202, headers: { 'access-control-allow-origin': '*' }, body: '{}' })
  })
  const page = await context.newPage()
  await page.clock.setFixedTime(now)
  await page.goto(url, { referer: referrer })
  await ready(page)
  await page.evaluate(calls => {
    for (const [name, ...args] of calls) {
      if (name === 'navigate') history.pushState({}, '', ...args)
      else mm[name](...args)
    }
    return mm.flush()
  }, golden.calls)
  const [request] = sent
  assert.equal(request.method(), golden.request.method)
  assert.equal(request.url(), golden.request.url)
  assert.equal((await request.allHeaders())['content-type'], golden.request.content_type)
  const body = JSON.parse(request.postData())
  for (const [index, event] of body.events.entries()) {
    assert.match(event.event_id, /^evt_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
    // Random, and the only thing that is.
    event.event_id = golden.request.body.events[index]?.event_id
  }
  assert.deepEqual(body, golden.request.body)
  await context.close()
})
