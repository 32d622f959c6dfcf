/**
 * One request, retried until it succeeds, is refused, or has failed too often.
 *
 * Knows nothing of queues. Never throws: what went wrong is what it returns.
 */
import { MillimetricError } from './error.cjs';
export interface Request {
    url: string;
    key: string;
    body: string;
    maxRetries: number;
}
/** `setTimeout` fires at once above this. */
export declare const MOST_MS: number;
/** Nothing when the events are stored. */
export declare function deliver(request: Request): Promise<MillimetricError | undefined>;
