/**
 * The browser SDK: counts page views and events of one page, and gets each of them to the server
 * exactly once.
 *
 * Never throws into the page, never blocks it, never sets a cookie, and does nothing at all for
 * visitors who ask not to be tracked. What is left out here is left out for size: the whole must
 * stay below 1.8 KB gzipped.
 */

export interface Options {
  /** The project's pk key. */
  key: string
  /** Where the server is, such as `https://stats.example.com`; the page's own origin when absent. */
  host?: string
  /** Count a `$pageview` at load and whenever the path becomes another one. Default: true. */
  autoPageView?: boolean
  /** Send what waits after so many milliseconds. Default: 2000. */
  flushIntervalMs?: number
  /** Send as soon as so many events wait. Default: 20. */
  flushBatchSize?: number
  /** Do nothing at all under Do Not Track and Global Privacy Control. Default: true. */
  respectDnt?: boolean
  /** Where the visitor's id and unsent events are kept. `memory`: for this page only. Default: local. */
  storage?: 'local' | 'memory'
  /** The part after `#` is part of the path. Default: false. */
  hashRouting?: boolean
  /** A query that becomes another one is a page view, too. Default: false. */
  countQuery?: boolean
}

export type Properties = Record<string, unknown>

/**
 * Most characters of a request, each of up to three bytes: one request is below the 64 KiB that may
 * outlive a page, and so are two of common text.
 */
const REQUEST_LENGTH = 2e4
/** Most events that wait in memory, and of these in storage. */
const MOST_WAITING = 1e4
const MOST_STORED = 1e3
/** The server knows an id for seven days: what is older than this, in ms, could be stored twice. */
const RETRY_FOR = 5e8

/** Why something is sent that would otherwise wait. */
const LEAVING = 1
const RESUMED = 2

/** Calls that wait for the start; nothing from then on. */
let early: (() => void)[] | 0 = []
let options: Options
/** Local storage, or what stands in for it where it is forbidden. */
let kept: Record<string, string> = {}
let userId: string | null | undefined
/** Asked once: it takes longer than all else that an event needs. */
let timeZone: string
/** The page that was counted last: its path, and its query if that counts. */
let lastPage: string
/** The address last looked at, without what follows `#`. */
let lastUrl: string
/** The address of the page before this one. */
let referrer: string

/** Events as JSON, until the server has them, and how many of the first are on their way. */
let queue: string[] = []
let away = 0
/** Where events go. */
let url: string
/** This page's place in storage. */
let place: string
/** Most events of a batch: fewer while a bad one is looked for. */
let batchLimit = Infinity
let timer: ReturnType<typeof setTimeout> | 0
/** Requests that failed since the last one that did not. */
let failures = 0

/** A UUID of version 7, which the server finds cheapest. It must be unique, not unpredictable. */
const uuid = () =>
  ('0' + Date.now().toString(16)).replace(/....$/, '-$&-7xxx-8xxx-xxxxxxxxxxxx').replace(/x/g, () => Math.random().toString(16)[2]!)

