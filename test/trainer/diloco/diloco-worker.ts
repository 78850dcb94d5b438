// The module of workers that train replicas.
import { appendFile, readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import type { JobKind } from '../../../src/execute/index.js'
import { directoryStore } from '../../../src/store/directory/index.js'
import type { RoundInput, RoundOutput } from '../../../src/trainer/tfjs/diloco/diloco-kind.js'
import { dilocoKind } from '../../../src/trainer/tfjs/index.js'
import { classifier, network } from './texts.js'

interface Options {
  readonly folder: string
  /** A file that gets a line for each round of a replica. */
  readonly notes: string
  readonly pauseMs?: number | undefined
  /** The first process that does this round of this replica is killed after it. */
  readonly kill?: { readonly from: number; readonly replica: number } | undefined
  readonly learningRate?: number | undefined
  /** Trains `network()`. */
  readonly isNetwork?: boolean | undefined
}

export const worker = ({ folder, notes, pauseMs = 0, kill, learningRate, isNetwork = false }: Options) => {
  const kind = dilocoKind(isNetwork ? network() : classifier({ learningRate })) as unknown as JobKind<
    RoundInput,
    RoundOutput
  >
  const run: typeof kind.run = async (input, context) => {
    const { from, replica: { number: replica } = { number: 0 } } = input.part
    const line = `${from} ${replica}`
    const isFirst = !(await readFile(notes, 'utf8').catch(() => '')).split('\n').includes(line)
    await appendFile(notes, `${line}\n`)
    const output = await kind.run(input, context)
    await setTimeout(pauseMs, undefined, { signal: context.signal })
    if (isFirst && from === kill?.from && replica === kill.replica) process.kill(process.pid, 'SIGKILL')
    return output
  }
  return { store: directoryStore(folder), kinds: [{ ...kind, run } as unknown as JobKind<never, unknown>] }
}
