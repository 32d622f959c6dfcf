// A proxy between SDKs and the server at a fixed address; it makes requests fail as tests say.
// Only what sends events fails: the script itself always arrives.

import { createServer, request as forward } from 'node:http'

const CORS = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Retry-After, X-Request-Id' }

export class Proxy {
  #server
  /** Where requests go. */
  target
  url
  /** Every request that sent events: path, headers, body, and what came of it. */
  requests = []
  /** What goes wrong with the next requests, one after the other. */
  faults = []
  /** What goes wrong with all others. */
  fault = undefined

  static async start(target) {
    const proxy = new Proxy()
    proxy.target = target
    proxy.#server = createServer((request, response) => proxy.#take(request, response))
    await new Promise(resolve => proxy.#server.listen(0, '127.0.0.1', resolve))
    proxy.url = `http://127.0.0.1:${proxy.#server.address().port}`
    return proxy
  }

  async stop() {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }

  /** The events of all requests, in order, repeats included. */
  sent() {
    return this.requests.flatMap(({ body }) => JSON.parse(body).events ?? [JSON.parse(body)])
  }

  async #take(request, response) {
    const chunks = []
    // A browser that goes away in the middle of a request is no error of ours.
    request.on('error', () => {})
    response.on('error', () => {})
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    if (request.method !== 'POST') return this.#pass(request, body, response)
    const fault = this.faults.shift() ?? this.fault
    const status = fault?.status ? fault.status : fault
    this.requests.push({ path: request.url, headers: request.headers, body: body.toString(), fault: status })
    if (fault === 'cut') return request.socket.destroy()
    // Stored, and nobody hears of it: what a retry must not double.
    if (fault === 'lose the response') return this.#pass(request, body, response, () => request.socket.destroy())
    if (fault) return response.writeHead(fault.status, { ...CORS, ...fault.headers }).end(fault.body ?? '')
    return this.#pass(request, body, response)
  }

  #pass(request, body, response, instead) {
    const { host: _, ...headers } = request.headers
    const onward = forward(this.target + request.url, { method: request.method, headers }, upstream => {
      if (instead) return upstream.resume().on('end', instead)
      response.writeHead(upstream.statusCode, upstream.headers)
      upstream.pipe(response)
    })
    onward.on('error', () => request.socket.destroy())
    onward.end(body)
  }
}
