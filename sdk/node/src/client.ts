/**
 * The queue of one project's events, and what empties it.
 *
 * Keeps no process alive by waiting for more events, and forgets an event only when the server has it
 * or has refused it for good.
 */
import { deliver, MOST_MS } from './deliver.js'
import { MillimetricError } from './error.js'
import type { ClientOptions, Event, Link } from './types.js'
import { uuid } from './uuid.js'

/** An event on its way; the functions tell whoever called `track`. */
interface Waiting {
  json: string
  bytes: number
  done?: () => void
  failed?: (error: MillimetricError) => void
}

/** Requests at once when each event is its own. */
const SINGLE_REQUESTS = 8
/** A batch's bounds, those of the server, with room for what is around the events. */
const MOST_EVENTS = 1000
const MOST_BYTES = 10 * 1024 * 1024 - 1024

/** Sends events of one project. */
export class MillimetricClient {
  readonly #options: Required<ClientOptions>
  /** Each event is a request of its own. */
  readonly #single: boolean
  #queue: Waiting[] = []
  #underway = 0
  #workers = new Set<Promise<void>>()
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Most events of a batch: less after one was too large for something on the way. */
  #mostEvents = MOST_EVENTS
  /** When the server wants to hear from us again. */
  #notBefore = 0
  /** Why the server could not be reached, while it cannot. */
  #outage: MillimetricError | undefined
  /** Errors of background requests, until they are reported. */
  #refusal: MillimetricError | undefined
  #closed = false

  constructor(options: ClientOptions) {
    if (!options?.key || !options.host) throw new TypeError('Millimetric needs a key and a host')
    const { key, flushAt = 1, flushIntervalMs = 1000, maxRetries = 3, maxQueue = 10_000 } = options
    const host = options.host.replace(/\/+$/, '')
    this.#options = { key, host, flushAt, flushIntervalMs, maxRetries, maxQueue }
    this.#single = !(flushAt > 1)
  }

