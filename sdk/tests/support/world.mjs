// What browser stories happen in: a server, a proxy before it, a site, and a browser.

import { after, before, beforeEach } from 'node:test'

import { launch, visitor } from './chromium.mjs'
import { Proxy } from './proxy.mjs'
import { Server } from './server.mjs'
import { Site, html, snippet } from './site.mjs'

/** One world for a file of stories, with a fresh project and a site without faults for each. */
export function world() {
  const it = {}
  const contexts = []
  before(async () => {
    it.server = await Server.start()
    it.proxy = await Proxy.start(it.server.url)
    it.browser = await launch()
  })
  beforeEach(async () => {
    await it.site?.stop()
    it.site = await Site.start()
    it.project = await it.server.project(it.site.origin)
    Object.assign(it.proxy, { faults: [], fault: undefined, requests: [] })
    it.site.page = html(it.snippet())
  })
  after(async () => {
    for (const context of contexts) await context.close()
    await it.browser.close()
    await it.site.stop()
    await it.proxy.stop()
    await it.server.stop()
  })
  it.snippet = attributes => snippet(it.proxy.url, it.project.pk, attributes)
  it.visitor = async options => {
    const context = await visitor(it.browser, options)
    contexts.push(context)
    return context
  }
  /** A page of the site in a fresh profile, once the script runs. */
  it.open = async (path = '/', options) => it.openIn(await it.visitor(options), path)
  it.openIn = async (context, path = '/') => {
    const page = await context.newPage()
    await page.goto(it.site.origin + path)
    await ready(page)
    return page
  }
  /** Closes a tab as its visitor does, and waits until it is gone: the driver's own call returns before. */
  it.close = async page => {
    const gone = page.waitForEvent('close')
    await page.close({ runBeforeUnload: true })
    await gone
  }
  /** Marks the end of a story, and returns what the store then contains: `name path`, sorted. */
  it.ending = async page => {
    await page.evaluate(() => {
      mm.track('the end')
      return mm.flush()
    })
    return summary(await it.server.rowsOnce(it.project, 'the end'))
  }
  return it
}

/** The script is there. */
export const ready = page => page.waitForFunction(() => window.mm && !Array.isArray(window.mm))

/** `name path` of each row but the end's, sorted: within a millisecond there is no order. */
export const summary = rows => rows.filter(row => row.event_name !== 'the end').map(row => `${row.event_name} ${row.path}`).sort()
