// The reports in Chromium: an owner opens a project with traffic, filters it, builds a funnel, sees a live
// event, shares the overview; with the pointer, with keyboard shortcuts, and without JavaScript.
//
// Talks to the server under test and nothing else.

import assert from "node:assert/strict";

import { browser, painted, picturesOf, pictures, setUp, watched } from "./looking.mjs";

const { SERVER, SECRET_KEY } = process.env;
const DEMO = `${SERVER}/projects/demo`;
const HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202egpj.exe";

try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await watched(context);
  page.on("dialog", () => assert.fail("a page opened a dialog: text from an event was run"));
  await setUp(page);
  await pictures(page, "overview-empty", `${SERVER}/projects/default`);
  await narrow(page);
  await read(page);
  await keys(page);
  await funnel(page);
  await live(page);
  await share(page);
  await tour(page);
  await hostile(page);
  await withoutScript(await context.storageState());
  console.log("the reports work with the pointer, with the keyboard and without JavaScript");
} finally {
  await browser.close();
}

/// A click on a row adds a filter; going back removes it, and so does the filter's own link.
async function narrow(page) {
  await page.goto(DEMO);
  const visitors = page.locator(".tiles strong").first();
  const all = await visitors.textContent();
  await page.locator("#countries").getByRole("link", { name: "Germany" }).click();
  const chip = page.getByRole("list", { name: "Filters" }).getByRole("link");
  assert.match(await chip.textContent(), /Country\s+Germany/);
  assert.notEqual(await visitors.textContent(), all);
  await page.goBack();
  assert.equal(await visitors.textContent(), all);
  await page.goForward();
  await chip.click();
  assert.equal(await visitors.textContent(), all);
  await page.locator("#events").getByRole("link", { name: "purchase" }).click();
  await page.getByRole("list", { name: "Properties" }).getByRole("link").first().click();
  await picturesOf(page, "event");
}

/// The tooltip shows the values of the table, and the layout does not shift.
async function read(page) {
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.goto(DEMO);
  const { shift, paint } = await painted(page);
  assert.equal(shift, 0, "the layout shifted");
  console.log(`the overview's largest content was painted after ${Math.round(paint)} ms`);
  const field = page.locator(".field");
  const { width, height } = await field.boundingBox();
  await field.hover({ position: { x: width - 2, y: height / 2 } });
  const tip = page.locator(".tip");
  await page.getByText("Show as table").click();
  const last = page.locator(".chart tbody tr").last();
  await field.hover({ position: { x: width - 2, y: height / 2 } });
  assert.equal(await tip.locator("b").textContent(), await last.locator("th").textContent());
  assert.ok((await tip.textContent()).includes(await last.locator("td").first().textContent()));
}

async function keys(page) {
  await page.goto(DEMO);
  await page.keyboard.press("3");
  await page.waitForURL(`${DEMO}?period=7d`);
  await page.keyboard.press("c");
  await page.waitForURL(`${DEMO}?period=7d&compare=off`);
  await page.keyboard.press("?");
  await page.getByText("select the range").waitFor();
  await page.getByLabel("Enable shortcuts").uncheck();
  await page.locator("h1").focus().catch(() => {});
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("1");
  await page.reload();
  assert.equal(page.url(), `${DEMO}?period=7d&compare=off`, "disabled shortcuts do nothing");
  await page.evaluate(() => localStorage.clear());
}

async function funnel(page) {
  await page.goto(`${DEMO}/funnels`);
  await picturesOf(page, "funnel-empty");
  for (const [at, name] of ["$pageview", "add_to_cart", "purchase"].entries()) {
    await page.locator("select[name=step]").nth(at).selectOption(name);
  }
  await page.locator("select[name=group_by]").selectOption("source");
  await page.locator("form.card").getByRole("button", { name: "Apply" }).click();
  await page.getByRole("heading", { name: /visitors completed the funnel/ }).waitFor();
  assert.match(page.url(), /step=%24pageview&step=add_to_cart&step=purchase/);
  await picturesOf(page, "funnel");
}

