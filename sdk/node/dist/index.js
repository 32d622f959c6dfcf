// src/error.ts
var MillimetricError = class extends Error {
  /** The server's code, such as `invalid_payload`; `unreachable`, `closed`, `queue_full` are our own. */
  code;
  /** The status of the response; 0 where there was none. */
  status;
  /** The server's details, such as `fieldErrors`. */
  details;
  /** The server's name for the request, for its log. */
  requestId;
  /** The events wait and are sent again: do not send them anew. */
  retryable;
  /** How long the server asked to wait, in milliseconds. */
  retryAfterMs;
  constructor(code, message, more = {}) {
    super(`${code}: ${message}`, more.cause === void 0 ? void 0 : { cause: more.cause });
    this.name = "MillimetricError";
    this.code = code;
    this.status = more.status ?? 0;
    this.details = more.details ?? {};
    this.requestId = more.requestId;
    this.retryable = more.retryable ?? false;
    this.retryAfterMs = more.retryAfterMs ?? 0;
  }
  /** Which events of a batch were wrong, as the server names them: `events.17.url`. */
  eventIndexes() {
    const paths = Object.keys(this.details.fieldErrors ?? {}).map((path) => /^events\.(\d+)/.exec(path)?.[1]);
    return new Set(paths.filter((index) => index !== void 0).map(Number));
  }
};

// src/deliver.ts
var TIMEOUT_MS = 3e4;
var PATIENCE_MS = 1e4;
var MOST_MS = 2 ** 31 - 1;
async function deliver(request) {
  for (let tried = 0; ; tried++) {
    const error = await attempt(request);
    if (!error?.retryable || tried >= request.maxRetries || error.retryAfterMs > PATIENCE_MS) return error;
    const pause = 100 * 2 ** tried * (1 + Math.random() / 4);
    await sleep(Math.max(pause, error.retryAfterMs));
  }
}
async function attempt({ url, key, body }) {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS)
    });
    const text = await response.text();
    return response.ok ? void 0 : refusal(response, text);
  } catch (cause) {
    return new MillimetricError("unreachable", "the server cannot be reached", { cause, retryable: true });
  }
}
function refusal(response, text) {
  const { status, headers } = response;
  const said = parsed(text);
  return new MillimetricError(String(said.error ?? `http_${status}`), String(said.message ?? response.statusText), {
    status,
    details: said.details ?? {},
    requestId: headers.get("x-request-id") ?? void 0,
    retryable: status === 408 || status === 429 || status >= 500,
    retryAfterMs: (Number(headers.get("retry-after")) || 0) * 1e3
  });
}
function parsed(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
function sleep(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    timer.unref?.();
  });
}

