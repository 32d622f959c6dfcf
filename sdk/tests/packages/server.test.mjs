// The packages as the server offers them: npm installs them from its address, and programs use them.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { PACKAGES, copy, npm, pack, run, scratch, shell, unpacked } from '../support/npm.mjs'
import { blocks } from '../support/pages.mjs'
import { Server } from '../support/server.mjs'

const { MILLIMETRIC, NODE_PACKAGES } = process.env
const require = createRequire(join(NODE_PACKAGES, 'package.json'))

let server, folder
before(async () => {
  server = await Server.start()
  folder = scratch()
})
after(async () => {
  rmSync(folder, { recursive: true })
  await server.stop()
})

for (const { folder: from, name, url } of PACKAGES) {
  test(`the server offers ${name} as npm packs it, in its own version`, async () => {
    const response = await fetch(server.url + url)
    assert.equal(response.headers.get('content-type'), 'application/gzip')
    const tarball = join(folder, `${from}.tgz`)
    writeFileSync(tarball, Buffer.from(await response.arrayBuffer()))
    const offered = await unpacked(tarball, join(folder, `${from}-offered`))
    const packed = await pack(copy(from, join(folder, 'copies')), join(folder, `${from}-packed`))
    assert.deepEqual(offered, await unpacked(packed, join(folder, `${from}-files`)))
    const { stdout } = await run(MILLIMETRIC, ['--version'])
    assert.equal(`millimetric ${JSON.parse(offered['package.json']).version}\n`, stdout)
  })
}

test('what npm installed from the server sends events', async () => {
  const { program, sk, rk } = await installed('node')
  const code = `{ key: ${JSON.stringify(sk)}, host: ${JSON.stringify(server.url)} }`
  writeFileSync(join(program, 'module.mjs'), `import { init } from '@millimetric/track-node'\nawait init(${code}).track({ event: 'imported' })\n`)
  writeFileSync(join(program, 'script.cjs'), `const { init } = require('@millimetric/track-node')\ninit(${code}).track({ event: 'required' })\n`)
  for (const file of ['module.mjs', 'script.cjs']) await run(process.execPath, [file], { cwd: program })
  const names = (await server.rows({ rk })).map(row => row.event_name)
  assert.deepEqual(names.sort(), ['imported', 'required'])
})

test('the package for browsers that npm installed from the server does nothing where there is no page', async () => {
  const { program } = await installed('browser')
  const calls = `init({ key: 'pk_live_0' }); track('signup'); console.log(getAnonymousId(), typeof optOut)`
  writeFileSync(join(program, 'module.mjs'), `import { init, track, getAnonymousId, optOut } from '@millimetric/track'\n${calls}\n`)
  writeFileSync(join(program, 'script.cjs'), `const { init, track, getAnonymousId, optOut } = require('@millimetric/track')\n${calls}\n`)
  for (const file of ['module.mjs', 'script.cjs']) {
    assert.equal((await run(process.execPath, [file], { cwd: program })).stdout, 'undefined function\n')
  }
})

test('the package has the types of what the script tag defines', async () => {
  const { program } = await installed('browser')
  const types = '/// <reference types="@millimetric/track/a.js" />\n'
  const right = "mm.track('signup', { plan: 'pro' })\nconst id: string | undefined = window.mm.getAnonymousId()\nmm.init({ key: 'pk_live_0', storage: id ? 'local' : 'memory' })\n"
  for (const module of ['node16', 'bundler']) {
    assert.equal(await typeErrors(program, module, types + right), '')
    assert.match(await typeErrors(program, module, `${types}mm.trak('signup')\n`), /Property 'trak' does not exist/)
    assert.match(await typeErrors(program, module, right), /Cannot find name 'mm'/)
  }
})

test('the commands of the page about installing do what it says', async () => {
  const program = join(folder, 'page')
  mkdirSync(program)
  writeFileSync(join(program, 'package.json'), '{ "name": "program", "private": true }')
  const sections = blocks('install.md', 'sh')
  assert.equal(sections.length, 2)
  for (const [section, dependency] of [[sections[0], `${server.url}/v1/sdk/track.tgz`], [sections[1], 'file:vendor/millimetric-track.tgz']]) {
    await shell(program, section.code.replaceAll('https://stats.example.com', server.url))
    const { dependencies } = JSON.parse(readFileSync(join(program, 'package.json'), 'utf8'))
    assert.equal(dependencies['@millimetric/track'], dependency)
    assert.equal(dependencies['@millimetric/track-node'], `${server.url}/v1/sdk/node.tgz`)
  }
})

/** A program of a fresh project that has installed a package from the server. */
async function installed(from) {
  const { url } = PACKAGES.find(({ folder }) => folder === from)
  const project = await server.project()
  const program = join(folder, project.slug)
  mkdirSync(program)
  writeFileSync(join(program, 'package.json'), '{ "name": "program", "private": true }')
  await npm(program, 'install', '--no-audit', '--no-fund', server.url + url)
  return { program, ...project }
}

/** What TypeScript has against a file of a program. */
async function typeErrors(program, moduleResolution, code) {
  writeFileSync(join(program, 'page.ts'), code)
  const module = moduleResolution === 'bundler' ? 'esnext' : moduleResolution
  const flags = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom', '--module', module, '--moduleResolution', moduleResolution]
  try {
    return (await run(process.execPath, [require.resolve('typescript/bin/tsc'), ...flags, 'page.ts'], { cwd: program })).stdout
  } catch (error) {
    return error.stdout
  }
}
