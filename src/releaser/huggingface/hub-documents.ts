import { messageOf, SheikhError } from '../../core/index.js'
import { isVersion, type PendingRelease, type Release, type Version } from '../index.js'
import { signatureFile } from '../signature/index.js'

/** The release document, next to the bundle's files and not part of its digest. */
export const releaseFile = 'sheikh-release.json'
export const cardFile = 'README.md'

/** The withdrawals and removals of all releases, on `main`. */
export const marksFile = 'sheikh-registry.json'

/** The files that this registry writes for one release. */
export const isOurs = (path: string): boolean => [releaseFile, cardFile, signatureFile].includes(path)

/** The files that a branch keeps between releases: the shared documents, the Hub's own files, and the licence. */
export const isShared = (path: string): boolean =>
  path === marksFile || path === '.gitattributes' || /^LICEN[CS]E(\.\w+)?$/.test(path)

export interface Marks {
  readonly withdrawals: ReadonlyMap<Version, { readonly reason: string; readonly atMs: number }>
  readonly removals: ReadonlyMap<Version, { readonly atMs: number }>
}

const text = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`)

/** The files next to the bundle. */
export function documentsOf(document: PendingRelease | Release): Map<string, Uint8Array> {
  const { attestation } = document.record
  const documents = new Map([[releaseFile, text(document)]])
  if (attestation !== undefined) documents.set(signatureFile, new TextEncoder().encode(attestation.signature))
  return documents
}

export const encodeMarks = ({ withdrawals, removals }: Marks): Uint8Array =>
  text({ formatVersion: 1, withdrawals: Object.fromEntries(withdrawals), removals: Object.fromEntries(removals) })

/** @throws `artifact-corrupt`. */
export function parseMarks(content: Uint8Array | undefined): Marks {
  if (content === undefined) return { withdrawals: new Map(), removals: new Map() }
  const document = (parseJson(content, marksFile) ?? {}) as Readonly<Record<string, unknown>>
  if (document['formatVersion'] !== 1) throw corrupt(marksFile, 'it has an unknown format version')
  const marks = (name: string) =>
    Object.entries((document[name] ?? {}) as Readonly<Record<string, unknown>>).map(([version, mark]) => {
      const { reason, atMs } = (mark ?? {}) as { readonly reason?: unknown; readonly atMs?: unknown }
      if (!isVersion(version) || typeof atMs !== 'number')
        throw corrupt(marksFile, `the entry ${JSON.stringify(version)} has no valid version or no time`)
      return [version, { reason: typeof reason === 'string' ? reason : '', atMs }] as const
    })
  return { withdrawals: new Map(marks('withdrawals')), removals: new Map(marks('removals')) }
}

/** @throws `artifact-corrupt`. */
export function parseJson(content: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content))
  } catch (error) {
    throw corrupt(where, messageOf(error))
  }
}

const corrupt = (where: string, fact: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot read "${where}" on the Hub: ${fact}. Restore it from the repository's history.`,
    {
      facts: { file: where, fact },
    },
  )