  /**
   * Counts an event. With `flushAt: 1` the promise resolves when the event is stored and rejects when it
   * is not; else it resolves when the event waits. It need not be awaited.
   */
  track(event: Event): Promise<void> {
    return quiet(this.#take(event))
  }

  /** Tells that a visitor is a user, as one `$identify` event. */
  identify(link: Link): Promise<void> {
    return quiet(this.#link(link))
  }

  /** Sends what waits; rejects when something could not be sent or was refused since the last call. */
  flush(): Promise<void> {
    return quiet(this.#sendAll())
  }

  /** Sends what waits and takes no more. */
  shutdown(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    return this.flush()
  }

  async #link({ traits, ...link }: Link): Promise<void> {
    if (!link.anonymous_id || !link.user_id) {
      throw new MillimetricError('invalid_payload', 'identify needs anonymous_id and user_id')
    }
    return this.#take({ event: '$identify', ...link, ...(traits && { properties: traits }) })
  }

  async #take(event: Event): Promise<void> {
    if (this.#closed) throw new MillimetricError('closed', 'the client was shut down')
    if (this.#queue.length + this.#underway >= this.#options.maxQueue) {
      throw new MillimetricError('queue_full', `${this.#options.maxQueue} events wait already`)
    }
    const json = JSON.stringify({ ...event, event_id: event.event_id ?? `evt_${uuid()}`, timestamp: event.timestamp ?? new Date() })
    const waiting: Waiting = { json, bytes: new TextEncoder().encode(json).length + 1 }
    this.#queue.push(waiting)
    if (!this.#single) {
      if (this.#queue.length >= this.#options.flushAt) this.#work()
      else this.#later()
      return
    }
    // The server asked for patience: the event waits, and nobody waits with it.
    if (this.#outage && Date.now() < this.#notBefore) {
      this.#later()
      throw this.#outage
    }
    const delivered = new Promise<void>((done, failed) => Object.assign(waiting, { done, failed }))
    this.#work()
    await held(delivered)
  }

  async #sendAll(): Promise<void> {
    do {
      this.#work(true)
      await held(Promise.all(this.#workers))
    } while (this.#queue.length > 0 && !this.#outage)
    const trouble = this.#refusal ?? this.#outage
    this.#refusal = undefined
    if (trouble) throw trouble
  }

  /** Sets workers to work on the queue; `now` also while the server asked for patience. */
  #work(now = false): void {
    if (!now && Date.now() < this.#notBefore) return this.#later()
    this.#outage = undefined
    const wanted = Math.min(this.#single ? SINGLE_REQUESTS : 1, this.#workers.size + this.#queue.length)
    while (this.#workers.size < wanted) {
      const worker: Promise<void> = this.#empty().then(() => {
        this.#workers.delete(worker)
        this.#later()
      })
      this.#workers.add(worker)
    }
  }

  /** One worker: batch after batch, until nothing waits or the server cannot be reached. */
  async #empty(): Promise<void> {
    while (this.#queue.length > 0 && !this.#outage) {
      const batch = this.#next()
      this.#underway += batch.length
      const error = await this.#send(batch)
      this.#underway -= batch.length
      if (error) this.#settle(batch, error)
      else for (const sent of batch) sent.done?.()
    }
  }

  #next(): Waiting[] {
    if (this.#single) return this.#queue.splice(0, 1)
    let bytes = 0
    const full = this.#queue.findIndex((waiting, index) => index === this.#mostEvents || ((bytes += waiting.bytes) > MOST_BYTES && index > 0))
    return this.#queue.splice(0, full < 0 ? this.#queue.length : full)
  }

  #send(batch: Waiting[]): Promise<MillimetricError | undefined> {
    const { host, key, maxRetries } = this.#options
    const events = batch.map(waiting => waiting.json).join(',')
    const [route, body] = this.#single ? ['track', events] : ['batch', `{"events":[${events}]}`]
    return deliver({ url: `${host}/v1/${route}`, key, body, maxRetries })
  }

  /** What becomes of a batch that was not taken. */
  #settle(batch: Waiting[], error: MillimetricError): void {
    if (error.retryable) {
      this.#outage = error
      this.#notBefore = Date.now() + error.retryAfterMs
      this.#queue.unshift(...batch)
      // None of them is tried now; they stay in the queue, and their promises are rejected.
      return tell(this.#queue, error)
    }
    if (error.status === 413 && batch.length > 1) {
      this.#mostEvents = batch.length >> 1
      this.#queue.unshift(...batch)
      return
    }
    // A batch is stored whole or not at all: what was right goes again without what was wrong.
    const wrong = error.eventIndexes()
    if (wrong.size > 0 && batch.length > 1) this.#queue.unshift(...batch.filter((_, index) => !wrong.has(index)))
    if (batch.some(waiting => waiting.failed)) tell(batch, error)
    else this.#refusal ??= error
  }

  /** Goes on in a while, when something waits and the process still lives. */
  #later(): void {
    if (this.#timer !== undefined || this.#closed || this.#queue.length === 0) return
    const pause = Math.max(this.#options.flushIntervalMs, this.#notBefore - Date.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#work()
    }, Math.min(pause, MOST_MS))
    ;(this.#timer as { unref?: () => void }).unref?.()
  }
}

function tell(waiting: Waiting[], error: MillimetricError): void {
  for (const one of waiting) {
    one.failed?.(error)
    delete one.done
    delete one.failed
  }
}

/** Keeps the process for whoever waits: no other timer here does. */
async function held(promise: Promise<unknown>): Promise<void> {
  const hold = setTimeout(() => {}, MOST_MS)
  try {
    await promise
  } finally {
    clearTimeout(hold)
  }
}

/** A rejection that nobody looks at must not end the process. */
export function quiet(promise: Promise<void>): Promise<void> {
  promise.catch(() => {})
  return promise
}
