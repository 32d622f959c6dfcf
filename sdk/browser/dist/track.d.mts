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
    key: string;
    /** Where the server is, such as `https://stats.example.com`; the page's own origin when absent. */
    host?: string;
    /** Count a `$pageview` at load and whenever the path becomes another one. Default: true. */
    autoPageView?: boolean;
    /** Send what waits after so many milliseconds. Default: 2000. */
    flushIntervalMs?: number;
    /** Send as soon as so many events wait. Default: 20. */
    flushBatchSize?: number;
    /** Do nothing at all under Do Not Track and Global Privacy Control. Default: true. */
    respectDnt?: boolean;
    /** Where the visitor's id and unsent events are kept. `memory`: for this page only. Default: local. */
    storage?: 'local' | 'memory';
    /** The part after `#` is part of the path. Default: false. */
    hashRouting?: boolean;
    /** A query that becomes another one is a page view, too. Default: false. */
    countQuery?: boolean;
}
export type Properties = Record<string, unknown>;
/** What pages call. */
export declare const api: {
    /** Begins to count. Calls made before are kept until then; a second call changes nothing. */
    init(given: Options): void;
    /** Counts an event. */
    track: (event: string, properties?: Properties | undefined) => void | undefined;
    /** Tells who the visitor is: this event and all later ones of this page carry the user's id. */
    identify: (user: string, traits?: Properties | undefined) => void | undefined;
    /** Counts a page view by hand. */
    page: (name?: string | undefined, properties?: Properties | undefined) => void | undefined;
    /** Sends what waits now. */
    flush: () => Promise<void> | undefined;
    /** The visitor's id; undefined before the start and for who is not tracked. */
    getAnonymousId: () => string | undefined;
    /** Names the visitor, for instance as your server does. */
    setAnonymousId: (id: string) => void | undefined;
    /** Forgets who the visitor is, as at a sign-out: what follows is somebody new. */
    reset: () => void | undefined;
    /** Counts nothing more for this visitor, and drops what is not yet sent. */
    optOut: () => void | undefined;
    /** Counts this visitor again, beginning with this page. */
    optIn: () => void | undefined;
};
