// The dashboard in Chromium, in the order of a new user: setup, project, origin, key, first visit,
// revocation; then every page at two widths, light and dark, checked with axe-core.
//
// Connects only to the server under test and to its own page on another loopback port.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";

import { OWNER, browser, pictures, picturesOf, setUp, watched } from "./looking.mjs";

const { SERVER, SETUP, PROGRAM, DATA } = process.env;
// The user agent of a headless browser would be dropped as a bot.
const VISITOR = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";

const GUEST = "ben@example.com";

const site = await startSite();
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await watched(context);
  await pictures(page, "setup", SETUP);
  await setUp(page);
  await story(page);
  await tour(page);
  await rotate(page);
  await guest(await invite(page));
  await lockedOut();
  await withoutScripts();
  await accessToken(page);
  const secret = await secondFactor(page);
  await context.close();
  await strangers(secret);
  console.log("the dashboard works for a new user, and axe-core finds no violation");
} finally {
  await browser.close();
  site.close();
}

async function story(page) {
  await page.getByRole("link", { name: "New project" }).click();
  await page.getByLabel("Name").fill("Shop");
  await page.getByRole("button", { name: "Create project" }).click();
  await page.getByText("Waiting for the first event").waitFor();

  await page.getByRole("link", { name: "Add the origin of your site" }).click();
  const line = page.getByLabel("Origin 1", { exact: true });
  await line.fill("shop.example");
  await page.getByText("is not an origin").waitFor();
  await line.fill(site.listed);
  await page.getByText(`Matches ${site.listed}.`).waitFor();
  await page.getByRole("button", { name: "Save origins" }).click();
  await page.getByText("Saved.").waitFor();

  await page.getByRole("navigation").getByRole("link", { name: "API keys" }).click();
  await page.getByRole("link", { name: "+ pk" }).click();
  await page.getByLabel("Label").fill("the shop’s pages");
  await page.getByRole("button", { name: "Create key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("You won’t see this").waitFor();
  const pk = await page.locator("#fresh").textContent();
  assert.match(pk, /^pk_live_/);
  site.snippet = await page.locator("#snippet").textContent();
  assert.ok(site.snippet.includes(`data-key="${pk}"`), site.snippet);
  await picturesOf(page, "key-shown-once");
  await dialog.getByRole("link", { name: "verify installation" }).click();
  await page.getByText("Waiting for the first event").waitFor();
  assert.ok(!(await page.content()).includes(pk), "only one page contains the key");

  const arrivals = page.locator("[data-poll]");
  assert.equal(await visit(site.unlisted), 403);
  await arrivals.getByText(`the page’s origin is ${site.unlisted}`).waitFor();
  assert.equal(await visit(site.listed), 202);
  await arrivals.getByText("Last event:").waitFor();
  await arrivals.getByText(`${site.listed}/`).waitFor();
  await arrivals.getByText("news / email").waitFor();
  await picturesOf(page, "first-event");
  await page.getByRole("link", { name: "Live" }).click();
  const seen = page.locator("#live-events > li").filter({ hasText: "news email" });
  await seen.nth(0).waitFor();
  assert.equal(await visit(site.listed), 202);
  await seen.nth(1).waitFor();

  await page.getByRole("navigation").getByRole("link", { name: "API keys" }).click();
  await page.getByRole("link", { name: /^Revoke pk_live_/ }).click();
  await page.getByText("Requests with this key fail with 401").waitFor();
  await page.getByRole("button", { name: "Revoke key" }).click();
  await page.getByText("Key revoked.").waitFor();
  await page.getByRole("link", { name: "Install" }).click();
  await until(async () => (await visit(site.listed)) === 401);
  await arrivals.getByText("the key was revoked or has expired").waitFor();
}

/// Opens the site's page as a visitor; returns the status of the response to its page view.
async function visit(origin) {
  const context = await browser.newContext({ userAgent: VISITOR });
  const page = await context.newPage();
  const sent = page.waitForResponse((response) => response.url().startsWith(`${SERVER}/v1/batch`));
  await page.goto(`${origin}/?utm_source=news&utm_medium=email`);
  const response = await sent;
  await context.close();
  return response.status();
}

async function until(done) {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await done()) return;
    await new Promise((next) => setTimeout(next, 100));
  }
  assert.fail("it did not happen within ten seconds");
}

