/**
 * What went wrong, with the server's code if there was a response.
 *
 * Never holds the key or an event.
 */
export declare class MillimetricError extends Error {
    /** The server's code, such as `invalid_payload`; `unreachable`, `closed`, `queue_full` are our own. */
    readonly code: string;
    /** The status of the response; 0 where there was none. */
    readonly status: number;
    /** The server's details, such as `fieldErrors`. */
    readonly details: {
        fieldErrors?: Record<string, string[]>;
        formErrors?: string[];
    } & Record<string, unknown>;
    /** The server's name for the request, for its log. */
    readonly requestId: string | undefined;
    /** The events wait and are sent again: do not send them anew. */
    readonly retryable: boolean;
    /** How long the server asked to wait, in milliseconds. */
    readonly retryAfterMs: number;
    constructor(code: string, message: string, more?: Partial<MillimetricError>);
    /** Which events of a batch were wrong, as the server names them: `events.17.url`. */
    eventIndexes(): Set<number>;
}
