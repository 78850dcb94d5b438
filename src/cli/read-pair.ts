import { resolve } from 'node:path'
import { callContext, SheikhError } from '../core/index.js'
import { type Evaluation, pairScores, readScoreFile } from '../evaluation/index.js'
import type { Arguments, Terminal } from './command.js'

export interface ScorePair {
  readonly candidate: Evaluation
  readonly baseline: Evaluation
  readonly baselinePath: string
}

/** The evaluation outputs that `--candidate` and `--baseline` name. */
export async function readPair(values: Arguments['values'], terminal: Terminal): Promise<ScorePair> {
  const context = callContext({ signal: terminal.signal })
  const path = (name: string) => {
    if (typeof values[name] === 'string') return resolve(terminal.cwd, values[name])
    throw new SheikhError('invalid-options', `Cannot compare: --${name} names no file. See: sheikh gate --help`)
  }
  const [baselinePath, candidatePath] = [path('baseline'), path('candidate')]
  const pair = await pairScores(
    await readScoreFile(candidatePath, context),
    await readScoreFile(baselinePath, context),
    {
      ...(typeof values['metric'] === 'string' && { metric: values['metric'] }),
      ...(values['lower-is-better'] === true && { direction: 'lower-is-better' }),
      ...(typeof values['range'] === 'string' && { range: parseRange(values['range']) }),
    },
  )
  return { ...pair, baselinePath }
}

function parseRange(text: string): readonly [number, number] {
  const ends = text.split(',').map((end) => (end.trim() === '' ? Number.NaN : Number(end)))
  const [lowest, highest] = ends
  if (ends.length === 2 && Number.isFinite(lowest) && Number.isFinite(highest) && lowest! < highest!)
    return [lowest!, highest!]
  throw new SheikhError(
    'invalid-options',
    `Cannot use the range "${text}": write two numbers, the lower first, as 0,1.`,
  )
}
