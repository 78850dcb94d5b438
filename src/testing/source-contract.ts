import assert from 'node:assert/strict'
import { callContext, canonicalJson } from '../core/index.js'
import { Dataset, type Source, type SourceEntry, samplesOf } from '../dataset/index.js'

export interface SourceUnderTest {
  /** A source with at least two samples, all valid. */
  readonly source: Source
  /** The samples of the source in any order, as plain JSON. */
  readonly samples: readonly unknown[]
  dispose(): Promise<void>
}

/**
 * Tests what every source of samples must do. `test` is your test runner's.
 *
 * @example
 * ```ts
 * import { test } from 'node:test'
 *
 * sourceContract(test, async () => ({ source: mySource(), samples: [{ id: 'a' }, { id: 'b' }], dispose: async () => {} }))
 * ```
 */
export function sourceContract(
  test: (name: string, body: () => Promise<void>) => void,
  make: () => Promise<SourceUnderTest>,
): void {
  const check = (name: string, body: (subject: SourceUnderTest) => Promise<void>) =>
    test(name, async () => {
      const subject = await make()
      try {
        await body(subject)
      } finally {
        await subject.dispose()
      }
    })

  check('a source says what it is, as JSON', async ({ source }) => {
    assert.equal(source.contract, 1)
    assert.notEqual(source.name, '')
    assert.equal(canonicalJson(source.describe()), canonicalJson(source.describe()))
  })

  check('entries are listed by path, each once, and alike while nothing changes', async ({ source }) => {
    const entries = await source.list(context)
    const paths = entries.map(({ path }) => path)
    assert.deepEqual(paths, [...new Set(paths)].sort())
    const facts = (list: readonly SourceEntry[]) =>
      list.map(({ path, stamp, changedAtNs }) => ({ path, stamp, changedAtNs }))
    assert.deepEqual(facts(await source.list(context)), facts(entries))
  })

  check('a path stays below the root of its source', async ({ source }) => {
    for (const { path } of await source.list(context))
      assert.ok(
        path.split('/').every((part) => part !== '' && part !== '.' && part !== '..') && !path.includes('\\'),
        path,
      )
  })

  check('a stamp comes with the time of the change that it tells', async ({ source }) => {
    for (const { stamp, changedAtNs } of await source.list(context))
      assert.equal(stamp === undefined, changedAtNs === undefined)
  })

  check('every sample is read, and read again', async ({ source, samples }) => {
    const entries = await source.list(context)
    const expected = samples.map((sample) => canonicalJson(sample)).sort()
    for (let time = 0; time < 2; time += 1) {
      const values: string[] = []
      for (const entry of entries)
        for (const { value } of await samplesOf(entry, context)) values.push(canonicalJson(value))
      assert.deepEqual(values.sort(), expected)
    }
  })

  check('positions tell the samples of an entry apart', async ({ source }) => {
    for (const entry of await source.list(context)) {
      const positions = (await samplesOf(entry, context)).map(({ position }) => position)
      assert.equal(new Set(positions).size, positions.length)
    }
  })

  check('an aborted listing rejects with the reason, untouched', async ({ source }) => {
    const reason = new Error('enough')
    await assert.rejects(source.list(callContext({ signal: AbortSignal.abort(reason) })), (error) => error === reason)
  })

  check('a dataset on it has a row for each sample', async ({ source, samples }) => {
    const rows = await new Dataset({ source, input: (sample: unknown) => sample }).identities(context)
    assert.equal(rows.length, samples.length)
  })
}

const context = callContext()
