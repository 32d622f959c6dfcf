import type { Options } from './track.mjs';
export type { Options, Properties } from './track.mjs';
/** Begins to count. Calls made before are kept until then; a second call changes nothing. */
export declare const init: (options: Options) => void;
/** Counts an event. */
export declare const track: (event: string, properties?: import("./track.mjs").Properties | undefined) => void | undefined;
/** Tells who the visitor is: the `$identify` event and all later ones of this page carry the user's id. */
export declare const identify: (user: string, traits?: import("./track.mjs").Properties | undefined) => void | undefined;
/** Counts a page view by hand. */
export declare const page: (name?: string | undefined, properties?: import("./track.mjs").Properties | undefined) => void | undefined;
/** Sends what waits now. */
export declare const flush: () => Promise<void> | undefined;
/** The visitor's id; undefined before the start and for who is not tracked. */
export declare const getAnonymousId: () => string | undefined;
/** Names the visitor, for instance as your server does. */
export declare const setAnonymousId: (id: string) => void | undefined;
/** Forgets who the visitor is, as at a sign-out: what follows is somebody new. */
export declare const reset: () => void | undefined;
/** Counts nothing more for this visitor, and drops what is not yet sent. */
export declare const optOut: () => void | undefined;
/** Counts this visitor again, beginning with this page. */
export declare const optIn: () => void | undefined;
