import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { checkQuality, Dataset, memorySamples } from '../../src/dataset/index.js'
import { datasketchPairs, linesOf, recallOf, variedTexts } from './near-duplicates.js'

it.each([
  [10, 0.8],
  [30, 0.8],
  [100, 0.8],
  [100, 0.6],
  [1_000, 0.6],
])(
  'finds at least the share 0.95 of the pairs that datasketch finds: texts of %i words, similarity %f',
  async (words, similarity) => {
    const texts = variedTexts(words > 100 ? 400 : 4_000, words, `near-duplicates-${words}-${similarity}`)
    const pairs = datasketchPairs(linesOf(texts), similarity)
    const source = memorySamples(texts.map((text, id) => ({ id: `t${id}`, text })))
    const { findings } = await checkQuality(
      new Dataset({ source, input: 'text' }),
      { evaluation: 'none', secret: 'off', duplicate: { similarity } },
      callContext(),
    )
    const groups = findings.flatMap(({ kind, ids }) => (kind === 'duplicate' ? [ids] : []))
    const recall = recallOf(pairs, groups)
    console.log(`${words} words, similarity ${similarity}: ${pairs.length} pairs, recall ${recall.toFixed(4)}`)
    expect(pairs.length).toBeGreaterThan(30)
    expect(recall).toBeGreaterThanOrEqual(0.95)
    // Groups are joined through others, and still do not contain texts of other families.
    expect(Math.max(...groups.map(({ length }) => length))).toBeLessThanOrEqual(5)
  },
)
