import { type CallContext, type JsonObject, SheikhError } from '../../../core/index.js'
import type { Rows } from '../../../model/index.js'
import type { TfjsCore } from '../devices.js'
import type { ModelOutput } from './model-output.js'

/** A row as a flat list of numbers in the input's shape. */
export interface NumberExample {
  readonly values: Float32Array
  readonly target: string | number
}

/** Converts an input to a flat list of numbers in the input's shape. */
export type InputEncoder<I> = (input: I) => ArrayLike<number>

type Keep = (example: NumberExample) => Promise<void> | undefined

export const sizeOfShape = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1)

export interface SeenExamples {
  readonly count: number
  /** Number of values per input. */
  readonly size: number
  readonly labels: ReadonlySet<string>
}

/**
 * @throws `dataset-invalid` for a row whose target has the wrong kind, or whose input has a different number of values
 * than the first.
 */
export async function readExamples<I>(
  rows: Rows<I, string | number>,
  encode: InputEncoder<I>,
  answer: ModelOutput,
  keep: Keep,
  { signal }: CallContext,
): Promise<SeenExamples> {
  const labels = new Set<string>()
  let size: number | undefined
  let count = 0
  for await (const { id, input, target } of rows) {
    signal.throwIfAborted()
    const failed = (fact: string) =>
      new SheikhError('dataset-invalid', `Cannot train on the row "${id}": ${fact}. Correct the samples.`, {
        facts: { id },
      })
    if (!answer.isTarget(target)) throw failed(`its target is ${JSON.stringify(target)}`)
    const values = toNumbers(encode(input), size, failed)
    size = values.length
    if (typeof target === 'string') labels.add(target)
    count += 1
    await keep({ values, target: target! })
  }
  return { count, size: size ?? 0, labels }
}

/** [inputs, ...shape]. @throws `invalid-options` for an input of another size. */
export function toInputTensor<I>(
  tf: TfjsCore,
  inputs: readonly I[],
  encode: InputEncoder<I>,
  shape: readonly number[],
) {
  const size = sizeOfShape(shape)
  const failed = (fact: string) =>
    new SheikhError('invalid-options', `Cannot predict: ${fact}. Correct the function "input".`)
  return stacked(
    tf,
    inputs.map((input) => toNumbers(encode(input), size, failed)),
    shape,
  )
}

/** A batch as tensors: [examples, ...shape], and the targets. */
export function toBatch(
  tf: TfjsCore,
  batch: readonly NumberExample[],
  shape: readonly number[],
  answer: ModelOutput,
  config: JsonObject,
) {
  const inputs = stacked(
    tf,
    batch.map(({ values }) => values),
    shape,
  )
  const known = batch.map(({ target }) => target)
  return { inputs, targets: answer.toTensor(tf, known, config) }
}

function stacked(tf: TfjsCore, rows: readonly Float32Array[], shape: readonly number[]) {
  const size = sizeOfShape(shape)
  const values = new Float32Array(rows.length * size)
  for (const [place, row] of rows.entries()) values.set(row, place * size)
  return tf.tensor(values, [rows.length, ...shape], 'float32')
}

function toNumbers(
  encoded: ArrayLike<number>,
  size: number | undefined,
  failed: (fact: string) => SheikhError,
): Float32Array {
  const values = Float32Array.from(encoded)
  if (size !== undefined && values.length !== size)
    throw failed(`"input" returns ${values.length} numbers for it, not ${size}`)
  const wrong = values.findIndex((value) => !Number.isFinite(value))
  if (wrong >= 0) throw failed(`number ${wrong} that "input" returns for it is ${values[wrong]}`)
  return values
}
