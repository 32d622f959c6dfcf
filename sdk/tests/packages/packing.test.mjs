// What npm packs of the packages: all that they promise, or nothing.

import assert from 'node:assert/strict'
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { PACKAGES, copy, npm, pack, run, scratch, unpacked } from '../support/npm.mjs'

const folder = scratch()
after(() => rmSync(folder, { recursive: true }))

const listed = JSON.parse(readFileSync(new URL('files.json', import.meta.url)))
const tool = name => join(process.env.NODE_PACKAGES, 'node_modules/.bin', name)

for (const { folder: from, name } of PACKAGES) {
  test(`the tarball of ${name} holds the files that are listed, and none is empty`, async () => {
    const tarball = await pack(copy(from, join(folder, 'full')), join(folder, 'full', `${from}-packed`))
    const files = await unpacked(tarball, join(folder, 'full', `${from}-files`))
    assert.deepEqual(Object.keys(files), listed[name])
    assert.deepEqual(Object.keys(files).filter(path => !files[path]), [])
  })

  test(`publint and attw find nothing in ${name}`, async () => {
    const tarball = await pack(copy(from, join(folder, 'checked')), join(folder, 'checked', `${from}-packed`))
    const linted = await checked(tool('publint'), ['run', tarball, '--strict'])
    assert.match(linted, /All good!/)
    await checked(tool('attw'), [tarball, '--no-color', '--no-emoji'])
  })

  for (const [what, spoil] of [
    ['its code', copied => rmSync(join(copied, 'dist'), { recursive: true })],
    ['a file of its types', copied => rmSync(join(copied, 'dist/index.d.ts'))],
    ['the contents of a file', copied => writeFileSync(join(copied, 'dist/index.js'), '')],
    ['its licence', copied => rmSync(join(copied, 'LICENSE'))],
  ]) {
    test(`${name} is not packed without ${what}`, async () => {
      const place = join(folder, `without ${what}`)
      const copied = copy(from, place)
      spoil(copied)
      await assert.rejects(npm(copied, 'pack'), error => {
        assert.match(error.stderr + error.stdout, /cannot be packed, since these files are missing or empty: \S+/)
        return true
      })
      assert.deepEqual(readdirSync(copied).filter(file => file.endsWith('.tgz')), [])
    })
  }
}

/** What a program prints; if it fails, that is the reason. */
async function checked(program, args) {
  try {
    return (await run(program, args)).stdout
  } catch (error) {
    assert.fail(error.stdout + error.stderr)
  }
}
