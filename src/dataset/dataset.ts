import { resolve } from 'node:path'
import {
  type CallContext,
  callContext,
  type Described,
  type Digest,
  digestJson,
  identityOf,
  inParallel,
  type Json,
  SheikhError,
} from '../core/index.js'
import type { Row } from '../model/index.js'
import { contentsOf, identityOfRow } from './contents.js'
import type {
  AnyDatasetOptions,
  DatasetOptions,
  FieldSelector,
  SelectedValue,
  UntypedSample,
} from './dataset-options.js'
import type {
  DatasetContents,
  DatasetContext,
  DatasetSnapshot,
  DatasetSummary,
  ExaminedSample,
  OpenedDataset,
  PinnedSet,
  RowIdentity,
  SourceEntry,
} from './dataset-types.js'
import { checkOutFiles } from './files/check-out-files.js'
import { checkNamedFiles, type FoundFiles, type NamedFiles, openNamedFiles } from './files/named-files.js'
import { type DatasetIssue, filesWarning } from './issues.js'
import { askContent, knownSummary, type NamedContent } from './known-summary.js'
import { type QuarantinedSample, quarantineWarnings, refusePinned } from './quarantine.js'
import { type EntryOptions, isProblems, type ReadRow, readEntry } from './read-entry.js'
import {
  describePart,
  loadParts,
  openPartsPass,
  partsHaveIdentity,
  projectRow,
  rowText,
  Unprojectable,
} from './row-projection.js'
import { RowReader } from './rows.js'
import { digestSample, FallbackIds } from './sample-identity.js'
import { readConcurrency, type Scan, scan } from './scan.js'
import { loadSampleSchema, type SampleSchema } from './schema/sample-schema.js'
import { isStandardSchema } from './schema/standard-schema.js'
import { readPinnedSet, splitRows } from './split.js'
import { summaryOf } from './summary.js'
import { undeclaredGroups } from './undeclared-groups.js'

/** Samples, validated and projected to rows, and split into training and evaluation data. */
export interface Dataset<I = string, T = string> extends Described {
  /** The folder, absolute, that the paths in `Row.files` are relative to. Absent: samples name no files. */
  readonly filesDirectory?: string | undefined
  /**
   * Returns the folder, absolute, with the files that the rows of the last snapshot and projected samples name: that of
   * `filesDirectory`, or `directory` if there are Git LFS pointers, which must not stand for data. Then their files are fetched,
   * and `directory` receives all files. `undefined` if samples name no files.
   *
   * @param directory absent or empty. Its files are only read, and the caller removes it.
   * @throws `dataset-changed` if a file is gone, `storage-failed`, and as `LargeFiles`.
   */
  openFiles?(directory: string, context: CallContext): Promise<string | undefined>
  /**
   * Returns every row's identity, sorted by id. Needs no evaluation set.
   *
   * @throws `dataset-invalid` with up to 100 issues in `facts.issues`.
   */
  identities(context?: DatasetContext): Promise<readonly RowIdentity[]>
  /**
   * Returns every row without its input, and reads samples on request. Needs no evaluation set.
   *
   * @param snapshot of this dataset, whose rows are returned. @default the rows of now, which takes another scan
   * @throws as `identities`.
   */
  contents(context?: DatasetContext, snapshot?: DatasetSnapshot<I, T>): Promise<DatasetContents>
  /**
   * Returns warnings if ids or texts suggest groups that are not declared. Needs no evaluation set. Reads the first
   * 20,000 rows.
   *
   * @param snapshot of this dataset, whose rows are read. @default the rows of now, which takes another scan
   * @throws as `identities`.
   */
  undeclaredGroups(context?: DatasetContext, snapshot?: DatasetSnapshot<I, T>): Promise<DatasetSummary['warnings']>
  /**
   * Describes how the first tables among the samples were read, so that people can check: path, columns and separator.
   * @default 3 tables
   */
  tables(context: CallContext, maximum?: number): Promise<readonly string[]>
  /** Returns the summary, and loads the rows on request. Unchanged samples are not read. @throws as `snapshot`. */
  open(context: DatasetContext): Promise<OpenedDataset<I, T>>
  /**
   * Reads the current state of the dataset. A sample that changes while its rows are read leads to `dataset-changed`.
   *
   * @throws `dataset-invalid` for samples that cannot be used, an empty part, or no evaluation set; `dataset-changed`
   * if a pinned item was edited or deleted.
   */
  snapshot(context: DatasetContext): Promise<DatasetSnapshot<I, T>>
  /**
   * Projects samples that are not in the dataset to rows without targets, in the given order, so that a model can
   * predict them. Samples are not validated, because the schema may require a target.
   *
   * @throws `dataset-invalid` for a sample without an input, or a duplicate id.
   */
  project(samples: readonly unknown[], context?: CallContext): Promise<readonly Row<I, never>[]>
  /**
   * Validates samples that are not in the dataset, each alone, and projects them to rows.
   *
   * @returns a row, or what is wrong with the sample, in the given order.
   */
  examine(samples: readonly unknown[], context?: CallContext): Promise<readonly ExaminedSample<I, T>[]>
}

