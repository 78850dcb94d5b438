import { fits, list, object, SheikhError, text, word } from '../../core/index.js'
import { areLabels } from '../labels.js'

/** A row of a dataset, as far as its label is concerned. */
export interface LabelledRow {
  readonly id: string
  /** @default the row has no label */
  readonly label?: string | undefined
}

/** Rows that are encoded or decoded at once. */
const rowsPerPart = 10_000

/**
 * Packs the labels of a dataset's rows by id, so that a million rows take some tens of megabytes: a JSON line with the labels, and
 * for each row with a label a line with its index and the id as JSON.
 *
 * @returns `undefined` if the targets are free text and no labels.
 */
export function packLabels(rows: Iterable<LabelledRow>): Uint8Array | undefined {
  const indices = new Map<string, number>()
  let labelled = 0
  for (const { label } of rows) {
    if (label === undefined) continue
    labelled += 1
    if (!indices.has(label)) indices.set(label, indices.size)
  }
  if (indices.size < 2 || !areLabels(indices.size, labelled)) return undefined
  const parts = [Buffer.from(`${JSON.stringify({ formatVersion: 1, labels: [...indices.keys()] })}\n`)]
  let lines: string[] = []
  for (const { id, label } of rows) {
    if (label === undefined) continue
    lines.push(`${indices.get(label)!} ${JSON.stringify(id)}\n`)
    if (lines.length < rowsPerPart) continue
    parts.push(Buffer.from(lines.join('')))
    lines = []
  }
  return Buffer.concat([...parts, Buffer.from(lines.join(''))])
}

/** The rows of `packLabels`, one by one. @throws `artifact-corrupt` while they are read, if the bytes are others. */
export function unpackLabels(bytes: Uint8Array): Iterable<LabelledRow> {
  return { [Symbol.iterator]: () => eachRow(bytes) }
}

function* eachRow(bytes: Uint8Array): Generator<LabelledRow> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let labels: readonly string[] | undefined
  for (let start = 0; start < buffer.length; ) {
    const end = buffer.indexOf(0x0a, start)
    if (end === -1) throw corrupt()
    const line = buffer.toString('utf8', start, end)
    start = end + 1
    if (labels === undefined) {
      labels = labelsIn(parsed(line))
      continue
    }
    const space = line.indexOf(' ')
    const [label, id] = [labels[Number(line.slice(0, space))], parsed(line.slice(space + 1))]
    if (label === undefined || typeof id !== 'string') throw corrupt()
    yield { id, label }
  }
}

const headShape = object({ formatVersion: word(1), labels: list(text) })

function labelsIn(head: unknown): readonly string[] {
  if (!fits(headShape, head)) throw corrupt()
  return head.labels
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw corrupt()
  }
}

const corrupt = () =>
  new SheikhError(
    'artifact-corrupt',
    'Cannot read the labels of earlier rows: the list is not one that this package writes. Remove it.',
  )
