// The part of a data check that looks at one row after the other, in this process or on workers.
import { hash } from 'node:crypto'
import type { CallContext } from '../../core/index.js'
import { comparedLength, fewestPairs, sketchOf, wordsOf } from '../text-sketch.js'
import { charsetProblems, normalFormOf } from './charset.js'
import { featuresOf } from './label-errors.js'
import { personalDataIn } from './personal-data.js'
import type { PersonalData } from './quality-finding.js'
import type { ComparedText } from './repeats.js'
import { SecretScanner } from './secrets.js'
import { nameBytes } from './text-names.js'
import type { RowTokenCounter, RowTokens, TokenCounter } from './token-counter.js'
import { TokenTurns } from './token-tally.js'

/** What decides the facts of a row, besides the row. JSON. */
export interface ExamineSettings {
  /** Whether texts that look like a secret are looked for. */
  readonly secret: boolean
  readonly charset: boolean
  /** The kinds of personal data that are looked for. */
  readonly personalData: readonly PersonalData[]
  /** Word pairs that are in almost all inputs, from `frameOfInputs`. */
  readonly frame: readonly number[]
}

/** What is examined of a row. JSON. */
export interface RowToExamine {
  /** All text of the input. */
  readonly text: string
  /** The input as canonical JSON, if it is no text. */
  readonly json?: string | undefined
  /** Whether the input is compared with others. */
  readonly isCompared: boolean
  /** Whether the label of the row is judged. */
  readonly isJudged: boolean
  /** Every text of the sample, and where it is. */
  readonly texts: readonly (readonly [text: string, field: string])[]
  /** Present if the tokens are counted: the input, and the target if there is one. */
  readonly counted?: readonly [input: unknown, target?: unknown] | undefined
}

/** Something in a text of a row. JSON. */
export type Mark =
  | readonly [what: 'secret' | 'personal' | 'charset', name: string, field: string]
  /** The Unicode form of a text. */
  | readonly [what: 'composed', field: string]
  | readonly [what: 'decomposed', field: string]

export interface RowFacts {
  /** Absent: the row is not compared. */
  readonly compared?: ComparedText | undefined
  /** Absent: the label of the row is not judged. */
  readonly features?: Uint16Array | undefined
  readonly marks: readonly Mark[]
  /** Absent: they are not counted, or the input has none. */
  readonly tokens?: RowTokens | undefined
}

/** A block ends with so many rows, or with the row that makes its texts this long. In UTF-16 code units. */
export const rowsPerBlock = 1024
export const textPerBlock = 1 << 18

/** Rows that are examined together, and their indices in the dataset. */
export interface RowBlock {
  readonly places: readonly number[]
  readonly rows: readonly RowToExamine[]
  /** The length of the texts. In UTF-16 code units. */
  readonly characters: number
}

export interface ExaminedRows {
  readonly places: readonly number[]
  readonly facts: readonly RowFacts[]
}

/** Examines blocks, and yields the facts of all rows in their order. */
export type RowExamination = (
  blocks: AsyncIterable<RowBlock>,
  asked: { readonly settings: ExamineSettings; readonly counter: TokenCounter | undefined },
  context: CallContext,
) => AsyncIterable<ExaminedRows>

/** Examines rows in this process. */
export const examineHere: RowExamination = async function* (blocks, { settings, counter }, context) {
  const examiner = new RowExaminer(settings, await counter?.open(context), context)
  for await (const { places, rows } of blocks) yield { places, facts: await examiner.examine(rows) }
}

/** Examines rows block after block. The same block gives the same facts in every process. */
export class RowExaminer {
  readonly #settings: ExamineSettings
  readonly #frame: ReadonlySet<number>
  readonly #turns: TokenTurns | undefined
  readonly #signal: AbortSignal

  /** @param counter counts tokens. */
  constructor(settings: ExamineSettings, counter: RowTokenCounter | undefined, { signal }: CallContext) {
    this.#settings = settings
    this.#frame = new Set(settings.frame)
    this.#turns = counter && new TokenTurns(counter)
    this.#signal = signal
  }

  /** @returns the facts of the rows of a block, in their order. */
  async examine(block: readonly RowToExamine[]): Promise<readonly RowFacts[]> {
    // Short texts are scanned together: a scan begins and ends with a block, wherever that is examined.
    const scanner = new SecretScanner<{ readonly marks: Mark[]; readonly field: string }>(({ marks, field }, rule) =>
      marks.push(['secret', rule, field]),
    )
    const facts: RowFacts[] = []
    for (const row of block) {
      this.#signal.throwIfAborted()
      const own: Mark[] = []
      for (const [text, field] of row.texts) {
        if (this.#settings.secret) await scanner.add({ marks: own, field }, text)
        this.#markText(text, field, own)
      }
      facts.push({
        compared: row.isCompared ? this.#comparedText(row) : undefined,
        features: row.isJudged ? featuresOf(row.text) : undefined,
        marks: own,
        tokens: row.counted && (await this.#turns?.count(row.counted[0], row.counted[1])),
      })
    }
    await scanner.flush()
    return facts
  }

  #markText(text: string, field: string, marks: Mark[]): void {
    for (const kind of personalDataIn(text, this.#settings.personalData)) marks.push(['personal', kind, field])
    if (!this.#settings.charset) return
    for (const problem of charsetProblems(text)) marks.push(['charset', problem, field])
    const form = normalFormOf(text)
    if (form === 'composed') marks.push(['composed', field])
    if (form === 'other') marks.push(['decomposed', field])
  }

  #comparedText({ text, json }: RowToExamine): ComparedText {
    const input = digestOf(json ?? text)
    const sketch = sketchOf(text, { numbersAlike: false, frame: this.#frame })
    // Too short for a sketch: equal if the words are.
    const words = sketch.length < fewestPairs && text.length < comparedLength ? wordsOf(text) : []
    const name = words.length === 0 || json !== undefined ? input : digestOf(`words ${words.join(' ')}`)
    return { input, name, sketch }
  }
}

/** A text of 16 characters, each of one byte. */
const digestOf = (text: string) => hash('sha256', text, 'binary').slice(0, nameBytes)
