// The module of workers that check data.
import { appendFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { dataCheckKind } from '../../../src/dataset/index.js'
import { directoryStore } from '../../../src/store/directory/index.js'
import { countsWords } from './checked-samples.js'

interface Options {
  readonly folder: string
  /** A file that gets the process id for each job. */
  readonly notes: string
  readonly pauseMs?: number | undefined
}

export const worker = ({ folder, notes, pauseMs = 0 }: Options) => {
  const kind = dataCheckKind({ counter: countsWords() })
  const run: typeof kind.run = async (...job) => {
    await appendFile(notes, `${process.pid}\n`)
    await setTimeout(pauseMs)
    return kind.run(...job)
  }
  return { store: directoryStore(folder), kinds: [{ ...kind, run }] }
}
