import { resolve } from 'node:path'
import { type CallContext, callContext, type Described, digestJson, identityOf, type Json } from '../core/index.js'
import type { Row } from '../model/index.js'
import { checkDatasetOptions } from './check-dataset-options.js'
import { contentsOf, identityOfRow } from './contents.js'
import type {
  AnyDatasetOptions,
  DatasetOptions,
  FieldSelector,
  SelectedValue,
  UntypedSample,
} from './dataset-options.js'
import { type DatasetRows, partsByIds, partsOf } from './dataset-rows.js'
import { type DatasetState, type LoadedOptions, readQuarantine, readState } from './dataset-state.js'
import type {
  AskedDataset,
  DatasetContents,
  DatasetContext,
  DatasetSnapshot,
  DatasetSummary,
  ExaminedSample,
  OpenedDataset,
  RowIdentity,
} from './dataset-types.js'
import { checkOutFiles } from './files/check-out-files.js'
import type { FoundFiles } from './files/file-place.js'
import { askContent } from './known-summary.js'
import { makeSnapshot } from './make-snapshot.js'
import { openDataset, type PinnedState } from './open-dataset.js'
import { examineSamples, projectSamples } from './other-samples.js'
import { describePart, loadParts, partsHaveIdentity } from './row-projection.js'
import { RowReader } from './rows.js'
import { scanUsed, type UsedScan } from './scan-used.js'
import { loadSampleSchema, type SampleSchema } from './schema/sample-schema.js'
import { isStandardSchema } from './schema/standard-schema.js'
import type { Split } from './split.js'
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
  /** Begins to find out whether samples changed, for `open`. Reads no sample. */
  ask?(context: DatasetContext): AskedDataset
  /**
   * Returns the summary, and loads the rows on request. Unchanged samples are not read.
   *
   * @param asked what `ask` of this dataset returned; the samples are then those of a moment since that call. @default asks now
   * @throws as `snapshot`.
   */
  open(context: DatasetContext, asked?: AskedDataset): Promise<OpenedDataset<I, T>>
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

interface SplitScan {
  readonly found: UsedScan
  /** Absent for a scan that no snapshot was made of. */
  readonly split?: Split | undefined
}

class DatasetOf implements Dataset<unknown, unknown> {
  readonly contract = 1
  readonly name = 'dataset'
  readonly #options: AnyDatasetOptions
  #schema: SampleSchema | undefined
  /** The scans that snapshots were made of. */
  readonly #scans = new WeakMap<DatasetSnapshot<unknown, unknown>, SplitScan>()
  readonly #asked = new WeakMap<AskedDataset, ReturnType<typeof askContent>>()
  /** The files that the last snapshot names. */
  #found: FoundFiles = new Map()
  /** The files that projected samples name, of which a snapshot knows nothing. */
  #projected: FoundFiles = new Map()

  constructor(options: AnyDatasetOptions) {
    checkDatasetOptions(options)
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
    const { rows } = await scanUsed(await this.state(context), context)
    return rows.map(identityOfRow)
  }

  async contents(
    context: DatasetContext = callContext(),
    snapshot?: DatasetSnapshot<unknown, unknown>,
  ): Promise<DatasetContents> {
    const { found, options, schema } = await this.#scanned(snapshot, context)
    return contentsOf(found, options, schema, context)
  }

  async undeclaredGroups(
    context: DatasetContext = callContext(),
    snapshot?: DatasetSnapshot<unknown, unknown>,
  ): Promise<DatasetSummary['warnings']> {
    const { found, options, schema } = await this.#scanned(snapshot, context)
    if (found.rows.some(({ group }) => group !== undefined)) return []
    const rows: Pick<Row<unknown, unknown>, 'id' | 'input'>[] = []
    const reader = new RowReader(found, options, schema, context)
    for await (const { id, input } of reader.rows(found.rows.slice(0, mostRows))) rows.push({ id, input })
    return undeclaredGroups(rows)
  }

