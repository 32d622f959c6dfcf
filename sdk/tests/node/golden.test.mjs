// What the Node package sends for what a program does, against the payloads that the server's tests
// read too.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

const { MillimetricClient } = await import(pathToFileURL(`${process.env.SDK_BUILD}/node/dist/index.js`).href)

for (const name of ['node-track', 'node-batch']) {
  const golden = JSON.parse(readFileSync(new URL(`../../../spec/golden/${name}.json`, import.meta.url)))

  test(`the Node package sends the golden payload ${name}`, async context => {
    context.mock.timers.enable({ apis: ['Date'], now: new Date(golden.now) })
    const { server, host, taken } = await listen()
    const client = new MillimetricClient({ key: golden.key, host, ...golden.options })
    for (const [method, ...args] of golden.calls) client[method](...args)
    await client.flush()
    server.close()
    const [request] = taken
    assert.equal(taken.length, 1)
    assert.equal(request.method, golden.request.method)
    assert.equal(request.url, golden.request.path)
    assert.equal(request.headers['content-type'], golden.request.content_type)
    assert.equal(request.headers.authorization, `Bearer ${golden.key}`)
    const body = JSON.parse(request.body)
    const [sent, expected] = [body, golden.request.body].map(it => it.events ?? [it])
    for (const [index, event] of sent.entries()) {
      assert.match(event.event_id, /^evt_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$|^order-/)
      // Random, and the only thing that is.
      if (event.event_id.startsWith('evt_')) event.event_id = expected[index]?.event_id
    }
    assert.deepEqual(body, golden.request.body)
  })
}

/** A server that takes everything. */
async function listen() {
  const taken = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    taken.push({ method: request.method, url: request.url, headers: request.headers, body })
    response.writeHead(202, { connection: 'close' }).end('{}')
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return { server, host: `http://127.0.0.1:${server.address().port}`, taken }
}
