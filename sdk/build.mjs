// Builds the two packages and the browser script into a folder, with the tools that lie in
// NODE_PACKAGES: `node sdk/build.mjs FOLDER`. Writes nowhere else. `cargo xtask gen` copies what it
// makes into the repository, since the server makes tarballs of it.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const MOST_BYTES = 1800

const root = fileURLToPath(new URL('.', import.meta.url))
const out = process.argv[2]
const packages = process.env.NODE_PACKAGES
const require = createRequire(join(packages, 'package.json'))
const esbuild = require('esbuild')
const { minify } = require('terser')

rmSync(out, { recursive: true, force: true })
for (const name of ['browser', 'node']) pack(name)
cpSync(join(root, 'prepack.mjs'), join(out, 'prepack.mjs'))
await script(join(out, 'browser/a.js'))

/** A package as it is published. */
function pack(name) {
  const [from, to] = [join(root, name), join(out, name)]
  mkdirSync(join(to, 'dist'), { recursive: true })
  for (const file of ['package.json', 'README.md']) cpSync(join(from, file), join(to, file))
  cpSync(join(root, '../LICENSE'), join(to, 'LICENSE'))
  const isModule = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')).type == 'module'
  const shared = { absWorkingDir: from, entryPoints: ['src/index.ts'], bundle: true, target: name == 'browser' ? 'es2018' : 'es2022' }
  esbuild.buildSync({ ...shared, format: 'esm', outfile: join(to, isModule ? 'dist/index.js' : 'dist/index.mjs') })
  esbuild.buildSync({ ...shared, format: 'cjs', outfile: join(to, isModule ? 'dist/index.cjs' : 'dist/index.js') })
  types(join(from, 'src'), join(to, 'dist'), isModule ? 'c' : 'm')
}

/**
 * Checks the types, and writes those that users see: as `.d.ts`, and for the other kind of modules as `.d.cts`
 * or `.d.mts`.
 */
function types(sources, dist, other) {
  const tsc = join(packages, 'node_modules/typescript/bin/tsc')
  const flags = ['--emitDeclarationOnly', '--declaration', '--newLine', 'lf', '--outDir', dist]
  const config = join(dist, 'tsconfig.json')
  writeFileSync(config, JSON.stringify({ extends: join(root, 'tsconfig.json'), include: [sources] }))
  execFileSync(process.execPath, [tsc, '--project', config, ...flags], { stdio: 'inherit' })
  rmSync(config)
  for (const file of readdirSync(dist).filter(name => name.endsWith('.d.ts'))) {
    const text = readFileSync(join(dist, file), 'utf8')
    if (file == 'a.d.ts') {
      // Beside its script, which is where every way to find modules looks.
      writeFileSync(join(dist, '..', file), text.replace("'./", "'./dist/"))
      rmSync(join(dist, file))
    } else {
      writeFileSync(join(dist, file.replace('.d.ts', `.d.${other}ts`)), text.replace(/\.js(['"])/g, `.${other}js$1`))
    }
  }
}

/** What the server serves. esbuild writes old syntax, terser finds what is still too long. */
async function script(file) {
  const built = esbuild.buildSync({
    entryPoints: [join(root, 'browser/src/a.ts')],
    bundle: true,
    minifySyntax: true,
    format: 'iife',
    target: 'es2018',
    write: false,
    tsconfigRaw: {}, // A strict configuration would add 'use strict'
  })
  const { code } = await minify(built.outputFiles[0].text, { ecma: 2018, toplevel: true, compress: { passes: 5 } })
  writeFileSync(file, code)
  const size = gzipSync(code, { level: 9 }).length
  console.log(`a.js: ${code.length} bytes, ${size} gzipped, of ${MOST_BYTES} at most`)
  if (size > MOST_BYTES) throw new Error('the browser script is too large')
}
