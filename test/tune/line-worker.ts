// The module of workers that train lines.
import { appendFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { directoryStore } from '../../src/store/directory/index.js'
import { trialKind } from '../../src/tune/index.js'
import { lineDataset, lineTrainer, squaredError } from './line-trainer.js'

interface Options {
  readonly folder: string
  /** A file that gets the process id for each training. */
  readonly notes?: string | undefined
  readonly pauseMs?: number | undefined
  /** Trainings with a slope below this end their process. */
  readonly killBelow?: number | undefined
  readonly version?: string | undefined
  readonly developmentShare?: number | undefined
}

export const worker = ({ folder, notes, pauseMs = 0, killBelow, version, developmentShare }: Options) => {
  const onFit = async ({ slope }: { readonly slope: number }) => {
    if (notes !== undefined) await appendFile(notes, `${process.pid}\n`)
    if (killBelow !== undefined && slope < killBelow) process.kill(process.pid, 'SIGKILL')
    await setTimeout(pauseMs)
  }
  const trainer = lineTrainer({ onFit, version })
  const parts = { trainer, dataset: lineDataset(developmentShare), metric: squaredError }
  return { store: directoryStore(folder), kinds: [trialKind(parts)] }
}