export interface DatasetConstructor {
  new <
    S = UntypedSample,
    const Input extends FieldSelector<S> = FieldSelector<S>,
    const Target extends FieldSelector<S> = FieldSelector<S>,
  >(
    options: DatasetOptions<S, Input, Target>,
  ): Dataset<SelectedValue<S, Input>, FieldSelector<S> extends Target ? string : SelectedValue<S, Target>>
}

/** Maximum number of rows that are searched for groups. */
const mostRows = 20_000

// Raise this when the same samples and options lead to different rows.
const rowVersion = '2'

/** How long a dataset waits for the name of its content before it lists its files: `git status` of 30,000 files. */
const patienceMs = 50

async function isPending(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(true), ms)
  })
  const settled = work.then(
    () => false,
    () => false,
  )
  try {
    return await Promise.race([settled, late])
  } finally {
    clearTimeout(timer)
  }
}

class DatasetOf implements Dataset<unknown, unknown> {
  readonly contract = 1
  readonly name = 'dataset'
  readonly #options: AnyDatasetOptions
  #schema: SampleSchema | undefined
  /** The scans that snapshots were made of. */
  readonly #scans = new WeakMap<DatasetSnapshot<unknown, unknown>, UsedScan>()
  /** The files that the last snapshot names. */
  #found: FoundFiles = new Map()
  /** The files that projected samples name, of which a snapshot knows nothing. */
  #projected: FoundFiles = new Map()

  constructor(options: AnyDatasetOptions) {
    if (typeof options.input === 'string' && options.input === '')
      throw new SheikhError(
        'invalid-options',
        'Cannot make a dataset: the name of the input field is empty. Name the field that models receive.',
      )
    const { developmentShare = 0 } = options
    if (!(developmentShare >= 0 && developmentShare < 1))
      throw new SheikhError(
        'invalid-options',
        `Cannot make a dataset: the development share ${developmentShare} is not between 0 and 1. Give one such as 0.1.`,
      )
    const { maximumRows = 1 } = options.training ?? {}
    if (!(Number.isSafeInteger(maximumRows) && maximumRows >= 1))
      throw new SheikhError(
        'invalid-options',
        `Cannot make a dataset with at most ${maximumRows} training rows: the number is not an integer of at least 1. Give one such as 10000.`,
      )
    if (options.files !== undefined) checkNamedFiles(options.files)
    this.#options = options
  }

  get filesDirectory(): string | undefined {
    const { files } = this.#options
    return files && resolve(files.directory)
  }

