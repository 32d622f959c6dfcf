/**
 * The package `@millimetric/track-node`: sends events from Node, Bun, Deno and workers, each exactly
 * once.
 *
 * Uses nothing but web standards, and never lets a rejection that nobody looks at end a process.
 */
import { MillimetricClient } from './client.js';
import type { ClientOptions, Event, Link } from './types.js';
export { MillimetricClient } from './client.js';
export { MillimetricError } from './error.js';
export type { ClientOptions, Context, Event, Link, Properties } from './types.js';
/** Makes the client that the functions below use. */
export declare function init(options: ClientOptions): MillimetricClient;
/** {@link MillimetricClient.track} of the client that `init` made. */
export declare const track: (event: Event) => Promise<void>;
/** {@link MillimetricClient.identify} of the client that `init` made. */
export declare const identify: (link: Link) => Promise<void>;
/** {@link MillimetricClient.flush} of the client that `init` made. */
export declare const flush: () => Promise<void>;
/** {@link MillimetricClient.shutdown} of the client that `init` made. */
export declare const shutdown: () => Promise<void>;
