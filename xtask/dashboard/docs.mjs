// The documentation in Chromium: reference and pages at two widths, light and dark, checked with axe-core; the
// search, the language of the samples and the menu, by keyboard, on a phone, and without JavaScript.

import assert from "node:assert/strict";

import { browser, painted, pictures, watched } from "./looking.mjs";

const { SERVER } = process.env;
const PHONE = { width: 360, height: 740 };

try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await watched(context);
  await searching(page);
  await languages(page);
  await aFirstLook(page);
  await pictures(page, "docs-reference", `${SERVER}/docs`, { fullPage: false });
  for (const [name, path] of [["docs-first-event", "first-event"], ["docs-attribution", "attribution"], ["docs-wide-tables", "benchmarks"], ["docs-changelog", "changelog"]]) {
    await pictures(page, name, `${SERVER}/docs/${path}`, { fullPage: false });
  }
  await picturesOfTheMenu(await browser.newContext({ viewport: PHONE }));
  await context.close();
  await withoutScripts();
  console.log("the documentation can be read, searched and copied, and axe-core finds no violation");
} finally {
  await browser.close();
}

/// From a page to an operation and to a section of another page, by keyboard alone.
async function searching(page) {
  await page.goto(`${SERVER}/docs/first-event`);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to content");
  await page.keyboard.press("/");
  await page.keyboard.type("forget_requires");
  await page.getByRole("status").filter({ hasText: /result/ }).waitFor();
  await page.keyboard.press("Escape");
  assert.ok(await page.locator("#results").isHidden());

  await page.getByRole("searchbox", { name: "Search the documentation" }).fill("v1/forget");
  const first = page.locator("#results a").first();
  await first.getByText("POST /v1/forget").waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  assert.ok(await first.evaluate((link) => link === document.activeElement));
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/docs#\w+/);
  const operation = page.locator(new URL(page.url()).hash);
  assert.ok(await operation.evaluate((one) => one.textContent.includes("POST /v1/forget")));

  await page.getByRole("searchbox").fill("click ids");
  await page.locator("#results a").first().waitFor();
  await page.getByRole("searchbox").fill("zzqx");
  await page.getByText("0 results").waitFor();
  await page.getByRole("searchbox").fill("funnels retention");
  await page.locator("#results a").filter({ hasText: "Funnels, retention" }).first().click();
  await page.waitForURL(`${SERVER}/docs/api#funnels-retention-pages-sessions`);
}

/// One choice for all samples, which stays.
async function languages(page) {
  await page.goto(`${SERVER}/docs`);
  const sample = (language) => page.locator(`.operation .sample[data-language=${language}]`).first();
  await sample("curl").getByText("curl").first().waitFor();
  assert.ok(await sample("python").isHidden());
  await page.getByRole("radio", { name: "curl" }).focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await sample("python").getByText("urllib").first().waitFor();
  assert.ok(await sample("curl").isHidden());
  await page.reload();
  await sample("python").waitFor();
  await page.getByText("JavaScript", { exact: true }).first().click();
  await sample("javascript").getByText("fetch(").first().waitFor();
  await page.getByRole("banner").getByRole("link", { name: "Dashboard" }).click();
  await page.waitForURL(/sign-in|\/$/);
}

/// Nothing moves while the reference loads, and it is shown soon.
async function aFirstLook(page) {
  await page.goto(`${SERVER}/docs`);
  const { shift, paint } = await painted(page);
  assert.ok(shift < 0.1, `the layout shifts by ${shift}`);
  assert.ok(paint < 3000, `painted after ${paint} ms`);
}

async function picturesOfTheMenu(context) {
  const page = await watched(context);
  await page.goto(`${SERVER}/docs`);
  const menu = page.getByRole("navigation", { name: "Documentation" });
  assert.ok(await menu.isHidden());
  await page.getByRole("button", { name: "Menu" }).click();
  await menu.getByRole("link", { name: "Error codes" }).click();
  await page.waitForURL(`${SERVER}/docs#error-codes`);
  assert.ok(await menu.isHidden());
  await page.getByRole("button", { name: "Menu" }).click();
  await menu.getByRole("link", { name: "First event in five minutes" }).click();
  await page.waitForURL(`${SERVER}/docs/first-event`);
  await context.close();
}

/// Without JavaScript there is no search; all else works.
async function withoutScripts() {
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: PHONE });
  const page = await watched(context);
  await page.goto(`${SERVER}/docs`);
  assert.ok(await page.locator("#search").isHidden());
  const sample = page.locator(".operation .sample[data-language=javascript]").first();
  assert.ok(await sample.isHidden());
  await page.getByText("JavaScript", { exact: true }).first().click();
  await sample.waitFor();
  await page.getByRole("button", { name: "Menu" }).click();
  const menu = page.getByRole("navigation", { name: "Documentation" });
  await menu.getByText("Operate", { exact: true }).click();
  await menu.getByRole("link", { name: "Changelog" }).click();
  await page.waitForURL(`${SERVER}/docs/changelog`);
  await page.getByRole("heading", { name: "Changelog", exact: true }).waitFor();
  await context.close();
}