// src/uuid.ts
function uuid() {
  const bytes = new Uint8Array(10);
  if (globalThis.crypto) crypto.getRandomValues(bytes);
  else bytes.forEach((_, index) => bytes[index] = Math.random() * 256);
  bytes[0] = 112 | bytes[0] & 15;
  bytes[2] = 128 | bytes[2] & 63;
  const random = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const hex = Date.now().toString(16).padStart(12, "0") + random;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

// src/client.ts
var SINGLE_REQUESTS = 8;
var MOST_EVENTS = 1e3;
var MOST_BYTES = 10 * 1024 * 1024 - 1024;
var MillimetricClient = class {
  #options;
  /** Each event is a request of its own. */
  #single;
  #queue = [];
  #underway = 0;
  #workers = /* @__PURE__ */ new Set();
  #timer;
  /** Most events of a batch: less after one was too large for something on the way. */
  #mostEvents = MOST_EVENTS;
  /** When the server wants to hear from us again. */
  #notBefore = 0;
  /** Why the server could not be reached, while it cannot. */
  #outage;
  /** Errors of background requests, until they are reported. */
  #refusal;
  #closed = false;
  constructor(options) {
    if (!options?.key || !options.host) throw new TypeError("Millimetric needs a key and a host");
    const { key, flushAt = 1, flushIntervalMs = 1e3, maxRetries = 3, maxQueue = 1e4 } = options;
    const host = options.host.replace(/\/+$/, "");
    this.#options = { key, host, flushAt, flushIntervalMs, maxRetries, maxQueue };
    this.#single = !(flushAt > 1);
  }
  /**
   * Counts an event. With `flushAt: 1` the promise resolves when the event is stored and rejects when it
   * is not; else it resolves when the event waits. It need not be awaited.
   */
  track(event) {
    return quiet(this.#take(event));
  }
  /** Tells that a visitor is a user, as one `$identify` event. */
  identify(link) {
    return quiet(this.#link(link));
  }
  /** Sends what waits; rejects when something could not be sent or was refused since the last call. */
  flush() {
    return quiet(this.#sendAll());
  }
  /** Sends what waits and takes no more. */
  shutdown() {
    this.#closed = true;
    clearTimeout(this.#timer);
    return this.flush();
  }
  async #link({ traits, ...link }) {
    if (!link.anonymous_id || !link.user_id) {
      throw new MillimetricError("invalid_payload", "identify needs anonymous_id and user_id");
    }
    return this.#take({ event: "$identify", ...link, ...traits && { properties: traits } });
  }
  async #take(event) {
    if (this.#closed) throw new MillimetricError("closed", "the client was shut down");
    if (this.#queue.length + this.#underway >= this.#options.maxQueue) {
      throw new MillimetricError("queue_full", `${this.#options.maxQueue} events wait already`);
    }
    const json = JSON.stringify({ ...event, event_id: event.event_id ?? `evt_${uuid()}`, timestamp: event.timestamp ?? /* @__PURE__ */ new Date() });
    const waiting = { json, bytes: new TextEncoder().encode(json).length + 1 };
    this.#queue.push(waiting);
    if (!this.#single) {
      if (this.#queue.length >= this.#options.flushAt) this.#work();
      else this.#later();
      return;
    }
    if (this.#outage && Date.now() < this.#notBefore) {
      this.#later();
      throw this.#outage;
    }
    const delivered = new Promise((done, failed) => Object.assign(waiting, { done, failed }));
    this.#work();
    await held(delivered);
  }
  async #sendAll() {
    do {
      this.#work(true);
      await held(Promise.all(this.#workers));
    } while (this.#queue.length > 0 && !this.#outage);
    const trouble = this.#refusal ?? this.#outage;
    this.#refusal = void 0;
    if (trouble) throw trouble;
  }
  /** Sets workers to work on the queue; `now` also while the server asked for patience. */
  #work(now = false) {
    if (!now && Date.now() < this.#notBefore) return this.#later();
    this.#outage = void 0;
    const wanted = Math.min(this.#single ? SINGLE_REQUESTS : 1, this.#workers.size + this.#queue.length);
    while (this.#workers.size < wanted) {
      const worker = this.#empty().then(() => {
        this.#workers.delete(worker);
        this.#later();
      });
      this.#workers.add(worker);
    }
  }
  /** One worker: batch after batch, until nothing waits or the server cannot be reached. */
  async #empty() {
    while (this.#queue.length > 0 && !this.#outage) {
      const batch = this.#next();
      this.#underway += batch.length;
      const error = await this.#send(batch);
      this.#underway -= batch.length;
      if (error) this.#settle(batch, error);
      else for (const sent of batch) sent.done?.();
    }
  }
  #next() {
    if (this.#single) return this.#queue.splice(0, 1);
    let bytes = 0;
    const full = this.#queue.findIndex((waiting, index) => index === this.#mostEvents || (bytes += waiting.bytes) > MOST_BYTES && index > 0);
    return this.#queue.splice(0, full < 0 ? this.#queue.length : full);
  }
  #send(batch) {
    const { host, key, maxRetries } = this.#options;
    const events = batch.map((waiting) => waiting.json).join(",");
    const [route, body] = this.#single ? ["track", events] : ["batch", `{"events":[${events}]}`];
    return deliver({ url: `${host}/v1/${route}`, key, body, maxRetries });
  }
  /** What becomes of a batch that was not taken. */
  #settle(batch, error) {
    if (error.retryable) {
      this.#outage = error;
      this.#notBefore = Date.now() + error.retryAfterMs;
      this.#queue.unshift(...batch);
      return tell(this.#queue, error);
    }
    if (error.status === 413 && batch.length > 1) {
      this.#mostEvents = batch.length >> 1;
      this.#queue.unshift(...batch);
      return;
    }
    const wrong = error.eventIndexes();
    if (wrong.size > 0 && batch.length > 1) this.#queue.unshift(...batch.filter((_, index) => !wrong.has(index)));
    if (batch.some((waiting) => waiting.failed)) tell(batch, error);
    else this.#refusal ??= error;
  }
  /** Goes on in a while, when something waits and the process still lives. */
  #later() {
    if (this.#timer !== void 0 || this.#closed || this.#queue.length === 0) return;
    const pause = Math.max(this.#options.flushIntervalMs, this.#notBefore - Date.now());
    this.#timer = setTimeout(() => {
      this.#timer = void 0;
      this.#work();
    }, Math.min(pause, MOST_MS));
    this.#timer.unref?.();
  }
};
function tell(waiting, error) {
  for (const one of waiting) {
    one.failed?.(error);
    delete one.done;
    delete one.failed;
  }
}
async function held(promise) {
  const hold = setTimeout(() => {
  }, MOST_MS);
  try {
    await promise;
  } finally {
    clearTimeout(hold);
  }
}
function quiet(promise) {
  promise.catch(() => {
  });
  return promise;
}

// src/index.ts
var shared;
function init(options) {
  shared = new MillimetricClient(options);
  return shared;
}
function client() {
  if (!shared) throw new MillimetricError("not_initialised", "call init({ key, host }) first");
  return shared;
}
var ask = (what) => quiet((async () => what(client()))());
var track = (event) => ask((client2) => client2.track(event));
var identify = (link) => ask((client2) => client2.identify(link));
var flush = () => ask((client2) => client2.flush());
var shutdown = () => ask((client2) => client2.shutdown());
export {
  MillimetricClient,
  MillimetricError,
  flush,
  identify,
  init,
  shutdown,
  track
};