const cut = (text: unknown, length = 2048) => ('' + text).slice(0, length)
/** The server keeps nothing after a `#`, so a route behind one is joined to the path: `/#/a` is `/a`. */
const path = () => (location.pathname + (options.hashRouting ? location.hash : '')).replace(/\/?#/, '')

const keep = (name: string, value: string) => {
  try {
    kept[name] = value
  } catch {
    // Storage is full: this page goes on with a copy in memory.
    ;(kept = { ...kept })[name] = value
  }
}

/** Read each time, so that tabs that opened together agree. Nobody, for who opted out. */
const visitor = (): string | undefined => {
  if (kept.mm_out) return
  if (!kept.mm_aid) keep('mm_aid', uuid())
  return kept.mm_aid
}

const add = (event: string, properties?: Properties) => {
  const id = visitor()
  if (!id || queue[MOST_WAITING]) return
  properties = {
    ...properties,
    $viewport_w: innerWidth,
    $viewport_h: innerHeight,
    $language: navigator.language,
    $timezone: timeZone,
  }
  const size = new TextEncoder().encode(JSON.stringify(properties)).length
  queue.push(
    JSON.stringify({
      event: cut(event, 128),
      event_id: 'evt_' + uuid(),
      timestamp: new Date(),
      anonymous_id: id,
      user_id: userId,
      url: cut(location.href),
      path: cut(path()),
      referrer: cut(referrer),
      properties: size > 8192 ? { __truncated: true, original_bytes: size } : properties,
    }),
  )
  proceed()
}

/** Sends when many wait, else soon. */
const proceed = () => {
  if (queue.length >= (options.flushBatchSize || 20)) return send()
  if (!timer) timer = setTimeout(send, options.flushIntervalMs || 2e3, RESUMED)
}

/**
 * Sends one batch, and goes on while many wait. While one is on its way only who leaves sends
 * another; after a failure only what resumes.
 */
const send = async (why?: number): Promise<void> => {
  if (why == RESUMED) timer = 0
  if ((failures ? why != RESUMED : away && !why) || !queue[away]) return
  const from = away
  let size = 0
  while (away - from < batchLimit && queue[away] && (size += queue[away]!.length) < REQUEST_LENGTH) away++
  const batch = queue.slice(from, away)
  const body = `{"events":[${batch}]}`
  let wait = 0
  let status = 500
  try {
    // A text goes as text/plain, hence without preflight.
    const response = await fetch(url, { method: 'POST', body, keepalive: true })
    status = response.status
    wait = +response.headers.get('retry-after')!
    // Until it is read to the end the request counts against the 64 KiB.
    await response.text()
  } catch {
    if (why == LEAVING && navigator.sendBeacon) navigator.sendBeacon(url, body)
  }
  away -= batch.length
  if (status == 408 || status == 429 || status > 499) {
    failures++
    store()
    clearTimeout(timer as number)
    // A timer of more than 24 days would fire at once.
    timer = setTimeout(send, Math.min(wait || 2 ** failures / 2, 1e6) * (1 + Math.random()) * 1e3, RESUMED)
  } else {
    failures = 0
    // One bad event spoils its batch: halves find it.
    batchLimit = status == 400 ? batch.length >> 1 : 0
    if (!batchLimit) {
      batchLimit = Infinity
      queue = queue.filter(event => !batch.includes(event))
    }
    if (kept[place]) store()
    return proceed()
  }
}

/** Keeps what the server has not confirmed for the next visit. */
const store = () => {
  delete kept[place]
  if (queue[0]) keep(place, `[${queue.slice(0, MOST_STORED)}]`)
}

const leave = () => {
  send(LEAVING)
  send(LEAVING)
  store()
}

const view = () => {
  if (options.autoPageView != false) add('$pageview')
}

/** Keeps exceptions from the page, and calls until the start. */
const guarded = <A extends unknown[], R>(act: (...args: A) => R) => {
  const call = (...args: A): R | undefined => {
    try {
      if (!early) return act(...args)
      early.push(() => call(...args))
    } catch {}
  }
  return call
}

/** Counts a page view when the page is another one than at the last look. A slash at the end makes none. */
const look = guarded(() => {
  if (lastPage != (lastPage = path().replace(/\/?$/, options.countQuery ? location.search : ''))) {
    referrer = lastUrl
    view()
  }
  lastUrl = location.href.replace(/#.*/, '')
})

const on = (name: string, act: (event: any) => void) => addEventListener(name, guarded(act))

const begin = guarded((calls: (() => void)[]) => {
  referrer = lastUrl = document.referrer
  const prefix = 'mm_q' + options.key
  place = prefix + uuid()
  timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone
  url = new URL('/v1/batch?key=' + options.key, options.host) as any
  // What earlier visits could not send, and tabs that live on keep too: it is stored once anyhow.
  for (const name in kept) {
    if (name.startsWith(prefix)) {
      guarded((events: string) => {
        delete kept[name]
        for (const event of JSON.parse(events)) if (+new Date() - +new Date(event.timestamp) < RETRY_FOR) queue.push(JSON.stringify(event))
      })(kept[name]!)
    }
  }
  store()
  proceed()
  for (const call of calls) call()
  for (const name of ['pushState', 'replaceState'] as const) {
    const original = history[name]
    history[name] = (...args) => {
      original.apply(history, args)
      look()
    }
  }
  on('popstate', look)
  on('pageshow', event => event.persisted && view())
  // Also when it is shown again: what waits may as well go.
  on('visibilitychange', leave)
  on('pagehide', leave)
  on('online', () => send(RESUMED))
  look()
})

const start = () => {
  const calls = early as (() => void)[]
  early = 0
  begin(calls)
}

const reset = () => {
  userId = null
  delete kept.mm_aid
}

/** What pages call. */
export const api = {
  /** Begins to count. Calls made before are kept until then; a second call changes nothing. */
  init(given: Options): void {
    if (options) return
    options = given
    try {
      if (given.storage != 'memory') kept = localStorage || kept
    } catch {}
    // What is called then fails, in silence.
    if (given.respectDnt != false && ((navigator as any).doNotTrack == 1 || (navigator as any).globalPrivacyControl)) early = {} as any
    // A page that is rendered ahead counts when it is shown.
    else if ((document as any).prerendering) document.addEventListener('prerenderingchange', start)
    else start()
  },

  /** Counts an event. */
  track: guarded(add),

  /** Tells who the visitor is: this event and all later ones of this page carry the user's id. */
  identify: guarded((user: string, traits?: Properties) => {
    if (!user) return
    userId = cut(user, 256)
    add('$identify', traits)
  }),

  /** Counts a page view by hand. */
  page: guarded((name?: string, properties?: Properties) => add('$pageview', { name, ...properties })),

  /** Sends what waits now. */
  flush: guarded(() => send(LEAVING)),

  /** The visitor's id; undefined before the start and for who is not tracked. */
  getAnonymousId: guarded(visitor),

  /** Names the visitor, for instance as your server does. */
  setAnonymousId: guarded((id: string) => {
    if (id && visitor()) keep('mm_aid', cut(id, 128))
  }),

  /** Forgets who the visitor is, as at a sign-out: what follows is somebody new. */
  reset: guarded(reset),

  /** Counts nothing more for this visitor, and drops what is not yet sent. */
  optOut: guarded(() => {
    queue = []
    store()
    reset()
    keep('mm_out', '1')
  }),

  /** Counts this visitor again, beginning with this page. */
  optIn: guarded(() => {
    delete kept.mm_out
    view()
  }),
}
