// The module of the workers of the bench: trials and evaluations on the mails of the quickstart, and jobs that do nothing.
import { loadMails } from '../examples/quickstart/mails.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../src/dataset/index.js'
import { accuracy } from '../src/evaluation/index.js'
import type { JobKind } from '../src/execute/index.js'
import { evaluationKind } from '../src/pipeline/index.js'
import { directoryStore } from '../src/store/directory/index.js'
import { textClassifier, tfjsTrainer } from '../src/trainer/tfjs/index.js'
import { float, trialKind } from '../src/tune/index.js'

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

export const worker = async ({ folder }: { readonly folder: string }) => {
  const parts = await searched()
  return {
    store: directoryStore(folder),
    kinds: [echo, cpuTime, trialKind(parts), evaluationKind({ ...parts, trainer: evaluated })] as readonly JobKind<
      never,
      unknown
    >[],
  }
}
