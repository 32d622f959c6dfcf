// Runs before npm packs a package (`prepack`), in the package's folder: fails if anything that
// package.json promises is missing or empty, so that no package without its code is published.

import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const promised = new Set(['README.md', 'LICENSE', ...paths([manifest.main, manifest.module, manifest.types, manifest.exports])])
const missing = [...promised].filter(path => !isFilled(path))
if (missing.length) {
  console.error(`${manifest.name} cannot be packed, since these files are missing or empty: ${missing.join(', ')}.`)
  console.error('Run `cargo xtask gen`, which builds them.')
  process.exit(1)
}

/** Every path in a value of package.json, whatever its conditions. */
function paths(value) {
  if (typeof value == 'string') return [join(value)]
  return Object.values(value ?? {}).flatMap(paths)
}

function isFilled(path) {
  const found = statSync(path, { throwIfNoEntry: false })
  return found?.isFile() && found.size > 0
}
