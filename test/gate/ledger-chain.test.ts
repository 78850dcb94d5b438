import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson, isSheikhError } from '../../src/core/index.js'
import { type LedgerChain, type LedgerEvent, nextLine, parseChain } from '../../src/gate/index.js'
import { anyText } from '../any-text.js'
import { rounds } from '../whole.js'

const digest = `sha256:${'a'.repeat(64)}` as const
const events: readonly LedgerEvent[] = [
  {
    type: 'verdict',
    runId: 'r0',
    evaluationDigest: digest,
    status: 'fail',
    verdict: digest,
    bundle: digest,
    against: ['0.1.0'],
  },
  { type: 'approval', runId: 'r1', by: 'Ann', reason: 'looked at it' },
  { type: 'override', runId: 'r2', by: 'Ann', reason: 'the old one is down', untilMs: 2e12, checks: ['accuracy'] },
  { type: 'release', runId: 'r3', version: '0.2.0', bundle: digest, sourceKey: digest },
  { type: 'withdrawal', runId: 'r4', version: '0.2.0', reason: 'complaints' },
  { type: 'verdict', runId: 'r5', evaluationDigest: digest, status: 'pass', verdict: digest },
]

function linesOf(written: readonly LedgerEvent[]): string[] {
  let chain: LedgerChain = { entries: [], last: null }
  const lines: string[] = []
  for (const [index, event] of written.entries()) {
    lines.push(nextLine(event, chain, index).line)
    chain = parseChain(lines)
  }
  return lines
}

const lines = linesOf(events)

/** The entries, or `undefined` where the lines are refused as they should be. */
function read(changed: readonly string[]) {
  try {
    return parseChain(changed).entries
  } catch (error) {
    if (isSheikhError(error, 'artifact-corrupt')) return undefined
    throw error
  }
}

describe('a chain', () => {
  it('reads back what was written, of every type', () => {
    const { entries, last } = parseChain(lines)
    expect(entries).toMatchObject(events)
    expect(nextLine(events[1]!, { entries, last }, 7).entry).toMatchObject({ sequence: 6, previous: last, atMs: 7 })
  })

  it.each([
    ['a run that is no text', 'r1', { runId: 5 }],
    ['no approver', 'r1', { by: undefined }],
    ['checks that are no list', 'r2', { checks: 'accuracy' }],
    ['an end that no clock knows', 'r2', { untilMs: 1e300 }],
    ['a digest that is none', 'r3', { bundle: 'sha256:abc' }],
    ['a source key that is none', 'r3', { sourceKey: 5 }],
    ['versions that are no texts', 'r0', { against: [1] }],
    ['a time that is no number', 'r4', { atMs: 'now' }],
    ['a type that every object has', 'r1', { type: 'constructor' }],
  ])('with %s is refused, though the line is the last', (_, runId, change) => {
    const index = events.findIndex((event) => event.runId === runId)
    const before = lines.slice(0, index)
    const line = canonicalJson({ ...JSON.parse(lines[index]!), ...change })
    expect(() => parseChain([...before, line])).toThrow(expect.objectContaining({ code: 'artifact-corrupt' }))
    if (!('atMs' in change))
      expect(() => nextLine({ ...events[index]!, ...change } as LedgerEvent, parseChain(before), 0)).toThrow(
        expect.objectContaining({ code: 'invalid-options' }),
      )
  })

  it('takes a line in no other writing, though it means the same', () => {
    const last = lines.at(-1)!
    for (const other of [
      ` ${last}`,
      `${last}\r`,
      last.replace('"runId":"r5"', '"runId":"r6","runId":"r5"'),
      `\ufeff${last}`,
    ])
      expect(read([...lines.slice(0, -1), other])).toBe(undefined)
  })

  it('of mutated lines is refused, or says what it said: only the last line has nobody to vouch for it', () => {
    const mutation = fc.oneof(
      fc
        .record({ at: fc.nat(), text: anyText({ maxLength: 4 }), cut: fc.nat(4) })
        .map(({ at, text, cut }) => (line: string) => {
          const from = at % (line.length + 1)
          return line.slice(0, from) + text + line.slice(from + cut)
        }),
      fc
        .tuple(
          fc.constantFrom('runId', 'by', 'reason', 'type', 'sequence', 'previous', 'checks', 'bundle', '__proto__'),
          fc.jsonValue(),
        )
        .map(([name, value]) => (line: string) => {
          const pairs = Object.entries(JSON.parse(line)).filter(([key]) => key !== name)
          return JSON.stringify(
            Object.fromEntries([...pairs, [name, value]].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))),
          )
        }),
      fc.jsonValue().map((value) => () => JSON.stringify(value)),
    )
    const shapes = new Set(events.map(({ type }) => type))
    fc.assert(
      fc.property(fc.nat(lines.length - 1), mutation, (index, change) => {
        const changed = lines.with(index, change(lines[index]!))
        const entries = read(changed)
        if (entries === undefined) return
        expect(entries.slice(0, -1)).toEqual(parseChain(lines).entries.slice(0, -1))
        expect(shapes.has(entries.at(-1)!.type)).toBe(true)
        expect(typeof entries.at(-1)!.runId).toBe('string')
      }),
      { numRuns: rounds(2000) },
    )
  })

  it('of lines that were dropped, repeated or moved is refused, or is a beginning of what was written', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(lines.length - 1), { maxLength: 8 }), (picked) => {
        const entries = read(picked.map((index) => lines[index]!))
        const isBeginning = picked.every((index, place) => index === place)
        expect(entries !== undefined).toBe(isBeginning)
      }),
    )
  })
})
