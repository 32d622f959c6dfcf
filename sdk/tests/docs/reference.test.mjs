// The samples of the API reference at `/docs`: each is taken from the page as a reader copies it, and run with real
// keys; its response must have the status that the page documents. Each language has a server of its own, since
// samples change what others read.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

import { Server } from '../support/server.mjs'

const run = promisify(execFile)
const TOKEN = 'a-token-for-the-samples'

/** How a sample is run, and its status written to the standard error, without a change of its code. */
const LANGUAGES = {
  curl: {
    command: 'sh',
    arguments: code => ['-euc', `curl() { command curl -sS -o /dev/null -w '%{stderr}status %{http_code}' "$@"; }\n${code}`],
  },
  javascript: {
    command: process.execPath,
    arguments: code => ['--import', `data:text/javascript,${encodeURIComponent(WATCHED_FETCH)}`, '--input-type=module', '--eval', code],
  },
  python: { command: 'python3', arguments: code => ['-c', `${WATCHED_URLOPEN}\n${code}`] },
}

const WATCHED_FETCH = `
const real = globalThis.fetch
globalThis.fetch = async (...all) => {
  const response = await real(...all)
  process.stderr.write('status ' + response.status)
  return response
}`

const WATCHED_URLOPEN = `
import sys, urllib.request
def watched(*all, real=urllib.request.urlopen):
    response = real(*all)
    print("status", response.status, file=sys.stderr)
    return response
urllib.request.urlopen = watched
`

for (const [language, { command, arguments: argumentsOf }] of Object.entries(LANGUAGES)) {
  test(`every sample in ${language} gets the documented status`, async () => {
    const server = await Server.start(['--rate-limit-track', 'off', '--rate-limit-batch', 'off', '--metrics-token', TOKEN])
    try {
      const { environment, actual } = await prepare(server)
      const page = await (await fetch(`${server.url}/docs`)).text()
      const samples = samplesOf(page).filter(sample => sample.language === language)
      assert.ok(samples.length >= 30, `${samples.length} samples`)
      // What erases comes last, and a project after its keys.
      samples.sort((a, b) => erased(a) - erased(b))
      const wrong = []
      for (const { operation, status, code } of samples) {
        const filled = Object.entries(actual).reduce((text, [example, value]) => text.replaceAll(new RegExp(`(?<=/)${example}(?![\\w-])`, 'g'), value), code)
        const { stderr } = await run(command, argumentsOf(filled), { env: environment, timeout: 60_000 }).catch(failed => failed)
        const got = /status (\d+)/.exec(stderr)?.[1] ?? 'none'
        if (got !== status) wrong.push(`${operation}: ${got} instead of ${status}\n${filled}\n${stderr}`)
      }
      assert.deepEqual(wrong, [])
    } finally {
      await server.stop()
    }
  })
}

/** How much a sample erases. */
const erased = ({ code }) => (/\/v1\/forget["'`\s]/.test(code) ? 1 : !/\bDELETE\b/.test(code) ? 0 : code.includes('/keys/') ? 2 : 3)

/** The samples of the page. */
function samplesOf(page) {
  const marked = /<pre data-operation="([^"]+)" data-language="([^"]+)" data-status="([^"]*)"><code>([^]*?)<\/code><\/pre>/g
  return [...page.matchAll(marked)].map(([, operation, language, status, code]) => ({ operation, language, status, code: decoded(code) }))
}

const decoded = text =>
  text.replace(/&#(\d+);/g, (_, number) => String.fromCodePoint(number)).replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&amp;/g, '&')

/** A project with what samples ask for: the environment that they read, and the ids that stand for names in capitals. */
async function prepare(server) {
  const { pk, sk, rk, slug } = await server.project('https://shop.example')
  const json = async (...args) => JSON.parse((await server.command(...args, '--json')).stdout)
  const { key: ak } = await json('key', 'create', '--account', 'default', '--kind', 'ak')
  await json('user', 'create', 'ann@example.com', '--role', 'owner')
  const { token } = await json('user', 'token', 'create', 'ann@example.com', '--scope', 'write')
  // The project and the key that the examples of the management API name.
  await json('project', 'create', '--name', 'Acme Shop', '--origin', 'https://acme.example')
  const { key_id } = await json('key', 'create', '--project', 'acme-shop', '--kind', 'sk')
  for (const goal of ['signup', 'purchase']) await server.command('goal', 'create', goal, '--project', slug, '--event', goal)
  const send = async (path, body) => {
    const headers = { authorization: `Bearer ${sk}`, 'content-type': 'application/json' }
    const response = await fetch(server.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
    assert.ok(response.ok, `${path}: ${response.status}`)
    return response.json()
  }
  const parameters = await parametersOf(server)
  for (const event_id of examplesOf(parameters, 'event_id')) await send('/v1/track', { event: 'purchase', event_id, anonymous_id: 'ann', url: 'https://shop.example/' })
  // An id in a path that only the reader knows is the parameter's name in capitals.
  const { request_id } = await send('/v1/forget', { user_id: 'nobody' })
  const actual = { REQUEST_ID: request_id, KEY: key_id, WRITE_KEY: pk }
  for (const [name, value] of [['key', key_id], ['write_key', pk]]) for (const example of examplesOf(parameters, name)) actual[encodeURIComponent(example)] = value
  const { PATH } = process.env
  return {
    environment: {
      PATH, MILLIMETRIC_PK: pk, MILLIMETRIC_WRITE_KEY: pk, MILLIMETRIC_SK: sk, MILLIMETRIC_RK: rk, MILLIMETRIC_AK: ak,
      MILLIMETRIC_ACCESS_TOKEN: token, MILLIMETRIC_METRICS_TOKEN: TOKEN,
    },
    actual,
  }
}

/** The parameters of all operations. */
async function parametersOf(server) {
  const document = await (await fetch(`${server.url}/openapi.json`)).json()
  return Object.values(document.paths).flatMap(item => Object.values(item)).flatMap(operation => operation.parameters ?? [])
}

/** The examples of a parameter. */
function examplesOf(parameters, name) {
  const named = parameters.filter(parameter => parameter.name === name)
  return new Set(named.map(({ example, schema }) => example ?? schema?.example).filter(Boolean))
}
