// Embedding: the five parts composed in a script, and its events. Run: npx tsx examples/embed.ts
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  accuracy,
  atLeast,
  Dataset,
  directoryRegistry,
  directoryStore,
  loadRelease,
  memorySamples,
  noRegression,
  Pipeline,
  pinnedSet,
  proposePinnedSet,
  qualityGate,
  weightIntegrity,
} from 'sheikh-freemium'
import { textClassifier, tfjsTrainer } from 'sheikh-freemium/tfjs'

const words = {
  invoice: ['amount due', 'please pay', 'bank transfer'],
  travel: ['flight booked', 'hotel room', 'boarding pass'],
}
const samples = Object.entries(words).flatMap(([label, phrases]) =>
  Array.from({ length: 60 }, (_, index) => ({
    id: `${label}-${index}`,
    text: `${phrases[index % 3]} number ${index}`,
    label,
  })),
)

const folder = await mkdtemp(join(tmpdir(), 'sheikh-embed-'))
const source = memorySamples(samples)
const unpinned = new Dataset({ source, input: 'text', target: 'label' })
const pinned = proposePinnedSet(await unpinned.identities(), { salt: 'embed', share: 0.3 })

const trainer = tfjsTrainer(textClassifier({ epochs: 5 }))
const releaser = directoryRegistry(join(folder, 'releases'))
const pipeline = new Pipeline({
  dataset: new Dataset({ source, input: 'text', target: 'label', evaluation: pinnedSet(pinned) }),
  trainer,
  gate: qualityGate([atLeast(accuracy(), 0.15), noRegression(accuracy(), { margin: 0.1 }), weightIntegrity()]),
  releaser,
  store: directoryStore(join(folder, '.sheikh')),
})
pipeline.on('stage-end', ({ stage, durationMs, cached }) =>
  console.log(stage, `${durationMs} ms`, cached ? '(kept)' : ''),
)

try {
  const result = await pipeline.run()
  if (result.status !== 'released') throw new Error(`expected a release, and it is ${result.status}`)
  console.log(`released ${result.release.version}: ${result.verdict.summary}`)

  await using model = await loadRelease(releaser, { channel: 'latest', trainer })
  const [answer] = await model.predict(['is my boarding pass ready?'])
  console.log(answer)

  const again = await pipeline.run()
  if (again.status !== 'up-to-date') throw new Error(`expected nothing to do, and it is ${again.status}`)
} finally {
  await rm(folder, { recursive: true, force: true })
}
