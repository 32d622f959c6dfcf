// The dashboard in Chromium, as a newcomer meets it: setup, project, origin, key, first visit,
// revocation; then every page at two widths, light and dark, looked at by axe-core.
//
// Talks to the server under test and to a page of its own on another loopback port, nothing else.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";

import { OWNER, browser, pictures, picturesOf, setUp, watched } from "./looking.mjs";

const { SERVER, SETUP, PROGRAM, DATA } = process.env;
// A headless browser says so, and would be left out as a bot.
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
  const secret = await secondFactor(page);
  await context.close();
  await strangers(secret);
  console.log("the dashboard does what a newcomer needs, and axe-core has no complaint");
} finally {
  await browser.close();
  site.close();
}

async function story(page) {
  await page.getByRole("link", { name: "New project" }).click();
  await page.getByLabel("Name").fill("Shop");
  await page.getByRole("button", { name: "Create the project" }).click();
  await page.getByText("Waiting for the first event").waitFor();

  await page.getByRole("link", { name: "Add the origin of your site" }).click();
  const line = page.getByLabel("Origin 1", { exact: true });
  await line.fill("shop.example");
  await page.getByText("is not an origin").waitFor();
  await line.fill(site.listed);
  await page.getByText(`Matches ${site.listed}.`).waitFor();
  await page.getByRole("button", { name: "Save the origins" }).click();
  await page.getByText("Saved.").waitFor();

  await page.getByRole("link", { name: "Keys" }).click();
  await page.getByRole("link", { name: "+ pk" }).click();
  await page.getByLabel("Label").fill("the shop’s pages");
  await page.getByRole("button", { name: "Mint the key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("You will not see this again").waitFor();
  const pk = await page.locator("#fresh").textContent();
  assert.match(pk, /^pk_live_/);
  site.snippet = await page.locator("#snippet").textContent();
  assert.ok(site.snippet.includes(`data-key="${pk}"`), site.snippet);
  await picturesOf(page, "key-shown-once");
  await dialog.getByRole("link", { name: "wait for the first event" }).click();
  await page.getByText("Waiting for the first event").waitFor();
  assert.ok(!(await page.content()).includes(pk), "the key is in one page alone");

  const arrivals = page.locator("[data-poll]");
  assert.equal(await visit(site.unlisted), 403);
  await arrivals.getByText(`the page was on ${site.unlisted}`).waitFor();
  assert.equal(await visit(site.listed), 202);
  await arrivals.getByText("The last event came").waitFor();
  await arrivals.getByText(`${site.listed}/`).waitFor();
  await arrivals.getByText("news / email").waitFor();
  await picturesOf(page, "first-event");
  await page.getByRole("link", { name: "Live" }).click();
  const seen = page.locator("#live-events > li").filter({ hasText: "news email" });
  await seen.nth(0).waitFor();
  assert.equal(await visit(site.listed), 202);
  await seen.nth(1).waitFor();

  await page.getByRole("navigation").getByRole("link", { name: "Keys" }).click();
  await page.getByRole("link", { name: /^Revoke pk_live_/ }).click();
  await page.getByText("Clients that use it get 401").waitFor();
  await page.getByRole("button", { name: "Revoke the key" }).click();
  await page.getByText("The key is revoked").waitFor();
  await page.getByRole("link", { name: "Install" }).click();
  await until(async () => (await visit(site.listed)) === 401);
  await arrivals.getByText("the key was revoked or has expired").waitFor();
}

/// Opens the site's page as a visitor and tells how its page view was answered.
async function visit(origin) {
  const context = await browser.newContext({ userAgent: VISITOR });
  const page = await context.newPage();
  const sent = page.waitForResponse((answer) => answer.url().startsWith(`${SERVER}/v1/batch`));
  await page.goto(`${origin}/?utm_source=news&utm_medium=email`);
  const answered = await sent;
  await context.close();
  return answered.status();
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
    await page.goto(`${SERVER}/projects/shop/keys?mint=${kind}`);
    await page.getByLabel("Label").fill(label);
    await page.getByRole("button", { name: "Mint the key" }).click();
    await page.getByRole("link", { name: "I have kept it" }).click();
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
    mint: "/projects/shop/keys?mint=sk",
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
  await page.getByRole("button", { name: "Rotate the key" }).click();
  await page.getByRole("dialog").getByText("You will not see this again").waitFor();
  assert.match(await page.locator("#fresh").textContent(), /^sk_live_/);
  await picturesOf(page, "key-rotated");
}

/// The owner invites somebody; the link is shown once.
async function invite(page) {
  await page.goto(`${SERVER}/`);
  await page.getByRole("link", { name: "Members and usage" }).click();
  await page.getByRole("button", { name: "Make the link" }).click();
  await page.getByRole("dialog").getByText("You will not see this again").waitFor();
  await picturesOf(page, "invitation-link");
  return page.locator("#link").textContent();
}

/// Whoever is invited accepts, and sees what a viewer sees.
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

/// Whoever forgot their password gets a link from somebody at the machine.
async function lockedOut() {
  const told = execFileSync(PROGRAM, ["user", "reset-password", GUEST, "--public-url", SERVER, "--data-dir", DATA], { encoding: "utf8" });
  const context = await browser.newContext();
  const page = await watched(context);
  await pictures(page, "password-link", told.match(/http\S+/)[0]);
  await page.getByLabel("New password").fill("a third horse battery");
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByText("The link has done its work").waitFor();
  await picturesOf(page, "password-set");
  await page.goto(`${SERVER}/sign-in`);
  await page.getByLabel("E-mail address").fill(GUEST);
  await page.getByLabel("Password").fill("a third horse battery");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Projects" }).waitFor();
  await context.close();
}

/// The same without any script: a key is minted, seen once and revoked.
async function withoutScripts() {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await watched(context);
  await page.goto(`${SERVER}/projects/shop/keys?mint=rk`);
  await page.getByLabel("E-mail address").fill(OWNER.email);
  await page.getByLabel("Password").fill(OWNER.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Mint the key" }).click();
  const [name] = (await page.locator("#fresh").textContent()).match(/^rk_live_[0-9a-f]{8}/);
  await page.getByRole("link", { name: "I have kept it" }).click();
  await page.getByRole("link", { name: `Revoke ${name}` }).click();
  await page.getByRole("button", { name: "Revoke the key" }).click();
  await page.getByText("The key is revoked").waitFor();
  await context.close();
}

async function secondFactor(page) {
  await page.goto(`${SERVER}/profile/second-factor`);
  const secret = await page.locator("#secret").textContent();
  await page.getByLabel("The code that it shows").fill(codeOf(secret, 0));
  await page.getByRole("button", { name: "Turn on the second factor" }).click();
  await page.getByText("You will not see them again").waitFor();
  await picturesOf(page, "recovery-codes");
  await page.getByRole("link", { name: "I have kept them" }).click();
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
  await page.getByRole("heading", { name: "Second step" }).waitFor();
  await picturesOf(page, "code");
  await page.getByLabel("Code of your authenticator").fill(codeOf(secret, 1));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Projects" }).waitFor();
  await context.close();
}

/// A site whose page holds nothing but the snippet, once it has one.
async function startSite() {
  const text = () => `<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>${started.snippet}</html>`;
  const server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(text()));
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
