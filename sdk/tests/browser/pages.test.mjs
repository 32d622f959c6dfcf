// The HTML in docs/sdk, in a page of a site.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { blocks } from '../support/pages.mjs'
import { html } from '../support/site.mjs'
import { ready, world } from '../support/world.mjs'

const it = world()

/** A block with this story's server and key. */
const real = ({ code }) => code.replaceAll('https://stats.example.com', it.proxy.url).replaceAll('pk_live_…', it.project.pk)

test('the snippet alone counts', async () => {
  const [snippet] = blocks('snippet.md', 'html')
  it.site.page = html(real(snippet))
  assert.deepEqual(await it.ending(await it.open('/')), ['$pageview /'])
})

test('with the line before it, calls come early', async () => {
  it.site.page = html(real(blocks('snippet.md', 'html')[1]))
  assert.deepEqual(await it.ending(await it.open('/')), ['$pageview /', 'pricing_seen /'])
})

test('the id of a server is the visitor', async () => {
  it.site.page = html(real(blocks('identity.md', 'html')[0]))
  await it.ending(await it.open('/'))
  const ids = (await it.server.rows(it.project)).map(row => row.anonymous_id)
  assert.deepEqual([...new Set(ids)], ['id-of-the-server'])
})

test('nothing is stored or sent until there is consent, and then also on the next page', async () => {
  it.site.page = html('', real(blocks('consent.md', 'html')[0]))
  const context = await it.visitor()
  const page = await it.openIn(context, '/first')
  await page.evaluate(() => mm.track('before consent'))
  assert.deepEqual([await page.evaluate(() => ({ ...localStorage })), it.proxy.requests], [{}, []])
  await page.click('#agree')
  await it.server.rowsOnce(it.project, 'before consent')
  const next = await it.openIn(context, '/next')
  await ready(next)
  assert.deepEqual(await it.ending(next), ['$pageview /first', '$pageview /next', 'before consent /first'])
})
