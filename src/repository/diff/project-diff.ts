import { join } from 'node:path'
import { type ErrorCode, isSheikhError, type Json } from '../../core/index.js'
import {
  type Counts,
  type DatasetContext,
  type DatasetDifference,
  diffIdentities,
  diffSharedContents,
  fieldChanges,
  type IdentityDifference,
  type NamedState,
  noRows,
  type PinnedSet,
  pinnedFile,
  pinnedStatus,
  type SharedContents,
  sharedContents,
} from '../../dataset/index.js'
import { type PolicyChange, policyChanges } from '../../gate/index.js'
import { loadPrompts } from '../../prompts/index.js'
import { readTextFile } from '../../store/index.js'
import { type DataAccess, datasetOf, gateOf } from '../compose.js'
import type { Configuration } from '../config/index.js'
import { evaluationPath, hostConfigurationPaths, promptsPath } from '../layout.js'
import type { ComparedState } from './compared-state.js'
import type { StateName } from './find-state.js'
import { type RenderedDifference, renderedDifference } from './rendered-difference.js'

/** What differs between two states of a project. JSON. Contains text of samples only if it was asked for. */
export interface ProjectDiff {
  readonly from: StateName
  readonly to: StateName
  /** The parts that could not be read. They are missing from the comparison. */
  readonly problems: readonly StateProblem[]
  /** What the gate of the files requires, changes that let more candidates pass first. */
  readonly gate: readonly PolicyChange[]
  /** Host code and the schema of the samples. */
  readonly files: readonly FileChange[]
  /** The settings in the YAML files. */
  readonly configuration: readonly SettingChange[]
  readonly prompts: readonly PromptChange[]
  readonly evaluation?: EvaluationSetDifference | undefined
  readonly data?: DatasetDifference | undefined
}

export interface StateProblem {
  readonly state: 'from' | 'to'
  readonly code: ErrorCode
  readonly message: string
}

export interface FileChange {
  readonly path: string
  readonly change: 'added' | 'removed' | 'changed'
}

export interface SettingChange {
  readonly file: string
  /** Such as `training.num_train_epochs`. */
  readonly key: string
  /** Absent if the setting was added. */
  readonly before?: Json | undefined
  /** Absent if the setting was removed. */
  readonly after?: Json | undefined
}

export interface PromptChange extends FileChange {
  /**
   * What the change does to rendered samples. Absent for a template that makes no input without `includeText`, if a template
   * needs other variables than the fields of samples, and for a template that was added or removed.
   */
  readonly rendered?: RenderedDifference | undefined
}

/** Ids of pinned items. */
export interface EvaluationSetDifference extends IdentityDifference {
  readonly items: Counts
  /** Items of the newer state whose sample was edited since it was pinned. A run refuses them. Absent if the samples cannot be read. */
  readonly edited?: readonly string[] | undefined
  /** The same whose sample no longer exists. */
  readonly deleted?: readonly string[] | undefined
}

export interface DiffOptions {
  /** Adds the values of changed fields and the texts of rendered prompts, which are text of samples. @default false */
  readonly includeText?: boolean | undefined
}

/** Whether nothing that a run reads differs. False if a part could not be compared. */
export function changesNothing({
  problems,
  gate,
  files,
  configuration,
  prompts,
  evaluation,
  data,
}: ProjectDiff): boolean {
  const lists = [problems, gate, files, configuration, prompts]
  const identities = [evaluation?.added, evaluation?.removed, evaluation?.changed]
  const samples = [data?.added, data?.removed, data?.moved, data?.changed, data?.projectedDifferently]
  return [...lists, ...identities, ...samples].every((list) => (list?.length ?? 0) === 0)
}

/** A state, and its files in a folder. */
interface ReadableState {
  readonly name: StateName
  readonly files: ComparedState
}

type Both<T> = readonly [before: T, after: T]

