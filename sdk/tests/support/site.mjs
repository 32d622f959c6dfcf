// A site that is measured: every path returns the same page unless it has one of its own, on an
// origin of its own.

import { createServer } from 'node:http'

export class Site {
  #server
  origin
  /** Pages by path: text, or a function that makes one. */
  pages = {}
  /** Headers of every page. */
  headers = {}
  /** The page of all other paths. */
  page = ''
  /** Every request's path and query, in order. */
  asked = []

  static async start() {
    const site = new Site()
    site.#server = createServer((request, response) => {
      site.asked.push(request.url)
      const { pathname } = new URL(request.url, site.origin)
      const found = site.pages[pathname] ?? site.page
      const page = typeof found === 'function' ? found() : found
      const type = pathname.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8'
      response.writeHead(200, { 'content-type': type, 'cache-control': 'max-age=60', ...site.headers }).end(page)
    })
    await new Promise(resolve => site.#server.listen(0, '127.0.0.1', resolve))
    site.origin = `http://127.0.0.1:${site.#server.address().port}`
    return site
  }

  async stop() {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

/** The snippet as the documentation gives it, with attributes. */
export const snippet = (host, key, attributes = '') =>
  `<script async src="${host}/v1/a.js" data-key="${key}" data-host="${host}" ${attributes}></script>`

/** The line that keeps calls until the script is there, as the documentation gives it. */
export const STUB = `<script>window.mm=window.mm||new Proxy([],{get:(q,m)=>m in q?q[m]:(...a)=>{q.push([m,...a])}})</script>`

/** A whole page. */
export const html = (head, body = '') => `<!doctype html><html lang="en"><head><title>A page</title>${head}</head><body>${body}</body></html>`
