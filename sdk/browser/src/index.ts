/**
 * The package `@millimetric/track`: what `/v1/a.js` does, as functions to import.
 *
 * Where there is no page, as in server-side rendering, all of them do nothing.
 */
import { api } from './track.js'

import type { Options } from './track.js'

export type { Options, Properties } from './track.js'

const inPage = typeof document != 'undefined'
const nothing = (): undefined => {}
const pick = <F extends (...args: never[]) => unknown>(act: F): F => (inPage ? act : (nothing as unknown as F))

/** Begins to count. Calls made before are kept until then; a second call changes nothing. */
export const init = pick((options: Options): void => api.init({ ...options, host: options?.host || location.href }))
/** Counts an event. */
export const track = pick(api.track)
/** Tells who the visitor is: the `$identify` event and all later ones of this page carry the user's id. */
export const identify = pick(api.identify)
/** Counts a page view by hand. */
export const page = pick(api.page)
/** Sends what waits now. */
export const flush = pick(api.flush)
/** The visitor's id; undefined before the start and for who is not tracked. */
export const getAnonymousId = pick(api.getAnonymousId)
/** Names the visitor, for instance as your server does. */
export const setAnonymousId = pick(api.setAnonymousId)
/** Forgets who the visitor is, as at a sign-out: what follows is somebody new. */
export const reset = pick(api.reset)
/** Counts nothing more for this visitor, and drops what is not yet sent. */
export const optOut = pick(api.optOut)
/** Counts this visitor again, beginning with this page. */
export const optIn = pick(api.optIn)