  ask(context: DatasetContext): AskedDataset {
    const content = this.version === undefined ? Promise.resolve(undefined) : askContent(this.#options, context)
    // Handled from the start: it may be rejected before anybody awaits it.
    const ended = content.then(
      () => {},
      () => {},
    )
    const asked = { ended }
    this.#asked.set(asked, content)
    return asked
  }

  open(context: DatasetContext, asked: AskedDataset = this.ask(context)): Promise<OpenedDataset<unknown, unknown>> {
    const content = this.#asked.get(asked)
    if (content === undefined) return this.open(context)
    return openDataset(
      {
        asked: content,
        load: () => this.#load(context),
        snapshotOf: (state) => this.#snapshotOf(state, context),
      },
      context,
    )
  }

  async snapshot(context: DatasetContext): Promise<DatasetSnapshot<unknown, unknown>> {
    return (await this.open(context)).snapshot()
  }

  async project(
    samples: readonly unknown[],
    context: CallContext = callContext(),
  ): Promise<readonly Row<unknown, never>[]> {
    const { options } = await this.#load(context)
    const { rows, files } = await projectSamples(samples, options, context)
    if (files !== undefined) this.#projected = new Map([...this.#projected, ...files])
    return rows
  }

  async examine(
    samples: readonly unknown[],
    context: CallContext = callContext(),
  ): Promise<readonly ExaminedSample<unknown, unknown>[]> {
    return examineSamples(samples, await this.#load(context), context)
  }

  /** The rows without an object for each, for `rowsOf`. */
  async rows(context: DatasetContext, snapshot?: DatasetSnapshot<unknown, unknown>): Promise<DatasetRows> {
    const { found, split, options, schema } = await this.#scanned(snapshot, context)
    return {
      rows: found.rows,
      partAt: split === undefined ? partsByIds(found.rows, snapshot) : partsOf(found.rows, split),
      withSamples: () => new RowReader(found, options, schema, context).withSamples(),
    }
  }

  /** What decides the rows of the dataset, for `stateOf`. */
  async state(context: DatasetContext): Promise<DatasetState> {
    const loaded = await this.#load(context)
    return readState(loaded, await readQuarantine(loaded.options, context), context)
  }

  async #load(context: CallContext): Promise<LoadedOptions> {
    context.signal.throwIfAborted()
    const options = this.#options
    await loadParts(options, context)
    const schema = await loadSampleSchema(options.schema, context)
    // The identity of the dataset contains that of the schema.
    this.#schema = schema
    const identity = identityOf(options.source) === undefined ? undefined : identityOf(this)
    return { options, schema, key: identity === undefined ? undefined : digestJson(identity) }
  }

  /** The scan that a snapshot was made of, or one of the samples as they are now. */
  async #scanned(
    snapshot: DatasetSnapshot<unknown, unknown> | undefined,
    context: DatasetContext,
  ): Promise<LoadedOptions & SplitScan> {
    const known = snapshot && this.#scans.get(snapshot)
    if (known !== undefined) return { ...(await this.#load(context)), ...known }
    const state = await this.state(context)
    return { ...state, found: await scanUsed(state, context) }
  }

  async #snapshotOf(state: PinnedState, context: DatasetContext): Promise<DatasetSnapshot<unknown, unknown>> {
    const found = await scanUsed(state, context)
    if (state.named !== undefined) this.#found = state.named.found
    const { snapshot, split } = makeSnapshot(found, state, context)
    this.#scans.set(snapshot, { found, split })
    return snapshot
  }
}

/** The rows of a dataset without an object for each. @param snapshot as for `Dataset.contents`. */
export const rowsOf = (
  dataset: Dataset<unknown, unknown>,
  context: DatasetContext,
  snapshot?: DatasetSnapshot<unknown, unknown>,
): Promise<DatasetRows> => (dataset as DatasetOf).rows(context, snapshot)

export const stateOf = (dataset: Dataset<unknown, unknown>, context: DatasetContext): Promise<DatasetState> =>
  (dataset as DatasetOf).state(context)

/**
 * Samples, validated and projected to rows, and split into training and evaluation data.
 *
 * Field names are checked against a Standard Schema's type. Functions are called for every sample in every run, unless
 * the options have a `version`.
 */
export const Dataset: DatasetConstructor = DatasetOf as unknown as DatasetConstructor
