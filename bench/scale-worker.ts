// The module of the workers of the bench: trials and evaluations on the mails of the quickstart, and jobs that do nothing.
import { loadMails } from '../examples/quickstart/mails.js'
import { Dataset, dataCheckKind, memorySamples, pinnedSet, proposePinnedSet } from '../src/dataset/index.js'
import { accuracy } from '../src/evaluation/index.js'
import type { JobKind } from '../src/execute/index.js'
import { evaluationKind } from '../src/pipeline/index.js'
import { directoryStore } from '../src/store/directory/index.js'
import type { Trainer } from '../src/trainer/index.js'
import { textClassifier, tfjsTrainer } from '../src/trainer/tfjs/index.js'
import { float, trialKind } from '../src/tune/index.js'
import { peakMemoryMb } from './bench.js'

export const space = { learningRate: float(0.1, 10, { log: true }) }

export const echo: JobKind<number, number> = {
  ...{ name: 'echo', version: '1' },
  run: async (value) => ({ value }),
}

export async function searched() {
  const parts = { source: memorySamples(loadMails()), input: 'text', target: 'label', group: 'body' } as const
  const pinned = proposePinnedSet(await new Dataset(parts).identities(), { salt: 'tune', share: 0.2 })
  return {
    dataset: new Dataset({ ...parts, evaluation: pinnedSet(pinned), developmentShare: 0.25 }),
    metric: accuracy(),
    // Long enough that starting and ending a trial does not decide.
    trainer: ({ learningRate }: { readonly learningRate: number }) =>
      tfjsTrainer(textClassifier({ learningRate, epochs: 20 })),
  }
}

/** The CPU time of the worker so far, in seconds. The input only makes jobs differ. */
export const cpuTime: JobKind<number, number> = {
  ...{ name: 'cpu-time', version: '1' },
  run: async () => ({ value: cpuSeconds() }),
}

export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** Loads the models that are evaluated. */
export const evaluated = tfjsTrainer(textClassifier({ epochs: 1 }))

/** The length of a text decides its label: what remains is the cost of an evaluation. */
export const lengths: Trainer = {
  ...{ contract: 1, name: 'lengths', version: '1', describe: () => null },
  async fit() {
    throw new Error('There is nothing to train.')
  },
  load: async ({ digest }) => ({
    digest,
    predict: async (inputs) =>
      inputs.map(({ length }) => ({ kind: 'label', label: length % 2 === 0 ? 'even' : 'odd', probabilities })),
    async [Symbol.asyncDispose]() {},
  }),
}
const probabilities = { even: 0.5, odd: 0.5 }

/** The peak of the resident memory of the worker, in MB. The input only makes jobs differ. */
export const peakMemory: JobKind<number, number> = {
  ...{ name: 'peak-memory', version: '1' },
  run: async () => ({ value: peakMemoryMb() }),
}

interface Options {
  readonly folder: string
  /** Whether the workers evaluate by `lengths`. @default false */
  readonly isShort?: boolean
}

export const worker = async ({ folder, isShort = false }: Options) => {
  const parts = await searched()
  const kinds: readonly unknown[] = isShort
    ? [peakMemory, evaluationKind({ trainer: lengths, dataset: parts.dataset })]
    : [
        ...[echo, cpuTime, peakMemory, dataCheckKind(), trialKind(parts)],
        evaluationKind({ trainer: evaluated, dataset: parts.dataset }),
      ]
  return { store: directoryStore(folder), kinds: kinds as readonly JobKind<never, unknown>[] }
}
