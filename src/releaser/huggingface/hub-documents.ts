import { messageOf, SheikhError } from '../../core/index.js'
import { isVersion, type Release, type Staged } from '../index.js'

/** Beside the bundle's files at the root of a release, and no part of its digest. */
export const releaseFile = 'sheikh-release.json'
export const cardFile = 'README.md'

/** On `main`, over all releases. */
export const withdrawalsFile = 'sheikh-withdrawals.json'

/** Written by us for one release. */
export const isOurs = (path: string): boolean => path === releaseFile || path === cardFile

/** What a branch keeps from one release to the next: ours over all of them, the Hub's, and the licence. */
export const isShared = (path: string): boolean =>
  /^(\.gitattributes|sheikh-withdrawals\.json|LICEN[CS]E(\.\w+)?)$/.test(path)

export interface Withdrawal {
  readonly reason: string
  readonly atMs: number
}

const text = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`)

export const encodeDocument = (document: Staged | Release): Uint8Array => text(document)

export const encodeWithdrawals = (withdrawals: ReadonlyMap<string, Withdrawal>): Uint8Array =>
  text({ formatVersion: 1, withdrawals: Object.fromEntries(withdrawals) })

/** @throws `artifact-corrupt`. */
export function parseWithdrawals(content: Uint8Array | undefined, where: string): ReadonlyMap<string, Withdrawal> {
  if (content === undefined) return new Map()
  const { formatVersion, withdrawals } = (parseJson(content, where) ?? {}) as Record<string, unknown>
  if (formatVersion !== 1 || typeof withdrawals !== 'object' || withdrawals === null)
    throw corrupt(where, 'it is not one')
  return new Map(
    Object.entries(withdrawals).map(([version, mark]) => {
      const { reason, atMs } = (mark ?? {}) as Partial<Withdrawal>
      if (!isVersion(version) || typeof reason !== 'string' || typeof atMs !== 'number')
        throw corrupt(where, `its mark for ${JSON.stringify(version)} does not say why and when`)
      return [version, { reason, atMs }]
    }),
  )
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
      facts: { file: where },
    },
  )
