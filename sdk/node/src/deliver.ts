/**
 * One request, retried until it succeeds, is refused, or has failed too often.
 *
 * Knows nothing of queues. Never throws: what went wrong is what it returns.
 */
import { MillimetricError } from './error.js'

export interface Request {
  url: string
  key: string
  body: string
  maxRetries: number
}

/** A request without a response in this time counts as failed. */
const TIMEOUT_MS = 30_000
/** A longer wait is not waited out here: the events go back to where they came from. */
const PATIENCE_MS = 10_000
/** `setTimeout` fires at once above this. */
export const MOST_MS = 2 ** 31 - 1

/** Nothing when the events are stored. */
export async function deliver(request: Request): Promise<MillimetricError | undefined> {
  for (let tried = 0; ; tried++) {
    const error = await attempt(request)
    if (!error?.retryable || tried >= request.maxRetries || error.retryAfterMs > PATIENCE_MS) return error
    const pause = 100 * 2 ** tried * (1 + Math.random() / 4)
    await sleep(Math.max(pause, error.retryAfterMs))
  }
}

async function attempt({ url, key, body }: Request): Promise<MillimetricError | undefined> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    // Read to the end, or the connection is of no further use.
    const text = await response.text()
    return response.ok ? undefined : refusal(response, text)
  } catch (cause) {
    return new MillimetricError('unreachable', 'the server cannot be reached', { cause, retryable: true })
  }
}

function refusal(response: Response, text: string): MillimetricError {
  const { status, headers } = response
  const said = parsed(text)
  return new MillimetricError(String(said.error ?? `http_${status}`), String(said.message ?? response.statusText), {
    status,
    details: (said.details ?? {}) as MillimetricError['details'],
    requestId: headers.get('x-request-id') ?? undefined,
    retryable: status === 408 || status === 429 || status >= 500,
    retryAfterMs: (Number(headers.get('retry-after')) || 0) * 1000,
  })
}

/** A proxy in between may respond with HTML. */
function parsed(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms) as { unref?: () => void }
    timer.unref?.()
  })
}
