// Releases a model, then an ensemble of that release and two new models. Run: npx tsx examples/ensemble.ts
import {
  accuracy,
  atLeast,
  Dataset,
  loadRelease,
  memorySamples,
  memoryStore,
  noRegression,
  Pipeline,
  pinnedSet,
  proposePinnedSet,
  qualityGate,
  type Trainer,
} from 'sheikh-freemium'
import { ensembleTrainer, releasedMember } from 'sheikh-freemium/ensemble'
import { memoryRegistry } from 'sheikh-freemium/testing'
import { textClassifier, tfjsTrainer } from 'sheikh-freemium/tfjs'

const subjects = ['parcel', 'invoice', 'refund', 'account', 'delivery', 'password']
const phrases = { order: ['please send the', 'I need a'], complaint: ['where is my', 'I still wait for the'] }
const samples = Object.entries(phrases).flatMap(([label, starts]) =>
  Array.from({ length: 120 }, (_, index) => ({
    id: `${label}-${index}`,
    text: `${starts[index % 2]} ${subjects[index % 6]} ${subjects[(index * 7) % 5]} ${index}`,
    label,
  })),
)
const parts = { source: memorySamples(samples), input: 'text', target: 'label' } as const
const pinned = proposePinnedSet(await new Dataset(parts).identities(), { salt: 'ensemble', share: 0.3 })
const dataset = new Dataset({ ...parts, evaluation: pinnedSet(pinned), developmentShare: 0.3 })
const [store, releaser] = [memoryStore(), memoryRegistry()]

const classifier = (bigrams: boolean) => tfjsTrainer(textClassifier({ bigrams, buckets: 1024, epochs: 3 }))
const release = async (trainer: Trainer) => {
  const gate = qualityGate([atLeast(accuracy(), 0.6), noRegression(accuracy(), { margin: 0.1 })], {
    whenInconclusive: 'release',
  })
  const pipeline = new Pipeline({ dataset, store, releaser, gate, trainer })
  pipeline.on('warning', ({ message }) => console.log(`warning: ${message}`))
  const result = await pipeline.run()
  if (result.status !== 'released') throw new Error(`expected a release, and it is ${result.status}`)
  console.log(`released ${result.release.version}: ${result.verdict.summary}`)
  return result.release
}

const first = await release(classifier(false))
// The release is opened in the registry and not trained again. A withdrawn one would be refused.
const trainer = ensembleTrainer({
  members: {
    before: releasedMember({ version: first.version, digest: first.bundle, trainer: classifier(false) }),
    words: classifier(false),
    pairs: classifier(true),
  },
  shares: { before: 2 },
})
const second = await release(trainer)
console.log('made with', second.record.candidate?.releases)

await using model = await loadRelease(releaser, { trainer })
const [answer] = await model.predict(['where is my refund'])
if (answer?.kind !== 'label' || answer.label !== 'complaint') throw new Error('expected a complaint')
console.log('where is my refund:', answer.probabilities)
