import type { AnyDatasetOptions, TrainingSelection } from './dataset-options.js'
import type { DatasetSummary, PinnedSet } from './dataset-types.js'
import { filesWarning } from './issues.js'
import { checkLabels, labelWarnings } from './labels.js'
import { groupKeyOf } from './pinned-set.js'
import type { RowList } from './row-table.js'
import type { Scan } from './scan.js'
import type { Split } from './split.js'

const maximumLabels = 1000
const maximumWarningIds = 100

interface SummaryParts {
  readonly split: Split
  readonly digests: Pick<DatasetSummary, 'trainingDigest' | 'evaluationDigest' | 'developmentDigest'>
  readonly pinned: PinnedSet
  readonly options: AnyDatasetOptions
}

/** Summarises a dataset. */
export function summaryOf(
  { rows, skipped, empty }: Pick<Scan, 'rows' | 'skipped' | 'empty'>,
  { split, digests, pinned, options }: SummaryParts,
): DatasetSummary {
  const hasTarget = options.target !== undefined
  const wanted = options.training?.slices ?? {}
  const { training, evaluation, excludedByGroup, development, leftOut } = split
  const { developmentDigest } = digests
  const labels = labelsOf(rows, split)
  checkLabels(labels)
  return {
    fingerprint: rows.digest(),
    trainingDigest: digests.trainingDigest,
    evaluationDigest: digests.evaluationDigest,
    ...(developmentDigest !== undefined && { developmentDigest }),
    counts: {
      ...{
        rows: rows.length,
        training: training.length,
        evaluation: evaluation.length,
        excludedByGroup: excludedByGroup.length,
      },
      ...(developmentDigest !== undefined && { development: development.length }),
      ...(leftOut.length > 0 && { leftOut: leftOut.length }),
    },
    excludedByGroupIds: excludedByGroup.map(({ id }) => id),
    labels,
    slices: { training: countSlices(training), evaluation: countSlices(evaluation) },
    warnings: [
      ...filesWarning('unread-files', ['was not read', 'were not read'], skipped),
      ...filesWarning('empty-files', ['contains no samples', 'contain no samples'], empty),
      ...changedFields(pinned, options),
      ...labelWarnings(labels),
      ...(hasTarget
        ? warning(
            'missing-target',
            ['has no target', 'have no target'],
            rows.filter(({ targetKey }) => targetKey === undefined),
          )
        : []),
      ...warning(
        'conflicting-targets',
        ['is in a group whose members have different targets', 'are in groups whose members have different targets'],
        conflicting(rows),
      ),
      ...absentFields(rows, options),
      ...absentSlices(rows, wanted).map((slice) => ({
        ...{ code: 'absent-slice', ids: [] },
        message: `No row is in ${slice}, which is selected for training.`,
      })),
      ...warning(
        'shared-input',
        [
          'of the evaluation set has the same input as a training row',
          'of the evaluation set have the same input as a training row',
        ],
        shared(split),
      ),
    ],
  }
}

function labelsOf(rows: RowList, { training, evaluation }: Split): DatasetSummary['labels'] {
  const labels = new Set<string>()
  for (const { label, targetKey } of rows) {
    if (targetKey === undefined) continue
    if (label === undefined) return undefined
    labels.add(label)
    if (labels.size > maximumLabels) return undefined
  }
  if (labels.size === 0) return undefined
  const count = (part: RowList) => counted(labelsIn(part))
  return { training: count(training), evaluation: count(evaluation) }
}

function* labelsIn(rows: RowList): Iterable<string> {
  for (const { label } of rows) if (label !== undefined) yield label
}

/** Warns if no row has the group or a slice that the options name: the name may be misspelled. */
function absentFields(rows: RowList, { group, slices }: AnyDatasetOptions): DatasetSummary['warnings'] {
  if (rows.length === 0) return []
  const warnings: { code: string; message: string; ids: readonly string[] }[] = []
  if (typeof group === 'string' && !rows.some((row) => row.group !== undefined))
    warnings.push({ code: 'absent-group', message: absentGroup(group), ids: [] })
  for (const kind of Array.isArray(slices) ? (slices as readonly string[]) : [])
    if (!rows.some((row) => Object.hasOwn(row.slices, kind)))
      warnings.push({
        code: 'absent-slice',
        message: `No row has the slice "${kind}". Is the name spelled as in the samples?`,
        ids: [],
      })
  return warnings
}

/** The warning for a field of groups that no sample has. */
export const absentGroup = (field: string): string =>
  `No row has the group "${field}", so each row counts as independent. Is the name spelled as in the samples?`

/** Warns about settings that changed since the set was pinned, and change the question or answer of pinned items. */
function changedFields({ fields }: PinnedSet, options: AnyDatasetOptions): DatasetSummary['warnings'] {
  if (fields === undefined) return []
  return (['input', 'target'] as const).flatMap((part) => {
    const [was, now] = [fields[part], options[part]]
    if (was === undefined || typeof now !== 'string' || was === now) return []
    const message = `The setting "${part}" was ${JSON.stringify(was)} when the evaluation set was pinned, and is now ${JSON.stringify(now)}: models are judged on a different ${part === 'input' ? 'question' : 'answer'}.`
    return [{ code: 'evaluation-setting-changed', message, ids: [] }]
  })
}

const countSlices = (rows: RowList) => counted(slicesIn(rows))

function* slicesIn(rows: RowList): Iterable<string> {
  for (const { slices } of rows) for (const kind in slices) yield `${kind}=${slices[kind]}`
}

function counted(names: Iterable<string>): Readonly<Record<string, number>> {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return Object.fromEntries([...counts].sort(([left], [right]) => (left < right ? -1 : 1)))
}

function absentSlices(rows: RowList, wanted: NonNullable<TrainingSelection['slices']>): readonly string[] {
  return Object.entries(wanted).flatMap(([kind, values]) => {
    const there = new Set(rows.map(({ slices }) => slices[kind]))
    return values.filter((value) => !there.has(value)).map((value) => `${kind}=${value}`)
  })
}

function conflicting(rows: RowList): RowList {
  const targets = new Map<string, number>()
  const groups = new Set<string>()
  for (const { group, targetKey } of rows) {
    if (group === undefined || targetKey === undefined) continue
    const known = targets.get(group)
    if (known === undefined) targets.set(group, targetKey)
    else if (known !== targetKey) groups.add(group)
  }
  return rows.filter(({ group }) => group !== undefined && groups.has(group))
}

// Rows of a pinned group are excluded, so these are duplicates without a common group. The evaluation set is the smaller
// part, so its keys are kept.
function shared({ training, evaluation }: Split): RowList {
  const keys = new Map<number, string | undefined>()
  for (const { inputKey } of evaluation) keys.set(inputKey, undefined)
  for (const row of training) if (keys.has(row.inputKey)) keys.set(row.inputKey, groupKeyOf(row))
  return evaluation.filter((row) => {
    const group = keys.get(row.inputKey)
    return group !== undefined && group !== groupKeyOf(row)
  })
}

function warning(code: string, [one, many]: readonly [string, string], rows: RowList): DatasetSummary['warnings'] {
  if (rows.length === 0) return []
  const ids = rows.slice(0, maximumWarningIds).map(({ id }) => id)
  return [{ code, message: rows.length === 1 ? `1 row ${one}.` : `${rows.length} rows ${many}.`, ids }]
}