/// A live event appears by itself, with its attribution and the rule for it.
async function live(page) {
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.goto(`${SERVER}/projects/default/live`);
  await page.getByText("Live. New events appear automatically.").waitFor();
  await send({ event: "first", anonymous_id: "visitor-1", url: "https://shop.example/?gclid=x" });
  const row = page.locator("#live-events li", { hasText: "first" });
  await row.locator("summary").click();
  await row.getByText("google / paid").waitFor();
  await send({ event: "second", anonymous_id: "visitor-1" });
  await page.locator("#live-events li", { hasText: "second" }).waitFor();
  assert.equal(await row.locator("details").getAttribute("open"), "", "an open event stays open");
  await row.getByRole("link", { name: /All evaluated rules/ }).click();
  await page.getByText("Matched", { exact: true }).waitFor();
  await picturesOf(page, "explained");
  await page.getByRole("link", { name: "visitor-1" }).click();
  await page.getByRole("heading", { name: "Visitor visitor-1" }).waitFor();
}

async function share(page) {
  await page.goto(DEMO);
  await page.getByRole("link", { name: "Share" }).click();
  await page.getByRole("button", { name: "Create link" }).click();
  const link = await page.locator("#link").textContent();
  await picturesOf(page, "share");
  const context = await browser.newContext();
  const stranger = await watched(context);
  await pictures(stranger, "shared", link);
  await stranger.locator("#countries").getByRole("link", { name: "Germany" }).click();
  await stranger.getByRole("list", { name: "Filters" }).waitFor();
  await page.getByRole("button", { name: /^Revoke/ }).click();
  await page.getByText("No active links.").waitFor();
  assert.equal((await stranger.reload()).status(), 404);
  await context.close();
}

async function tour(page) {
  const pages = {
    overview: "",
    hours: "?period=24h&figure=events",
    months: "?period=12mo&interval=month&figure=bounces",
    days: "?first=2026-01-01&last=2026-12-31&source=google&medium=paid",
    table: "/tables/pages",
    live: "/live",
    retention: "/retention?period=90d",
    "retention-days": "/retention",
  };
  for (const [name, path] of Object.entries(pages)) await pictures(page, `reports-${name}`, DEMO + path);
  await page.goto(`${DEMO}/live`);
  await page.locator(".visits a").first().click();
  await picturesOf(page, "reports-person");
}

/// Texts from events: shown as text, shortened if long, without effect on the direction of other text.
async function hostile(page) {
  const long = "x".repeat(10_000);
  await send({ event: HOSTILE, anonymous_id: HOSTILE, path: `/${HOSTILE}`, referrer: `https://evil.example/${HOSTILE}`, properties: { title: HOSTILE } });
  await send({ event: "long", anonymous_id: "x".repeat(128), path: `/${long.slice(0, 2000)}`, properties: { title: long.slice(0, 8000) } });
  const event = encodeURIComponent(HOSTILE);
  const pages = {
    overview: "", event: `?event=${event}&property=title`, long: "?event=long&property=title", live: "/live",
    person: `/person?visitor=${event}`, "long-person": `/person?visitor=${"x".repeat(128)}`,
    funnel: `/funnels?step=${event}&step=long&group_by=path`, retention: `/retention?begin=${event}`,
  };
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(`${SERVER}/projects/default${path}`);
    assert.equal(await page.locator("img[src=x], main script").count(), 0, name);
    assert.ok(!(await page.locator("main").innerText()).includes("\u202e"), name);
    for (const details of await page.locator("details").all()) await details.evaluate((it) => { it.open = true; });
    await picturesOf(page, `hostile-${name}`);
  }
}

/// Without JavaScript, everything works by links and forms.
async function withoutScript(storageState) {
  const context = await browser.newContext({ javaScriptEnabled: false, storageState });
  const page = await watched(context);
  await page.goto(DEMO);
  await page.getByRole("link", { name: "7 days" }).click();
  await page.locator("#sources tbody a").first().click();
  await page.getByRole("list", { name: "Filters" }).waitFor();
  assert.match(page.url(), /period=7d&session_source=/);
  await page.goto(`${DEMO}/live`);
  assert.notEqual(await page.locator("#live-events li").count(), 0);
  await context.close();
}

async function send(event) {
  const response = await fetch(`${SERVER}/v1/track`, {
    method: "POST",
    headers: { authorization: `Bearer ${SECRET_KEY}`, "content-type": "application/json" },
    body: JSON.stringify(event),
  });
  assert.equal(response.status, 202, await response.text());
}
