// Shared by the tests in Chromium: a browser, pages whose requests must stay on the server and whose
// console must be quiet, and screenshots at two widths, light and dark, checked with axe-core.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const { PACKAGES, CHROMIUM, SERVER, SETUP, PICTURES } = process.env;
const require = createRequire(join(PACKAGES, "package.json"));
const { chromium } = require("playwright-core");
const axe = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");

const ARGUMENTS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
export const OWNER = { email: "ann@example.com", password: "correct horse battery" };
const WIDTHS = [360, 1600];

export const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });

/// A page whose requests must stay on the server, and which must log no error.
export async function watched(context) {
  const page = await context.newPage();
  page.on("request", (request) => {
    const url = request.url();
    assert.ok(url.startsWith(`${SERVER}/`) || url.startsWith("data:"), `a request left the server: ${url}`);
  });
  page.on("console", (message) => {
    const expected = /status of (403|404|410|422)/.test(message.text());
    assert.ok(message.type() !== "error" || expected, `the console says: ${message.text()}`);
  });
  page.on("pageerror", (error) => assert.fail(`a script failed: ${error}`));
  return page;
}

/// The cumulative layout shift of a page that was just opened, and its largest contentful paint in
/// milliseconds.
export function painted(page) {
  return page.evaluate(() => new Promise((done) => {
    const seen = { shift: 0, paint: 0 };
    const observe = (type, note) => new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true });
    observe("layout-shift", (entry) => { seen.shift += entry.value; });
    observe("largest-contentful-paint", (entry) => { seen.paint = entry.startTime; });
    // Two frames after it was painted, so that what moves then is seen too.
    const look = () => seen.paint > 0
      ? requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(seen))))
      : setTimeout(look, 10);
    look();
  }));
}

/// Creates the owner account.
export async function setUp(page) {
  await page.goto(SETUP);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to content");
  await page.getByLabel("E-mail address").fill(OWNER.email);
  await page.getByLabel("Password").fill(OWNER.password);
  await page.getByRole("button", { name: "Create owner account" }).click();
  await page.waitForURL(`${SERVER}/`);
}

export async function pictures(page, name, url, options) {
  await page.goto(url);
  await picturesOf(page, name, options);
}

/// The current page at each width, light and dark: no horizontal overflow, no axe-core violation.
export async function picturesOf(page, name, { fullPage = true } = {}) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      const beyond = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(beyond <= 0, `${name} is ${beyond} px wider than ${width} px`);
      await checkAccessibility(page, `${name} at ${width} px, ${colorScheme}`);
      await mkdir(PICTURES, { recursive: true });
      await page.screenshot({ path: join(PICTURES, `${name}-${width}-${colorScheme}.png`), fullPage });
    }
  }
}

async function checkAccessibility(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    window.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
  assert.deepEqual(found, [], `axe-core on ${where}`);
}
