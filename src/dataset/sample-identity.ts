import { canonicalJson, type Digest, digestBytes, digestJson, hexOf } from '../core/index.js'
import type { FileDigests } from './files/named-files.js'
import { type Fallback, notPlain } from './row-projection.js'

/**
 * The digest of a sample as it was read: its canonical JSON (RFC 8785), with the line endings of every string as `\n`.
 * Settings and prompts are not included. `undefined` for a value that JSON cannot represent, such as a `Date` in
 * memory.
 */
export function digestSample(value: unknown): Digest | undefined {
  try {
    const text = canonicalJson(value)
    if (notPlain(value) !== undefined) return undefined
    // Canonical JSON escapes a carriage return as `\r`. Most samples have none and need no copy.
    return digestBytes(text.includes('\\r') ? canonicalJson(withLineFeeds(value)) : text)
  } catch {
    return undefined
  }
}

/** The digest of a sample and of the files that it names. */
export function digestWithFiles(sample: Digest | undefined, files: FileDigests | undefined): Digest | undefined {
  return sample === undefined || files === undefined ? sample : digestJson({ sample, files })
}

function withLineFeeds(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/\r\n?/g, '\n')
  if (Array.isArray(value)) return value.map(withLineFeeds)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withLineFeeds(member)]))
}

/**
 * Creates ids for samples without one: the path for a file with a single sample, otherwise the path and 16 hexadecimal
 * digits of the sample's digest, so that lines can be moved. Copies of a sample are numbered: `~2`, `~3`.
 */
export class FallbackIds {
  readonly #path: string
  readonly #seen = new Map<string, number>()

  constructor(path: string) {
    this.#path = path
  }

  next(position: string, digest: Digest | undefined): Fallback {
    const path = this.#path
    if (position === '') return { fallbackId: path }
    if (digest === undefined) return { fallbackId: `${path}#${position}` }
    const first = `${path}#${hexOf(digest).slice(0, 16)}`
    const copies = (this.#seen.get(first) ?? 0) + 1
    this.#seen.set(first, copies)
    return copies === 1 ? { fallbackId: first } : { fallbackId: `${first}~${copies}`, duplicateOf: first }
  }
}
