// TPE beside Optuna on two functions with known minima, and ASHA on the mails of the quickstart.

import { loadMails } from '../examples/quickstart/mails.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../src/dataset/index.js'
import { accuracy } from '../src/evaluation/index.js'
import { memoryStore } from '../src/store/memory/index.js'
import { textClassifier, tfjsTrainer } from '../src/trainer/tfjs/index.js'
import { asha, categorical, float, int, tpeSampler, tune } from '../src/tune/index.js'
import { askPython, interopPython } from '../test/interop/python.js'
import { bestSoFar, branin, centres, hartmann6, slopes } from '../test/tune/functions.js'
import { type BenchRow, median, peakMemoryMb } from './bench.js'

const seeds = 20
const trials = 30
const epochs = 9

export async function rows(): Promise<readonly BenchRow[]> {
  return [...functions(), await mails()]
}

/** Deterministic: the same numbers on every machine. */
function functions(): readonly BenchRow[] {
  if (interopPython() === undefined) {
    console.log('Skipped: there is no Optuna. npm run setup:interop installs it, or says why it cannot')
    return []
  }
  const answer = askPython('tune.py', { seeds, trials: 100, slopes, centres }) as Record<string, number[]>
  return [
    { of: branin, goal: 0.42 },
    { of: hartmann6, goal: -3.2 },
  ].map(({ of, goal }) => {
    const ours = median(Array.from({ length: seeds }, (_, seed) => bestSoFar(of, tpeSampler(), seed)[99]!))
    const peer = median(answer[of.name]!)
    return {
      work: `${of.name}: lowest of 100 trials, median of ${seeds} seeds`,
      ...{ ours, peer, peerName: 'Optuna, multivariate TPE', unit: '' },
      // Distances from the minimum, as they are below 0 for one of the functions.
      ratio: (peer - of.minimum) / (ours - of.minimum),
      ...{ goal: `at most ${goal}`, met: ours <= goal, peakMemoryMb: peakMemoryMb() },
    }
  })
}

async function mails(): Promise<BenchRow> {
  const parts = {
    source: memorySamples(loadMails()),
    input: 'text',
    target: 'label',
    group: 'body',
  } as const
  const pinned = proposePinnedSet(await new Dataset(parts).identities(), { salt: 'tune', share: 0.2 })
  const dataset = new Dataset({ ...parts, evaluation: pinnedSet(pinned), developmentShare: 0.25 })
  const search = async (pruned: boolean) => {
    let steps = 0
    const ofTrial = new Map<number, number>()
    const { best } = await tune({
      space: {
        learningRate: float(0.01, 30, { log: true }),
        weightDecay: float(1e-9, 1e-4, { log: true }),
        bigrams: categorical([true, false]),
        bits: int(10, 18),
      },
      trainer: ({ bits, epochs: count = epochs, ...settings }: Settings) =>
        tfjsTrainer(textClassifier({ ...settings, epochs: count, buckets: 2 ** bits })),
      ...{ dataset, metric: accuracy(), store: memoryStore(), trials },
      ...(pruned && { pruner: asha({ resource: 'epochs', min: 1, max: epochs }) }),
      onEvent(event) {
        if (event.type === 'trial-progress') ofTrial.set(event.number, event.steps)
        if (event.type !== 'trial-rung' && event.type !== 'trial-end') return
        steps += ofTrial.get(event.type === 'trial-end' ? event.trial.number : event.number) ?? 0
        ofTrial.clear()
      },
    })
    return { steps, value: best.value }
  }
  const [ours, peer] = [await search(true), await search(false)]
  const ratio = peer.steps / ours.steps
  return {
    work: `mails: training steps of ${trials} trials with ASHA, accuracy ${ours.value.toFixed(4)}`,
    ...{ ours: ours.steps, peer: peer.steps, unit: 'steps', ratio },
    peerName: `every trial in full: ${peer.value.toFixed(4)}`,
    ...{ goal: 'half the steps, as accurate', met: ratio >= 2 && ours.value >= peer.value },
    peakMemoryMb: peakMemoryMb(),
  }
}

interface Settings {
  readonly learningRate: number
  readonly weightDecay: number
  readonly bigrams: boolean
  readonly bits: number
  readonly epochs?: number | undefined
}
