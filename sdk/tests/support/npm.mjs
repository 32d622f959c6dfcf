// npm, as whoever publishes or installs the packages runs it: in folders of its own, without their lock
// files, questions and notices.

import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const run = promisify(execFile)

const SDK = fileURLToPath(new URL('../..', import.meta.url))

/** The packages: their folders below `sdk/`, and where the server offers them. */
export const PACKAGES = [
  { folder: 'browser', name: '@millimetric/track', url: '/v1/sdk/track.tgz' },
  { folder: 'node', name: '@millimetric/track-node', url: '/v1/sdk/node.tgz' },
]

export const scratch = () => mkdtempSync(join(tmpdir(), 'millimetric-npm-'))

const env = { ...process.env, npm_config_update_notifier: 'false', npm_config_noproxy: '127.0.0.1', npm_config_loglevel: 'error' }

export const npm = (folder, ...args) => run('npm', args, { cwd: folder, env })

/** Commands as a page has them. */
export const shell = (folder, code) => run('bash', ['-euo', 'pipefail', '-c', code], { cwd: folder, env })

/** A copy of a package as it is in the repository, beside what its scripts use. */
export function copy(folder, to) {
  cpSync(join(SDK, folder), join(to, folder), { recursive: true, filter: path => !path.endsWith('node_modules') })
  cpSync(join(SDK, 'prepack.mjs'), join(to, 'prepack.mjs'))
  return join(to, folder)
}

/** Packs a folder with npm; gives the path of the tarball. */
export async function pack(folder, to) {
  mkdirSync(to, { recursive: true })
  await npm(folder, 'pack', '--pack-destination', to)
  const [tarball] = readdirSync(to).filter(name => name.endsWith('.tgz'))
  return join(to, tarball)
}

/** The files of a tarball: path in the package, and contents as text. */
export async function unpacked(tarball, to) {
  mkdirSync(to, { recursive: true })
  await run('tar', ['-xzf', tarball, '-C', to])
  const root = join(to, 'package')
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  const paths = entries.map(entry => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1)).sort()
  return Object.fromEntries(paths.map(path => [path, readFileSync(join(root, path), 'utf8')]))
}
