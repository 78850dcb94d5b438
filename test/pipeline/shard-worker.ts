// The module of workers that evaluate.
import { appendFile } from 'node:fs/promises'
import { evaluationKind } from '../../src/pipeline/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { pause, shardDataset, shardTrainer } from './shard-parts.js'

interface Options {
  readonly folder: string
  /** A file that gets the process id for each batch. */
  readonly notes: string
  readonly pauseMs?: number | undefined
  readonly version?: string | undefined
  readonly device?: string | undefined
}

export const worker = ({ folder, notes, pauseMs = 0, version = '1', device }: Options) => {
  const onPredict = async () => {
    await appendFile(notes, `${process.pid}\n`)
    await pause(pauseMs)
  }
  const trainer = shardTrainer({ version, device, onPredict })
  return { store: directoryStore(folder), kinds: [evaluationKind({ trainer, dataset: shardDataset() })] }
}
