// The browser package where there is no page: on a server that renders pages ahead.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

const FOLDER = `${process.env.SDK_BUILD}/browser/dist`

test('while a page is rendered on a server, nothing happens', async context => {
  const sent = context.mock.method(globalThis, 'fetch', () => assert.fail('something was sent'))
  const timers = context.mock.method(globalThis, 'setTimeout')
  const imported = await import(pathToFileURL(`${FOLDER}/index.mjs`).href)
  const required = createRequire(import.meta.url)(`${FOLDER}/index.js`)
  for (const { init, ...others } of [imported, required]) {
    assert.equal(init({ key: 'pk_live_key', host: 'https://stats.example.com' }), undefined)
    for (const call of Object.values(others)) assert.equal(call('name', { a: 1 }), undefined)
    assert.deepEqual(Object.keys(others).sort(), ['flush', 'getAnonymousId', 'identify', 'optIn', 'optOut', 'page', 'reset', 'setAnonymousId', 'track'])
  }
  assert.deepEqual([sent.mock.callCount(), timers.mock.callCount()], [0, 0])
})
