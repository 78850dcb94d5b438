import { callContext, SheikhError } from '../core/index.js'
import {
  type Evaluation,
  isNormalization,
  type Normalization,
  normalizations,
  type PairScoresOptions,
  pairScores,
  type ReadScoreFileOptions,
  readScoreFile,
  type ScoreFile,
  type ScoreFileFormat,
} from '../evaluation/index.js'
import type { Arguments, Terminal } from './command.js'
import { logTo } from './project.js'
import { terminalPath } from './terminal-path.js'

export interface ScorePair {
  readonly candidate: Evaluation
  readonly baseline: Evaluation
  readonly baselinePath: string
}

/** Reads the evaluation outputs given as `--candidate` and `--baseline`. */
export async function readPair(values: Arguments['values'], terminal: Terminal): Promise<ScorePair> {
  const [baselinePath, candidatePath] = [
    scorePath(values, 'baseline', terminal),
    scorePath(values, 'candidate', terminal),
  ]
  const candidate = await readScores(values, candidatePath, terminal)
  // A pipe can be read only once, so read a path that is given twice only once.
  const baseline = baselinePath === candidatePath ? candidate : await readScores(values, baselinePath, terminal)
  return { ...(await pairScores(candidate, baseline, pairOptions(values))), baselinePath }
}

/** The path of an evaluation output. */
export function scorePath(values: Arguments['values'], name: string, terminal: Terminal): string {
  // "-" means standard input, as in other programs.
  if (values[name] === '-') return '/dev/stdin'
  if (typeof values[name] === 'string') return terminalPath(terminal, values[name], `--${name}`)
  throw new SheikhError(
    'invalid-options',
    `Cannot compare: --${name} is missing. Name an evaluation output. See: sheikh gate --help`,
  )
}

export function readScores(values: Arguments['values'], path: string, terminal: Terminal): Promise<ScoreFile> {
  const context = callContext({ signal: terminal.signal, log: logTo(terminal) })
  return readScoreFile(path, context, { ...fileOptions(values), normalize: parseSteps(values['normalize']) })
}

/** The options that describe a file of another program. `readScoreFile` checks the format. */
function fileOptions(values: Arguments['values']): ReadScoreFileOptions {
  const text = (name: string) => (typeof values[name] === 'string' ? values[name] : undefined)
  return {
    ...{ id: text('id'), score: text('score'), pass: text('pass'), group: text('group'), metric: text('metric') },
    ...{ system: text('system'), format: text('format') as ScoreFileFormat | undefined },
    slices: text('slice')
      ?.split(',')
      .map((path) => path.trim()),
  }
}

export const pairOptions = (values: Arguments['values']): PairScoresOptions => ({
  ...(typeof values['metric'] === 'string' && { metric: values['metric'] }),
  ...(values['lower-is-better'] === true && { direction: 'lower-is-better' }),
  ...(typeof values['range'] === 'string' && { range: parseRange(values['range']) }),
})

function parseSteps(given: string | boolean | undefined): readonly Normalization[] {
  if (typeof given !== 'string') return []
  const steps = given.split(',').map((step) => step.trim())
  const unknown = steps.find((step) => !isNormalization(step))
  if (unknown === undefined) return steps.filter(isNormalization)
  throw new SheikhError(
    'invalid-options',
    `Cannot normalize with "${unknown}": the available steps are ${normalizations.join(', ')}. Separate several with commas.`,
  )
}

function parseRange(text: string): readonly [number, number] {
  const ends = text.split(',').map((end) => (end.trim() === '' ? Number.NaN : Number(end)))
  const [lowest, highest] = ends
  if (ends.length === 2 && Number.isFinite(lowest) && Number.isFinite(highest) && lowest! < highest!)
    return [lowest!, highest!]
  throw new SheikhError(
    'invalid-options',
    `Cannot use the range "${text}": it is not two increasing numbers. Write it as 0,1.`,
  )
}
