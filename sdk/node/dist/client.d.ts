import type { ClientOptions, Event, Link } from './types.js';
/** Sends events of one project. */
export declare class MillimetricClient {
    #private;
    constructor(options: ClientOptions);
    /**
     * Counts an event. With `flushAt: 1` the promise resolves when the event is stored and rejects when it
     * is not; else it resolves when the event waits. It need not be awaited.
     */
    track(event: Event): Promise<void>;
    /** Tells that a visitor is a user, as one `$identify` event. */
    identify(link: Link): Promise<void>;
    /** Sends what waits; rejects when something could not be sent or was refused since the last call. */
    flush(): Promise<void>;
    /** Sends what waits and takes no more. */
    shutdown(): Promise<void>;
}
/** A rejection that nobody looks at must not end the process. */
export declare function quiet(promise: Promise<void>): Promise<void>;
