import { join } from 'node:path'
import { type CallContext, digestBytes, isSheikhError, SheikhError } from '../core/index.js'
import type { Dataset } from '../dataset/index.js'
import type { Executor } from '../execute/index.js'
import type { Ledger } from '../gate/index.js'
import type { Rows } from '../model/index.js'
import {
  type PayloadFile,
  Pipeline,
  type PipelineOptions,
  type RunPlan,
  type RunPlanOptions,
  type RunRecord,
} from '../pipeline/index.js'
import { loadPrompts, type PromptTexts, promptSnapshotOf } from '../prompts/index.js'
import type { Attester } from '../releaser/index.js'
import type { Trainer } from '../trainer/index.js'
import { type Composition, ledgerOptions, wholeFoldersOf } from './compose.js'
import type { Configuration, DriftTrigger, Notice, Retention } from './config/index.js'
import { withTokenCounter } from './count-tokens.js'
import { type Git, gitBranchLedger } from './git/index.js'
import { promptsPath } from './layout.js'
import { type MissingAccess, missingDevice, missingSecrets, withoutDevice } from './missing-access.js'
import { missingReleaser, missingTrainer, unreachable } from './missing-parts.js'
import { notificationSecrets } from './notification-secrets.js'
import { promptStages, promptTextsOf } from './prompt-snapshot.js'
import { codeOf, pathsRead, provenanceOf } from './provenance.js'
import { type Surroundings, secretsOf } from './release-targets.js'
import type { AfterMergeSources } from './review/index.js'
import type { TriggerDecision, TriggerOptions } from './triggers/index.js'
import { refuseIncomplete } from './whole-checkout.js'

/** Where a project is, and what its pipeline is made with. */
export interface ProjectPlace {
  readonly git: Git
  /** The project's folder below the repository's root; empty if it is the root. */
  readonly prefix: string
  readonly surroundings: Surroundings
  readonly context: CallContext
}

/** What the files of a project said when they were read. */
export interface LoadedProject {
  /** The name of the pipeline in `mlops/pipeline.yaml`. */
  readonly name: string
  /** Unknown or unused settings, with file and line. */
  readonly notices: readonly Notice[]
  /** The releases whose files are kept. */
  readonly retention: Retention
  readonly pipeline: Pipeline<unknown, unknown>
  /** Files that a run reads and that differ from the commit. */
  dirtyPaths(): Promise<readonly string[]>
  /** As `Repository.triggered`. */
  triggered(options?: TriggerOptions): Promise<TriggerDecision>
  /** The samples, as a run reads them. */
  readonly dataset: Dataset<unknown, unknown>
  /** The texts of rendered prompts that a run kept; `undefined` if it kept none, or the store has lost them. */
  promptTexts(record: RunRecord): Promise<PromptTexts | undefined>
  /** The evaluation set, for reports that show its text. @throws `dataset-invalid`. */
  evaluationRows(): Promise<Rows<unknown, unknown>>
}

/** What a run would do. */
export interface ProjectPlan extends RunPlan {
  /** What a run lacks: one message each. */
  readonly unresolved: readonly string[]
  /** Secrets, devices and permissions that this machine lacks. */
  readonly missing: readonly MissingAccess[]
  /** Why a configured notification channel would receive nothing: one message each. */
  readonly unnotified: readonly string[]
  /** Unknown or unused settings, with file and line. */
  readonly notices: readonly Notice[]
}

export interface LoadOptions {
  /** Workers that check data, train candidates and members, and evaluate: `Repository.executor`. @default this process */
  readonly executor?: Executor | undefined
}

export async function loadedProject(
  place: ProjectPlace,
  composition: Composition,
  options: LoadOptions = {},
): Promise<LoadedProject> {
  const { configuration, dataset, store } = composition
  const { git, surroundings, context } = place
  return {
    name: configuration.pipeline.name,
    notices: configuration.notices,
    retention: configuration.release.retention,
    pipeline: await projectPipeline(place, composition, options),
    dataset,
    dirtyPaths: async () =>
      (await provenanceOf({ git, root: surroundings.root }, composition, context, store.documents)).dirtyPaths,
    triggered: (options = {}) => triggerDecision(place, composition, options),
    promptTexts: async (record) => {
      const snapshot = promptSnapshotOf(record)
      return snapshot && promptTextsOf(snapshot, composition, context)
    },
    evaluationRows: async () => (await dataset.snapshot(context)).evaluation,
  }
}

