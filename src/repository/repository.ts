import { join } from 'node:path'
import type { DatasetSummary, PinnedSet, QualityReport, Repin } from '../dataset/index.js'
import type { Executor, WorkerModule } from '../execute/index.js'
import type { FeedbackStore } from '../feedback/index.js'
import type { Ledger } from '../gate/index.js'
import type { Imported, Pipeline, RunPlanOptions } from '../pipeline/index.js'
import type { LoadReleaseOptions, Release, ReleasedModel } from '../releaser/index.js'
import { directoryStore } from '../store/directory/index.js'
import type { Trainer } from '../trainer/index.js'
import type { StudyRecord } from '../tune/index.js'
import type { AuditProject, ForgetPlan, ReleaseLog, SampleBlame } from './audit/index.js'
import { configurationIn } from './compose.js'
import { loadConfiguration } from './config/index.js'
import type { DiffOptions, ProjectDiff } from './diff/index.js'
import type { ProjectDrift, ProjectDriftOptions } from './drift.js'
import type { EvaluationProject, EvaluationStatus, Pinned } from './evaluation-set.js'
import type { JoinedFeatures } from './features.js'
import type {
  FeedbackProject,
  FeedbackProposal,
  ProposeFeedbackOptions,
  UndoFeedbackOptions,
  UndoneBatch,
} from './feedback/index.js'
import type { Author, Head } from './git/index.js'
import type { Inspection } from './inspect-project.js'
import { storePath, trustedKeysPath } from './layout.js'
import type { LearnResult } from './learn.js'
import type { InputReader } from './model-inputs.js'
import type { ProjectNotifiers } from './notifications.js'
import { type OpenedProject, openProject, type RepositoryOptions } from './opened-project.js'
import type { PinnedData } from './pin-hub-data.js'
import type { ProjectExecutorOptions } from './project-executor.js'
import {
  type LoadedProject,
  type LoadOptions,
  loadedProject,
  type ProjectPlan,
  planProject,
  projectLedger,
  triggerDecision,
} from './project-pipeline.js'
import type { Quarantined, QuarantineOptions } from './quarantine.js'
import type { Review, ReviewOptions } from './review/index.js'
import type { ProjectServing, ServingOptions } from './serving.js'
import type { TriggerDecision, TriggerOptions } from './triggers/index.js'
import type { TunedProject, TuneProjectOptions } from './tune-project.js'
import type { Verification } from './verify.js'
import { refuseIncomplete } from './whole-checkout.js'

/**
 * A project in Git: its files make a Pipeline, and its commits are where releases come from.
 *
 * @throws `repository-invalid` where there is no Git repository; `invalid-config` where the files cannot be used.
 */
export async function openRepository(directory: string, options: RepositoryOptions = {}): Promise<Repository> {
  return Repository.open(directory, options)
}

/**
 * A project in Git, as `openRepository` opens it.
 *
 * A method loads what only it needs: most programs call few of them.
 */
export class Repository {
  /** The project's folder. */
  readonly root: string
  readonly #project: OpenedProject

  private constructor(project: OpenedProject) {
    this.root = project.root
    this.#project = project
  }

  /** @throws as `openRepository`. */
  static async open(directory: string, options: RepositoryOptions = {}): Promise<Repository> {
    return new Repository(await openProject(directory, options))
  }

  /** The pipeline of the files as they are now; one for each call, so that an edited configuration is seen. */
  async pipeline(): Promise<Pipeline<unknown, unknown>> {
    return (await this.load()).pipeline
  }

