// Waits for what must happen. Only a hang uses the patience up.

const PATIENCE_MS = 60_000

/** Looks until there is something, and returns it. */
export async function eventually(what, look) {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > end) throw new Error(`not within ${PATIENCE_MS / 1000} s: ${what}`)
    await pause(25)
  }
}

export const pause = ms => new Promise(resolve => setTimeout(resolve, ms))
