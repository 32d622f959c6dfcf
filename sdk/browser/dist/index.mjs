// src/track.ts
var REQUEST_LENGTH = 2e4;
var MOST_WAITING = 1e4;
var MOST_STORED = 1e3;
var RETRY_FOR = 5e8;
var LEAVING = 1;
var RESUMED = 2;
var early = [];
var options;
var kept = {};
var userId;
var timeZone;
var lastPage;
var lastUrl;
var referrer;
var queue = [];
var away = 0;
var url;
var place;
var batchLimit = Infinity;
var timer;
var failures = 0;
var uuid = () => ("0" + Date.now().toString(16)).replace(/....$/, "-$&-7xxx-8xxx-xxxxxxxxxxxx").replace(/x/g, () => Math.random().toString(16)[2]);
var cut = (text, length = 2048) => ("" + text).slice(0, length);
var path = () => (location.pathname + (options.hashRouting ? location.hash : "")).replace(/\/?#/, "");
var keep = (name, value) => {
  try {
    kept[name] = value;
  } catch (e) {
    ;
    (kept = { ...kept })[name] = value;
  }
};
var visitor = () => {
  if (kept.mm_out) return;
  if (!kept.mm_aid) keep("mm_aid", uuid());
  return kept.mm_aid;
};
var add = (event, properties) => {
  const id = visitor();
  if (!id || queue[MOST_WAITING]) return;
  properties = {
    ...properties,
    $viewport_w: innerWidth,
    $viewport_h: innerHeight,
    $language: navigator.language,
    $timezone: timeZone
  };
  const size = new TextEncoder().encode(JSON.stringify(properties)).length;
  queue.push(
    JSON.stringify({
      event: cut(event, 128),
      event_id: "evt_" + uuid(),
      timestamp: /* @__PURE__ */ new Date(),
      anonymous_id: id,
      user_id: userId,
      url: cut(location.href),
      path: cut(path()),
      referrer: cut(referrer),
      properties: size > 8192 ? { __truncated: true, original_bytes: size } : properties
    })
  );
  proceed();
};
var proceed = () => {
  if (queue.length >= (options.flushBatchSize || 20)) return send();
  if (!timer) timer = setTimeout(send, options.flushIntervalMs || 2e3, RESUMED);
};
var send = async (why) => {
  if (why == RESUMED) timer = 0;
  if ((failures ? why != RESUMED : away && !why) || !queue[away]) return;
  const from = away;
  let size = 0;
  while (away - from < batchLimit && queue[away] && (size += queue[away].length) < REQUEST_LENGTH) away++;
  const batch = queue.slice(from, away);
  const body = `{"events":[${batch}]}`;
  let wait = 0;
  let status = 500;
  try {
    const response = await fetch(url, { method: "POST", body, keepalive: true });
    status = response.status;
    wait = +response.headers.get("retry-after");
    await response.text();
  } catch (e) {
    if (why == LEAVING && navigator.sendBeacon) navigator.sendBeacon(url, body);
  }
  away -= batch.length;
  if (status == 408 || status == 429 || status > 499) {
    failures++;
    store();
    clearTimeout(timer);
    timer = setTimeout(send, Math.min(wait || 2 ** failures / 2, 1e6) * (1 + Math.random()) * 1e3, RESUMED);
  } else {
    failures = 0;
    batchLimit = status == 400 ? batch.length >> 1 : 0;
    if (!batchLimit) {
      batchLimit = Infinity;
      queue = queue.filter((event) => !batch.includes(event));
    }
    if (kept[place]) store();
    return proceed();
  }
};
var store = () => {
  delete kept[place];
  if (queue[0]) keep(place, `[${queue.slice(0, MOST_STORED)}]`);
};
var leave = () => {
  send(LEAVING);
  send(LEAVING);
  store();
};
var view = () => {
  if (options.autoPageView != false) add("$pageview");
};
var guarded = (act) => {
  const call = (...args) => {
    try {
      if (!early) return act(...args);
      early.push(() => call(...args));
    } catch (e) {
    }
  };
  return call;
};
var look = guarded(() => {
  if (lastPage != (lastPage = path().replace(/\/?$/, options.countQuery ? location.search : ""))) {
    referrer = lastUrl;
    view();
  }
  lastUrl = location.href.replace(/#.*/, "");
});
var on = (name, act) => addEventListener(name, guarded(act));
var begin = guarded((calls) => {
  referrer = lastUrl = document.referrer;
  const prefix = "mm_q" + options.key;
  place = prefix + uuid();
  timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  url = new URL("/v1/batch?key=" + options.key, options.host);
  for (const name in kept) {
    if (name.startsWith(prefix)) {
      guarded((events) => {
        delete kept[name];
        for (const event of JSON.parse(events)) if (+/* @__PURE__ */ new Date() - +new Date(event.timestamp) < RETRY_FOR) queue.push(JSON.stringify(event));
      })(kept[name]);
    }
  }
  store();
  proceed();
  for (const call of calls) call();
  for (const name of ["pushState", "replaceState"]) {
    const original = history[name];
    history[name] = (...args) => {
      original.apply(history, args);
      look();
    };
  }
  on("popstate", look);
  on("pageshow", (event) => event.persisted && view());
  on("visibilitychange", leave);
  on("pagehide", leave);
  on("online", () => send(RESUMED));
  look();
});
var start = () => {
  const calls = early;
  early = 0;
  begin(calls);
};
var reset = () => {
  userId = null;
  delete kept.mm_aid;
};
var api = {
  /** Begins to count. Calls made before are kept until then; a second call changes nothing. */
  init(given) {
    if (options) return;
    options = given;
    try {
      if (given.storage != "memory") kept = localStorage || kept;
    } catch (e) {
    }
    if (given.respectDnt != false && (navigator.doNotTrack == 1 || navigator.globalPrivacyControl)) early = {};
    else if (document.prerendering) document.addEventListener("prerenderingchange", start);
    else start();
  },
  /** Counts an event. */
  track: guarded(add),
  /** Tells who the visitor is: this event and all later ones of this page carry the user's id. */
  identify: guarded((user, traits) => {
    if (!user) return;
    userId = cut(user, 256);
    add("$identify", traits);
  }),
  /** Counts a page view by hand. */
  page: guarded((name, properties) => add("$pageview", { name, ...properties })),
  /** Sends what waits now. */
  flush: guarded(() => send(LEAVING)),
  /** The visitor's id; undefined before the start and for who is not tracked. */
  getAnonymousId: guarded(visitor),
  /** Names the visitor, for instance as your server does. */
  setAnonymousId: guarded((id) => {
    if (id && visitor()) keep("mm_aid", cut(id, 128));
  }),
  /** Forgets who the visitor is, as at a sign-out: what follows is somebody new. */
  reset: guarded(reset),
  /** Counts nothing more for this visitor, and drops what is not yet sent. */
  optOut: guarded(() => {
    queue = [];
    store();
    reset();
    keep("mm_out", "1");
  }),
  /** Counts this visitor again, beginning with this page. */
  optIn: guarded(() => {
    delete kept.mm_out;
    view();
  })
};

// src/index.ts
var inPage = typeof document != "undefined";
var nothing = () => {
};
var pick = (act) => inPage ? act : nothing;
var init = pick((options2) => api.init({ ...options2, host: (options2 == null ? void 0 : options2.host) || location.href }));
var track = pick(api.track);
var identify = pick(api.identify);
var page = pick(api.page);
var flush = pick(api.flush);
var getAnonymousId = pick(api.getAnonymousId);
var setAnonymousId = pick(api.setAnonymousId);
var reset2 = pick(api.reset);
var optOut = pick(api.optOut);
var optIn = pick(api.optIn);
export {
  flush,
  getAnonymousId,
  identify,
  init,
  optIn,
  optOut,
  page,
  reset2 as reset,
  setAnonymousId,
  track
};
