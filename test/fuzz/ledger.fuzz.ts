import { createHash } from 'node:crypto'
import { callContext, canonicalJson, isSheikhError, type Random } from '../../src/core/index.js'
import { type LedgerEvent, ledgerJournal, storeLedger } from '../../src/gate/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { fixedClock } from '../../src/testing/fixed-clock.js'
import { happens, mutate } from './mutate.js'
import { check, type Target } from './target.js'

// The same times in every run, so that a seed gives the same cases.
const context = callContext({ clock: fixedClock(1.7e12) })
const digestOf = (line: string) => `sha256:${createHash('sha256').update(line).digest('hex')}` as const
const digest = digestOf('')

const events: readonly LedgerEvent[] = [
  {
    type: 'verdict',
    runId: 'r0',
    evaluationDigest: digest,
    status: 'fail',
    verdict: digest,
    against: ['1.0.0', '1.1.0'],
  },
  { type: 'override', runId: 'r0', by: 'Ada', reason: 'a known gap', untilMs: 1.7e12, checks: ['accuracy'] },
  { type: 'release', runId: 'r0', version: '1.2.0', bundle: digest, sourceKey: digest },
  { type: 'withdrawal', runId: 'r1', version: '1.2.0', reason: 'übereilt\n' },
  { type: 'verdict', runId: 'r2', evaluationDigest: digest, status: 'inconclusive', verdict: digest, bundle: digest },
  { type: 'approval', runId: 'r2', by: 'Bob', reason: '' },
  { type: 'release', runId: 'r2', version: '1.3.0', bundle: digest },
]

export function ledger(): Target {
  const store = memoryStore()
  const linesOf = (input: Buffer) => input.toString().split('\n')
  let original: readonly string[] = []
  return {
    async seeds() {
      for (const event of events) await storeLedger(store).append(event, context)
      original = await store.journals.read(ledgerJournal)
      return [Buffer.from(original.join('\n')), Buffer.from(original.slice(0, 1).join('\n'))]
    },
    mutate(random, seed) {
      const changed = Buffer.from(mutate(random, seed.toString('latin1')), 'latin1')
      return happens(random, 50) ? Buffer.from(relinked(random, linesOf(changed)).join('\n')) : changed
    },
    async read(input) {
      const lines = linesOf(input)
      const mutated = { journals: { ...store.journals, read: async () => lines } }
      try {
        const entries = await storeLedger(mutated).read(context)
        check(entries.length === lines.length, 'an entry a line')
        for (const [index, entry] of entries.entries()) {
          const line = lines[index]!
          check(canonicalJson(entry) === line, 'an entry is its line')
          check(entry.sequence === index, 'a sequence without gaps')
          check(entry.previous === (index === 0 ? null : digestOf(lines[index - 1]!)), 'the digest of the line before')
          check(typeof entry.runId === 'string' && Number.isFinite(entry.atMs), 'a run and a time')
          check(
            events.some(({ type }) => type === entry.type),
            'a known type',
          )
        }
        // Whoever has the last line has them all.
        const end = original.indexOf(lines.at(-1)!)
        check(
          end < 0 || canonicalJson(original.slice(0, end + 1)) === canonicalJson(lines),
          'no line before was changed',
        )
        return 'read'
      } catch (error) {
        if (isSheikhError(error, 'artifact-corrupt')) return 'refused'
        throw error
      }
    },
  }
}

/** As a forger would: the links are right again, so that the lie is in a line itself. */
function relinked(random: Random, lines: readonly string[]): readonly string[] {
  const written: string[] = []
  for (const line of lines) {
    try {
      const entry = JSON.parse(line) as object
      const sequence = happens(random, 97) ? written.length : written.length + 1
      written.push(
        canonicalJson({ ...entry, sequence, previous: written.length === 0 ? null : digestOf(written.at(-1)!) }),
      )
    } catch {
      // What is no JSON stays as it is.
      written.push(line)
    }
  }
  return written
}
