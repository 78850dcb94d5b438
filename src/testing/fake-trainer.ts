import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SheikhError } from '../core/index.js'
import { type Model, type Prediction, readWeightsDirectory, tensorOfFloat32, writeSafetensors } from '../model/index.js'
import type { Trainer } from '../trainer/index.js'

export interface FakeTrainerOptions {
  /** @default '1' */
  readonly version?: string | undefined
  /** Part of `describe()`: a different value is a different configuration. @default null */
  readonly setting?: string | number | null | undefined
  /** An error for `fit` to throw. */
  readonly fitError?: unknown
}

interface Table {
  readonly architecture: 'first-word'
  readonly labels: readonly string[]
  /** The label of each first word. */
  readonly words: Readonly<Record<string, string>>
  /** For words never seen: the most frequent label. */
  readonly otherwise: string
  /** How many trainings it started from; absent: none. */
  readonly earlier?: number | undefined
}

/**
 * A fast trainer for tests: learns the most frequent label of each input's first word. It really trains on its rows, in a
 * millisecond and without tfjs, so poisoned data gives a worse model. With a base, it keeps the words that the rows do not contain.
 */
export function fakeTrainer({
  version = '1',
  setting = null,
  fitError,
}: FakeTrainerOptions = {}): Trainer<string, string> {
  return {
    contract: 1,
    name: 'fake',
    version,
    targets: 'labels',
    warmStart: true,
    describe: () => ({ setting }),
    async fit({ training, seed, directory, base }, context) {
      if (fitError !== undefined) throw fitError
      const learned = await learn(training, context.signal)
      const table = base === undefined ? learned : goneOn(await readTable(base.path), learned)
      context.progress({ epoch: 1, epochs: 1, step: 1, steps: 1, loss: 0, learningRate: 0 })
      await writeFile(join(directory, 'config.json'), JSON.stringify(table))
      const counts = Float32Array.of(table.labels.length, Object.keys(table.words).length)
      await writeSafetensors(
        join(directory, 'model.safetensors'),
        [tensorOfFloat32('counts', [2], counts)],
        {},
        context,
      )
      return {
        weights: await readWeightsDirectory(directory, context),
        record: {
          trainer: { name: 'fake', version, describe: { setting } },
          seed,
          trainingDigest: training.digest,
          lossCurve: [[1, 0]],
        },
      }
    },
    async load(weights, context) {
      const table = await readTable(weights.path)
      context.signal.throwIfAborted()
      return modelOf(table, weights.digest)
    },
  }
}

async function readTable(folder: string): Promise<Table> {
  const table = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as Table
  if (table.architecture === 'first-word') return table
  throw new SheikhError(
    'artifact-corrupt',
    'Cannot load the weights: their architecture is not "first-word". Load them with the trainer that made them.',
  )
}

/** What the rows say of a word counts; of the others the base is believed. */
function goneOn(base: Table, learned: Table): Table {
  const words = Object.entries({ ...base.words, ...learned.words }).sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    ...learned,
    labels: [...new Set([...base.labels, ...learned.labels])].sort(),
    words: Object.fromEntries(words),
    earlier: (base.earlier ?? 0) + 1,
  }
}

async function learn(
  rows: AsyncIterable<{ readonly id: string; readonly input: string; readonly target?: string | undefined }>,
  signal: AbortSignal,
): Promise<Table> {
  const counts = new Map<string, Map<string, number>>([['', new Map()]])
  for await (const { input, target } of rows) {
    signal.throwIfAborted()
    if (target === undefined) continue
    for (const word of [firstWord(input), '']) {
      const labels = counts.get(word) ?? new Map<string, number>()
      counts.set(word, labels.set(target, (labels.get(target) ?? 0) + 1))
    }
  }
  const most = (labels: Map<string, number>) =>
    [...labels].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0]?.[0] ?? ''
  const words = [...counts].filter(([word]) => word !== '').sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    architecture: 'first-word',
    labels: [...counts.get('')!.keys()].sort(),
    words: Object.fromEntries(words.map(([word, labels]) => [word, most(labels)])),
    otherwise: most(counts.get('')!),
  }
}

function modelOf(table: Table, digest: Model['digest']): Model<string> {
  const words = new Map(Object.entries(table.words))
  return {
    digest,
    labels: table.labels,
    async predict(inputs, context) {
      context.signal.throwIfAborted()
      return inputs.map((input): Prediction => {
        const label = words.get(firstWord(input)) ?? table.otherwise
        const probabilities = Object.fromEntries(table.labels.map((name) => [name, name === label ? 1 : 0]))
        return { kind: 'label', label, probabilities }
      })
    },
    async [Symbol.asyncDispose]() {},
  }
}

// Behind a mark, so that "__proto__" and "constructor" are words like others.
const firstWord = (input: string) => `w:${input.trim().split(/\s+/, 1)[0]!.toLowerCase()}`