  async openFiles(directory: string, context: CallContext): Promise<string | undefined> {
    const { filesDirectory: root } = this
    const largeFiles = this.#options.files?.largeFiles
    if (root === undefined || largeFiles === undefined) return root
    const found = new Map([...this.#projected, ...this.#found])
    if ([...found.values()].every((pointed) => pointed === undefined)) return root
    await checkOutFiles({ root, found, largeFiles, directory }, context)
    return directory
  }

  get version(): string | undefined {
    const { version, schema } = this.#options
    if (version !== undefined) return version
    return partsHaveIdentity(this.#options) && !isStandardSchema(schema) ? rowVersion : undefined
  }

  async tables(context: CallContext, maximum = 3): Promise<readonly string[]> {
    const tables: string[] = []
    for (const { path, layout } of await this.#options.source.list(context)) {
      if (layout === undefined) continue
      if (tables.length === maximum) return [...tables, 'further tables']
      tables.push(`${path}: ${await layout(context)}`)
    }
    return tables
  }

  /** Contains a schema or template from a file only after the dataset has been read. */
  describe(): Json {
    const { source, id, input, target, group, slices, sliceByFolder, schema, files } = this.#options
    return {
      rows: rowVersion,
      source: identityOf(source) ?? { name: source.name, describe: source.describe() },
      schema: isStandardSchema(schema) ? { vendor: schema['~standard'].vendor } : (this.#schema?.identity ?? null),
      id: describePart(id),
      input: describePart(input),
      target: describePart(target),
      group: describePart(group),
      slices: typeof slices === 'function' ? { function: slices.name } : (slices ?? []),
      sliceByFolder: sliceByFolder ?? null,
      // The folder is not part of the description: a clone elsewhere contains the same files.
      ...(files !== undefined && { files: [...files.fields] }),
    }
  }

  async identities(context: DatasetContext = callContext()): Promise<readonly RowIdentity[]> {
    const schema = await this.#load(context)
    const { rows } = await this.#scanNow(schema, context)
    return rows.map(identityOfRow)
  }

  async contents(
    context: DatasetContext = callContext(),
    snapshot?: DatasetSnapshot<unknown, unknown>,
  ): Promise<DatasetContents> {
    const schema = await this.#load(context)
    return contentsOf(this.#scanOf(snapshot) ?? (await this.#scanNow(schema, context)), this.#options, schema, context)
  }

  /** What decides the rows of the dataset, for `stateOf`. */
  async state(context: DatasetContext): Promise<DatasetState> {
    const schema = await this.#load(context)
    const listed = await this.#options.source.list(context)
    const [quarantined, named] = [await this.#quarantined(context), await this.#openFiles(context)]
    return { options: this.#options, schema, key: this.#cacheKey(), listed, quarantined, named }
  }

  async undeclaredGroups(
    context: DatasetContext = callContext(),
    snapshot?: DatasetSnapshot<unknown, unknown>,
  ): Promise<DatasetSummary['warnings']> {
    const schema = await this.#load(context)
    const found = this.#scanOf(snapshot) ?? (await this.#scanNow(schema, context))
    if (found.rows.some(({ group }) => group !== undefined)) return []
    const rows: Pick<Row<unknown, unknown>, 'id' | 'input'>[] = []
    const reader = new RowReader(found, this.#options, schema, context)
    for await (const { id, input } of reader.rows(found.rows.slice(0, mostRows))) rows.push({ id, input })
    return undeclaredGroups(rows)
  }

  async open(context: DatasetContext): Promise<OpenedDataset<unknown, unknown>> {
    const asked = this.version === undefined ? Promise.resolve(undefined) : askContent(this.#options, context)
    // Asked while other files are read, and ended with this call in any case.
    const settled = asked.catch(() => {})
    try {
      return await this.#open(asked, context)
    } finally {
      await settled
    }
  }

  async #open(asked: ReturnType<typeof askContent>, context: DatasetContext): Promise<OpenedDataset<unknown, unknown>> {
    const options = this.#options
    const schema = await this.#load(context)
    const pinned = await readPinnedSet(options.evaluation, context)
    const key = this.#cacheKey()
    const quarantined = await this.#quarantined(context)
    const inputs = { options, pinned, quarantined }
    const state = { ...inputs, schema }
    // While Git compares many files, they are listed already, in case that one has changed.
    const unneeded = new AbortController()
    const early = { ...context, signal: AbortSignal.any([context.signal, unneeded.signal]) }
    const listing = (await isPending(asked, patienceMs)) ? this.#listed(state, early) : undefined
    const ended = listing?.catch(() => {})
    let content: NamedContent | undefined
    let same: DatasetSummary | undefined
    try {
      content = key === undefined ? undefined : (await asked)?.({ ...inputs, key })
      same = await content?.find()
      if (same !== undefined) unneeded.abort()
    } catch (error) {
      unneeded.abort()
      throw error
    } finally {
      if (unneeded.signal.aborted) await ended
    }
    if (same !== undefined) {
      refusePinned(quarantined, pinned)
      return {
        summary: same,
        snapshot: async () => checkSame(same, await this.#snapshotOf(await this.#listed(state, context), context)),
      }
    }
    const listed = await (listing ?? this.#listed(state, context))
    refusePinned(quarantined, pinned)
    const known = key === undefined ? undefined : knownSummary({ ...listed, ...inputs, key }, context)
    const load = () => this.#snapshotOf(listed, context)
    const summary = await known?.find()
    if (summary !== undefined) {
      await content?.keep(summary, listed.listed)
      return { summary, snapshot: async () => checkSame(summary, await load()) }
    }
    const snapshot = await load()
    const files = await listed.named?.save()
    await known?.keep(snapshot.summary, files)
    await content?.keep(snapshot.summary, listed.listed)
    return { summary: snapshot.summary, snapshot: async () => snapshot }
  }

  /** Adds the files of the dataset. */
  async #listed<S>(state: S, context: DatasetContext): Promise<S & Pick<State, 'listed' | 'named'>> {
    const listed = await this.#options.source.list(context)
    return { ...state, listed, named: await this.#openFiles(context) }
  }

  async snapshot(context: DatasetContext): Promise<DatasetSnapshot<unknown, unknown>> {
    return (await this.open(context)).snapshot()
  }

  async #snapshotOf(
    { pinned, ...state }: State & Readonly<{ pinned: PinnedSet }>,
    context: DatasetContext,
  ): Promise<DatasetSnapshot<unknown, unknown>> {
    const options = this.#options
    const { schema } = state
    const found = await this.#scan(state, context)
    // Before the split, which may fail.
    await state.named?.save()
    if (state.named !== undefined) this.#found = state.named.found
    const split = splitRows(found.rows, pinned, JSON.stringify(options.evaluation!.name), options)
    const reader = new RowReader(found, options, schema, context)
    const training = reader.rows(split.training)
    const evaluation = reader.rows(split.evaluation)
    const development = options.developmentShare ? reader.rows(split.development) : undefined
    const digests = {
      trainingDigest: training.digest,
      evaluationDigest: evaluation.digest,
      developmentDigest: development?.digest,
    }
    const summed = summaryOf(found, { split, digests, pinned, options })
    const summary =
      found.quarantined === 0
        ? summed
        : {
            ...summed,
            counts: { ...summed.counts, quarantined: found.quarantined },
            warnings: [...summed.warnings, ...found.quarantineWarnings],
          }
    let trainingRows: readonly RowIdentity[] | undefined
    let heldOut: readonly RowIdentity[] | undefined
    const snapshot: DatasetSnapshot<unknown, unknown> = {
      ...{ summary, training, evaluation },
      ...(development !== undefined && { development }),
      // A million identities take 300 MB, and many callers need none.
      get trainingRows() {
        trainingRows ??= split.training.map(identityOfRow)
        return trainingRows
      },
      get heldOut() {
        heldOut ??= [...split.evaluation.map(identityOfRow), ...split.excludedByGroup.map(identityOfRow)]
        return heldOut
      },
      filterTraining: (keep) => reader.rows(split.training.filter((row) => keep(identityOfRow(row)))),
    }
    this.#scans.set(snapshot, found)
    return snapshot
  }

  async project(
    samples: readonly unknown[],
    context: CallContext = callContext(),
  ): Promise<readonly Row<unknown, never>[]> {
    await this.#load(context)
    const { target: _target, ...options } = this.#options
    const seen = new Set<string>()
    const ids = new FallbackIds('pool')
    const place = (index: number) => ({ path: '', position: String(index + 1) })
    const pass = openPartsPass(options as AnyDatasetOptions, context)
    const made = await pass.makeAll(samples, place).finally(() => pass.close())
    const named = await this.#openFiles(context)
    const files = named && (await inParallel(samples, readConcurrency, (sample) => named.digestsOf(sample)))
    if (named !== undefined) this.#projected = new Map([...this.#projected, ...named.found])
    return samples.map((sample, index) => {
      const position = String(index + 1)
      const wrong = (fact: string) =>
        new SheikhError('dataset-invalid', `Cannot use the sample ${position}: ${fact}. Correct it.`, {
          facts: { position: index + 1 },
        })
      const digests = files?.[index]
      if (isProblems(digests)) throw wrong(digests.join('; '))
      try {
        const row = projectRow(
          options as AnyDatasetOptions,
          sample,
          sample,
          {
            path: 'pool',
            fallback: () => ids.next(position, digestSample(sample)),
          },
          made?.[index],
          digests,
        )
        rowText(row)
        if (seen.has(row.id)) throw wrong(`its id "${row.id}" appears twice`)
        seen.add(row.id)
        return row as Row<unknown, never>
      } catch (error) {
        if (error instanceof Unprojectable) throw wrong(error.message)
        throw error
      }
    })
  }

  async examine(
    samples: readonly unknown[],
    context: CallContext = callContext(),
  ): Promise<readonly ExaminedSample<unknown, unknown>[]> {
    const schema = await this.#load(context)
    const examined: ExaminedSample<unknown, unknown>[] = []
    const pass = openPartsPass(this.#options, context)
    const named = await this.#openFiles(context)
    const given = { options: this.#options, schema, pass, named }
    try {
      for (const value of samples) examined.push(await this.#examineOne(value, given, context))
    } finally {
      pass.close()
    }
    return examined
  }

  async #examineOne(
    value: unknown,
    given: Omit<EntryOptions, 'issues'>,
    context: CallContext,
  ): Promise<ExaminedSample<unknown, unknown>> {
    context.signal.throwIfAborted()
    const entry = { path: 'sample', read: async () => [{ value, position: '' }] }
    const issues: DatasetIssue[] = []
    let read: ReadRow | undefined
    for await (const [first] of readEntry(entry, { ...given, issues }, context)) read = first
    return read === undefined
      ? { problem: issues.map(({ message }) => message).join('; ') }
      : { row: read.row, sampleDigest: read.scanned.sampleDigest }
  }

  async #load(context: CallContext): Promise<SampleSchema> {
    context.signal.throwIfAborted()
    await loadParts(this.#options, context)
    this.#schema = await loadSampleSchema(this.#options.schema, context)
    return this.#schema
  }

  /**
   * Digest of everything except the file that decides a row. `undefined` if some code has no version. Needs a loaded
   * schema.
   */
  #cacheKey(): Digest | undefined {
    const identity = identityOf(this.#options.source) === undefined ? undefined : identityOf(this)
    return identity === undefined ? undefined : digestJson(identity)
  }

  async #openFiles(context: DatasetContext): Promise<NamedFiles | undefined> {
    const { files } = this.#options
    return files && (await openNamedFiles(files, context))
  }

  async #quarantined(context: DatasetContext): Promise<readonly QuarantinedSample[]> {
    return (await this.#options.quarantine?.read(context)) ?? []
  }

  #scanOf(snapshot: DatasetSnapshot<unknown, unknown> | undefined): UsedScan | undefined {
    return snapshot && this.#scans.get(snapshot)
  }

  async #scanNow(schema: SampleSchema, context: DatasetContext): Promise<UsedScan> {
    const listed = await this.#options.source.list(context)
    const [quarantined, named] = [await this.#quarantined(context), await this.#openFiles(context)]
    const found = await this.#scan({ listed, schema, quarantined, named }, context)
    await named?.save()
    return found
  }

  async #scan({ listed, schema, quarantined, named }: State, context: DatasetContext): Promise<UsedScan> {
    const whole = await scan(listed, this.#options, schema, this.#cacheKey(), context, { named })
    const found = withoutQuarantined(whole, quarantined)
    const [unread] = filesWarning('unread-files', 'contain no readable samples', found.skipped)
    if (found.rows.length === 0 && found.quarantined > 0)
      throw new SheikhError(
        'dataset-invalid',
        `Cannot use the dataset: every sample (${found.quarantined}) is quarantined. To use samples again: sheikh data quarantine --undo <id>`,
      )
    if (found.rows.length === 0)
      throw new SheikhError(
        'dataset-invalid',
        `Cannot use the dataset: the source "${this.#options.source.name}"${this.#options.source.location === undefined ? '' : ` at ${JSON.stringify(this.#options.source.location)}`} has no samples.${unread === undefined ? '' : ` ${unread.message}`} Add samples.`,
      )
    const { target } = this.#options
    if (target !== undefined && !found.rows.some(({ targetKey }) => targetKey !== undefined))
      throw new SheikhError(
        'dataset-invalid',
        `Cannot use the dataset: no sample has a target${typeof target === 'string' ? ` (the field ${JSON.stringify(target)})` : ''}. Correct the samples, or the name of the target field.`,
      )
    return found
  }
}

/** What decides the rows of a dataset, before any sample is read. */
export interface DatasetState extends State {
  readonly options: AnyDatasetOptions
  /** Digest of everything except files and quarantine that decides a row. Absent if some code has no version. */
  readonly key: Digest | undefined
}

export const stateOf = (dataset: Dataset<unknown, unknown>, context: DatasetContext): Promise<DatasetState> =>
  (dataset as DatasetOf).state(context)

/** What a scan depends on, read once, so that all of its results are about the same state. */
interface State {
  readonly listed: readonly SourceEntry[]
  readonly schema: SampleSchema
  readonly quarantined: readonly QuarantinedSample[]
  /** Absent: samples name no files. */
  readonly named: NamedFiles | undefined
}

/** A scan without the samples that are excluded. */
interface UsedScan extends Scan {
  /** Number of samples that are excluded. */
  readonly quarantined: number
  readonly quarantineWarnings: DatasetSummary['warnings']
}

function withoutQuarantined(found: Scan, excluded: readonly QuarantinedSample[]): UsedScan {
  if (excluded.length === 0) return { ...found, quarantined: 0, quarantineWarnings: [] }
  const ids = new Set(excluded.map(({ id }) => id))
  const digests = new Map<string, Digest>()
  for (const { id, sampleDigest } of found.rows) if (ids.has(id)) digests.set(id, sampleDigest)
  return {
    ...found,
    rows: found.rows.filter(({ id }) => !ids.has(id)),
    quarantined: digests.size,
    quarantineWarnings: quarantineWarnings(excluded, digests),
  }
}

/** @throws `dataset-changed` if these are not the rows that the summary describes. */
function checkSame(summary: DatasetSummary, snapshot: DatasetSnapshot<unknown, unknown>) {
  const digests = ['fingerprint', 'trainingDigest', 'evaluationDigest', 'developmentDigest'] as const
  if (digests.every((name) => snapshot.summary[name] === summary[name])) return snapshot
  throw new SheikhError(
    'dataset-changed',
    'Cannot continue: samples changed during the run. Run again while nothing writes to the samples.',
  )
}

/**
 * Samples, validated and projected to rows, and split into training and evaluation data.
 *
 * Field names are checked against a Standard Schema's type. Functions are called for every sample in every run, unless
 * the options have a `version`.
 */
export const Dataset: DatasetConstructor = DatasetOf as unknown as DatasetConstructor
