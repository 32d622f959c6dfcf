/**
 * What `/v1/a.js` runs: reads its own tag, takes over the calls made before it came, and becomes
 * `window.mm`.
 */
import { api } from './track.js'

declare global {
  /** What `/v1/a.js` defines. It is there once the script has loaded, or from the start with the line that queues calls. */
  var mm: typeof api
}

const { mm } = window as any
// The array of earlier calls, or nothing. Anything else is this script, from a second tag.
if (!mm || mm.map) {
  const { dataset, src } = document.currentScript as HTMLScriptElement
  const options: any = { host: src }
  for (const name in dataset) options[name] = dataset[name] != 'false' && (dataset[name] || true)
  const { init } = api
  api.init = given => init({ ...options, ...given })
  ;(window as any).mm = api
  for (const [name, ...args] of mm || []) (api as any)[name](...args)
  if (options.key) api.init(options)
}
