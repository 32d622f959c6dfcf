/** What goes in: the fields of the API, in its own words. */
export interface ClientOptions {
    /** The project's sk key. */
    key: string;
    /** Where the server is, such as `https://stats.example.com`. */
    host: string;
    /** Send when so many events wait. 1 sends each at once to `/v1/track`. Default: 1. */
    flushAt?: number;
    /** Send what waits after so many milliseconds. Default: 1000. */
    flushIntervalMs?: number;
    /** How often a request is tried again. Default: 3. */
    maxRetries?: number;
    /** Most events that wait; more are refused with `queue_full`. Default: 10000. */
    maxQueue?: number;
}
export type Properties = Record<string, unknown>;
/** The visitor, when a server sends for a browser. Neither is stored. */
export interface Context {
    ip?: string;
    user_agent?: string;
}
export interface Event {
    /** 1 to 128 characters; `$` marks system events such as `$pageview`. */
    event: string;
    /** The same id is stored once; made when absent. */
    event_id?: string;
    /** When it happened; now when absent. */
    timestamp?: string | Date;
    /** The visitor. */
    anonymous_id?: string;
    /** The signed-in user. */
    user_id?: string;
    session_id?: string;
    url?: string;
    path?: string;
    referrer?: string;
    /** At most 8 KiB of JSON. */
    properties?: Properties;
    context?: Context;
}
export interface Link {
    anonymous_id: string;
    user_id: string;
    traits?: Properties;
    event_id?: string;
    timestamp?: string | Date;
    context?: Context;
}
