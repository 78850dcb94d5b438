import { type CallContext, isSheikhError, type JsonObject } from '../../core/index.js'
import {
  addToPinnedSet,
  type DescribedRow,
  digestSample,
  equalityOf,
  groupKeyOf,
  type PinnedSet,
  pinnedSet,
  type Source,
  TextIndex,
} from '../../dataset/index.js'
import { minimumItemsForMargin } from '../../statistics/index.js'
import { datasetOf, largeFilesOf } from '../compose.js'
import type { Configuration } from '../config/index.js'
import { promptsPath } from '../layout.js'
import { counted, number } from './columns.js'
import type { ImportPlace } from './import-place.js'
import { type ImportedFeatures, importedFeatures } from './imported-features.js'
import type { MadeSample } from './make-samples.js'
import type { ImportSplit, LeftOutRecord } from './plan.js'
import { splitSamples } from './split-samples.js'

export interface FoldedIn {
  readonly samples: readonly MadeSample[]
  /** A new evaluation set. Absent if the project keeps its own. */
  readonly set?: PinnedSet | undefined
  readonly split: ImportSplit
  readonly leftOut: readonly { readonly reason: LeftOutRecord; readonly place: string }[]
  /** The project's file of features with those of the new samples, and the text that it replaces. Absent without features. */
  readonly features?: Pick<ImportedFeatures, 'text' | 'replaces'> | undefined
  readonly notes: readonly string[]
  readonly problems: readonly string[]
}

interface FoldOptions {
  /** The project's configuration as it will be. */
  readonly settings: Configuration
  readonly schema?: JsonObject | undefined
  readonly share?: number | undefined
}

export const noSplit: ImportSplit = { kind: 'kept', evaluation: 0, training: 0, together: 0 }

/**
 * Puts new samples beside those of the project, in memory: leaves out the ones that are there already or are like an item of the
 * evaluation set, divides the rest, and reads the data set that results as a run would.
 */
export async function foldIn(
  place: ImportPlace,
  made: readonly MadeSample[],
  options: FoldOptions,
  context: CallContext,
): Promise<FoldedIn> {
  const nothing = { samples: [], split: noSplit, leftOut: [], notes: [] }
  const join = options.settings.dataset.features
  try {
    await using features =
      join === undefined
        ? undefined
        : await importedFeatures(place.root, join, sourceOf(place, made), {
            ...context,
            largeFiles: largeFilesOf(place.access),
          })
    const folded = await fold(place, made, { ...options, features }, context)
    return {
      ...folded,
      ...(features !== undefined && { features: { text: features.text, replaces: features.replaces } }),
    }
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isSheikhError(error)) throw error
    return { ...nothing, problems: [error.message] }
  }
}

async function fold(
  place: ImportPlace,
  made: readonly MadeSample[],
  { settings, schema, share: asked, features }: FoldOptions & { readonly features: ImportedFeatures | undefined },
  context: CallContext,
): Promise<FoldedIn> {
  const leftOut: { reason: LeftOutRecord; place: string }[] = []
  const [notes, problems]: [string[], string[]] = [[], []]
  const datasetWith = (samples: readonly MadeSample[], evaluation?: PinnedSet) =>
    datasetOf(place.root, settings, place.access, {
      ...{ source: sourceOf(place, samples), schema, features: features?.path },
      evaluation: evaluation && pinnedSet(evaluation),
    })
  const hasOthers = (await place.others.list(context)).some(({ skipped }) => skipped === undefined)
  const old = hasOthers ? (await datasetWith([]).contents(context)).rows : []
  const known = new Map(old.map((row) => [row.id, row]))
  const clashes = made.filter(({ id, sample }) => known.has(id) && known.get(id)!.sampleDigest !== digestSample(sample))
  if (clashes.length > 0)
    problems.push(
      `The project has other samples with the same id: ${counted(clashes.length, 'id')}, such as "${clashes[0]!.id}". Name another field with --id, or change these samples in their files.`,
    )
  let samples = made.filter(({ id }) => !known.has(id))
  leave(
    'already-in-project',
    made.filter((one) => known.has(one.id) && !clashes.includes(one)),
  )
  const contents = samples.length === 0 ? undefined : await datasetWith(samples).contents(context)
  const rows = contents?.rows ?? []
  const inputs: unknown[] = []
  if (contents !== undefined) for await (const { input } of contents.whole()) inputs.push(input)

  const { pinned } = place
  if (pinned !== undefined) {
    const like = likeEvaluation(rows, inputs, pinned, new Set([...known.keys(), ...(await writtenBefore())]))
    leave(
      'like-evaluation-item',
      samples.filter(({ id }) => like.has(id)),
    )
    samples = samples.filter(({ id }) => !like.has(id))
  }
  if (samples.length === 0) {
    if (problems.length === 0)
      problems.push('No sample is new: all are in the project already, or like an item of its evaluation set.')
    return { samples, split: noSplit, leftOut, notes, problems }
  }
  const proposed = pinned === undefined ? propose(rows, inputs) : undefined
  notes.push(...equalInputs(rows, inputs, new Set(samples.map(({ id }) => id))))
  if (proposed?.set.items.length === 0) {
    problems.push(
      'No sample can be selected for the evaluation set: samples of one group or with similar inputs stay together, and each label keeps a training sample. Import more data, or choose other fields with --target and --group.',
    )
    return { samples, split: noSplit, leftOut, notes, problems }
  }
  notes.push(...(proposed?.notes ?? []))
  const { summary } = await datasetWith(samples, pinned ?? proposed!.set).snapshot(context)
  notes.push(...summary.warnings.map(({ message }) => message))
  const { evaluation, training, development = 0 } = summary.counts
  return {
    ...{ samples, leftOut, notes, problems },
    ...(proposed !== undefined && { set: proposed.set }),
    split: {
      kind: proposed === undefined ? 'kept' : 'pinned',
      ...{ evaluation, training: training + development, together: proposed?.together ?? 0 },
      ...(proposed !== undefined && { share: proposed.set.share }),
    },
  }

  /** Samples that an interrupted import of the same file has written. The evaluation set was divided with them in mind. */
  async function writtenBefore(): Promise<readonly string[]> {
    if (!place.hasSamples) return []
    const everything = datasetOf(place.root, settings, place.access, {
      source: place.samples,
      schema,
      features: features?.path,
    })
    const digests = new Map((await everything.contents(context)).rows.map((row) => [row.id, row.sampleDigest]))
    return samples.filter(({ id, sample }) => digests.get(id) === digestSample(sample)).map(({ id }) => id)
  }

  function leave(reason: LeftOutRecord, found: readonly MadeSample[]): void {
    for (const { place } of found) leftOut.push({ reason, place })
  }

  function propose(all: readonly DescribedRow[], texts: readonly unknown[]) {
    const { regressionMargin: margin } = settings.gate
    const needed = margin === undefined ? 0 : minimumItemsForMargin(margin)
    const share = asked ?? Math.min(mostShare, Math.max(leastShare, (spare * needed) / groupsOf(all)))
    const salt = place.isNew ? place.name : settings.pipeline.name
    const { evaluation: ids, together, notes: found } = splitSamples(all, texts, { salt, share })
    const { input, target, group } = settings.dataset.projection
    const fields = {
      ...(!input.startsWith(`${promptsPath}/`) && { input }),
      target,
      ...(group !== undefined && { group }),
    }
    const empty: PinnedSet = { formatVersion: 2, salt, purpose: 'evaluation', share, fields, items: [] }
    const chosen = new Set(ids)
    const groups = groupsOf(all.filter(({ id }) => chosen.has(id)))
    const size = `${counted(ids.length, 'item')}${groups === ids.length ? '' : ` in ${counted(groups, 'group')}`}`
    const few =
      groups >= needed
        ? []
        : [
            `An evaluation set of ${size} is too small for the regression check: with a margin of ${margin! * 100} percentage points, even an identical model needs ${number(needed)} ${groups === ids.length ? 'items' : 'groups'} to pass. Import more data, or set a wider margin in mlops/pipeline.yaml: regression_check: { margin: … }.`,
          ]
    return { set: addToPinnedSet(empty, ids, all), together, notes: [...found, ...few] }
  }
}

