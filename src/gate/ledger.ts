import { type CallContext, canonicalJson, type Digest, digestBytes, isSheikhError, SheikhError } from '../core/index.js'
import type { Store } from '../store/index.js'

/** What is written down for good. */
export type LedgerEvent =
  /** A consultation of the evaluation set. */
  | {
      readonly type: 'verdict'
      readonly runId: string
      readonly evaluationDigest: Digest
      readonly status: string
      readonly verdict: Digest
    }
  | { readonly type: 'approval'; readonly runId: string; readonly by: string; readonly reason: string }
  /** A release, also one that only another source key was found to lead to. */
  | {
      readonly type: 'release'
      readonly runId: string
      readonly version: string
      readonly bundle: Digest
      readonly sourceKey?: Digest | undefined
    }
  | { readonly type: 'withdrawal'; readonly runId: string; readonly version: string; readonly reason: string }

export type LedgerEntry = LedgerEvent & {
  readonly formatVersion: 1
  /** From 0, without gaps. */
  readonly sequence: number
  readonly atMs: number
  /** The digest of the line before; `null` in the first. */
  readonly previous: Digest | null
}

/** The chain of verdicts, approvals and withdrawals. Verified on every read: @throws `artifact-corrupt`. */
export interface Ledger {
  read(context: CallContext): Promise<readonly LedgerEntry[]>
  append(event: LedgerEvent, context: CallContext): Promise<LedgerEntry>
}

const journal = 'ledger'
const attempts = 10

/** A ledger in a store: one line of canonical JSON an entry, each with the digest of the line before. */
export function storeLedger({ journals }: Pick<Store, 'journals'>): Ledger {
  return {
    async read(context) {
      context.signal.throwIfAborted()
      return (await readChain(journals)).entries
    },
    async append(event, context) {
      for (let attempt = 1; ; attempt += 1) {
        const { entries, last } = await readChain(journals)
        const entry = {
          ...event,
          formatVersion: 1,
          sequence: entries.length,
          atMs: context.clock.nowMs(),
          previous: last,
        } as LedgerEntry
        try {
          await journals.append(journal, canonicalJson(entry), entries.length)
          return entry
        } catch (error) {
          // Somebody else was first: read what they wrote, and come after it.
          if (!isSheikhError(error, 'release-conflict') || attempt === attempts) throw error
        }
      }
    },
  }
}

async function readChain(
  journals: Store['journals'],
): Promise<{ readonly entries: readonly LedgerEntry[]; readonly last: Digest | null }> {
  let last: Digest | null = null
  const entries: LedgerEntry[] = []
  for (const [index, line] of (await journals.read(journal)).entries()) {
    const entry = parseEntry(line, index)
    if (entry.sequence !== index || entry.previous !== last)
      throw broken(index, 'it does not follow from the line before')
    entries.push(entry)
    last = digestBytes(line)
  }
  return { entries, last }
}

function parseEntry(line: string, index: number): LedgerEntry {
  let entry: Partial<LedgerEntry> | null
  try {
    entry = JSON.parse(line) as Partial<LedgerEntry> | null
  } catch {
    throw broken(index, 'it is not JSON')
  }
  if (entry?.formatVersion !== 1) throw broken(index, 'it has no known format version')
  if (!['verdict', 'approval', 'release', 'withdrawal'].includes(entry.type ?? ''))
    throw broken(index, 'it is of no known type')
  return entry as LedgerEntry
}

const broken = (index: number, fact: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot trust the ledger: line ${index + 1} was edited, dropped or reordered (${fact}). Restore it from a copy.`,
    { facts: { line: index + 1 } },
  )