async function projectPipeline(
  place: ProjectPlace,
  composition: Composition,
  { executor }: LoadOptions,
): Promise<Pipeline<unknown, unknown>> {
  if (composition.pipeline !== undefined) {
    if (executor === undefined) return composition.pipeline as Pipeline<unknown, unknown>
    throw new SheikhError(
      'invalid-config',
      'Cannot evaluate on workers: sheikh.config.ts makes the pipeline. Give the pipeline "evaluation" there (docs/execute.md).',
    )
  }
  const [releaser, trainer, candidates, base] = [
    await composition.releaser(),
    executor === undefined ? await composition.trainer() : await composition.trainerOn(executor),
    await composition.furtherCandidates(),
    await composition.base(),
  ]
  const pipeline = new Pipeline<unknown, unknown>({
    ...(await pipelineOptions(place, composition)),
    ...{ releaser, trainer, candidates, base, ledger: projectLedger(place, composition.configuration) },
    ...(executor !== undefined && { evaluation: { executor }, dataCheck: { executor } }),
    ...(executor !== undefined && { training: { executor } }),
  })
  const { configuration } = composition
  if (configuration.training.reportTo?.length) {
    const { track } = await import('./track.js')
    track(pipeline, configuration, place.surroundings, place.context.log)
  }
  if (configuration.notifications !== undefined) {
    const { notify } = await import('./notifications.js')
    await notify(pipeline, configuration, place.surroundings, place.context)
  }
  return pipeline
}

/** Plans a run, also without a trainer or a registry. */
export async function planProject(
  place: ProjectPlace,
  composition: Composition,
  asked: RunPlanOptions,
): Promise<ProjectPlan> {
  const { configuration, pipeline: ownPipeline } = composition
  await refuseIncomplete('plan a run', { git: place.git, root: place.surroundings.root }, composition, place.context)
  const unresolved: string[] = []
  if (ownPipeline !== undefined)
    return {
      ...(await ownPipeline.plan(asked)),
      unresolved,
      notices: configuration.notices,
      missing: [],
      unnotified: [],
    }
  const unnotified =
    configuration.notifications === undefined
      ? []
      : (await (await import('./notifications.js')).notifiersOf(configuration, place.surroundings)).problems
  const missing = [...missingSecrets(configuration, place.surroundings)]
  const lacks = (error: unknown) => {
    if (!isSheikhError(error)) throw error
    unresolved.push(error.message)
  }
  const options = await pipelineOptions(place, composition)
  const found = { unresolved, missing, unnotified, notices: configuration.notices }
  const made = (await composition.trainer().catch(lacks)) ?? missingTrainer()
  const { isTrainerBuiltIn: isBuiltIn } = composition
  const device = await missingDevice(configuration, made, { isBuiltIn, context: place.context })
  if (device !== undefined) missing.push(device)
  const plannable = (one: Trainer<unknown, unknown>) =>
    device === undefined || device.name === 'gpu' ? one : withoutDevice(one)
  const trainer = plannable(made)
  const further = Object.entries((await composition.furtherCandidates().catch(lacks)) ?? {})
  const candidates = Object.fromEntries(
    further.map(([name, one]) => [name, { ...one, ...(one.trainer && { trainer: plannable(one.trainer) }) }]),
  )
  const releaser = await composition.releaser().catch(lacks)
  if (releaser !== undefined)
    try {
      const [base, ledger] = [await composition.base(), projectLedger(place, composition.configuration)]
      const pipeline = new Pipeline({ ...options, trainer, candidates, releaser, base, ledger })
      return { ...(await pipeline.plan(asked)), ...found }
    } catch (error) {
      if (!isSheikhError(error) || !unreachable.has(error.code)) throw error
      lacks(error)
    }
  const pipeline = new Pipeline({ ...options, trainer, candidates, releaser: missingReleaser() })
  // Without the registry nobody knows which versions were used.
  return { ...(await pipeline.plan(asked)), nextVersion: undefined, ...found }
}

