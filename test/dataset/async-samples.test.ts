import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { asyncSamples, Dataset } from '../../src/dataset/index.js'
import { sourceContract } from '../../src/testing/source-contract.js'
import { collect } from './temporary.js'

const samples = Array.from({ length: 1500 }, (_, n) => ({ id: `s${n}`, text: `text ${n}` }))

describe('asyncSamples', () => {
  sourceContract(it, async () => ({
    source: asyncSamples(() => samples, { name: 'memory' }),
    samples,
    dispose: async () => {},
  }))

  it('ends in an error if the samples are not the same again', async () => {
    let times = 0
    // Too much for the memory of rows, so the samples are read again.
    async function* growing() {
      times += 1
      for (const sample of samples) yield { ...sample, text: 'x'.repeat(18_000), n: times }
    }
    const source = asyncSamples(growing, { name: 'growing', version: '1' })
    const { whole } = await new Dataset({ source, input: (sample: { n: number; text: string }) => sample }).contents()
    await expect(collect(whole())).rejects.toMatchObject({ code: 'dataset-changed', facts: { path: 'growing' } })
  })

  it('closes the iterable when reading ends early, and names the sample that is wrong', async () => {
    let isClosed = false
    async function* wrong() {
      try {
        for (;;) yield { id: 'a' }
      } finally {
        isClosed = true
      }
    }
    const dataset = new Dataset({ source: asyncSamples(wrong, { name: 'tickets' }), input: 'text' })
    await expect(dataset.identities(callContext())).rejects.toThrow(/tickets sample 1: it has no field "text"/)
    expect(isClosed).toBe(true)
  })

  it.each(['', 'a/b'])('cannot be named %j', (name) => {
    expect(() => asyncSamples(() => [], { name })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })
})
