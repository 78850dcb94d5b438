// A Trainer of your own, without tfjs: it counts words. Run: npx tsx examples/custom-trainer.ts
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  accuracy,
  atLeast,
  Dataset,
  type Model,
  memorySamples,
  Pipeline,
  pinnedSet,
  proposePinnedSet,
  qualityGate,
  readWeightsDirectory,
  type Trainer,
} from 'sheikh-freemium'
import { memoryRegistry } from 'sheikh-freemium/testing'

type Counts = Record<string, Record<string, number>>

const wordCounter: Trainer<string, string> = {
  contract: 1,
  name: 'word-counter',
  version: '1', // raised whenever the code below changes: it is part of every key
  targets: 'labels',
  describe: () => ({}),
  async fit({ training, seed, directory }, context) {
    const counts: Counts = Object.create(null)
    for await (const { input, target } of training) {
      context.signal.throwIfAborted()
      for (const word of input.split(' ')) {
        const labels = counts[word] ?? (Object.create(null) as Record<string, number>)
        counts[word] = labels
        labels[target!] = (labels[target!] ?? 0) + 1
      }
    }
    await writeFile(join(directory, 'config.json'), JSON.stringify(counts))
    return {
      weights: await readWeightsDirectory(directory, context),
      record: {
        trainer: { name: 'word-counter', version: '1', describe: {} },
        seed,
        trainingDigest: training.digest,
        lossCurve: [],
      },
    }
  },
  async load(weights) {
    const counts = JSON.parse(await readFile(join(weights.path, 'config.json'), 'utf8')) as Counts
    return model(counts, weights.digest)
  },
}

function model(counts: Counts, digest: Model['digest']): Model<string> {
  return {
    digest,
    predict: async (inputs) =>
      inputs.map((input) => {
        const votes = new Map<string, number>()
        for (const word of input.split(' '))
          for (const [label, count] of Object.entries(counts[word] ?? {}))
            votes.set(label, (votes.get(label) ?? 0) + count)
        return { kind: 'label', label: [...votes].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'unknown' }
      }),
    async [Symbol.asyncDispose]() {},
  }
}

const samples = ['red apple', 'ripe pear', 'fast car', 'old bus'].flatMap((text, kind) =>
  Array.from({ length: 20 }, (_, index) => ({
    id: `${kind}-${index}`,
    text: `${text} ${index}`,
    label: kind < 2 ? 'fruit' : 'vehicle',
  })),
)
const source = memorySamples(samples)
const pinned = proposePinnedSet(await new Dataset({ source, input: 'text', target: 'label' }).identities(), {
  salt: 'example',
  share: 0.3,
})
const pipeline = new Pipeline({
  dataset: new Dataset({ source, input: 'text', target: 'label', evaluation: pinnedSet(pinned) }),
  trainer: wordCounter,
  gate: qualityGate([atLeast(accuracy(), 0.5)]),
  releaser: memoryRegistry(),
})
const result = await pipeline.run()
if (result.status !== 'released') throw new Error(`expected a release, and it is ${result.status}`)
console.log(`released ${result.release.version}: ${result.verdict.summary}`)