/** Whether the changes since the last run, or a schedule, ask for a run. */
export async function triggerDecision(
  place: ProjectPlace,
  composition: Composition,
  options: TriggerOptions,
): Promise<TriggerDecision> {
  const { git, prefix, surroundings, context } = place
  const project = { git, root: surroundings.root }
  const { configuration, pipeline, trainerFiles } = composition
  const { triggers } = configuration
  const entries = await (pipeline?.ledger({ signal: context.signal }) ??
    projectLedger(place, configuration).read(context))
  const readByRun = async () => pathsRead(project, composition, await codeOf(project, { files: trainerFiles }))
  const runPaths = triggers.length > 0 ? [] : await readByRun()
  const { decideTriggers } = await import('./triggers/index.js')
  const drift = async (trigger: DriftTrigger) =>
    (await import('./look-for-drift.js')).lookForDrift({ place, composition, entries }, trigger)
  return decideTriggers({ git, prefix, triggers, runPaths, entries, drift, ...options })
}

/** What a review looks ahead with. The parts are made once. */
export function projectOutlook(place: ProjectPlace, compose: () => Promise<Composition>): AfterMergeSources {
  return {
    triggered: async (context) => triggerDecision({ ...place, context }, await compose(), { isUnmerged: true }),
    plan: async ({ retrain }, context) =>
      planProject({ ...place, context }, await compose(), { retrain, signal: context.signal }),
  }
}

async function pipelineOptions(
  { git, prefix, surroundings, context }: ProjectPlace,
  composition: Composition,
): Promise<Omit<PipelineOptions<unknown, unknown>, 'trainer' | 'releaser'>> {
  const { configuration, store } = composition
  const { channel, increment, prerelease } = configuration.release
  const { root, environment } = surroundings
  const secrets = [...secretsOf(environment), ...notificationSecrets(configuration, environment)]
  return {
    dataset: composition.dataset,
    gate: composition.gate,
    store,
    stages: [...composition.stages, ...promptStages({ git, prefix, root, secrets }, composition)],
    seed: composition.seed,
    ...(configuration.dataset.isQualityChecked && {
      quality: (await withTokenCounter(root, configuration, wholeFoldersOf(composition), context)).quality,
    }),
    ...(composition.source === undefined && {
      rowsAtCommit: async (commit, context) =>
        (await import('./rows-at-commit.js')).rowsAtCommit(git, composition, { commit, project: prefix }, context),
      labelsAtCommit: async (commit, context) =>
        (await import('./rows-at-commit.js')).labelsAtCommit(git, composition, { commit, project: prefix }, context),
    }),
    channel,
    onFailure: configuration.gate.onFailure,
    versioning: increment && (() => increment),
    prerelease,
    attest: await attester(surroundings, context),
    secrets,
    payload: (context) => payloadOf(root, composition, context),
    provenance: (context) => provenanceOf({ git, root }, composition, context, store.documents),
    machine: environment['SHEIKH_MACHINE'] || undefined,
    clock: context.clock,
    log: context.log,
  }
}

/** Most projects sign nothing. */
async function attester(surroundings: Surroundings, context: CallContext): Promise<Attester | undefined> {
  const { SHEIKH_SIGNING: way, SHEIKH_SIGNING_KEY: key } = surroundings.environment
  return way || key ? (await import('./attestation.js')).attesterOf(surroundings, context) : undefined
}

/** What a release contains beside the weights: prompts and schema. */
export async function payloadOf(
  root: string,
  { schema }: Pick<Composition, 'schema'>,
  context: CallContext,
): Promise<readonly PayloadFile[]> {
  const prompts = await loadPrompts(join(root, promptsPath), context)
  const files: PayloadFile[] = prompts.files.map(({ path, text, digest }) => ({
    path: `prompts/${path}`,
    content: text,
    digest,
  }))
  if (schema !== undefined) files.push({ path: 'sheikh/schema.json', content: schema, digest: digestBytes(schema) })
  return files
}

/** The ledger on its branch. */
export function projectLedger({ git, prefix, surroundings }: ProjectPlace, configuration: Configuration): Ledger {
  return gitBranchLedger(git, { ...ledgerOptions(surroundings, configuration), prefix })
}
