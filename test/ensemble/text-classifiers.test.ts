import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { callContext, seededRandom } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../../src/dataset/index.js'
import { ensembleTrainer } from '../../src/ensemble/index.js'
import { accuracy, evaluate } from '../../src/evaluation/index.js'
import { checkWeights } from '../../src/model/index.js'
import { textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'

it('text classifiers answer as one, in threads of their own too, and their weights pass the check', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-ensemble-'))
  try {
    const random = seededRandom('words')
    const words = ['late', 'broken', 'lovely', 'thanks', 'refund', 'parcel', 'colour', 'fits', 'never', 'again']
    const samples = Array.from({ length: 120 }, (_, index) => {
      const chosen = Array.from({ length: 6 }, () => random.below(words.length))
      const bad = chosen.filter((at) => [0, 1, 4, 8].includes(at)).length
      return { id: `s${index}`, text: chosen.map((at) => words[at]).join(' '), label: bad > 2 ? 'bad' : 'good' }
    })
    const parts = {
      source: memorySamples(samples),
      input: ({ text }: (typeof samples)[number]) => text,
      target: ({ label }: (typeof samples)[number]) => label,
    }
    const pinned = proposePinnedSet(await new Dataset(parts).identities(), { salt: 'e', share: 0.3 })
    const dataset = new Dataset({ ...parts, evaluation: pinnedSet(pinned) })
    const { training, evaluation: rows } = await dataset.snapshot(callContext())
    const members = {
      words: tfjsTrainer(textClassifier({ bigrams: false, epochs: 3 })),
      pairs: tfjsTrainer(textClassifier({ bigrams: true, epochs: 3 })),
    }
    const trainer = ensembleTrainer({ members })
    const context = { ...callContext(), progress: () => {} }
    const { weights } = await trainer.fit({ training, seed: 0, directory: folder }, context)
    expect(await checkWeights(weights, callContext())).toEqual([])
    await using model = await trainer.load(weights, callContext())
    await using apart = await trainer.load(weights, { ...callContext(), thread: 'own' })
    const inputs = samples.slice(0, 20).map(({ text }) => text)
    expect(await apart.predict(inputs, callContext())).toEqual(await model.predict(inputs, callContext()))
    const { metrics } = await evaluate({ model, rows: rows!, metrics: [accuracy()] }, callContext())
    expect(metrics[0]!.value).toBeGreaterThan(0.75)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
