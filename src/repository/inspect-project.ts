import { type CallContext, isSheikhError, type SheikhError } from '../core/index.js'
import { type DatasetSummary, type QualityReport, qualityFailure } from '../dataset/index.js'
import type { Finding } from '../gate/index.js'
import { foreseen } from '../pipeline/index.js'
import { loadConfiguration, type Notice } from './config/index.js'
import { projectQuality } from './data-quality.js'
import type { OpenedProject } from './opened-project.js'
import { payloadOf } from './project-pipeline.js'
import { refuseIncomplete } from './whole-checkout.js'

/** Everything that is wrong or missing in a project. */
export interface Inspection {
  /** What no run can work with: configuration, samples, prompts. */
  readonly problems: readonly SheikhError[]
  /** What a run needs and nothing that only reads does: a trainer, a registry. */
  readonly missing: readonly SheikhError[]
  /** Settings without effect. */
  readonly notices: readonly Notice[]
  /** Absent if the samples cannot be used. */
  readonly summary?: DatasetSummary | undefined
  /** The findings about the data, if `check_data_quality` is among the steps. */
  readonly quality?: QualityReport | undefined
  /** How the first tables among the samples were read: their columns and separators. */
  readonly tables: readonly string[]
  /** The file of the JSON Schema that samples are checked against. */
  readonly schema?: string | undefined
  /** What the gate will find on the next candidate, whatever is trained. */
  readonly foreseen: readonly Finding[]
  /** What to do next, most urgent first. */
  readonly next: readonly string[]
}

/** Looks at configuration, samples, prompts, trainer and registry, each whatever the others say. */
export async function inspectProject(project: OpenedProject, context: CallContext): Promise<Inspection> {
  const problems: SheikhError[] = []
  const missing: SheikhError[] = []
  async function look<T>(part: () => Promise<T>, found: SheikhError[] = problems): Promise<T | undefined> {
    try {
      return await part()
    } catch (error) {
      context.signal.throwIfAborted()
      if (!isSheikhError(error)) throw error
      found.push(error)
      return undefined
    }
  }
  const composition = await look(project.compose)
  if (composition === undefined) {
    // A file that cannot be used has no notices; the configuration itself may be sound.
    const configuration = await loadConfiguration(project.root, context).catch(() => undefined)
    return {
      problems,
      missing,
      notices: configuration?.notices ?? [],
      tables: [],
      foreseen: [],
      next: ['Correct the configuration.'],
    }
  }
  const { configuration, dataset, store } = composition
  await look(() => refuseIncomplete('validate the project', project, composition, context))
  const snapshot =
    problems.length > 0 ? undefined : await look(() => dataset.snapshot({ ...context, cache: store.documents }))
  const groups = snapshot && (await look(() => dataset.undeclaredGroups(context, snapshot)))
  const isChecked = configuration.dataset.isQualityChecked
  const quality =
    snapshot && isChecked ? await look(() => projectQuality(project, composition, context, { snapshot })) : undefined
  const failure = quality && qualityFailure(quality)
  if (failure !== undefined) problems.push(failure)
  await look(() => payloadOf(project.root, composition, context))
  const expected = (await composition.pipeline?.foreseen()) ?? []
  const trainer = composition.pipeline === undefined ? await look(composition.trainer, missing) : undefined
  if (composition.pipeline === undefined) await look(composition.releaser, missing)
  const foreseenHere =
    trainer === undefined ? expected : ((await look(() => foreseen({ ...composition, trainer }))) ?? [])
  return {
    ...{ problems, missing, notices: configuration.notices },
    summary: snapshot && { ...snapshot.summary, warnings: [...snapshot.summary.warnings, ...(groups ?? [])] },
    ...(quality !== undefined && { quality }),
    tables: snapshot === undefined ? [] : await dataset.tables(context),
    schema: configuration.dataset.schemaPath,
    foreseen: foreseenHere,
    next: [
      ...(problems.length > 0 ? ['Correct the errors, in the order above.'] : []),
      ...missing.map(({ message }) => remedyOf(message)),
      ...(problems.length + missing.length === 0 ? ['sheikh run'] : []),
    ],
  }
}

/** An error's last sentence says what to do. */
const remedyOf = (message: string) => message.split(/(?<=\.) (?=[A-Z])/).at(-1)!