async function tour(page) {
  await page.goto(`${SERVER}/projects/shop/keys`);
  for (const [kind, label] of [["sk", "billing service"], ["rk", "the weekly report"]]) {
    await page.goto(`${SERVER}/projects/shop/keys?create=${kind}`);
    await page.getByLabel("Label").fill(label);
    await page.getByRole("button", { name: "Create key" }).click();
    await page.getByRole("link", { name: "Done" }).click();
  }
  const rotate = await page.getByRole("link", { name: /^Rotate/ }).first().getAttribute("href");
  const account = await (await page.goto(`${SERVER}/`), page.getByRole("link", { name: "Members and usage" }).getAttribute("href"));
  const pages = {
    projects: "/",
    "new-project": `${account}/projects/new`,
    overview: "/projects/shop",
    install: "/projects/shop/install",
    keys: "/projects/shop/keys",
    "keys-empty": "/accounts/ACCOUNT/keys".replace("/accounts/ACCOUNT", account),
    "new-key": "/projects/shop/keys?create=sk",
    rotate,
    revoke: rotate.replace("rotate", "revoke"),
    settings: "/projects/shop/settings",
    "settings-empty": "/projects/default/settings",
    members: account,
    usage: `${account}/usage`,
    audit: `${account}/audit`,
    profile: "/profile",
    "second-factor": "/profile/second-factor",
    nothing: "/projects/nothing",
  };
  for (const [name, path] of Object.entries(pages)) await pictures(page, name, SERVER + path);
}

/// A key is rotated: the new one is shown once.
async function rotate(page) {
  await page.goto(`${SERVER}/projects/shop/keys`);
  await page.getByRole("link", { name: /^Rotate sk_live_/ }).click();
  await page.getByRole("button", { name: "Rotate key" }).click();
  await page.getByRole("dialog").getByText("You won’t see this").waitFor();
  assert.match(await page.locator("#fresh").textContent(), /^sk_live_/);
  await picturesOf(page, "key-rotated");
}

/// The owner creates an invitation; the link is shown once.
async function invite(page) {
  await page.goto(`${SERVER}/`);
  await page.getByRole("link", { name: "Members and usage" }).click();
  await page.getByRole("button", { name: "Create invitation link" }).click();
  await page.getByRole("dialog").getByText("You won’t see this").waitFor();
  await picturesOf(page, "invitation-link");
  return page.locator("#link").textContent();
}

/// A guest accepts an invitation and sees what a viewer may see.
async function guest(link) {
  const context = await browser.newContext();
  const page = await watched(context);
  await pictures(page, "invitation", link);
  await page.getByLabel("E-mail address").fill(GUEST);
  await page.getByLabel("Password").fill("another horse battery");
  await page.getByRole("button", { name: "Accept and sign in" }).click();
  await page.getByRole("heading", { name: "Projects" }).waitFor();
  await pictures(page, "keys-of-viewer", `${SERVER}/projects/shop/keys`);
  assert.equal(await page.getByRole("link", { name: "+ pk" }).count(), 0);
  const account = await (await page.goto(`${SERVER}/`), page.getByRole("link", { name: "Members and usage" }).getAttribute("href"));
  assert.equal((await page.goto(`${SERVER}${account}/projects/new`)).status(), 403);
  await picturesOf(page, "not-allowed");
  assert.equal((await page.goto(link)).status(), 410);
  await picturesOf(page, "link-used-up");
  await context.close();
}

/// A user who forgot their password gets a reset link from the administrator.
async function lockedOut() {
  const output = execFileSync(PROGRAM, ["user", "reset-password", GUEST, "--public-url", SERVER, "--data-dir", DATA], { encoding: "utf8" });
  const context = await browser.newContext();
  const page = await watched(context);
  await pictures(page, "password-link", output.match(/http\S+/)[0]);
  await page.getByLabel("New password").fill("a third horse battery");
  await page.getByRole("button", { name: "Set password" }).click();
  await page.getByText("You are signed out of all sessions").waitFor();
  await picturesOf(page, "password-set");
  await page.goto(`${SERVER}/sign-in`);
  await page.getByLabel("E-mail address").fill(GUEST);
  await page.getByLabel("Password").fill("a third horse battery");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Projects" }).waitFor();
  await context.close();
}