/** The gate compares groups: items of one group are not independent. */
const groupsOf = (rows: readonly DescribedRow[]): number => new Set(rows.map(groupKeyOf)).size

const leastShare = 0.2
const mostShare = 0.4
/** A selection by hash has a few more or fewer items than the share asks for. */
const spare = 1.2

/** Ids of rows that are not `known` and whose input is equal or similar to one of the evaluation set. */
function likeEvaluation(
  rows: readonly DescribedRow[],
  inputs: readonly unknown[],
  { items }: PinnedSet,
  known: ReadonlySet<string>,
): ReadonlySet<string> {
  const pinned = new Set(items.map(({ id }) => id))
  const index = new TextIndex(inputs.slice(0, 1000))
  for (const [at, { id }] of rows.entries()) if (pinned.has(id)) index.add(id, inputs[at])
  const isNew = (id: string) => !pinned.has(id) && !known.has(id)
  return new Set(rows.flatMap(({ id }, at) => (isNew(id) && index.find(inputs[at]).size > 0 ? [id] : [])))
}

/** Notes about new samples that have the input of another sample: with another label, or with the same one. */
function equalInputs(
  rows: readonly DescribedRow[],
  inputs: readonly unknown[],
  added: ReadonlySet<string>,
): readonly string[] {
  const byInput = new Map<string, DescribedRow[]>()
  for (const [index, row] of rows.entries()) {
    const key = equalityOf(inputs[index])
    const list = byInput.get(key)
    if (list === undefined) byInput.set(key, [row])
    else list.push(row)
  }
  const equal = [...byInput.values()].filter((list) => list.length > 1 && list.some(({ id }) => added.has(id)))
  const isConflict = (list: readonly DescribedRow[]) => new Set(list.map(({ label }) => label)).size > 1
  const conflicts = equal.filter(isConflict)
  const repeated = equal.filter((list) => !isConflict(list)).reduce((sum, list) => sum + list.length - 1, 0)
  const [first, ...others] = conflicts[0] ?? []
  const example = [first, others.find(({ label }) => label !== first!.label)].map((row) => JSON.stringify(row?.id))
  return [
    ...(conflicts.length === 0
      ? []
      : [
          `${counted(conflicts.length, 'input')} with different labels, such as samples ${example.join(' and ')}. Check which label is right.`,
        ]),
    ...(repeated === 0 ? [] : [`${counted(repeated, 'sample')} with the input and the label of another sample.`]),
  ]
}

/** The other samples of the project, and the new ones. */
function sourceOf({ samples, others, file }: ImportPlace, made: readonly MadeSample[]): Source {
  return {
    ...{ contract: 1, name: samples.name, describe: () => samples.describe() },
    async list(context) {
      const there = await others.list(context)
      if (made.length === 0) return there
      // Errors name the place in the imported file, since the new one is not written.
      const read = async () => made.map(({ sample, place }) => ({ value: sample, position: place }))
      return [...there, { path: file, read }]
    },
  }
}
