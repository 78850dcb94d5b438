import type { CallContext } from '../../core/index.js'
import type { Part } from '../dataset-rows.js'
import { Groups, joinSimilar, SketchSet } from '../sketch-set.js'
import { textOf } from '../text-index.js'
import { frameOf, sketchOf } from '../text-sketch.js'
import { NameColumn, NameNumbers } from './text-names.js'

/** A prompt is in every text. */
const frameShare = 0.9
/** In fewer texts, similar ones may be most of them. */
const fewestForFrame = 50
/** Maximum number of evaluation texts in a bucket that a training text is compared with. */
const mostCompared = 16

export interface RepeatSettings {
  readonly duplicate: number
  readonly leakage: number
  readonly labelConflict: number
}

/** Rows with equal or similar inputs, by their index. */
export interface Repeats {
  /** Groups of two or more rows: equal texts, and texts that are similar, directly or through others. */
  readonly duplicates: readonly (readonly number[])[]
  readonly conflicts: readonly (readonly number[])[]
  /** For training rows, the evaluation rows that they repeat. */
  readonly leaks: readonly { readonly training: readonly number[]; readonly evaluation: readonly number[] }[]
  /** Whether all inputs of these rows are equal, byte for byte. */
  isExact(rows: readonly number[]): boolean
  /** A number for each row that is equal for similar rows. */
  groupOf(row: number): number
}

/** An input as far as it is compared with others. */
export interface ComparedText {
  /** Equal for equal inputs. */
  readonly input: string
  /** Equal also for short texts of the same words. */
  readonly name: string
  readonly sketch: Uint32Array
}

/** The word pairs that are in almost all inputs. @param inputs enough of them to tell. */
export function frameOfInputs(inputs: readonly unknown[]): ReadonlySet<number> {
  const texts = inputs.length < fewestForFrame ? [] : inputs.map(textOf)
  return frameOf(
    texts.map((text) => sketchOf(text, { numbersAlike: false })),
    frameShare,
  )
}

/** Bits of the parts of rows and texts. */
const [training, evaluation] = [1, 2]

/** Finds rows that repeat each other. Keeps a sketch for each text, and no text. */
export class RepeatFinder {
  readonly #settings: RepeatSettings
  readonly #sketches: SketchSet
  /** Texts have the numbers of their sketches. */
  readonly #names = new NameNumbers()
  readonly #textOfRow: Int32Array
  readonly #inputs: NameColumn
  readonly #parts: Uint8Array

  /** @param rows number of rows. */
  constructor(settings: RepeatSettings, rows: number) {
    this.#settings = settings
    this.#textOfRow = new Int32Array(rows).fill(-1)
    this.#inputs = new NameColumn(rows)
    this.#parts = new Uint8Array(rows)
    this.#sketches = new SketchSet(Math.min(settings.duplicate, settings.leakage, settings.labelConflict))
  }

  add(row: number, { input, name, sketch }: ComparedText, part: Part): void {
    this.#parts[row] = part === 'training' ? training : evaluation
    this.#inputs.set(row, input)
    const { number, isNew } = this.#names.add(name)
    if (isNew) this.#sketches.add(sketch)
    this.#textOfRow[row] = number
  }

  find(context: CallContext): Repeats {
    const { duplicate, leakage, labelConflict } = this.#settings
    // The parts that have a row with this text.
    const parts = new Uint8Array(this.#sketches.size)
    for (const [row, text] of this.#textOfRow.entries()) if (text >= 0) parts[text]! |= this.#parts[row]!
    const isTrained = (text: number) => (parts[text]! & training) > 0
    const isJudged = (text: number) => (parts[text]! & evaluation) > 0
    const groups = new Groups()
    const conflicting = labelConflict === duplicate ? groups : new Groups()
    // For each leaking text of a training row, the text of an evaluation row.
    const leaks = new Map<number, number>()
    for (const [row, text] of this.#textOfRow.entries())
      if (this.#parts[row] === training && isJudged(text)) leaks.set(text, text)
    for (const bucket of this.#sketches.buckets()) {
      context.signal.throwIfAborted()
      joinSimilar(bucket, this.#sketches, groups, duplicate)
      if (conflicting !== groups) joinSimilar(bucket, this.#sketches, conflicting, labelConflict)
      const questions = [...bucket.filter(isJudged).subarray(0, mostCompared)]
      if (questions.length === 0) continue
      for (const text of bucket) {
        if (!isTrained(text) || leaks.has(text)) continue
        const question = questions.find((other) => this.#sketches.areAlike(text, other, leakage))
        if (question !== undefined) leaks.set(text, question)
      }
    }
    return {
      duplicates: this.#rowsOf(groups),
      conflicts: this.#rowsOf(conflicting),
      leaks: this.#leaks(leaks),
      isExact: (rows) => rows.every((row) => this.#inputs.isEqual(row, rows[0]!)),
      groupOf: (row) => (this.#textOfRow[row]! < 0 ? -1 - row : groups.rootOf(this.#textOfRow[row]!)),
    }
  }

  /** The rows of each group, of groups with several. */
  #rowsOf(groups: Groups): readonly (readonly number[])[] {
    const sizes = new Uint32Array(this.#sketches.size)
    for (const text of this.#textOfRow) if (text >= 0) sizes[groups.rootOf(text)]! += 1
    const members = new Map<number, number[]>()
    for (const [row, text] of this.#textOfRow.entries()) {
      if (text < 0) continue
      const root = groups.rootOf(text)
      if (sizes[root]! < 2) continue
      const group = members.get(root)
      if (group === undefined) members.set(root, [row])
      else group.push(row)
    }
    return [...members.values()]
  }

  #leaks(leaks: ReadonlyMap<number, number>): Repeats['leaks'] {
    const found = new Map<number, { training: number[]; evaluation: number[] }>()
    for (const question of leaks.values()) found.set(question, { training: [], evaluation: [] })
    for (const [row, text] of this.#textOfRow.entries()) {
      const question = leaks.get(text)
      if (this.#parts[row] === training && question !== undefined) found.get(question)!.training.push(row)
      if (this.#parts[row] === evaluation) found.get(text)?.evaluation.push(row)
    }
    return [...found.values()]
  }
}
