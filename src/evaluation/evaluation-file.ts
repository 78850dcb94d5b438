import { type CallContext, type Digest, isDigest, type Json } from '../core/index.js'
import { readSafetensors, writeSafetensors } from '../model/index.js'
import type { Column } from './column.js'
import { ColumnReader, ColumnWriter, predictionsOf } from './column-tensors.js'
import type { Evaluation, ItemOutcome, MetricColumn } from './evaluation.js'

const format = 'sheikh-evaluation-1'

/** Data that is not in columns, as JSON in the file's metadata. */
interface Head {
  readonly modelDigest: Digest
  readonly evaluationDigest: Digest
  readonly slices: readonly string[]
  /** A range is written as text, because it may be infinite, which JSON cannot represent. */
  readonly metrics: readonly (Omit<MetricColumn, 'scores' | 'weights' | 'range'> & {
    readonly range?: readonly string[] | undefined
    readonly weighted: boolean
  })[]
}

/**
 * Writes an evaluation as a safetensors file: ids, groups, slices, targets and predictions as codes into lists of
 * texts, scores, weights and probabilities as 64-bit floats (NaN: not answered). The same evaluation always gives the
 * same bytes.
 *
 * @throws `storage-failed`.
 */
export async function writeEvaluation(path: string, evaluation: Evaluation, context: CallContext): Promise<Digest> {
  const { ids, groups, slices, targets, predictions, outcomes, metrics } = evaluation
  const writer = new ColumnWriter()
  writer.text('ids', ids)
  if (groups !== ids) writer.names('groups', groups, (name) => name)
  for (const [index, column] of Object.values(slices).entries())
    writer.names(`slices.${index}`, column, (name) => JSON.stringify(name))
  writer.names('targets', targets, (target) => JSON.stringify(target))
  writer.predictions('predictions', predictionsOf(predictions))
  writer.names('outcomes', outcomes, (outcome) => outcome)
  for (const [index, { scores, weights }] of metrics.entries()) {
    writer.numbers(`metrics.${index}.scores`, scores)
    if (weights !== undefined) writer.numbers(`metrics.${index}.weights`, weights)
  }
  const head: Head = {
    modelDigest: evaluation.modelDigest,
    evaluationDigest: evaluation.evaluationDigest,
    slices: Object.keys(slices),
    metrics: metrics.map(({ name, direction, kind, range, value, weights }) => ({
      name,
      direction,
      kind,
      ...(range !== undefined && { range: range.map(String) }),
      value,
      weighted: weights !== undefined,
    })),
  }
  const metadata = { format, head: JSON.stringify(head) }
  return (await writeSafetensors(path, writer.tensors, { metadata }, context)).digest
}

/**
 * Reads an evaluation that `writeEvaluation` wrote.
 *
 * @throws `artifact-corrupt` for columns of different lengths, codes out of range, and anything else that is not an
 * evaluation.
 */
export async function readEvaluation(path: string, context: CallContext): Promise<Evaluation> {
  const file = await readSafetensors(path, context)
  const reader = new ColumnReader(path, file)
  if (file.metadata['format'] !== format) throw reader.corrupt('its format is unknown')
  const head = parseHead(file.metadata['head'], reader)
  const ids = reader.text('ids')
  const columnOf = <C extends Column<unknown>>(column: C): C => {
    if (column.length === ids.length) return column
    throw reader.corrupt(`it has ${ids.length} ids but a column with ${column.length} values`)
  }
  return {
    formatVersion: 1,
    modelDigest: head.modelDigest,
    evaluationDigest: head.evaluationDigest,
    ids,
    groups: reader.has('groups.codes') ? columnOf(reader.names('groups', (name) => name)) : ids,
    slices: Object.fromEntries(
      head.slices.map((kind, index) => [kind, columnOf(reader.names(`slices.${index}`, parseName))]),
    ),
    targets: columnOf(reader.names('targets', (text) => JSON.parse(text) as Json)),
    predictions: columnOf(reader.predictions('predictions')),
    outcomes: columnOf(reader.names('outcomes', parseOutcome)),
    metrics: head.metrics.map(({ weighted, range, ...metric }, index) => ({
      ...metric,
      ...(range !== undefined && { range: [Number(range[0]), Number(range[1])] as const }),
      scores: columnOf(reader.numbers(`metrics.${index}.scores`)),
      ...(weighted && { weights: columnOf(reader.numbers(`metrics.${index}.weights`)) }),
    })),
  }
}

function parseHead(text: string | undefined, reader: ColumnReader): Head {
  let head: Partial<Head> | null
  try {
    head = JSON.parse(text ?? '') as Partial<Head> | null
  } catch (cause) {
    throw reader.corrupt('its metadata is not JSON', cause)
  }
  const isMetric = (metric: Partial<Head['metrics'][number]> | null) =>
    typeof metric?.name === 'string' &&
    ['higher-is-better', 'lower-is-better'].includes(metric.direction ?? '') &&
    ['binary', 'mean', 'ratio', 'aggregate'].includes(metric.kind ?? '') &&
    (metric.value === null || typeof metric.value === 'number') &&
    (metric.range === undefined || (Array.isArray(metric.range) && metric.range.length === 2)) &&
    typeof metric.weighted === 'boolean'
  const sound =
    isDigest(head?.modelDigest) &&
    isDigest(head.evaluationDigest) &&
    Array.isArray(head.slices) &&
    head.slices.every((kind) => typeof kind === 'string') &&
    Array.isArray(head.metrics) &&
    head.metrics.every(isMetric)
  if (!sound) throw reader.corrupt('its metadata is not valid')
  return head as Head
}

function parseName(text: string): string | null {
  const name: unknown = JSON.parse(text)
  if (name === null || typeof name === 'string') return name
  throw new Error('the value is neither a name nor null')
}

function parseOutcome(text: string): ItemOutcome {
  if (text === 'ok' || text === 'timeout' || text === 'error') return text
  throw new Error('no outcome')
}
