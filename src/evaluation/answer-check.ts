import { canonicalJson, type Json, SheikhError } from '../core/index.js'
import { type Normalization, normalizations, normalized } from './normalization.js'

/** Result of comparing the predictions of a file with their targets. */
export interface PredictionCheck {
  readonly compared: number
  readonly right: number
  /** The first few items that are wrong only because one value is text and the other a number or boolean. */
  readonly mixed: readonly ComparedPrediction[]
  /** Number of items that are wrong only because of white space, case, punctuation or number format. */
  readonly nearMisses: number
  /** The first few wrong items, near misses first. */
  readonly wrong: readonly ComparedPrediction[]
  /** The normalization steps that make the first near miss correct. */
  readonly steps: readonly Normalization[]
}

export interface ComparedPrediction {
  readonly line: number
  readonly prediction: Json
  readonly target: Json
}

const shown = 2

/** Compares predictions with targets, one line at a time. */
export class AnswerCounter {
  readonly #normalize: readonly Normalization[]
  readonly #mixed: ComparedPrediction[] = []
  readonly #near: ComparedPrediction[] = []
  readonly #wrong: ComparedPrediction[] = []
  #compared = 0
  #right = 0
  #nearMisses = 0

  constructor(normalize: readonly Normalization[]) {
    this.#normalize = normalize
  }

  isRight(prediction: Json, target: Json, line: number): boolean {
    this.#compared += 1
    if (isSame(prediction, target, this.#normalize)) {
      this.#right += 1
      return true
    }
    const example = { line, prediction, target }
    const keep = (list: ComparedPrediction[]) => list.length < shown && list.push(example)
    if (isScalar(prediction) && isScalar(target) && isSame(prediction, target, normalizations)) {
      this.#nearMisses += 1
      keep(this.#near)
    } else keep(this.#wrong)
    if (typeof prediction !== typeof target && isScalar(prediction) && isScalar(target) && isAlike(prediction, target))
      keep(this.#mixed)
    return false
  }

  /** `undefined` if nothing was compared. */
  finish(): PredictionCheck | undefined {
    if (this.#compared === 0) return undefined
    const [first] = this.#near
    return {
      ...{ compared: this.#compared, right: this.#right, mixed: this.#mixed, nearMisses: this.#nearMisses },
      wrong: [...this.#near, ...this.#wrong].slice(0, shown),
      steps: first === undefined ? [] : stepsFor(first),
    }
  }
}

/**
 * Rejects two files whose scores say nothing about the models: text was compared with numbers, or neither model has a
 * correct item.
 *
 * @throws `evaluation-invalid` with two examples.
 */
export function checkAnswers(
  ...files: readonly { readonly path: string; readonly answers?: PredictionCheck | undefined }[]
) {
  for (const { path, answers } of files)
    if (answers !== undefined && answers.mixed.length > 0)
      throw refused(
        path,
        `"${path}" compares text with other values, which are never equal (${describe(answers.mixed)})`,
        'Use one type for both, or ignore number formats: --normalize number',
      )
  const checked = files.flatMap(({ path, answers }) => (answers === undefined ? [] : [{ path, answers }]))
  if (checked.length < files.length || checked.some(({ answers }) => answers.right > 0)) return
  const { path, answers } = checked.find((file) => file.answers.nearMisses > 0) ?? checked[0]!
  const remedy =
    answers.steps.length === 0
      ? 'Compare the fields "prediction" and "target", or write a "score"'
      : `Use one spelling, or ignore the difference: --normalize ${answers.steps.join(',')}`
  throw refused(path, `neither model has a correct item ("${path}", ${describe(answers.wrong)})`, remedy)
}

/** The single step that makes the example correct, or all steps. */
function stepsFor({ prediction, target }: ComparedPrediction): readonly Normalization[] {
  const one = normalizations.find((step) => isSame(prediction, target, [step]))
  return one === undefined ? normalizations : [one]
}

function isSame(prediction: Json, target: Json, steps: readonly Normalization[]): boolean {
  return canonicalJson(normalized(prediction, steps)) === canonicalJson(normalized(target, steps))
}

const isScalar = (value: Json) => typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'

/** Whether values of two types have the same text, such as `"3"` and 3, `" 3.0 "` and 3, or `"True"` and true. */
function isAlike(one: Json, other: Json): boolean {
  const text = (value: Json) => String(value).trim().toLowerCase()
  return text(one) === text(other) || isSame(one, other, ['trim', 'number'])
}

const describe = (examples: readonly ComparedPrediction[]) =>
  examples
    .map(({ line, prediction, target }) => `line ${line}: prediction ${short(prediction)}, target ${short(target)}`)
    .join('; ')

function short(value: Json): string {
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

const refused = (path: string, fact: string, remedy: string) =>
  new SheikhError('evaluation-invalid', `Cannot compare the models: ${fact}. ${remedy}.`, { facts: { path } })