/** Compares two states of a project. Code of the project is never run. */
export async function diffProjects(
  states: Both<ReadableState>,
  { includeText = false, access }: DiffOptions & { readonly access: DataAccess },
  context: DatasetContext,
): Promise<ProjectDiff> {
  const problems: StateProblem[] = []
  /** The same part of both states, or nothing if one of them cannot be read. */
  async function both<T>(read: (root: string, index: 0 | 1) => Promise<T>): Promise<Both<T> | undefined> {
    const values: T[] = []
    for (const index of [0, 1] as const)
      try {
        values.push(await read(states[index].files.root, index))
      } catch (error) {
        context.signal.throwIfAborted()
        if (!isSheikhError(error)) throw error
        // Without the temporary folder of a commit.
        const message = error.message.replaceAll(`${states[index].files.root}/`, '')
        problems.push({ state: index === 0 ? 'from' : 'to', code: error.code, message })
      }
    return values.length === 2 ? [values[0]!, values[1]!] : undefined
  }

  const configurations = await both((_, index) => states[index].files.configuration())
  const prompts = await both(async (root) => (await loadPrompts(join(root, promptsPath), context)).files)
  const sets = await both((root) => pinnedFile(join(root, evaluationPath)).read(context))
  // All samples are rendered, also shared ones.
  const isRendered = includeText && prompts !== undefined && changedPrompts(prompts).length > 0
  const shared = configurations && !isRendered ? await sharedOf(states, configurations, context) : undefined
  const isWhole = configurations !== undefined && shared === undefined
  // Samples that cannot be written are no problem of the state: this clone lacks them.
  if (isWhole) for (const index of [0, 1] as const) await states[index].files.complete(configurations[index])
  const whole = async (root: string, index: 0 | 1) => {
    const configuration = configurations![index]
    const tree = await states[index].files.files(configuration)
    return datasetOf(root, configuration, access, { tree }).contents({ ...context, cache: undefined })
  }
  const contents = isWhole ? await both(whole) : undefined
  const data = shared ?? (contents && { before: contents[0], after: contents[1], shared: noRows })
  const schemas = (configurations ?? []).flatMap(({ dataset }) => dataset.schemaPath ?? [])
  const paths = [...new Set([...hostConfigurationPaths, ...schemas])]
  const texts = await both((root) => Promise.all(paths.map((path) => readTextFile(join(root, path)))))
  const [from, to] = states
  const inputs = new Set((configurations ?? []).map(({ dataset }) => dataset.projection.input))
  const rendered =
    contents &&
    (async (file: string) => {
      const path = `${promptsPath}/${file}`
      if (!includeText && !inputs.has(path)) return undefined
      const roots = [states[0].files.root, states[1].files.root] as const
      const limits = configurations![1].dataset.promptLimits
      return renderedDifference({ roots, path, limits, includeText }, contents[1], context)
    })
  return {
    from: from.name,
    to: to.name,
    problems,
    gate: configurations === undefined ? [] : gateChanges(configurations),
    files: texts === undefined ? [] : fileChanges(paths, texts),
    configuration: configurations === undefined ? [] : settingChanges(configurations),
    prompts: prompts === undefined ? [] : await promptChanges(prompts, rendered),
    ...(sets !== undefined && { evaluation: setDifference(sets, data) }),
    ...(data !== undefined && { data: await diffSharedContents(data, { includeText }) }),
  }
}

async function sharedOf(states: Both<ReadableState>, configurations: Both<Configuration>, context: DatasetContext) {
  try {
    const [one, other] = configurations.map(({ dataset }) => dataset.samples?.directory)
    if (one !== other) return undefined
    const named: NamedState[] = []
    for (const [index, { files }] of states.entries()) {
      const state = await files.named(configurations[index as 0 | 1])
      if (state === undefined) return undefined
      named.push(state)
    }
    return await sharedContents(named[0]!, named[1]!, context)
  } catch (error) {
    context.signal.throwIfAborted()
    // Reading each state as a whole tells which of them has the problem.
    if (!isSheikhError(error)) throw error
    return undefined
  }
}

/** How the gate of the files differs, changes that let more candidates pass first. */
export function gateChanges(configurations: Both<Configuration>): readonly PolicyChange[] {
  const [before, after] = configurations.map((configuration) => gateOf(configuration).describe())
  const changes = policyChanges(before!, after!)
  return [...changes.filter(({ looser }) => looser), ...changes.filter(({ looser }) => !looser)]
}

/** How the YAML files differ, setting by setting. */
export function settingChanges([before, after]: Both<Configuration>): readonly SettingChange[] {
  const [old, now] = [before, after].map(({ files }) => new Map(files.map(({ file, value }) => [file, value])))
  return [...new Set([...old!.keys(), ...now!.keys()])].flatMap((file) =>
    fieldChanges(old!.get(file) ?? {}, now!.get(file) ?? {}).map(({ field, ...values }) => ({
      file,
      key: field,
      ...values,
    })),
  )
}

function fileChanges(
  paths: readonly string[],
  [before, after]: Both<readonly (string | undefined)[]>,
): readonly FileChange[] {
  return paths.flatMap((path, index) => {
    const change = changeOf(before[index], after[index])
    return change === undefined ? [] : [{ path, change }]
  })
}

function changeOf(before: string | undefined, after: string | undefined): FileChange['change'] | undefined {
  if (before === after) return undefined
  if (before === undefined) return 'added'
  return after === undefined ? 'removed' : 'changed'
}

type PromptFiles = readonly { readonly path: string; readonly text: string }[]

function changedPrompts(prompts: Both<PromptFiles>) {
  const [before, after] = prompts.map((files) => new Map(files.map(({ path, text }) => [path, text])))
  return [...new Set([...before!.keys(), ...after!.keys()])].sort().flatMap((path) => {
    const change = changeOf(before!.get(path), after!.get(path))
    return change === undefined ? [] : [{ path, change }]
  })
}

/** @param rendered absent: samples are not rendered. */
async function promptChanges(
  prompts: Both<PromptFiles>,
  rendered: ((path: string) => Promise<RenderedDifference | undefined>) | undefined,
): Promise<readonly PromptChange[]> {
  const changes: PromptChange[] = []
  for (const { path, change } of changedPrompts(prompts)) {
    const difference = change === 'changed' ? await rendered?.(path) : undefined
    changes.push({ path, change, ...(difference !== undefined && { rendered: difference }) })
  }
  return changes
}

function setDifference(sets: Both<PinnedSet | undefined>, data: SharedContents | undefined): EvaluationSetDifference {
  const [before, after] = sets.map((set) => set?.items ?? [])
  // Only rows of pinned samples decide what was edited or deleted.
  const pinned = after!.flatMap(({ id }) => data?.shared.identity(id) ?? [])
  const status = sets[1] && data && pinnedStatus(sets[1], [...pinned, ...data.after.rows])
  return {
    items: { before: before!.length, after: after!.length },
    ...diffIdentities(before!, after!),
    ...(status && { edited: status.edited, deleted: status.deleted }),
  }
}
