import {
  accuracy,
  atLeast,
  Dataset,
  memorySamples,
  memoryStore,
  noRegression,
  Pipeline,
  pinnedSet,
  proposePinnedSet,
  qualityGate,
} from 'sheikh-freemium'
import { githubRegistry } from 'sheikh-freemium/github'
import { huggingFaceRegistry } from 'sheikh-freemium/huggingface'
import { generateSigningKey } from 'sheikh-freemium/signing'
import { clopperPearson } from 'sheikh-freemium/statistics'
import { fakeTrainer, memoryRegistry } from 'sheikh-freemium/testing'

const samples = Array.from({ length: 80 }, (_, index) => ({
  id: `${index}`,
  text: index % 2 ? 'up it goes' : 'down it goes',
  label: index % 2 ? 'up' : 'down',
}))
const source = memorySamples(samples)
const identities = await new Dataset({ source, input: 'text', target: 'label' }).identities()
const pipeline = new Pipeline({
  dataset: new Dataset({
    source,
    input: 'text',
    target: 'label',
    evaluation: pinnedSet(proposePinnedSet(identities, { salt: 'consumer', share: 0.4 })),
  }),
  trainer: fakeTrainer(),
  gate: qualityGate([atLeast(accuracy(), 0.15), noRegression(accuracy(), { margin: 0.1 })]),
  releaser: memoryRegistry(),
  store: memoryStore(),
})
const result = await pipeline.run()
if (result.status !== 'released') throw new Error(`expected a release, and it is ${result.status}`)
console.log(
  `consumer: ${result.status} ${result.release.version}`,
  clopperPearson({ successes: 9, trials: 10 }).lower > 0.5,
  generateSigningKey().keyId.length,
)
for (const { name } of [huggingFaceRegistry({ repository: 'me/spam' }), githubRegistry({ repository: 'me/spam' })])
  console.log('consumer: a registry of', name)
