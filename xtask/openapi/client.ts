// A program as somebody writes it with a client that is generated from the API description: it sends events with
// properties and reads rows. `cargo xtask test` checks its types and runs it against a server.

import createClient from "openapi-fetch";

import type { components, paths } from "./schema.js";

declare const process: { env: Record<string, string | undefined> };

const { SERVER = "", SECRET_KEY = "" } = process.env;
const range = { from: "2026-05-01", to: "2026-06-01" };

/** Throws unless the two are the same as JSON. */
function same(got: unknown, wanted: unknown, what: string): void {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
  }
}

const client = createClient<paths>({
  baseUrl: SERVER,
  headers: { Authorization: `Bearer ${SECRET_KEY}` },
});

// An event with properties of every type.
const signup: components["schemas"]["Event"] = {
  event: "signup",
  event_id: "ts-1",
  anonymous_id: "ts-visitor",
  timestamp: "2026-05-16T19:00:00Z",
  url: "https://shop.example/join?utm_source=facebook&utm_medium=cpc",
  properties: { plan: "pro", seats: 3, trial: true, tags: ["a", "b"], nested: { deep: null } },
};
const tracked = await client.POST("/v1/track", { body: signup });
same(tracked.data, { ok: true, event_id: "ts-1" }, "the response of a track");

const batched = await client.POST("/v1/batch", {
  body: { events: [signup, { event: "purchase", event_id: "ts-2", anonymous_id: "ts-visitor", timestamp: "2026-05-17T08:00:00Z", properties: { amount: 49.9, currency: "EUR" } }] },
});
same(batched.data, { ok: true, count: 2, duplicates: 1 }, "the response of a batch");

const linked = await client.POST("/v1/identify", {
  body: { anonymous_id: "ts-visitor", user_id: "ts-user", traits: { plan: "pro" } },
});
same(linked.data, { ok: true }, "the response of an identify");

// Rows: those of a report with columns of `group_by`, and stored events.
const stats = await client.GET("/v1/stats", {
  params: { query: { ...range, metric: "count", event: "signup", group_by: "source,properties.plan" } },
});
const row = stats.data?.rows[0];
const value: number | null | undefined = row?.value;
same(value, 1, "the value of a row");
same([row?.["source"], row?.["properties.plan"]], ["facebook", "pro"], "the groups of a row");

const events = await client.GET("/v1/query", { params: { query: { ...range, event: "signup", limit: 10 } } });
const stored = events.data?.rows.map((event) => [event.event_id, event.timestamp, JSON.parse(event.properties)]);
same(stored, [["ts-1", "2026-05-16T19:00:00.000Z", signup.properties]], "a stored event");

// The same report by POST, whose body has the names of the query string.
const posted = await client.POST("/v1/stats", { body: { ...range, metric: "uniques" } });
same(posted.data?.rows, [{ value: 1 }], "the rows of a POST");

// Errors are typed too.
const wrong = await client.GET("/v1/stats", { params: { query: { ...range, group_by: "colour" } } });
const error: components["schemas"]["Error"] | undefined = wrong.error;
same([wrong.response.status, error?.error, error?.details["unknown"]], [400, "invalid_group_by", "colour"], "an error");

// What the API does not take is no valid program.
// @ts-expect-error: there is no such metric
void (() => client.GET("/v1/stats", { params: { query: { ...range, metric: "median_of_nothing" } } }));
// @ts-expect-error: a range has an end
void (() => client.GET("/v1/stats", { params: { query: { from: "2026-05-01" } } }));
// @ts-expect-error: an event has a name
void (() => client.POST("/v1/track", { body: { properties: {} } }));

console.log("the TypeScript client sent events with properties, and read rows");
