import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../../src/dataset/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import { atLeast, noRegression, qualityGate, weightIntegrity } from '../../src/gate/index.js'
import { Pipeline, type PipelineOptions } from '../../src/pipeline/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { fixedClock } from '../../src/testing/fixed-clock.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'

export interface Sample {
  readonly id: string
  readonly text: string
  readonly label: string
}

const words = ['apple', 'pear', 'plum', 'car', 'bus', 'tram', 'fig']

/** Six first words of 40 samples, and one of six; two labels; half of the samples pinned, three of the rare word's. */
export const samples: readonly Sample[] = words.flatMap((word, kind) =>
  Array.from({ length: word === 'fig' ? 6 : 40 }, (_, index) => ({
    id: `${word}-${String(index).padStart(2, '0')}`,
    text: `${word} ${index}`,
    label: kind < 3 || word === 'fig' ? 'fruit' : 'vehicle',
  })),
)

export const pinned = proposePinnedSet(
  await new Dataset({ source: memorySamples(samples), input: 'text', target: 'label' }).identities(),
  { salt: 'pipeline', share: 0.5 },
)
const pinnedIds = new Set(pinned.items.map(({ id }) => id))

/** The training samples of these first words, relabelled: what is judged on stays as it is. */
export const poison = (...poisoned: readonly string[]): readonly Sample[] =>
  samples.map((sample) =>
    poisoned.includes(sample.text.split(' ')[0]!) && !pinnedIds.has(sample.id)
      ? { ...sample, label: sample.label === 'fruit' ? 'vehicle' : 'fruit' }
      : sample,
  )

export const datasetOf = (data: readonly Sample[]): Dataset<string, string> =>
  new Dataset({ source: memorySamples(data), input: 'text', target: 'label', evaluation: pinnedSet(pinned) })

export const gate = (whenInconclusive: 'ask' | 'hold' | 'release' = 'ask', margin = 0.05) =>
  qualityGate([atLeast(accuracy(), 0.15), noRegression(accuracy(), { margin }), weightIntegrity()], {
    whenInconclusive,
  })

/** A world that outlives pipelines: a store, a registry and a clock, and a pipeline over any data in it. */
export function world() {
  const store = memoryStore()
  const releaser = memoryRegistry()
  const clock = fixedClock()
  const pipeline = (data: readonly Sample[] = samples, changes: Partial<PipelineOptions<string, string>> = {}) =>
    new Pipeline<string, string>({
      dataset: datasetOf(data),
      trainer: fakeTrainer(),
      gate: gate(),
      releaser,
      store,
      clock,
      ...changes,
    })
  return { store, releaser, clock, pipeline }
}
