// Runs here and, as text of its command, inside the job: needs nothing but node.
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'

/** A minute together. */
const attempts = 8

/** A file of the run's branch, into a file, its digest checked; or into memory. */
export async function fetchFile({ endpoint, repository, revision, token }, path, { to, sha256, signal } = {}) {
  const parts = path.split('/')
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    throw new Error(`${JSON.stringify(path)} is no path`)
  const url = `${endpoint}/datasets/${repository}/resolve/${revision}/${parts.map(encodeURIComponent).join('/')}`
  for (let attempt = 1; ; attempt++) {
    let isFinal = attempt === attempts
    try {
      const response = await fetch(url, { headers: { authorization: `Bearer ${token}` }, ...(signal && { signal }) })
      if (!response.ok) {
        isFinal ||= response.status < 500 && response.status !== 429
        throw new Error(`cannot read ${JSON.stringify(path)} of ${repository}: HTTP ${response.status}`)
      }
      if (to === undefined) return Buffer.from(await response.arrayBuffer())
      await mkdir(dirname(to), { recursive: true })
      const hash = createHash('sha256')
      const hashed = new Transform({
        transform(chunk, _, done) {
          hash.update(chunk)
          done(null, chunk)
        },
      })
      await pipeline(response.body ?? [], hashed, createWriteStream(to))
      if (hash.digest('hex') !== sha256)
        throw new Error(`${JSON.stringify(path)} of ${repository} is not what was sent`)
      return undefined
    } catch (error) {
      if (isFinal || signal?.aborted) throw error
      await wait(250 * 2 ** attempt, undefined, { ...(signal && { signal }) })
    }
  }
}
