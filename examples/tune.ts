// Searches for the settings of a trainer, and releases the winner. Run: npx tsx examples/tune.ts
import {
  accuracy,
  atLeast,
  Dataset,
  memorySamples,
  memoryStore,
  Pipeline,
  pinnedSet,
  proposePinnedSet,
  qualityGate,
} from 'sheikh-freemium'
import { memoryRegistry } from 'sheikh-freemium/testing'
import { textClassifier, tfjsTrainer } from 'sheikh-freemium/tfjs'
import { categorical, float, int, tune } from 'sheikh-freemium/tune'

// Orders and complaints whose words overlap. Every tenth label is wrong, as labels of people are.
const subjects = ['parcel', 'invoice', 'refund', 'account', 'delivery', 'password']
const phrases = { order: ['please send the', 'I need a'], complaint: ['where is my', 'I still wait for the'] }
const samples = Object.entries(phrases).flatMap(([label, starts]) =>
  Array.from({ length: 120 }, (_, index) => ({
    id: `${label}-${index}`,
    text: `${starts[index % 2]} ${subjects[index % 6]} ${subjects[(index * 7) % 5]} ${index}`,
    label: index % 10 === 9 ? (label === 'order' ? 'complaint' : 'order') : label,
  })),
)
const parts = { source: memorySamples(samples), input: 'text', target: 'label' } as const
const pinned = proposePinnedSet(await new Dataset(parts).identities(), { salt: 'tune', share: 0.3 })
const dataset = new Dataset({ ...parts, evaluation: pinnedSet(pinned), developmentShare: 0.3 })
const store = memoryStore() // or directoryStore('.sheikh'), so that a killed search continues

const space = {
  learningRate: float(0.001, 10, { log: true }),
  epochs: int(1, 6),
  bigrams: categorical([true, false]),
}
const trainer = (settings: { learningRate: number; epochs: number; bigrams: boolean }) =>
  tfjsTrainer(textClassifier({ ...settings, characters: false, buckets: 1024 }))

const { best, trials, estimate, importance } = await tune({
  ...{ space, trainer, dataset, store, metric: accuracy(), trials: 20, parallel: 2 },
  onEvent(event) {
    if (event.type === 'trial-end' && event.trial.state === 'scored')
      console.log(`trial ${event.trial.number}: ${event.trial.value.toFixed(3)}`, event.trial.parameters)
  },
})
console.log(`best of ${trials.length}: trial ${best.number}, accuracy ${best.value.toFixed(3)}`, best.parameters)
console.log(`expected on new data: ${estimate?.value.toFixed(3)}`, importance)

// Only the winner meets the gate. Its weights are in the store, so nothing is trained again.
const pipeline = new Pipeline({
  ...{ dataset, store, trainer: trainer(best.parameters), releaser: memoryRegistry() },
  gate: qualityGate([atLeast(accuracy(), 0.6)]),
})
pipeline.on('stage-end', ({ stage, cached }) => console.log(stage, cached ? '(from the store)' : ''))
const result = await pipeline.run()
if (result.status !== 'released') throw new Error(`expected a release, and it is ${result.status}`)
console.log(`released ${result.release.version}: ${result.verdict.summary}`)
