import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'

/** Counts the hashes in this process that take in so many bytes, by the place that began them, until `stop`. */
export function countHashes(leastBytes: number) {
  const { createHash } = crypto
  const found = {
    count: 0,
    sites: new Map<string, number>(),
    stop() {
      crypto.createHash = createHash
      syncBuiltinESMExports()
    },
  }
  crypto.createHash = (...asked: Parameters<typeof createHash>) => {
    const hash = createHash(...asked)
    const site = new Error()
      .stack!.split('\n')
      .slice(3, 12)
      .map((line) => line.replace(/^.*\/src\//, ''))
      .join(' < ')
    const update = hash.update.bind(hash)
    let bytes = 0
    hash.update = (data: string | NodeJS.ArrayBufferView) => {
      const before = bytes
      bytes += typeof data === 'string' ? data.length : data.byteLength
      if (before < leastBytes && bytes >= leastBytes) {
        found.count += 1
        found.sites.set(site, (found.sites.get(site) ?? 0) + 1)
      }
      return update(data)
    }
    return hash
  }
  syncBuiltinESMExports()
  return found
}