/// Without JavaScript: a key is created, shown once and revoked.
async function withoutScripts() {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await watched(context);
  await page.goto(`${SERVER}/projects/shop/keys?create=rk`);
  await page.getByLabel("E-mail address").fill(OWNER.email);
  await page.getByLabel("Password").fill(OWNER.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Create key" }).click();
  const [name] = (await page.locator("#fresh").textContent()).match(/^rk_live_[0-9a-f]{8}/);
  await page.getByRole("link", { name: "Done" }).click();
  await page.getByRole("link", { name: `Revoke ${name}` }).click();
  await page.getByRole("button", { name: "Revoke key" }).click();
  await page.getByText("Key revoked.").waitFor();
  await context.close();
}

/// A token for scripts is created on the profile page, shown once, and revoked.
async function accessToken(page) {
  await page.goto(`${SERVER}/profile`);
  await page.locator("summary", { hasText: "New access token" }).click();
  await page.getByLabel("Name").fill("key rotation");
  await page.locator("#token-password").fill(OWNER.password);
  await picturesOf(page, "access-token-new");
  await page.getByRole("button", { name: "Create token" }).click();
  await page.getByRole("dialog").getByText("You won’t see this").waitFor();
  const token = await page.locator("#fresh").textContent();
  await picturesOf(page, "access-token");
  const asked = await fetch(`${SERVER}/v1/admin/projects`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(asked.status, 200);
  await page.getByRole("link", { name: "Done" }).click();
  const revoke = page.getByRole("button", { name: `Revoke ${token.slice(0, 12)}` });
  await revoke.click();
  await revoke.waitFor({ state: "detached" });
  const refused = await fetch(`${SERVER}/v1/admin/projects`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(refused.status, 401);
}

async function secondFactor(page) {
  await page.goto(`${SERVER}/profile/second-factor`);
  const secret = await page.locator("#secret").textContent();
  await page.getByLabel("Code from the app").fill(codeOf(secret, 0));
  await page.getByRole("button", { name: "Turn on two-factor authentication" }).click();
  await page.getByText("You won’t see these codes again").waitFor();
  await picturesOf(page, "recovery-codes");
  await page.getByRole("link", { name: "Done" }).click();
  await picturesOf(page, "profile-second-factor");
  return secret;
}

/// The code of an authenticator (RFC 6238), so many time steps after the present one.
function codeOf(secret, later) {
  const bits = [...secret].map((digit) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(digit).toString(2).padStart(5, "0"));
  const key = Buffer.from(bits.join("").match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later));
  const digest = createHmac("sha1", key).update(step).digest();
  const word = digest.readUInt32BE(digest[19] & 15) & 0x7fffffff;
  return String(word % 1_000_000).padStart(6, "0");
}

async function strangers(secret) {
  const context = await browser.newContext();
  const page = await watched(context);
  await pictures(page, "sign-in", `${SERVER}/sign-in`);
  await page.getByLabel("E-mail address").fill(OWNER.email);
  await page.getByLabel("Password").fill("wrong horse battery");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await picturesOf(page, "sign-in-wrong");
  await page.getByLabel("Password").fill(OWNER.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Two-factor authentication" }).waitFor();
  await picturesOf(page, "code");
  await page.getByLabel("Authentication code").fill(codeOf(secret, 1));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Projects" }).waitFor();
  await context.close();
}

/// A site whose page contains only the snippet, once there is one.
async function startSite() {
  const text = () => `<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>${started.snippet}</html>`;
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(text()));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address();
  const started = {
    snippet: "",
    listed: `http://127.0.0.1:${port}`,
    unlisted: `http://localhost:${port}`,
    close: () => { server.closeAllConnections(); server.close(); },
  };
  return started;
}
