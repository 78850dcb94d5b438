// Stores columns as tensors of a safetensors file: the reader is already hardened, and any program that reads weights
// can read them.
import { SheikhError } from '../core/index.js'
import {
  type ArrayDtype,
  type Prediction,
  type Safetensors,
  type Tensor,
  tensorOf,
  type ValuesOf,
  valuesOf,
} from '../model/index.js'
import {
  type Codes,
  type Column,
  codesOf,
  DictionaryColumn,
  NumberColumn,
  numbersOf,
  TextColumn,
  TextColumnBuilder,
} from './column.js'
import { PredictionBuilder, PredictionColumn } from './prediction-column.js'

/** Gathers tensors. */
export class ColumnWriter {
  readonly tensors: Tensor[] = []

  text(name: string, column: Column<string>): void {
    const { bytes, ends } = textOf(column)
    this.#add(`${name}.utf8`, 'U8', [bytes.length], bytes)
    this.#add(`${name}.ends`, 'U32', [ends.length], ends)
  }

  /** Writes each distinct value once, as text. */
  names<T>(name: string, column: Column<T>, toText: (value: T) => string): void {
    const { codes, names } = codesOf(column)
    if (codes instanceof Uint8Array) this.#add(`${name}.codes`, 'U8', [codes.length], codes)
    else this.#add(`${name}.codes`, 'U32', [codes.length], codes)
    this.text(`${name}.names`, Array.from(names, toText))
  }

  numbers(name: string, column: Column<number | null>): void {
    this.#add(name, 'F64', [column.length], numbersOf(column))
  }

  bytes(name: string, shape: readonly number[], values: Uint8Array): void {
    this.#add(name, 'U8', shape, values)
  }

  predictions(name: string, column: PredictionColumn): void {
    this.names(`${name}.said`, column.said, (text) => text)
    this.text(`${name}.labels`, column.labels)
    const shape = [column.labels.length === 0 ? 0 : column.length, column.labels.length]
    this.#add(`${name}.probabilities`, 'F64', shape, column.probabilities)
  }

  #add<D extends ArrayDtype>(name: string, dtype: D, shape: readonly number[], values: ValuesOf<D>): void {
    this.tensors.push(tensorOf(name, dtype, shape, values))
  }
}

/**
 * Reads columns. For any file content, each column has the declared length and no code is out of range. @throws
 * `artifact-corrupt`.
 */
export class ColumnReader {
  readonly #tensors: Map<string, Tensor>
  readonly #path: string

  constructor(path: string, { tensors }: Safetensors) {
    this.#path = path
    this.#tensors = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  }

  has(name: string): boolean {
    return this.#tensors.has(name)
  }

  text(name: string): TextColumn {
    const bytes = this.#take(`${name}.utf8`, 'U8')
    const ends = this.#take(`${name}.ends`, 'U32')
    let last = 0
    for (const end of ends) {
      if (end < last) throw this.corrupt(`the texts of "${name}" overlap`)
      last = end
    }
    if (last !== bytes.length) throw this.corrupt(`the texts of "${name}" do not fill their bytes`)
    return new TextColumn(bytes, ends)
  }

  names<T>(name: string, parse: (text: string) => T): DictionaryColumn<T> {
    const dtype = this.#tensors.get(`${name}.codes`)?.dtype === 'U8' ? 'U8' : 'U32'
    const codes: Codes = this.#take(`${name}.codes`, dtype)
    const names = Array.from(this.text(`${name}.names`), (text) => {
      try {
        return parse(text)
      } catch (cause) {
        throw this.corrupt(`"${name}" contains an invalid value`, cause)
      }
    })
    if (codes.some((code) => code >= names.length)) throw this.corrupt(`"${name}" contains a code outside its list`)
    return new DictionaryColumn(codes, names)
  }

  numbers(name: string): NumberColumn {
    return new NumberColumn(this.#take(name, 'F64'))
  }

  bytes(name: string): Uint8Array {
    return this.#take(name, 'U8')
  }

  predictions(name: string): PredictionColumn {
    // Parsed once here, so that reading an item cannot fail later.
    const said = this.names(`${name}.said`, (text) => {
      if (!isPrediction(JSON.parse(text))) throw new Error('not a prediction')
      return text
    })
    const labels = [...this.text(`${name}.labels`)]
    const probabilities = this.#take(`${name}.probabilities`, 'F64')
    if (probabilities.length !== said.length * labels.length)
      throw this.corrupt(`"${name}" has probabilities for other items or labels`)
    return new PredictionColumn(said, labels, probabilities)
  }

  corrupt(fact: string, cause?: unknown): SheikhError {
    return new SheikhError(
      'artifact-corrupt',
      `Cannot read the evaluation ${JSON.stringify(this.#path)}: ${fact}. Score the model again.`,
      { facts: { path: this.#path }, ...(cause !== undefined && { cause }) },
    )
  }

  #take<D extends ArrayDtype>(name: string, dtype: D): ValuesOf<D> {
    const tensor = this.#tensors.get(name)
    if (tensor === undefined) throw this.corrupt(`it has no column "${name}"`)
    this.#tensors.delete(name)
    return valuesOf(tensor, dtype)
  }
}

function textOf(column: Column<string>): TextColumn {
  if (column instanceof TextColumn) return column
  const builder = new TextColumnBuilder()
  for (const text of column) builder.push(text)
  return builder.finish()
}

/** Converts predictions to columns if they are not yet in columns. */
export function predictionsOf(column: Column<Prediction | null>): PredictionColumn {
  if (column instanceof PredictionColumn) return column
  const builder = new PredictionBuilder()
  for (const prediction of column) builder.push(prediction)
  return builder.finish()
}

function isPrediction(value: unknown): boolean {
  if (value === null) return true
  const { kind, label, value: number, text, values } = value as Record<string, unknown>
  if (kind === 'label') return typeof label === 'string'
  if (kind === 'number') return typeof number === 'number'
  if (kind === 'text') return typeof text === 'string'
  return kind === 'vector' && Array.isArray(values) && values.every((one) => typeof one === 'number')
}
