// Chromium (CHROMIUM is its binary), in two ways: driven by Playwright, and left alone with a page
// that acts by itself, for what a driver would change.

import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const BINARY = process.env.CHROMIUM
const { chromium } = createRequire(join(process.env.NODE_PACKAGES, 'package.json'))('playwright-core')

/** A browser as people have one: the server leaves headless ones out. */
const AGENT = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Drivers announce themselves by this.
  '--disable-blink-features=AutomationControlled',
  // A driver's own way ends with the page: what is sent while it closes would be of a headless browser.
  `--user-agent=${AGENT}`,
]

export async function launch() {
  return chromium.launch({ executablePath: BINARY, args: ARGS, headless: true })
}

/** A fresh profile. */
export async function visitor(browser, options = {}) {
  return browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', viewport: { width: 1280, height: 720 }, ...options })
}

/** A profile whose settings forbid sites to store anything, for as long as `act` takes. */
export async function withoutStorage(act) {
  const folder = mkdtempSync(join(tmpdir(), 'millimetric-chromium-'))
  mkdirSync(join(folder, 'Default'))
  const settings = { profile: { default_content_setting_values: { cookies: 2 } } }
  writeFileSync(join(folder, 'Default/Preferences'), JSON.stringify(settings))
  const context = await chromium.launchPersistentContext(folder, { executablePath: BINARY, args: ARGS, headless: true })
  try {
    return await act(context)
  } finally {
    await context.close()
    await remove(folder)
  }
}

/** Opens an address without any driver and lets `act` watch; the browser ends with it. */
export async function undriven(address, act) {
  const folder = mkdtempSync(join(tmpdir(), 'millimetric-chromium-'))
  const args = ['--headless', ...ARGS, `--user-data-dir=${folder}`, address]
  const browser = spawn(BINARY, args, { stdio: 'ignore', detached: true })
  const ended = new Promise(resolve => browser.once('exit', resolve))
  try {
    return await act()
  } finally {
    // The whole group: the command may be a script around the browser.
    process.kill(-browser.pid, 'SIGKILL')
    await ended
    await remove(folder)
  }
}

/** A browser that ends writes to its folder for a moment longer. */
const remove = folder => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
