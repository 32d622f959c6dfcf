// A real server (MILLIMETRIC is its binary) over a folder of its own: starts, stops, and tells what
// its store holds.

import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

import { eventually } from './eventually.mjs'

const BINARY = process.env.MILLIMETRIC
const UNLIMITED = ['--rate-limit-track', 'off', '--rate-limit-batch', 'off']
const ALWAYS = 'from=2000-01-01&to=2100-01-01'

export class Server {
  #process
  #folder = mkdtempSync(join(tmpdir(), 'millimetric-sdk-'))
  #flags
  #projects = 0
  url
  /** The link that creates the owner's account; of the first start only. */
  setup

  static async start(flags = UNLIMITED) {
    const server = new Server()
    server.#flags = flags
    await server.#run()
    return server
  }

  async #run(listen = '127.0.0.1:0') {
    const args = ['serve', '--listen', listen, '--log', 'warn', ...this.#flags]
    this.#process = spawn(BINARY, args, { env: this.#environment(), stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = createInterface({ input: this.#process.stdout })
    this.url = await new Promise((resolve, reject) => {
      lines.on('line', line => {
        this.setup ??= /^ +(\S+\/setup\/\S+)$/.exec(line)?.[1]
        const address = /^Millimetric listens on (\S+)/.exec(line)?.[1]
        if (address) resolve(address.replace('localhost', '127.0.0.1'))
      })
      this.#process.once('exit', code => reject(new Error(`the server ended with ${code} before it listened`)))
    })
  }

  #environment() {
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith('MILLIMETRIC'))
    return { ...Object.fromEntries(own), MILLIMETRIC_DATA_DIR: this.#folder }
  }

  /** Ends the process as a power cut would. */
  async kill() {
    const ended = new Promise(resolve => this.#process.once('exit', resolve))
    this.#process.kill('SIGKILL')
    await ended
  }

  /** Starts again over the same folder, on another port. */
  async restart() {
    await this.#run()
  }

  /** Starts again over the same folder, on the same port, as clients know it. */
  async restartThere() {
    await this.#run(new URL(this.url).host)
  }

  async stop() {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Runs a command of the program over the server's folder. */
  command(...args) {
    return promisify(execFile)(BINARY, args, { env: this.#environment() })
  }

  /** A new project whose pk may send from these origins: its slug and keys. */
  async project(...origins) {
    const args = ['project', 'create', '--name', `Site ${++this.#projects}`, '--json', ...origins.flatMap(it => ['--origin', it])]
    const { stdout } = await this.command(...args)
    const { slug, keys } = JSON.parse(stdout)
    return { slug, ...keys }
  }

  /** The response to a query of a project. */
  async read({ rk }, path) {
    const response = await fetch(this.url + path, { headers: { authorization: `Bearer ${rk}` } })
    if (!response.ok) throw new Error(`${path} returns ${response.status}: ${await response.text()}`)
    return response.json()
  }

  /** Every row of a project, oldest first, with its properties read. */
  async rows({ rk }) {
    const rows = []
    let cursor = ''
    do {
      const page = await this.read({ rk }, `/v1/query?${ALWAYS}&limit=1000${cursor}`)
      rows.push(...page.rows)
      cursor = page.next_cursor ? `&cursor=${encodeURIComponent(page.next_cursor)}` : ''
    } while (cursor)
    return rows.reverse().map(row => ({ ...row, properties: JSON.parse(row.properties) }))
  }

  /** The rows, once one of this name is among them. */
  async rowsOnce(project, name) {
    return this.rowsWhen(project, `the event ${name} is stored`, rows => rows.some(row => row.event_name === name))
  }

  /** The rows, once they are as wanted. */
  async rowsWhen(project, what, wanted) {
    return eventually(what, async () => {
      const rows = await this.rows(project)
      return wanted(rows) && rows
    })
  }
}