  /**
   * Reads the files once and gives all that a command needs of them.
   *
   * @throws `invalid-config` for `executor` if sheikh.config.ts makes the pipeline.
   */
  async load(options: LoadOptions = {}): Promise<LoadedProject> {
    return loadedProject(this.#project, await this.#project.compose(), options)
  }

  /**
   * Workers that check data, train candidates and members, and evaluate, for `load` and `checkData`, in processes on this machine or on a cluster. The caller closes it.
   *
   * @returns `undefined` for one worker: this process.
   * @throws `invalid-options` for both `workers` and `cluster`; as `localExecutor` and `bullmqExecutor`.
   */
  async executor(options: ProjectExecutorOptions = {}): Promise<Executor | undefined> {
    const { projectExecutor } = await import('./project-executor.js')
    return projectExecutor(this.#project, options)
  }

  /**
   * What a run would do, and why; changes nothing. Works without a trainer and without the registry: `unresolved` then says
   * what a run lacks, and the plan is made as if nothing was released.
   */
  async plan(options: RunPlanOptions = {}): Promise<ProjectPlan> {
    return planProject(this.#project, await this.#project.compose(), options)
  }

  /** The notification channels of the configuration. Needs no trainer and no registry. */
  async notifiers(): Promise<ProjectNotifiers> {
    const { projectNotifiers } = await import('./notifications.js')
    const { surroundings, context } = this.#project
    return projectNotifiers(await configurationIn(this.root, context), surroundings, context)
  }

  /**
   * Whether the changes since the last run, or a schedule, ask for a run. Reads the ledger and commits; changes nothing. Uncommitted
   * changes do not count. `triggers` in `mlops/pipeline.yaml` decides; without it, every file that a run reads.
   *
   * @throws `invalid-config`; `invalid-options` for a schedule that no trigger has.
   */
  async triggered(options: TriggerOptions = {}): Promise<TriggerDecision> {
    return triggerDecision(this.#project, await this.#project.compose(), options)
  }

  /**
   * Takes a model that lives in a folder or on the Hub as the first release, and goes on with its versions.
   *
   * @param source a folder, or `hf:name/model`, with `@` and a branch, tag or commit where it is not `main`.
   * @throws as `Pipeline.import`; `not-found`.
   */
  async import(
    source: string,
    options: { readonly version?: string | undefined; readonly by?: string | undefined } = {},
  ): Promise<Imported> {
    const by = options.by ?? (await this.author()) ?? ''
    const { importModel } = await import('./import-model.js')
    const { surroundings, context } = this.#project
    return importModel(await this.pipeline(), source, { ...options, by }, surroundings, context)
  }

  /**
   * Whether a release is what was released: its files, who signed them and where they come from, what the ledger says.
   *
   * @param target a version, a folder that somebody fetched, or `hf:name/model@v1.2.0`. @default what the channel points at
   * @throws `not-found`; `artifact-corrupt` where the ledger itself is not whole.
   */
  async verify(
    target?: string,
    options: {
      /** The file with the trusted keys. @default the one of the project */
      readonly keysPath?: string | undefined
      /** Also looks through the registries for what no line of the ledger explains. @default false */
      readonly remote?: boolean | undefined
    } = {},
  ): Promise<Verification> {
    const { verifyProject } = await import('./verify.js')
    return verifyProject(this.#project, target, options)
  }

  /** Reads the data that a run would read, and trains nothing. Needs no trainer and no registry. @throws as a run. */
  async validate({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<DatasetSummary> {
    const { problems, summary } = await this.inspect({ signal })
    if (problems[0] !== undefined) throw problems[0]
    return summary!
  }

  /** Everything that `validate` finds, the most serious first, and what to do next. */
  async inspect({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<Inspection> {
    const { inspectProject } = await import('./inspect-project.js')
    return inspectProject(this.#project, this.#project.within(signal))
  }

  /**
   * The released model, ready to predict.
   *
   * @typeParam I what the trainer's models take. @default string, as the built-in one's
   * @throws `not-found`.
   */
  async loadModel<I = string>({
    channel,
    version,
    thread,
  }: Pick<LoadReleaseOptions<I>, 'channel' | 'version' | 'thread'> = {}): Promise<ReleasedModel<I>> {
    const { releaser, trainer, configuration } = await this.#project.compose()
    const options = {
      channel: channel ?? configuration.release.channel,
      version,
      thread,
      trainer: (await trainer()) as unknown as Trainer<I, never>,
    }
    const { loadRelease } = await import('../releaser/index.js')
    return loadRelease(await releaser(), options, this.#project.context)
  }

  /**
   * Makes the inputs of a released model: an object is a sample, whose input the configuration selects or renders; any other
   * value is the input itself. Warns if the template of the input is not the one of the release.
   */
  async inputReader(release: Release): Promise<InputReader> {
    const { root, context } = this.#project
    const configuration = await loadConfiguration(root, context)
    const { inputReader } = await import('./model-inputs.js')
    return inputReader(release, { root, configuration }, context)
  }

  /**
   * What `serve` needs to serve the releases of the project, and to follow its channel: each release is verified as by
   * `verify`, and its inputs are made with its own template. With `feast`, inputs name entities, and Feast's server answers
   * their features.
   *
   * @throws `invalid-config`, also for `feast` in a project without features; `dataset-invalid` if they have no snapshot;
   * `invalid-options` for an address that cannot be used.
   */
  async serving({ feast }: ServingOptions = {}): Promise<ProjectServing> {
    const composition = await this.#project.compose()
    const ledger = projectLedger(this.#project, composition.configuration)
    const { projectServing } = await import('./serving.js')
    return projectServing(composition, { root: this.root, keysPath: join(this.root, trustedKeysPath), ledger, feast })
  }

  /**
   * Compares two states of the project: commits, releases, or the files as they are now. A version or a
   * channel is looked up in the registry of the current configuration; apart from that, no code of the project runs.
   *
   * @param from a version, a channel, a branch, a tag or a commit. @default 'HEAD'
   * @param to the same. @default the work tree
   * @throws `not-found` if there is no such state; `repository-invalid` if its commit cannot be read.
   */
  async diff(from = 'HEAD', to?: string, options: DiffOptions = {}): Promise<ProjectDiff> {
    const { git, root, prefix: project, surroundings: access, context } = this.#project
    const releaser = async () => (await this.#project.compose()).releaser()
    const cache = directoryStore(join(access.shared, storePath)).documents
    const { diffStates } = await import('./diff/index.js')
    const place = { git, root, project, access, cache, releaser }
    return this.#project.hide(await diffStates(place, { from, to, ...options }, context))
  }

  /**
   * Where a release comes from: its commits and what they changed, what the gate saw, who decided, and where it went.
   * What cannot be read is listed in `problems`.
   *
   * @param name a version or a channel. @default what the project's channel points at
   * @throws `not-found`.
   */
  async log(name?: string): Promise<ReleaseLog> {
    const { logRelease } = await import('./audit/index.js')
    return this.#audit((project) => logRelease(name, project))
  }

  /**
   * Which commits added, changed and removed a sample, and which releases were trained on it or evaluated with it. What
   * cannot be read is listed in `problems`.
   *
   * @throws `not-found` with the nearest ids if no sample has or had this id.
   */
  async blame(id: string): Promise<SampleBlame> {
    const { blameSample } = await import('./audit/index.js')
    return this.#audit((project) => blameSample(id, project))
  }

  /**
   * What must be done to erase a sample: every release, file and commit with a trace of it, and the steps. Changes nothing.
   *
   * @throws `not-found` with the nearest ids if no sample has or had this id.
   */
  async planForget(id: string): Promise<ForgetPlan> {
    const { planForget } = await import('./audit/index.js')
    return this.#audit((project) => planForget(id, project))
  }

  /**
   * Reviews the commit HEAD, such as a pull request: whether a run could use it, and how it differs from a base. With `train`, also
   * trains both, and judges HEAD by the base's gate on development rows of the base.
   *
   * @param base a branch, a tag or a commit. Commits that only the base has appear as changes that HEAD undoes.
   * @throws `not-found` if this clone has no such base; `repository-dirty` if files differ from HEAD; with `train` also
   * `invalid-options`, `locked` and `storage-failed`.
   */
  async review(base: string, options: ReviewOptions = {}): Promise<Review> {
    const { reviewProject } = await import('./review/index.js')
    const inspect = () => this.inspect({ signal: options.signal })
    const diff = (from: string, to: string) => this.diff(from, to)
    return this.#project.hide(await reviewProject(this.#project, { base, inspect, diff }, options))
  }

  /**
   * Compares what a release answered with the data that it was trained on, as its commit has them. An ad hoc look: it uses the whole
   * level, so that repeated looks raise false alarms more often. A trigger with `drift` divides the level among its looks.
   *
   * @throws `not-found` if no release is there, or it has no commit; `repository-invalid` if this clone lacks its commit; as
   * `detectDrift` and `FeedbackStore.read`.
   */
  async drift({ signal, ...options }: ProjectDriftOptions): Promise<ProjectDrift> {
    const composition = await this.#project.compose()
    const { projectDrift } = await import('./drift.js')
    return this.#project.hide(
      await projectDrift({ ...this.#project, composition }, options, this.#project.within(signal)),
    )
  }

  /**
   * Does what `stages.continuous_learn.actions` lists for the current release, after a run: pins the previous release, proposes the
   * release as the base of the next training, and proposes samples of feedback. Proposals are branches and pull requests; nothing is
   * pushed to the current branch. Repeatable: a call after a crash completes the rest, and one more call finds nothing new.
   *
   * @throws as `Pipeline.promote` and `proposeFeedback`.
   */
  async learn(): Promise<LearnResult> {
    const place = this.#project
    const composition = await place.compose()
    const { pipeline } = await loadedProject(place, composition)
    const [{ learn }, { feedbackAt }] = await Promise.all([import('./learn.js'), import('./look-for-drift.js')])
    const proposeFeedback = (folder: string) => this.proposeFeedback(feedbackAt(place.surroundings, folder))
    const by = (await this.author()) ?? 'sheikh learn'
    return place.hide(await learn({ place, composition, pipeline, proposeFeedback, by }, place.context))
  }

  head(): Promise<Head | undefined> {
    return this.#project.git.head()
  }

  /** Who commits here, as `name <email>`, from where Git looks; `undefined` where Git knows nobody. */
  async author(): Promise<string | undefined> {
    return this.#project.author()
  }

  /**
   * Commits what changed under the paths that a run reads, and `.gitignore`. What a person staged elsewhere stays staged.
   * Git's hooks do not run, and the commit is not signed.
   *
   * @returns the commit's id.
   * @throws `repository-invalid` if nothing changed, if Git knows no author, or during a merge or a rebase; `locked`.
   */
  async commit(options: { readonly message: string; readonly author?: Author | undefined }): Promise<string> {
    const { commitProject } = await import('./commit-project.js')
    return commitProject(this.#project, options)
  }

  /** Undoes a commit by a new one. @returns the new commit's id. */
  async revert(oid: string, { author }: { readonly author?: Author | undefined } = {}): Promise<string> {
    const { revert } = await import('./git/revert.js')
    return revert(this.#project.git, oid, { author }, this.#project.context)
  }

  /**
   * Makes samples of what people said about answers, and proposes them for review: on a branch `sheikh/feedback-<batch>` at the remote,
   * with a pull request if it is on GitHub and `GITHUB_TOKEN` is set. Work tree, index and HEAD stay as they are. Feedback that an
   * earlier batch used is not used again. Repeatable: completes a call that was interrupted.
   *
   * @throws `invalid-config` if the samples come from code or from the Hub; as `toSamples`; `repository-invalid`; `storage-failed`.
   */
  async proposeFeedback(store: FeedbackStore, options: ProposeFeedbackOptions = {}): Promise<FeedbackProposal> {
    const { proposeFeedback } = await import('./feedback/index.js')
    return proposeFeedback(await this.#feedback(), store, options, this.#project.context)
  }

  /**
   * Removes the samples of a merged batch of feedback by a commit, also if other commits followed. A sample that was edited since,
   * moved into another file or pinned is kept and listed.
   *
   * @throws `not-found`; `repository-dirty`; `invalid-options` if it was undone before; `repository-invalid`; `locked`.
   */
  async undoFeedback(batch: string, options: UndoFeedbackOptions = {}): Promise<UndoneBatch> {
    const { undoFeedback } = await import('./feedback/index.js')
    return undoFeedback(await this.#feedback(), batch, options, this.#project.context)
  }

  /** The ledger on its branch, as the pipeline of the files writes it. */
  async ledger(): Promise<Ledger> {
    return projectLedger(this.#project, await loadConfiguration(this.root, this.#project.context))
  }

  /** The pinned evaluation set. @throws `not-found` where none is pinned. */
  async evaluationSet(): Promise<PinnedSet> {
    const { readEvaluationSet } = await import('./evaluation-set.js')
    return readEvaluationSet(this.#evaluation)
  }

  /**
   * Proposes an evaluation set by hash and writes it; a person commits it.
   *
   * @throws `release-conflict` where one is pinned already: items are added to it, never chosen anew.
   */
  async pinEvaluation(options: { readonly share?: number; readonly salt?: string } = {}): Promise<Pinned> {
    const { pinEvaluation } = await import('./evaluation-set.js')
    return pinEvaluation(this.#evaluation, options)
  }

  async addToEvaluation(ids: readonly string[]): Promise<Pinned> {
    const { addToEvaluation } = await import('./evaluation-set.js')
    return addToEvaluation(this.#evaluation, ids)
  }

  /** How the pinned set stands against the samples as they are now. */
  async evaluationStatus(): Promise<EvaluationStatus> {
    const { evaluationStatus } = await import('./evaluation-set.js')
    return evaluationStatus(this.#evaluation)
  }

  /**
   * Accepts the present content and groups of the pinned items, and drops items without a sample. The set records why. A
   * person commits it.
   *
   * @throws `invalid-options` without a reason; `not-found` if no set is pinned; `dataset-changed` if no item has a sample.
   */
  async repinEvaluation({
    reason,
    by,
  }: {
    readonly reason: string
    /** Who decides. @default Git's author */
    readonly by?: string | undefined
  }): Promise<Pinned & { readonly repin: Repin }> {
    const { repinEvaluation } = await import('./evaluation-set.js')
    return repinEvaluation(this.#evaluation, { reason, by: by ?? (await this.author()) ?? '' })
  }

  /**
   * Checks the quality of the data, by `quality` in `dataset/config.yaml`, whether or not a run does so. Changes nothing.
   *
   * With an `executor` of this repository its workers examine the texts, with the same report. Without, this process does.
   *
   * @throws `invalid-config`; as `checkQuality`.
   */
  async checkData({
    signal,
    executor,
  }: {
    readonly signal?: AbortSignal | undefined
    readonly executor?: Executor | undefined
  } = {}): Promise<QualityReport> {
    const { checkProjectData } = await import('./data-quality.js')
    return checkProjectData(this.#project, this.#project.within(signal), executor)
  }

  /**
   * Joins the samples to their features, by `features` in `dataset/config.yaml`, and writes `dataset/features.jsonl`. A person
   * commits the file. A run reads only this file, so that a commit always has the same features.
   *
   * @throws `invalid-config` without `features`; as `joinFeatures`.
   */
  async joinFeatures({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<JoinedFeatures> {
    const { joinProjectFeatures } = await import('./features.js')
    const composition = await this.#project.compose()
    return joinProjectFeatures({ root: this.root, composition }, this.#project.within(signal))
  }

  /**
   * Writes the commit that a revision of the project's dataset on the Hub has now into `samples` of dataset/config.yaml. A person
   * commits the file.
   *
   * @throws as `pinHubData`: `invalid-config` if `samples` names no dataset of the Hub; `not-found`, `access-denied`, `remote-failed`.
   */
  async pinData({
    revision,
    signal,
  }: {
    readonly revision?: string
    readonly signal?: AbortSignal
  } = {}): Promise<PinnedData> {
    const { pinHubData } = await import('./pin-hub-data.js')
    return pinHubData(this.#project.surroundings, revision, this.#project.within(signal))
  }

  /**
   * Excludes samples from the dataset by listing them in `dataset/quarantine.json`, or uses them again. A person commits the file. The
   * digests of the dataset no longer contain these samples.
   *
   * @throws `invalid-options` without a name or kind; `not-found` for a name that is neither a finding nor a sample; as `checkData`.
   */
  async quarantine({ signal, ...options }: QuarantineOptions): Promise<Quarantined> {
    const { quarantineSamples } = await import('./quarantine.js')
    return quarantineSamples(this.#project, options, this.#project.within(signal))
  }

  /**
   * Searches for the best values of the settings that mlops/tuning.yaml lists, on the development rows. The evaluation set is
   * not read.
   *
   * @throws `invalid-config` without a space, without development rows, or with a trainer of the host's; `invalid-options` for both
   * `workers` and `cluster`; as `tune`; with `cluster` also as `bullmqExecutor`.
   */
  async tune({ signal, ...options }: TuneProjectOptions = {}): Promise<TunedProject> {
    const { tuneProject } = await import('./tune-project.js')
    return this.#project.hide(await tuneProject(this.#project, options, this.#project.within(signal)))
  }

  /**
   * The module of a worker that evaluates and trains the trials of `tune({ cluster })` from the files of this checkout, for
   * `bullmqWorker`. Give the machine that sends the jobs and the workers the same files and the same folder `.sheikh/`.
   *
   * @throws as `tune`, if the project cannot be read or is incomplete.
   */
  async worker({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<WorkerModule> {
    const { projectWorker } = await import('./project-executor.js')
    return projectWorker(this.#project, this.#project.within(signal))
  }

  /**
   * Reads a study of `tune`, also while it is searched.
   *
   * @param name default: `tuning.name` of mlops/tuning.yaml, 'study'.
   * @throws as `readStudy`.
   */
  async study(name?: string): Promise<StudyRecord> {
    const { store, configuration } = await this.#project.compose()
    const { readStudy } = await import('../tune/index.js')
    return this.#project.hide(await readStudy(store, name ?? configuration.tuning?.name))
  }

  async #feedback(): Promise<FeedbackProject> {
    return { ...this.#project, composition: await this.#project.compose() }
  }

  async #audit<R>(work: (project: AuditProject) => Promise<R>): Promise<R> {
    const { auditProject } = await import('./audit/index.js')
    return this.#project.hide(await work(auditProject(this.#project, await this.#project.compose())))
  }

  get #evaluation(): EvaluationProject {
    const { root, context } = this.#project
    const compose = async () => {
      const composition = await this.#project.compose()
      await refuseIncomplete('read the evaluation set', this.#project, composition, context)
      return composition
    }
    return { root, context, compose }
  }
}
