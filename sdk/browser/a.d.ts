/**
 * What `/v1/a.js` runs: reads its own tag, takes over the calls made before it came, and becomes
 * `window.mm`.
 */
import { api } from './dist/track.js';
declare global {
    /** What `/v1/a.js` defines. It is there once the script has loaded, or from the start with the line that queues calls. */
    var mm: typeof api;
}
