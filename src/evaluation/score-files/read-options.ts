import { SheikhError } from '../../core/index.js'
import type { Normalization } from '../normalization.js'

/** The kinds of file that `readScoreFile` reads. `lines` are this package's own: JSON Lines, or a JSON list of rows. */
export type ScoreFileFormat = 'lines' | 'csv' | 'promptfoo' | 'vitest' | 'evalite' | 'lm-eval' | 'inspect' | 'deepeval'

const scoreFileFormats: readonly ScoreFileFormat[] = [
  'lines',
  'csv',
  'promptfoo',
  'vitest',
  'evalite',
  'lm-eval',
  'inspect',
  'deepeval',
]

/**
 * Where a row has its parts. A path is a member's name, names with dots (`meta.language`), or a JSON Pointer
 * (`/meta/language`).
 */
export interface ScoreFileFields {
  /** Path of the item's id. Rows with the same id are repeats of one item, and become one group. @default 'id' */
  readonly id?: string | undefined
  /** Path of a number. @default 'score' */
  readonly score?: string | undefined
  /** Path of true or false, pass or fail, 1 or 0; `error` and `timeout` are outcomes. @default none */
  readonly pass?: string | undefined
  /** Path of the group. @default 'group' */
  readonly group?: string | undefined
  /** Paths of slices: `meta.language`, or `language=meta.language` to name the kind of slice. @default 'slices' */
  readonly slices?: readonly string[] | undefined
}

export interface ReadScoreFileOptions extends ScoreFileFields {
  /** Differences between a prediction and its target that are ignored. @default none */
  readonly normalize?: readonly Normalization[] | undefined
  /** The format of the file. @default recognised by content */
  readonly format?: ScoreFileFormat | undefined
  /**
   * The metric to compare, if the file contains several. @default the one that the tool shows first: `pass` for promptfoo,
   * Vitest and DeepEval, `avgScore` for vitest-evals, `averageScore` for evalite, the headline score for Inspect
   */
  readonly metric?: string | undefined
  /**
   * Which system to read, if the file contains several: provider or prompt of promptfoo, variant of evalite, filter of
   * lm-evaluation-harness. @default the only one
   */
  readonly system?: string | undefined
}

/** @throws `invalid-options` for an unknown format, or fields that a format does not have. */
export function checkReadOptions({ format, score, pass, system }: ReadScoreFileOptions): void {
  const refuse = (fact: string, remedy: string) => {
    throw new SheikhError('invalid-options', `Cannot read a score file: ${fact}. ${remedy}.`)
  }
  if (format !== undefined && !scoreFileFormats.includes(format))
    refuse(`--format ${JSON.stringify(format)} is unknown`, `Use ${scoreFileFormats.join(', ')}`)
  if (score !== undefined && pass !== undefined) refuse('--score and --pass both name the score', 'Use one of them')
  const isTool = format !== undefined && format !== 'lines' && format !== 'csv'
  if (isTool && (score !== undefined || pass !== undefined))
    refuse(`--score and --pass are for other files than those of ${format}`, 'Choose the metric with --metric')
  if (format !== undefined && !isTool && system !== undefined)
    refuse(`--system does not apply to the format ${format}`, 'Keep one system per file')
}
