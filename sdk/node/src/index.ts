/**
 * The package `@millimetric/track-node`: sends events from Node, Bun, Deno and workers, each exactly
 * once.
 *
 * Uses nothing but web standards, and never lets a rejection that nobody looks at end a process.
 */
import { MillimetricClient, quiet } from './client.js'
import { MillimetricError } from './error.js'
import type { ClientOptions, Event, Link } from './types.js'

export { MillimetricClient } from './client.js'
export { MillimetricError } from './error.js'
export type { ClientOptions, Context, Event, Link, Properties } from './types.js'

let shared: MillimetricClient | undefined

/** Makes the client that the functions below use. */
export function init(options: ClientOptions): MillimetricClient {
  shared = new MillimetricClient(options)
  return shared
}

function client(): MillimetricClient {
  if (!shared) throw new MillimetricError('not_initialised', 'call init({ key, host }) first')
  return shared
}

const ask = (what: (client: MillimetricClient) => Promise<void>) => quiet((async () => what(client()))())

/** {@link MillimetricClient.track} of the client that `init` made. */
export const track = (event: Event): Promise<void> => ask(client => client.track(event))
/** {@link MillimetricClient.identify} of the client that `init` made. */
export const identify = (link: Link): Promise<void> => ask(client => client.identify(link))
/** {@link MillimetricClient.flush} of the client that `init` made. */
export const flush = (): Promise<void> => ask(client => client.flush())
/** {@link MillimetricClient.shutdown} of the client that `init` made. */
export const shutdown = (): Promise<void> => ask(client => client.shutdown())
