// The code in docs/sdk: types are checked where there are types, everything else runs. HTML runs in
// `browser/pages.test.mjs`, programs with Segment's libraries in `segment/` and `segment-browser/`.

import assert from 'node:assert/strict'
import { execFileSync, execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { pathToFileURL } from 'node:url'

import { blocks, pages, text } from '../support/pages.mjs'
import { Server } from '../support/server.mjs'

const { NODE_PACKAGES, SDK_BUILD } = process.env
const require = createRequire(join(NODE_PACKAGES, 'package.json'))
const run = promisify(execFile)

let server, folder
before(async () => {
  server = await Server.start()
  folder = mkdtempSync(join(tmpdir(), 'millimetric-pages-'))
  // What a reader of the pages has installed.
  const installed = join(folder, 'node_modules')
  mkdirSync(join(installed, '@millimetric'), { recursive: true })
  for (const name of readdirSync(join(NODE_PACKAGES, 'node_modules'))) symlinkSync(join(NODE_PACKAGES, 'node_modules', name), join(installed, name))
  symlinkSync(join(SDK_BUILD, 'browser'), join(installed, '@millimetric/track'))
  symlinkSync(join(SDK_BUILD, 'node'), join(installed, '@millimetric/track-node'))
})
after(async () => {
  rmSync(folder, { recursive: true })
  await server.stop()
})

test('every block on the pages is of a kind that some test tries, or its page says that none does', () => {
  const kinds = new Set(['ts', 'tsx', 'vue', 'svelte', 'js', 'sh', 'python', 'html'])
  const untested = { 'php.md': 'php', 'ruby.md': 'ruby', 'go.md': 'go', 'java.md': 'java', 'dotnet.md': 'csharp', 'rust.md': 'rust', 'swift.md': 'swift', 'kotlin.md': 'kotlin' }
  const others = pages().flatMap(page => blocks(page).filter(({ kind }) => !kinds.has(kind) && kind !== untested[page]).map(({ kind }) => `${page}: ${kind}`))
  assert.deepEqual(others, [])
  for (const page of Object.keys(untested)) assert.match(text(page), /^Our tests (do not run this|run neither) /m, page)
})

test('typed code is right, in strict mode, against the packages as they are published', () => {
  const typed = pages().flatMap(page => blocks(page, 'ts', 'tsx', 'vue', 'svelte').map(block => ({ page, ...block })))
  for (const { page, kind, name, code } of typed) write(page, name, kind === 'vue' ? vue(name, code) : kind === 'svelte' ? svelte(name, code) : code)
  writeFileSync(join(folder, 'components.d.ts'), `declare module '*.vue' { const it: import('vue').DefineComponent; export default it }\n`)
  const options = { target: 'ES2022', lib: ['ES2022', 'DOM', 'DOM.Iterable'], module: 'ESNext', moduleResolution: 'Bundler', jsx: 'react-jsx', moduleDetection: 'force', strict: true, noEmit: true, skipLibCheck: true, esModuleInterop: true, types: ['node', 'svelte'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['**/*.ts', '**/*.tsx'], exclude: ['node_modules'] }))
  assert.ok(typed.length >= 15, `${typed.length} blocks`)
  try {
    execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '--project', folder], { encoding: 'utf8' })
  } catch (error) {
    assert.fail(error.stdout)
  }
})

/** Puts a block where its page says. */
function write(page, name, code) {
  const file = join(folder, page.replace('.md', ''), name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file.replace(/\.(vue|svelte)$/, '.$1.ts'), code)
}

/** A component's script as TypeScript, its template's use of it included. */
function vue(name, code) {
  const { compileScript, parse } = require('vue/compiler-sfc')
  const { descriptor, errors } = parse(code, { filename: name })
  assert.deepEqual(errors, [])
  return compileScript(descriptor, { id: name, inlineTemplate: true }).content
}

/** A component's script as TypeScript; the whole is compiled too. */
function svelte(name, code) {
  const { compile } = require('svelte/compiler')
  assert.deepEqual(compile(code, { filename: name }).warnings, [])
  return /<script lang="ts">\n([^]*?)<\/script>/.exec(code)[1]
}

test('the commands with curl store what they say', async () => {
  const { environment, names } = await project()
  for (const { code } of blocks('curl.md', 'sh')) await run('bash', ['-euo', 'pipefail', '-c', code], { env: environment })
  assert.deepEqual(await names(), ['backup_done', 'row_read', 'row_read'])
})

test('the command in the dialect of Segment stores what it says', async () => {
  const { environment, names } = await project()
  const [{ code }] = blocks('segment.md', 'sh')
  for (const attempt of ['first', 'second']) {
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', code], { env: environment })
    assert.equal(stdout, '{"success":true}', attempt)
  }
  assert.deepEqual(await names(), ['Invoice Sent'])
})

test('the program in Python stores what it says', async () => {
  const { environment, names } = await project()
  const { code } = blocks('python.md', 'python').find(({ code }) => code.includes('urllib'))
  await run('python3', ['-c', code], { env: environment })
  assert.deepEqual(await names(), ['invoice_sent'])
})

test('the worker stores what it says before it may be stopped', async () => {
  const { environment, names } = await project()
  const [{ code }] = blocks('worker.md', 'js')
  const file = join(folder, 'worker.mjs')
  writeFileSync(file, code)
  const { default: worker } = await import(pathToFileURL(file).href)
  const waited = []
  const request = new Request('https://files.example/a.zip', { headers: { 'cf-connecting-ip': '81.2.69.160' } })
  const response = await worker.fetch(request, environment, { waitUntil: promise => waited.push(promise) })
  await Promise.all(waited)
  assert.equal(response.status, 200)
  assert.deepEqual(await names(), ['download_started'])
})

test('the programs for Node store what they say', async () => {
  const { environment, names } = await project()
  const esbuild = require('esbuild')
  for (const { name, code } of blocks('node.md', 'ts')) {
    const file = join(folder, name.replace('.ts', '.mjs'))
    const { code: plain } = esbuild.transformSync(code.replaceAll("'https://stats.example.com'", 'process.env.MILLIMETRIC_HOST'), { loader: 'ts' })
    writeFileSync(file, plain)
    await run(process.execPath, [file], { env: environment })
  }
  assert.deepEqual([...new Set(await names())], ['job_done', 'report_built', 'signup'])
  assert.equal((await names()).length, 1002)
})

/** A fresh project: what programs find in their environment, and the names of what it holds. */
async function project() {
  const made = await server.project()
  const { PATH } = process.env
  return {
    environment: { PATH, MILLIMETRIC_HOST: server.url, MILLIMETRIC_KEY: made.sk },
    names: async () => (await server.rows(made)).map(row => row.event_name).sort(),
  }
}
