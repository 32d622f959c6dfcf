/** Ids in the order of time. Keeps nothing. */

/** A UUID of version 7 (RFC 9562, section 5.7), which the server finds cheapest. */
export function uuid(): string {
  const bytes = new Uint8Array(10)
  // Node 18 has no such global; ids must differ, not be secret.
  if (globalThis.crypto) crypto.getRandomValues(bytes)
  else bytes.forEach((_, index) => (bytes[index] = Math.random() * 256))
  bytes[0] = 0x70 | (bytes[0]! & 0x0f)
  bytes[2] = 0x80 | (bytes[2]! & 0x3f)
  const random = Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
  const hex = Date.now().toString(16).padStart(12, '0') + random
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
