// The module of workers that train the members of an ensemble, or the candidates of a run.
import { appendFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { memberKind } from '../../src/ensemble/index.js'
import { candidateKind } from '../../src/pipeline/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { biasedDataset, biasedTrainer } from './biased.js'

interface Options {
  readonly folder: string
  /** A file that gets the process id and the seed for each training. */
  readonly notes?: string | undefined
  readonly pauseMs?: number | undefined
  /** The bias of the last member. */
  readonly last?: number | undefined
  readonly developmentShare?: number | undefined
}

/** Four members, whose biases are 0 to 3. */
export const fourMembers = (onFit?: (seed: number) => unknown, last = 3) =>
  Object.fromEntries([0, 1, 2, last].map((bias, index) => [`m${index}`, biasedTrainer(bias, 0.1, onFit)]))

/** The same as candidates of one run. */
export function candidatesOf({ m0, ...others }: ReturnType<typeof fourMembers>) {
  return {
    trainer: m0!,
    candidates: Object.fromEntries(Object.entries(others).map(([name, trainer]) => [name, { trainer }])),
  }
}

export const worker = ({ folder, notes, pauseMs = 0, last, developmentShare }: Options) => {
  const onFit = async (seed: number) => {
    if (notes !== undefined) await appendFile(notes, `${process.pid} ${seed}\n`)
    await setTimeout(pauseMs)
  }
  const members = fourMembers(onFit, last)
  const dataset = biasedDataset(developmentShare)
  const kinds = [memberKind({ members, dataset }), candidateKind({ ...candidatesOf(members), dataset })]
  return { store: directoryStore(folder), kinds }
}
