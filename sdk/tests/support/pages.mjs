// The pages of docs/sdk and the code on them.

import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('../../../docs/sdk', import.meta.url))

export const pages = () => readdirSync(FOLDER).sort()

export const text = page => readFileSync(join(FOLDER, page), 'utf8')

/** The fenced blocks of a page, of these kinds or all: kind, file name where one is given, and code. */
export function blocks(page, ...kinds) {
  const found = [...text(page).matchAll(/^```(\S*)(?: (\S+))?\n([^]*?)^```$/gm)].map(([, kind, name, code]) => ({ kind, name, code }))
  return kinds.length > 0 ? found.filter(block => kinds.includes(block.kind)) : found
}
